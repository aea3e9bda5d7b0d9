# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The simulated swarm keeps its promises about jobs under faults, and ends them all afterwards.

A failure prints the command that repeats it, and that shrinks it.
"""

from __future__ import annotations

import pytest

from swarm_coordinator.runner import process_group
from swarm_coordinator.sim.campaign import Choice, Totals, run_seed
from swarm_coordinator.sim.coverage import Situation
from swarm_coordinator.sim.job_orders import JobOrder, order_of
from swarm_coordinator.sim.run import run
from swarm_coordinator.sim.scenario import schedule_of
from swarm_coordinator.sim.schedule import Schedule, parse
from swarm_coordinator.sim.workshop import TERM_GRACE_US

SEEDS = 20
JOBS = Choice(length_ms=15_000, workload='jobs')
# What so few seeds may well miss; a campaign says so (sim/__main__.py).
OFTEN_REACHED = tuple(one for one in Situation if one.name in {
    'JOB_ACKNOWLEDGED', 'JOB_SUBMITTED_TWICE', 'JOB_STARTED', 'JOB_PROCESS_STOPPED', 'JOB_DONE',
    'JOB_FAILED', 'JOB_HANDED_BACK', 'JOB_REISSUED', 'JOB_TRIED_AGAIN', 'JOB_RESTED',
    'JOB_OVERDUE', 'JOB_RETRIED', 'JOB_OFFERED', 'JOB_STOLEN', 'JOB_LEASE_EXPIRED',
    'JOB_LOST_WITH_LIFE', 'JOB_LEFT_UNKNOWN', 'JOB_QUARANTINED', 'JOB_CANCELLED',
    'JOB_KILLED_ITS_ROBOT', 'JOB_RENEWAL_REFUSED', 'JOB_LATE_COMPLETION_REFUSED', 'JOB_PLACED',
    'JOB_FILE_DISCARDED', 'JOB_EMERGENCY', 'JOB_EMERGENCY_OVER', 'JOB_MODE_SET',
    'JOB_ROBOT_LEFT', 'JOB_STATE_INSTALLED', 'LEADER_CRASHED', 'COMPACTED',
})


@pytest.fixture(scope='module')
def totals() -> Totals:
    """All seeds, once: the tests below look at different sides of them."""
    made = Totals()
    for seed in range(SEEDS):
        report, cpu_s = run_seed(seed, JOBS)
        made.add(report, cpu_s)
        if report.violation is not None:
            print(f'{report.violation}\n  {JOBS.command(seed)}')
    return made


def test_promises_about_jobs_hold_under_faults_and_all_jobs_end(totals: Totals) -> None:
    assert not totals.failed, [(one.seed, str(one.violation)) for one in totals.failed]


def test_what_jobs_can_meet_is_met(totals: Totals) -> None:
    missing = [one.value for one in OFTEN_REACHED if not totals.situations.get(one.name)]
    assert not missing, missing


def test_same_seed_gives_the_same_run_of_jobs() -> None:
    schedule = schedule_of(3, length_ms=6_000, workload='jobs')
    assert run(schedule).digest == run(parse(str(schedule))).digest


def test_leaving_out_a_step_leaves_the_rest_of_a_run_of_jobs_repeatable() -> None:
    schedule = schedule_of(5, length_ms=5_000, workload='jobs')
    half = schedule.with_steps(schedule.steps[::2])
    assert run(half).digest == run(half).digest


def played(*steps: str, voters: int = 3) -> Schedule:
    head = f'voters {voters}\nworkload jobs\nlength_ms 12000\ncompact_after 300\n----\n'
    return parse(head + '\n'.join(steps))


def test_grant_that_a_robot_sees_late_is_not_run_beside_the_next_one() -> None:
    """A robot that is heard but hears nothing gets jobs; it learns of them when they are over."""
    for robot in ('r1', 'r2', 'r3'):
        jobs = (f'3010 job r1 submit j{n} run=3000 key=k{n}' for n in range(8))
        report = run(played(
            f'3000 oneway *>{robot} 2900', *jobs, f'5950 split {robot}|* 4000',
        ))
        assert report.violation is None, report.violation


def test_robot_that_leaves_ends_its_jobs_before_others_get_them() -> None:
    jobs = (f'3000 job r1 submit j{n} run=4000 does=stubborn key=k{n}' for n in range(6))
    report = run(played(*jobs, '4000 away r2 1500', '7000 away r3 500'))
    assert report.violation is None, report.violation
    assert report.situations['JOB_ROBOT_LEFT'] == 2


def test_words_of_an_order_are_read_as_they_are_written() -> None:
    order = JobOrder(does='hang', run=7, inputs=2, effects='fenced', key='k', limit=900)
    assert order_of(order.words) == order and JobOrder().words == ()


@pytest.mark.parametrize('word', ['does=dance', 'effects=often', 'colour=red'])
def test_order_of_other_words_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=word.partition('=')[0]):
        order_of((word,))


def test_simulated_runner_kills_as_late_as_the_real_one() -> None:
    assert TERM_GRACE_US == process_group.TERM_GRACE_S * 1_000_000
