# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is said of a figure over many seeds: interquartile mean, its bootstrap interval, minimum.

After Agarwal et al., Deep reinforcement learning at the edge of the statistical precipice,
NeurIPS 2021: the mean of the middle half is robust to one bad seed, and the minimum shows it.
Refuses to measure anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.table import AT_MOST, Row, number

RESAMPLES = 2000
CONFIDENCE = 0.95

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]


def iqm_rows(values: Floats) -> Floats:
    """Interquartile mean along the last axis: a quarter is cut at each end, rounded down."""
    ordered = np.sort(values, axis=-1)
    count = ordered.shape[-1]
    cut = count // 4
    middle = ordered[..., cut:count - cut]
    # Rounding must not carry the mean of equal values beyond them.
    return np.clip(middle.mean(axis=-1), middle[..., 0], middle[..., -1])


def mean_rows(values: Floats) -> Floats:
    return np.asarray(values.mean(axis=-1))


def iqm(values: Sequence[float] | NDArray[Any]) -> float:
    """Mean of the middle half. Raises ValueError without values or with one not finite."""
    return float(iqm_rows(_checked(values)))


def minimum(values: Sequence[float] | NDArray[Any]) -> float:
    """The worst seed where more is better. Raises ValueError as iqm does."""
    return float(_checked(values).min())


def bootstrap_interval(
    values: Sequence[float] | NDArray[Any],
    seed: int = 0,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    statistic: Statistic = iqm_rows,
) -> tuple[float, float]:
    """Percentile interval of the statistic over resampled seeds (low, high); equal for an equal
    seed. `statistic` works along the last axis of an array [resamples, seeds]."""
    checked = _checked(values)
    if not 0.0 < confidence < 1.0:
        raise ValueError(f'confidence={confidence}: expected between 0 and 1')
    drawn = np.random.default_rng(seed).integers(0, checked.size, (resamples, checked.size))
    found = np.sort(statistic(checked[drawn]))
    last = resamples - 1
    low = found[math.floor(last * (1.0 - confidence) / 2.0)]
    high = found[math.ceil(last * (1.0 + confidence) / 2.0)]
    return float(low), float(high)


def iqm_row(
    what: str,
    unit: str,
    values: Sequence[float] | NDArray[Any],
    *,
    peer: Sequence[float] | NDArray[Any] | float | None = None,
    peer_name: str = '',
    target: float | None = None,
    better: str = AT_MOST,
    note: str = '',
    seed: int = 0,
) -> Row:
    """A Row of the table: interquartile mean, its spread, and the interval in the note."""
    checked = _checked(values)
    low, high = bootstrap_interval(checked, seed)
    interval = f'IQM, 95 % {number(low)}..{number(high)}'
    return Row(
        what=what,
        unit=unit,
        ours=iqm(checked),
        min=float(checked.min()),
        max=float(checked.max()),
        runs=checked.size,
        peer=peer if peer is None or isinstance(peer, (int, float)) else iqm(peer),
        peer_name=peer_name,
        target=target,
        better=better,
        note=f'{interval}; {note}' if note else interval,
    )


def _checked(values: Sequence[float] | NDArray[Any]) -> Floats:
    checked = np.asarray(values, dtype=np.float64)
    if checked.ndim != 1 or not checked.size:
        raise ValueError(f'expected a row of at least one value, got shape {checked.shape}')
    if not np.isfinite(checked).all():
        raise ValueError(f'expected finite values, got {checked[~np.isfinite(checked)][:3]}')
    return checked
