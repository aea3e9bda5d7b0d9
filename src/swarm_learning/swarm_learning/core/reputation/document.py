# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how kept documents are read: every figure is checked, since a document may come from a
broken disk or another robot; refuses to know what they mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

Document = dict[str, object]


def number(value: object, what: str, low: float = 0.0, high: float = 1e300) -> float:
    """A finite float in [low, high]. Raises ValueError that says what was expected."""
    if isinstance(value, float) and math.isfinite(value) and low <= value <= high:
        return value
    raise ValueError(f'{what}: expected a decimal from {low} to {high}, found {value!r}')


def whole(value: object, what: str, low: int = 0, high: int = 2**64) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise ValueError(f'{what}: expected a whole number from {low} to {high}, found {value!r}')


def text(value: object, what: str, chars_max: int = 256) -> str:
    if isinstance(value, str) and len(value) <= chars_max:
        return value
    raise ValueError(f'{what}: expected a text of at most {chars_max} characters')


def flag(value: object, what: str) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f'{what}: expected true or false, found {value!r}')


def rows(
    document: Mapping[str, object], key: str, width: int, rows_max: int
) -> list[list[object]]:
    """A list of rows of one width."""
    value = document.get(key)
    if not isinstance(value, list) or len(value) > rows_max:
        raise ValueError(f'{key}: expected a list of at most {rows_max} rows')
    for row in value:
        if not isinstance(row, list) or len(row) != width:
            raise ValueError(f'{key}: expected rows of {width} values')
    return value


def part(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = document.get(key)
    if not isinstance(value, dict):
        raise ValueError(f'{key}: expected an object')
    return value
