# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What Raft members say to one another, and the log entries they agree on.

Owns the vocabulary of the protocol: robots, entries and the eleven messages. Refuses to know how
a message travels, who may send it when (core.py) and what an entry's data means.

Every message carries the storage_id of its sender: a robot with another disk is another member.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from swarm_coordinator.core.ids import RobotId as RobotId

ENTRY_BYTES_MAX = 256 * 1024  # LogEntry.data in swarm_msgs allows no more
CHUNK_BYTES_MAX = 32 * 1024   # of a snapshot in one message: below one UDP datagram


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
    """Raft section 5.2; with pre_vote thesis section 9.6, and term is the one it would start.

    leadership_transfer  the leader itself asked for this election (thesis section 3.10)
    """

    sender: RobotId
    recipient: RobotId | None
    term: int
    pre_vote: bool
    last_log_index: int
    last_log_term: int
    leadership_transfer: bool = False
    storage_id: int = 1


@dataclass(frozen=True, slots=True)
class Vote:
    """Answer to a VoteRequest. term: of a granted vote the one asked for, else the voter's own."""

    sender: RobotId
    recipient: RobotId | None
    term: int
    pre_vote: bool
    granted: bool
    reason: VoteReason
    storage_id: int = 1


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
    storage_id: int = 1


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
    storage_id: int = 1


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The beacon of a leader, to everybody, once per heartbeat period and at once for a read."""

    sender: RobotId
    recipient: RobotId | None
    term: int
    round: int
    commit_index: int
    last_index: int
    storage_id: int = 1


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
    storage_id: int = 1


@dataclass(frozen=True, slots=True)
class SnapshotChunk:
    """Raft section 7: a piece of Snapshot.encode(), for a follower that is behind the log.

    last_index, last_term  of the last entry that the snapshot contains
    sha256                 of all total_bytes, 32 bytes
    data                   1 to CHUNK_BYTES_MAX bytes from offset_bytes on
    """

    sender: RobotId
    recipient: RobotId | None
    term: int
    last_index: int
    last_term: int
    offset_bytes: int
    total_bytes: int
    sha256: bytes
    data: bytes
    storage_id: int = 1


@dataclass(frozen=True, slots=True)
class SnapshotReply:
    """How far the receiver of a snapshot has come.

    next_offset_bytes  first byte that is missing; total_bytes = the snapshot is durable here
    accepted           False: refused, `reason` says why; send it again from the start, or not
    """

    sender: RobotId
    recipient: RobotId | None
    term: int
    last_index: int
    next_offset_bytes: int
    accepted: bool
    reason: str = ''
    storage_id: int = 1


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A follower asks the leader up to where a read must have applied (thesis section 6.4)."""

    sender: RobotId
    recipient: RobotId | None
    term: int
    request_id: int
    storage_id: int = 1


@dataclass(frozen=True, slots=True)
class ReadReply:
    """Answer to a ReadRequest; confirmed False: not the leader, or it cannot know yet."""

    sender: RobotId
    recipient: RobotId | None
    term: int
    request_id: int
    confirmed: bool
    index: int
    storage_id: int = 1


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """The leader asks the recipient to take over at once (thesis section 3.10)."""

    sender: RobotId
    recipient: RobotId | None
    term: int
    storage_id: int = 1


Message = (
    VoteRequest
    | Vote
    | Append
    | AppendReply
    | Heartbeat
    | HeartbeatReply
    | SnapshotChunk
    | SnapshotReply
    | ReadRequest
    | ReadReply
    | TimeoutNow
)
