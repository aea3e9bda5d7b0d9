# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the three figures of continual learning; refuses to know how scores come about.

Definitions of Lopez-Paz and Ranzato, Gradient episodic memory for continual learning, NeurIPS
2017 (arXiv 1706.08840), over a matrix R whose row i holds the scores on every world after the
i-th was learned.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Transfer(NamedTuple):
    """accuracy (ACC): mean score on all worlds at the end. backward (BWT): mean change of the
    score of a world since it was learned; below 0 is forgetting. forward (FWT): mean score on a
    world before it was learned, less that of a beginner."""

    accuracy: float
    backward: float
    forward: float


def transfer(scores: NDArray[np.float64], beginner: NDArray[np.float64]) -> Transfer:
    """scores: (worlds, worlds); beginner: (worlds,) scores without any learning. Raises
    ValueError for other shapes, fewer than two worlds, or numbers that are not finite."""
    worlds = len(beginner)
    if worlds < 2 or scores.shape != (worlds, worlds):
        raise ValueError(f'scores: expected (n, n) with n of 2 or more like beginner, '
                         f'got {scores.shape} and {beginner.shape}')
    if not (np.isfinite(scores).all() and np.isfinite(beginner).all()):
        raise ValueError('scores, beginner: expected finite numbers')
    learned = np.diagonal(scores)
    ahead = np.diagonal(scores, offset=1)
    return Transfer(
        float(scores[-1].mean()),
        float((scores[-1, :-1] - learned[:-1]).mean()),
        float((ahead - beginner[1:]).mean()))
