# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which jobs a command is about: owns listing them page by page, and ids by their beginning."""

from collections.abc import Iterable, Sequence
from typing import Any

from swarm_msgs import srv

PAGE = 500
SHOWN_MAX = 5


class NoSuchJob(Exception):
    """The text says what was asked for and what there is."""


def all_jobs(
    client: Any,
    ids: Sequence[str] = (),
    labels: Sequence[str] = (),
    phases: Iterable[int] = (),
    last: int = 0,
) -> list[Any]:
    """All matching jobs, oldest first. `last`: only so many, the newest; 0 = all."""
    found: list[Any] = []
    while True:
        request = srv.ListJobs.Request(
            job_ids=list(ids),
            labels=list(labels),
            phases=list(phases),
            after=found[-1].job_id if found else '',
            limit=min(PAGE, last - len(found)) if last else PAGE,
            newest_first=bool(last),
        )
        page = client.call(srv.ListJobs, 'list_jobs', request).jobs
        found += page
        if len(page) < request.limit or len(found) == last:
            return found[::-1] if last else found


def named_jobs(client: Any, names: Sequence[str]) -> list[Any]:
    """Jobs by their ids, or by beginnings that only one id has. Raises NoSuchJob."""
    if not names:
        return []
    jobs = {job.job_id: job for job in all_jobs(client, names)}
    if any(name not in jobs for name in names):
        known = {job.job_id: job for job in all_jobs(client)}
        jobs.update(known)
    return [jobs[_full_id(name, jobs)] for name in dict.fromkeys(names)]


def _full_id(name: str, known: Iterable[str]) -> str:
    if name in known:
        return name
    fitting = [job_id for job_id in known if name and job_id.startswith(name)]
    # The stages of a pipeline begin as the pipeline does.
    whole = [one for one in fitting if not any(one.startswith(f'{other}.') for other in fitting)]
    if not whole:
        raise NoSuchJob(f'no such job: {name}')
    if len(whole) > 1:
        shown = ', '.join(whole[:SHOWN_MAX]) + (', ...' if len(whole) > SHOWN_MAX else '')
        raise NoSuchJob(f'{name} may be any of {len(whole)} jobs: {shown}')
    return whole[0]
