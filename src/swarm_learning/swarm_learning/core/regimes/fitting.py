# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how a model of regimes is fitted: k-means within the labelled snapshots of each regime, and
what counts as known by snapshots without labels; refuses to know where features come from, and
files.

Clusters of all snapshots together, named afterwards by the majority of their labels, were worse:
what a swarm looks like while it gets over a panic lies between the regimes, and one cluster took
all of it.

Offline only, and the only file here that needs numpy. k-means: S. Lloyd, Least squares
quantization in PCM, IEEE Trans. Information Theory 28, 1982; its start: D. Arthur,
S. Vassilvitskii, k-means++, SODA 2007. Moving clusters by labels: A. Sato, K. Yamada, Generalized
learning vector quantization, NIPS 1995.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .features import FEATURES
from .model import CLUSTERS_MAX, REFERENCES_MAX, SCHEMA, RegimeModel
from .novelty import BEYOND_S
from .snapshot import NAMED, Regime

CLUSTERS = 12               # to measure the spread within clusters by
CLUSTERS_PER_REGIME = 3     # 5 and 8 were worse on a family that they had not seen
EPOCHS, BATCH, STEP = 20, 100, 0.07     # of moving clusters by labels; 0.4 was the same
STARTS = 12                 # of k-means; the best one is kept
STEPS_MAX = 100             # of Lloyd's algorithm; it has settled long before
SNAPSHOTS_MAX = 12_000      # that k-means looks at, evenly spaced; more changed nothing
SCALE_MIN = 0.02            # a feature that hardly moves in training must not outweigh all others
WITHIN_MIN = 0.05           # the same within a cluster, as a share of the whole deviation
REFERENCES = 48             # 24 left holes, 128 were no better, on traces of both families
LIMIT_PERCENT = 99.5        # of the training snapshots lie within the limit
PERSISTENT = int(BEYOND_S) + 1  # snapshots at 1 Hz that a watch looks back

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """A model with how well it names the snapshots that it was fitted to."""

    model: RegimeModel
    inertia: float
    cluster_sizes: tuple[int, ...]


def fit(
    traces: Sequence[NDArray[Any]], labelled: NDArray[Any], labels: Sequence[Regime],
    rng: np.random.Generator, *, per_regime: int = CLUSTERS_PER_REGIME,
    references: int = REFERENCES, name: str = 'regimes', version: int = 1,
) -> Fitted:
    """Fit a model.

    traces: features without labels, each of shape (snapshots, len(FEATURES)), one snapshot a
    second; labelled: more, of which each has its regime in labels, also such of the time in which
    the one before wears off. Raises ValueError that says what was expected.
    """
    checked, named = [_checked(trace) for trace in traces], _checked(labelled)
    whole = np.concatenate(checked)
    if len(named) != len(labels) or not set(NAMED) <= set(labels):
        raise ValueError(f'labels: expected one for each of {len(named)} snapshots, with '
                         f'every one of {", ".join(regime.label for regime in NAMED)}')
    fewest = min(sum(label is regime for label in labels) for regime in NAMED)
    for what, count, most, there in (
            ('per_regime', per_regime, CLUSTERS_MAX // len(NAMED), fewest),
            ('references', references, REFERENCES_MAX, len(whole))):
        if not 1 <= count <= min(most, there):
            raise ValueError(f'{what}: expected 1 to {most} and at most the {there} '
                             f'snapshots, got {count}')
    sample = whole[::-(-len(whole) // SNAPSHOTS_MAX)]
    mean, scale = whole.mean(axis=0), _within(sample, min(CLUSTERS, len(sample)), rng)
    scored, points = (sample - mean) / scale, (named - mean) / scale
    centroids, regimes = _of_each(points, labels, per_regime, rng)
    purity = _purity(points, labels, centroids, regimes)
    known, _ = _best_of(scored, references, rng)
    found, distances = nearest(scored, centroids)
    model = RegimeModel(
        name=name, version=version, mean=_plain(mean), scale=_plain(scale),
        centroids=tuple(_plain(row) for row in centroids), regimes=regimes, purity=purity,
        references=tuple(_plain(row) for row in known),
        limit=_limit([(trace - mean) / scale for trace in checked], known),
        spread=max(1e-6, float(np.sqrt(np.mean(distances**2) / len(FEATURES)))))
    sizes = np.bincount(found, minlength=len(centroids))
    return Fitted(model, float(np.mean(distances**2)), tuple(int(size) for size in sizes))


def persistent(distances: Floats) -> Floats:
    """The smallest of the last PERSISTENT distances; 0 until there are so many."""
    padded = np.concatenate([np.zeros(PERSISTENT - 1), distances])
    shifted = [padded[i:i + len(distances)] for i in range(PERSISTENT)]
    return np.asarray(np.min(shifted, axis=0), dtype=np.float64)


def arrays_of(model: RegimeModel) -> dict[str, NDArray[Any]]:
    """The model as arrays for an .npz; RegimeModel.from_arrays reads them."""
    return {
        'mean': np.array(model.mean), 'scale': np.array(model.scale),
        'centroids': np.array(model.centroids),
        'regimes': np.array([regime.value for regime in model.regimes], dtype=np.int64),
        'purity': np.array(model.purity), 'references': np.array(model.references),
        'limit': np.array(model.limit), 'spread': np.array(model.spread),
    }


def manifest_of(model: RegimeModel) -> dict[str, object]:
    """What from_arrays needs beside the arrays."""
    return {'schema': SCHEMA, 'name': model.name, 'version': model.version,
            'features': list(FEATURES)}


def nearest(points: Floats, centroids: Floats) -> tuple[Ints, Floats]:
    """For each point the index of its nearest centroid, and how far that is."""
    squares = (np.einsum('ij,ij->i', points, points)[:, None] - 2.0 * points @ centroids.T
               + np.einsum('ij,ij->i', centroids, centroids)[None, :])
    found = np.argmin(squares, axis=1)
    return found, np.sqrt(np.maximum(0.0, squares[np.arange(len(points)), found]))


def _checked(values: NDArray[Any]) -> Floats:
    checked = np.asarray(values, dtype=np.float64)
    if checked.ndim != 2 or checked.shape[1] != len(FEATURES) or not len(checked):
        raise ValueError(f'features: expected shape (snapshots, {len(FEATURES)}), '
                         f'got {checked.shape}')
    if not np.isfinite(checked).all():
        raise ValueError('features: expected finite numbers')
    return checked


def _best_of(points: Floats, clusters: int, rng: np.random.Generator) -> tuple[Floats, float]:
    runs = [k_means(points, clusters, rng) for _ in range(STARTS)]
    centroids, inertia = min(runs, key=lambda run: run[1])
    order = np.lexsort(centroids.T[::-1])
    return centroids[order], inertia


def _of_each(
    points: Floats, labels: Sequence[Regime], per_regime: int, rng: np.random.Generator
) -> tuple[Floats, tuple[Regime, ...]]:
    """Clusters of the labelled snapshots of each regime, and their names."""
    found = []
    for regime in NAMED:
        inside = points[[at for at, label in enumerate(labels) if label is regime]]
        found.append(_best_of(inside, per_regime, rng)[0])
    regimes = tuple(regime for regime in NAMED for _ in range(per_regime))
    return _parted(points, labels, np.concatenate(found), regimes, rng), regimes


def _parted(
    points: Floats, labels: Sequence[Regime], centroids: Floats, regimes: Sequence[Regime],
    rng: np.random.Generator,
) -> Floats:
    """The clusters, moved such that snapshots come to lie nearer to one of their own regime than
    to any other: generalised learning vector quantization, in batches."""
    own = np.array([[regime is label for regime in regimes] for label in labels])
    for epoch in range(EPOCHS):
        order = rng.permutation(len(points))
        for at in np.array_split(order, -(-len(order) // BATCH)):
            squares = np.sum((points[at, None, :] - centroids)**2, axis=2)
            mine = np.argmin(np.where(own[at], squares, np.inf), axis=1)
            wrong = np.argmin(np.where(own[at], np.inf, squares), axis=1)
            near, far = squares[np.arange(len(at)), mine], squares[np.arange(len(at)), wrong]
            both = np.maximum(near + far, 1e-12)
            doubt = 1.0 / np.cosh(2.0 * (near - far) / both)**2     # 1 on the border
            moves = np.zeros_like(centroids)
            for which, pull in ((mine, doubt * far / both**2), (wrong, -doubt * near / both**2)):
                np.add.at(moves, which, pull[:, None] * (points[at] - centroids[which]))
            centroids = centroids + STEP * (1.0 - epoch / EPOCHS) * moves
    return centroids


def k_means(points: Floats, clusters: int, rng: np.random.Generator) -> tuple[Floats, float]:
    """Centroids (clusters, features) of one start, and the mean squared distance to them."""
    centroids = _spread_out(points, clusters, rng)
    before = np.full(len(points), -1)
    for _ in range(STEPS_MAX):
        found, distances = nearest(points, centroids)
        if np.array_equal(found, before):
            break
        before = found
        sizes = np.bincount(found, minlength=clusters)
        sums = np.stack([np.bincount(found, points[:, j], minlength=clusters)
                         for j in range(points.shape[1])], axis=1)
        centroids = np.where(sizes[:, None] > 0, sums / np.maximum(1, sizes)[:, None], centroids)
    return centroids, float(np.mean(distances**2))


def _spread_out(points: Floats, clusters: int, rng: np.random.Generator) -> Floats:
    """k-means++: each next start is drawn by its squared distance to those chosen."""
    chosen = [points[rng.integers(len(points))]]
    squares = np.sum((points - chosen[0])**2, axis=1)
    for _ in range(clusters - 1):
        total = float(squares.sum())
        weights = squares / total if total > 0.0 else None
        chosen.append(points[rng.choice(len(points), p=weights)])
        squares = np.minimum(squares, np.sum((points - chosen[-1])**2, axis=1))
    return np.array(chosen)


def _purity(
    points: Floats, labels: Sequence[Regime], centroids: Floats, regimes: Sequence[Regime]
) -> tuple[float, ...]:
    """Share of the labelled snapshots nearest to each cluster that are of its regime."""
    found, _ = nearest(points, centroids)
    purity = []
    for cluster, regime in enumerate(regimes):
        inside = [labels[int(i)] is regime for i in np.flatnonzero(found == cluster)]
        purity.append((sum(inside) + 1.0) / (len(inside) + 1.0))
    return tuple(min(1.0, share) for share in purity)


def _within(sample: Floats, clusters: int, rng: np.random.Generator) -> Floats:
    """Standard deviation of each feature within a cluster of z-scored ones: what tells two
    regimes apart counts more than what moves within each."""
    whole = np.maximum(sample.std(axis=0), SCALE_MIN)
    points = (sample - sample.mean(axis=0)) / whole
    centroids, _ = _best_of(points, clusters, rng)
    found, _ = nearest(points, centroids)
    within = np.sqrt(np.mean((points - centroids[found])**2, axis=0))
    return np.asarray(whole * np.maximum(within, WITHIN_MIN), dtype=np.float64)


def _limit(traces: Sequence[Floats], references: Floats) -> float:
    far = np.concatenate([persistent(nearest(trace, references)[1]) for trace in traces])
    return max(1e-6, float(np.percentile(far, LIMIT_PERCENT)))


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
