# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The mode one robot itself acts under: the swarm's, or a more cautious one, never a bolder one.

Owns which facts of a robot make it careful. Refuses to know how they are measured; needs no leader
and no learner, because it must also hold for a robot that has neither.
"""

from dataclasses import dataclass

from swarm_coordinator.core.modes.mode import MODES, Activity, Mode, allows, more_cautious
from swarm_coordinator.core.registry.awareness import AWARENESS_MAX


@dataclass(frozen=True)
class LocalPolicy:
    """When a robot is more careful than its swarm.

    leader_silence_ns_max   without word from a leader for longer, `alone` holds: five times the
                            longest election time-out on Wi-Fi, so that no failover does it
    alone                   the mode of a robot that cannot know what the swarm wants
    battery_low_permille    at or below: conserve. Chosen without data, as is the next
    battery_ok_permille     above: no more; the gap is more than a gauge wavers under load
    battery_empty_permille  at or below: no new jobs, the rest is for the way home; above twice
                            that again
    doubt_high, doubt_low   awareness at which a robot takes itself for unwell, and for well again
    """

    leader_silence_ns_max: int = 5_000_000_000
    alone: Mode = Mode.DEFENSIVE
    battery_low_permille: int = 200
    battery_ok_permille: int = 250
    battery_empty_permille: int = 50
    doubt_high: int = 6
    doubt_low: int = 3

    def __post_init__(self) -> None:
        if self.leader_silence_ns_max < 1:
            raise ValueError(
                f'leader_silence_ns_max={self.leader_silence_ns_max} must be at least 1'
            )
        if not (
            0 <= self.battery_empty_permille <= self.battery_low_permille
            < self.battery_ok_permille <= 1000
        ):
            raise ValueError(
                f'battery_empty_permille={self.battery_empty_permille}, '
                f'battery_low_permille={self.battery_low_permille} and '
                f'battery_ok_permille={self.battery_ok_permille}: expected them to rise from 0 to '
                '1000, the last two apart, or the mode flaps with the gauge'
            )
        if not 0 <= self.doubt_low < self.doubt_high <= AWARENESS_MAX:
            raise ValueError(
                f'doubt_low={self.doubt_low}, doubt_high={self.doubt_high}: expected '
                f'0 <= low < high <= {AWARENESS_MAX}, or the mode flaps'
            )


@dataclass(frozen=True)
class LocalFacts:
    """What a robot knows of itself.

    leader_silence_ns   since word from a leader, 0 if it leads; None: never since it started
    running_ns          since it started; while there was no leader yet, this is the silence
    battery_permille    None: no gauge
    awareness           its doubt in itself, 0 to 8
    emergency           the register is active, whoever raised it
    fault               a sentence if the robot itself is unwell in another way, or ''
    """

    leader_silence_ns: int | None = 0
    running_ns: int = 0
    battery_permille: int | None = None
    awareness: int = 0
    emergency: bool = False
    fault: str = ''


@dataclass(frozen=True)
class LocalMode:
    """`mode` is never bolder than the swarm's, and only what both modes allow is allowed."""

    mode: Mode
    reason: str
    swarm_mode: Mode

    def allows(self, activity: Activity) -> bool:
        return allows(self.mode, activity) and allows(self.swarm_mode, activity)


def local_mode(
    swarm_mode: Mode,
    facts: LocalFacts,
    before: Mode | None = None,
    policy: LocalPolicy = LocalPolicy(),
) -> LocalMode:
    """`before`: what this robot acted under until now; it is what keeps the mode from flapping."""
    chosen = LocalMode(swarm_mode, 'as the swarm', swarm_mode)
    for mode, reason in _own_wishes(facts, before, policy):
        if more_cautious(chosen.mode, mode) is not chosen.mode:
            chosen = LocalMode(mode, reason, swarm_mode)
    return chosen


def _own_wishes(
    facts: LocalFacts, before: Mode | None, policy: LocalPolicy
) -> list[tuple[Mode, str]]:
    """Every mode that some fact asks for, with the reason."""
    wishes = [*_contact(facts, policy), *_battery(facts, before, policy)]
    if facts.emergency:
        wishes.append((Mode.MAINTENANCE, 'emergency: no new jobs until it is cleared'))
    if facts.fault:
        wishes.append((Mode.DEFENSIVE, facts.fault))
    careful = before is not None and MODES[before].caution >= MODES[Mode.DEFENSIVE].caution
    if facts.awareness >= (policy.doubt_low if careful else policy.doubt_high):
        wishes.append(
            (Mode.DEFENSIVE, f'doubts itself: awareness {facts.awareness} of {AWARENESS_MAX}')
        )
    return wishes


def _contact(facts: LocalFacts, policy: LocalPolicy) -> list[tuple[Mode, str]]:
    silence_ns = facts.leader_silence_ns
    silence_ns = facts.running_ns if silence_ns is None else silence_ns
    if silence_ns <= policy.leader_silence_ns_max:
        return []
    return [(policy.alone, f'no word from a leader for {silence_ns // 1_000_000_000} s')]


def _battery(
    facts: LocalFacts, before: Mode | None, policy: LocalPolicy
) -> list[tuple[Mode, str]]:
    charge = facts.battery_permille
    if charge is None:
        return []
    reason = f'battery at {charge // 10} %'
    resting = before is not None and MODES[before].caution >= MODES[Mode.MAINTENANCE].caution
    empty = policy.battery_empty_permille * (2 if resting else 1)
    if charge <= min(empty, policy.battery_low_permille):
        return [(Mode.MAINTENANCE, f'{reason}: no new jobs')]
    saving = before is not None and MODES[before].caution >= MODES[Mode.CONSERVE].caution
    limit = policy.battery_ok_permille if saving else policy.battery_low_permille
    return [(Mode.CONSERVE, reason)] if charge <= limit else []
