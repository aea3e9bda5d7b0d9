# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The form in which routing is kept: a plain document with a schema number.

Floats are kept exactly (hexadecimal), and so is everything that a later decision rests on: a
learner that was restored decides as one that was never stopped. A document may come from a broken
disk or another version, so everything in it is checked. Refuses to know files and encodings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..hexadecimal import from_hex
from .breaker import FAILURES_MAX, OPENED_MAX, Breaker
from .config import RoutingConfig
from .cost import Cost
from .loads import LOAD_MS_MAX, ROBOTS_MAX, Load, UnderWay
from .routes import COLUMNS, NAME_CHARS_MAX, RouteKey
from .routing import ATTEMPTS_REMEMBERED, Routing
from .sizes import BUCKETS, Sizes

SCHEMA = 1
STAMP_MAX = 2**63 - 1
COUNT_MAX = 2**53
NAMES_MAX = 4096

Document = dict[str, object]


def document_of(routing: Routing) -> Document:
    """Everything but the settings."""
    return {
        'schema': SCHEMA,
        'routes': [
            {'key': list(key), 'at_ns': at_ns, 'sums': [one.hex() for one in sums],
             'breaker': [breaker.failures, breaker.opened, breaker.until_ns, breaker.probe_ns],
             'samples': samples}
            for key, at_ns, sums, breaker, samples in routing.table.rows()
        ],
        'sizes': [
            {'task': task, 'counts': [one.hex() for one in sizes.counts]}
            for task, sizes in routing.sizes.items()
        ],
        'loads': [_load_document(robot, load) for robot, load in routing.loads.robots.items()],
        'quality': {robot: one.hex() for robot, one in sorted(routing.quality.items())},
        'attempts': [list(one) for one in routing.attempts],
        'frozen_ns': routing.frozen_ns,
    }


def routing_from(
    document: Mapping[str, object], config: RoutingConfig | None = None, cost: Cost | None = None
) -> Routing:
    """Rebuild it. Raises ValueError that says what was expected and what was found."""
    if document.get('schema') != SCHEMA:
        raise ValueError(f'schema: expected {SCHEMA}, found {document.get("schema")!r}')
    routing = Routing(config, cost)
    for one in _list(document, 'routes', routing.config.routes_max):
        _restore_route(routing, one)
    for one in _list(document, 'sizes', routing.config.routes_max):
        counts = [_hex(count, COUNT_MAX) for count in _list(one, 'counts', BUCKETS)]
        if len(counts) != BUCKETS:
            raise ValueError(f'counts: expected {BUCKETS} figures, found {len(counts)}')
        routing.sizes[_text(one.get('task'))] = Sizes(counts)
    for one in _list(document, 'loads', ROBOTS_MAX):
        _restore_load(routing, one)
    quality = document.get('quality')
    if not isinstance(quality, dict) or len(quality) > NAMES_MAX:
        raise ValueError(f'quality: expected an object with at most {NAMES_MAX} robots')
    routing.hear_quality({_text(robot): _hex(one, 1.0) for robot, one in quality.items()})
    for one in _list(document, 'attempts', ATTEMPTS_REMEMBERED):
        job, attempt = _row(one, 2)
        routing.remember((_text(job), _whole(attempt, COUNT_MAX)))
    frozen = document.get('frozen_ns')
    routing.frozen_ns = None if frozen is None else _whole(frozen, STAMP_MAX)
    try:
        routing.check_invariants()
    except AssertionError as error:
        raise ValueError('expected figures that fit together') from error
    return routing


def _load_document(robot: str, load: Load) -> Document:
    return {
        'robot': robot, 'slots': load.slots,
        'reported': None if load.reported_ms is None else float(load.reported_ms).hex(),
        'reported_ns': load.reported_ns, 'since': float(load.since_ms).hex(),
        'jobs': [
            [job_id, list(job.key), job.sent_ns, float(job.estimate_ms).hex(), job.began_ns]
            for job_id, job in load.jobs.items()
        ],
    }


def _restore_route(routing: Routing, one: Any) -> None:
    sums = [_hex(value, COUNT_MAX) for value in _row(one.get('sums'), COLUMNS)]
    failures, opened, until_ns, probe_ns = _row(one.get('breaker'), 4)
    breaker = Breaker(
        _whole(failures, FAILURES_MAX), _whole(opened, OPENED_MAX), _whole(until_ns, STAMP_MAX),
        _whole(probe_ns, STAMP_MAX),
    )
    routing.table.restore_row(
        _key(one.get('key')), _whole(one.get('at_ns'), STAMP_MAX), sums, breaker,
        _whole(one.get('samples'), COUNT_MAX),
    )


def _restore_load(routing: Routing, one: Any) -> None:
    robot, reported = _text(one.get('robot')), one.get('reported')
    load = Load(
        slots=max(1, _whole(one.get('slots'), NAMES_MAX)),
        reported_ms=None if reported is None else _hex(reported, LOAD_MS_MAX),
        reported_ns=_whole(one.get('reported_ns'), STAMP_MAX),
        since_ms=_hex(one.get('since'), COUNT_MAX),
    )
    for row in _list(one, 'jobs', routing.config.outstanding_max):
        job_id, key, sent_ns, estimate, began_ns = _row(row, 5)
        load.jobs[_text(job_id)] = UnderWay(
            _key(key), _whole(sent_ns, STAMP_MAX), _hex(estimate, COUNT_MAX),
            _whole(began_ns, STAMP_MAX),
        )
        routing.loads.robot_of[_text(job_id)] = robot
    load.watch(routing.config.overtime_factor)
    routing.loads.robots[robot] = load


def _list(document: Any, name: str, most: int) -> list[Any]:
    found = document.get(name)
    if not isinstance(found, list) or len(found) > most:
        raise ValueError(f'{name}: expected a list of at most {most}')
    rows = all(isinstance(one, dict) for one in found)
    if not rows and name in ('routes', 'sizes', 'loads'):
        raise ValueError(f'{name}: expected a list of objects')
    return found


def _row(found: object, length: int) -> list[Any]:
    if not isinstance(found, list) or len(found) != length:
        raise ValueError(f'expected a list of {length}, found {str(found)[:80]!r}')
    return found


def _key(found: object) -> RouteKey:
    return RouteKey(*(_text(one) for one in _row(found, 3)))


def _text(found: object) -> str:
    if not isinstance(found, str) or len(found) > NAME_CHARS_MAX:
        raise ValueError(f'expected a name of at most {NAME_CHARS_MAX} characters, '
                         f'found {str(found)[:80]!r}')
    return found


def _whole(found: object, most: int) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= most:
        raise ValueError(f'expected a whole number from 0 to {most}, found {str(found)[:80]!r}')
    return found


def _hex(found: object, most: float) -> float:
    try:
        value = from_hex(found) if isinstance(found, str) else math.nan
    except (ValueError, OverflowError):
        value = math.nan
    if not 0 <= value <= most:
        raise ValueError(f'expected a hexadecimal number from 0 to {most}, '
                         f'found {str(found)[:80]!r}')
    return value
