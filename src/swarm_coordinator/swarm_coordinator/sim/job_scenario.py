# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""From a seed to what clients and operators do to a swarm that works on jobs.

Owns chances. Each seed has a character of its own (long jobs, many files, many poison jobs ...),
because an even mixture of everything hides what a lot of one thing would show.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from swarm_coordinator.core.jobs.spec import Effects
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.sim.job_orders import (
    COMMON_PROGRAM,
    NO_PROGRAM,
    RARE_PROGRAM,
    JobOrder,
)
from swarm_coordinator.sim.schedule import Settings, Step


class JobScenario:
    def __init__(self, settings: Settings, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        self._robots = settings.robots
        self._mean_ms = rng.choice((60, 200, 600))
        self._run_ms_max = rng.choice((40, 400, 3_000, 8_000))
        self._bad = rng.choice((0.0, 0.1, 0.4))
        self._filed = rng.choice((0.0, 0.3, 0.9))
        self._effects = tuple(
            one.value for one in Effects if rng.random() < 0.6
        ) or (Effects.IDEMPOTENT.value,)

    def steps(self) -> Iterator[Step]:
        yield from self._jobs()
        yield from self._operators()
        yield from self._coincidences()

    def _times(self, mean_ms: float, end_ms: float) -> Iterator[int]:
        at_ms = 0.0
        while True:
            at_ms += 1 + self._rng.random() * 2 * mean_ms
            if at_ms >= end_ms:
                return
            yield int(at_ms)

    def _robot(self) -> str:
        return self._rng.choice(self._robots)

    def _spread_ms(self, least: int, most: int) -> int:
        return int(least * (most / least) ** self._rng.random())

    # ---- clients

    def _jobs(self) -> Iterator[Step]:
        rng = self._rng
        named: list[str] = []
        for number, at_ms in enumerate(self._times(self._mean_ms, self._settings.length_ms), 1):
            if named and rng.random() < 0.15:
                what = rng.choice(('again', 'cancel', 'retry'))
                yield Step(at_ms, 'job', (self._robot(), what, rng.choice(named[-20:])))
                continue
            name = f'j{number}'
            named.append(name)
            words = self._order(number).words
            yield Step(at_ms, 'job', (self._robot(), 'submit', name, *words))

    def _order(self, number: int) -> JobOrder:
        rng = self._rng
        does = 'ok'
        if rng.random() < self._bad:
            does = rng.choice(('fail', 'fail', 'hang', 'stubborn', 'stubborn', 'unable', 'poison'))
        is_filed = rng.random() < self._filed
        effects = rng.choice(self._effects)
        return JobOrder(
            does=does,
            run=self._spread_ms(5, self._run_ms_max),
            inputs=rng.randint(0, 2) if is_filed else 0,
            outputs=rng.randint(0, 2) if is_filed else 0,
            same=int(rng.random() < 0.3),
            effects=effects,
            key=f'k{number}' if rng.random() < 0.7 else '',
            needs=rng.choices((COMMON_PROGRAM, RARE_PROGRAM, NO_PROGRAM), (90, 9, 1))[0],
            prio=rng.choice((0, 0, 0, 1, 5)),
            tries=rng.choice((1, 2, 3, 3)),
            limit=self._spread_ms(200, 6_000) if does == 'hang' else 0,
            folder=rng.randint(0, 1),
            retries=0 if effects == Effects.ONCE.value else rng.choice((0, 0, 1, 3)),
            rest=rng.choice((50, 500, 1_500)),
            due=self._spread_ms(500, 20_000) if rng.random() < 0.1 else 0,
        )

    # ---- what independent events hardly ever do together

    def _coincidences(self) -> Iterator[Step]:
        mean_ms = self._rng.choice((4_000, 8_000, 20_000))
        kinds = (self._long_pause, self._late_grant, self._lost_renewals)
        for number, at_ms in enumerate(self._times(mean_ms, self._settings.length_ms), 1):
            yield from self._rng.choice(kinds)(f'c{number}', at_ms)

    def _batch(self, name: str, at_ms: int, run_ms: int) -> Iterator[Step]:
        """As much work as makes every robot hold some."""
        does, effects = self._rng.choice(('ok', 'ok', 'stubborn')), self._rng.choice(self._effects)
        robot = self._robot()
        for number in range(2 * len(self._robots)):
            key = f'{name}-{number}'
            order = JobOrder(does=does, run=run_ms, effects=effects, prio=5, key=key)
            yield Step(at_ms, 'job', (robot, 'submit', f'{name}-{number}', *order.words))

    def _long_pause(self, name: str, at_ms: int) -> Iterator[Step]:
        """A robot sleeps longer than its leases last, and then says what it has done."""
        yield from self._batch(name, at_ms, self._spread_ms(2_000, 6_000))
        pause = (self._robot(), str(self._spread_ms(3_000, 5_500)))
        yield Step(at_ms + self._spread_ms(100, 1_500), 'pause', pause)

    def _late_grant(self, name: str, at_ms: int) -> Iterator[Step]:
        """A robot that is heard, but hears nothing, learns of its jobs when they are nearly lost
        again; and then nobody hears it."""
        deaf, deaf_ms = self._robot(), self._rng.randint(1_500, 3_300)
        yield Step(at_ms, 'oneway', (f'*>{deaf}', str(deaf_ms)))
        yield from self._batch(name, at_ms + 10, self._spread_ms(500, 4_000))
        yield Step(at_ms + deaf_ms + self._spread_ms(5, 300), 'split', (f'{deaf}|*', '4000'))

    def _lost_renewals(self, name: str, at_ms: int) -> Iterator[Step]:
        """A robot at work is not heard any more."""
        yield from self._batch(name, at_ms, self._spread_ms(2_000, 8_000))
        mute = (f'{self._robot()}>*', str(self._spread_ms(2_000, 6_000)))
        yield Step(at_ms + self._spread_ms(100, 1_500), 'oneway', mute)

    # ---- operators

    def _operators(self) -> Iterator[Step]:
        rng = self._rng
        kinds = [kind for kind in (
            'emergency', 'mode', 'away', 'wish', 'transfer', 'compact'
        ) if rng.random() < 0.5]
        if not kinds:
            return
        for at_ms in self._times(rng.choice((1_500, 5_000, 15_000)), self._settings.length_ms):
            kind = rng.choice(kinds)
            yield Step(at_ms, kind, self._words(kind))

    def _words(self, kind: str) -> tuple[str, ...]:
        rng, robot = self._rng, self._robot()
        if kind == 'mode':
            return robot, rng.choice(list(Mode)).label, str(self._spread_ms(500, 6_000))
        if kind == 'wish':
            change = rng.choice(('add', 'promote', 'promote', 'demote', 'remove'))
            return robot, change, self._robot()
        if kind in ('emergency', 'away'):
            return robot, str(self._spread_ms(200, 4_000))
        return (robot,)
