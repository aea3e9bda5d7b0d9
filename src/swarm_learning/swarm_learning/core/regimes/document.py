# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how single values come back exactly from a kept document; refuses to know their meaning."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..hexadecimal import from_hex


def whole(name: str, value: object) -> int:
    """Raises ValueError."""
    if type(value) is not int:
        raise ValueError(f'{name}: expected a whole number, got {value!r}')
    return value


def decimal(name: str, value: object) -> float:
    """A finite number kept as a hexadecimal float. Raises ValueError."""
    try:
        number = from_hex(value) if isinstance(value, str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f'{name}: expected a hexadecimal float, got {value!r}')
    return number


def decimals(name: str, values: object, length: int) -> tuple[float, ...]:
    """As decimal, for a row of this length. Raises ValueError."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != length:
        raise ValueError(f'{name}: expected a row of {length}')
    return tuple(decimal(name, value) for value in values)
