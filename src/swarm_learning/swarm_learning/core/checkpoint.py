# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the form in which run-time statistics are kept: a plain document with a schema number;
refuses to know files and encodings.

A document may come from a broken disk or another version, so everything in it is checked.
"""

from __future__ import annotations

from collections.abc import Mapping

from .run_times import KEYS_MAX, WEIGHT_MAX, JobKey, JobStatistics, RunTimes

SCHEMA = 2
# Kept statistics by job kind alone. What it says of a kind with programs becomes that of an
# unknown program, which still says what work typically takes, and fades.
SCHEMA_OF_KINDS = 1

Document = dict[str, object]


def document_of(run_times: RunTimes, now_ns: int) -> Document:
    """What is worth keeping, aged to now: monotonic times mean nothing after a restart."""
    hits, misses = run_times.graded(now_ns)
    jobs = [
        {
            'kind': key.kind,
            'program': key.program,
            'weight': weight,
            'mean_log': job.mean_log,
            'variance_log': max(0.0, job.squares) / job.weight,
        }
        for key, job in sorted(run_times.jobs.items())
        if (weight := job.weight_at(now_ns, run_times.memory_s)) > 1e-6
    ]
    return {'schema': SCHEMA, 'jobs': jobs, 'hits': hits, 'misses': misses}


def run_times_from(document: Mapping[str, object], memory_s: float, now_ns: int) -> RunTimes:
    """Rebuild the statistics. Raises ValueError that says what was expected and what was found.

    Time while the robot was off does not count as forgetting: nobody knows how long it was.
    """
    schema = document.get('schema')
    if schema == SCHEMA:
        jobs = document.get('jobs')
    elif schema == SCHEMA_OF_KINDS:
        jobs = _jobs_of_kinds(document.get('kinds'))
    else:
        raise ValueError(f'schema: expected {SCHEMA_OF_KINDS} or {SCHEMA}, found {schema!r}')
    if not isinstance(jobs, list) or len(jobs) > KEYS_MAX:
        raise ValueError(f'jobs: expected a list of at most {KEYS_MAX} kinds and programs')
    kept = dict(_job(job, now_ns) for job in jobs)
    if len(kept) != len(jobs):
        raise ValueError('jobs: expected every kind and program once')
    return RunTimes(
        memory_s=memory_s,
        jobs=kept,
        hits=_number(document, 'hits', 0.0, 1e9),
        misses=_number(document, 'misses', 0.0, 1e9),
        graded_ns=now_ns,
        error_ns=now_ns,
    )


def _jobs_of_kinds(kinds: object) -> list[object]:
    if not isinstance(kinds, dict):
        raise ValueError('kinds: expected an object')
    jobs: list[object] = []
    for kind, statistics in sorted(kinds.items()):
        if not isinstance(statistics, dict):
            raise ValueError(f'kinds[{kind!r}]: expected an object')
        jobs.append({**statistics, 'kind': JobKey(kind).cut().kind, 'program': ''})
    return jobs


def _job(job: object, now_ns: int) -> tuple[JobKey, JobStatistics]:
    if not isinstance(job, dict):
        raise ValueError('jobs: expected objects')
    kind, program = job.get('kind'), job.get('program')
    if not isinstance(kind, str) or not isinstance(program, str):
        raise ValueError('jobs: expected kind and program to be strings')
    key = JobKey(kind, program)
    if key != key.cut():
        raise ValueError('jobs: expected shorter names of kind and program')
    weight = _number(job, 'weight', 1e-9, WEIGHT_MAX)
    return key, JobStatistics(
        weight=weight,
        mean_log=_number(job, 'mean_log', 0.0, 60.0),
        squares=weight * _number(job, 'variance_log', 0.0, 3600.0),
        heard_ns=now_ns,
    )


def _number(document: Mapping[str, object], key: str, low: float, high: float) -> float:
    value = document.get(key)
    ok = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not ok or not low <= value <= high:  # type: ignore[operator]  # NaN is not
        raise ValueError(f'{key}: expected a number from {low} to {high}, found {value!r}')
    return float(value)  # type: ignore[arg-type]
