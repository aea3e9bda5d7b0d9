# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What an idle robot takes from the others, and what it leaves where it is."""

from __future__ import annotations

import pytest
from coordinator_samples import (
    MS,
    R1,
    R2,
    R3,
    AppliedLog,
    log_with_robots,
    ref,
    registration,
    spec,
)

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.costs import Estimates
from swarm_coordinator.core.jobs.eligibility import Robot
from swarm_coordinator.core.jobs.job import Effects, JobSpec
from swarm_coordinator.core.jobs.stealing import (
    HAND_OVER_MS,
    LOOK_NS,
    REFUSED_NS,
    STEALS_MAX,
    Thief,
    loot,
    spread,
)
from swarm_coordinator.core.replicated.command import StealJobs

DONE = 12  # runs that are known of a route


def robots(log: AppliedLog, **run_ms: int) -> None:
    """Every robot has run the task so long, often."""
    for robot, ms in run_ms.items():
        for _ in range(DONE):
            log.state.routes.record(('exec:true', RobotId(robot), ''), 'done', ms, log.stamp_ns)


def holds(log: AppliedLog, robot: RobotId, *job_ids: str, what: JobSpec | None = None) -> None:
    for job_id in job_ids:
        log.submit(job_id, what)
        log.grant(robot, job_id)


def estimates(log: AppliedLog) -> Estimates:
    subject = Estimates()
    subject.begin(log.state.routes, log.stamp_ns, 0)
    return subject


def found(log: AppliedLog, thief: RobotId = R2) -> list[str]:
    me = Robot(log.state.members[thief])
    return [one.job.job_id for one in loot(me, log.state, estimates(log))]


def look(
    thief: Thief, log: AppliedLog, now_ns: int = 0, free: int = 1
) -> StealJobs | None:
    me = Robot(log.state.members[thief.robot_id])
    return thief.look(me, free, log.state, estimates(log), now_ns)


def test_job_that_waits_behind_another_is_taken_and_the_one_in_front_is_not() -> None:
    log = log_with_robots()
    robots(log, r1=1000, r2=1000)
    holds(log, R1, 'j1', 'j2')
    assert found(log) == ['j2']


def test_job_is_left_where_moving_it_gains_less_than_it_costs() -> None:
    log = log_with_robots()
    robots(log, r1=HAND_OVER_MS - 10, r2=HAND_OVER_MS - 10)
    holds(log, R1, 'j1', 'j2')
    assert found(log) == []


def test_each_move_raises_the_bar_and_after_three_there_is_none() -> None:
    log = log_with_robots()
    robots(log, r1=250, r2=250)
    holds(log, R1, 'j1', 'j2')
    assert found(log) == ['j2']
    log.job('j2').count(moves=2)
    assert found(log) == []
    robots(log, r1=9000)
    assert 'j2' in found(log)
    log.job('j2').count(moves=3)
    assert 'j2' not in found(log)


def test_slow_thief_takes_nothing() -> None:
    log = log_with_robots()
    robots(log, r1=500, r2=4000)
    holds(log, R1, 'j1', 'j2', 'j3')
    assert found(log) == []


def test_files_that_have_to_be_brought_count() -> None:
    log = log_with_robots()
    robots(log, r1=1000, r2=1000)
    holds(log, R1, 'j1', 'j2', what=spec(inputs=(ref(size_bytes=30_000_000),)))
    assert found(log) == []


def test_thief_that_cannot_do_it_or_had_it_before_leaves_it() -> None:
    log = log_with_robots()
    log.do(registration(R3, offers=('gpu',)), by=R3)
    robots(log, r1=1000, r2=1000)
    holds(log, R1, 'j1', 'j2')
    assert found(log, R3) == []
    log.job('j2').avoid = (R2,)
    assert found(log) == []


def test_running_job_moves_only_for_more_than_the_work_that_is_thrown_away() -> None:
    log = log_with_robots()
    robots(log, r1=10_000, r2=500)
    log.submit('j1')
    log.start(log.grant(R1))
    log.wait(1000)
    assert found(log) == ['j1']
    log.wait(4000)
    assert found(log) == [], 'half of it is done'
    log.wait(20_000)
    assert found(log) == [], 'it may end any moment; a stuck one is for the leader'


def test_running_job_is_left_where_nobody_knows_who_is_faster() -> None:
    log = log_with_robots()
    robots(log, r1=10_000)
    log.submit('j1')
    log.start(log.grant(R1))
    assert found(log) == []


def test_running_job_whose_effect_must_happen_once_never_moves() -> None:
    log = log_with_robots()
    robots(log, r1=10_000, r2=500)
    log.submit('j1', spec(effects=Effects.ONCE))
    log.start(log.grant(R1))
    assert found(log) == []


def test_job_that_goes_to_somebody_already_is_left() -> None:
    log = log_with_robots()
    robots(log, r1=10_000, r2=500, r3=500)
    log.submit('j1')
    token = log.grant(R1)
    log.start(token)
    assert found(log) == ['j1']
    steals = look(Thief(R3), log)
    assert steals is not None
    log.do(steals, by=R3)
    assert log.job().revoked_for == R3 and found(log) == []


def test_log_accepts_what_the_thief_asks_for() -> None:
    log = log_with_robots()
    robots(log, r1=1000, r2=1000)
    holds(log, R1, 'j1', 'j2')
    steals = look(Thief(R2), log)
    assert steals is not None
    applied = log.do(steals, by=R2)
    assert not applied.refused and log.job('j2').robot_id == R2 and log.job('j2').moves == 1
    assert 'instead of' in log.job('j2').story[-1].what


# ---- not all the same, not all at once


def test_thief_takes_no_more_than_it_can_start_and_a_few_at_most() -> None:
    log = log_with_robots()
    robots(log, r1=1000, r2=1000)
    holds(log, R1, *(f'j{n}' for n in range(9)))
    for free, expected in ((1, 1), (2, 2), (50, STEALS_MAX)):
        steals = look(Thief(R2), log, free=free)
        assert steals is not None and len(steals.steals) == expected


def test_idle_robots_begin_with_different_jobs() -> None:
    names = [RobotId(f'r{n}') for n in range(1, 10)]
    log = log_with_robots(*names)
    robots(log, **{name: 1000 for name in names})
    holds(log, R1, *(f'j{n:02}' for n in range(30)))
    seen = loot(Robot(log.state.members[R2]), log.state, estimates(log))
    first = {spread(thief, seen, 1)[0].job.job_id for thief in names[1:]}
    assert len(first) >= 5, first


def test_job_in_the_front_of_a_long_queue_is_not_preferred_to_the_last() -> None:
    log = log_with_robots()
    robots(log, r1=1000, r2=1000)
    holds(log, R1, *(f'j{n}' for n in range(8)))
    seen = loot(Robot(log.state.members[R2]), log.state, estimates(log))
    assert {one.job.job_id for one in spread(R2, seen, 9)} <= {f'j{n}' for n in range(4, 8)}


def test_one_proposal_at_a_time_and_a_pause_between_looks() -> None:
    log = log_with_robots()
    robots(log, r1=1000, r2=1000)
    holds(log, R1, 'j1', 'j2', 'j3')
    thief = Thief(R2)
    assert look(thief, log, 0) is not None
    assert look(thief, log, LOOK_NS) is None, 'under way'
    thief.settled('', LOOK_NS)
    assert look(thief, log, LOOK_NS - 1) is None
    again = look(thief, log, LOOK_NS)
    assert again is not None


@pytest.mark.parametrize('refusals', [1, 2, 3])
def test_refused_thief_waits_longer_each_time(refusals: int) -> None:
    log = log_with_robots()
    robots(log, r1=1000, r2=1000)
    holds(log, R1, 'j1', 'j2', 'j3')
    thief, now_ns = Thief(R2), 0
    for count in range(refusals):
        assert look(thief, log, now_ns) is not None
        thief.settled('another one was faster', now_ns)
        wait_ns = REFUSED_NS << count
        assert look(thief, log, now_ns + wait_ns - MS) is None
        now_ns += wait_ns
    assert look(thief, log, now_ns) is not None


def test_robot_without_a_free_slot_looks_at_nothing() -> None:
    log = log_with_robots()
    holds(log, R1, 'j1', 'j2')
    assert look(Thief(R2), log, free=0) is None
