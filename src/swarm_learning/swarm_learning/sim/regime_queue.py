# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns a small simulated swarm in which regimes emerge from load, faults and rules for the mode;
refuses to draw a regime, and to know classifiers.

The second family of traces. Once a second jobs arrive, are taken, end well or badly and wait;
robots and the network fail; a rule sets the mode, and the mode decides how much is taken on. The
figures follow the formulas of the package's README, the goodput is that of core/regimes/gather.
What regime it was is read off the true state afterwards, by `truth`, and where that is not clear
nothing is said.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..core.observation import Mode
from ..core.regimes.gather import Goodput
from ..core.regimes.snapshot import Regime
from ..core.smoothing import Follower, Intensity
from .regime_traces import MODES, NOISE_SHARE, SECOND_NS, UNLABELLED, UNSEEN, Ints, Trace, noisy

SERVICE_S = 4.0             # mean run time of a job
SLOTS = 2                   # of each robot
PATIENCE_S = 20.0           # a job that waits longer expires and may come again
RETRIES = 0.5               # share of the expired jobs that do
PHASE_S = (90, 260)
# How much work each mode takes on, as a share of all slots.
TAKES = {Mode.NORMAL: 1.0, Mode.EXPLORE: 0.9, Mode.HYPERFOCUS: 1.1, Mode.CONSERVE: 0.7,
         Mode.RECOVERY: 0.6, Mode.DEFENSIVE: 0.3, Mode.MAINTENANCE: 0.0}
SWITCHES_OF_THRASH = 4      # within WINDOW_S around a moment
WINDOW_S = 20
STRETCH_S_MIN = 20          # a shorter stretch of one label is no regime


@dataclass(frozen=True)
class Phase:
    """What the world does for a while: nothing here names a regime."""

    length_s: int
    load: float             # work that arrives, as a share of what all robots can do
    faults_per_s: float
    leader_changes_per_s: float
    down: float             # share of the robots that cannot be reached
    rule: str               # 'sane', 'twitchy' or 'timid'
    granting: bool = True
    swing: float = 0.0      # of the load, with this period
    swing_s: float = 60.0


@dataclass
class World:
    """State of the simulated swarm."""

    rng: np.random.Generator
    robots: int
    mode: Mode = Mode.NORMAL
    mode_s: int = 0
    waiting: int = 0
    running: int = 0
    arousal: Follower = field(default_factory=lambda: Follower(0.2, 2.0, 20.0))
    stability: Follower = field(default_factory=lambda: Follower(1.0, 3.0, 3.0))
    pressure: Follower = field(default_factory=lambda: Follower(0.0, 3.0, 3.0))
    faults: Intensity = field(default_factory=lambda: Intensity(30.0))
    failures: Intensity = field(default_factory=lambda: Intensity(30.0))
    leaders: Intensity = field(default_factory=lambda: Intensity(30.0))
    switched: Intensity = field(default_factory=lambda: Intensity(30.0))
    goodput: Goodput = field(default_factory=Goodput)
    loads: deque[float] = field(default_factory=lambda: deque(maxlen=30))
    timid_s: int = 0

    def step(self, phase: Phase, second: int) -> dict[str, float]:
        """One second; what was true in it."""
        alive = max(1, int(round(self.robots * (1.0 - phase.down))))
        faults = int(self.rng.poisson(phase.faults_per_s))
        leader_changes = int(self.rng.random() < phase.leader_changes_per_s)
        wave = phase.swing * math.sin(2.0 * math.pi * second / phase.swing_s)
        load = max(0.0, phase.load + wave)
        lost = self._work(phase, load, alive, faults)
        self._count(faults, lost, leader_changes, alive)
        switched = self._follow(phase, alive, second)
        self.goodput.hear_waiting(self.waiting, second * SECOND_NS)
        return {
            'arousal': self.arousal.value, 'stability': self.stability.value,
            'pressure': self.pressure.value, 'robots': alive, 'mode': MODES.index(self.mode),
            'goodput': self.goodput.share(second * SECOND_NS),
            'switches': switched + leader_changes, 'load': load * self.robots / alive,
            'wait_s': self.waiting * SERVICE_S / (alive * SLOTS),
            'trouble': float(faults > 0 or leader_changes > 0),
            'defensive': float(self.mode is Mode.DEFENSIVE),
        }

    def _work(self, phase: Phase, load: float, alive: int, faults: int) -> int:
        """Jobs come, are taken, end. Returns how many were lost."""
        rng, slots = self.rng, alive * SLOTS
        self.waiting += int(rng.poisson(load * self.robots * SLOTS / SERVICE_S))
        room = max(0, int(round(slots * TAKES[self.mode])) - self.running)
        taken = min(self.waiting, room) if phase.granting else 0
        self.waiting, self.running = self.waiting - taken, self.running + taken
        effort = math.exp(-(self.arousal.value - 0.5)**2 / (2.0 * 0.35**2))
        ended = int(rng.binomial(self.running, 1.0 - math.exp(-effort / SERVICE_S)))
        lost = int(rng.binomial(ended, min(0.8, 0.02 + 0.5 * phase.faults_per_s)))
        self.running -= ended
        bound = PATIENCE_S * slots / SERVICE_S
        late = int(max(0.0, self.waiting - bound) * 0.3)
        self.waiting -= late - int(rng.binomial(late, RETRIES))
        self.goodput.fade(1.0)
        self.goodput.count(ended - lost, lost + late)
        return lost

    def _count(self, faults: int, lost: int, leader_changes: int, alive: int) -> None:
        for intensity, events in ((self.faults, faults), (self.failures, lost),
                                  (self.leaders, leader_changes)):
            intensity.advance(1.0)
            intensity.per_s += events / (30.0 * (1 if intensity is self.leaders else
                                                 max(1.0, alive / 3.0)))

    def _follow(self, phase: Phase, alive: int, second: int) -> int:
        load = min(1.0, self.running / (alive * SLOTS))
        usual = sum(self.loads) / len(self.loads) if self.loads else load
        self.loads.append(load)
        threat = min(1.0, self.faults.per_s / 0.2 + self.failures.per_s / 0.1)
        surprise = min(1.0, abs(load - usual) / 0.3)
        queue = min(1.0, self.waiting * SERVICE_S / (alive * SLOTS) / 10.0)
        self.arousal.follow(0.5 * max(load, queue) + 0.3 * surprise + 0.2 * threat, 1.0)
        disturbed = (self.faults.per_s / 0.2 + self.failures.per_s / 0.3
                     + self.leaders.per_s / 0.05 + self.switched.per_s / 0.1)
        self.stability.follow(math.exp(-disturbed), 1.0)
        work_s = (self.waiting + 0.5 * self.running) * SERVICE_S / (alive * SLOTS)
        self.pressure.follow(-math.expm1(-work_s / 10.0), 1.0)
        return self._rule(phase, second)

    def _rule(self, phase: Phase, second: int) -> int:
        wanted = RULES[phase.rule](self)
        switched = int(wanted is not self.mode)
        self.switched.advance(1.0)
        self.switched.count(switched)
        if switched:
            self.mode, self.mode_s = wanted, second
        return switched


def _sane(world: World) -> Mode:
    """As the coordinator's own rules: far apart edges for each way, trouble first."""
    threat = world.faults.per_s / 0.2 + world.failures.per_s / 0.3
    if threat > (0.5 if world.mode is Mode.DEFENSIVE else 1.5) and world.pressure.value < 0.5:
        return Mode.DEFENSIVE
    if world.pressure.value > (0.3 if world.mode is Mode.HYPERFOCUS else 0.75):
        return Mode.HYPERFOCUS
    return Mode.NORMAL


def _twitchy(world: World) -> Mode:
    """One edge for both ways and no dwell: what it does moves what it looks at."""
    busy = world.arousal.value + world.rng.normal(0.0, 0.03)
    if busy > 0.45:
        return Mode.DEFENSIVE if world.rng.random() < 0.6 else Mode.CONSERVE
    return Mode.HYPERFOCUS if world.pressure.value > 0.35 else Mode.NORMAL


def _timid(world: World) -> Mode:
    """The slightest trouble means defensive, and it takes minutes to dare again."""
    stirred = world.arousal.value > 0.4 or world.failures.per_s > 0.02
    world.timid_s = 240 if stirred else max(0, world.timid_s - 1)
    return Mode.DEFENSIVE if world.timid_s else Mode.NORMAL


RULES = {'sane': _sane, 'twitchy': _twitchy, 'timid': _timid}


def queue_trace(rng: np.random.Generator, seconds: int = 3000, noise: float = 1.0) -> Trace:
    """A trace out of the simulation, with the regimes that came of it."""
    phases: list[Phase] = []
    while sum(phase.length_s for phase in phases) < seconds:
        phases.append(_phase(rng))
    return _simulated(rng, phases, noise, seconds)


def strange_trace(
    rng: np.random.Generator, kind: str, seconds: int = 200, noise: float = 1.0
) -> Trace:
    """100 s of ordinary work, then what no model was told of. Raises ValueError."""
    strange = {
        'starvation': Phase(seconds, 0.5, 0.0, 0.0, 0.0, 'sane', granting=False),
        'slow oscillation': Phase(seconds, 0.9, 0.0, 0.0, 0.0, 'sane', swing=0.9,
                                  swing_s=float(rng.uniform(40.0, 70.0))),
        'partition': Phase(seconds, 0.1, 0.02, 0.12, float(rng.uniform(0.5, 0.7)), 'sane'),
    }
    if kind not in strange:
        raise ValueError(f'kind: expected one of {", ".join(sorted(strange))}, got {kind!r}')
    quiet = Phase(100, float(rng.uniform(0.2, 0.6)), 0.0, 0.0, 0.0, 'sane')
    trace = _simulated(rng, [quiet, strange[kind]], noise, 100 + seconds)
    labels = np.full(len(trace), Regime.CALM.value, dtype=np.int64)
    labels[100:] = UNSEEN
    return Trace(trace.arousal, trace.stability, trace.pressure, trace.robots, trace.modes,
                 trace.goodput, trace.switches, labels)


def _phase(rng: np.random.Generator) -> Phase:
    """Load, faults and rule; faults come more often with a surge of load."""
    length_s = int(rng.integers(PHASE_S[0], PHASE_S[1] + 1))
    rule = str(rng.choice(['sane', 'twitchy', 'timid'], p=[0.4, 0.25, 0.35]))
    surge = rng.random() < 0.35
    load = float(rng.uniform(1.3, 2.5) if surge else rng.uniform(0.15, 0.7))
    if rng.random() < (0.4 if surge else 0.8):
        return Phase(length_s, load, 0.0, 0.0, 0.0, rule)
    return Phase(length_s, load, float(rng.uniform(0.1, 0.6)), float(rng.uniform(0.0, 0.05)),
                 float(rng.uniform(0.0, 0.3)), rule)


def _simulated(
    rng: np.random.Generator, phases: list[Phase], noise: float, seconds: int
) -> Trace:
    world = World(rng, robots=int(rng.integers(3, 17)))
    rows = [world.step(phase, second) for second, phase in enumerate(
        phase for phase in phases for _ in range(phase.length_s))][:seconds]
    true = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    trace = Trace(
        true['arousal'], true['stability'], true['pressure'], true['robots'].astype(np.int64),
        true['mode'].astype(np.int64), true['goodput'], true['switches'].astype(np.int64),
        truth(true))
    return noisy(trace, rng, noise * NOISE_SHARE)


def truth(true: dict[str, NDArray[np.float64]]) -> Ints:
    """The regime of every second, from what really was; UNLABELLED where it is none clearly.

    thrash          SWITCHES_OF_THRASH or more switches of mode or leader in WINDOW_S
    over-cautious   defensive without trouble within 15 s, while jobs wait 5 s or longer
    panic           jobs wait 10 s or longer, and faults or lost leaders come again and again
    calm            jobs wait less than 3 s, with little trouble and not on the defensive
    """
    switches = _around(true['switches'], WINDOW_S) * WINDOW_S
    trouble = _around(true['trouble'], 30)
    wait_s, defensive = _around(true['wait_s'], 10), _around(true['defensive'], 10)
    labels = np.full(len(wait_s), UNLABELLED, dtype=np.int64)
    calm = (wait_s < 3.0) & (trouble < 0.1) & (switches < 2.5) & (defensive < 0.5)
    labels[calm] = Regime.CALM.value
    labels[(wait_s >= 10.0) & (trouble >= 0.1)] = Regime.PANIC.value
    labels[(defensive > 0.8) & (trouble < 0.1) & (wait_s >= 5.0)] = Regime.OVER_CAUTIOUS.value
    labels[switches >= SWITCHES_OF_THRASH - 0.5] = Regime.THRASH.value
    return _without_short(labels)


def _around(values: NDArray[np.float64], window_s: int) -> NDArray[np.float64]:
    """Mean over a window around each second."""
    padded = np.pad(values.astype(np.float64), (window_s // 2, window_s - window_s // 2 - 1),
                    mode='edge')
    sums = np.cumsum(np.concatenate([[0.0], padded]))
    means: NDArray[np.float64] = (sums[window_s:] - sums[:-window_s]) / window_s
    return means


def _without_short(labels: Ints) -> Ints:
    kept = np.array(labels)
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        if end - start < STRETCH_S_MIN:
            kept[start:end] = UNLABELLED
    return kept
