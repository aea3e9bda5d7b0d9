# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Rules of jobs and members in the replicated state, one promise a test."""

from __future__ import annotations

import pytest
from coordinator_samples import (
    MS,
    R1,
    R2,
    R3,
    TTL_MS,
    AppliedLog,
    log_with_robots,
    ref,
    registration,
    spec,
)

from swarm_coordinator.core.jobs.job import Effects, JobPhase, JobSpec
from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated import job_rules, submission_rules
from swarm_coordinator.core.replicated.apply import Applied
from swarm_coordinator.core.replicated.command import (
    CancelJob,
    CompleteJob,
    DeliverOutputs,
    ExpireDue,
    ExtendLeases,
    FailJob,
    Grant,
    GrantJobs,
    HandBackJob,
    MarkRobot,
    Renewal,
    RenewJobs,
    SubmitJob,
)

GRACE_MS = 1500


def log_with_job(what: JobSpec | None = None, output_dir: str = '') -> AppliedLog:
    log = log_with_robots()
    log.submit('j1', what, output_dir)
    return log


def kinds(applied: Applied) -> list[str]:
    return [notable.kind for notable in applied.notable]


# ---- submission


def test_same_idempotency_key_gives_the_first_job() -> None:
    log = log_with_robots()
    assert log.submit('j1', key='k').value == 'j1'
    again = log.submit('j2', key='k')
    assert (again.value, again.duplicate, again.refused) == ('j1', True, '')
    assert list(log.state.jobs) == ['j1']


def test_without_a_key_equal_jobs_are_two() -> None:
    log = log_with_robots()
    log.submit('j1')
    assert log.submit('j2').value == 'j2'


def test_used_job_id_is_refused() -> None:
    log = log_with_job()
    assert 'exists' in log.submit('j1').refused


@pytest.mark.parametrize(
    ('job_id', 'what'),
    [
        ('j1', JobSpec(ExecWork(()))),
        ('j1', spec('/bin/sh')),
        ('j1', spec(outputs=('../escape',))),
        ('j1', spec(inputs=(ref('/etc/passwd'),))),
        ('../j1', spec()),
        ('', spec()),
        ('a/b', spec()),
    ],
)
def test_job_that_its_origin_should_have_refused_is_refused_by_the_log(
    job_id: str, what: JobSpec
) -> None:
    """A leader that crashes over a bad job is followed by the next one, and the next."""
    log = log_with_robots()
    assert log.submit(job_id, what).refused
    assert not log.state.jobs and not log.state.waiting


def test_full_queue_refuses_and_takes_again_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(submission_rules, 'JOBS_WAITING_MAX', 2)
    log = log_with_robots()
    assert not log.submit('j1').refused and not log.submit('j2').refused
    assert 'try again' in log.submit('j3').refused
    log.grant(R1, 'j1')
    assert not log.submit('j3').refused


# ---- grants


def test_token_of_a_grant_is_its_log_index_and_grows() -> None:
    log = log_with_job()
    first = log.grant(R1)
    assert log.job().token == first == log.state.applied_index
    log.do(HandBackJob('j1', first, 'no'))
    second = log.grant(R2)
    assert log.job().token == second > first


@pytest.mark.parametrize(
    ('attempt', 'robot', 'incarnation'), [(2, R1, 1), (0, R1, 1), (1, 'r9', 1), (1, R1, 2)]
)
def test_grant_for_another_state_of_things_is_ignored(
    attempt: int, robot: str, incarnation: int
) -> None:
    log = log_with_job()
    before = log.job().phase, log.job().token
    log.do(GrantJobs((Grant('j1', robot, incarnation, attempt, TTL_MS, ''),)))  # type: ignore
    assert (log.job().phase, log.job().token) == before == (JobPhase.SUBMITTED, 0)


def test_second_grant_of_a_held_job_is_ignored() -> None:
    log = log_with_job()
    token = log.grant(R1)
    log.grant(R2, attempt=2)
    assert (log.job().robot_id, log.job().token, log.job().attempt) == (R1, token, 1)


def test_stale_grant_in_a_batch_does_not_spoil_the_others() -> None:
    log = log_with_job()
    log.submit('j2')
    log.do(GrantJobs((
        Grant('gone', R1, 1, 1, TTL_MS, ''), Grant('j2', R1, 1, 1, TTL_MS, ''),
    )))
    assert log.job('j2').phase is JobPhase.LEASED
    assert log.job('j1').phase is JobPhase.SUBMITTED


def test_waiting_jobs_are_granted_by_priority_then_by_age() -> None:
    log = log_with_robots()
    for job_id, priority in (('j1', 0), ('j2', 5), ('j3', 5), ('j4', -1)):
        log.submit(job_id, spec(priority=priority))
    assert [job.job_id for job in log.state.waiting_jobs()] == ['j2', 'j3', 'j1', 'j4']


# ---- completion is a compare-and-set on the token


def test_completion_under_the_current_token_is_accepted_once() -> None:
    log = log_with_job()
    token = log.grant()
    done = log.complete(token)
    assert not done.refused and log.job().phase is JobPhase.DONE
    assert [one.outcome for one in done.ended] == ['done']
    again = log.complete(token)
    assert 'is done under token' in again.refused and not again.ended


@pytest.mark.parametrize('offset', [-1, 1])
def test_completion_under_another_token_is_refused(offset: int) -> None:
    log = log_with_job()
    token = log.grant()
    assert log.complete(token + offset).refused
    assert log.job().phase is JobPhase.LEASED


def test_late_completion_of_a_former_holder_is_refused() -> None:
    log = log_with_job()
    old = log.grant(R1)
    log.wait(TTL_MS + GRACE_MS)
    log.do(ExpireDue(GRACE_MS))
    assert log.complete(old).refused and log.job().phase is JobPhase.SUBMITTED
    new = log.grant(R2)
    late = log.complete(old)
    assert late.refused and log.job().phase is JobPhase.LEASED
    assert late.late == ['j1'] and kinds(late) == ['job_result_refused']
    assert f'not {old}' in late.notable[0].text
    assert not log.complete(new).refused
    assert log.job().robot_id == R2


def test_completion_overtaking_the_start_is_accepted_and_the_start_refused() -> None:
    log = log_with_job()
    token = log.grant()
    log.complete(token)
    assert log.start(token).refused
    assert log.job().phase is JobPhase.DONE


@pytest.mark.parametrize('outputs', [(), ('b',), ('a', 'b')])
def test_completion_without_exactly_the_promised_outputs_is_refused(
    outputs: tuple[str, ...]
) -> None:
    log = log_with_job(spec(outputs=('a',)))
    token = log.grant()
    log.start(token)
    assert 'promised' in log.complete(token, outputs=tuple(map(ref, outputs))).refused
    assert log.job().phase is JobPhase.RUNNING
    assert not log.complete(token, outputs=(ref('a'),)).refused


def test_outputs_count_as_delivered_when_nobody_asked_for_them() -> None:
    log = log_with_job(spec(outputs=('a',)))
    log.complete(log.grant(), outputs=(ref('a'),))
    assert log.job().delivered


def test_delivery_is_said_once_and_under_the_accepted_token() -> None:
    log = log_with_job(spec(outputs=('a',)), output_dir='/out')
    token = log.grant()
    assert log.do(DeliverOutputs('j1', token, '')).refused
    log.complete(token, outputs=(ref('a'),))
    assert not log.job().delivered
    assert log.do(DeliverOutputs('j1', token - 1, '')).refused
    failed = log.do(DeliverOutputs('j1', token, 'disk full'))
    assert kinds(failed) == ['outputs_not_delivered'] and log.job().delivered
    assert not log.do(DeliverOutputs('j1', token, '')).jobs
    assert log.job().reason == 'disk full'


# ---- failure, handing back, cancelling


@pytest.mark.parametrize(('exit_code', 'outcome'), [(3, 'failed'), (None, 'timed_out')])
def test_job_that_went_wrong_is_not_repeated(exit_code: int | None, outcome: str) -> None:
    log = log_with_job()
    token = log.grant()
    log.start(token)
    done = log.do(FailJob('j1', token, 20, exit_code, 'broke'))
    assert log.job().phase is JobPhase.FAILED
    assert [one.outcome for one in done.ended] == [outcome]
    assert (log.job().exit_code, log.job().run_ms, log.job().reason) == (exit_code, 20, 'broke')
    assert not log.state.waiting


def test_late_failure_of_a_former_holder_is_refused() -> None:
    log = log_with_job()
    old = log.grant()
    log.do(HandBackJob('j1', old, 'busy'))
    log.grant(R2)
    assert log.do(FailJob('j1', old, 1, 1, '')).refused
    assert log.job().phase is JobPhase.LEASED


def test_job_handed_back_waits_again_and_avoids_the_robot() -> None:
    log = log_with_job()
    done = log.do(HandBackJob('j1', log.grant(R2), 'no such program'))
    assert log.job().phase is JobPhase.SUBMITTED
    assert log.job().avoid == (R2,)
    assert [one.outcome for one in done.ended] == ['refused']


@pytest.mark.parametrize('started', [False, True])
def test_held_job_can_be_cancelled_and_its_completion_is_then_refused(started: bool) -> None:
    log = log_with_job()
    token = log.grant()
    if started:
        log.start(token)
    done = log.do(CancelJob('j1', 'not needed'))
    assert log.job().phase is JobPhase.CANCELLED
    assert [one.outcome for one in done.ended] == ['cancelled']
    assert log.complete(token).refused
    assert not log.do(CancelJob('j1', 'twice')).refused, 'cancelling is idempotent'


def test_waiting_job_is_cancelled_without_an_attempt() -> None:
    log = log_with_job()
    assert not log.do(CancelJob('j1', 'x')).ended


def test_cancelling_what_has_ended_or_is_unknown_is_refused() -> None:
    log = log_with_job()
    log.complete(log.grant())
    assert 'done job does not accept' in log.do(CancelJob('j1', 'x')).refused
    assert 'not known' in log.do(CancelJob('j9', 'x')).refused


# ---- leases end by stamp and grace


def test_lease_ends_at_its_stamp_and_grace_and_not_before() -> None:
    log = log_with_job()
    log.grant()
    log.wait(TTL_MS + GRACE_MS - 1)
    log.do(ExpireDue(GRACE_MS))
    assert log.job().phase is JobPhase.LEASED
    log.wait(1)
    done = log.do(ExpireDue(GRACE_MS))
    assert log.job().phase is JobPhase.SUBMITTED
    assert kinds(done) == ['job_reissued']
    assert [(one.outcome, one.attempt) for one in done.ended] == [('lease_expired', 1)]


def test_renewal_under_the_token_extends_the_lease_from_its_own_stamp() -> None:
    log = log_with_job()
    token = log.grant()
    log.wait(4000)
    log.do(RenewJobs((Renewal('j1', token, 500, 1),)))
    assert log.job().lease_expires_ns == log.stamp_ns + TTL_MS * MS
    assert log.job().progress_permille == 500


def test_former_holder_cannot_renew() -> None:
    log = log_with_job()
    old = log.grant(R1)
    log.do(HandBackJob('j1', old, ''))
    log.grant(R2)
    expires_ns = log.job().lease_expires_ns
    log.wait(1000)
    assert log.do(RenewJobs((Renewal('j1', old, 900),))).refused
    assert (log.job().lease_expires_ns, log.job().progress_permille) == (expires_ns, 0)


def test_progress_out_of_range_is_cut_to_it() -> None:
    log = log_with_job()
    token = log.grant()
    log.do(RenewJobs((Renewal('j1', token, 5000, 1),)))
    assert log.job().progress_permille == 1000
    log.do(RenewJobs((Renewal('j1', token, -5, 2),)))
    assert log.job().progress_permille == 0


def test_new_leader_gives_every_lease_a_full_time_but_shortens_none() -> None:
    log = log_with_job()
    log.grant()
    log.wait(5999)
    log.do(ExtendLeases())
    assert log.job().lease_expires_ns == log.stamp_ns + TTL_MS * MS
    log.stamp_ns -= 5000 * MS
    log.do(ExtendLeases())
    assert log.job().lease_expires_ns == log.state.stamp_ns + TTL_MS * MS


def test_stamp_of_the_state_never_goes_back() -> None:
    log = log_with_job()
    before = log.state.stamp_ns
    log.stamp_ns -= 10**9
    log.submit('j2')
    assert log.state.stamp_ns == before == log.job('j2').submitted_ns


def test_job_lost_attempts_max_times_is_quarantined() -> None:
    log = log_with_job(spec(attempts_max=2))
    for robot in (R1, R2):
        log.grant(robot)
        log.wait(TTL_MS + GRACE_MS)
        done = log.do(ExpireDue(GRACE_MS))
    assert log.job().phase is JobPhase.QUARANTINED
    assert 'job_quarantined' in kinds(done)
    assert '2 attempts of 2' in log.job().reason


def test_lost_job_whose_effect_must_happen_once_is_never_repeated_after_it_began() -> None:
    log = log_with_job(spec(effects=Effects.ONCE))
    token = log.grant()
    log.start(token)
    log.wait(TTL_MS + GRACE_MS)
    done = log.do(ExpireDue(GRACE_MS))
    assert log.job().phase is JobPhase.EXPIRED and not log.state.waiting
    assert kinds(done) == ['job_left_unknown']
    assert log.complete(token).refused


def test_lost_job_whose_effect_must_happen_once_is_repeated_if_its_start_is_not_in_the_log(
) -> None:
    """Its robot begins it only when the log has its start, and that is refused from now on."""
    log = log_with_job(spec(effects=Effects.ONCE))
    token = log.grant()
    log.wait(TTL_MS + GRACE_MS)
    log.do(ExpireDue(GRACE_MS))
    assert log.job().phase is JobPhase.SUBMITTED
    assert log.start(token).refused


def test_job_handed_back_before_it_ran_is_repeated_even_if_it_must_happen_once() -> None:
    log = log_with_job(spec(effects=Effects.ONCE))
    log.do(HandBackJob('j1', log.grant(), 'no such program'))
    assert log.job().phase is JobPhase.SUBMITTED


def test_queue_time_counts_from_the_last_return_to_the_queue() -> None:
    log = log_with_job()
    log.wait(100)
    first = log.grant()
    log.wait(50)
    assert log.do(HandBackJob('j1', first, '')).ended[0].queue_ms == 100
    log.wait(30)
    second = log.grant(R2)
    log.wait(1000)
    assert log.complete(second).ended[0].queue_ms == 30


# ---- robots


def test_restarted_robot_loses_what_it_held() -> None:
    log = log_with_job()
    log.submit('j2')
    old, other = log.grant(R1, 'j1'), log.grant(R2, 'j2')
    done = log.do(registration(R1, incarnation=2), incarnation=2)
    assert log.job('j1').phase is JobPhase.SUBMITTED
    assert log.job('j2').token == other and log.job('j2').held
    assert 'robot_returned' in kinds(done)
    assert log.do(CompleteJob('j1', old, 1, (), R1), incarnation=2).refused


def test_registering_again_in_the_same_life_loses_nothing() -> None:
    log = log_with_job()
    log.grant(R1)
    done = log.do(registration(R1, job_slots=4))
    assert log.job().held and log.state.members[R1].job_slots == 4
    assert not done.notable


def test_registration_of_a_former_life_is_refused() -> None:
    log = log_with_robots()
    log.do(registration(R1, incarnation=3), incarnation=3)
    answer = log.do(registration(R1, incarnation=2), incarnation=3)
    assert 'incarnation 2 is over' in answer.refused
    assert log.state.members[R1].incarnation == 3


def test_robot_may_not_submit_or_register_for_another() -> None:
    log = log_with_robots()
    assert 'for another robot' in log.do(registration(R1, job_slots=9), by=R2).refused
    submission = SubmitJob('j9', R1, spec(), '/etc', '')
    assert 'for another robot' in log.do(submission, by=R2).refused
    assert log.state.members[R1].job_slots == 1
    assert 'j9' not in log.state.jobs


def test_members_are_in_order_of_name_whatever_the_order_of_arrival() -> None:
    log = log_with_robots(R3, R1, R2)
    assert list(log.state.members) == [R1, R2, R3]


def test_verdict_on_a_former_life_is_refused() -> None:
    log = log_with_robots()
    assert log.do(MarkRobot(R1, 2, Liveness.DEAD)).refused
    assert log.state.members[R1].phase is Liveness.HEALTHY


def test_death_and_return_are_told_once() -> None:
    log = log_with_robots()
    assert kinds(log.do(MarkRobot(R2, 1, Liveness.DEAD))) == ['robot_dead']
    assert kinds(log.do(MarkRobot(R2, 1, Liveness.DEAD))) == []
    assert kinds(log.do(MarkRobot(R2, 1, Liveness.HEALTHY))) == ['robot_heard']


def test_dead_robot_keeps_its_jobs_until_their_leases_end() -> None:
    log = log_with_job()
    token = log.grant(R2)
    log.do(MarkRobot(R2, 1, Liveness.DEAD))
    assert log.job().held
    assert not log.complete(token).refused


# ---- memory


def test_oldest_ended_jobs_and_their_keys_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_rules, 'JOBS_ENDED_KEPT_MAX', 2)
    log = log_with_robots()
    for number in range(4):
        log.submit(f'j{number}', key=f'k{number}')
    for number in (1, 0, 2):  # the first to end is the first to go
        log.complete(log.grant(R1, f'j{number}'), f'j{number}')
    assert list(log.state.jobs) == ['j0', 'j2', 'j3']
    assert log.submit('j9', key='k1').value == 'j9'
    assert log.submit('j8', key='k3').duplicate
    assert 'not known' in log.do(CancelJob('j1', '')).refused
