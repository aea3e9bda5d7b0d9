# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the core gives its caller: work to do, and answers to proposals.

Owns the shape of Ready and its order. Refuses to know how the work is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from swarm_coordinator.core.raft.messages import Entry, Message, RobotId, Role


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
    QUORUM_SILENT = 'quorum-silent'


class RefusalReason(Enum):
    NOT_LEADER = 'this robot does not lead'
    OVERLOADED = 'too much waits for a quorum; try later'
    TOO_LARGE = 'the data exceeds what an entry may hold'


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
    reason: RefusalReason
    leader: RobotId | None


@dataclass(frozen=True)
class Ready:
    """Work for the caller, strictly in the order of the fields:

    1. Persist, in one transaction that is durable when it returns: hard_state (None =
       unchanged), then cut the stored log from truncate_from on (None = nothing), then add
       entries.
    2. Send messages, in order. A vote or an acknowledgement that is sent before it is durable
       can be contradicted after a crash, so none goes out earlier. recipient None = to all.
    3. Apply committed, in order.
    4. RaftCore.advance(ready).

    If step 1 fails, do not go on: nothing of it may be sent, and the core must be built anew
    from the disk. soft_state (None = unchanged) is news and may be shown at any time.
    """

    hard_state: HardState | None
    truncate_from: int | None
    entries: tuple[Entry, ...]
    messages: tuple[Message, ...]
    committed: tuple[Entry, ...]
    soft_state: SoftState | None

    @property
    def must_persist(self) -> bool:
        return bool(self.hard_state or self.entries or self.truncate_from is not None)
