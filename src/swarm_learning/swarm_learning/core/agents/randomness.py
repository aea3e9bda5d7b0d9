# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what an agent asks of its source of chance, and how the position in it is kept; refuses to
know where the seed comes from."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

# Of the Mersenne twister in random.Random: version 3, 624 words and a position.
VERSION = 3
WORDS = 625


class Randomness(Protocol):
    """A seeded random.Random."""

    def random(self) -> float: ...

    def getstate(self) -> tuple[Any, ...]: ...

    def setstate(self, state: tuple[Any, ...], /) -> None: ...


def state_arrays(rng: Randomness) -> dict[str, NDArray[Any]]:
    """The position: rng_words uint32 [625], rng_gauss float64 [0 or 1]."""
    version, words, gauss = rng.getstate()
    if version != VERSION or len(words) != WORDS:
        raise ValueError(f'expected a random.Random of version {VERSION}, got version {version}')
    kept = [] if gauss is None else [gauss]
    return {'rng_words': np.array(words, np.uint32), 'rng_gauss': np.array(kept, np.float64)}


def set_state(rng: Randomness, words: NDArray[Any], gauss: NDArray[Any]) -> None:
    """Go on where the saved source was. Raises ValueError."""
    if words.shape != (WORDS,) or words.dtype != np.uint32 or not 0 < words[-1] < WORDS:
        raise ValueError(f'rng_words: expected {WORDS} words of 32 bits, the last a position')
    if gauss.shape not in ((0,), (1,)) or gauss.dtype != np.float64:
        raise ValueError('rng_gauss: expected none or one number')
    kept = float(gauss[0]) if gauss.size else None
    rng.setstate((VERSION, tuple(int(word) for word in words), kept))
