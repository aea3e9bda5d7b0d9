# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns months of made-up life of one robot, by family and seed; refuses to know who remembers it.

Four families that differ in what makes compressing hard: shifts of work with quiet nights, a slow
drift with long memory, levels that jump, and heavy tails. Everything comes from one seeded
generator; a day is made at a time, so that months need little memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..core.memory.events import Occurrence

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

NS_PER_S = 1_000_000_000
DAY_S = 86_400
# A Monday, 00:00 UTC (2026-01-05), so that shifts of work follow the week.
BEGIN_NS = 1_767_571_200 * NS_PER_S
FAMILIES = ('shifts', 'drift', 'jumps', 'tails')
FIGURES = ('arousal', 'stability', 'pressure')
KINDS = ('sample', 'job:done')
INCIDENT_KINDS = ('fault', 'robot_dead', 'collision', 'brown_out', 'intruder')


@dataclass(frozen=True)
class Day:
    """Events of one day in the order of their stamps: arrays of shape (n,).

    values: figures by name, NaN where an event has none; kind_of: index into KINDS;
    occurrences: what stands out, and warnings that do not, to be noted singly.
    """

    stamps_ns: Integers
    values: dict[str, Floats]
    kind_of: Integers
    occurrences: tuple[Occurrence, ...]


class MemoryTrace:
    """A life of so many days. Figures come at 0.1 Hz, jobs at jobs_per_day on average."""

    def __init__(
        self, family: str, seed: int, days: int = 90, jobs_per_day: float = 1000.0,
        incidents: int = 40, warnings_per_day: float = 30.0,
    ) -> None:
        if family not in FAMILIES:
            raise ValueError(f'family: expected one of {FAMILIES}, got {family!r}')
        self.family, self.days = family, days
        self._rng = np.random.default_rng([seed, FAMILIES.index(family)])
        self._jobs_per_day, self._warnings_per_day = jobs_per_day, warnings_per_day
        self._level = self._rng.uniform(0.3, 0.6, len(FIGURES))
        self._phase = self._rng.uniform(0.0, 6.0)
        self._mean_log = self._rng.uniform(4.0, 8.0)
        self.incidents = self._incidents(incidents)

    def __iter__(self) -> Iterator[Day]:
        for day in range(self.days):
            yield self._day(day)

    @property
    def end_ns(self) -> int:
        return BEGIN_NS + self.days * DAY_S * NS_PER_S

    def _day(self, day: int) -> Day:
        rng, begin_ns = self._rng, BEGIN_NS + day * DAY_S * NS_PER_S
        samples_s = np.arange(0, DAY_S, 10)
        figures = np.clip(self._figures(day, samples_s), 0.0, 1.0)
        jobs = int(rng.poisson(self._jobs_per_day))
        jobs_ns = rng.integers(0, DAY_S * NS_PER_S, jobs)
        stamps_ns = np.concatenate([samples_s * NS_PER_S, jobs_ns])
        order = np.argsort(stamps_ns, kind='stable')
        nothing = np.full(jobs, np.nan)
        values = {name: np.concatenate([figures[i], nothing])[order]
                  for i, name in enumerate(FIGURES)}
        run_ms = np.concatenate([np.full(len(samples_s), np.nan), self._run_ms(day, jobs)])
        values['run_ms'] = run_ms[order]
        kind_of = np.concatenate([np.zeros(len(samples_s), int), np.ones(jobs, int)])[order]
        return Day(begin_ns + stamps_ns[order], values, kind_of, self._occurrences(day, begin_ns))

    def _figures(self, day: int, seconds: Integers) -> Floats:
        """Shape (figures, samples), not yet clipped."""
        rng, n = self._rng, len(seconds)
        noise = _noise(rng, n, (1, 6, 60, 360), 0.05)
        hours = seconds / 3600.0
        if self.family == 'shifts':
            at_work = (hours > 7.0 + self._phase / 6.0) & (hours < 16.5) & (day % 7 < 5)
            return np.asarray(0.1 + 0.5 * at_work + noise, dtype=np.float64)
        if self.family == 'drift':
            steps = rng.normal(0.0, 0.0008, (len(FIGURES), n))
            walk = self._level[:, None] + np.cumsum(steps - 0.0002 * (self._level[:, None] - 0.5),
                                                    axis=1)
            self._level = np.clip(walk[:, -1], 0.0, 1.0)
            return np.asarray(walk + 0.1 * np.sin(hours * 0.26 + self._phase) + noise)
        if self.family == 'jumps':
            cuts = np.sort(rng.integers(0, n, rng.poisson(6)))
            levels = np.empty((len(FIGURES), n))
            for begin, end in zip([0, *cuts], [*cuts, n], strict=True):
                levels[:, begin:end] = self._level[:, None]
                self._level = rng.uniform(0.02, 0.98, len(FIGURES))
            return np.asarray(levels + 0.5 * noise)
        bursts = np.repeat(rng.pareto(2.5, (len(FIGURES), n // 30)), 30, axis=1)
        return np.asarray(0.03 * (1.0 + bursts) + 0.2 * np.abs(noise))

    def _run_ms(self, day: int, jobs: int) -> Floats:
        rng = self._rng
        if self.family == 'tails':
            return np.asarray(50.0 * (1.0 + rng.pareto(1.3, jobs)))
        mean_log = self._mean_log + 0.3 * np.sin(day / 9.0)
        short = rng.lognormal(mean_log, 0.6, jobs)
        long = rng.lognormal(mean_log + 2.5, 0.3, jobs)
        return np.asarray(np.where(rng.random(jobs) < 0.8, short, long))

    def _incidents(self, count: int) -> tuple[Occurrence, ...]:
        rng = self._rng
        stamps_ns = np.sort(rng.integers(0, self.days * DAY_S * NS_PER_S, count))
        return tuple(
            Occurrence(BEGIN_NS + int(stamp_ns), str(rng.choice(INCIDENT_KINDS)),
                       f'incident-{at}', 'injected', severity=int(rng.integers(1, 3)),
                       surprise=float(rng.uniform(0.3, 1.0)))
            for at, stamp_ns in enumerate(stamps_ns))

    def _occurrences(self, day: int, begin_ns: int) -> tuple[Occurrence, ...]:
        rng, end_ns = self._rng, begin_ns + DAY_S * NS_PER_S
        stamps_ns = begin_ns + rng.integers(0, DAY_S * NS_PER_S,
                                            rng.poisson(self._warnings_per_day))
        told = [Occurrence(int(stamp_ns), 'job:failed', f'job-{day}-{at}', 'exit status 1',
                           severity=1, surprise=float(rng.uniform(0.0, 0.3)))
                for at, stamp_ns in enumerate(stamps_ns)]
        told += [one for one in self.incidents if begin_ns <= one.stamp_ns < end_ns]
        return tuple(sorted(told, key=lambda one: (one.stamp_ns, one.subject)))


def _noise(
    rng: np.random.Generator, n: int, scales: tuple[int, ...], sigma: float
) -> Floats:
    """Noise with about as much in every scale, in samples. Shape (figures, n)."""
    total = np.zeros((len(FIGURES), n))
    for scale in scales:
        steps = rng.normal(0.0, sigma, (len(FIGURES), -(-n // scale)))
        total += np.repeat(steps, scale, axis=1)[:, :n]
    return total
