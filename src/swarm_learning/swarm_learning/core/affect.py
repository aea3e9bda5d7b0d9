# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the local consciousness of one robot: five control signals in [0, 1], each with its
reasons; refuses to know other robots' figures, modes to propose, and where facts come from.

The names come from psychology; what they name here are smoothed figures about load, queues,
faults and prediction errors. The formulas and their sources are in the package's README.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .config import LearningConfig
from .observation import Ending, Figures, LocalState, Mode, Outcome
from .run_times import CONFIDENCE_WITHOUT_DATA, JobKey, RunTimes
from .smoothing import Counter, Follower, Intensity, Moments, gain, seconds_between, unit

# Rates at which one cause alone brings stability down to 1/e. With the default 30 s memory one
# event counts 1/30 per s: a fault costs 15 % of stability, a leader change 49 %. Chosen without
# data, so that one leader change is "medium" and two in a row are "low".
FAULTS_PER_S = 0.2
FAILURES_PER_S = 0.1
LEADER_CHANGES_PER_S = 0.05
MODE_SWITCHES_PER_S = 0.1
# Load that swings over its whole range has a variance of 0.25, so swings alone never cost more
# than 22 % of stability.
CPU_VARIANCE = 1.0
TICK_LATE_MS = 500.0        # the shortest election timeout of the default timing
LOAD_SIGMA_MIN = 0.05       # cpu load that moves less than this surprises nobody
SURPRISE_FADE_S = 10.0
MEMORY_TIGHT = 0.8          # share of memory from which threat rises
BATTERY_LOW = 0.3           # charge below which threat rises
LEADERLESS_THREAT = 0.5
VISIT_S = 10.0              # this long in one situation is one visit
VISIT_GAP_S = 5.0           # a longer silence is not time spent in the situation
FOLLOW_S = 3.0              # curiosity, stability, pressure follow their targets
NEUTRAL_S = 10.0            # all go back to neutral after the own local state went stale

# What is said when nothing is known: the middle of each scale, for which the advice is the
# normal mode. Curiosity is its own formula with full novelty, no progress and neutral gates.
NEUTRAL = Figures(
    arousal=0.5,
    curiosity=0.4 * 1.0 * (1.0 - 0.5) * 0.5,
    confidence=CONFIDENCE_WITHOUT_DATA,
    stability=0.5,
    pressure=0.5,
)

Contributions = tuple[tuple[str, float], ...]


@dataclass
class Targets:
    """Where the figures are heading, and what pulls them there."""

    arousal: float = NEUTRAL.arousal
    curiosity: float = NEUTRAL.curiosity
    stability: float = NEUTRAL.stability
    pressure: float = NEUTRAL.pressure
    why_arousal: Contributions = ()
    why_curiosity: Contributions = ()
    why_stability: Contributions = ()
    why_pressure: Contributions = ()


class Affect:
    """Folds what one robot knows of itself into five figures.

    Between two inputs every target is held, so asking more often changes nothing.
    """

    def __init__(self, config: LearningConfig, run_times: RunTimes, now_ns: int) -> None:
        self._config = config
        self._run_times = run_times
        self._now_ns = now_ns
        self._state: LocalState | None = None
        self._state_ns = now_ns
        self._targets = Targets()
        self._arousal = Follower(
            NEUTRAL.arousal, config.arousal_tau_up_s, config.arousal_tau_down_s)
        self._curiosity = Follower(NEUTRAL.curiosity, FOLLOW_S, FOLLOW_S)
        self._stability = Follower(NEUTRAL.stability, FOLLOW_S, FOLLOW_S)
        self._pressure = Follower(NEUTRAL.pressure, FOLLOW_S, FOLLOW_S)
        self._cpu = Moments(config.stability_tau_s)
        self._late = Follower(0.0, config.stability_tau_s, config.stability_tau_s)
        self._faults = Intensity(config.stability_tau_s)
        self._failures = Intensity(config.stability_tau_s)
        self._leader_changes = Intensity(config.stability_tau_s)
        self._mode_switches = Intensity(config.stability_tau_s)
        self._fault_counter = Counter()
        self._leader_counter = Counter()
        self._outcome_surprise = 0.0
        self._visits: dict[tuple[int, int, int, Mode | None], float] = {}

    def is_fresh(self) -> bool:
        """Whether the figures stand on a recent local state."""
        return self._state is not None and self._now_ns < self._stale_at_ns()

    def figures(self) -> Figures:
        """The figures as of the last call of advance or hear_*."""
        return Figures(
            arousal=unit(self._arousal.value, NEUTRAL.arousal),
            curiosity=unit(self._curiosity.value, NEUTRAL.curiosity),
            confidence=self._run_times.confidence(self._now_ns),
            stability=unit(self._stability.value, NEUTRAL.stability),
            pressure=unit(self._pressure.value, NEUTRAL.pressure),
        )

    def reasons(self) -> tuple[str, ...]:
        """One short sentence for each figure: its value and what contributes most."""
        figures = self.figures()
        if not self.is_fresh():
            stale = 'no recent local state of this robot'
            whys = [stale, stale, self._why_confidence(), stale, stale]
        else:
            t = self._targets
            whys = [
                _largest(t.why_arousal, 'nothing stirs'),
                _largest(t.why_curiosity, 'nothing new'),
                self._why_confidence(),
                _largest(t.why_stability, 'no faults, no leader changes, steady load'),
                _largest(t.why_pressure, 'no work waits'),
            ]
        names = ('arousal', 'curiosity', 'confidence', 'stability', 'pressure')
        return tuple(f'{name} {value:.2f}: {why}'
                     for name, value, why in zip(names, figures.values(), whys, strict=True))

    def advance(self, now_ns: int) -> None:
        """Let time go by with all inputs held; towards neutral once they are stale."""
        if now_ns <= self._now_ns:
            return
        fresh_until_ns = self._now_ns
        if self._state is not None:
            fresh_until_ns = min(now_ns, max(self._now_ns, self._stale_at_ns()))
        self._follow(seconds_between(self._now_ns, fresh_until_ns))
        self._relax(seconds_between(fresh_until_ns, now_ns))
        self._fade(seconds_between(self._now_ns, now_ns))
        self._now_ns = now_ns

    def hear_local_state(self, state: LocalState, robots: int, now_ns: int) -> None:
        """Fold a new local state. robots: how many share the work that waits in the swarm."""
        self.advance(now_ns)
        dt_s = seconds_between(self._state_ns, now_ns) if self._state else 0.0
        self._visit(dt_s)
        self._count(state)
        # A load is the mean since the message before it, so it is held backwards.
        self._cpu.advance(unit(state.cpu_load, self._cpu.mean or 0.0), dt_s)
        self._late.follow(unit(state.tick_late_ms_max / TICK_LATE_MS), dt_s)
        self._state, self._state_ns = state, now_ns
        self._retarget(robots)

    def hear_outcome(self, outcome: Outcome, robots: int, now_ns: int) -> None:
        """Learn from a job that this robot had. Only what was done says how long work takes."""
        self.advance(now_ns)
        if outcome.ending is Ending.DONE:
            key = JobKey(outcome.kind, outcome.program)
            grade = self._run_times.learn(key, outcome.run_ms, now_ns)
            self._outcome_surprise = max(self._outcome_surprise, grade.surprise)
        elif outcome.ending in FAILURES:
            self._failures.count(1)
        if self._state is not None:
            self._retarget(robots)

    def check_invariants(self) -> None:
        for value in self.figures().values():
            assert math.isfinite(value) and 0.0 <= value <= 1.0, self.figures()
        assert 0.0 <= self._outcome_surprise <= 1.0
        assert self._cpu.variance >= 0.0
        assert len(self._visits) <= 27 * (len(Mode) + 1)

    def _stale_at_ns(self) -> int:
        return self._state_ns + self._config.local_state_stale_ms * 1_000_000

    def _follow(self, dt_s: float) -> None:
        self._arousal.follow(self._targets.arousal, dt_s)
        self._curiosity.follow(self._targets.curiosity, dt_s)
        self._stability.follow(self._targets.stability, dt_s)
        self._pressure.follow(self._targets.pressure, dt_s)

    def _relax(self, dt_s: float) -> None:
        for figure, neutral in (
            (self._arousal, NEUTRAL.arousal), (self._curiosity, NEUTRAL.curiosity),
            (self._stability, NEUTRAL.stability), (self._pressure, NEUTRAL.pressure),
        ):
            figure.value += gain(dt_s, NEUTRAL_S) * (neutral - figure.value)

    def _fade(self, dt_s: float) -> None:
        for intensity in (
            self._faults, self._failures, self._leader_changes, self._mode_switches,
        ):
            intensity.advance(dt_s)
        self._outcome_surprise *= math.exp(-dt_s / SURPRISE_FADE_S)

    def _count(self, state: LocalState) -> None:
        self._faults.count(self._fault_counter.new_events(state.faults))
        self._leader_changes.count(self._leader_counter.new_events(state.leader_changes))
        if self._state is not None and state.mode is not self._state.mode:
            self._mode_switches.count(1)

    def _situation(self) -> tuple[int, int, int, Mode | None]:
        thirds = [min(2, int(3.0 * unit(value)))
                  for value in (self._arousal.value, self._stability.value, self._pressure.value)]
        return thirds[0], thirds[1], thirds[2], self._state.mode if self._state else None

    def _visit(self, dt_s: float) -> None:
        situation = self._situation()
        spent = min(dt_s, VISIT_GAP_S) / VISIT_S
        self._visits[situation] = self._visits.get(situation, 0.0) + spent

    def _retarget(self, robots: int) -> None:
        state = self._state
        assert state is not None
        t = Targets()
        t.stability, t.why_stability = self._stability_target()
        t.pressure, t.why_pressure = self._pressure_target(state, robots)
        t.arousal, t.why_arousal = self._arousal_target(state)
        t.curiosity, t.why_curiosity = self._curiosity_target()
        self._targets = t

    def _arousal_target(self, state: LocalState) -> tuple[float, Contributions]:
        load, load_cause = self._load(state)
        surprise, surprise_cause = self._surprise()
        threat, threat_cause = self._threat(state)
        parts = (
            (f'load {load:.2f} ({load_cause})', 0.5 * load),
            (f'surprise {surprise:.2f} ({surprise_cause})', 0.3 * surprise),
            (f'threat {threat:.2f} ({threat_cause})', 0.2 * threat),
        )
        return unit(sum(value for _, value in parts)), parts

    def _load(self, state: LocalState) -> tuple[float, str]:
        slots = max(1, state.job_slots)
        delay = unit(state.queued_work_ms / slots / self._config.queue_slo_ms)
        return _highest((('cpu', unit(state.cpu_load)), ('queue delay', delay)))

    def _surprise(self) -> tuple[float, str]:
        mean, variance = self._cpu.mean or 0.0, self._cpu.variance
        last = unit(self._state.cpu_load if self._state else None, mean)
        sigma = math.sqrt(variance + LOAD_SIGMA_MIN**2)
        return _highest((
            ('cpu load', unit(abs(last - mean) / (3.0 * sigma))),
            ('run time of a job', self._outcome_surprise),
        ))

    def _threat(self, state: LocalState) -> tuple[float, str]:
        battery = unit(state.battery_charge, 1.0)
        faults = self._faults.per_s / FAULTS_PER_S + self._failures.per_s / FAILURES_PER_S
        failing = state.sensors_failing / state.sensors if state.sensors else 0.0
        return _highest((
            ('faults and failed jobs', unit(faults)),
            ('memory', unit((unit(state.memory_used) - MEMORY_TIGHT) / (1.0 - MEMORY_TIGHT))),
            ('battery', unit((BATTERY_LOW - battery) / BATTERY_LOW)),
            ('sensors', unit(failing)),
            ('no leader known', LEADERLESS_THREAT if not state.leader else 0.0),
        ))

    def _stability_target(self) -> tuple[float, Contributions]:
        parts = (
            ('faults', self._faults.per_s / FAULTS_PER_S),
            ('failed jobs', self._failures.per_s / FAILURES_PER_S),
            ('leader changes', self._leader_changes.per_s / LEADER_CHANGES_PER_S),
            ('mode switches', self._mode_switches.per_s / MODE_SWITCHES_PER_S),
            ('unsteady load', self._cpu.variance / CPU_VARIANCE),
            ('late ticks', self._late.value),
        )
        whys = tuple((f'{name} {value:.2f}', value) for name, value in parts)
        return math.exp(-sum(value for _, value in parts)), whys

    def _pressure_target(self, state: LocalState, robots: int) -> tuple[float, Contributions]:
        typical_ms = self._run_times.typical_run_ms(self._now_ns)
        own_ms = float(state.queued_work_ms) or state.held_jobs * typical_ms
        shared_ms = state.swarm_waiting_jobs * typical_ms / max(1, robots)
        capacity_ms = max(1, state.job_slots) * self._config.pressure_horizon_ms
        parts = (
            (f'{state.held_jobs} jobs held here, {own_ms / 1000.0:.1f} s of work', own_ms),
            (f'{state.swarm_waiting_jobs} jobs wait in the swarm, '
             f'{shared_ms / 1000.0:.1f} s each robot', shared_ms),
        )
        whys = tuple((text, work_ms / capacity_ms) for text, work_ms in parts)
        return -math.expm1(-(own_ms + shared_ms) / capacity_ms), whys

    def _curiosity_target(self) -> tuple[float, Contributions]:
        progress = self._run_times.learning_progress(self._now_ns)
        novelty = 1.0 / math.sqrt(1.0 + self._visits.get(self._situation(), 0.0))
        gate = (1.0 - unit(self._arousal.value)) * unit(self._stability.value)
        parts = (
            (f'learning progress {progress:.2f}', 0.6 * progress * gate),
            (f'novelty {novelty:.2f}', 0.4 * novelty * gate),
        )
        return unit(sum(value for _, value in parts)), parts

    def _why_confidence(self) -> str:
        hits, misses = self._run_times.graded(self._now_ns)
        if hits + misses < 0.5:
            return 'too few outcomes to judge predictions by'
        return (f'{hits:.1f} of {hits + misses:.1f} recent run times '
                'were inside the predicted 80 % interval')


# A lost lease says nothing about the job, but it does say that this robot was cut off.
FAILURES = (Ending.FAILED, Ending.TIMED_OUT, Ending.REFUSED, Ending.LEASE_EXPIRED)


def _highest(causes: tuple[tuple[str, float], ...]) -> tuple[float, str]:
    cause, value = max(causes, key=lambda item: item[1])
    return value, cause


def _largest(parts: Contributions, otherwise: str) -> str:
    told = [text for text, value in sorted(parts, key=lambda p: -p[1])[:2] if value >= 0.005]
    return ', '.join(told) or otherwise
