# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What Raft members say to one another, and the log entries they agree on.

Owns the vocabulary of the protocol: robots, entries and the six messages. Refuses to know how a
message travels, who may send it when (core.py) and what an entry's data means.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from swarm_coordinator.core.ids import RobotId as RobotId

ENTRY_BYTES_MAX = 256 * 1024  # LogEntry.data in swarm_msgs allows no more


class PeerProtocolError(Exception):
    """A peer sent something the protocol forbids. Drop the message, count it, carry on."""

    def __init__(self, peer: RobotId, rule: str) -> None:
        super().__init__(f'{peer}: {rule}')
        self.peer = peer
        self.rule = rule


class Role(IntEnum):
    """Numbered as Heartbeat.ROLE_* of swarm_msgs."""

    FOLLOWER = 0
    PRE_CANDIDATE = 1
    CANDIDATE = 2
    LEADER = 3
    NON_VOTER = 4


class EntryKind(IntEnum):
    """Numbered as LogEntry.KIND_* of swarm_msgs."""

    NOOP = 0
    COMMAND = 1
    MEMBERSHIP = 2


class VoteReason(IntEnum):
    """Numbered as Vote.REASON_* of swarm_msgs."""

    GRANTED = 0
    STALE_TERM = 1
    ALREADY_VOTED = 2
    LOG_BEHIND = 3
    LEADER_ALIVE = 4
    NOT_A_VOTER = 5


class AppendOutcome(IntEnum):
    """Numbered as AppendReply.OUTCOME_* of swarm_msgs."""

    ACCEPTED = 0
    CONFLICT = 1
    STALE_TERM = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the replicated log; index counts from 1, stamp_ns never decreases along it."""

    index: int
    term: int
    kind: EntryKind
    stamp_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class VoteRequest:
    """Raft section 5.2; with pre_vote thesis section 9.6, and term is the one it would start."""

    sender: RobotId
    recipient: RobotId | None
    term: int
    pre_vote: bool
    last_log_index: int
    last_log_term: int


@dataclass(frozen=True, slots=True)
class Vote:
    """Answer to a VoteRequest. term: of a granted vote the one asked for, else the voter's own."""

    sender: RobotId
    recipient: RobotId | None
    term: int
    pre_vote: bool
    granted: bool
    reason: VoteReason


@dataclass(frozen=True, slots=True)
class Append:
    """Raft section 5.3. Without entries it is a probe, or news of commit_index."""

    sender: RobotId
    recipient: RobotId | None
    term: int
    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]
    commit_index: int


@dataclass(frozen=True, slots=True)
class AppendReply:
    """Answer to an Append.

    match_index     ACCEPTED: last entry now durable and known to be the leader's; else 0
    conflict_index  CONFLICT: first index to try instead; else 0
    conflict_term   CONFLICT: term found at prev_index, 0 = the log is shorter; else 0
    """

    sender: RobotId
    recipient: RobotId | None
    term: int
    outcome: AppendOutcome
    match_index: int = 0
    conflict_index: int = 0
    conflict_term: int = 0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The beacon of a leader, to everybody, once per heartbeat period."""

    sender: RobotId
    recipient: RobotId | None
    term: int
    round: int
    commit_index: int
    last_index: int


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """The beacon of a robot that does not lead, once per heartbeat period, heard by everybody.

    recipient    the leader it follows; None = it knows none. Other robots only look at term.
    round        highest heartbeat round of that leader it has heard in this term; 0 = none
    match_index  last entry that is durable here and known to be the leader's in this term
    last_index   last entry in the sender's log
    """

    sender: RobotId
    recipient: RobotId | None
    term: int
    round: int
    match_index: int
    last_index: int


Message = VoteRequest | Vote | Append | AppendReply | Heartbeat | HeartbeatReply
