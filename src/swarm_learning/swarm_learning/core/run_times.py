# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what the robot has learned of the run times of its jobs: predictions per job kind and
program, how well they hold, and whether they get better; refuses to know why a job ran.

Run times are positive and spread over decades, so all statistics are of ln(run time in ms).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from .smoothing import gain, seconds_between, unit

# Bounds memory and the checkpoint. Who was seen least and longest ago goes first, since both
# make its decayed weight small.
KEYS_MAX = 128
KIND_LENGTH_MAX = 64        # characters; of a longer name the start is kept
PROGRAM_LENGTH_MAX = 128    # characters; of a longer path the end is kept: there it differs
WEIGHT_MAX = 20.0           # a prediction follows a change of its jobs within some 20 of them
WEIGHT_PREDICTS = 2.5       # fewer (decayed) samples give no interval worth grading
SIGMA_LOG_MIN = 0.05        # 5 %: clocks and schedulers are not better than that
COVERAGE = 0.8              # share of outcomes that the predicted interval should hold
ERROR_FULL_LOG = math.log(4.0)  # off by a factor of 4, either way, is an error of 1
TYPICAL_RUN_MS = 1000.0     # before anything was seen; chosen without data
PROGRESS_FAST_S = 30.0
PROGRESS_SLOW_S = 300.0
BURST_GAP_S = 1.0           # outcomes of one instant still count as one second apart


class JobKey(NamedTuple):
    """Jobs that share a distribution of run times: one kind, and for exec one program."""

    kind: str
    program: str = ''

    def cut(self) -> JobKey:
        """The key under which statistics are kept."""
        return JobKey(self.kind[:KIND_LENGTH_MAX], self.program[-PROGRAM_LENGTH_MAX:])


@dataclass(frozen=True)
class Prediction:
    """Median and 80 % interval of the next run time in ms, and the samples behind it."""

    median_ms: float
    low_ms: float
    high_ms: float
    samples: float


@dataclass(frozen=True)
class Grade:
    """How one outcome met its prediction. within is None where nothing had been predicted."""

    within: bool | None
    error: float
    surprise: float


@dataclass
class JobStatistics:
    """Decayed moments of ln(run time) of the jobs of one key."""

    weight: float
    mean_log: float
    squares: float
    heard_ns: int

    def weight_at(self, now_ns: int, memory_s: float) -> float:
        return self.weight * math.exp(-seconds_between(self.heard_ns, now_ns) / memory_s)

    def sigma_log(self) -> float:
        return max(SIGMA_LOG_MIN, math.sqrt(max(0.0, self.squares) / max(1.0, self.weight - 1.0)))

    def add(self, value_log: float, now_ns: int, memory_s: float) -> None:
        kept = min(self.weight_at(now_ns, memory_s), WEIGHT_MAX - 1.0)
        self.squares *= kept / self.weight if self.weight > 0.0 else 0.0
        self.weight = kept + 1.0
        gap = value_log - self.mean_log
        self.mean_log += gap / self.weight
        self.squares += gap * (value_log - self.mean_log)
        self.heard_ns = now_ns


@dataclass
class RunTimes:
    """Learned run times of one robot."""

    memory_s: float = 3600.0
    jobs: dict[JobKey, JobStatistics] = field(default_factory=dict)
    hits: float = 0.0
    misses: float = 0.0
    graded_ns: int = 0
    error_fast: float | None = None
    error_slow: float = 0.0
    error_ns: int = 0

    def predict(self, key: JobKey, now_ns: int) -> Prediction | None:
        """What the next job of this key will take; None if too little is known."""
        known = self.jobs.get(key.cut())
        if known is None:
            return None
        weight = known.weight_at(now_ns, self.memory_s)
        if weight < WEIGHT_PREDICTS:
            return None
        half = student_t_90(weight - 1.0) * known.sigma_log() * math.sqrt(1.0 + 1.0 / weight)
        return Prediction(
            median_ms=_exp(known.mean_log),
            low_ms=_exp(known.mean_log - half),
            high_ms=_exp(known.mean_log + half),
            samples=weight,
        )

    def typical_run_ms(self, now_ns: int) -> float:
        """Run time of a job of which only this is known: that it will be one."""
        weights = [(job.weight_at(now_ns, self.memory_s), job.mean_log)
                   for _, job in sorted(self.jobs.items())]
        # The prior weighs as much as one job.
        total_log = math.log(TYPICAL_RUN_MS) + sum(w * mean_log for w, mean_log in weights)
        return _exp(total_log / (1.0 + sum(w for w, _ in weights)))

    def learn(self, key: JobKey, run_ms: float, now_ns: int) -> Grade:
        """Grade the prediction for this key by a job that was done, then learn from it."""
        key = key.cut()
        value_log = math.log(max(1.0, run_ms))
        grade = self._grade(key, value_log, now_ns)
        self._keep_grade(grade, now_ns)
        known = self.jobs.get(key)
        if known is None:
            self.jobs[key] = JobStatistics(1.0, value_log, 0.0, now_ns)
            self._drop_least_supported(key, now_ns)
        else:
            known.add(value_log, now_ns, self.memory_s)
        return grade

    def confidence(self, now_ns: int) -> float:
        """Lower bound of the share of outcomes inside the predicted interval, over 0.8.

        Mean less one standard deviation of Beta(1 + hits, 1 + misses). Counts fade, so that
        without outcomes this goes back to CONFIDENCE_WITHOUT_DATA.
        """
        return confidence_of(*self.graded(now_ns))

    def graded(self, now_ns: int) -> tuple[float, float]:
        """Hits and misses of the predicted interval, faded to now."""
        fade = math.exp(-seconds_between(self.graded_ns, now_ns) / self.memory_s)
        return self.hits * fade, self.misses * fade

    def learning_progress(self, now_ns: int) -> float:
        """Relative fall of the prediction error (Oudeyer: progress, not error, so that noise
        which never becomes predictable is not interesting). Fades when nothing ends."""
        if self.error_fast is None:
            return 0.0
        fall = max(0.0, self.error_slow - self.error_fast) / (self.error_slow + 1e-6)
        idle_s = seconds_between(self.error_ns, now_ns)
        return unit(fall * math.exp(-idle_s / PROGRESS_SLOW_S))

    def check_invariants(self) -> None:
        assert len(self.jobs) <= KEYS_MAX
        assert self.hits >= 0.0 and self.misses >= 0.0
        for key, job in self.jobs.items():
            assert key == key.cut()
            assert 0.0 < job.weight <= WEIGHT_MAX + 1e-9, (key, job)
            assert math.isfinite(job.mean_log) and job.squares >= -1e-9, (key, job)

    def _grade(self, key: JobKey, value_log: float, now_ns: int) -> Grade:
        predicted = self.predict(key, now_ns)
        known = self.jobs.get(key)
        if predicted is None or known is None:
            return Grade(within=None, error=1.0, surprise=0.0)
        gap = abs(value_log - known.mean_log)
        within = predicted.low_ms <= _exp(value_log) <= predicted.high_ms
        return Grade(within, min(1.0, gap / ERROR_FULL_LOG),
                     min(1.0, gap / (3.0 * known.sigma_log())))

    def _keep_grade(self, grade: Grade, now_ns: int) -> None:
        dt_s = max(BURST_GAP_S, seconds_between(self.error_ns, now_ns))
        if self.error_fast is None:
            self.error_fast = self.error_slow = grade.error
        self.error_fast += gain(dt_s, PROGRESS_FAST_S) * (grade.error - self.error_fast)
        self.error_slow += gain(dt_s, PROGRESS_SLOW_S) * (grade.error - self.error_slow)
        self.error_ns = now_ns
        if grade.within is None:
            return
        hits, misses = self.graded(now_ns)
        self.hits = hits + (1.0 if grade.within else 0.0)
        self.misses = misses + (0.0 if grade.within else 1.0)
        self.graded_ns = now_ns

    def _drop_least_supported(self, newcomer: JobKey, now_ns: int) -> None:
        while len(self.jobs) > KEYS_MAX:
            others = (key for key in self.jobs if key != newcomer)
            del self.jobs[min(others, key=lambda key: (
                self.jobs[key].weight_at(now_ns, self.memory_s), key))]


def confidence_of(hits: float, misses: float) -> float:
    """One-sigma lower bound of Beta(1 + hits, 1 + misses), scaled so that 0.8 gives 1."""
    a, b = 1.0 + hits, 1.0 + misses
    n = a + b
    mean = a / n
    sigma = math.sqrt(a * b / (n * n * (n + 1.0)))
    return unit((mean - sigma) / COVERAGE)


CONFIDENCE_WITHOUT_DATA = confidence_of(0.0, 0.0)


def student_t_90(degrees: float) -> float:
    """90 % quantile of Student's t (Cornish-Fisher expansion; within 2 % from 2 degrees on)."""
    z = 1.2815515655446004
    v = max(1.5, degrees)
    return z + (z**3 + z) / (4 * v) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v * v)


def _exp(value_log: float) -> float:
    return math.exp(min(60.0, value_log))
