# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What every role of a Raft member shares: term, vote, log, membership, commit index, beacons.

Owns the rules under which these change. Refuses to know what a role does with them: election.py,
following.py and leading.py, whose _become_* methods are the only places where a role changes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from swarm_coordinator.core.raft.ballot import Ballot
from swarm_coordinator.core.raft.contacts import Strangers
from swarm_coordinator.core.raft.log import RaftLog, entry_bytes
from swarm_coordinator.core.raft.membership import (
    UNCLAIMED,
    Membership,
    MembershipHistory,
    with_storage,
)
from swarm_coordinator.core.raft.messages import (
    Append,
    Entry,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    Message,
    RobotId,
    Role,
    SnapshotChunk,
    VoteRequest,
)
from swarm_coordinator.core.raft.pending import PendingWork
from swarm_coordinator.core.raft.reads import ReadQueue
from swarm_coordinator.core.raft.ready import HardState, RoleReason
from swarm_coordinator.core.raft.replication import Replication
from swarm_coordinator.core.raft.snapshot import Snapshot, SnapshotIntake
from swarm_coordinator.core.raft.timing import RaftTiming
from swarm_coordinator.core.raft.transfer import Transfer


class RaftMember:
    """Base of RaftCore; see there for what the arguments mean."""

    def __init__(
        self,
        robot_id: RobotId,
        founders: tuple[RobotId, ...],
        timing: RaftTiming,
        rng: random.Random,
        hard_state: HardState | None,
        entries: Sequence[Entry],
        snapshot: Snapshot | None,
        storage_id: int,
    ) -> None:
        if storage_id == UNCLAIMED:
            raise ValueError('storage_id=0 is nobody; expected the one made with the storage')
        self._id = robot_id
        self._storage_id = storage_id
        self._founders = founders
        self._timing = timing
        self._rng = rng
        self._now = 0                                   # ticks since start
        self._load(hard_state or HardState(), entries, snapshot)
        self._leader: RobotId | None = None
        self._leader_of_term: RobotId | None = None     # remembered even when it falls silent
        self._round = 0                                 # of the leader, heard in this term
        self._heard: dict[RobotId, int] = {}            # member -> tick of its last message
        self._strangers = Strangers(timing.election_timeout_ticks_max)
        self._log_heard = -timing.election_timeout_ticks_max  # while founding: somebody's entries
        self._leader_heard = -timing.election_timeout_ticks_max
        self._election_elapsed = 0
        self._election_timeout = 0
        self._beacon_elapsed = 0
        self._hold_ticks = 0
        self._ballot = Ballot(())
        self._by_transfer = False                       # this candidacy was asked for
        self._intake: SnapshotIntake | None = None
        self._reads_asked: set[int] = set()             # of the leader, by this robot
        # These exist only while this robot leads.
        self._replication: Replication | None = None
        self._transfer: Transfer | None = None
        self._reads = ReadQueue()
        self._round_due = False                         # a read waits for a new round
        self._uncommitted_bytes = 0
        self.suspend_votes = False
        # Reads a state that came from a leader, before it takes the place of the own one.
        self.read_state: Callable[[Snapshot], None] = lambda snapshot: None  # raises ValueError
        self._role = Role.FOLLOWER
        self._role_reason = RoleReason.STARTED
        self._count_members()
        self._become_follower(self._term, None, RoleReason.STARTED)

    def _load(
        self, hard_state: HardState, entries: Sequence[Entry], snapshot: Snapshot | None
    ) -> None:
        self._snapshot = snapshot
        self._log = _log_after(snapshot, entries)
        base = snapshot.membership if snapshot else _founding(self._founders)
        start = snapshot.index if snapshot else 0
        self._memberships = MembershipHistory(start, base)
        for entry in entries:
            if entry.kind is EntryKind.MEMBERSHIP and entry.index > start:
                self._memberships.append(entry)
        # A crash may have come between a snapshot and the hard state that goes with it. Nothing
        # was sent in that term yet.
        term_was_lost = snapshot is not None and snapshot.term > hard_state.term
        self._term = snapshot.term if snapshot and term_was_lost else hard_state.term
        self._voted_for = None if term_was_lost else hard_state.voted_for
        self._commit_index = max(hard_state.commit_index, start)
        if self._log.last_term > self._term or self._commit_index > self._log.last_index:
            raise ValueError(
                f'{hard_state} does not fit a log that ends with entry {self._log.last_index} '
                f'of term {self._log.last_term}'
            )
        self._durable_index = self._log.last_index
        self._applied_index = start
        self._verified_index = self._commit_index
        self._pending = PendingWork(hard_state, self._log.last_index, start)
        self._founded = snapshot is not None or self._memberships.index > 0

    # Roles.

    def _become_follower(self, term: int, leader: RobotId | None, reason: RoleReason) -> None:
        assert term >= self._term, 'terms never decrease'
        if term > self._term:
            self._start_term(term)
        self._leader = leader
        self._leader_of_term = leader or self._leader_of_term
        self._set_role(Role.FOLLOWER if self._has_vote else Role.NON_VOTER, reason)

    def _set_role(self, role: Role, reason: RoleReason) -> None:
        if role is not Role.LEADER and self._replication is not None:
            self._replication = None
            self._transfer = None
            self._reads = ReadQueue()
            self._round_due = False
            self._verified_index = self._commit_index
        self._reads_asked.clear()
        self._by_transfer = False
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

    def _restart_election_timer(self) -> None:
        self._election_elapsed = 0
        timing = self._timing
        low, high = timing.election_timeout_ticks_min, timing.election_timeout_ticks_max
        rank = self._rank_of_followers()
        if rank is not None:
            place, count = rank
            low += place * (high - low) // count
            high = low + 1
        self._election_timeout = self._rng.randint(low, high)

    def _rank_of_followers(self) -> tuple[int, int] | None:
        """Whose turn it is if the leader falls silent: this robot's place among how many. Turns
        come one after the other, so that the first is early and no two campaign at once; they
        change with the term, so that none is always first. None: no leader, left to chance."""
        if self._leader is None or self._role is not Role.FOLLOWER:
            return None
        others = sorted(voter for voter in self._voters if voter != self._leader)
        if self._id not in others:
            return None
        return (others.index(self._id) + self._term) % len(others), len(others)

    # Membership: takes effect when it is appended (thesis section 4.1).

    def _count_members(self) -> None:
        """The membership, or what is known to be committed of it, has changed."""
        now, before = self._memberships.current, self._memberships.previous
        self._voters = dict(now.voters)
        self._members = {**self._voters, **dict(now.non_voters)}
        self._quorum = len(self._voters) // 2 + 1
        # Until the entry that takes its vote is committed, this robot may be needed to commit it
        # (thesis section 4.2.2).
        kept = self._memberships.index > self._commit_index
        self._has_vote = now.is_voter(self._id, self._storage_id) or (
            kept and before.is_voter(self._id, self._storage_id)
        )
        if not self._founded and self._id in self._voters:
            self._has_vote = True
            self._voters[self._id] = self._members[self._id] = self._storage_id
        # A non-voter may have been promoted, and a seat claimed, by an entry that is not here.
        seat = self._members.get(self._id)
        self._may_vote = self._has_vote or seat in (self._storage_id, UNCLAIMED)
        self._strangers.forget_members(self._members)
        if self._replication is not None:
            self._replication.set_membership(now)
        if self._role is (Role.NON_VOTER if self._has_vote else Role.FOLLOWER):
            self._become_follower(self._term, self._leader, RoleReason.MEMBERSHIP)

    @property
    def membership(self) -> Membership:
        """Of the last such entry in the log, committed or not. Before the first one: the founders
        with the storages that were heard since start, 0 = not heard."""
        current = self._memberships.current
        if not self._founded and self._id in self._founders:
            return with_storage(current, self._id, self._storage_id)
        return current

    def _is_own_vote_counted(self) -> bool:
        return self._voters.get(self._id) == self._storage_id

    def _may_found(self) -> bool:
        """Whether no robot with entries was heard lately: if there is one, its log is the
        swarm's, and a robot without one, perhaps wiped, must not help to begin another."""
        return self._now - self._log_heard >= self._timing.election_timeout_ticks_max

    # Who is heard.

    def _note_heard(self, message: Message) -> None:
        sender, storage_id = message.sender, message.storage_id
        if not self._founded:
            self._note_founder(message)
        if self._members.get(sender) != storage_id:
            self._strangers.hear(sender, storage_id, self._now)
        elif self._role is not Role.LEADER or (
            message.recipient == self._id and message.term == self._term
        ):
            # A leader counts only answers to itself (thesis section 6.2).
            self._heard[sender] = self._now

    def _note_founder(self, message: Message) -> None:
        """Before the log names a membership, a founder is whoever bears the name."""
        sender = message.sender
        if sender in self._voters and self._voters[sender] != message.storage_id:
            current = with_storage(self._memberships.current, sender, message.storage_id)
            self._memberships.reset(0, current)
            self._count_members()
        has_log = isinstance(message, (Append, SnapshotChunk))
        if isinstance(message, (Heartbeat, HeartbeatReply)):
            has_log = message.last_index > 0
        elif isinstance(message, VoteRequest):
            has_log = message.last_log_index > 0
        if has_log:
            self._log_heard = self._now

    def quorum_active(self) -> bool:
        """Whether a quorum of voters, this robot included, was heard within the longest election
        timeout. A leader counts only answers to itself (thesis section 6.2)."""
        oldest = self._now - self._timing.election_timeout_ticks_max
        heard, own = self._heard, self._id
        count = int(self._is_own_vote_counted())
        for voter, storage_id in self._voters.items():
            if voter != own and storage_id and heard.get(voter, oldest) > oldest:
                count += 1
        return count >= self._quorum

    # The log.

    def _append_entry(self, entry: Entry) -> None:
        self._log.append(entry)
        if entry.kind is EntryKind.MEMBERSHIP:
            self._memberships.append(entry)
            self._founded = True
            self._count_members()

    def _cut_from(self, index: int) -> None:
        assert index > self._commit_index, 'committed entries are never cut'
        assert index > self._verified_index, 'entries of the leader of this term are never cut'
        self._log.cut_from(index)
        self._pending.cut_from(index)
        self._durable_index = min(self._durable_index, index - 1)
        if self._memberships.cut_from(index):
            self._founded = self._snapshot is not None or self._memberships.index > 0
            self._count_members()

    def _commit_to(self, index: int) -> None:
        before = self._commit_index
        if index <= before:
            return
        assert index <= self._log.last_index, 'cannot commit what is not there'
        if self._replication is not None:
            newly = self._log.between(before + 1, index)
            self._uncommitted_bytes -= sum(map(entry_bytes, newly))
            self._replication.is_due = True
        self._commit_index = index
        if before < self._memberships.index <= index:
            self._count_members()

    # Beacons.

    def _send_beacon(self) -> None:
        self._beacon_elapsed = 0
        if self._replication is not None:
            self._round_due = False
            self._pending.send(
                Heartbeat(
                    self._id, None, self._term, self._replication.begin_round(),
                    self._commit_index, self._log.last_index, self._storage_id,
                )
            )
            return
        self._pending.send(
            HeartbeatReply(
                self._id, self._leader, self._term, self._round, self._verified_index,
                self._log.last_index, self._storage_id,
            )
        )


def _founding(founders: tuple[RobotId, ...]) -> Membership:
    if len(set(founders)) != len(founders) or not founders:
        raise ValueError(f'founders={founders!r} must be different robots, at least one')
    return Membership(tuple((robot, UNCLAIMED) for robot in founders))


def _log_after(snapshot: Snapshot | None, entries: Sequence[Entry]) -> RaftLog:
    """entries may begin before the end of the snapshot: those are kept for slow followers."""
    if snapshot is None:
        return RaftLog(entries)
    if not entries or entries[0].index == snapshot.index + 1:
        return RaftLog(entries, snapshot.index, snapshot.term, snapshot.stamp_ns)
    # Of the first one nothing is known but the entry itself: it becomes the base.
    first = entries[0]
    log = RaftLog(entries[1:], first.index, first.term, first.stamp_ns)
    if log.term_at(snapshot.index) != snapshot.term:
        raise ValueError(
            f'entries {first.index} to {log.last_index} do not fit a snapshot that ends with '
            f'entry {snapshot.index} of term {snapshot.term}'
        )
    return log
