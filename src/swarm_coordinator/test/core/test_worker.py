# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The jobs that a robot holds: nothing runs without a lease, nothing is reported twice."""

from __future__ import annotations

import pytest
from coordinator_samples import MS, R1, R2, TTL_MS, log_with_robots, ref, spec

from swarm_coordinator.core.held_job import Stage
from swarm_coordinator.core.jobs.job import Effects, FileRef, Job, JobPhase, JobSpec
from swarm_coordinator.core.log_clock import LogClock
from swarm_coordinator.core.replicated.command import (
    COMMAND_BYTES_MAX,
    CompleteJob,
    FailJob,
    HandBackJob,
    Issued,
    RenewJobs,
    ReportJobs,
    StartJob,
    encode,
)
from swarm_coordinator.core.worker import (
    GATHER_NS,
    START_TOLD_NS,
    STORED_ASK_AGAIN_NS,
    FetchInputs,
    Note,
    OfferOutputs,
    ProcessEnd,
    Propose,
    ReportTag,
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
    log.submit(job_id, what or spec(inputs=(ref(),), outputs=('out',)))
    log.grant(robot, job_id)  # type: ignore[arg-type]
    return log.job(job_id)


class PromptLog(LogClock):
    """Every grant is seen here as soon as it is made."""

    def lease_until_ns(self, expires_ns: int, ttl_ns: int, now_ns: int) -> int:
        return now_ns + ttl_ns


def worker(slots: int = 1) -> Worker:
    return Worker(R2, 1, slots, clock=PromptLog())


def commands(
    subject: Worker, effects: list[WorkerEffect], now_ns: int = 0
) -> list[object]:
    """What it says, reports that wait too: reports one by one, other commands as they are. The
    log takes every report at once."""
    said: list[object] = []
    for effect in [*effects, *subject.said(now_ns)]:
        if isinstance(effect, Propose):
            command = effect.command
            if isinstance(effect.tag, ReportTag):
                subject.settled(effect.tag, False, now_ns)
            said += command.reports if isinstance(command, ReportJobs) else [command]
    return said


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
    assert [type(effect) for effect in effects] == [StartProcess]
    assert commands(subject, effects, START_TOLD_NS - 1) == [], 'it may be over in a moment'
    assert subject.due_ns == START_TOLD_NS
    assert commands(subject, [], START_TOLD_NS) == [StartJob('j1', job.token)]
    assert subject.due_ns is None and commands(subject, [], 2 * START_TOLD_NS) == []


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


def test_job_without_inputs_starts_as_soon_as_it_is_granted() -> None:
    subject, job = worker(), leased(what=spec())
    effects = subject.job_changed(job, 0)
    assert [type(effect) for effect in effects] == [StartProcess]


def test_missing_inputs_hand_the_job_back() -> None:
    subject, job = worker(), leased()
    subject.job_changed(job, 0)
    effects = subject.inputs_failed('j1', job.token, 'silent', 0)
    assert commands(subject, effects) == [HandBackJob('j1', job.token, 'silent')]


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
    ended = end(job, exit_code, (), 'why', unable)
    [told] = commands(subject, subject.process_ended(ended, 0))
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
    assert commands(subject, subject.outputs_stored('j1', job.token, R2)) == []
    assert commands(subject, subject.outputs_stored('j1', job.token, R1)) == [done]
    assert commands(subject, subject.outputs_stored('j1', job.token, R1)) == []


def test_outputs_of_a_lost_origin_stay_here_and_the_log_says_so() -> None:
    subject, job = worker(), leased()
    running(subject, job)
    subject.process_ended(end(job), 0)
    assert commands(subject, subject.origin_lost(R2)) == []
    told = commands(subject, subject.origin_lost(R1))
    assert told == [CompleteJob('j1', job.token, 7, (OUT,), R2)]
    assert commands(subject, subject.origin_lost(R1)) == []


def test_job_without_outputs_is_complete_at_once() -> None:
    subject, job = worker(), leased(what=spec())
    running(subject, job)
    assert commands(subject, subject.process_ended(end(job, outputs=()), 0)) == [
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
        subject.progressed('j1', job.token, permille, '')
    [renewal] = subject.tick(TTL_NS // 3)
    assert isinstance(renewal, Propose)
    renewal = renewal.command
    assert isinstance(renewal, RenewJobs) and renewal.renewals[0].progress_permille == 1000


def test_job_that_the_log_gave_to_another_is_stopped_and_the_next_one_starts() -> None:
    subject, first, second = worker(), leased('j1'), leased('j2')
    running(subject, first)
    running(subject, second)
    first.robot_id = R1
    effects = subject.job_changed(first, 0)
    assert [type(e) for e in effects] == [Note, StopProcess, StartProcess]
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
    subject.process_ended(end(job, outputs=()), 0)
    [report] = subject.said(0)
    assert isinstance(report, Propose)
    assert not any(isinstance(e, StopProcess) for e in subject.tick(10 * TTL_NS))
    subject.settled(report.tag, True, 0)
    assert subject.said(0) == [report]
    subject.settled(report.tag, False, 0)
    assert subject.said(0) == []
    assert 'j1' in subject.held
    job.robot_id = R1
    subject.job_changed(job, 0)
    assert not subject.held


def test_report_that_ran_out_of_time_is_not_said_of_a_job_that_is_no_longer_held() -> None:
    subject, job = worker(), leased(what=spec())
    running(subject, job)
    subject.process_ended(end(job, outputs=()), 0)
    [report] = subject.said(0)
    assert isinstance(report, Propose)
    job.robot_id = R1
    subject.job_changed(job, 0)
    subject.settled(report.tag, True, 0)
    assert subject.said(0) == [] and subject.due_ns is None


# ---- how much the log is told


def test_all_that_came_up_in_one_go_is_one_entry() -> None:
    subject = worker(8)
    jobs = [leased(f'j{n}', spec()) for n in range(8)]
    for job in jobs:
        running(subject, job)
    for job in jobs:
        subject.process_ended(end(job, outputs=()), 0)
    [entry] = subject.said(0)
    assert isinstance(entry, Propose) and isinstance(entry.command, ReportJobs)
    assert [report.job_id for report in entry.command.reports] == [job.job_id for job in jobs]


def ended(subject: Worker, count: int, now_ns: int) -> list[str]:
    """So many more jobs whose reports wait to be told."""
    names = [f'j{now_ns}_{n}' for n in range(count)]
    for name in names:
        job = leased(name, spec())
        running(subject, job)
        subject.process_ended(end(job, outputs=()), now_ns)
    return names


def test_reports_gather_while_others_are_on_their_way_and_go_together() -> None:
    subject = worker(8)
    ended(subject, 1, 0)
    [first] = subject.said(0)
    names = ended(subject, 3, 1)
    assert subject.said(1) == []
    assert isinstance(first, Propose)
    subject.settled(first.tag, False, 2)
    [second] = subject.said(2)
    assert isinstance(second, Propose) and isinstance(second.command, ReportJobs)
    assert [report.job_id for report in second.command.reports] == names


def test_gathered_reports_do_not_wait_long_for_a_slow_log() -> None:
    subject = worker(8)
    ended(subject, 1, 0)
    subject.said(0)
    ended(subject, 1, 5)
    assert subject.said(5) == [] and subject.due_ns == 5 + GATHER_NS
    assert subject.said(5 + GATHER_NS - 1) == []
    assert len(subject.said(5 + GATHER_NS)) == 1 and subject.due_ns is None


def test_reports_that_are_too_large_for_one_entry_are_several() -> None:
    subject = worker(40)
    for number in range(40):
        job = leased(f'j{number}', spec())
        running(subject, job)
        large = ProcessEnd(job.job_id, job.token, 0, 7, (), '', result='x' * 8000)
        subject.process_ended(large, 0)
    entries = [one.command for one in subject.said(0) if isinstance(one, Propose)]
    sizes = [len(encode(Issued(R2, 1, 1, 1, entry))) for entry in entries]
    assert len(sizes) > 1 and max(sizes) < COMMAND_BYTES_MAX
    reports = [one for entry in entries if isinstance(entry, ReportJobs) for one in entry.reports]
    assert len(reports) == 40


def test_short_job_tells_its_end_only() -> None:
    subject, job = worker(), leased(what=spec())
    running(subject, job)
    told = commands(subject, subject.process_ended(end(job, outputs=()), 1), START_TOLD_NS)
    assert [type(one) for one in told] == [CompleteJob]


def test_job_whose_effect_must_happen_once_starts_when_its_start_is_in_the_log() -> None:
    subject, job = worker(), leased(what=spec(effects=Effects.ONCE))
    subject.job_changed(job, 0)
    effects = subject.inputs_ready('j1', job.token, 0)
    assert effects == [] and commands(subject, effects) == [StartJob('j1', job.token)]
    assert subject.job_changed(job, 1) == [], 'some other news'
    job.phase = JobPhase.RUNNING
    assert [type(e) for e in subject.job_changed(job, 2)] == [StartProcess]
    assert subject.job_changed(job, 3) == [], 'once'


def test_start_of_a_job_with_effect_once_that_was_lost_on_its_way_is_said_again() -> None:
    subject, job = worker(), leased(what=spec(effects=Effects.ONCE))
    running(subject, job)
    [start] = subject.said(0)
    assert isinstance(start, Propose)
    subject.settled(start.tag, True, 0)
    assert commands(subject, []) == [StartJob('j1', job.token)]


def test_news_of_progress_is_told_twice_a_second_at_most_and_only_of_what_has_news() -> None:
    subject = worker(2)
    first, second = leased('j1'), leased('j2')
    for job in (first, second):
        running(subject, job)
    told = []
    for now_ms in range(0, 1000, 50):
        subject.progressed('j1', first.token, now_ms, 'copying')
        for effect in subject.tick(now_ms * MS):
            assert isinstance(effect, Propose) and isinstance(effect.command, RenewJobs)
            told.append([one.job_id for one in effect.command.renewals])
    assert told == [['j1'], ['j1']]


# ---- giving work back


def test_revoked_job_is_given_back_when_its_process_has_ended() -> None:
    subject, job = worker(), leased(what=spec())
    running(subject, job)
    job.phase, job.revoked_for = JobPhase.RUNNING, R1
    effects = subject.job_changed(job, 1)
    assert [type(e) for e in effects] == [StopProcess] and commands(subject, effects, 1) == []
    assert subject.busy == 1, 'its slot is not free before'
    assert subject.job_changed(job, 2) == [], 'once'
    ended = ProcessEnd('j1', job.token, None, 7, (), 'stopped', stopped=True)
    told = commands(subject, subject.process_ended(ended, 3), 3)
    assert told == [HandBackJob('j1', job.token, 'revoked for r1', able=True)]


def test_revoked_job_that_ended_by_itself_is_done() -> None:
    subject, job = worker(), leased(what=spec())
    running(subject, job)
    job.phase, job.revoked_for = JobPhase.RUNNING, R1
    subject.job_changed(job, 1)
    told = commands(subject, subject.process_ended(end(job, outputs=()), 2), 2)
    assert [type(one) for one in told] == [CompleteJob]


def test_stopped_robot_gives_back_what_waits_at_once_and_what_ran_when_it_has_ended() -> None:
    subject = worker(1)
    first, second = leased('j1', spec()), leased('j2', spec())
    running(subject, first)
    running(subject, second)
    effects = subject.stop_all('emergency', 1)
    assert [e.job_id for e in effects if isinstance(e, StopProcess)] == ['j2', 'j1']
    assert commands(subject, effects, 1) == [HandBackJob('j2', second.token, 'emergency', True)]
    assert subject.running == 0 and subject.stop_all('emergency', 2) == []
    ended = ProcessEnd('j1', first.token, None, 7, (), 'stopped', stopped=True)
    told = commands(subject, subject.process_ended(ended, 3), 3)
    assert told == [HandBackJob('j1', first.token, 'emergency', True)]


def test_effect_that_must_happen_once_is_unknown_after_a_stop() -> None:
    subject, job = worker(), leased(what=spec(effects=Effects.ONCE))
    running(subject, job)
    [start] = subject.said(0)
    assert isinstance(start, Propose)
    subject.settled(start.tag, timed_out=False, now_ns=0)
    job.phase = JobPhase.RUNNING
    commands(subject, subject.job_changed(job, 0))
    subject.stop_all('emergency', 1)
    ended = ProcessEnd('j1', job.token, None, 7, (), 'stopped', stopped=True)
    [told] = commands(subject, subject.process_ended(ended, 3), 3)
    assert isinstance(told, FailJob) and 'nobody knows' in told.reason


def test_robot_whose_mode_forbids_work_gives_its_queue_back_and_lets_what_runs_end() -> None:
    subject = worker(1)
    first, second = leased('j1', spec()), leased('j2', spec())
    running(subject, first)
    running(subject, second)
    told = commands(subject, subject.may_start(False, 1), 1)
    assert told == [HandBackJob('j2', second.token, 'its robot takes no work now', True)]
    assert subject.held['j1'].stage is Stage.RUNNING


def test_process_that_does_not_end_holds_its_job_for_one_lease_at_most() -> None:
    subject, job = worker(), leased()
    running(subject, job)
    subject.stop_all('emergency', 1)
    assert subject.tick(TTL_NS // 3) == [], 'no renewal'
    assert any(isinstance(e, StopProcess) for e in subject.tick(TTL_NS))
