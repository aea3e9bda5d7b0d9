# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The life of one claim to a resource: owns its phases and what may follow what.

A claim is held (a lease, with its fencing token) or waits for the one before it. Knows nothing of
who may ask; the order of claims is lease_book.py.
"""

import re
from dataclasses import dataclass, field
from enum import Enum

from swarm_coordinator.core.ids import RobotId

# A lease shorter than a few heartbeats ends with the first lost packet; one longer than a day is
# a configuration. Chosen without data.
TTL_MS_MIN, TTL_MS_MAX = 200, 24 * 3_600_000
WAIT_MS_MAX = 24 * 3_600_000
HOLDER_CHARS_MAX = KEY_CHARS_MAX = 128
# Explicit ranges: a class of Unicode differs between versions of Python, and then replicas do.
_RESOURCE = re.compile(r'[A-Za-z0-9][A-Za-z0-9_./:-]{0,127}\Z')
_LABEL = re.compile(r'[\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]*\Z')


class ClaimPhase(Enum):
    ASKED = 'asked'
    WAITING = 'waiting'
    HELD = 'held'
    REFUSED = 'refused'
    TIMED_OUT = 'timed out'
    CANCELLED = 'cancelled'
    RELEASED = 'released'
    EXPIRED = 'expired'
    LOST = 'lost'


class ClaimEvent(Enum):
    GRANTED = 'granted'
    QUEUED = 'queued'
    TURNED_DOWN = 'turned down'
    RENEWED = 'renewed'
    GIVEN_BACK = 'given back'
    TIME_OVER = 'time over'
    WITHDRAWN = 'withdrawn'
    ROBOT_LOST = 'robot lost'


# TIME_OVER of a lease happens by a log entry only, never by looking at a clock. ROBOT_LOST is a
# verdict or a new life of the robot that the claim was made through, and ends waits only: whoever
# holds a lease may outlive that robot's process or be cut off with it, and acts on its time to
# live, the one thing that both sides know (Jepsen on etcd's locks, 2020).
CLAIM_TRANSITIONS: dict[tuple[ClaimPhase, ClaimEvent], ClaimPhase] = {
    (ClaimPhase.ASKED, ClaimEvent.GRANTED): ClaimPhase.HELD,
    (ClaimPhase.ASKED, ClaimEvent.QUEUED): ClaimPhase.WAITING,
    (ClaimPhase.ASKED, ClaimEvent.TURNED_DOWN): ClaimPhase.REFUSED,
    (ClaimPhase.WAITING, ClaimEvent.GRANTED): ClaimPhase.HELD,
    (ClaimPhase.WAITING, ClaimEvent.TIME_OVER): ClaimPhase.TIMED_OUT,
    (ClaimPhase.WAITING, ClaimEvent.WITHDRAWN): ClaimPhase.CANCELLED,
    (ClaimPhase.WAITING, ClaimEvent.ROBOT_LOST): ClaimPhase.LOST,
    (ClaimPhase.HELD, ClaimEvent.RENEWED): ClaimPhase.HELD,
    (ClaimPhase.HELD, ClaimEvent.GIVEN_BACK): ClaimPhase.RELEASED,
    (ClaimPhase.HELD, ClaimEvent.TIME_OVER): ClaimPhase.EXPIRED,
}
ENDED_CLAIMS = frozenset(
    {
        ClaimPhase.REFUSED,
        ClaimPhase.TIMED_OUT,
        ClaimPhase.CANCELLED,
        ClaimPhase.RELEASED,
        ClaimPhase.EXPIRED,
        ClaimPhase.LOST,
    }
)


class InvalidClaim(Exception):
    """The lifecycle of a claim does not allow this; nothing was changed."""

    def __init__(self, phase: ClaimPhase, event: ClaimEvent) -> None:
        allowed = sorted(e.value for p, e in CLAIM_TRANSITIONS if p is phase)
        super().__init__(
            f'a claim that is {phase.value} does not accept "{event.value}"; '
            f'it accepts: {", ".join(allowed) or "nothing"}'
        )
        self.phase = phase
        self.event = event


def next_claim_phase(phase: ClaimPhase, event: ClaimEvent) -> ClaimPhase:
    """Raises InvalidClaim where the table has no row."""
    try:
        return CLAIM_TRANSITIONS[phase, event]
    except KeyError:
        raise InvalidClaim(phase, event) from None


@dataclass(frozen=True, slots=True)
class Waiter:
    """A claim in the queue. `asked_index` is that of its entry and tells it from any other."""

    holder: str
    robot_id: RobotId
    incarnation: int
    ttl_ms: int
    deadline_ns: int  # stamp of the log at which its wait is over
    key: str
    asked_index: int


@dataclass(slots=True)
class Lease:
    """A resource that is held. `token` is the log index of the grant."""

    resource: str
    holder: str
    robot_id: RobotId  # through which it was asked for, and in which life of it; what becomes of
    incarnation: int  # that robot ends no lease
    token: int
    granted_ns: int
    expires_ns: int
    ttl_ms: int
    key: str = ''
    waiters: tuple[Waiter, ...] = field(default=())

    def is_live(self, stamp_ns: int) -> bool:
        return stamp_ns < self.expires_ns

    def check_invariants(self) -> None:
        assert self.token > 0 and TTL_MS_MIN <= self.ttl_ms <= TTL_MS_MAX, self
        assert self.expires_ns > self.granted_ns, self
        asked = [waiter.asked_index for waiter in self.waiters]
        assert asked == sorted(set(asked)), self


@dataclass(frozen=True)
class LeaseAnswer:
    """Where a claim stands after an entry; times count from that entry's stamp.

    HELD      the right, under `token`, for `remaining_ms`
    WAITING   `place` in the queue (1 is next), for `remaining_ms`; `token` is the holder's
    otherwise `token` is that of whoever holds it now, 0 if nobody does
    """

    phase: ClaimPhase
    resource: str
    token: int = 0
    holder: str = ''
    robot_id: RobotId = RobotId('')
    remaining_ms: int = 0
    place: int = 0
    presented: int = 0  # the token that a renewal or release came with


def refused_resource(resource: str) -> str:
    """'' for a valid name of a resource, else what was expected."""
    if _RESOURCE.match(resource):
        return ''
    return (
        f'resource={resource[:80]!r}: expected 1 to 128 of A-Z a-z 0-9 _ . / : -, a letter or '
        'digit first'
    )


def refused_label(name: str, value: str, chars_max: int, needed: bool = False) -> str:
    """'' for a line of text of at most `chars_max` characters, else what was expected."""
    if len(value) <= chars_max and _LABEL.match(value) and (value or not needed):
        return ''
    low = 1 if needed else 0
    return (
        f'{name}={value[:80]!r}: expected {low} to {chars_max} characters, none of them a control '
        'character'
    )
