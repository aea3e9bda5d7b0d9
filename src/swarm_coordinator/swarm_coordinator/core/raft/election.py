# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Elections: Raft sections 5.2 and 5.4.1, pre-vote (thesis section 9.6), leader stickiness
(4.2.3) and taking over from a leader that asks for it (3.10).

Owns when this robot campaigns and for whom it votes. Refuses to know replication.
"""

from __future__ import annotations

from swarm_coordinator.core.raft.ballot import Ballot
from swarm_coordinator.core.raft.member import RaftMember
from swarm_coordinator.core.raft.messages import (
    RobotId,
    Role,
    TimeoutNow,
    Vote,
    VoteReason,
    VoteRequest,
)
from swarm_coordinator.core.raft.ready import RoleReason


class ElectionPart(RaftMember):
    def _become_pre_candidate(self) -> None:
        assert self._has_vote and self._role is not Role.LEADER
        self._leader = None
        self._set_role(Role.PRE_CANDIDATE, RoleReason.ELECTION_TIMEOUT)
        self._ballot = self._new_ballot()

    def _become_candidate(self, reason: RoleReason) -> None:
        asked = reason is RoleReason.TRANSFER and self._has_vote
        assert self._role is Role.PRE_CANDIDATE or asked, 'pre-vote comes first'
        self._start_term(self._term + 1)
        self._leader = None
        self._set_role(Role.CANDIDATE, reason)
        self._by_transfer = asked
        self._voted_for = self._id
        self._ballot = self._new_ballot()

    def _become_leader(self) -> None:
        raise NotImplementedError('leading.py')

    def _new_ballot(self) -> Ballot:
        ballot = Ballot(self._voters)
        if self._is_own_vote_counted():
            ballot.grant(self._id)
        return ballot

    # Campaigning.

    def _tick_election(self) -> None:
        self._election_elapsed += 1
        if self._election_elapsed >= self._election_timeout:
            if self._has_vote and not self.suspend_votes and not self._waits_for_a_log():
                self._campaign()
            elif self._leader is not None:
                self._become_follower(self._term, None, RoleReason.LEADER_SILENT)
        elif self._election_elapsed % self._timing.heartbeat_ticks == 0:
            # A lost question would cost a whole election timeout; votes are sets, so asking
            # again is harmless.
            self._ask_for_votes()

    def _waits_for_a_log(self) -> bool:
        return self._log.last_index == 0 and not self._may_found()

    def _campaign(self) -> None:
        self._become_pre_candidate()
        self._ask_for_votes()
        self._count_votes()

    def _count_votes(self) -> None:
        if self._role is Role.PRE_CANDIDATE and self._ballot.is_won:
            self._become_candidate(RoleReason.PRE_VOTE_WON)
            self._ask_for_votes()
        if self._role is Role.CANDIDATE and self._ballot.is_won:
            self._become_leader()
        elif self._ballot.is_lost:
            pre_vote = self._role is Role.PRE_CANDIDATE
            reason = RoleReason.PRE_VOTE_LOST if pre_vote else RoleReason.VOTE_LOST
            self._become_follower(self._term, None, reason)

    def _ask_for_votes(self) -> None:
        is_candidate = self._role in (Role.PRE_CANDIDATE, Role.CANDIDATE)
        if not is_candidate or self._voters.keys() == {self._id}:
            return
        pre_vote = self._role is Role.PRE_CANDIDATE
        term = self._term + 1 if pre_vote else self._term
        self._pending.send(
            VoteRequest(
                self._id, None, term, pre_vote, self._log.last_index, self._log.last_term,
                self._by_transfer, self._storage_id,
            )
        )

    def _on_timeout_now(self, message: TimeoutNow) -> None:
        """The leader has seen that this log is complete: no need for a pre-vote."""
        follows = self._role is Role.FOLLOWER and self._leader == message.sender
        if follows and self._has_vote and not self.suspend_votes:
            self._become_candidate(RoleReason.TRANSFER)
            self._ask_for_votes()
            self._count_votes()

    def _on_vote(self, vote: Vote) -> None:
        asked_term = self._term + 1 if vote.pre_vote else self._term
        role = Role.PRE_CANDIDATE if vote.pre_vote else Role.CANDIDATE
        if self._role is not role or self._voters.get(vote.sender) != vote.storage_id:
            return  # not asked, or a disk that has no vote
        if vote.granted and vote.term == asked_term:
            self._ballot.grant(vote.sender)
        elif not vote.granted and vote.term == self._term:
            self._ballot.refuse(vote.sender)
        self._count_votes()

    # Voting. Whether the candidate is a voter is not asked, and non-voters answer too: this log
    # may be behind the entry that gave it or them a vote (thesis section 4.1). The candidate
    # counts the votes by its own log.

    def _on_vote_request(self, request: VoteRequest) -> None:
        is_asked = self._has_vote or request.recipient is not None
        if not self._may_vote and not is_asked:
            return
        reason = self._reason_to_refuse(request)
        is_believed = reason in (None, VoteReason.LOG_BEHIND)
        if is_believed and not request.pre_vote and request.term > self._term:
            self._become_follower(request.term, None, RoleReason.HIGHER_TERM)
        granted = reason is None
        if granted and request.pre_vote and self._yields_to(request):
            self._become_follower(self._term, None, RoleReason.YIELDED)
        if granted and not request.pre_vote:
            self._voted_for = request.sender
            self._become_follower(self._term, self._leader, RoleReason.VOTED)
        if not granted and not is_asked:
            return  # a refusal that nobody waits for
        self._pending.send(
            Vote(
                self._id, request.sender, request.term if granted else self._term,
                request.pre_vote, granted, reason or VoteReason.GRANTED, self._storage_id,
            )
        )

    def _yields_to(self, request: VoteRequest) -> bool:
        """Two that campaign at the same time would both win their pre-votes and then split the
        votes: the one with the smaller log, or name, steps back. Pre-votes bind nobody."""
        if self._role is not Role.PRE_CANDIDATE or request.term != self._term + 1:
            return False
        other = (request.last_log_term, request.last_log_index, request.sender)
        return other > (self._log.last_term, self._log.last_index, self._id)

    def _reason_to_refuse(self, request: VoteRequest) -> VoteReason | None:
        if not self._may_vote:
            return VoteReason.NOT_A_VOTER
        if request.term < self._term:
            return VoteReason.STALE_TERM
        if self.suspend_votes or (self._hears_a_leader() and not request.leadership_transfer):
            # Not even its term is taken over: a robot that was cut off must not unseat a leader
            # that the others still hear (thesis section 4.2.3).
            return VoteReason.LEADER_ALIVE
        if request.term == self._term:
            taken: set[RobotId | None] = {self._voted_for, self._leader_of_term}
            if taken - {None, request.sender}:
                return VoteReason.ALREADY_VOTED
        if request.last_log_index == 0 and self._waits_for_a_log():
            return VoteReason.LOG_BEHIND
        if not self._log.is_up_to_date(request.last_log_index, request.last_log_term):
            return VoteReason.LOG_BEHIND
        return None

    def _hears_a_leader(self) -> bool:
        if self._role is Role.LEADER:
            return True
        # One tick less than it takes to campaign: the other robot may have ticked just before us
        # since the same beacon, and a refusal costs it two ticks.
        silence = self._now - self._leader_heard
        return self._leader is not None and silence < self._timing.election_timeout_ticks_min - 1
