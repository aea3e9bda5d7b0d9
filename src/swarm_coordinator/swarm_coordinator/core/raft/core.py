# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One Raft member without IO: Ongaro and Ousterhout, "In Search of an Understandable Consensus
Algorithm (Extended Version)", Figure 2; pre-vote (thesis 9.6), check-quorum (thesis 6.2) and
leader stickiness (thesis 4.2.3) are always on.

Owns role, term, vote, log and commit index of this robot. Refuses to know clocks, threads, disks,
networks and what entries mean: the caller ticks it, steps messages into it and does what ready()
says. One thread calls it. Whatever arrives may be lost, late, doubled or out of order.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from swarm_coordinator.core.raft.ballot import Ballot, quorum_of
from swarm_coordinator.core.raft.log import RaftLog, entry_bytes
from swarm_coordinator.core.raft.message_rules import check_message
from swarm_coordinator.core.raft.messages import (
    ENTRY_BYTES_MAX,
    Append,
    AppendOutcome,
    AppendReply,
    Entry,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    Message,
    PeerProtocolError,
    RobotId,
    Role,
    Vote,
    VoteReason,
    VoteRequest,
)
from swarm_coordinator.core.raft.pending import PendingWork
from swarm_coordinator.core.raft.progress import PeerProgress
from swarm_coordinator.core.raft.ready import (
    HardState,
    Proposed,
    Ready,
    RefusalReason,
    Refused,
    RoleReason,
    SoftState,
)
from swarm_coordinator.core.raft.replication import Replication
from swarm_coordinator.core.raft.timing import RaftTiming

# What a leader takes without a quorum before it refuses: bounds memory, disk and the time that a
# returning follower needs. Chosen without data.
UNCOMMITTED_BYTES_MAX = 4 * 1024 * 1024


class RaftCore:
    """A voter, or a non-voter (not in `voters`): that receives the log, never votes or leads.

    entries and hard_state are what the disk holds. Committed entries are handed out again from
    index 1 after a restart: the state they build is not kept here. Raises ValueError if the
    entries are no log or the hard state does not fit them.
    """

    def __init__(
        self,
        robot_id: RobotId,
        voters: tuple[RobotId, ...],
        timing: RaftTiming,
        rng: random.Random,
        hard_state: HardState | None = None,
        entries: Sequence[Entry] = (),
        non_voters: tuple[RobotId, ...] = (),
    ) -> None:
        hard_state = hard_state or HardState()
        self._id = robot_id
        self._voters = frozenset(voters)
        if len(self._voters) != len(voters) or not voters:
            raise ValueError(f'voters={voters!r} must be different robots, at least one')
        self._non_voters = tuple(non_voters)
        self._timing = timing
        self._rng = rng
        self._log = RaftLog(entries)
        if self._log.last_term > hard_state.term or hard_state.commit_index > len(entries):
            raise ValueError(
                f'{hard_state} does not fit a log that ends with entry {self._log.last_index} '
                f'of term {self._log.last_term}'
            )
        self._term = hard_state.term
        self._voted_for = hard_state.voted_for
        self._commit_index = hard_state.commit_index
        self._durable_index = self._log.last_index
        self._pending = PendingWork(hard_state, self._log.last_index)
        self._applied_index = 0
        self._verified_index = hard_state.commit_index
        self._leader: RobotId | None = None
        self._leader_of_term: RobotId | None = None     # remembered even when it falls silent
        self._round = 0             # of the leader, heard in this term
        self._replication: Replication | None = None    # exists only while this robot leads
        self._ballot = Ballot(self._voters)
        self._uncommitted_bytes = 0
        self._now = 0               # ticks since start
        self._heard: dict[RobotId, int] = {}            # voter -> tick of its last message
        self._leader_heard = -timing.election_timeout_ticks_max
        self._election_elapsed = 0
        self._beacon_elapsed = 0
        self._hold_ticks = 0
        self._in_hand: Ready | None = None
        self._role = Role.FOLLOWER
        self.suspend_votes = False
        self._become_follower(self._term, None, RoleReason.STARTED)

    # What can be asked at any time.

    @property
    def robot_id(self) -> RobotId:
        return self._id

    @property
    def voters(self) -> tuple[RobotId, ...]:
        return tuple(sorted(self._voters))

    @property
    def is_voter(self) -> bool:
        return self._id in self._voters

    @property
    def role(self) -> Role:
        return self._role

    @property
    def role_reason(self) -> RoleReason:
        return self._role_reason

    @property
    def term(self) -> int:
        return self._term

    @property
    def voted_for(self) -> RobotId | None:
        return self._voted_for

    @property
    def leader(self) -> RobotId | None:
        return self._leader

    @property
    def last_index(self) -> int:
        return self._log.last_index

    @property
    def commit_index(self) -> int:
        return self._commit_index

    @property
    def last_applied(self) -> int:
        return self._applied_index

    @property
    def verified_index(self) -> int:
        """Last entry known to be the leader's in this term; durable once ready() is None."""
        return self._durable_index if self._role is Role.LEADER else self._verified_index

    @property
    def heartbeat_round(self) -> int:
        """Leader: the last round sent. Others: the last one heard in this term."""
        return self._replication.round if self._replication else self._round

    def term_at(self, index: int) -> int | None:
        """Term of an entry of the log; None = the log does not reach that far."""
        return self._log.term_at(index)

    def quorum_active(self) -> bool:
        """Whether a quorum of voters, this robot included, was heard within the longest election
        timeout. A leader counts only answers to itself (thesis section 6.2)."""
        oldest = self._now - self._timing.election_timeout_ticks_max
        heard = {voter for voter, tick in self._heard.items() if tick > oldest}
        if self.is_voter:
            heard.add(self._id)
        return len(heard) >= quorum_of(self._voters)

    def progress_of(self, peer: RobotId) -> PeerProgress | None:
        """None: this robot does not lead, or the peer is no member."""
        progress = self._replication.progress_of(peer) if self._replication else None
        return progress.view() if progress else None

    # What the caller does to it.

    def set_non_voters(self, non_voters: tuple[RobotId, ...]) -> None:
        self._non_voters = tuple(non_voters)
        if self._replication:
            self._replication.set_non_voters(self._non_voters)

    def hold_elections(self, ticks: int) -> None:
        """Do not campaign for so many ticks; the election timeout starts counting after that.

        For a robot that has just started, or that was late: suspect yourself first.
        """
        self._hold_ticks = max(self._hold_ticks, ticks)

    def tick(self) -> None:
        """One tick has passed. Ticks that were missed are not made up for."""
        self._now += 1
        self._beacon_elapsed += 1
        if self._role is Role.LEADER:
            if not self.quorum_active():
                self._become_follower(self._term, None, RoleReason.QUORUM_SILENT)
        elif self._hold_ticks:
            self._hold_ticks -= 1
        else:
            self._tick_election()
        self._tick_beacon()

    def propose(self, kind: EntryKind, data: bytes, stamp_ns: int) -> Proposed | Refused:
        """Append one entry if this robot leads; stamp_ns is raised to that of the last entry."""
        answer = self.propose_batch([(kind, data)], stamp_ns)
        return answer if isinstance(answer, Refused) else answer[0]

    def propose_batch(
        self, batch: Sequence[tuple[EntryKind, bytes]], stamp_ns: int
    ) -> tuple[Proposed, ...] | Refused:
        """Append all of them or none."""
        if self._role is not Role.LEADER:
            return Refused(RefusalReason.NOT_LEADER, self._leader)
        if any(len(data) > ENTRY_BYTES_MAX for _, data in batch):
            return Refused(RefusalReason.TOO_LARGE, self._id)
        entries = self._entries_for(batch, stamp_ns)
        if self._uncommitted_bytes + sum(map(entry_bytes, entries)) > UNCOMMITTED_BYTES_MAX:
            return Refused(RefusalReason.OVERLOADED, self._id)
        for entry in entries:
            self._append_own(entry)
        return tuple(Proposed(entry.index, entry.term) for entry in entries)

    def step(self, message: Message) -> None:
        """Take in a message of a peer. Raises PeerProtocolError and changes nothing if the
        protocol forbids it."""
        check_message(message, self._id, self._voters)
        if isinstance(message, (Append, Heartbeat)) and message.term >= self._term:
            self._check_agreement(message)
        if self._raises_term(message):
            self._become_follower(message.term, None, RoleReason.HIGHER_TERM)
        self._note_heard(message)
        if isinstance(message, VoteRequest):
            self._on_vote_request(message)
        elif isinstance(message, Vote):
            self._on_vote(message)
        elif isinstance(message, Append):
            self._on_append(message)
        elif message.term < self._term:
            return  # our next beacon tells the sender
        elif isinstance(message, Heartbeat):
            self._on_heartbeat(message)
        elif self._replication and message.recipient == self._id:
            if isinstance(message, AppendReply):
                self._replication.on_append_reply(message)
            else:
                self._replication.on_heartbeat_reply(message)
            self._commit_by_quorum()

    def ready(self) -> Ready | None:
        """The next work, None if there is none. Every Ready must be given back to advance()
        before the next one is asked for; step(), tick() and propose() may come in between."""
        assert self._in_hand is None, 'advance() the last Ready first'
        if self._replication:
            for append in self._replication.appends(self._commit_index):
                self._pending.send(append)
        self._in_hand = self._pending.take(
            self._log,
            HardState(self._term, self._voted_for, self._commit_index),
            SoftState(self._role, self._leader, self._term, self._role_reason),
        )
        return self._in_hand

    def advance(self, ready: Ready) -> None:
        """The work of `ready` is done: it is durable, sent and applied."""
        assert ready is self._in_hand, 'advance() takes what ready() gave'
        self._in_hand = None
        if ready.committed:
            self._applied_index = ready.committed[-1].index
        if ready.entries:
            last = ready.entries[-1]
            # It may have been cut since.
            if self._log.term_at(last.index) == last.term:
                self._durable_index = max(self._durable_index, last.index)
        self._commit_by_quorum()

    # Roles: the only places where role, leader and term change.

    def _become_follower(self, term: int, leader: RobotId | None, reason: RoleReason) -> None:
        assert term >= self._term, 'terms never decrease'
        if term > self._term:
            self._start_term(term)
        self._set_role(Role.FOLLOWER if self.is_voter else Role.NON_VOTER, reason)
        self._leader = leader
        self._leader_of_term = leader or self._leader_of_term

    def _become_pre_candidate(self) -> None:
        assert self.is_voter and self._role is not Role.LEADER
        self._set_role(Role.PRE_CANDIDATE, RoleReason.ELECTION_TIMEOUT)
        self._leader = None
        self._ballot = Ballot(self._voters)
        self._ballot.grant(self._id)

    def _become_candidate(self) -> None:
        assert self._role is Role.PRE_CANDIDATE, 'pre-vote comes first'
        self._start_term(self._term + 1)
        self._set_role(Role.CANDIDATE, RoleReason.PRE_VOTE_WON)
        self._leader = None
        self._voted_for = self._id
        self._ballot = Ballot(self._voters)
        self._ballot.grant(self._id)

    def _become_leader(self) -> None:
        assert self._role is Role.CANDIDATE, 'leaders are elected'
        self._set_role(Role.LEADER, RoleReason.VOTE_WON)
        self._leader = self._leader_of_term = self._id
        self._replication = Replication(
            self._id, self._term, self._log, self._voters, self._non_voters
        )
        # A new leader has not asked anybody yet: silence counts from now on.
        self._heard = dict.fromkeys(self._voters, self._now)
        waiting = self._log.between(self._commit_index + 1, self._log.last_index)
        self._uncommitted_bytes = sum(map(entry_bytes, waiting))
        # Entries of former terms are committed only together with one of this term (5.4.2, 8).
        for entry in self._entries_for([(EntryKind.NOOP, b'')], stamp_ns=0):
            self._append_own(entry)
        self._send_beacon()

    def _set_role(self, role: Role, reason: RoleReason) -> None:
        if role is not Role.LEADER:
            self._replication = None
        self._role_reason = reason
        self._role = role
        self._restart_election_timer()

    def _start_term(self, term: int) -> None:
        self._term = term
        self._voted_for = None
        self._leader_of_term = None
        self._round = 0
        # What is committed is in the log of every later leader (5.4.3), the rest may not be.
        self._verified_index = self._commit_index

    # Elections.

    def _restart_election_timer(self) -> None:
        self._election_elapsed = 0
        self._election_timeout = self._rng.randint(
            self._timing.election_timeout_ticks_min, self._timing.election_timeout_ticks_max
        )

    def _tick_election(self) -> None:
        self._election_elapsed += 1
        if self._election_elapsed >= self._election_timeout:
            if self.is_voter and not self.suspend_votes:
                self._campaign()
            elif self._leader is not None:
                self._become_follower(self._term, None, RoleReason.LEADER_SILENT)
        elif self._election_elapsed % self._timing.heartbeat_ticks == 0:
            # A lost question would cost a whole election timeout; votes are sets, so asking
            # again is harmless.
            self._ask_for_votes()

    def _campaign(self) -> None:
        self._become_pre_candidate()
        self._ask_for_votes()
        self._count_votes()

    def _count_votes(self) -> None:
        if self._role is Role.PRE_CANDIDATE and self._ballot.is_won:
            self._become_candidate()
            self._ask_for_votes()
        if self._role is Role.CANDIDATE and self._ballot.is_won:
            self._become_leader()
        elif self._ballot.is_lost:
            pre_vote = self._role is Role.PRE_CANDIDATE
            reason = RoleReason.PRE_VOTE_LOST if pre_vote else RoleReason.VOTE_LOST
            self._become_follower(self._term, None, reason)

    def _ask_for_votes(self) -> None:
        if self._role not in (Role.PRE_CANDIDATE, Role.CANDIDATE) or len(self._voters) == 1:
            return
        pre_vote = self._role is Role.PRE_CANDIDATE
        term = self._term + 1 if pre_vote else self._term
        self._pending.send(
            VoteRequest(
                self._id, None, term, pre_vote, self._log.last_index, self._log.last_term
            )
        )

    def _on_vote_request(self, request: VoteRequest) -> None:
        if not self.is_voter and request.recipient is None:
            return  # a question to the voters
        reason = self._reason_to_refuse(request)
        is_believed = reason in (None, VoteReason.LOG_BEHIND)
        if is_believed and not request.pre_vote and request.term > self._term:
            self._become_follower(request.term, None, RoleReason.HIGHER_TERM)
        granted = reason is None
        if granted and not request.pre_vote:
            self._voted_for = request.sender
            self._become_follower(self._term, self._leader, RoleReason.VOTED)
        self._pending.send(
            Vote(
                self._id, request.sender, request.term if granted else self._term,
                request.pre_vote, granted, reason or VoteReason.GRANTED,
            )
        )

    def _reason_to_refuse(self, request: VoteRequest) -> VoteReason | None:
        if not self.is_voter or request.sender not in self._voters:
            return VoteReason.NOT_A_VOTER
        if request.term < self._term:
            return VoteReason.STALE_TERM
        if self.suspend_votes or self._hears_a_leader():
            # Not even its term is taken over: a robot that was cut off must not unseat a leader
            # that the others still hear (thesis section 4.2.3).
            return VoteReason.LEADER_ALIVE
        if request.term == self._term:
            taken = {self._voted_for, self._leader_of_term} - {None, request.sender}
            if taken:
                return VoteReason.ALREADY_VOTED
        if not self._log.is_up_to_date(request.last_log_index, request.last_log_term):
            return VoteReason.LOG_BEHIND
        return None

    def _hears_a_leader(self) -> bool:
        if self._role is Role.LEADER:
            return True
        silence = self._now - self._leader_heard
        return self._leader is not None and silence < self._timing.election_timeout_ticks_min

    def _on_vote(self, vote: Vote) -> None:
        asked_term = self._term + 1 if vote.pre_vote else self._term
        role = Role.PRE_CANDIDATE if vote.pre_vote else Role.CANDIDATE
        if self._role is not role:
            return
        if vote.granted and vote.term == asked_term:
            self._ballot.grant(vote.sender)
        elif not vote.granted and vote.term == self._term:
            self._ballot.refuse(vote.sender)
        self._count_votes()

    # Following.

    def _follow(self, leader: RobotId) -> None:
        if self._leader != leader or self._role not in (Role.FOLLOWER, Role.NON_VOTER):
            self._become_follower(self._term, leader, RoleReason.LEADER_HEARD)
        self._leader_heard = self._now
        self._restart_election_timer()

    def _on_append(self, append: Append) -> None:
        if append.term < self._term:
            self._reply(append, AppendOutcome.STALE_TERM)
            return
        self._follow(append.sender)
        found_term = self._log.term_at(append.prev_index)
        if found_term is None:
            self._reply(append, AppendOutcome.CONFLICT, conflict_index=self.last_index + 1)
        elif found_term != append.prev_term:
            first = self._log.first_index_of_term(found_term)
            # What is committed here agrees with every leader: no need to look below it.
            first = max(first, self._commit_index + 1)
            self._reply(
                append, AppendOutcome.CONFLICT, conflict_index=first, conflict_term=found_term
            )
        else:
            self._accept(append)

    def _accept(self, append: Append) -> None:
        self._store(append.entries)
        match_index = append.prev_index + len(append.entries)
        is_news = match_index > self._verified_index
        self._verified_index = max(self._verified_index, match_index)
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
                self._log.append(entry)

    def _cut_from(self, index: int) -> None:
        assert index > self._commit_index, 'committed entries are never cut'
        assert index > self._verified_index, 'entries of the leader of this term are never cut'
        self._log.cut_from(index)
        self._pending.cut_from(index)
        self._durable_index = min(self._durable_index, index - 1)

    def _on_heartbeat(self, heartbeat: Heartbeat) -> None:
        self._follow(heartbeat.sender)
        is_new_round = heartbeat.round > self._round
        self._round = max(self._round, heartbeat.round)
        self._commit_to(min(heartbeat.commit_index, self._verified_index))
        was_silent = self._beacon_elapsed >= self._timing.heartbeat_ticks // 2
        if is_new_round and self.is_voter and was_silent:
            # Voters answer at once, so that losses are seen early; the rest use their own
            # period, or a large swarm would talk all at the same time.
            self._send_beacon()

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
                conflict_term,
            )
        )

    # Leading.

    def _entries_for(
        self, batch: Sequence[tuple[EntryKind, bytes]], stamp_ns: int
    ) -> list[Entry]:
        stamp_ns = max(stamp_ns, self._log.last_stamp_ns)
        first = self._log.last_index + 1
        return [
            Entry(index, self._term, kind, stamp_ns, data)
            for index, (kind, data) in enumerate(batch, first)
        ]

    def _append_own(self, entry: Entry) -> None:
        self._log.append(entry)
        self._uncommitted_bytes += entry_bytes(entry)

    def _commit_by_quorum(self) -> None:
        """Section 5.4.2, Figure 8: only entries of the leader's own term are counted; those
        before them are committed along with them."""
        if self._replication:
            held = self._replication.quorum_index(self._durable_index)
            if held > self._commit_index and self._log.term_at(held) == self._term:
                self._commit_to(held)

    def _commit_to(self, index: int) -> None:
        if index <= self._commit_index:
            return
        assert index <= self._log.last_index, 'cannot commit what is not there'
        if self._replication:
            newly = self._log.between(self._commit_index + 1, index)
            self._uncommitted_bytes -= sum(map(entry_bytes, newly))
        self._commit_index = index

    # Beacons.

    def _tick_beacon(self) -> None:
        period = self._timing.heartbeat_ticks
        if self._role is Role.FOLLOWER and self._leader is not None:
            period += 1  # its turn is when it hears the leader
        if self._beacon_elapsed >= period:
            self._send_beacon()

    def _send_beacon(self) -> None:
        self._beacon_elapsed = 0
        if self._replication:
            self._replication.round += 1
            self._pending.send(
                Heartbeat(
                    self._id, None, self._term, self._replication.round, self._commit_index,
                    self._log.last_index,
                )
            )
            return
        self._pending.send(
            HeartbeatReply(
                self._id, self._leader, self._term, self._round, self._verified_index,
                self._log.last_index,
            )
        )

    # What messages may say.

    def _check_agreement(self, message: Append | Heartbeat) -> None:
        """One leader per term (5.2), which never contradicts what it or a quorum has agreed."""
        sender, kept = message.sender, self._commit_index
        if message.term == self._term:
            if self._leader_of_term not in (None, sender):
                raise PeerProtocolError(
                    sender,
                    f'second leader in term {message.term}; {self._leader_of_term} leads it',
                )
            kept = max(kept, self._verified_index)
        if isinstance(message, Append):
            prev = message.prev_index
            conflict = self._log.first_conflict(message.entries)
            if prev <= kept and self._log.term_at(prev) != message.prev_term:
                conflict = prev
            if conflict is not None and conflict <= kept:
                raise PeerProtocolError(sender, f'contradicts agreed entry {conflict}')

    def _raises_term(self, message: Message) -> bool:
        """A granted pre-vote names the term that was asked for, which nobody is in yet; whether
        a request for votes does is decided with the vote."""
        asked = isinstance(message, Vote) and message.pre_vote and message.granted
        return message.term > self._term and not asked and not isinstance(message, VoteRequest)

    def _note_heard(self, message: Message) -> None:
        if message.sender not in self._voters:
            return
        answers_us = message.recipient == self._id and message.term == self._term
        if self._role is not Role.LEADER or answers_us:
            self._heard[message.sender] = self._now
