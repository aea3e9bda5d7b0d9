# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The jobs that a robot holds: nothing runs without a lease, nothing is reported twice."""

from __future__ import annotations

import pytest
from coordinator_samples import MS, R1, R2, TTL_MS, log_with_robots, ref, spec

from swarm_coordinator.core.jobs.job import FileRef, Job, JobSpec
from swarm_coordinator.core.replicated.command import (
    CompleteJob,
    FailJob,
    HandBackJob,
    RenewJobs,
    StartJob,
)
from swarm_coordinator.core.worker import (
    STORED_ASK_AGAIN_NS,
    FetchInputs,
    Note,
    OfferOutputs,
    ProcessEnd,
    Propose,
    ReportTag,
    Stage,
    StartProcess,
    StopProcess,
    Worker,
    WorkerEffect,
)

TTL_NS = TTL_MS * MS
OUT = ref('out', 'b')


def leased(job_id: str = 'j1', what: JobSpec | None = None, robot: str = 'r2') -> Job:
    """A job of origin r1 that is granted to `robot`."""
    log = log_with_robots()
    log.submit(job_id, what or spec(outputs=('out',)))
    log.grant(robot, job_id)  # type: ignore[arg-type]
    return log.job(job_id)


def worker(slots: int = 1) -> Worker:
    return Worker(R2, 1, slots)


def commands(effects: list[WorkerEffect]) -> list[object]:
    return [effect.command for effect in effects if isinstance(effect, Propose)]


def running(subject: Worker, job: Job, now_ns: int = 0) -> None:
    subject.job_changed(job, now_ns)
    subject.inputs_ready(job.job_id, job.token, now_ns)


def end(job: Job, exit_code: int | None = 0, outputs: tuple[FileRef, ...] = (OUT,),
        reason: str = '', unable: bool = False) -> ProcessEnd:
    return ProcessEnd(job.job_id, job.token, exit_code, 7, outputs, reason, unable)


def test_granted_job_is_fetched_then_started_then_said_to_be_started() -> None:
    subject, job = worker(), leased(what=spec(inputs=(ref(),)))
    assert subject.job_changed(job, 0) == [FetchInputs('j1', job.token, (ref(),), R1)]
    effects = subject.inputs_ready('j1', job.token, 0)
    assert [type(effect) for effect in effects] == [StartProcess, Propose]
    assert commands(effects) == [StartJob('j1', job.token)]


def test_grant_to_another_robot_or_another_life_is_not_ours() -> None:
    job = leased(robot='r1')
    assert worker().job_changed(job, 0) == []
    job = leased()
    job.incarnation = 2
    assert worker().job_changed(job, 0) == []


def test_news_of_a_held_job_does_not_start_it_again() -> None:
    subject, job = worker(), leased()
    running(subject, job)
    assert subject.job_changed(job, 1) == []
    assert subject.inputs_ready('j1', job.token, 1) == []


def test_events_under_another_token_change_nothing() -> None:
    subject, job = worker(), leased()
    subject.job_changed(job, 0)
    assert subject.inputs_ready('j1', job.token + 1, 0) == []
    assert subject.inputs_failed('j1', job.token - 1, 'x', 0) == []
    assert subject.held['j1'].stage is Stage.FETCHING


def test_no_more_run_than_there_are_slots_and_the_next_starts_when_one_ends() -> None:
    subject, first, second = worker(), leased('j1'), leased('j2')
    running(subject, first)
    running(subject, second)
    assert subject.running == 1 and subject.held['j2'].stage is Stage.STAGED
    effects = subject.process_ended(end(first), 0)
    assert [e.job_id for e in effects if isinstance(e, StartProcess)] == ['j2']


def test_missing_inputs_hand_the_job_back() -> None:
    subject, job = worker(), leased()
    subject.job_changed(job, 0)
    effects = subject.inputs_failed('j1', job.token, 'silent', 0)
    assert commands(effects) == [HandBackJob('j1', job.token, 'silent')]


@pytest.mark.parametrize(
    ('exit_code', 'unable', 'report'),
    [
        (3, False, FailJob('j1', 0, 7, 3, 'why')),
        (None, False, FailJob('j1', 0, 7, None, 'why')),
        (0, False, FailJob('j1', 0, 7, 0, 'why')),
        (None, True, HandBackJob('j1', 0, 'why')),
    ],
)
def test_end_of_a_process_is_reported_for_what_it_is(
    exit_code: int | None, unable: bool, report: FailJob | HandBackJob
) -> None:
    subject, job = worker(), leased()
    running(subject, job)
    [told] = commands(subject.process_ended(end(job, exit_code, (), 'why', unable), 0))
    assert vars(told) == {**vars(report), 'token': job.token}
    assert type(told) is type(report)
    assert subject.process_ended(end(job), 0) == [], 'an end is reported once'


def test_completion_waits_until_the_origin_has_the_outputs() -> None:
    subject, job = worker(), leased()
    running(subject, job)
    effects = subject.process_ended(end(job), 0)
    assert effects == [OfferOutputs('j1', 1, job.token, R1, (OUT,))]
    assert subject.tick(STORED_ASK_AGAIN_NS - 1) == []
    assert effects[0] in subject.tick(STORED_ASK_AGAIN_NS)
    done = CompleteJob('j1', job.token, 7, (OUT,), R1)
    assert commands(subject.outputs_stored('j1', job.token, 0)) == [done]
    assert subject.outputs_stored('j1', job.token, 0) == []


def test_outputs_of_a_lost_origin_stay_here_and_the_log_says_so() -> None:
    subject, job = worker(), leased()
    running(subject, job)
    subject.process_ended(end(job), 0)
    assert subject.origin_lost(R2) == []
    assert commands(subject.origin_lost(R1)) == [CompleteJob('j1', job.token, 7, (OUT,), R2)]
    assert subject.origin_lost(R1) == []


def test_job_without_outputs_is_complete_at_once() -> None:
    subject, job = worker(), leased(what=spec())
    running(subject, job)
    assert commands(subject.process_ended(end(job, outputs=()), 0)) == [
        CompleteJob('j1', job.token, 7, (), R2)
    ]


# ---- leases


def test_job_is_stopped_when_its_lease_was_not_renewed_in_time() -> None:
    subject, job = worker(), leased()
    running(subject, job)
    assert not any(isinstance(e, StopProcess) for e in subject.tick(TTL_NS - 1))
    effects = subject.tick(TTL_NS)
    assert [type(effect) for effect in effects] == [Note, StopProcess]
    assert not subject.held


def test_grant_that_was_given_up_is_not_taken_again_under_the_same_token() -> None:
    """The log may still have us as the holder, and news of the job may come: a second run under
    one token would do twice what must happen once."""
    subject, job = worker(), leased()
    running(subject, job)
    subject.tick(TTL_NS)
    assert subject.job_changed(job, TTL_NS + 1) == []
    assert not subject.held
    job.token += 5  # granted to us anew
    assert [type(e) for e in subject.job_changed(job, TTL_NS + 2)] == [FetchInputs]


def test_what_was_given_up_is_forgotten_when_the_log_has_noticed() -> None:
    subject, job = worker(), leased()
    running(subject, job)
    subject.tick(TTL_NS)
    job.robot_id = R1
    subject.job_changed(job, TTL_NS + 1)
    assert not subject.dropped


def test_renewal_counts_from_when_it_was_sent_and_only_for_its_token() -> None:
    subject, job = worker(), leased()
    running(subject, job)
    sent_ns = TTL_NS // 3
    [renewal] = [e for e in subject.tick(sent_ns) if isinstance(e, Propose)]
    assert isinstance(renewal.command, RenewJobs)
    subject.settled(renewal.tag, timed_out=False, now_ns=sent_ns + 10**9)
    assert subject.held['j1'].lease_until_ns == sent_ns + TTL_NS
    subject.held['j1'].token += 1
    subject.held['j1'].lease_until_ns = 0
    subject.settled(renewal.tag, timed_out=False, now_ns=sent_ns + 10**9)
    assert subject.held['j1'].lease_until_ns == 0


def test_renewal_that_ran_out_of_time_extends_nothing() -> None:
    subject, job = worker(), leased()
    running(subject, job)
    [renewal] = [e for e in subject.tick(TTL_NS // 3) if isinstance(e, Propose)]
    subject.settled(renewal.tag, timed_out=True, now_ns=TTL_NS // 3)
    assert subject.held['j1'].lease_until_ns == TTL_NS


def test_three_renewals_fit_into_a_lease_and_carry_all_jobs() -> None:
    subject = worker(2)
    for job in (leased('j1'), leased('j2')):
        running(subject, job)
    sent = []
    for now_ms in range(0, TTL_MS, 50):
        for effect in subject.tick(now_ms * MS):
            assert isinstance(effect, Propose) and isinstance(effect.command, RenewJobs)
            sent.append(now_ms)
            assert [one.job_id for one in effect.command.renewals] == ['j1', 'j2']
            subject.settled(effect.tag, False, now_ms * MS)
    assert sent == [2000, 4000]


def test_progress_is_reported_with_the_renewal_and_never_goes_back() -> None:
    subject, job = worker(), leased()
    running(subject, job)
    for permille in (300, 200, 9999):
        subject.progressed('j1', job.token, permille)
    [renewal] = commands(subject.tick(TTL_NS // 3))
    assert isinstance(renewal, RenewJobs) and renewal.renewals[0].progress_permille == 1000


def test_job_that_the_log_gave_to_another_is_stopped_and_the_next_one_starts() -> None:
    subject, first, second = worker(), leased('j1'), leased('j2')
    running(subject, first)
    running(subject, second)
    first.robot_id = R1
    effects = subject.job_changed(first, 0)
    assert [type(e) for e in effects] == [Note, StopProcess, StartProcess, Propose]
    assert list(subject.held) == ['j2']


def test_job_granted_to_us_again_is_stopped_first_and_taken_under_the_new_token() -> None:
    subject, job = worker(), leased()
    running(subject, job)
    old, job.token = job.token, job.token + 4
    effects = subject.job_changed(job, 0)
    assert [e.token for e in effects if isinstance(e, StopProcess)] == [old]
    assert [e.token for e in effects if isinstance(e, FetchInputs)] == [job.token]


def test_report_is_said_until_the_log_decides_and_its_outputs_stay_till_then() -> None:
    """A completion that was on its way when the lease ended may still be accepted."""
    subject, job = worker(), leased(what=spec())
    running(subject, job)
    [report] = subject.process_ended(end(job, outputs=()), 0)
    assert isinstance(report, Propose)
    assert not any(isinstance(e, StopProcess) for e in subject.tick(10 * TTL_NS))
    assert subject.settled(ReportTag('j1', job.token + 1), True, 0) == []
    assert subject.settled(ReportTag('j1', job.token), False, 0) == []
    assert subject.settled(ReportTag('j1', job.token), True, 0) == [report]
    assert 'j1' in subject.held
    job.robot_id = R1
    subject.job_changed(job, 0)
    assert not subject.held
    assert subject.settled(ReportTag('j1', job.token), True, 0) == []
