# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A leader's work in one term: Raft sections 5.3 and 5.4.2.

Owns the progress of every follower, what to send to whom, and which index a quorum holds. Exists
only while its robot leads. Refuses to know elections and who may be a voter at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from swarm_coordinator.core.raft.ballot import quorum_of
from swarm_coordinator.core.raft.log import RaftLog
from swarm_coordinator.core.raft.messages import (
    Append,
    AppendOutcome,
    AppendReply,
    HeartbeatReply,
    PeerProtocolError,
    RobotId,
)
from swarm_coordinator.core.raft.progress import Progress

APPEND_BYTES_MAX = 48 * 1024  # of entries in one message; a single larger entry goes alone


class Replication:
    def __init__(
        self,
        leader: RobotId,
        term: int,
        log: RaftLog,
        voters: Iterable[RobotId],
        non_voters: Iterable[RobotId],
    ) -> None:
        self._leader = leader
        self._term = term
        self._log = log
        self._voters = tuple(voters)
        self._progress: dict[RobotId, Progress] = {}
        self.round = 0
        self.set_non_voters(non_voters)

    def set_non_voters(self, non_voters: Iterable[RobotId]) -> None:
        """Sorted, so that the order of messages does not depend on a hash seed."""
        members = sorted({*self._voters, *non_voters} - {self._leader})
        self._progress = {
            peer: self._progress.get(peer) or Progress(self._log.last_index + 1)
            for peer in members
        }

    def progress_of(self, peer: RobotId) -> Progress | None:
        return self._progress.get(peer)

    def appends(self, commit_index: int) -> Iterator[Append]:
        """Everything that is due now; the progress remembers it as sent."""
        for peer, progress in self._progress.items():
            while progress.may_send(self._log.last_index):
                append = self._append_to(peer, progress.next_index, commit_index)
                progress.sent(append.prev_index + len(append.entries), self.round)
                progress.commit_sent = commit_index
                yield append
            if progress.commit_sent < commit_index <= progress.match_index:
                # News of the commit, based on what the follower is known to have, so that it
                # cannot be refused whatever is still under way.
                progress.commit_sent = commit_index
                prev_term = self._log.term_at(progress.match_index)
                assert prev_term is not None
                yield Append(
                    self._leader, peer, self._term, progress.match_index, prev_term, (),
                    commit_index,
                )

    def _append_to(self, peer: RobotId, first: int, commit_index: int) -> Append:
        prev_term = self._log.term_at(first - 1)
        assert prev_term is not None, f'{peer}: next index {first} is beyond the log'
        entries = self._log.from_index(first, APPEND_BYTES_MAX)
        return Append(
            self._leader, peer, self._term, first - 1, prev_term, entries, commit_index
        )

    def on_append_reply(self, reply: AppendReply) -> None:
        progress = self._progress.get(reply.sender)
        if progress is None:
            return  # a robot that is no member any more
        self._check_match(reply.sender, reply.match_index)
        if reply.outcome is AppendOutcome.ACCEPTED:
            progress.acknowledged(reply.match_index, self.round)
            progress.replicate()
        elif reply.outcome is AppendOutcome.CONFLICT:
            progress.rejected(self._agreement_after(reply))

    def _agreement_after(self, reply: AppendReply) -> int:
        """Section 5.3, the optimisation: skip a whole term with each answer."""
        if reply.conflict_index < 1:
            raise PeerProtocolError(reply.sender, 'conflict without an index to try')
        if reply.conflict_term:
            last = self._log.last_index_of_term(reply.conflict_term)
            if last is not None and last >= reply.conflict_index:
                return last + 1
        return reply.conflict_index

    def on_heartbeat_reply(self, reply: HeartbeatReply) -> None:
        progress = self._progress.get(reply.sender)
        if progress is None:
            return
        self._check_match(reply.sender, reply.match_index)
        if reply.round > self.round:
            raise PeerProtocolError(reply.sender, f'answers round {reply.round}, not yet sent')
        if reply.last_index < progress.match_index and reply.round > progress.match_round:
            progress.lost_its_log()
        if reply.match_index > progress.match_index:
            progress.acknowledged(reply.match_index, self.round)
            progress.replicate()
        if reply.match_index < self._log.last_index:
            progress.lacks_entries(reply.match_index, reply.round)

    def _check_match(self, peer: RobotId, match_index: int) -> None:
        if match_index > self._log.last_index:
            raise PeerProtocolError(
                peer, f'acknowledges entry {match_index}, the log ends at {self._log.last_index}'
            )

    def quorum_index(self, own_durable_index: int) -> int:
        """Highest index that a quorum of voters holds on disk."""
        held = [
            own_durable_index if voter == self._leader else self._progress[voter].match_index
            for voter in self._voters
        ]
        return sorted(held, reverse=True)[quorum_of(held) - 1]


