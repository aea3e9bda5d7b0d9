# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What no correct peer ever sends.

Owns the rules that can be checked on a message alone. Refuses to know the receiver's log and
role: what contradicts those is checked where they live.
"""

from __future__ import annotations

from collections.abc import Collection

from swarm_coordinator.core.raft.log import check_order
from swarm_coordinator.core.raft.messages import (
    Append,
    Heartbeat,
    HeartbeatReply,
    Message,
    PeerProtocolError,
    RobotId,
    Vote,
    VoteReason,
)


def check_message(message: Message, receiver: RobotId, voters: Collection[RobotId]) -> None:
    """Raises PeerProtocolError."""
    fault = _fault_of_sender(message, receiver, voters) or _fault_of_content(message)
    if fault is not None:
        raise PeerProtocolError(message.sender, fault)


def _fault_of_sender(
    message: Message, receiver: RobotId, voters: Collection[RobotId]
) -> str | None:
    if message.sender == receiver:
        return 'carries our own name'
    # Answers to a heartbeat are beacons: everybody hears them and looks at their term.
    is_beacon = isinstance(message, HeartbeatReply)
    if message.recipient not in (None, receiver) and not is_beacon:
        return f'meant for {message.recipient}'
    if isinstance(message, (Vote, Append, Heartbeat)) and message.sender not in voters:
        return f'{type(message).__name__} of a non-voter'
    return None


def _fault_of_content(message: Message) -> str | None:
    if isinstance(message, Vote):
        if message.granted is not (message.reason is VoteReason.GRANTED):
            return 'granted and reason contradict'
    elif isinstance(message, Heartbeat):
        if message.commit_index > message.last_index:
            return f'has committed entry {message.commit_index} of {message.last_index}'
    elif isinstance(message, Append):
        return _fault_of_entries(message)
    return None


def _fault_of_entries(append: Append) -> str | None:
    last_term = append.entries[-1].term if append.entries else append.prev_term
    if last_term > append.term:
        return f'entries of term {last_term} in term {append.term}'
    return check_order(append.prev_index, append.prev_term, append.entries)
