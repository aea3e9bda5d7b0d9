# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When a robot's slots are free."""

from __future__ import annotations

from coordinator_samples import R2, log_with_robots, spec

from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.jobs.slots import Slots, order_of


def test_next_job_goes_to_the_slot_that_is_free_first() -> None:
    slots = Slots(2)
    assert [slots.book(ms) for ms in (100, 30, 30, 30)] == [100, 30, 60, 90]
    assert slots.backlog_ms() == 90 and slots.work_ms == 190
    assert slots.load_milli == 2000


def test_robot_without_slots_does_one_after_another() -> None:
    slots = Slots(0)
    assert [slots.book(10), slots.book(10)] == [10, 20]


def test_compute_unit_does_one_job_at_a_time_and_a_processor_as_many_as_there_are_slots() -> None:
    slots = Slots(3)
    assert [slots.book(10, 'gpu0'), slots.book(10, 'gpu0')] == [10, 20]
    assert slots.book(10, 'gpu1') == 10, 'another unit is free'
    slots = Slots(3)
    assert [slots.book(10, 'cpu'), slots.book(10, 'cpu')] == [10, 10]


def test_what_a_robot_says_of_its_backlog_delays_only_what_would_be_sooner() -> None:
    slots = Slots(2)
    slots.book(100)
    slots.not_before(40)
    assert slots.free_ms == [40, 100]
    slots.not_before(10)
    assert slots.free_ms == [40, 100]


def test_robot_does_what_runs_first_and_then_what_was_granted_first() -> None:
    log = log_with_robots()
    for name in ('a', 'b', 'c'):
        log.submit(name, spec())
        log.grant(R2, name)
    log.start(log.job('c').token, 'c')
    jobs = sorted((log.job(name) for name in ('b', 'c', 'a')), key=order_of)
    assert [job.job_id for job in jobs] == ['c', 'a', 'b']
    assert jobs[0].phase is JobPhase.RUNNING
