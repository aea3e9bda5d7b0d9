# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Following a leader: Raft sections 5.3 and 7.

Owns what an Append, a heartbeat and a piece of a snapshot do to this robot's log. Refuses to
know votes.
"""

from __future__ import annotations

from collections.abc import Sequence

from swarm_coordinator.core.raft.member import RaftMember
from swarm_coordinator.core.raft.messages import (
    Append,
    AppendOutcome,
    AppendReply,
    Entry,
    Heartbeat,
    Message,
    PeerProtocolError,
    ReadReply,
    RobotId,
    Role,
    SnapshotChunk,
    SnapshotReply,
)
from swarm_coordinator.core.raft.ready import ReadState, RoleReason
from swarm_coordinator.core.raft.snapshot import (
    SNAPSHOT_BYTES_MAX,
    MalformedSnapshot,
    Snapshot,
    SnapshotIntake,
)


class FollowingPart(RaftMember):
    def _follow(self, leader: RobotId) -> None:
        if self._leader != leader or self._role not in (Role.FOLLOWER, Role.NON_VOTER):
            self._become_follower(self._term, leader, RoleReason.LEADER_HEARD)
        self._leader_heard = self._now
        self._election_elapsed = 0

    def _check_agreement(self, message: Message) -> None:
        """One leader per term (5.2), which never contradicts what it or a quorum has agreed."""
        kept = self._commit_index
        if message.term == self._term:
            if self._leader_of_term not in (None, message.sender):
                raise PeerProtocolError(
                    message.sender,
                    f'second leader in term {message.term}; {self._leader_of_term} leads it',
                )
            kept = max(kept, self._verified_index)
        if isinstance(message, Append):
            conflict = self._log.first_conflict(message.entries)
            if self._differs(message.prev_index, message.prev_term):
                conflict = message.prev_index
        elif isinstance(message, SnapshotChunk):
            differs = self._differs(message.last_index, message.last_term)
            conflict = message.last_index if differs else None
        else:
            return
        if conflict is not None and conflict <= kept:
            raise PeerProtocolError(message.sender, f'contradicts agreed entry {conflict}')

    def _differs(self, index: int, term: int) -> bool:
        found = self._log.term_at(index)
        return found is not None and found != term

    # Entries.

    def _on_append(self, append: Append) -> None:
        if append.term < self._term:
            self._reply(append, AppendOutcome.STALE_TERM)
            return
        self._follow(append.sender)
        log, prev_index = self._log, append.prev_index
        found_term = log.term_at(prev_index)
        if found_term == append.prev_term or prev_index < log.base_index:
            self._accept(append)
        elif found_term is None:
            self._reply(append, AppendOutcome.CONFLICT, conflict_index=log.last_index + 1)
        else:
            # What is committed here agrees with every leader: no need to look below it.
            first = max(log.first_index_of_term(found_term), self._commit_index + 1)
            self._reply(
                append, AppendOutcome.CONFLICT, conflict_index=first, conflict_term=found_term
            )

    def _accept(self, append: Append) -> None:
        self._store(append.entries)
        match_index = append.prev_index + len(append.entries)
        is_news = match_index > self._verified_index
        if is_news:
            self._verified_index = match_index
        self._commit_to(min(append.commit_index, self._verified_index))
        if is_news or append.entries:
            # Mere news of the commit index needs no answer; the next beacon has it.
            self._reply(append, AppendOutcome.ACCEPTED, match_index=self._verified_index)

    def _store(self, entries: Sequence[Entry]) -> None:
        """Cut only on a conflict (5.3): an old Append that comes late must not cut what a newer
        one has added."""
        conflict = self._log.first_conflict(entries)
        if conflict is not None:
            self._cut_from(conflict)
        for entry in entries:
            if entry.index > self._log.last_index:
                self._append_entry(entry)

    def _reply(
        self,
        append: Append,
        outcome: AppendOutcome,
        match_index: int = 0,
        conflict_index: int = 0,
        conflict_term: int = 0,
    ) -> None:
        self._pending.send(
            AppendReply(
                self._id, append.sender, self._term, outcome, match_index, conflict_index,
                conflict_term, self._storage_id,
            )
        )

    # Heartbeats.

    def _on_heartbeat(self, heartbeat: Heartbeat) -> None:
        self._follow(heartbeat.sender)
        if heartbeat.commit_index > self._commit_index:
            self._commit_to(min(heartbeat.commit_index, self._verified_index))
        if heartbeat.round > self._round:
            self._round = heartbeat.round
            if self._has_vote:
                # Voters answer at once: losses are seen early and reads wait for it. The rest
                # use their own period, or a large swarm would talk all at the same time.
                self._send_beacon()

    def _on_read_reply(self, reply: ReadReply) -> None:
        if reply.request_id in self._reads_asked:
            self._reads_asked.discard(reply.request_id)
            if reply.confirmed:
                self._pending.read(ReadState(reply.request_id, reply.index))

    # Snapshots: section 7.

    def _on_snapshot_chunk(self, chunk: SnapshotChunk) -> None:
        if chunk.term < self._term:
            self._answer_chunk(chunk, 0, 'of an earlier term')
            return
        self._follow(chunk.sender)
        if self._log.term_at(chunk.last_index) == chunk.last_term:
            # All of it is in the log: nothing to install.
            self._verified_index = max(self._verified_index, chunk.last_index)
            self._commit_to(chunk.last_index)
        if chunk.last_index <= self._commit_index:
            self._intake = None
            self._answer_chunk(chunk, chunk.total_bytes)
        elif chunk.total_bytes > SNAPSHOT_BYTES_MAX:
            self._answer_chunk(chunk, 0, f'larger than {SNAPSHOT_BYTES_MAX} bytes')
        else:
            self._take_chunk(chunk)

    def _take_chunk(self, chunk: SnapshotChunk) -> None:
        if self._intake is None or (
            not self._intake.fits(chunk) and self._intake.is_replaced_by(chunk)
        ):
            self._intake = SnapshotIntake(chunk)
        if not self._intake.fits(chunk):
            return
        self._intake.add(chunk)
        if not self._intake.is_whole:
            self._answer_chunk(chunk, self._intake.next_offset_bytes)
            return
        whole, self._intake = self._intake, None
        try:
            snapshot = whole.snapshot()
            if (snapshot.index, snapshot.term) != (chunk.last_index, chunk.last_term):
                raise MalformedSnapshot(f'ends with entry {snapshot.index}, not as announced')
            self.read_state(snapshot)
        except ValueError as error:
            self._answer_chunk(chunk, 0, str(error))
            return
        self._install(snapshot)
        self._answer_chunk(chunk, chunk.total_bytes)

    def _install(self, snapshot: Snapshot) -> None:
        """The log does not contain its last entry, so all of it is discarded (section 7)."""
        assert snapshot.index > self._commit_index, 'what is committed here is never replaced'
        self._log.reset(snapshot.index, snapshot.term, snapshot.stamp_ns)
        self._snapshot = snapshot
        self._commit_index = self._verified_index = self._durable_index = snapshot.index
        self._pending.install(snapshot)
        self._memberships.reset(snapshot.index, snapshot.membership)
        self._founded = True
        self._count_members()

    def _answer_chunk(self, chunk: SnapshotChunk, next_offset: int, refusal: str = '') -> None:
        self._pending.send(
            SnapshotReply(
                self._id, chunk.sender, self._term, chunk.last_index, next_offset,
                not refusal, refusal, self._storage_id,
            )
        )
