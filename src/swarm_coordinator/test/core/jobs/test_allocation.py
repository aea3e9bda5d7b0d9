# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which robot gets which waiting job."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import pytest
from coordinator_samples import R1, R2, R3, log_with_robots, ref, registration, spec

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.allocation import (
    CANDIDATES_MAX,
    LOOKED_AT_MAX,
    LOST_CHARS_MAX,
    QUEUED_AHEAD,
    QUEUED_AHEAD_MAX,
    Allocation,
    Allocator,
    Choice,
    Field,
)
from swarm_coordinator.core.jobs.costs import Estimate, Estimates, RouteAdvice
from swarm_coordinator.core.jobs.eligibility import MEMORY, Robot
from swarm_coordinator.core.jobs.job import Job, JobSpec
from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.jobs.routes import RouteBook
from swarm_coordinator.core.jobs.slots import Slots
from swarm_coordinator.core.replicated.command import CapabilitySpec
from swarm_coordinator.core.replicated.state import Member

MS = 1_000_000
ALL = (R1, R2, R3)
STAMP_NS = 10**15


def robot(
    robot_id: RobotId, slots: int = 1, offers: tuple[str, ...] = ('exec:true',), **said: object
) -> Robot:
    told = registration(robot_id, job_slots=slots, offers=offers)
    return Robot(Member(robot_id, 1, True, 'h', 'v', slots, told.capabilities), **said)  # type: ignore[arg-type]


def jobs(count: int, what: JobSpec | None = None) -> list[Job]:
    log = log_with_robots()
    for number in range(count):
        log.submit(f'j{number:05}', what)
    return log.state.waiting_jobs()


def book(*seen: tuple[RobotId, int, bool], task: str = 'exec:true', unit: str = '') -> RouteBook:
    """What was seen of a task: robot, run time, whether it was done."""
    known = RouteBook()
    for robot_id, run_ms, done in seen:
        outcome = 'done' if done else 'failed'
        known.record((task, robot_id, unit), outcome, run_ms, STAMP_NS)
    return known


def field(
    *robots: Robot, held: dict[RobotId, int] | None = None, known: RouteBook | None = None,
    advice: dict[RobotId, Estimate] | None = None, **more: object,
) -> Field:
    estimates = Estimates()
    said = {('exec:true', name, ''): one for name, one in (advice or {}).items()}
    estimates.begin(known or RouteBook(), STAMP_NS, 0, RouteAdvice(said, 1) if said else None)
    slots = {}
    for one in robots:
        if one.barred:
            continue
        taken = slots[one.member.robot_id] = Slots(one.member.job_slots)
        for _ in range((held or {}).get(one.member.robot_id, 0)):
            taken.book(estimates.of('exec:true', one.member.robot_id, '').work_ms)
    return Field(robots, slots, ALL, estimates, STAMP_NS, **more)  # type: ignore[arg-type]


def chosen(waiting: list[Job], at: Field, policy: str = 'cost', most: int = 64) -> Allocation:
    return Allocator(policy).allocate(waiting, at, 6000, most)


def pairs(allocation: Allocation) -> list[tuple[str, str]]:
    return [(grant.job_id, grant.robot_id) for grant in allocation.grants]


def robots_of(allocation: Allocation) -> list[str]:
    return [grant.robot_id for grant in allocation.grants]


# ---- nothing known


def test_with_nothing_known_the_least_loaded_robot_is_first_and_ties_go_to_the_lowest_id() -> None:
    at = field(robot(R3), robot(R2), robot(R1), held={R1: 1})
    assert robots_of(chosen(jobs(2), at)) == [R2, R3]


def test_with_nothing_known_load_is_per_slot() -> None:
    at = field(robot(R1, 4), robot(R2, 1), held={R1: 2, R2: 1})
    assert robots_of(chosen(jobs(1), at)) == [R1]


def test_choice_does_not_depend_on_the_order_of_the_robots() -> None:
    results = {
        tuple(pairs(chosen(jobs(5), field(*(robot(one, 2) for one in order)))))
        for order in itertools.permutations(ALL)
    }
    assert len(results) == 1


def test_robot_holds_one_job_ahead_where_work_is_long() -> None:
    found = chosen(jobs(10), field(robot(R1, 2)))
    assert len(found.grants) == 2 + QUEUED_AHEAD
    assert not found.blocked, 'jobs that only wait for room are not blocked'


def test_robot_holds_as_many_short_jobs_ahead_as_it_begins_in_a_moment() -> None:
    """Without them a robot would wait for the log after each job of five milliseconds."""
    seen = book(*[(R1, 5, True)] * 32)
    held = len(chosen(jobs(64), field(robot(R1), known=seen)).grants)
    assert 10 <= held <= 1 + QUEUED_AHEAD_MAX


# ---- costs


def test_faster_robot_is_first_even_where_it_has_to_be_waited_for() -> None:
    seen = book(*[(R1, 4000, True)] * 20, *[(R2, 500, True)] * 20)
    at = field(robot(R1), robot(R2), held={R2: 2}, known=seen)
    found = chosen(jobs(1), at)
    assert found.grants == () and not found.blocked, 'it waits for the fast one'
    at = field(robot(R1), robot(R2), held={R2: 1}, known=seen)
    assert robots_of(chosen(jobs(1), at)) == [R2]


def test_slow_robot_gets_what_the_fast_one_would_do_later() -> None:
    seen = book(*[(R1, 4000, True)] * 20, *[(R2, 500, True)] * 20)
    found = chosen(jobs(40), field(robot(R1), robot(R2), known=seen))
    assert robots_of(found).count(R2) == 2 and robots_of(found).count(R1) == QUEUED_AHEAD + 1
    first = next(number for number, one in enumerate(robots_of(found)) if one == R1)
    assert found.grants[first].job_id > 'j00004', 'the first ones wait for the fast robot'


def test_slow_robot_does_not_stand_idle_beside_a_long_queue() -> None:
    seen = book(*[(R1, 40_000, True)] * 20, *[(R2, 300, True)] * 20)
    for queued, expected in ((65, 0), (1000, 1 + QUEUED_AHEAD)):
        at = field(robot(R1), robot(R2), held={R2: 2}, known=seen, queued=queued)
        assert robots_of(chosen(jobs(100), at)) == [R1] * expected, queued


def test_who_would_have_been_cheaper_is_told_which_rule_decided() -> None:
    seen = book(*[(R1, 40_000, True)] * 20, *[(R2, 300, True)] * 20)
    at = field(robot(R1), robot(R2), held={R2: 2}, known=seen, queued=1000)
    [_, cheaper] = chosen(jobs(100), at).grants[0].candidates
    assert cheaper.robot_id == R2
    assert cheaper.lost.endswith(' ms less, but beside a long queue each robot with room helps')
    at = field(robot(R1), robot(R2), held={R2: 1}, known=seen)
    [_, cheaper] = chosen(jobs(1), at, 'least_loaded').grants[0].candidates
    assert cheaper.lost.endswith(' ms less, but the policy least_loaded decided')


def test_robot_that_fails_half_of_them_is_dearer_than_one_that_takes_half_again_as_long() -> None:
    seen = book(*[(R1, 1000, n % 2 == 0) for n in range(32)], *[(R2, 1500, True)] * 32)
    assert robots_of(chosen(jobs(1), field(robot(R1), robot(R2), known=seen))) == [R2]


def test_files_count_where_they_have_to_be_brought() -> None:
    big = spec(inputs=(ref(size_bytes=50_000_000),))
    at = field(robot(R1), robot(R2), held={R1: 1})
    assert robots_of(chosen(jobs(1, big), at)) == [R1], 'they are there'
    said = field(robot(R1), robot(R2), held={R1: 1}, staging={('j00000', R2): 0})
    assert robots_of(chosen(jobs(1, big), said)) == [R2], 'it has them already'


def test_own_grants_of_the_pass_count_at_once() -> None:
    found = chosen(jobs(6), field(robot(R1), robot(R2), robot(R3)))
    assert sorted(robots_of(found)) == [R1, R1, R2, R2, R3, R3]


def test_each_compute_unit_is_a_route_of_its_own() -> None:
    offers = ('exec:true', 'exec:true@cpu', 'exec:true@gpu:card0')
    known = book(*[(R1, 4000, True)] * 9, unit='cpu')
    known.record(('exec:true', R1, 'gpu:card0'), 'done', 400, STAMP_NS)
    [grant] = chosen(jobs(1), field(robot(R1, offers=offers), known=known)).grants
    assert grant.unit == 'gpu:card0'
    assert [one.unit for one in grant.candidates] == ['gpu:card0', 'cpu']


def test_one_unit_does_one_job_at_a_time() -> None:
    offers = ('exec:true', 'exec:true@cpu', 'exec:true@gpu:card0')
    known = book(*[(R1, 2000, True)] * 9, unit='cpu')
    for _ in range(9):
        known.record(('exec:true', R1, 'gpu:card0'), 'done', 600, STAMP_NS)
    found = chosen(jobs(4), field(robot(R1, 4, offers=offers), known=known))
    units = [grant.unit for grant in found.grants]
    assert units[0] == 'gpu:card0' and sorted(units).count('cpu') >= 1, units
    assert units.count('gpu:card0') >= 2, 'the faster one is worth waiting for'


# ---- who may


def test_job_that_nobody_can_run_is_blocked_with_the_reason_and_holds_up_no_other() -> None:
    log = log_with_robots()
    log.submit('j1', spec('ffmpeg', requires=('gpu',)))
    log.submit('j2', spec())
    found = chosen(log.state.waiting_jobs(), field(robot(R1)))
    assert pairs(found) == [('j2', R1)]
    assert found.blocked == {'j1': 'no reachable robot offers exec:ffmpeg, gpu'}


def test_every_required_capability_is_needed() -> None:
    waiting = jobs(1, spec(requires=('gpu',)))
    partly = [robot(R1), robot(R2, offers=('gpu',))]
    assert not chosen(waiting, field(*partly)).grants
    both = robot(R3, offers=('gpu', 'exec:true'))
    assert robots_of(chosen(waiting, field(*partly, both, held={R3: 1}))) == [R3]


def test_job_whose_inputs_cannot_be_reached_waits_and_one_without_inputs_does_not() -> None:
    log = log_with_robots()
    log.submit('j1', spec(inputs=(ref(),)))
    log.submit('j2')
    at = field(robot(R2))
    at.reachable = (R2,)
    found = chosen(log.state.waiting_jobs(), at)
    assert pairs(found) == [('j2', R2)]
    assert 'r1' in found.blocked['j1']


def test_robot_that_had_the_job_before_is_avoided_while_there_is_another() -> None:
    [job] = jobs(1)
    job.avoid = (R1,)
    assert robots_of(chosen([job], field(robot(R1), robot(R2), held={R2: 1}))) == [R2]
    assert robots_of(chosen([job], field(robot(R1)))) == [R1]
    full = field(robot(R1), robot(R2), held={R2: 1 + QUEUED_AHEAD})
    assert not chosen([job], full).grants, 'not just because the other one is full'


def test_robot_that_does_not_answer_gets_nothing_while_another_does() -> None:
    at = field(robot(R1), robot(R2), held={R2: 1}, silent={R1})
    [grant] = chosen(jobs(1), at).grants
    assert grant.robot_id == R2
    assert [one.lost for one in grant.candidates] == ['', 'does not answer']
    assert robots_of(chosen(jobs(1), field(robot(R1), silent={R1}))) == [R1]


def test_robot_that_refused_the_job_does_not_get_it() -> None:
    at = field(robot(R1), robot(R2), held={R2: 1}, refused={('j00000', R1): 'is stopped'})
    [grant] = chosen(jobs(1), at).grants
    assert grant.robot_id == R2 and grant.candidates[1].lost == 'is stopped'


def test_robot_with_too_little_battery_or_memory_is_left_out_and_one_that_does_not_say_is_not(
) -> None:
    needy = JobSpec(ExecWork(('true',)), memory_bytes=2 * 10**9, battery_permille=300)
    small = robot(R1)
    small.member.capabilities += (CapabilitySpec(MEMORY, 10**9 * 1000, 'B'),)
    at = field(small, robot(R2, battery_permille=299), robot(R3), held={R3: 1})
    [grant] = chosen(jobs(1, needy), at).grants
    assert grant.robot_id == R3
    assert [one.lost for one in grant.candidates[1:]] == [
        'has 1000000000 bytes of memory, needs 2000000000', 'battery at 30 %, needs 30 %',
    ]


def test_deadline_that_a_robot_cannot_meet_leaves_it_out() -> None:
    [job] = jobs(1)
    job.deadline_ns = STAMP_NS + 2000 * MS
    seen = book(*[(R1, 900, True)] * 20, *[(R2, 2500, True)] * 20)
    at = field(robot(R1), robot(R2), held={R1: 1}, known=seen)
    [grant] = chosen([job], at).grants
    assert grant.robot_id == R1 and 'within the 2000 ms' in grant.candidates[1].lost
    job.deadline_ns = STAMP_NS + 10 * MS
    assert 'within the 10 ms' in chosen([job], at).blocked[job.job_id]


@pytest.mark.parametrize(('unit', 'expected'), [('gpu', R2), ('gpu:card0', R2), ('cpu', R1)])
def test_job_for_a_compute_unit_goes_where_it_is(unit: str, expected: str) -> None:
    what = JobSpec(ExecWork(('true',)), compute_unit=unit)
    with_gpu = robot(R2, offers=('exec:true', 'compute:gpu', 'compute:gpu@gpu:card0'))
    found = chosen(jobs(1, what), field(robot(R1), with_gpu, held={R2: 1}))
    assert robots_of(found) == [expected]


def test_robot_that_fails_again_and_again_is_not_asked_for_a_while() -> None:
    seen = book(*[(R1, 1, False)] * 5, *[(R2, 9000, True)] * 9, *[(R3, 9000, True)] * 9)
    at = field(robot(R1), robot(R2), robot(R3), known=seen)
    [grant] = chosen(jobs(1), at).grants
    assert grant.candidates[-1].lost == 'failed 5 times in a row at it'
    at = field(robot(R1), robot(R2), robot(R3), known=seen)
    at.stamp_ns += 30_000 * MS
    assert not any('in a row' in one.lost for one in chosen(jobs(1), at).grants[0].candidates)


def test_robot_that_fails_again_and_again_is_asked_where_more_wait_than_can_run() -> None:
    seen = book(*[(R1, 1, False)] * 5, *[(R2, 900, True)] * 9, *[(R3, 900, True)] * 9)
    for queued, out in ((3, True), (4, False)):
        at = field(robot(R1), robot(R2), robot(R3), known=seen, queued=queued)
        lost = [one.lost for one in chosen(jobs(1), at).grants[0].candidates]
        assert any('in a row' in one for one in lost) is out


def test_never_more_than_a_third_of_those_who_can_are_left_out_for_failures() -> None:
    seen = book(*[(one, 1, False) for one in ALL for _ in range(9)])
    at = field(robot(R1), robot(R2), robot(R3), known=seen)
    lost = [one.lost for one in chosen(jobs(1), at).grants[0].candidates]
    assert sum('in a row' in one for one in lost) == 1
    assert robots_of(chosen(jobs(1), field(robot(R1), robot(R2), known=seen))) == [R1]


# ---- grants


def test_grants_of_one_entry_are_bounded() -> None:
    assert len(chosen(jobs(9), field(robot(R1, 20)), most=4).grants) == 4


def test_grant_is_for_the_next_attempt_and_this_life() -> None:
    [job] = jobs(1)
    job.attempt = 2
    one = robot(R1)
    one.member.incarnation = 7
    [grant] = chosen([job], field(one)).grants
    assert (grant.attempt, grant.incarnation, grant.ttl_ms) == (3, 7, 6000)


def test_grant_says_in_one_sentence_why_and_lists_why_the_others_lost() -> None:
    seen = book(*[(R1, 400, True)] * 32, *[(R2, 800, True)] * 32)
    at = field(robot(R1), robot(R2), robot(R3, offers=('gpu',)), known=seen)
    [grant] = chosen(jobs(1), at).grants
    assert grant.why.startswith('r1 costs 4') and '; next is r2 with 8' in grant.why
    assert [(one.robot_id, one.lost) for one in grant.candidates][::2] == [
        ('r1', ''), ('r3', 'does not offer exec:true'),
    ]
    assert grant.candidates[1].lost.startswith('costs 4')


def test_candidates_are_bounded_and_the_chosen_one_is_among_them() -> None:
    many = [robot(RobotId(f'r{n:02}')) for n in range(20)]
    for grant in chosen(jobs(64), field(*many)).grants:
        assert len(grant.candidates) == CANDIDATES_MAX
        assert (grant.candidates[0].robot_id, grant.candidates[0].lost) == (grant.robot_id, '')


def test_job_whose_robots_are_to_be_asked_is_not_granted_yet_and_counts_all_the_same() -> None:
    def settled(choice: Choice) -> bool:
        return choice.job.job_id != 'j00000'

    found = chosen(jobs(2), field(robot(R1), robot(R2), settled=settled))
    assert [choice.job.job_id for choice in found.open] == ['j00000']
    assert found.open[0].cheapest == (R1, R2)
    assert pairs(found) == [('j00001', R2)]


# ---- the other policies, for measurements


def test_round_robin_takes_the_robots_in_turn() -> None:
    at = field(robot(R1, 4), robot(R2, 4), robot(R3, 4))
    assert robots_of(chosen(jobs(5), at, 'round_robin')) == [R1, R2, R3, R1, R2]


def test_least_loaded_knows_no_costs() -> None:
    seen = book(*[(R1, 9000, True)] * 20, *[(R2, 5, True)] * 20)
    at = field(robot(R1), robot(R2), held={R2: 1}, known=seen)
    assert robots_of(chosen(jobs(1), at, 'least_loaded')) == [R1]


def test_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match='expected one of cost'):
        Allocator('random')


# ---- how long it takes


def test_pass_looks_at_no_more_jobs_than_it_needs_however_many_wait() -> None:
    seen = book(*[(RobotId(f'r{n:02}'), 300, True) for n in range(20) for _ in range(32)])
    looked: list[str] = []

    def queue() -> itertools.chain[Job]:
        for job in waiting:
            looked.append(job.job_id)
            yield job

    waiting = jobs(1000)
    many = [robot(RobotId(f'r{n:02}'), 2) for n in range(20)]
    found = Allocator().allocate(queue(), field(*many, known=seen), 6000, 64)  # type: ignore[arg-type]
    assert len(looked) <= len(found.grants) + LOOKED_AT_MAX + 1
    began = time.process_time()
    Allocator().allocate(waiting, field(*many, known=seen), 6000, 64)
    assert time.process_time() - began < 0.25, 'some 5 ms on two cores'


# ---- advice

KEPT_OUT = Estimate(1, 900, 9, ejected=True, reason='failed 5 times in a row')
GOOD = Estimate(1000, 900, 9)


def test_robot_that_a_learner_keeps_out_gets_nothing_while_another_can_and_the_story_says_why(
) -> None:
    at = field(robot(R1), robot(R2), robot(R3), advice={R1: KEPT_OUT, R2: GOOD, R3: GOOD})
    found = chosen(jobs(3), at)
    assert R1 not in robots_of(found)
    told = {one.robot_id: one.lost for one in found.grants[0].candidates}
    assert told[R1] == 'kept out: failed 5 times in a row'


def test_long_reason_of_a_candidate_is_cut_at_a_word() -> None:
    wordy = replace(KEPT_OUT, reason='failed again ' * 9)
    found = chosen(jobs(1), field(robot(R1), robot(R2), robot(R3), advice={R1: wordy}))
    [told] = [one.lost for one in found.grants[0].candidates if one.robot_id == R1]
    assert told.endswith((' failed …', ' again …')) and len(told) <= LOST_CHARS_MAX


def test_advice_never_keeps_out_more_than_a_third_and_never_the_last_robot() -> None:
    worst = replace(KEPT_OUT, success_permille=100)
    everybody = field(robot(R1), robot(R2), robot(R3), advice={R1: KEPT_OUT, R2: worst, R3: worst})
    told = chosen(jobs(1), everybody).grants[0].candidates
    out = [one.robot_id for one in told if one.lost.startswith('kept out')]
    assert out == [R2] and len(told) == 3, 'the least sure one'
    assert robots_of(chosen(jobs(1), field(robot(R1), advice={R1: KEPT_OUT}))) == [R1]


def test_breaker_of_the_log_and_advice_together_keep_out_a_third() -> None:
    failing = book(*[(R2, 1, False)] * 5)
    at = field(robot(R1), robot(R2), robot(R3), known=failing, advice={R1: KEPT_OUT})
    assert robots_of(chosen(jobs(1), at)) == [R1], 'R2 is the third that may be kept out'


def test_who_is_kept_out_is_asked_all_the_same_where_jobs_pile_up() -> None:
    at = field(robot(R1), robot(R2), robot(R3), queued=100,
               advice={R1: KEPT_OUT, R2: GOOD, R3: GOOD})
    assert R1 in robots_of(chosen(jobs(3), at))


def test_poor_reputation_makes_a_robot_dearer_and_the_story_tells_it() -> None:
    poor = replace(GOOD, quality_permille=500)
    found = chosen(jobs(1), field(robot(R1), robot(R2), advice={R1: poor, R2: GOOD}))
    assert robots_of(found) == [R2]
    assert found.grants[0].candidates[1].lost.endswith('reputation counts 50 %')
