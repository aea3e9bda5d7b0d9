# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a flight recorder writes down and what it may keep. Owns the table of topics, how often
one sender is written, which old files go, and how files are named; touches none of them.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NS_PER_MS = 1_000_000
SENDERS_MAX = 1024
ROBOT = '{robot}'
RING_NAME = re.compile(r'ring_([0-9]{6,12})\.mcap')
KEPT_NAME = re.compile(r'[0-9]{8}T[0-9]{6}Z_[a-z0-9_]{1,48}(?:_[0-9]{1,4})?')


@dataclass(frozen=True)
class Topic:
    """One topic that is written. `carry`: so many of its last messages begin the next file too,
    because a file must make sense without the one before. `gap_ms`: of one sender at most one
    message in this time."""

    name: str
    type: str
    latched: bool = False
    reliable: bool = True
    carry: int = 0
    gap_ms: int = 0


def _latched(name: str, kind: str, carry: int = 4) -> Topic:
    return Topic(name, kind, latched=True, carry=carry)


# Payloads of jobs (/swarm/file_*), the log on its way (/swarm/append*) and snapshots are left out:
# they are large, and what they do is told by the topics that are here.
TOPICS: tuple[Topic, ...] = (
    Topic('/swarm/heartbeat', 'swarm_msgs/msg/Heartbeat', reliable=False, gap_ms=500),
    Topic('/swarm/events', 'swarm_msgs/msg/SwarmEvent'),
    _latched('/swarm/state', 'swarm_msgs/msg/SwarmState'),
    _latched('/swarm/mode', 'swarm_msgs/msg/ModeState'),
    _latched('/swarm/jobs', 'swarm_msgs/msg/JobUpdates', carry=256),
    _latched('/swarm/robots', 'swarm_msgs/msg/RobotCard', carry=64),
    _latched('/swarm/emergency', 'swarm_msgs/msg/Emergency'),
    Topic('/swarm/emergency_now', 'swarm_msgs/msg/Emergency', reliable=False),
    Topic('/swarm/outcomes', 'swarm_msgs/msg/JobOutcomes'),
    Topic('/swarm/vote_request', 'swarm_msgs/msg/VoteRequest', reliable=False),
    Topic('/swarm/vote', 'swarm_msgs/msg/Vote', reliable=False),
    _latched('/swarm/policy', 'swarm_msgs/msg/ModePolicy'),
    _latched('/swarm/route_costs', 'swarm_msgs/msg/RouteCosts'),
    _latched('/swarm/reputation', 'swarm_msgs/msg/Reputation', carry=16),
    _latched('/swarm/regime', 'swarm_msgs/msg/Regime'),
    _latched('/swarm/consciousness', 'swarm_msgs/msg/SwarmConsciousness'),
    Topic('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', reliable=False),
)
ROBOT_TOPICS: tuple[Topic, ...] = (
    _latched('/{robot}/hardware/inventory', 'swarm_msgs/msg/HardwareInventory', carry=1),
    Topic('/{robot}/hardware/events', 'swarm_msgs/msg/HardwareEvent'),
    _latched('/{robot}/local_state', 'swarm_msgs/msg/LocalState', carry=1),
    _latched('/{robot}/consciousness', 'swarm_msgs/msg/LocalConsciousness', carry=1),
    _latched('/{robot}/learning', 'swarm_msgs/msg/LearningState', carry=1),
    _latched('/{robot}/advice', 'swarm_msgs/msg/Advice', carry=1),
)


class Thinner:
    """Lets one message of each sender through per gap. Memory is bounded: whoever was let through
    longest ago is forgotten first."""

    def __init__(self, gap_ms: int) -> None:
        self._gap_ns = gap_ms * NS_PER_MS
        self._last: OrderedDict[str, int] = OrderedDict()

    def admits(self, sender: str, at_ns: int) -> bool:
        """Tell whether this one is written."""
        last = self._last.get(sender)
        if last is not None and 0 <= at_ns - last < self._gap_ns:
            return False
        self._last[sender] = at_ns
        self._last.move_to_end(sender)
        if len(self._last) > SENDERS_MAX:
            self._last.popitem(last=False)
        return True


def sender_of(raw: bytes) -> str:
    """Return the sender of a serialised message whose first field is an envelope; '' = no such."""
    return _texts(raw)[1]


def swarm_of(raw: bytes) -> str:
    """Return the swarm_id of such a message."""
    return _texts(raw)[0]


def _texts(raw: bytes) -> tuple[str, str]:
    """CDR, little endian: 4 bytes of header, then each string as uint32 length with its final
    zero, aligned to 4 from the end of the header."""
    at, found = 4, []
    if raw[:2] != b'\x00\x01':
        return '', ''
    for _ in range(2):
        at = 4 + (at - 4 + 3) // 4 * 4
        length = int.from_bytes(raw[at : at + 4], 'little')
        text = raw[at + 4 : at + 4 + length]
        if not 1 <= length <= 256 or len(text) != length:
            return '', ''
        found.append(text[:-1].decode('utf-8', 'replace'))
        at += 4 + length
    return found[0], found[1]


def too_many(sizes: Sequence[tuple[str, int]], room_bytes: int) -> list[str]:
    """Return the names, oldest first, that must go so that the rest takes at most `room_bytes`."""
    total, gone = sum(size for _, size in sizes), []
    for name, size in sizes:
        if total <= room_bytes:
            break
        gone.append(name)
        total -= size
    return gone


def ring_name(number: int) -> str:
    """Return the name of a file of the ring."""
    return f'ring_{number:06d}.mcap'


def ring_number(name: str) -> int | None:
    """Return the number of a file of the ring; None = it is none."""
    match = RING_NAME.fullmatch(name)
    return None if match is None else int(match.group(1))


def kept_name(stamp: str, reason: str, taken: Iterable[str]) -> str:
    """Return a new name, from a time such as 20260131T120000Z, that tells the reason."""
    word = re.sub('[^a-z0-9]+', '_', reason.lower()).strip('_')[:48].strip('_') or 'by_hand'
    name, known = f'{stamp}_{word}', set(taken)
    if name not in known:
        return name
    return next(f'{name}_{n}' for n in range(2, 10_000) if f'{name}_{n}' not in known)
