# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what a memory can be told; refuses to know where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """Figures that were measured at one time, each at least 0. stamp_ns: Unix time."""

    stamp_ns: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Occurrence:
    """Something happened, perhaps with figures (run_ms of a job that ended).

    severity as in SwarmEvent; surprise in [0, 1]; salience: None = by the rule.
    """

    stamp_ns: int
    kind: str
    subject: str = ''
    text: str = ''
    severity: int = 0
    surprise: float = 0.0
    salience: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)


Event = Sample | Occurrence
