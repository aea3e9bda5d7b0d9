# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The modes of the swarm and what each one allows, as one table. Knows nothing of who chooses."""

from enum import Enum


class Mode(Enum):
    """Values are those of swarm_msgs/msg/ModeState."""

    NORMAL = 0
    EXPLORE = 1
    CONSERVE = 2
    DEFENSIVE = 3
    HYPERFOCUS = 4
    RECOVERY = 5
    MAINTENANCE = 6

    @property
    def label(self) -> str:
        return self.name.lower()


class Activity(Enum):
    TAKE_JOBS = 'take new jobs'
    STEAL_JOBS = 'steal jobs'
    TRY_NEW_ROUTES = 'try routes that are not known to be the best'
    PROBE_HARDWARE = 'probe hardware'


_ALL = frozenset(Activity)

# Recovery goes on with jobs: work in hand is what a swarm that has lost a robot must not lose.
# Maintenance lets running jobs end and takes no new ones.
ALLOWED: dict[Mode, frozenset[Activity]] = {
    Mode.NORMAL: _ALL,
    Mode.EXPLORE: _ALL,
    Mode.CONSERVE: frozenset({Activity.TAKE_JOBS}),
    Mode.DEFENSIVE: frozenset({Activity.TAKE_JOBS}),
    Mode.HYPERFOCUS: frozenset({Activity.TAKE_JOBS, Activity.STEAL_JOBS}),
    Mode.RECOVERY: frozenset({Activity.TAKE_JOBS, Activity.STEAL_JOBS}),
    Mode.MAINTENANCE: frozenset({Activity.PROBE_HARDWARE}),
}


def allows(mode: Mode, activity: Activity) -> bool:
    return activity in ALLOWED[mode]


def mode_named(name: str) -> Mode:
    """Raises ValueError that lists the valid names."""
    for mode in Mode:
        if mode.label == name.strip().lower():
            return mode
    valid = ', '.join(mode.label for mode in Mode)
    raise ValueError(f'mode={name[:40]!r} is not known: expected one of {valid}')
