# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The life of one version of a policy: owns its phases and what may follow what; refuses to know
who decides, and on what evidence."""

from __future__ import annotations

from enum import Enum


class VersionPhase(Enum):
    """Values are those of swarm_msgs/msg/PolicyVersion."""

    SHADOW = 0
    CANARY = 1
    ACTIVE = 2
    RETIRED = 3
    ROLLED_BACK = 4

    @property
    def label(self) -> str:
        return self.name.lower()


class VersionEvent(Enum):
    INSTALLED = 'first of its name'
    PROMOTED = 'promoted'
    SUPERSEDED = 'superseded'
    FELL_BEHIND = 'fell behind'
    WITHDRAWN = 'withdrawn'
    REINSTATED = 'reinstated'
    TRIED_AGAIN = 'tried again'


_PHASE, _EVENT = VersionPhase, VersionEvent

# A version is followed only after it was asked (shadow) and then followed for a part (canary).
# The one exception is the first of its name: there is nothing that it could be worse than.
VERSION_TRANSITIONS: dict[tuple[VersionPhase, VersionEvent], VersionPhase] = {
    (_PHASE.SHADOW, _EVENT.INSTALLED): _PHASE.ACTIVE,
    (_PHASE.SHADOW, _EVENT.PROMOTED): _PHASE.CANARY,
    (_PHASE.SHADOW, _EVENT.WITHDRAWN): _PHASE.RETIRED,
    (_PHASE.CANARY, _EVENT.PROMOTED): _PHASE.ACTIVE,
    (_PHASE.CANARY, _EVENT.FELL_BEHIND): _PHASE.ROLLED_BACK,
    (_PHASE.CANARY, _EVENT.WITHDRAWN): _PHASE.RETIRED,
    (_PHASE.ACTIVE, _EVENT.SUPERSEDED): _PHASE.RETIRED,
    (_PHASE.ACTIVE, _EVENT.FELL_BEHIND): _PHASE.ROLLED_BACK,
    (_PHASE.RETIRED, _EVENT.REINSTATED): _PHASE.ACTIVE,
    (_PHASE.RETIRED, _EVENT.TRIED_AGAIN): _PHASE.SHADOW,
    (_PHASE.ROLLED_BACK, _EVENT.TRIED_AGAIN): _PHASE.SHADOW,
}


class InvalidTransition(Exception):
    """The lifecycle does not allow this; nothing was changed."""

    def __init__(self, phase: VersionPhase, event: VersionEvent) -> None:
        allowed = sorted(e.value for p, e in VERSION_TRANSITIONS if p is phase)
        super().__init__(
            f'a {phase.label} version does not accept "{event.value}"; '
            f'it accepts: {", ".join(allowed)}')
        self.phase = phase
        self.event = event


def next_phase(phase: VersionPhase, event: VersionEvent) -> VersionPhase:
    """Raises InvalidTransition where the table has no row."""
    try:
        return VERSION_TRANSITIONS[phase, event]
    except KeyError:
        raise InvalidTransition(phase, event) from None


def diagram() -> str:
    """A mermaid state diagram with the arrows in the order of the table."""
    lines = ['```mermaid', 'stateDiagram-v2', f'    [*] --> {VersionPhase.SHADOW.label}']
    lines += [f'    {phase.label} --> {to.label}: {event.value}'
              for (phase, event), to in VERSION_TRANSITIONS.items()]
    return '\n'.join([*lines, '```', ''])
