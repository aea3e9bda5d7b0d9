# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What no correct peer ever sends.

Owns the rules that can be checked on a message alone. Refuses to know the receiver's log, role
and membership: what contradicts those is checked where they live.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swarm_coordinator.core.raft.log import check_order
from swarm_coordinator.core.raft.membership import MalformedMembership, Membership
from swarm_coordinator.core.raft.messages import (
    CHUNK_BYTES_MAX,
    Append,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    Message,
    PeerProtocolError,
    RobotId,
    SnapshotChunk,
    Vote,
    VoteReason,
    VoteRequest,
)

# Terms count elections, one at a time. A larger step is a garbled or hostile number: taking it
# over could use up all terms that a disk can hold, and nobody could be elected any more.
TERM_JUMP_MAX = 1_000_000
INDEX_MAX = 2**63 - 1  # what a disk holds


def check_message(message: Message, receiver: RobotId, term: int) -> None:
    """`term`: the receiver's own. Raises PeerProtocolError."""
    kind = type(message)
    fault = None
    if message.sender == receiver:
        fault = 'carries our own name'
    elif message.term > min(term + TERM_JUMP_MAX, INDEX_MAX):
        fault = f'term {message.term}, at most {term + TERM_JUMP_MAX} can be'
    elif message.recipient != receiver and kind is not HeartbeatReply:
        # Answers to a heartbeat are beacons: everybody hears them and looks at their term.
        if message.recipient is not None:
            fault = f'meant for {message.recipient}'
        elif kind not in _TO_EVERYBODY:
            fault = f'{kind.__name__} to everybody'
    if fault is None and kind in _RULES:
        fault = _RULES[kind](message)
    if fault is not None:
        raise PeerProtocolError(message.sender, fault)


def _fault_of_vote(vote: Vote) -> str | None:
    if vote.granted is not (vote.reason is VoteReason.GRANTED):
        return 'granted and reason contradict'
    return None


def _fault_of_heartbeat(heartbeat: Heartbeat) -> str | None:
    if heartbeat.commit_index > heartbeat.last_index:
        return f'has committed entry {heartbeat.commit_index} of {heartbeat.last_index}'
    return None


def _fault_of_append(append: Append) -> str | None:
    last_term = append.entries[-1].term if append.entries else append.prev_term
    if last_term > append.term:
        return f'entries of term {last_term} in term {append.term}'
    for entry in append.entries:
        if entry.kind is EntryKind.MEMBERSHIP:
            try:
                Membership.decode(entry.data)
            except MalformedMembership as error:
                return f'entry {entry.index} is {error}'
    return check_order(append.prev_index, append.prev_term, append.entries)


def _fault_of_chunk(chunk: SnapshotChunk) -> str | None:
    if not 1 <= len(chunk.data) <= CHUNK_BYTES_MAX:
        return f'a chunk of {len(chunk.data)} bytes, expected 1 to {CHUNK_BYTES_MAX}'
    if not 0 <= chunk.offset_bytes <= chunk.total_bytes - len(chunk.data):
        return f'a chunk at {chunk.offset_bytes} of a snapshot of {chunk.total_bytes} bytes'
    if len(chunk.sha256) != 32:
        return f'a sha256 of {len(chunk.sha256)} bytes'
    if not 1 <= chunk.last_term <= chunk.term or chunk.last_index < 1:
        return f'a snapshot of entry {chunk.last_index}, term {chunk.last_term}'
    return None


_TO_EVERYBODY = frozenset({VoteRequest, Heartbeat})
_RULES: dict[type, Callable[[Any], str | None]] = {
    Vote: _fault_of_vote,
    Heartbeat: _fault_of_heartbeat,
    Append: _fault_of_append,
    SnapshotChunk: _fault_of_chunk,
}
