# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A leader's work in one term: Raft sections 5.3, 5.4.2 and 7.

Owns the progress of every follower, what to send to whom, and which index or round a quorum has
answered. Exists only while its robot leads. Refuses to know elections and how members change.
"""

from __future__ import annotations

from collections.abc import Iterator

from swarm_coordinator.core.raft.log import RaftLog
from swarm_coordinator.core.raft.membership import UNCLAIMED, Membership
from swarm_coordinator.core.raft.messages import (
    Append,
    AppendOutcome,
    AppendReply,
    HeartbeatReply,
    PeerProtocolError,
    RobotId,
    SnapshotChunk,
    SnapshotReply,
)
from swarm_coordinator.core.raft.progress import ChunkWindow, PeerProgress, Progress
from swarm_coordinator.core.raft.snapshot import Snapshot, SnapshotImage


class Replication:
    def __init__(
        self, leader: RobotId, storage_id: int, term: int, log: RaftLog, membership: Membership
    ) -> None:
        self._leader = leader
        self._storage_id = storage_id
        self._term = term
        self._log = log
        self._progress: dict[RobotId, Progress] = {}
        self._image: SnapshotImage | None = None
        self.round = 0
        self.is_due = True      # something may have to be sent; what is not due costs nothing
        self.set_membership(membership)

    def set_membership(self, membership: Membership) -> None:
        """Sorted, so that the order of messages does not depend on a hash seed."""
        known = self._progress
        self._progress = {}
        for peer, storage_id in sorted(membership.voters + membership.non_voters):
            if peer != self._leader and storage_id != UNCLAIMED:
                progress = known.get(peer)
                if progress is None or progress.storage_id != storage_id:
                    progress = Progress(self._log.last_index + 1, storage_id)
                self._progress[peer] = progress
        self._voters = membership.voter_ids
        self._quorum = len(self._voters) // 2 + 1
        self.is_due = True

    def progress_of(self, peer: RobotId) -> Progress | None:
        return self._progress.get(peer)

    def view_of(self, peer: RobotId) -> PeerProgress | None:
        progress = self._progress.get(peer)
        return progress.view(self._log.last_index, self.round) if progress else None

    def begin_round(self) -> int:
        self.round += 1
        for progress in self._progress.values():
            progress.note_nearness(self._log.last_index, self.round)
        return self.round

    # What to send.

    def messages(
        self, commit_index: int, snapshot: Snapshot | None
    ) -> Iterator[Append | SnapshotChunk]:
        """Everything that is due now; the progress remembers it as sent."""
        log, self.is_due = self._log, False
        for peer, progress in self._progress.items():
            if progress.chunks is not None:
                yield from self._chunks_to(peer, progress, progress.chunks, snapshot)
                continue
            while progress.may_send(log.last_index):
                if progress.next_index <= log.base_index:
                    window = progress.send_snapshot(self._image_of(snapshot), self.round)
                    yield from self._chunks_to(peer, progress, window, snapshot)
                    break
                append = self._append_to(
                    peer, progress.next_index, commit_index, progress.append_bytes)
                progress.sent(append.prev_index + len(append.entries), self.round)
                progress.commit_sent = commit_index
                yield append
            if progress.commit_sent < commit_index <= progress.match_index:
                # News of the commit, based on what the follower is known to have, so that it
                # cannot be refused whatever is still under way.
                progress.commit_sent = commit_index
                prev_term = log.term_at(progress.match_index)
                assert prev_term is not None
                yield Append(
                    self._leader, peer, self._term, progress.match_index, prev_term, (),
                    commit_index, self._storage_id,
                )

    def _append_to(
        self, peer: RobotId, first: int, commit_index: int, bytes_max: int
    ) -> Append:
        prev_term = self._log.term_at(first - 1)
        assert prev_term is not None, f'{peer}: next index {first} is beyond the log'
        entries = self._log.from_index(first, bytes_max)
        return Append(
            self._leader, peer, self._term, first - 1, prev_term, entries, commit_index,
            self._storage_id,
        )

    def _image_of(self, snapshot: Snapshot | None) -> SnapshotImage:
        assert snapshot is not None, 'a log without its beginning has a snapshot'
        if self._image is None or self._image.snapshot is not snapshot:
            self._image = SnapshotImage(snapshot)
        return self._image

    def _chunks_to(
        self, peer: RobotId, progress: Progress, window: ChunkWindow, snapshot: Snapshot | None
    ) -> Iterator[SnapshotChunk]:
        if window.sent_bytes == 0 and window.image.snapshot is not snapshot:
            window.image = self._image_of(snapshot)  # nothing has arrived: a newer one will do
        image = window.image
        while window.may_send():
            data = image.piece(window.sent_bytes, window.chunk_bytes)
            if window.sent_bytes == window.acked_bytes:
                window.round = self.round
            yield SnapshotChunk(
                self._leader, peer, self._term, image.snapshot.index, image.snapshot.term,
                window.sent_bytes, window.total_bytes, image.sha256, data, self._storage_id,
            )
            window.sent_bytes += len(data)

    # What comes back.

    def on_append_reply(self, reply: AppendReply) -> None:
        progress = self._progress_of_sender(reply)
        if progress is None:
            return  # a robot that is no member any more, or not with that disk
        self._check_match(reply.sender, reply.match_index)
        self.is_due = True
        if reply.outcome is AppendOutcome.ACCEPTED:
            progress.agreed(reply.match_index, self._log.base_index, self.round)
        elif reply.outcome is AppendOutcome.CONFLICT:
            progress.rejected(self._agreement_after(reply))

    def _progress_of_sender(
        self, reply: AppendReply | HeartbeatReply | SnapshotReply
    ) -> Progress | None:
        progress = self._progress.get(reply.sender)
        is_member = progress is not None and progress.storage_id == reply.storage_id
        return progress if is_member else None

    def _agreement_after(self, reply: AppendReply) -> int:
        """Section 5.3, the optimisation: skip a whole term with each answer."""
        if reply.conflict_index < 1:
            raise PeerProtocolError(reply.sender, 'conflict without an index to try')
        if reply.conflict_term:
            last = self._log.last_index_of_term(reply.conflict_term)
            if last is not None and last >= reply.conflict_index:
                return last + 1
        return reply.conflict_index

    def on_heartbeat_reply(self, reply: HeartbeatReply) -> bool:
        """Whether it is news of what the follower has."""
        progress = self._progress_of_sender(reply)
        if progress is None:
            return False
        self._check_match(reply.sender, reply.match_index)
        if reply.round > self.round:
            raise PeerProtocolError(reply.sender, f'answers round {reply.round}, not yet sent')
        progress.answered(reply.round)
        if reply.last_index < progress.match_index and reply.round > progress.match_round:
            progress.lost_its_log()
        is_news = reply.match_index > progress.match_index
        if is_news:
            progress.agreed(reply.match_index, self._log.base_index, self.round)
        if reply.match_index < self._log.last_index:
            progress.lacks_entries(reply.match_index, reply.round)
            self.is_due = True
        self.is_due |= is_news
        return is_news

    def on_snapshot_reply(self, reply: SnapshotReply) -> None:
        progress = self._progress_of_sender(reply)
        if progress is None or progress.chunks is None:
            return
        snapshot = progress.chunks.image.snapshot
        if reply.last_index != snapshot.index:
            return  # of an earlier one
        total = progress.chunks.total_bytes
        if not 0 <= reply.next_offset_bytes <= total:
            raise PeerProtocolError(
                reply.sender, f'has {reply.next_offset_bytes} bytes of a snapshot of {total}'
            )
        self.is_due = True
        if not reply.accepted:
            progress.refused_snapshot(self.round)
        elif reply.next_offset_bytes == total:
            progress.acknowledged(snapshot.index, self.round)
            progress.replicate()
        else:
            progress.received_chunks(reply.next_offset_bytes, self.round)

    def _check_match(self, peer: RobotId, match_index: int) -> None:
        if match_index > self._log.last_index:
            raise PeerProtocolError(
                peer, f'acknowledges entry {match_index}, the log ends at {self._log.last_index}'
            )

    # What a quorum of voters has answered; the leader itself counts only if it votes.

    def quorum_index(self, own_durable_index: int) -> int:
        """Highest index that a quorum of voters holds on disk."""
        leader, known = self._leader, self._progress
        held = []
        for voter in self._voters:
            if voter == leader:
                held.append(own_durable_index)
            elif (progress := known.get(voter)) is not None:
                held.append(progress.match_index)
        return _reached(held, self._quorum)

    def quorum_round(self) -> int:
        """Latest heartbeat round that a quorum of voters has answered."""
        answered = [
            self.round if voter == self._leader else self._progress[voter].answered_round
            for voter in self._voters
            if voter == self._leader or voter in self._progress
        ]
        return _reached(answered, self._quorum)


def _reached(values: list[int], quorum: int) -> int:
    """What at least `quorum` of the values have reached; 0 if there are too few of them."""
    if len(values) < quorum:
        return 0
    values.sort()
    return values[-quorum]
