# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""From a seed to a schedule: which faults come, and what clients and operators do.

Owns chances. Every seed leaves out some kinds of faults at random, because a run with all of them
hides what two of them would show (Groce et al., "Swarm Testing", 2012). Refuses to know how a
step is done.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from swarm_coordinator.sim.job_scenario import JobScenario
from swarm_coordinator.sim.schedule import Schedule, Settings, Step

KEY_OPERATIONS = 16     # then clients turn to another register: histories have to stay short


class Scenario:
    """Made anew for every seed; `settings` gives robots, profile and length."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rng = random.Random(f'{settings.seed}/scenario')
        self._robots = settings.robots

    def schedule(self) -> Schedule:
        if self._settings.workload == 'jobs':
            wanted = JobScenario(self._settings, self._rng).steps()
            steps = [*self._faults(), *wanted]
        else:
            of_workload = {'registers': self._operations, 'services': self._leases}
            steps = [*self._faults(), *of_workload[self._settings.workload](), *self._bursts(),
                     *self._changes(), *self._coincidences()]
        inside = [step for step in steps if step.at_ms < self._settings.length_ms]
        return Schedule(self._settings, tuple(sorted(inside, key=lambda step: step.at_ms)))

    def _times(self, mean_ms: float) -> Iterator[int]:
        """Times of independent events, one per `mean_ms` on average."""
        at_ms = 0.0
        while True:
            at_ms += 1 + self._rng.random() * 2 * mean_ms
            if at_ms >= self._settings.length_ms:
                return
            yield int(at_ms)

    # Faults.

    def _faults(self) -> Iterator[Step]:
        kinds: dict[str, Callable[[], tuple[str, ...]]] = {
            'crash': self._crash, 'crash-writing': self._crash, 'crash-all': self._crash_all,
            'crash-install': self._crash_all,
            'pause': self._pause, 'split': self._split, 'oneway': self._one_way,
            'flap': self._flap, 'radio': self._radio, 'stall': self._stall, 'full': self._full,
            'wipe': self._wipe, 'corrupt': self._corrupt, 'clock': self._clock,
            'skew': self._skew,
        }
        rare = {'crash-all', 'crash-install', 'wipe', 'corrupt', 'full'}
        enabled = [kind for kind in kinds if self._rng.random() < 0.6]
        weights = [1 if kind in rare else 3 for kind in enabled]
        if self._rng.random() < 0.2:    # a founder that is not there when the others begin
            yield Step(0, 'crash', (self._rng.choice(self._robots), self._for_ms(500, 20_000),
                                    'lost'))
        mean_ms = self._rng.choice((600, 1_500, 3_000, 8_000))
        for at_ms in self._times(mean_ms) if enabled else ():
            verb = self._rng.choices(enabled, weights)[0]
            yield Step(at_ms, verb, kinds[verb]())

    def _who(self) -> str:
        return '@leader' if self._rng.random() < 0.4 else self._rng.choice(self._robots)

    def _for_ms(self, least: int, most: int) -> str:
        """Mostly short, sometimes long: the spread matters more than the mean."""
        return str(int(least * (most / least) ** self._rng.random()))

    def _write(self) -> str:
        return self._rng.choice(('lost', 'part', 'kept'))

    def _crash(self) -> tuple[str, ...]:
        return self._who(), self._for_ms(20, 6_000), self._write()

    def _crash_all(self) -> tuple[str, ...]:
        return self._for_ms(20, 2_000), self._write()

    def _pause(self) -> tuple[str, ...]:
        return self._who(), self._for_ms(50, 6_000)

    def _halves(self) -> tuple[str, str]:
        names = list(self._robots)
        if len(names) == 1 or self._rng.random() < 0.3:
            return '@leader', '*'
        self._rng.shuffle(names)
        at = self._rng.randint(1, len(names) - 1)
        # Sometimes the rest, or one of them, still hears both sides.
        end = len(names) if self._rng.random() < 0.6 else self._rng.randint(at + 1, len(names))
        return ','.join(sorted(names[:at])), ','.join(sorted(names[at:end]))

    def _split(self) -> tuple[str, ...]:
        return '|'.join(self._halves()), self._for_ms(100, 8_000)

    def _one_way(self) -> tuple[str, ...]:
        left, right = self._halves()
        ways = f'{left}>{right}' if self._rng.random() < 0.5 else f'{right}>{left}'
        return ways, self._for_ms(100, 8_000)

    def _flap(self) -> tuple[str, ...]:
        left, right = self._halves()
        return f'{left}-{right}', self._for_ms(50, 2_000), self._for_ms(50, 2_000), '6000'

    def _radio(self) -> tuple[str, ...]:
        ways = '>'.join(self._halves()) if self._rng.random() < 0.7 else '*>' + self._all()
        return ways, self._rng.choice(('poor', 'poor', 'slow', 'awful')), self._for_ms(500, 9_000)

    def _all(self) -> str:
        return ','.join(self._robots)

    def _stall(self) -> tuple[str, ...]:
        return self._who(), str(self._rng.choice((5, 20, 100))), self._for_ms(500, 6_000)

    def _full(self) -> tuple[str, ...]:
        return self._who(), self._for_ms(200, 4_000)

    def _wipe(self) -> tuple[str, ...]:
        return self._who(), self._for_ms(20, 3_000)

    def _corrupt(self) -> tuple[str, ...]:
        return self._who(), self._for_ms(1, 3_000), self._for_ms(20, 3_000)

    def _clock(self) -> tuple[str, ...]:
        size_ms = self._rng.choice((50, 5_000, 86_400_000))
        return self._who(), str(self._rng.randint(-size_ms, size_ms))

    def _skew(self) -> tuple[str, ...]:
        permille = self._rng.choice((500, 800, 1_200, 2_000))
        return self._who(), str(permille), self._for_ms(500, 9_000)

    # What people and programs want.

    def _operations(self) -> Iterator[Step]:
        clients = self._rng.randint(2, 8)
        mean_ms = 1_000 / self._rng.choice((20, 80, 250))
        for number, at_ms in enumerate(self._times(mean_ms), 1):
            client = f'c{self._rng.randint(1, clients)}'
            kind = self._rng.choice(('write', 'write', 'cas', 'read'))
            key = f'k{number // KEY_OPERATIONS}'
            robot = self._rng.choice(self._robots)
            yield Step(at_ms, 'client', (client, kind, key, str(number), robot))

    def _leases(self) -> Iterator[Step]:
        resources = [f'd{number}' for number in range(1, self._rng.randint(2, 4))]
        verbs = ('acquire',) * 4 + ('renew',) * 4 + ('use',) * 6 + ('release', 'cancel', 'offer')
        for at_ms in self._times(1_000 / self._rng.choice((10, 40, 120))):
            robot, resource = self._rng.choice(self._robots), self._rng.choice(resources)
            verb = self._rng.choice(verbs)
            if verb == 'offer':
                yield Step(at_ms, 'service', (robot, f's{resource}', self._for_ms(500, 9_000)))
            elif verb == 'acquire':
                ttl_ms, wait_ms = self._for_ms(200, 6_000), self._rng.choice(('0', '500', '4000'))
                yield Step(at_ms, 'lease', (robot, verb, resource, ttl_ms, wait_ms))
            else:
                yield Step(at_ms, 'lease', (robot, verb, resource))

    def _bursts(self) -> Iterator[Step]:
        mean_ms = self._rng.choice((1_000, 4_000, 20_000))
        large = self._rng.choice((0.0, 0.3, 0.9))
        for at_ms in self._times(mean_ms):
            if self._rng.random() >= large:
                words = (str(self._rng.randint(1, 60)), str(self._rng.choice((0, 20, 200))))
            else:
                words = (str(self._rng.randint(2, 8)), '30000')    # more than one Append
            yield Step(at_ms, 'burst', words)

    def _changes(self) -> Iterator[Step]:
        mean_ms = self._rng.choice((700, 2_000, 8_000, 40_000))
        verbs = ('member', 'member', 'transfer', 'compact')
        for at_ms in self._times(mean_ms):
            verb = self._rng.choice(verbs)
            if verb == 'member':
                what = self._rng.choice(('add', 'promote', 'promote', 'demote', 'remove'))
                yield Step(at_ms, verb, (what, self._rng.choice(self._robots)))
            else:
                yield Step(at_ms, verb, (self._rng.choice(self._robots),))

    # What independent events hardly ever do together.

    def _coincidences(self) -> Iterator[Step]:
        mean_ms = self._rng.choice((6_000, 20_000, 80_000))
        for at_ms in self._times(mean_ms):
            yield from self._rng.choice((self._lost_change, self._late_snapshot))(at_ms)

    def _lost_change(self, at_ms: int) -> Iterator[Step]:
        """A leader changes the membership and is cut off before anybody knows."""
        what = self._rng.choice(('promote', 'demote', 'remove', 'add'))
        yield Step(at_ms, 'split', ('@leader|*', self._for_ms(500, 5_000)))
        yield Step(at_ms, 'member', (what, self._rng.choice(self._robots)))

    def _late_snapshot(self, at_ms: int) -> Iterator[Step]:
        """A robot that was away needs a large snapshot, which is slow, and the leader goes."""
        away = self._rng.choice(self._robots)
        yield Step(at_ms, 'split', (f'{away}|*', '2000'))
        yield Step(at_ms + 100, 'burst', ('8', '30000'))
        yield Step(at_ms + 1_500, 'compact', ('@leader',))
        yield Step(at_ms + 1_900, 'radio', (f'*>{away}', 'slow', '3000'))
        gone_ms = at_ms + 2_000 + self._rng.randint(100, 900)
        if self._rng.random() < 0.5:
            yield Step(gone_ms, 'transfer', (self._rng.choice(self._robots),))
        else:
            yield Step(gone_ms, 'split', ('@leader|*', '3000'))


def schedule_of(
    seed: int, profile: str = 'wifi', voters: int | None = None, non_voters: int | None = None,
    workload: str = 'registers', length_ms: int = 60_000,
) -> Schedule:
    """None: the seed chooses."""
    rng = random.Random(f'{seed}/settings')
    chosen_voters, chosen_others = rng.choice((3, 3, 3, 5, 5, 1, 2, 4)), rng.choice((0, 1, 2))
    if workload == 'jobs' and chosen_voters == 1:
        chosen_others = 0   # see JobSide._may_remove
    settings = Settings(
        seed=seed,
        voters=chosen_voters if voters is None else voters,
        non_voters=chosen_others if non_voters is None else non_voters,
        profile=profile,
        workload=workload,
        length_ms=length_ms,
        compact_after=rng.choice((5, 20, 60, 300)),
        keep_entries=rng.choice((0, 3, 20)),
    )
    return Scenario(settings).schedule()
