# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how a random generator comes back as it was; refuses to draw from it.

One that nobody has drawn from yet is its seed: a robot that tries no version never loads
numpy.random, which is 2.3 MB.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

SEED_MAX = 1 << 64


def generator_from(state: object) -> np.random.Generator:
    """Raises ValueError."""
    generator = np.random.Generator(np.random.PCG64(0))
    try:
        generator.bit_generator.state = dict(state) if isinstance(state, Mapping) else {}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f'generator: expected a state of PCG64: {error}') from None
    return generator


def chance_of(generator: np.random.Generator | int) -> dict[str, object]:
    """What chance_from() takes."""
    if isinstance(generator, int):
        return {'seed': generator}
    return dict(generator.bit_generator.state)


def chance_from(document: object) -> np.random.Generator | int:
    """Raises ValueError."""
    if not isinstance(document, Mapping) or set(document) != {'seed'}:
        return generator_from(document)
    seed = document['seed']
    if type(seed) is not int or not 0 <= seed < SEED_MAX:
        raise ValueError(f'seed={seed!r}: expected a whole number from 0 to {SEED_MAX - 1}')
    return seed
