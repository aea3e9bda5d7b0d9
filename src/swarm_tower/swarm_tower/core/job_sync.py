# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When to list the jobs of the swarm anew, and from whom. Owns the decision; sends nothing.

The latched job topic holds the last updates only, so a tower that starts late, or that missed
some, pages through a robot's listing, newest first, and stops when it has as many as it keeps. A
difference that a listing did not remove is not chased again until the counts change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from swarm_tower.core.facts import JobCounts, JobListing
from swarm_tower.core.jobs import JOBS_MAX

NS_PER_MS = 1_000_000
PATIENCE_MS = 2000  # updates come up to 5 times a second; a shorter gap closes by itself
RETRY_MS_MIN = 2000
RETRY_MS_MAX = 60_000
PAUSE_MS = 30_000  # between listings: each costs a robot a copy of up to JOBS_MAX jobs


@dataclass(frozen=True)
class PageRequest:
    """Ask robot_id, newest first, for the jobs older than this one ('' = from the newest)."""

    robot_id: str
    after: str


class JobSync:
    """One listing at a time. Calls return what to ask for next, if anything."""

    def __init__(self) -> None:
        self._current: PageRequest | None = None
        self._seen: set[str] = set()
        self._log_index = 0
        self._listed_once = False
        self._settled: JobCounts | None = None
        self._differs_since_ns: int | None = None
        self._retry_ms = RETRY_MS_MIN
        self._not_before_ns = 0
        self._turn = 0

    @property
    def current(self) -> PageRequest | None:
        """Return what is being waited for."""
        return self._current

    def tick(
        self, now_ns: int, wanted: JobCounts | None, held: JobCounts, robots: Sequence[str]
    ) -> PageRequest | None:
        """Begin a listing if one is due; robots are those heard now, best first."""
        self._note_difference(now_ns, wanted, held)
        if self._current is not None or not robots or now_ns < self._not_before_ns:
            return None
        if self._listed_once and not self._patience_over(now_ns):
            return None
        self._seen, self._log_index = set(), 0
        self._current = PageRequest(robots[self._turn % len(robots)], '')
        return self._current

    def answered(
        self,
        now_ns: int,
        job_ids: Sequence[str],
        log_index: int,
        full: bool,
        wanted: JobCounts | None,
    ) -> PageRequest | JobListing | None:
        """Take a page; `full` means that more may follow. A listing is the end of it."""
        if self._current is None:
            return None
        self._log_index = min(self._log_index or log_index, log_index)
        fresh = [job_id for job_id in job_ids if job_id not in self._seen]
        self._seen.update(fresh)
        if full and fresh and len(self._seen) < JOBS_MAX:
            self._current = PageRequest(self._current.robot_id, job_ids[-1])
            return self._current
        self._current, self._listed_once = None, True
        self._retry_ms, self._settled, self._differs_since_ns = RETRY_MS_MIN, wanted, None
        self._not_before_ns = now_ns + PAUSE_MS * NS_PER_MS
        return JobListing(self._log_index, frozenset(self._seen), complete=not full)

    def failed(self, now_ns: int) -> None:
        """Give up on this listing; try the next robot later."""
        self._current = None
        self._turn += 1
        self._not_before_ns = now_ns + self._retry_ms * NS_PER_MS
        self._retry_ms = min(self._retry_ms * 2, RETRY_MS_MAX)

    def _note_difference(self, now_ns: int, wanted: JobCounts | None, held: JobCounts) -> None:
        if wanted is None or wanted in (held, self._settled):
            self._differs_since_ns = None
        elif self._differs_since_ns is None:
            self._differs_since_ns = now_ns

    def _patience_over(self, now_ns: int) -> bool:
        since = self._differs_since_ns
        return since is not None and now_ns - since >= PATIENCE_MS * NS_PER_MS
