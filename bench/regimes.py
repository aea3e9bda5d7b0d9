# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How well the regime of a swarm is told, on seeds and a family that no model was trained on.

The shipped model (both families of traces) and, for comparison, models trained on one family
alone watch traces of other seeds, as a robot would: one snapshot after the other through
RegimeWatch. The family 'facts' was never trained on: scripted robots whose figures come out of the
shipping learner. Each figure is an interquartile mean over seeds with its 95 % bootstrap interval.
Baselines are trained on the drawn family and have the watch's own hysteresis. Definitions of the
figures: _regime_scores.py.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench._regime_scores import BAD_VALUES, Scores, episodes
from bench.statistics import iqm, iqm_row
from bench.table import AT_LEAST, AT_MOST, Row
from swarm_learning.core.regimes.model import RegimeModel
from swarm_learning.core.regimes.snapshot import Regime
from swarm_learning.core.regimes.watch import RegimeWatch
from swarm_learning.sim.regime_baselines import Baseline, baselines, page_hinkley, told
from swarm_learning.sim.regime_facts import facts_trace
from swarm_learning.sim.regime_queue import queue_trace, strange_trace
from swarm_learning.sim.regime_traces import (
    SECOND_NS,
    UNSEEN_KINDS,
    Trace,
    drawn_trace,
    unseen_trace,
)
from swarm_learning.sim.train_regimes import SECONDS, TRACES, trained, training_traces
from swarm_learning.storage.regime_model import read_regime_model

SEEDS = 20
SEED_OF_EVALUATION = 600    # far from those of the training
NOISE = 1.6
FAMILIES: dict[str, Callable[[np.random.Generator, int, float], Trace]] = {
    'drawn': drawn_trace, 'queue': queue_trace, 'facts': facts_trace}
LABELS_OF_BASELINE = 25     # of each regime: what a person can look through in an hour
SETTLE_S = 25               # after which an unseen regime should be known as unknown
Trained = dict[str, RegimeModel]


@dataclass(frozen=True)
class Figure:
    """One figure of Scores with the target of the design."""

    name: str
    unit: str
    of: Callable[[Scores], float]
    target: float
    better: str


FIGURES = (
    Figure('macro-F1', '', lambda s: s.macro_f1, 0.88, AT_LEAST),
    Figure('ARI', '', lambda s: s.ari, 0.76, AT_LEAST),
    Figure('median delay', 's', lambda s: s.delay_s(50), 15.0, AT_MOST),
    Figure('p90 delay', 's', lambda s: s.delay_s(90), 25.0, AT_MOST),
    Figure('missed', '', lambda s: s.missed, 0.02, AT_MOST),
    Figure('false alarms per 1000 s', '', lambda s: s.false_alarms_per_1000, 0.2, AT_MOST),
)


def measure(quick: bool) -> list[Row]:
    seeds = list(range(4 if quick else SEEDS))
    seconds = 1200 if quick else SECONDS
    models, others = _models(quick)
    traces = {name: [maker(np.random.default_rng([SEED_OF_EVALUATION, i]), seconds, NOISE)
                     for i in seeds] for name, maker in FAMILIES.items()}
    scores = {name: [_watched(models['both'], trace) for trace in family]
              for name, family in traces.items()}
    rows = [_row(f'{family}: {figure.name}', figure, scores[family], figure.target)
            for family in FAMILIES for figure in FIGURES]
    rows += _noises(models['both'], seeds, seconds)
    rows += _crossed(models, traces)
    rows += _beside(others, traces['drawn'], scores['drawn'])
    rows += _triggers(traces['drawn'])
    rows += _unseen(models['both'], seeds)
    return [*rows, _calibration(models['both'], traces), _cost(models['both'], traces['drawn'][0])]


def _models(quick: bool) -> tuple[Trained, list[Baseline]]:
    archive = read_regime_model()
    count = 6 if quick else TRACES
    models = {family: trained(family, count).model for family in ('drawn', 'queue')}
    models['both'] = RegimeModel.from_arrays(archive.arrays, archive.manifest)
    training = training_traces('drawn', count, SECONDS, 1)
    return models, baselines(training, np.random.default_rng(1), LABELS_OF_BASELINE)


def _watched(model: RegimeModel, trace: Trace) -> Scores:
    regimes, alarm, _ = _views(model, trace)
    scores = Scores()
    scores.add(trace.labels, regimes, alarm)
    return scores


def _views(
    model: RegimeModel, trace: Trace
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    watch = RegimeWatch(model)
    views = [watch.observe(snapshot, (i + 1) * SECOND_NS)
             for i, snapshot in enumerate(trace.snapshots())]
    return (np.array([view.regime.value for view in views]),
            np.array([view.alarm for view in views]),
            np.array([view.confidence for view in views]))


def _row(
    what: str, figure: Figure, scores: Sequence[Scores], target: float | None,
    peer: Sequence[Scores] | None = None, peer_name: str = '',
) -> Row:
    values = [figure.of(one) for one in scores]
    beside = [figure.of(one) for one in peer] if peer is not None else None
    return iqm_row(
        what, figure.unit, [value for value in values if math.isfinite(value)] or [999.0],
        peer=iqm([value for value in beside if math.isfinite(value)] or [999.0])
        if beside is not None else None,
        peer_name=peer_name, target=target, better=figure.better,
        note=f'mean {np.mean(values):.2g}' if figure in FIGURES[4:] else '')


def _noises(model: RegimeModel, seeds: Sequence[int], seconds: int) -> list[Row]:
    rows = []
    for noise in (1.0, 2.2):
        scores = [_watched(model, drawn_trace(
            np.random.default_rng([SEED_OF_EVALUATION, i]), seconds, noise)) for i in seeds]
        rows += [_row(f'drawn, noise x{noise}: {figure.name}', figure, scores, None)
                 for figure in (FIGURES[0], FIGURES[5])]
    return rows


def _crossed(models: Trained, traces: dict[str, list[Trace]]) -> list[Row]:
    """Models of one family on the others: how far they carry."""
    rows = []
    for learned in ('drawn', 'queue'):
        for family in FAMILIES:
            scores = [_watched(models[learned], trace) for trace in traces[family]]
            rows += [_row(f'trained on {learned} alone, {family}: {figure.name}', figure, scores,
                          None) for figure in FIGURES[:2]]
    return rows


def _beside(
    others: Sequence[Baseline], traces: Sequence[Trace], ours: Sequence[Scores]
) -> list[Row]:
    rows = []
    for one in others:
        scores = []
        for trace in traces:
            score = Scores()
            score.add(trace.labels, *told(one.namer(trace)))
            scores.append(score)
        rows += [_row(f'drawn beside {one.name}: {figure.name}', figure, ours, None, scores,
                      one.name) for figure in FIGURES]
    return rows


def _triggers(traces: Sequence[Trace]) -> list[Row]:
    """A change detector on arousal, as an alarm: why it is none."""
    delays, missed, false_alarms = [], [], []
    for trace in traces:
        changes = page_hinkley(trace.arousal)
        bad = [(start, end) for start, end in episodes(trace.labels)
               if trace.labels[start] in BAD_VALUES]
        first = [changes[(changes >= start) & (changes < end)] for start, end in bad]
        delays.append(float(np.median([c[0] - start for c, (start, _) in
                                       zip(first, bad, strict=True) if len(c)] or [0.0])))
        missed.append(sum(not len(c) for c in first) / max(1, len(bad)))
        calm = trace.labels == Regime.CALM.value
        false_alarms.append(1000.0 * float(np.sum(calm[changes])) / max(1, int(calm.sum())))
    return [iqm_row('drawn, Page-Hinkley: median delay', 's', delays),
            iqm_row('drawn, Page-Hinkley: missed', '', missed),
            iqm_row('drawn, Page-Hinkley: false alarms per 1000 s', '', false_alarms)]


def _unseen(model: RegimeModel, seeds: Sequence[int]) -> list[Row]:
    rows, means = [], []
    for name, maker in (('drawn', unseen_trace), ('queue', strange_trace)):
        shares = {kind: [_unknown(model, maker(
            np.random.default_rng([SEED_OF_EVALUATION, i]), kind, 200, NOISE)) for i in seeds]
            for kind in UNSEEN_KINDS}
        rows += [iqm_row(f'{name}: {kind} told as unknown', '', shares[kind],
                         target=0.8, better=AT_LEAST) for kind in UNSEEN_KINDS]
        means.append(np.mean([shares[kind] for kind in UNSEEN_KINDS], axis=0))
    together = np.mean(means, axis=0)
    return [*rows, iqm_row('unseen regimes told as unknown, all', '', together, target=0.8,
                           better=AT_LEAST,
                           note=f'share of snapshots later than {SETTLE_S} s')]


def _unknown(model: RegimeModel, trace: Trace) -> float:
    regimes, _, _ = _views(model, trace)
    start = int(np.flatnonzero(trace.labels == Regime.UNKNOWN.value)[0]) + SETTLE_S
    return float(np.mean(regimes[start:] == Regime.UNKNOWN.value))


def _calibration(model: RegimeModel, traces: dict[str, list[Trace]]) -> Row:
    """Mean gap between confidence and share of right ones, over ten bins of confidence."""
    errors = []
    for parts in zip(*traces.values(), strict=True):
        right, sure = [], []
        for trace in parts:
            regimes, _, confidence = _views(model, trace)
            scored = (trace.labels > 0) & (regimes > 0)
            right.append((regimes == trace.labels)[scored])
            sure.append(confidence[scored])
        hits, shares = np.concatenate(right), np.concatenate(sure)
        bins = np.minimum(9, (10.0 * shares).astype(np.int64))
        errors.append(float(sum(
            np.sum(bins == b) / len(bins) * abs(hits[bins == b].mean() - shares[bins == b].mean())
            for b in range(10) if np.any(bins == b))))
    return iqm_row('error of the confidence', '', errors)


def _cost(model: RegimeModel, trace: Trace) -> Row:
    watch, snapshots, spans = RegimeWatch(model), list(trace.snapshots())[:1000], []
    for i, snapshot in enumerate(snapshots):
        begun = time.perf_counter()
        watch.observe(snapshot, (i + 1) * SECOND_NS)
        spans.append(1e6 * (time.perf_counter() - begun))
    return iqm_row('processor time of one snapshot', 'us', spans)
