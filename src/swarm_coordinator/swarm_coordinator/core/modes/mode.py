# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The modes of the swarm and what each one allows, as one table. Knows nothing of who chooses."""

from collections.abc import Iterable
from dataclasses import dataclass
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
    MOVE_LEADERSHIP = 'move leadership to a fitter robot'
    RECORD = 'record for learning'


@dataclass(frozen=True)
class ModeRules:
    """One row of the table. `caution` orders the modes: who may only be more cautious goes up."""

    caution: int
    purpose: str
    allowed: frozenset[Activity]


_TAKE, _STEAL, _ROUTES, _PROBE, _MOVE, _RECORD = Activity

# Only maintenance takes no jobs: work in hand is what a swarm in trouble must not lose, and
# running jobs go on in every mode. Leadership does not move while voters are missing (recovery),
# where it would cost work (hyperfocus), or while it is not clear who is well (defensive); it does
# move off a robot that runs low (conserve) or is to be switched off (maintenance).
MODES: dict[Mode, ModeRules] = {
    Mode.EXPLORE: ModeRules(
        0, 'little to do: learn what may pay later', frozenset(Activity)
    ),
    Mode.NORMAL: ModeRules(
        1, 'nothing calls for another mode', frozenset(Activity)
    ),
    Mode.HYPERFOCUS: ModeRules(
        2, 'much work waits: do nothing else', frozenset({_TAKE, _STEAL, _RECORD})
    ),
    Mode.RECOVERY: ModeRules(
        3, 'no voter to spare: go on with work and disturb nothing', frozenset({_TAKE, _STEAL})
    ),
    Mode.CONSERVE: ModeRules(
        4, 'save energy: work, and nothing besides', frozenset({_TAKE, _MOVE})
    ),
    Mode.DEFENSIVE: ModeRules(
        5, 'trouble or no contact: take no risks, keep a record', frozenset({_TAKE, _RECORD})
    ),
    Mode.MAINTENANCE: ModeRules(
        6, 'people at work, or an emergency: let running jobs end, take none',
        frozenset({_PROBE, _MOVE, _RECORD}),
    ),
}


def allows(mode: Mode, activity: Activity) -> bool:
    return activity in MODES[mode].allowed


def more_cautious(one: Mode, other: Mode) -> Mode:
    """The one that risks less."""
    return max(one, other, key=lambda mode: MODES[mode].caution)


def most_cautious(modes: Iterable[Mode]) -> Mode:
    """Raises ValueError without any."""
    return max(modes, key=lambda mode: MODES[mode].caution)


def mode_named(name: str) -> Mode:
    """Raises ValueError that lists the valid names."""
    for mode in Mode:
        if mode.label == name.strip().lower():
            return mode
    valid = ', '.join(mode.label for mode in Mode)
    raise ValueError(f'mode={name[:40]!r} is not known: expected one of {valid}')


def table_text() -> str:
    """The table as Markdown, least cautious mode first."""
    head = ['mode', 'what for', *(activity.value for activity in Activity)]
    lines = [_row(head), _row(['---'] * len(head))]
    for mode in sorted(Mode, key=lambda mode: MODES[mode].caution):
        marks = ['yes' if allows(mode, activity) else '' for activity in Activity]
        lines.append(_row([f'**{mode.label}**', MODES[mode].purpose, *marks]))
    return '\n'.join([*lines, ''])


def _row(cells: list[str]) -> str:
    return f'| {" | ".join(cells)} |'
