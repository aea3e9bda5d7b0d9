# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns a fitted model of regimes: clusters of features with their names and limits, checked when
it is made; refuses to know how it was fitted, and files.

Works on plain numbers: twelve clusters of eight features need no numpy, and a robot that only
asks for its regime need not load it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .features import FEATURES
from .snapshot import NAMED, Regime

SCHEMA = 1
CLUSTERS_MAX = 64           # bounds the time of one look; twelve are shipped
REFERENCES_MAX = 256        # the same
ARRAYS = ('mean', 'scale', 'centroids', 'regimes', 'purity', 'references', 'limit', 'spread')

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Nearest:
    """The cluster that features fell into, and their distance to anything seen in training, in
    standard deviations within a cluster."""

    cluster: int
    regime: Regime
    confidence: float
    runner_up: Regime
    runner_up_cluster: int
    distance: float


@dataclass(frozen=True)
class RegimeModel:
    """Clusters of scored features, with their names, and what counts as known.

    mean, scale     score = (feature - mean) / scale; scale is the standard deviation within a
                    cluster
    centroids       (clusters, features), scored
    regimes         that the clusters were named after
    purity          share of the labelled snapshots in the cluster that have its name
    references      (references, features), scored: points all over what was seen in training
    limit           99.5 % of the training stayed within this distance of a reference
    spread          root mean square distance of training snapshots to their cluster, by feature
    """

    name: str
    version: int
    mean: Vector
    scale: Vector
    centroids: tuple[Vector, ...]
    regimes: tuple[Regime, ...]
    purity: Vector
    references: tuple[Vector, ...]
    limit: float
    spread: float

    def __post_init__(self) -> None:
        for name, most in (('centroids', CLUSTERS_MAX), ('references', REFERENCES_MAX)):
            rows = getattr(self, name)
            if not 0 < len(rows) <= most:
                raise ValueError(f'{name}: expected 1 to {most}, got {len(rows)}')
            if any(len(row) != len(FEATURES) for row in rows):
                raise ValueError(f'{name}: expected rows of {len(FEATURES)}')
        clusters = len(self.centroids)
        for name, length in (('mean', len(FEATURES)), ('scale', len(FEATURES)),
                             ('regimes', clusters), ('purity', clusters)):
            if len(getattr(self, name)) != length:
                raise ValueError(f'{name}: expected {length}, got {len(getattr(self, name))}')
        self._check_values()

    def _check_values(self) -> None:
        rows = (self.mean, self.scale, self.purity, *self.centroids, *self.references,
                (self.limit, self.spread))
        if not all(math.isfinite(value) for row in rows for value in row):
            raise ValueError('model: expected finite numbers')
        if min(*self.scale, self.limit, self.spread) <= 0.0:
            raise ValueError('scale, limit, spread: expected numbers above 0')
        if not all(0.0 <= share <= 1.0 for share in self.purity):
            raise ValueError('purity: expected shares')
        if Regime.UNKNOWN in self.regimes or self.version < 1 or not self.name:
            raise ValueError('model: expected a name, a version from 1 and named clusters')

    @property
    def identity(self) -> str:
        return f'{self.name}@{self.version}'

    @staticmethod
    def from_arrays(arrays: Mapping[str, Any], manifest: Mapping[str, Any]) -> RegimeModel:
        """From a model file. Raises ValueError that says what was expected."""
        if manifest.get('features') != list(FEATURES):
            raise ValueError(f'features: expected {list(FEATURES)}, '
                             f'got {manifest.get("features")!r}')
        if manifest.get('schema') != SCHEMA:
            raise ValueError(f'schema: expected {SCHEMA}, got {manifest.get("schema")!r}')
        missing = [name for name in ARRAYS if name not in arrays]
        if missing:
            raise ValueError(f'arrays: {", ".join(missing)} missing')
        try:
            plain = {name: arrays[name].tolist() for name in ARRAYS}
            return RegimeModel(
                name=str(manifest['name']), version=int(manifest['version']),
                mean=_vector(plain['mean']), scale=_vector(plain['scale']),
                centroids=tuple(_vector(row) for row in plain['centroids']),
                regimes=tuple(Regime(int(number)) for number in plain['regimes']),
                purity=_vector(plain['purity']),
                references=tuple(_vector(row) for row in plain['references']),
                limit=float(plain['limit']), spread=float(plain['spread']))
        except (TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ValueError(f'model: expected arrays {", ".join(ARRAYS)} ({error})') from error

    def scored(self, features: Sequence[float]) -> Vector:
        """Features in standard deviations within a cluster, from the mean of the training."""
        return tuple((value - mean) / scale for value, mean, scale
                     in zip(features, self.mean, self.scale, strict=True))

    def nearest(self, scored: Vector, centroids: Sequence[Vector]) -> Nearest:
        """The nearest of centroids (the model's own, or where they have drifted to)."""
        distances = [math.dist(scored, centroid) for centroid in centroids]
        order = sorted(range(len(distances)), key=lambda i: (distances[i], i))
        best = order[0]
        regime = self.regimes[best]
        other = next((i for i in order if self.regimes[i] is not regime), best)
        return Nearest(
            cluster=best, regime=regime, confidence=self._confidence(distances, best),
            runner_up=self.regimes[other], runner_up_cluster=other,
            distance=min(math.dist(scored, reference) for reference in self.references))

    def _confidence(self, distances: Sequence[float], best: int) -> float:
        """Probability of the named regime if every cluster were a round normal distribution of
        the same width (its spread), times how surely the cluster was named."""
        spread = 2.0 * self.spread * self.spread
        weights = dict.fromkeys(NAMED, 0.0)
        for distance, regime in zip(distances, self.regimes, strict=True):
            weights[regime] += math.exp((distances[best]**2 - distance**2) / spread)
        share = weights[self.regimes[best]] / math.fsum(weights.values())
        return min(1.0, share) * self.purity[best]


def _vector(values: Sequence[Any]) -> Vector:
    return tuple(float(value) for value in values)
