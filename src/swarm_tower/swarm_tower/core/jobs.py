# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs as the log has them, bounded. Owns which report of a job is the newest; knows no clock."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from swarm_tower.core.facts import ENDED, Job, JobCounts, JobListing, JobUpdates

JOBS_MAX = 1000


class JobBoard:
    """At most JOBS_MAX jobs; of those that have ended the oldest ones go first."""

    def __init__(self, capacity: int = JOBS_MAX) -> None:
        self._capacity = capacity
        self._rows: dict[str, dict[str, Any]] = {}
        self._changed: set[str] = set()

    def update(self, updates: JobUpdates) -> None:
        """Take jobs, each unless a later log index has told of it already."""
        for job in updates.jobs:
            held = self._rows.get(job.job_id)
            if held is not None and held['log_index'] > updates.log_index:
                continue
            self._rows[job.job_id] = _row(job, updates.log_index)
            self._changed.add(job.job_id)
        self._trim()

    def settle(self, listing: JobListing) -> None:
        """Drop the jobs that a listing would contain if the swarm still kept them."""
        listed = [row['submitted_ms'] for i, row in self._rows.items() if i in listing.job_ids]
        if not listed and not listing.complete:
            return
        oldest_ms = -1 if listing.complete else min(listed)
        for job_id, row in list(self._rows.items()):
            in_range = row['log_index'] <= listing.log_index and row['submitted_ms'] > oldest_ms
            if in_range and job_id not in listing.job_ids:
                self._drop(job_id)

    def clear(self) -> None:
        """Forget all jobs: the swarm has begun a new log."""
        for job_id in list(self._rows):
            self._drop(job_id)

    def counts(self) -> JobCounts:
        """Count the held jobs as a swarm state does."""
        found = dict.fromkeys(JobCounts.__dataclass_fields__, 0)
        for row in self._rows.values():
            name = 'waiting' if row['phase'] == 'submitted' else row['phase']
            if name in found:
                found[name] += 1
        return JobCounts(**found)

    def rows(self) -> list[dict[str, Any]]:
        """Return all jobs that are held; no row may be changed."""
        return list(self._rows.values())

    def take_changes(self) -> dict[str, dict[str, Any] | None]:
        """Return what changed since the last call; None stands for a dropped job."""
        changed = sorted(self._changed)
        self._changed.clear()
        return {job_id: self._rows.get(job_id) for job_id in changed}

    def _trim(self) -> None:
        excess = len(self._rows) - self._capacity
        if excess <= 0:
            return
        order = sorted(
            self._rows.values(),
            key=lambda r: (r['phase'] not in ENDED, r['submitted_ms'], r['job_id']),
        )
        for row in order[:excess]:
            self._drop(row['job_id'])

    def _drop(self, job_id: str) -> None:
        del self._rows[job_id]
        self._changed.add(job_id)


def _row(job: Job, log_index: int) -> dict[str, Any]:
    row = asdict(job)
    row['log_index'] = log_index
    return row
