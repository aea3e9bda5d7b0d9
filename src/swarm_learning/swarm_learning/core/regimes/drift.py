# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the slow, bounded movement of clusters after what the swarm really looks like; refuses to
rename a cluster or to move it far.

Off by default: a regime that lasts for long would otherwise become the new normal. With it on, a
cluster follows only snapshots that are well inside it, and never goes further than
DRIFT_MAX_SD from where it was shipped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from .document import decimal, decimals
from .features import FEATURES
from .model import Nearest, RegimeModel, Vector

# Far less than the distance between clusters of two regimes (some 5 sd in the shipped model), so
# that they cannot change places.
DRIFT_MAX_SD = 0.5
DRIFT_CONFIDENCE_MIN = 0.8  # only what is beyond doubt is learned from; chosen without data
REVISION_STEP_SD = 0.05     # so much movement of any cluster makes a new revision


class Centroids:
    """Where the clusters of a model are now, and which revision of the model that makes."""

    def __init__(self, model: RegimeModel) -> None:
        self._model = model
        self.now: list[Vector] = list(model.centroids)
        self.revision = 0
        self._moved_sd = 0.0    # since the last revision

    @property
    def identity(self) -> str:
        """name@version, with the revision where clusters have moved: 'regimes@1+3'."""
        shipped = self._model.identity
        return f'{shipped}+{self.revision}' if self.revision else shipped

    def follow(self, scored: Vector, found: Nearest, limit: float, rate: float) -> None:
        """Move the cluster that was found by this share towards the snapshot, within bounds."""
        if found.distance > limit or found.confidence < DRIFT_CONFIDENCE_MIN:
            return
        before = self.now[found.cluster]
        home = self._model.centroids[found.cluster]
        after = _bounded(home, tuple(
            old + rate * (new - old) for old, new in zip(before, scored, strict=True)))
        self.now[found.cluster] = after
        self._moved_sd += math.dist(before, after)
        if self._moved_sd >= REVISION_STEP_SD:
            self.revision, self._moved_sd = self.revision + 1, 0.0

    def document(self) -> dict[str, object]:
        return {'revision': self.revision, 'moved_sd': self._moved_sd.hex(),
                'centroids': [[value.hex() for value in row] for row in self.now]}

    def restore(self, document: Mapping[str, object]) -> None:
        """Raises ValueError where a cluster is further off than it can have moved."""
        revision, rows = document.get('revision'), document.get('centroids')
        if type(revision) is not int or revision < 0:
            raise ValueError(f'revision: expected a whole number from 0, got {revision!r}')
        if not isinstance(rows, list) or len(rows) != len(self._model.centroids):
            raise ValueError(f'centroids: expected {len(self._model.centroids)} rows')
        centroids = [decimals('centroids', row, len(FEATURES)) for row in rows]
        for row, home in zip(centroids, self._model.centroids, strict=True):
            if not math.dist(row, home) <= DRIFT_MAX_SD * (1.0 + 1e-9):
                raise ValueError(f'centroids: expected at most {DRIFT_MAX_SD} sd from the model')
        moved_sd = decimal('moved_sd', document.get('moved_sd'))
        self.now, self.revision, self._moved_sd = centroids, revision, moved_sd


def _bounded(home: Vector, wanted: Vector) -> Vector:
    distance = math.dist(home, wanted)
    if distance <= DRIFT_MAX_SD:
        return wanted
    share = DRIFT_MAX_SD / distance
    return tuple(h + share * (w - h) for h, w in zip(home, wanted, strict=True))
