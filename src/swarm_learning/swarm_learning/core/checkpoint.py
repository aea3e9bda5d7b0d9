# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the form in which run-time statistics are kept: a plain document with a schema number;
refuses to know files and encodings.

A document may come from a broken disk or another version, so everything in it is checked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from .run_times import KIND_LENGTH_MAX, KINDS_MAX, WEIGHT_MAX, KindStatistics, RunTimes

SCHEMA = 1

Document = dict[str, object]


def document_of(run_times: RunTimes, now_ns: int) -> Document:
    """What is worth keeping, aged to now: monotonic times mean nothing after a restart."""
    hits, misses = run_times.graded(now_ns)
    kinds = {
        name: {
            'weight': kind.weight_at(now_ns, run_times.memory_s),
            'mean_log': kind.mean_log,
            'variance_log': max(0.0, kind.squares) / kind.weight,
        }
        for name, kind in sorted(run_times.kinds.items())
    }
    return {'schema': SCHEMA, 'kinds': {n: k for n, k in kinds.items() if k['weight'] > 1e-6},
            'hits': hits, 'misses': misses}


def run_times_from(document: Mapping[str, object], memory_s: float, now_ns: int) -> RunTimes:
    """Rebuild the statistics. Raises ValueError that says what was expected and what was found.

    Time while the robot was off does not count as forgetting: nobody knows how long it was.
    """
    schema = document.get('schema')
    if schema != SCHEMA:
        raise ValueError(f'schema: expected {SCHEMA}, found {schema!r}')
    kinds = document.get('kinds')
    if not isinstance(kinds, dict) or len(kinds) > KINDS_MAX:
        raise ValueError(f'kinds: expected an object of at most {KINDS_MAX} job kinds')
    return RunTimes(
        memory_s=memory_s,
        kinds={_name(name): _kind(name, kind, now_ns) for name, kind in kinds.items()},
        hits=_number(document, 'hits', 0.0, 1e9),
        misses=_number(document, 'misses', 0.0, 1e9),
        graded_ns=now_ns,
        error_ns=now_ns,
    )


def _name(name: object) -> str:
    if not isinstance(name, str) or len(name) > KIND_LENGTH_MAX:
        raise ValueError(f'kinds: expected names of at most {KIND_LENGTH_MAX} characters')
    return name


def _kind(name: str, kind: object, now_ns: int) -> KindStatistics:
    if not isinstance(kind, dict):
        raise ValueError(f'kinds[{name!r}]: expected an object')
    weight = _number(kind, 'weight', 1e-9, WEIGHT_MAX)
    return KindStatistics(
        weight=weight,
        mean_log=_number(kind, 'mean_log', 0.0, 60.0),
        squares=weight * _number(kind, 'variance_log', 0.0, 3600.0),
        heard_ns=now_ns,
    )


def _number(document: Mapping[str, object], key: str, low: float, high: float) -> float:
    value = document.get(key)
    ok = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not ok or not math.isfinite(value) or not low <= value <= high:  # type: ignore
        raise ValueError(f'{key}: expected a number from {low} to {high}, found {value!r}')
    return float(value)  # type: ignore[arg-type]
