# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When the jobs are listed anew."""

from __future__ import annotations

from dataclasses import replace

from swarm_facts import MS, NO_JOBS, S

from swarm_tower.core.facts import JobListing
from swarm_tower.core.job_sync import PAUSE_MS, JobSync, PageRequest
from swarm_tower.core.jobs import JOBS_MAX

ONE_DONE = replace(NO_JOBS, done=1)


def listed(sync: JobSync, now_ns: int = 0) -> None:
    assert sync.tick(now_ns, NO_JOBS, NO_JOBS, ['robot_a']) is not None
    assert isinstance(sync.answered(now_ns, [], 5, False, NO_JOBS), JobListing)


def test_first_listing_starts_as_soon_as_a_robot_is_heard() -> None:
    sync = JobSync()
    assert sync.tick(0, None, NO_JOBS, []) is None
    assert sync.tick(S, None, NO_JOBS, ['robot_b']) == PageRequest('robot_b', '')


def test_pages_go_on_after_the_last_job_and_end_as_one_listing() -> None:
    sync = JobSync()
    sync.tick(0, None, NO_JOBS, ['robot_a'])
    assert sync.answered(0, ['j1', 'j2'], 9, True, None) == PageRequest('robot_a', 'j2')
    assert sync.answered(0, ['j3'], 8, False, None) == JobListing(
        8, frozenset({'j1', 'j2', 'j3'}), complete=True
    )


def test_listing_stops_at_the_number_of_jobs_that_are_kept_and_says_it_is_not_complete() -> None:
    sync = JobSync()
    sync.tick(0, None, NO_JOBS, ['robot_a'])
    first = [f'j{i:04}' for i in range(JOBS_MAX - 1)]
    assert sync.answered(0, first, 9, True, None) == PageRequest('robot_a', first[-1])
    listing = sync.answered(0, ['last'], 9, True, None)
    assert listing == JobListing(9, frozenset([*first, 'last']), complete=False)


def test_robot_that_repeats_a_page_for_ever_is_stopped() -> None:
    sync = JobSync()
    sync.tick(0, None, NO_JOBS, ['robot_a'])
    sync.answered(0, ['j1'], 9, True, None)
    listing = sync.answered(0, ['j1'], 9, True, None)
    assert listing == JobListing(9, frozenset({'j1'}), complete=False)


def test_gap_is_listed_only_when_it_lasts() -> None:
    sync = JobSync()
    listed(sync)
    at = PAUSE_MS * MS
    assert sync.tick(at, ONE_DONE, NO_JOBS, ['robot_a']) is None
    assert sync.tick(at + S, ONE_DONE, ONE_DONE, ['robot_a']) is None
    assert sync.tick(at + 2 * S, ONE_DONE, NO_JOBS, ['robot_a']) is None
    assert sync.tick(at + 5 * S, ONE_DONE, NO_JOBS, ['robot_a']) is not None


def test_gap_that_a_listing_did_not_close_is_not_chased_again() -> None:
    sync = JobSync()
    sync.tick(0, ONE_DONE, NO_JOBS, ['robot_a'])
    sync.answered(0, [], 5, False, ONE_DONE)
    times = (PAUSE_MS * MS + i * 10 * S for i in range(5))
    assert [sync.tick(t, ONE_DONE, NO_JOBS, ['robot_a']) for t in times] == [None] * 5


def test_failure_waits_longer_each_time_and_asks_another_robot() -> None:
    sync = JobSync()
    robots = ['robot_a', 'robot_b']
    assert sync.tick(0, None, NO_JOBS, robots) == PageRequest('robot_a', '')
    sync.failed(0)
    assert sync.tick(1 * S, None, NO_JOBS, robots) is None
    assert sync.tick(2 * S, None, NO_JOBS, robots) == PageRequest('robot_b', '')
    sync.failed(2 * S)
    assert sync.tick(5 * S, None, NO_JOBS, robots) is None
    assert sync.tick(6 * S, None, NO_JOBS, robots) == PageRequest('robot_a', '')
