# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the core gives its caller: work to do, and answers to proposals.

Owns the shape of Ready and its order. Refuses to know how the work is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from swarm_coordinator.core.raft.messages import Entry, Message, RobotId, Role
from swarm_coordinator.core.raft.snapshot import Snapshot


class RoleReason(Enum):
    """Why role, leader or term changed last; for logs and for people."""

    STARTED = 'started'
    ELECTION_TIMEOUT = 'election-timeout'
    LEADER_SILENT = 'leader-silent'
    LEADER_HEARD = 'leader-heard'
    HIGHER_TERM = 'higher-term'
    PRE_VOTE_WON = 'pre-vote-won'
    PRE_VOTE_LOST = 'pre-vote-lost'
    VOTE_WON = 'vote-won'
    VOTE_LOST = 'vote-lost'
    VOTED = 'voted'
    YIELDED = 'yielded'                 # another one campaigns at the same time
    QUORUM_SILENT = 'quorum-silent'
    MEMBERSHIP = 'membership'           # a vote was given or taken by an entry of the log
    REMOVED = 'removed'                 # the leader's vote was taken and that is committed
    TRANSFER = 'transfer'               # the leader asked this robot to take over


class RefusalReason(Enum):
    NOT_LEADER = 'this robot does not lead'
    OVERLOADED = 'too much waits for a quorum; try later'
    TOO_LARGE = 'the data exceeds what an entry may hold'
    NO_LEADER = 'no leader is known'
    NOT_READY = 'no entry of this term is committed yet; try later'
    TRANSFERRING = 'leadership is being handed over; try later'
    CHANGE_PENDING = 'the last change of membership is not committed yet; try later'
    NOT_CAUGHT_UP = 'the robot is too far behind the log to vote'
    CHANGE_INVALID = 'the membership does not allow that change'
    QUORUM_AT_RISK = 'too few of the voters that would be left are heard'
    NOT_A_VOTER = 'the robot has no vote'


@dataclass(frozen=True)
class HardState:
    """What must survive a crash. commit_index is a hint: it may be older than what was sent."""

    term: int = 0
    voted_for: RobotId | None = None
    commit_index: int = 0


@dataclass(frozen=True)
class SoftState:
    role: Role
    leader: RobotId | None
    term: int
    reason: RoleReason


@dataclass(frozen=True)
class Proposed:
    """Appended to the leader's log, not yet committed: wait for this index and term in
    Ready.committed. Another term at this index means that the proposal was lost."""

    index: int
    term: int


@dataclass(frozen=True)
class Refused:
    """leader: whom to ask instead, as far as known. detail: more for people, may be empty."""

    reason: RefusalReason
    leader: RobotId | None
    detail: str = ''


@dataclass(frozen=True)
class ReadState:
    """The read that was asked for with RaftCore.read_index(request_id) may be answered from the
    state machine after this Ready's `committed`: entry `index` is in it, and nothing that was
    acknowledged before the question is missing (thesis section 6.4)."""

    request_id: int
    index: int


@dataclass(frozen=True)
class Ready:
    """Work for the caller, strictly in this order:

    1. Persist; each step is durable before the next begins:
       a. `snapshot` (None = none), then drop the stored log, all of it: it is not contained.
       b. in one transaction: hard_state (None = unchanged), then cut the stored log from
          truncate_from on (None = nothing), then add entries.
    2. Send messages, in order. A vote or an acknowledgement that is sent before it is durable
       can be contradicted after a crash, so none goes out earlier. recipient None = to all.
       The first `early` of them need not wait for step 1: what a leader tells its followers does
       not speak of its own disk, and its log counts for a commit only after advance() (thesis
       section 10.2.1). To send them first saves a commit the time of one write.
    3. Restore `snapshot` into the state machine, then apply `committed`, in order.
    4. Answer read_states: what they wait for is applied by now.
    5. RaftCore.advance(ready).

    If step 1 fails, do not go on: nothing of it may be sent, and the core must be built anew
    from the disk. soft_state (None = unchanged) is news and may be shown at any time.
    """

    hard_state: HardState | None
    truncate_from: int | None
    entries: tuple[Entry, ...]
    messages: tuple[Message, ...]
    committed: tuple[Entry, ...]
    soft_state: SoftState | None
    snapshot: Snapshot | None = None
    read_states: tuple[ReadState, ...] = ()
    early: int = 0

    @property
    def must_persist(self) -> bool:
        return bool(
            self.hard_state or self.entries or self.snapshot or self.truncate_from is not None
        )
