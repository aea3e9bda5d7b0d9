# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the sentence that says why a regime was named; refuses to decide anything."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .features import FEATURES
from .model import Nearest, RegimeModel, Vector
from .novelty import BEYOND_S, STAY_S
from .snapshot import Regime

TOLD = 3                    # features in one sentence
TELLING_SHARE = 0.05        # of the whole difference; a smaller part is not worth a word


def why_named(
    model: RegimeModel, centroids: Sequence[Vector], values: Vector, scored: Vector,
    found: Nearest,
) -> str:
    """What tells the named regime from the next best one."""
    if found.runner_up is found.regime:
        return f'{found.regime.label}: no other regime is known'
    own, other = centroids[found.cluster], centroids[found.runner_up_cluster]
    gaps = [(z - o) ** 2 - (z - c) ** 2 for z, o, c in zip(scored, other, own, strict=True)]
    told = _told(model, values, other, gaps)
    return f'{found.regime.label} rather than {found.runner_up.label}: {told}'


def why_far(
    model: RegimeModel, values: Vector, scored: Vector, found: Nearest, distance: float
) -> str:
    """What is far from anything that was seen in training."""
    reference = min(model.references, key=lambda row: math.dist(row, scored))
    gaps = [(z - r) ** 2 for z, r in zip(scored, reference, strict=True)]
    told = _told(model, values, reference, gaps)
    return (f'unknown: for {BEYOND_S:g} s at least {distance:.1f} sd from all that is known, '
            f'limit {model.limit:.1f}; {told}; most like {found.regime.label}')


def why_restless(one: Regime, other: Regime) -> str:
    """Two regimes that take turns."""
    return (f'unknown: {one.label} and {other.label} took turns, '
            f'each for less than {STAY_S:g} s')


def why_swinging(feature: str, turns: Sequence[tuple[float, int]]) -> str:
    """A figure that goes up and down by turns; its turning points with their times in ns."""
    values = sorted(value for value, _ in turns)
    period_s = (turns[-1][1] - turns[0][1]) / 1e9 * 2.0 / (len(turns) - 1)
    return (f'unknown: {feature} swings between {values[0]:.2f} and {values[-1]:.2f} '
            f'every {period_s:.0f} s')


def _told(
    model: RegimeModel, values: Vector, reference: Vector, gaps: Sequence[float]
) -> str:
    """The largest gaps, each with its value and what the reference has in its place."""
    whole = sum(gap for gap in gaps if gap > 0.0)
    order = sorted(range(len(gaps)), key=lambda i: (-gaps[i], i))[:TOLD]
    return ', '.join(
        f'{FEATURES[i]} {values[i]:.2f} (there {_plain(model, reference, i):.2f})'
        for i in order if gaps[i] > TELLING_SHARE * whole) or 'nothing stands out'


def _plain(model: RegimeModel, scored: Vector, i: int) -> float:
    return min(1.0, max(0.0, model.mean[i] + scored[i] * model.scale[i]))
