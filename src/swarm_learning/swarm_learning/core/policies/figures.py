# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what every figure of a config is held to; refuses to know what it means."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any


def check_figures(config: Any) -> None:
    """Raises ValueError where a field of this dataclass is no finite number from 0."""
    for each in fields(config):
        value = getattr(config, each.name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < 0:
            raise ValueError(f'{each.name}: expected a number from 0, got {value!r}')
