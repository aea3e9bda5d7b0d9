# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns drawn traces of swarms with the regime known at every second; refuses to know classifiers.

The first of two families: regimes follow one another as a Markov chain with sojourns of 80 to
300 s, and each draws its figures around levels of its own with AR(0.9) noise. Levels, periods
and shares differ from swarm to swarm and from episode to episode. The second family,
regime_queue, draws no regime at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.observation import Mode
from ..core.regimes.features import FEATURES, Features
from ..core.regimes.snapshot import NAMED, Regime, Snapshot

UNLABELLED = -1             # neither scored nor learned from: nobody could say
UNSEEN = 0                  # Regime.UNKNOWN: none of the four
SECOND_NS = 1_000_000_000
SOJOURN_S = (80, 300)
LABELS_MIN = 25             # of each regime, to make clusters of
NOISE_AR = 0.9
NOISE_SD = 0.11             # of each figure at noise x1: plain k-means on raw figures then has a
                            # macro-F1 of some .8 at x1 and .6 at x2.2
GOODPUT_AR = 0.6
GOODPUT_SD = 0.10
NOISE_SHARE = 0.5           # of this noise in the other families, whose figures move by themselves
MODES = tuple(Mode)
DEFENSIVE = MODES.index(Mode.DEFENSIVE)
UNSEEN_KINDS = ('starvation', 'slow oscillation', 'partition')

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Trace:
    """One swarm, one snapshot a second; every array has the same length.

    labels: Regime.value of the truth, UNSEEN for none of the four, UNLABELLED where nobody could
    say. modes: index into MODES. switches: in that second.
    """

    arousal: Floats
    stability: Floats
    pressure: Floats
    robots: Ints
    modes: Ints
    goodput: Floats
    switches: Ints
    labels: Ints

    def __len__(self) -> int:
        return len(self.labels)

    def snapshots(self) -> Iterator[Snapshot]:
        columns = zip(self.arousal.tolist(), self.stability.tolist(), self.pressure.tolist(),
                      self.robots.tolist(), self.modes.tolist(), self.goodput.tolist(),
                      self.switches.tolist(), strict=True)
        for arousal, stability, pressure, robots, mode, goodput, switches in columns:
            yield Snapshot(arousal, stability, pressure, robots, MODES[mode], goodput,
                           float(switches))

    def features(self) -> Floats:
        """What Features makes of it, shape (seconds, len(FEATURES))."""
        seen, rows = Features(), np.empty((len(self), len(FEATURES)))
        for second, snapshot in enumerate(self.snapshots()):
            seen.observe(snapshot, second * SECOND_NS)
            rows[second] = seen.vector()
        return rows


@dataclass(frozen=True)
class Level:
    """What one regime looks like; ranges from which each episode draws."""

    arousal: tuple[float, float]
    stability: tuple[float, float]
    pressure: tuple[float, float]
    goodput: tuple[float, float]
    defensive: tuple[float, float]      # share of the time
    gap_s: tuple[float, float]          # between two switches of the mode
    swing: tuple[float, float] = (0.0, 0.0)     # of arousal and stability
    period_s: tuple[float, float] = (8.0, 8.0)
    lost: tuple[float, float] = (0.0, 0.0)      # share of the robots


# Wide on purpose: a model that was fitted to narrow levels knows no other swarm. An episode has
# one of the looks of its regime: thrash also comes as control alone, with little work.
LEVELS = {
    Regime.CALM.value: (
        Level((.10, .45), (.78, .98), (.02, .40), (.86, 1.0), (.0, .06), (60, 240)),),
    Regime.PANIC.value: (
        Level((.60, .92), (.02, .42), (.65, 1.0), (.05, .60), (.0, .5), (15, 240),
              lost=(0.0, .3)),),
    Regime.THRASH.value: (
        Level((.20, .65), (.05, .60), (.10, .70), (.35, .95), (.0, .5), (1, 7),
              swing=(.0, .32), period_s=(4.0, 14.0)),
        Level((.08, .40), (.00, .30), (.00, .20), (.85, 1.0), (.0, .6), (.5, 4),
              swing=(.0, .10), period_s=(4.0, 14.0))),
    Regime.OVER_CAUTIOUS.value: (
        Level((.12, .50), (.70, .98), (.25, .90), (.10, .60), (.88, 1.0), (60, 240)),),
}
UNSEEN_LEVELS = {
    'starvation': Level((.08, .20), (.80, .95), (.80, .98), (.0, .12), (.0, .05), (100, 300)),
    'slow oscillation': Level((.45, .55), (.45, .60), (.40, .60), (.60, .90), (.0, .10),
                              (60, 240), swing=(.38, .45), period_s=(30.0, 70.0)),
    'partition': Level((.25, .45), (.05, .25), (.05, .25), (.10, .40), (.0, .2), (20, 60),
                       lost=(.45, .7)),
}


def drawn_trace(rng: np.random.Generator, seconds: int = 3000, noise: float = 1.0) -> Trace:
    """A trace in which the four regimes follow one another."""
    episodes, regime, left = [], int(rng.choice([r.value for r in NAMED])), seconds
    robots = int(rng.integers(3, 17))
    while left > 0:
        length = min(left, int(rng.integers(SOJOURN_S[0], SOJOURN_S[1] + 1)))
        looks = LEVELS[regime]
        look = looks[int(rng.integers(len(looks)))]
        episodes.append(_episode(rng, look, length, robots, regime))
        regime = int(rng.choice([r.value for r in NAMED if r.value != regime]))
        left -= length
    return noisy(_joined(episodes), rng, noise)


def unseen_trace(
    rng: np.random.Generator, kind: str, seconds: int = 200, noise: float = 1.0
) -> Trace:
    """100 s of calm, then a regime that no model was told of. Raises ValueError."""
    if kind not in UNSEEN_LEVELS:
        raise ValueError(f'kind: expected one of {", ".join(UNSEEN_KINDS)}, got {kind!r}')
    robots = int(rng.integers(4, 17))
    calm = _episode(rng, LEVELS[Regime.CALM.value][0], 100, robots, Regime.CALM.value)
    strange = _episode(rng, UNSEEN_LEVELS[kind], seconds, robots, UNSEEN)
    return noisy(_joined([calm, strange]), rng, noise)


def noisy(trace: Trace, rng: np.random.Generator, noise: float) -> Trace:
    """The trace as it is measured: AR noise on its figures and its goodput."""
    def measured(figure: Floats, memory: float, sd: float) -> Floats:
        return np.clip(figure + _ar(rng, len(trace), memory, noise * sd), 0.0, 1.0)

    return Trace(
        measured(trace.arousal, NOISE_AR, NOISE_SD),
        measured(trace.stability, NOISE_AR, NOISE_SD),
        measured(trace.pressure, NOISE_AR, NOISE_SD), trace.robots, trace.modes,
        measured(trace.goodput, GOODPUT_AR, GOODPUT_SD), trace.switches, trace.labels)


def _episode(
    rng: np.random.Generator, level: Level, length: int, robots: int, label: int
) -> Trace:
    wave = level_wave(rng, level, length)
    modes, switches = _modes(rng, level, length)
    lost = int(round(robots * rng.uniform(*level.lost)))
    flat = np.ones(length)
    return Trace(
        arousal=rng.uniform(*level.arousal) + wave,
        stability=rng.uniform(*level.stability) - wave,
        pressure=rng.uniform(*level.pressure) * flat,
        robots=np.full(length, max(1, robots - lost), dtype=np.int64),
        modes=modes, goodput=rng.uniform(*level.goodput) * flat, switches=switches,
        labels=np.full(length, label, dtype=np.int64))


def level_wave(rng: np.random.Generator, level: Level, length: int) -> Floats:
    """The oscillation of an episode; zero where its regime does not oscillate."""
    period_s, phase = rng.uniform(*level.period_s), rng.uniform(0.0, 2.0 * np.pi)
    wave = rng.uniform(*level.swing) * np.sin(2.0 * np.pi * np.arange(length) / period_s + phase)
    return np.asarray(wave, dtype=np.float64)


def _modes(rng: np.random.Generator, level: Level, length: int) -> tuple[Ints, Ints]:
    """Modes in force, and switches of each second: gaps around a mean of the episode, longer in
    the defensive mode and shorter in the others, or the reverse, as its share wants it."""
    modes, switches = np.empty(length, dtype=np.int64), np.zeros(length, dtype=np.int64)
    gap_s, defensive = rng.uniform(*level.gap_s), rng.uniform(*level.defensive)
    mode, second = _mode(rng, defensive, -1), 0
    while second < length:
        share = defensive if mode == DEFENSIVE else 1.0 - defensive
        stay = max(1, int(round(2.0 * share * gap_s * rng.uniform(0.5, 1.5))))
        modes[second:second + stay] = mode
        second += stay
        if second < length:
            after = _mode(rng, defensive, mode)
            switches[second], mode = int(after != mode), after
    return modes, switches


def _mode(rng: np.random.Generator, defensive: float, before: int) -> int:
    if rng.random() < defensive:
        return DEFENSIVE
    others = [MODES.index(mode) for mode in
              (Mode.NORMAL, Mode.EXPLORE, Mode.CONSERVE, Mode.HYPERFOCUS, Mode.RECOVERY)]
    return int(rng.choice([mode for mode in others if mode != before]))


def _ar(rng: np.random.Generator, length: int, memory: float, sd: float) -> Floats:
    """AR(1) noise with this standard deviation in the long run."""
    steps = rng.normal(0.0, sd * np.sqrt(1.0 - memory**2), length).tolist()
    values, value = [], float(rng.normal(0.0, sd))
    for step in steps:
        value = memory * value + step
        values.append(value)
    return np.array(values)


def _joined(parts: list[Trace]) -> Trace:
    names = ('arousal', 'stability', 'pressure', 'robots', 'modes', 'goodput', 'switches',
             'labels')
    return Trace(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def learnable(trace: Trace) -> list[Floats]:
    """The stretches of its features in which one of the four regimes was the truth."""
    known = trace.labels > UNSEEN
    edges = [0, *(np.flatnonzero(np.diff(known)) + 1).tolist(), len(trace)]
    features = trace.features()
    return [features[start:end] for start, end in zip(edges[:-1], edges[1:], strict=True)
            if known[start]]


def labelled(
    traces: list[Trace], rng: np.random.Generator, per_regime: int
) -> tuple[Floats, list[Regime]]:
    """At most so many snapshots of each regime, by lot. Raises ValueError where there are too few.
    """
    features = np.concatenate([trace.features() for trace in traces])
    labels = np.concatenate([trace.labels for trace in traces])
    chosen: list[int] = []
    for regime in NAMED:
        there = np.flatnonzero(labels == regime.value)
        if len(there) < LABELS_MIN:
            raise ValueError(f'{regime.label}: expected {LABELS_MIN} snapshots, got {len(there)}')
        few = min(per_regime, len(there))
        chosen.extend(rng.choice(there, few, replace=False).tolist())
    return features[chosen], [Regime(int(labels[i])) for i in chosen]
