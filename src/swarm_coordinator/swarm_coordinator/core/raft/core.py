# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One Raft member without IO: Ongaro and Ousterhout, "In Search of an Understandable Consensus
Algorithm (Extended Version)", and Ongaro's thesis for what goes beyond it; pre-vote (9.6),
check-quorum (6.2) and leader stickiness (4.2.3) are always on.

Owns the outside of the member: what the caller asks, does to it and gets from it. Refuses to know
clocks, threads, disks, networks and what entries mean: the caller ticks it, steps messages into it
and does what ready() says. One thread calls it. Whatever arrives may be lost, late, doubled or out
of order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from swarm_coordinator.core.raft.following import FollowingPart
from swarm_coordinator.core.raft.leading import LeadingPart
from swarm_coordinator.core.raft.membership import Membership, Seat
from swarm_coordinator.core.raft.message_rules import check_message
from swarm_coordinator.core.raft.messages import (
    Append,
    AppendReply,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Message,
    ReadReply,
    ReadRequest,
    RobotId,
    Role,
    SnapshotChunk,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteRequest,
)
from swarm_coordinator.core.raft.progress import PeerProgress
from swarm_coordinator.core.raft.ready import HardState, Ready, RoleReason
from swarm_coordinator.core.raft.snapshot import SNAPSHOT_BYTES_MAX, Snapshot
from swarm_coordinator.core.raft.timing import RaftTiming


class RaftCore(FollowingPart, LeadingPart):
    """A member of the swarm's log; core/raft/README.md tells how to use it.

    founders    the robots that begin the log: its voters until its first entry says who they are,
                with any disk; not looked at afterwards
    rng         for election timeouts; give every robot another seed
    hard_state, entries, snapshot
                what the disk holds: snapshot None or the latest, and the entries that follow it
                (it may be some before its end). The caller has restored the snapshot into its
                state machine; entries after it that are known to be committed are handed out
                again, the rest when it is known.
    storage_id  random, made when the disk was formatted, never 0: a robot that lost its disk is
                another member, and has no vote until the log gives it one

    Raises ValueError if these do not fit together.
    """

    def __init__(
        self,
        robot_id: RobotId,
        founders: tuple[RobotId, ...],
        timing: RaftTiming,
        rng: random.Random,
        hard_state: HardState | None = None,
        entries: Sequence[Entry] = (),
        snapshot: Snapshot | None = None,
        storage_id: int = 1,
    ) -> None:
        super().__init__(
            robot_id, founders, timing, rng, hard_state, entries, snapshot, storage_id
        )
        self._in_hand: Ready | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            VoteRequest: self._on_vote_request,
            Vote: self._on_vote,
            Append: self._on_append,
            AppendReply: self._on_append_reply,
            Heartbeat: self._on_heartbeat,
            HeartbeatReply: self._on_heartbeat_reply,
            SnapshotChunk: self._on_snapshot_chunk,
            SnapshotReply: self._on_snapshot_reply,
            ReadRequest: self._on_read_request,
            ReadReply: self._on_read_reply,
            TimeoutNow: self._on_timeout_now,
        }

    # What can be asked at any time.

    @property
    def robot_id(self) -> RobotId:
        return self._id

    @property
    def storage_id(self) -> int:
        return self._storage_id

    @property
    def voters(self) -> tuple[RobotId, ...]:
        """Names of the membership's voters, sorted; among them founders nobody has heard yet."""
        return tuple(sorted(self._voters))

    @property
    def has_vote(self) -> bool:
        """Whether this robot, with this disk, may vote and lead: as a voter of the membership, or
        of the one before while the current one is not known to be committed."""
        return self._has_vote

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
    def first_index(self) -> int:
        """The oldest entry that is kept; what came before is in a snapshot."""
        return self._log.first_index

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

    @property
    def snapshot(self) -> Snapshot | None:
        """The latest one, made here or received."""
        return self._snapshot

    @property
    def membership_committed(self) -> bool:
        """Whether the current membership is known to be committed: no change is pending."""
        return self._founded and self._memberships.index <= self._commit_index

    @property
    def transfer_target(self) -> RobotId | None:
        """To whom this leader is handing over."""
        return self._transfer.target if self._transfer else None

    @property
    def strangers(self) -> tuple[Seat, ...]:
        """Robots heard lately that are no members with the storage they speak from, sorted."""
        return self._strangers.seats(self._now)

    def strangers_heard_for(self, ticks: int) -> tuple[Seat, ...]:
        """Those of them that have been heard for so long: no late copies of old messages."""
        present = self._strangers.present(self._now, ticks)
        return tuple((one.robot, one.storage_id) for one in present)

    def silence_of(self, robot: RobotId) -> int | None:
        """Ticks since a member was heard with the storage that the membership names; a leader
        counts only answers to itself. None = not since start."""
        heard = self._heard.get(robot)
        return None if heard is None else self._now - heard

    @property
    def timing(self) -> RaftTiming:
        return self._timing

    def can_change_members(self) -> bool:
        """Whether propose_change() would look at a change at all."""
        is_free = self._role is Role.LEADER and self._transfer is None
        return is_free and self.membership_committed and self._is_own_term_committed()

    def term_at(self, index: int) -> int | None:
        """Term of an entry; None = it is not in the log, or no longer."""
        return self._log.term_at(index)

    def progress_of(self, peer: RobotId) -> PeerProgress | None:
        """Leader: how far a member is. None = it is none, or this robot does not lead."""
        return self._replication.view_of(peer) if self._replication else None

    # What the caller does to it.

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
            self._tick_leader()
        elif self._hold_ticks:
            self._hold_ticks -= 1
        else:
            self._tick_election()
        period = self._timing.heartbeat_ticks
        if self._role is Role.FOLLOWER and self._leader is not None:
            period += 1  # its turn is when it hears the leader
        if self._beacon_elapsed >= period:
            self._send_beacon()

    def step(self, message: Message) -> None:
        """Take in a message of a peer. Raises PeerProtocolError and changes nothing if the
        protocol forbids it."""
        check_message(message, self._id, self._term)
        kind, term = type(message), message.term
        if kind in _FROM_LEADERS and term >= self._term:
            self._check_agreement(message)
        if term > self._term and self._is_term_of_sender(message):
            self._become_follower(term, None, RoleReason.HIGHER_TERM)
        self._note_heard(message)
        if term >= self._term or kind in _ANSWERED_WHEN_STALE:
            # Who is behind in other messages learns it from our next beacon.
            self._handlers[kind](message)

    def _is_term_of_sender(self, message: Message) -> bool:
        """A granted vote names the term that was asked for, and this robot asks in none above its
        own: of a pre-vote nobody is in it yet. Whether a request for votes does is decided with
        the vote. Leaders are believed though this log may not know them yet; of others, terms
        come from elections, in which only voters take part."""
        if type(message) in _FROM_LEADERS:
            return True
        if isinstance(message, VoteRequest) or (isinstance(message, Vote) and message.granted):
            return False
        return message.sender in self._voters

    def ready(self) -> Ready | None:
        """The next work, None if there is none. Every Ready must be given back to advance()
        before the next one is asked for; step(), tick() and propose() may come in between."""
        assert self._in_hand is None, 'advance() the last Ready first'
        if self._replication is not None:
            if self._round_due:
                self._send_beacon()
                self._confirm_reads()   # a single voter is its own quorum
            if self._replication.is_due:
                self._send_due()
            if self._transfer is not None:
                self._hand_over(self._transfer)
        self._in_hand = self._pending.take(
            self._log, self._term, self._voted_for, self._commit_index, self._role, self._leader,
            self._role_reason,
        )
        return self._in_hand

    def advance(self, ready: Ready) -> None:
        """The work of `ready` is done: it is durable, sent and applied."""
        assert ready is self._in_hand, 'advance() takes what ready() gave'
        self._in_hand = None
        if ready.snapshot is not None:
            self._applied_index = ready.snapshot.index
        if ready.committed:
            self._applied_index = ready.committed[-1].index
        if ready.entries:
            last = ready.entries[-1]
            # It may have been cut since.
            if self._log.term_at(last.index) == last.term:
                self._durable_index = max(self._durable_index, last.index)
            self._commit_by_quorum()

    def compact(self, data: bytes, keep_entries: int) -> Snapshot:
        """Section 7: `data` is the state machine, encoded after entry last_applied. The entries
        up to last_applied - keep_entries leave the memory; the rest serves followers that are
        only a little behind. Persist the result and then drop stored entries below first_index.

        Raises ValueError if nothing was applied or the snapshot exceeds SNAPSHOT_BYTES_MAX.
        """
        assert self._in_hand is None, 'advance() the last Ready first'
        index = self._applied_index
        term = self._log.term_at(index)
        if index == 0 or term is None:
            raise ValueError(f'nothing to compact: last_applied={index}, expected an entry')
        snapshot = Snapshot(
            index, term, self._log.stamp_at(index), self._membership_at(index), data
        )
        size = len(data) + len(snapshot.membership.encode())
        if size > SNAPSHOT_BYTES_MAX - 1024 or keep_entries < 0:
            raise ValueError(
                f'{size} bytes with keep_entries={keep_entries}; expected at most '
                f'{SNAPSHOT_BYTES_MAX - 1024} bytes and no negative number of entries'
            )
        self._snapshot = snapshot
        self._log.forget_to(index - keep_entries)
        self._memberships.forget_before(self._log.base_index)
        return snapshot

    def _membership_at(self, index: int) -> Membership:
        return self._memberships.at(index) if self._founded else self.membership

    def check_invariants(self) -> None:
        """What is true between any two calls; for tests and simulations."""
        restored = self._snapshot.index if self._snapshot else 0
        assert self._log.base_index <= max(self._applied_index, restored) <= self._commit_index
        assert self._role is Role.LEADER or self._commit_index <= self._verified_index
        assert self._verified_index <= self._log.last_index
        assert self._commit_index <= self._log.last_index
        assert self._durable_index <= self._log.last_index
        assert self._log.last_term <= self._term
        assert (self._replication is not None) == (self._role is Role.LEADER)
        assert self._snapshot is not None or self._log.base_index == 0
        assert self._role is not Role.NON_VOTER or not self._has_vote
        assert not (self._reads or self._transfer) or self._role is Role.LEADER


_FROM_LEADERS = frozenset({Append, Heartbeat, SnapshotChunk, TimeoutNow})
_ANSWERED_WHEN_STALE = frozenset({VoteRequest, Vote, Append, SnapshotChunk})
