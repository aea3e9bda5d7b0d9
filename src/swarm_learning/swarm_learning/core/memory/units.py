# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the fixed-point form of remembered values; refuses to know what they measure.

Floating-point sums depend on the order in which they are added. Integers do not, so values become
multiples of 2**-30 when they are noted, and blocks can be merged in any order with the same bytes.
"""

from __future__ import annotations

import math

UNIT_BITS = 30              # a resolution of 1e-9: far below what any sensor here resolves
UNITS_PER_ONE = 1 << UNIT_BITS
VALUE_MAX = 2.0 ** 32       # 49 days in ms; what is above counts as this
UNITS_MAX = 1 << (32 + UNIT_BITS)


def units_of(value: float) -> int:
    """The value as a count of units. Raises ValueError below 0 and for NaN."""
    if not value >= 0.0:
        raise ValueError(f'value: expected a number of at least 0, got {value!r}')
    return UNITS_MAX if value >= VALUE_MAX else round(value * UNITS_PER_ONE)


def value_of(units: int) -> float:
    return math.ldexp(float(units), -UNIT_BITS)


def squared_value_of(units_squared: int) -> float:
    return math.ldexp(float(units_squared), -2 * UNIT_BITS)


def rounded(number: int) -> int:
    """The nearest integer of 53 significant bits, ties to even: what a float64 holds."""
    return int(float(number))


def exact_units(value: float, name: str, bits: int = UNIT_BITS) -> int:
    """Units of a figure that came over the wire. Raises ValueError unless it is a whole count."""
    limit = 2.0 ** 200
    scaled = math.ldexp(value, bits) if 0.0 <= value < limit else -1.0
    if scaled < 0.0 or scaled != int(scaled):
        raise ValueError(f'{name}: expected a multiple of 2**-{bits} of at least 0, got {value!r}')
    return int(scaled)
