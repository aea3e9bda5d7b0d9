# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is known of routes: owns discounted counts and times of each, in arrays of bounded size.

Evidence of a route is eight sums, discounted by stamps of the log and only when they are touched.
Predictions share what tasks and robots have in common (shrinkage). Refuses to know queues, files
and choices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .breaker import Breaker
from .config import RoutingConfig
from .cost import Floats

SECONDS = 1e-9
RUNS, RUN_MS, DONE, FAILED, LOG_MS, LOG_MS_SQUARED, OLD_RUNS, OLD_MS = range(8)
COLUMNS, FAST = 8, 6  # the first six fade with tau, the others with tau times old_factor
# Of old evidence at least this share is left, so that the mean of a task that rested for hours
# is still known, while the prior outweighs it by far.
LEFT_MIN = 1e-6
RUN_MS_MAX = 2.0**32  # seven weeks
SPREAD_PRIOR_LOG = 0.5  # of ln(run time) before anything is known; chosen without data
NAME_CHARS_MAX = 256


class RouteKey(NamedTuple):
    """A kind of work on a compute unit of a robot; '' = the robot as a whole."""

    task: str
    robot_id: str
    unit: str = ''


class Names:
    """Numbers for names that are in use, in the order of their first use."""

    def __init__(self) -> None:
        self.number_of: dict[object, int] = {}
        self._uses: list[int] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._uses)

    def use(self, name: object) -> int:
        number = self.number_of.get(name)
        if number is None:
            if self._free:
                number = self._free.pop()
            else:
                number = len(self._uses)
                self._uses.append(0)
            self.number_of[name] = number
        self._uses[number] += 1
        return number

    def release(self, name: object) -> None:
        number = self.number_of[name]
        self._uses[number] -= 1
        if not self._uses[number]:
            del self.number_of[name]
            self._free.append(number)


class RouteTable:
    """At most routes_max rows. Where there is no room, the one with the least evidence left is
    forgotten, the oldest among equals."""

    def __init__(self, config: RoutingConfig) -> None:
        self._config = config
        size = min(config.routes_max, 64)
        self.keys: list[RouteKey] = []
        self.breakers: list[Breaker] = []
        self.row_of: dict[RouteKey, int] = {}
        self.tasks, self.units = Names(), Names()
        self._sums = np.zeros((COLUMNS, size))
        self._at_ns = np.zeros(size, dtype=np.int64)
        self._task = np.zeros(size, dtype=np.int64)
        self._unit = np.zeros(size, dtype=np.int64)
        self.samples: list[int] = []

    def __len__(self) -> int:
        return len(self.keys)

    # ---- learning

    def row(self, key: RouteKey, stamp_ns: int) -> int:
        """Of this route; made where it is new."""
        known = self.row_of.get(key)
        if known is not None:
            return known
        if max(map(len, key)) > NAME_CHARS_MAX:
            raise ValueError(f'{key.task[:40]!r} on {key.robot_id[:40]!r}: expected names of at '
                             f'most {NAME_CHARS_MAX} characters')
        if len(self) >= self._config.routes_max:
            self._forget_least_useful(stamp_ns)
        return self._append(key, stamp_ns, np.zeros(COLUMNS), Breaker(), 0)

    def done(self, row: int, run_ms: float, stamp_ns: int) -> None:
        self._add(row, stamp_ns, done=1.0)
        self.ran(row, run_ms, stamp_ns)

    def failed(self, row: int, stamp_ns: int) -> None:
        self._add(row, stamp_ns, failed=1.0)

    def ran(self, row: int, run_ms: float, stamp_ns: int) -> None:
        """It took so long, or at least so long."""
        run_ms = min(max(run_ms, 0.0), RUN_MS_MAX)
        log_ms = float(np.log(max(run_ms, 1.0)))
        self._fade(row, stamp_ns)
        self._sums[:, row] += (1.0, run_ms, 0.0, 0.0, log_ms, log_ms * log_ms, 1.0, run_ms)

    def _add(self, row: int, stamp_ns: int, done: float = 0.0, failed: float = 0.0) -> None:
        self._fade(row, stamp_ns)
        self._sums[DONE, row] += done
        self._sums[FAILED, row] += failed
        self.samples[row] += 1

    def _fade(self, row: int, stamp_ns: int) -> None:
        gap_ns = stamp_ns - int(self._at_ns[row])
        if gap_ns > 0:
            left = np.exp(-gap_ns * SECONDS / self._config.tau_s)
            self._sums[:FAST, row] *= left
            self._sums[FAST:, row] *= left ** (1.0 / self._config.old_factor)
            self._at_ns[row] = stamp_ns

    def shift(self, gap_ns: int) -> None:
        """Time that did not count has passed."""
        self._at_ns[: len(self)] += gap_ns

    # ---- predicting

    def predict(
        self, stamp_ns: int, overtime: Sequence[tuple[int, float]] = ()
    ) -> Prediction:
        """Of all rows. `overtime`: runs that are not over but already longer than expected, as
        (row, ms so far): each counts as a run that took so long."""
        n, config = len(self), self._config
        ages = np.minimum((self._at_ns[:n] - stamp_ns) * (SECONDS / config.tau_s), 0.0)
        sums = np.empty((COLUMNS, n))
        np.multiply(self._sums[:FAST, :n], np.maximum(np.exp(ages), LEFT_MIN), out=sums[:FAST])
        np.multiply(self._sums[FAST:, :n], np.exp(ages / config.old_factor), out=sums[FAST:])
        for row, elapsed_ms in overtime:
            sums[RUNS, row] += 1.0
            sums[RUN_MS, row] += elapsed_ms
        return Prediction(
            config, sums, self._task[:n], self._unit[:n], len(self.tasks), len(self.units)
        )

    def evidence(self, row: int, stamp_ns: int) -> Floats:
        """The discounted sums of a row, shape (COLUMNS,)."""
        gap_s = max(0, stamp_ns - int(self._at_ns[row])) * SECONDS
        tau_s = np.full(COLUMNS, self._config.tau_s)
        tau_s[FAST:] *= self._config.old_factor
        return np.asarray(self._sums[:, row] * np.exp(-gap_s / tau_s))

    # ---- forgetting and keeping

    def most_useful(self, stamp_ns: int, most: int | None = None) -> list[int]:
        """Rows with the most evidence left, the newest first among equals; None = all."""
        ages = (self._at_ns[: len(self)] - stamp_ns) * (SECONDS / self._config.tau_s)
        ends = self._sums[DONE, : len(self)] + self._sums[FAILED, : len(self)]
        order = np.lexsort((self._at_ns[: len(self)], ends * np.exp(np.minimum(ages, 0.0))))
        return [int(row) for row in order[::-1][:most]]

    def _forget_least_useful(self, stamp_ns: int) -> None:
        self._remove(self.most_useful(stamp_ns)[-1])

    def _remove(self, row: int) -> None:
        key, last = self.keys[row], len(self) - 1
        self.tasks.release(key.task)
        self.units.release(key[1:])
        del self.row_of[key]
        if row != last:
            self.keys[row], self.breakers[row] = self.keys[last], self.breakers[last]
            self.samples[row] = self.samples[last]
            self._sums[:, row] = self._sums[:, last]
            for array in (self._at_ns, self._task, self._unit):
                array[row] = array[last]
            self.row_of[self.keys[row]] = row
        for column in (self.keys, self.breakers, self.samples):
            column.pop()

    def _append(
        self, key: RouteKey, at_ns: int, sums: npt.ArrayLike, breaker: Breaker, samples: int
    ) -> int:
        row = len(self)
        if row == len(self._at_ns):
            self._grow()
        self._sums[:, row], self._at_ns[row] = sums, at_ns
        self._task[row] = self.tasks.use(key.task)
        self._unit[row] = self.units.use(key[1:])
        self.keys.append(key)
        self.breakers.append(breaker)
        self.samples.append(samples)
        self.row_of[key] = row
        return row

    def _grow(self) -> None:
        more = min(2 * len(self._at_ns), self._config.routes_max) - len(self._at_ns)
        self._sums = np.hstack((self._sums, np.zeros((COLUMNS, more))))
        self._at_ns, self._task, self._unit = (
            np.concatenate((old, np.zeros(more, dtype=np.int64)))
            for old in (self._at_ns, self._task, self._unit)
        )

    def rows(self) -> Iterator[tuple[RouteKey, int, list[float], Breaker, int]]:
        """Key, stamp, sums, breaker and samples, as `restore_row` takes them."""
        for row, key in enumerate(self.keys):
            sums = self._sums[:, row].tolist()
            yield key, int(self._at_ns[row]), sums, self.breakers[row], self.samples[row]

    def restore_row(
        self, key: RouteKey, at_ns: int, sums: Sequence[float], breaker: Breaker, samples: int
    ) -> None:
        """Raises ValueError for a route that is there twice, or one too many."""
        if key in self.row_of:
            raise ValueError(f'{key}: expected every route once')
        if len(self) >= self._config.routes_max:
            raise ValueError(f'expected at most {self._config.routes_max} routes')
        self._append(key, at_ns, sums, breaker, samples)

    def check_invariants(self) -> None:
        n = len(self)
        assert n <= self._config.routes_max and len(self._at_ns) <= self._config.routes_max
        assert n == len(self.row_of) == len(self.breakers) == len(self.samples)
        sums = self._sums[:, :n]
        assert (sums >= 0).all() and np.isfinite(sums).all()
        for row, key in enumerate(self.keys):
            assert self.row_of[key] == row
            assert self.tasks.number_of[key.task] == self._task[row]
            assert self.units.number_of[key[1:]] == self._unit[row]


class Prediction:
    """Of all rows of a table at one stamp, and of routes that are not in it."""

    def __init__(
        self, config: RoutingConfig, sums: Floats, task: npt.NDArray[np.int64],
        unit: npt.NDArray[np.int64], tasks: int, units: int,
    ) -> None:
        self._config = config
        runs, run_ms = sums[RUNS], sums[RUN_MS]
        task_runs = np.bincount(task, runs, tasks)
        task_sums = np.bincount(task, run_ms, tasks)
        self.task_ms = np.full(tasks, config.unknown_work_ms)
        np.divide(task_sums, task_runs, out=self.task_ms, where=task_runs > 0)
        np.maximum(self.task_ms, 1.0, out=self.task_ms)
        of_task = self.task_ms[task]
        relative = run_ms / of_task
        unit_runs = np.bincount(unit, runs, units)
        self.ratio = (np.bincount(unit, relative, units) + 1) / (unit_runs + 1)
        guess_ms = of_task * self.ratio[unit]
        old = config.old_runs
        guess_ms = (sums[OLD_MS] + old * guess_ms) / (sums[OLD_RUNS] + old)
        prior = config.prior_runs
        self.work_ms = (run_ms + prior * guess_ms) / (runs + prior)
        done, failed = sums[DONE], sums[FAILED]
        unit_done = np.bincount(unit, done, units)
        unit_ends = unit_done + np.bincount(unit, failed, units)
        self.unit_success = (unit_done + config.prior_successes) / (
            unit_ends + config.prior_trials)
        pooled = config.pooled_ends
        share = (done + pooled * self.unit_success[unit]) / (done + failed + pooled)
        self.success = np.maximum(share, config.success_min)
        self.runs, self.unit, self._sums = runs, unit, sums

    def quantile_ms(self, z: float) -> Floats:
        """The run times z standard deviations of their logarithm above the middle (1.28: the 90th
        of 100, if they are lognormal). One run around the predicted mean with the usual spread is
        added to what was seen."""
        guess = np.log(np.maximum(self.work_ms, 1.0))
        runs = self._sums[RUNS] + 1.0
        mean = (self._sums[LOG_MS] + guess) / runs
        square = (self._sums[LOG_MS_SQUARED] + guess**2 + SPREAD_PRIOR_LOG**2) / runs
        spread = np.sqrt(np.maximum(square - mean**2, 0.0))
        return np.asarray(np.exp(np.minimum(mean + z * spread, 60.0)))

    def success_unknown(self, unit: int | None) -> float:
        """Of a route that nobody has tried: as other tasks on the unit."""
        config = self._config
        share = (config.prior_successes / config.prior_trials if unit is None
                 else float(self.unit_success[unit]))
        return max(share, config.success_min)

    def work_unknown_ms(self, task: int | None, unit: int | None) -> float:
        """Of a route that nobody has tried: as the task elsewhere, and the unit elsewhere."""
        task_ms = self._config.unknown_work_ms if task is None else float(self.task_ms[task])
        return task_ms * (1.0 if unit is None else float(self.ratio[unit]))
