# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A run as a list of steps that people can read, cut down and play again.

Owns the form of a schedule: settings, then one step per line, at a virtual time. Everything that
was chosen at random about a step is written in it, so that leaving out other steps does not
change it. Refuses to know what a step does (faults.py, cluster.py) and how one is chosen
(scenario.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from swarm_coordinator.core.raft import PROFILES

WORKLOADS = ('registers', 'services', 'jobs')
DIVIDER = '----'


class MalformedSchedule(ValueError):
    """`line` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f'line {line}: {what}')
        self.line = line


@dataclass(frozen=True)
class Settings:
    """What a run is made of besides its steps.

    voters         founders of the swarm, r1 to rN
    non_voters     further robots, which join it
    length_ms      virtual time with faults; healing comes on top
    compact_after  entries applied since the last snapshot before the next is made
    keep_entries   entries left in the log by a compaction, for followers a little behind
    """

    seed: int = 0
    voters: int = 3
    non_voters: int = 0
    profile: str = 'wifi'
    workload: str = 'registers'
    length_ms: int = 60_000
    compact_after: int = 40
    keep_entries: int = 10

    def __post_init__(self) -> None:
        if not 1 <= self.voters <= 7:
            raise ValueError(f'voters={self.voters}: expected 1 to 7')
        if not 0 <= self.non_voters <= 20:
            raise ValueError(f'non_voters={self.non_voters}: expected 0 to 20')
        if self.profile not in PROFILES:
            raise ValueError(f'profile={self.profile!r}: expected one of {sorted(PROFILES)}')
        if self.workload not in WORKLOADS:
            raise ValueError(f'workload={self.workload!r}: expected one of {list(WORKLOADS)}')
        for name, least in (('length_ms', 1), ('compact_after', 1), ('keep_entries', 0)):
            if getattr(self, name) < least:
                raise ValueError(f'{name}={getattr(self, name)}: expected at least {least}')

    @property
    def founders(self) -> tuple[str, ...]:
        return tuple(f'r{number}' for number in range(1, self.voters + 1))

    @property
    def robots(self) -> tuple[str, ...]:
        return tuple(f'r{number}' for number in range(1, self.voters + self.non_voters + 1))


@dataclass(frozen=True, slots=True)
class Step:
    at_ms: int
    verb: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f'{self.at_ms:>8} {" ".join((self.verb, *self.words))}'


@dataclass(frozen=True)
class Schedule:
    """Steps are in order of time."""

    settings: Settings
    steps: tuple[Step, ...] = ()

    def with_steps(self, steps: Iterable[Step]) -> Schedule:
        return Schedule(self.settings, tuple(steps))

    def __str__(self) -> str:
        settings = dataclasses.asdict(self.settings)
        lines = [f'{name} {value}' for name, value in settings.items()]
        return '\n'.join([*lines, DIVIDER, *map(str, self.steps), ''])


def parse(text: str) -> Schedule:
    """The Schedule that str() made; lines that begin with # and empty ones are skipped.

    Raises MalformedSchedule.
    """
    lines = [
        (number, line.split())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith('#')
    ]
    at = next((at for at, (_, words) in enumerate(lines) if words == [DIVIDER]), None)
    if at is None:
        raise MalformedSchedule(len(text.splitlines()), f'expected a line {DIVIDER!r}')
    steps = [_step(number, words) for number, words in lines[at + 1 :]]
    return Schedule(_settings(lines[:at]), tuple(sorted(steps, key=lambda step: step.at_ms)))


def _settings(lines: list[tuple[int, list[str]]]) -> Settings:
    kinds = {name: type(value) for name, value in dataclasses.asdict(Settings()).items()}
    found: dict[str, int | str] = {}
    number = 1
    for number, words in lines:
        if len(words) != 2 or words[0] not in kinds:
            raise MalformedSchedule(number, f'expected one of {", ".join(kinds)} and its value')
        try:
            found[words[0]] = kinds[words[0]](words[1])
        except ValueError as error:
            raise MalformedSchedule(number, str(error)) from None
    try:
        return Settings(**found)  # type: ignore[arg-type]
    except ValueError as error:
        raise MalformedSchedule(number, str(error)) from None


def _step(number: int, words: list[str]) -> Step:
    if len(words) < 2 or not words[0].isdecimal():
        raise MalformedSchedule(number, 'expected a time in ms, a verb and its words')
    return Step(int(words[0]), words[1], tuple(words[2:]))
