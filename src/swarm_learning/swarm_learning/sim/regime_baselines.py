# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what the watch over regimes is held against: plainer clusterings, a classifier that was
given every label, and a change detector. Refuses to be used on a robot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.regimes.alarm import Alarm
from ..core.regimes.features import FEATURES
from ..core.regimes.fitting import STARTS, Floats, k_means, nearest
from ..core.regimes.snapshot import NAMED, Regime
from .regime_traces import SECOND_NS, Ints, Trace

Namer = Callable[[Trace], Ints]     # a trace: Regime.value that each snapshot is named
GOODPUT = FEATURES.index('goodput')
RIDGE = 1e-3                # added to the variances of QDA, so that none is 0


@dataclass(frozen=True)
class Baseline:
    """A name, and what names the snapshots of a trace."""

    name: str
    namer: Namer


def raw(trace: Trace) -> Floats:
    """Arousal, stability and pressure as they come."""
    return np.stack([trace.arousal, trace.stability, trace.pressure], axis=1)


def windowed(trace: Trace) -> Floats:
    """All features but goodput."""
    return np.delete(trace.features(), GOODPUT, axis=1)


def clustered(
    name: str, traces: Sequence[Trace], look: Callable[[Trace], Floats], clusters: int,
    rng: np.random.Generator, per_regime: int | None,
) -> Baseline:
    """k-means on z-scored looks; named by all labels, or by so many of each regime."""
    points = np.concatenate([look(trace) for trace in traces])
    labels = np.concatenate([trace.labels for trace in traces])
    known = labels > 0
    mean, scale = points[known].mean(axis=0), np.maximum(points[known].std(axis=0), 0.02)
    scored = (points[known][::4] - mean) / scale
    centroids = min((k_means(scored, clusters, rng) for _ in range(STARTS)),
                    key=lambda run: run[1])[0]
    chosen = np.flatnonzero(known)
    if per_regime is not None:
        chosen = np.concatenate([
            rng.choice(np.flatnonzero(labels == regime.value), per_regime, replace=False)
            for regime in NAMED])
    found, _ = nearest((points[chosen] - mean) / scale, centroids)
    names = np.array([_majority(labels[chosen][found == c]) for c in range(clusters)])
    return Baseline(name, lambda trace: names[nearest((look(trace) - mean) / scale, centroids)[0]])


def quadratic(traces: Sequence[Trace]) -> Baseline:
    """Quadratic discriminant analysis with every label of the training: what the features can
    give at most to a Gaussian classifier."""
    features = np.concatenate([trace.features() for trace in traces])
    labels = np.concatenate([trace.labels for trace in traces])
    parts = []
    for regime in NAMED:
        inside = features[labels == regime.value]
        covariance = np.cov(inside.T) + RIDGE * np.eye(len(FEATURES))
        parts.append((inside.mean(axis=0), np.linalg.inv(covariance),
                      float(np.linalg.slogdet(covariance)[1]), float(np.log(len(inside)))))

    def name(trace: Trace) -> Ints:
        seen = trace.features()
        scores = np.stack([
            log_share - 0.5 * (determinant + np.einsum(
                'ij,jk,ik->i', seen - mean, inverse, seen - mean))
            for mean, inverse, determinant, log_share in parts], axis=1)
        values = np.array([regime.value for regime in NAMED])
        return np.asarray(values[np.argmax(scores, axis=1)], dtype=np.int64)

    return Baseline('QDA with all labels', name)


def baselines(traces: list[Trace], rng: np.random.Generator, per_regime: int) -> list[Baseline]:
    """All that name regimes, trained on these traces."""
    return [
        clustered('k-means 4, raw figures', traces, raw, 4, rng, None),
        clustered('k-means 4, windowed, no goodput', traces, windowed, 4, rng, None),
        clustered('k-means 12, labels, no goodput', traces, windowed, 12, rng, per_regime),
        quadratic(traces),
    ]


def told(names: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """The regime that is told and whether the alarm is up, with the watch's own hysteresis."""
    alarm = Alarm()
    regimes = np.empty(len(names), dtype=np.int64)
    raised = np.empty(len(names), dtype=np.bool_)
    for second, value in enumerate(names.tolist()):
        alarm.observe(Regime(value), second * SECOND_NS)
        regimes[second], raised[second] = alarm.regime.value, alarm.raised
    return regimes, raised


def page_hinkley(values: Floats, slack: float = 0.05, threshold: float = 1.5) -> Ints:
    """Seconds at which a change of the mean was noticed, upwards or downwards; begins anew after
    each. E. S. Page, Continuous inspection schemes, Biometrika 41, 1954. With slack and threshold
    as they are it misses hardly a change; larger ones miss more and cry wolf less."""
    changes, mean, count, up, down = [], 0.0, 0, 0.0, 0.0
    for second, value in enumerate(values.tolist()):
        count += 1
        mean += (value - mean) / count
        up = max(0.0, up + value - mean - slack)
        down = max(0.0, down + mean - value - slack)
        if max(up, down) > threshold:
            changes.append(second)
            mean, count, up, down = 0.0, 0, 0.0, 0.0
    return np.array(changes, dtype=np.int64)


def _majority(labels: Ints) -> int:
    counts = [int(np.sum(labels == regime.value)) for regime in NAMED]
    return NAMED[counts.index(max(counts))].value
