# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A pipeline submits its stages as what they need is done, one promise a test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from coordinator_samples import (
    MS,
    R1,
    R2,
    TTL_MS,
    AppliedLog,
    log_with_robots,
    pipeline,
    ref,
    spec,
    stage,
)

from swarm_coordinator.core.files.custody import files_of_job
from swarm_coordinator.core.jobs.job import Job, JobPhase, JobSpec
from swarm_coordinator.core.jobs.kinds.pipeline_kind import Feed
from swarm_coordinator.core.replicated import job_rules, submission_rules
from swarm_coordinator.core.replicated.command import (
    CancelJob,
    CompleteJob,
    DeliverOutputs,
    ExpireDue,
    FailJob,
    HandBackJob,
    RetryJob,
    SubmitJob,
    SubmitJobs,
)
from swarm_coordinator.core.replicated.snapshot import decode_state, encode_state

RAW, NEWS = ref('o', 'a', 10), ref('o', 'b', 20)


def log_with_pipeline(what: JobSpec, output_dir: str = '') -> AppliedLog:
    log = log_with_robots()
    assert not log.submit('p', what, output_dir).refused
    return log


def chain(**other: Any) -> JobSpec:
    """b is fed by a; c comes after b."""
    return pipeline(
        stage('a', outputs=('o',)),
        stage('b', feeds=(Feed('a', 'o', 'i'),), outputs=('o',)),
        stage('c', 'b'),
        **other,
    )


def do(log: AppliedLog, name: str, *outputs: Any) -> None:
    job_id = f'p.{name}'
    assert not log.complete(log.grant(R2, job_id), job_id, outputs).refused


def phases(log: AppliedLog) -> dict[str, str]:
    return {job_id: job.phase.value for job_id, job in log.state.jobs.items()}


def test_only_stages_that_need_nothing_are_submitted_with_the_pipeline() -> None:
    log = log_with_pipeline(pipeline(stage('a'), stage('b', 'a'), stage('c')))
    assert phases(log) == {'p': 'running', 'p.a': 'submitted', 'p.c': 'submitted'}
    assert log.job('p.a').parent == 'p' and log.job('p.a').origin == R1


def test_pipeline_is_held_by_nobody_and_is_not_granted_reported_or_stolen() -> None:
    log = log_with_pipeline(pipeline(stage('a')))
    job = log.job('p')
    assert job.pipeline and not job.held and job.robot_id is None
    assert list(log.state.pipelines) == ['p'] and 'p' not in log.state.waiting
    log.grant(R1, 'p')
    assert job.robot_id is None
    assert log.do(CompleteJob('p', job.token, 1, (), R1)).refused
    assert log.do(HandBackJob('p', job.token, '')).refused
    log.wait(10 * TTL_MS)
    log.do(ExpireDue(0))
    assert job.phase is JobPhase.RUNNING


def test_stage_begins_when_all_that_it_needs_is_done_with_the_files_that_it_is_fed() -> None:
    log = log_with_pipeline(chain())
    do(log, 'a', RAW)
    assert log.job('p.b').spec.inputs == (replace(RAW, name='i'),)
    assert 'p.c' not in log.state.jobs
    do(log, 'b', NEWS)
    assert log.job('p.c').phase is JobPhase.SUBMITTED
    do(log, 'c')
    assert log.job('p').phase is JobPhase.DONE and not log.state.pipelines


def test_stage_keeps_its_own_inputs_beside_those_it_is_fed() -> None:
    own = ref('own', 'e')
    fed = stage('b', feeds=(Feed('a', 'o', 'i'),), inputs=(own,))
    log = log_with_pipeline(pipeline(stage('a', outputs=('o',)), fed))
    do(log, 'a', RAW)
    assert log.job('p.b').spec.inputs == (own, replace(RAW, name='i'))


def test_stage_that_is_fed_waits_until_the_files_are_at_the_origin() -> None:
    log = log_with_pipeline(chain())
    token = log.grant(R2, 'p.a')
    log.do(CompleteJob('p.a', token, 1, (RAW,), R2))  # the origin could not be reached
    assert 'p.b' not in log.state.jobs
    log.do(DeliverOutputs('p.a', token, ''))
    assert log.job('p.b').phase is JobPhase.SUBMITTED


def test_progress_is_the_share_of_stages_that_are_done() -> None:
    log = log_with_pipeline(chain())
    do(log, 'a', RAW)
    job = log.job('p')
    assert (job.progress_permille, job.progress_text) == (333, '1 of 3 stages done')
    assert job.progressed_ns == log.stamp_ns
    do(log, 'b', NEWS)
    assert job.progress_permille == 666
    do(log, 'c')
    assert job.progress_permille == 1000


def test_outputs_of_a_pipeline_are_those_of_its_stages_that_it_promises() -> None:
    log = log_with_pipeline(chain(outputs=('b/o',)), output_dir='/out')
    do(log, 'a', RAW)
    do(log, 'b', NEWS)
    do(log, 'c')
    job = log.job('p')
    assert job.outputs == (replace(NEWS, name='b/o'),)
    assert (job.outputs_at, job.delivered, job.exit_code) == (R1, False, 0)
    log.do(DeliverOutputs('p', job.token, ''))
    assert job.delivered


def test_run_time_of_a_pipeline_is_from_its_submission_to_its_end() -> None:
    log = log_with_pipeline(pipeline(stage('a')))
    log.wait(700)
    do(log, 'a')
    assert log.job('p').run_ms == 700


def test_files_that_stages_are_fed_with_are_kept_until_the_pipeline_has_ended() -> None:
    log = log_with_pipeline(chain())
    do(log, 'a', RAW)

    def kept(job: Job) -> frozenset[str]:
        return files_of_job(R1, job, None, None)

    assert kept(log.job('p')) == {RAW.sha256}
    do(log, 'b', NEWS)
    do(log, 'c')
    assert kept(log.job('p')) == frozenset()


def test_inputs_of_stages_to_come_are_kept_at_the_origin() -> None:
    late = ref('late', 'f')
    log = log_with_pipeline(pipeline(stage('a'), stage('b', 'a', inputs=(late,))))
    assert files_of_job(R1, log.job('p'), None, None) == {late.sha256}


def test_stage_that_was_forgotten_counts_and_its_files_are_still_fed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_rules, 'JOBS_ENDED_KEPT_MAX', 1)
    log = log_with_pipeline(chain())
    do(log, 'a', RAW)
    log.submit('j1')
    log.complete(log.grant())
    assert 'p.a' not in log.state.jobs
    do(log, 'b', NEWS)
    do(log, 'c')
    assert log.job('p').phase is JobPhase.DONE


def test_stage_whose_files_never_came_home_fails_the_pipeline_when_it_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_rules, 'JOBS_ENDED_KEPT_MAX', 1)
    log = log_with_pipeline(chain())
    log.do(CompleteJob('p.a', log.grant(R2, 'p.a'), 1, (RAW,), R2))
    log.submit('j1')
    log.complete(log.grant())
    assert not log.state.pipelines


# ---- what ends it


@pytest.mark.parametrize('how', ['failed', 'quarantined', 'cancelled', 'expired'])
def test_stage_that_ends_without_success_fails_the_pipeline_and_ends_the_others(
    how: str,
) -> None:
    bad = replace(spec(attempts_max=1), deadline_ms=0)
    log = log_with_pipeline(
        pipeline(replace(stage('a'), spec=bad), stage('b'), stage('c'), stage('d', 'a'))
    )
    held = log.grant(R2, 'p.b')
    if how == 'failed':
        log.do(FailJob('p.a', log.grant(R1, 'p.a'), 1, 1, 'it broke'))
    elif how == 'quarantined':
        log.grant(R1, 'p.a')
        log.wait(TTL_MS)
        log.do(ExpireDue(0))
    elif how == 'cancelled':
        log.do(CancelJob('p.a', 'no need'))
    else:
        log.state.jobs['p.a'].deadline_ns = log.stamp_ns
        log.state.job_deadlines.add(log.stamp_ns, log.job('p.a').submitted_ns, 'p.a')
        log.do(ExpireDue(0))
    assert phases(log) == {'p': 'failed', 'p.a': how, 'p.b': 'cancelled', 'p.c': 'cancelled'}
    assert log.job('p').reason.startswith(f'stage a is {how}: ')
    assert log.complete(held, 'p.b').refused


def test_stage_that_may_fail_and_be_tried_again_does_not_fail_the_pipeline() -> None:
    log = log_with_pipeline(pipeline(stage('a')))
    log = log_with_pipeline(pipeline(replace(stage('a'), spec=replace(spec(), retries=1))))
    log.do(FailJob('p.a', log.grant(R1, 'p.a'), 1, 1, 'it broke'))
    assert log.job('p').phase is JobPhase.RUNNING


def test_cancelled_pipeline_cancels_what_has_not_ended() -> None:
    log = log_with_pipeline(chain())
    do(log, 'a', RAW)
    token = log.grant(R2, 'p.b')
    done = log.do(CancelJob('p', 'enough'))
    assert phases(log) == {'p': 'cancelled', 'p.a': 'done', 'p.b': 'cancelled'}
    assert [one.outcome for one in done.ended] == ['cancelled']
    assert list(done.jobs) == ['p', 'p.b'] and log.complete(token, 'p.b').refused


def test_deadline_of_a_pipeline_is_that_of_its_stages() -> None:
    log = log_with_pipeline(chain(deadline_ms=5000))
    log.wait(3000)
    do(log, 'a', RAW)
    assert log.job('p.b').deadline_ns == log.job('p').deadline_ns
    log.grant(R2, 'p.b')
    log.wait(2000)
    log.do(ExpireDue(0))
    assert phases(log) == {'p': 'expired', 'p.a': 'done', 'p.b': 'expired'}


def test_stage_has_the_priority_and_labels_of_the_pipeline_unless_it_says_its_own() -> None:
    own = replace(stage('b'), spec=replace(spec(priority=-3), labels=('mine',)))
    log = log_with_pipeline(pipeline(stage('a'), own, priority=7, labels=('ours',)))
    assert (log.job('p.a').spec.priority, log.job('p.a').spec.labels) == (7, ('ours',))
    assert (log.job('p.b').spec.priority, log.job('p.b').spec.labels) == (-3, ('mine',))


# ---- another chance


def test_retried_pipeline_runs_again_only_what_was_not_done() -> None:
    log = log_with_pipeline(chain(deadline_ms=60_000))
    do(log, 'a', RAW)
    log.do(FailJob('p.b', log.grant(R2, 'p.b'), 1, 1, 'it broke'))
    log.wait(1000)
    assert log.do(RetryJob('p', 'mended')).value == 'p'
    assert phases(log) == {'p': 'running', 'p.a': 'done', 'p.b': 'submitted'}
    stage_b = log.job('p.b')
    assert stage_b.spec.inputs == (replace(RAW, name='i'),) and not any(stage_b.counts)
    assert stage_b.deadline_ns == log.job('p').deadline_ns == log.stamp_ns + 60_000 * MS
    do(log, 'b', NEWS)
    do(log, 'c')
    assert log.job('p').phase is JobPhase.DONE and log.job('p.b').attempt == 2


def test_retried_pipeline_runs_a_forgotten_stage_again(monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_with_pipeline(chain())
    do(log, 'a', RAW)
    log.do(CancelJob('p.b', ''))
    monkeypatch.setattr(job_rules, 'JOBS_ENDED_KEPT_MAX', 3)
    log.submit('j1')
    log.do(CancelJob('j1', ''))
    assert 'p.a' not in log.state.jobs
    log.do(RetryJob('p', ''))
    assert phases(log)['p.a'] == 'submitted' and phases(log)['p.b'] == 'cancelled'
    do(log, 'a', replace(RAW, sha256='d' * 64))
    assert [one.sha256 for one in log.job('p.b').spec.inputs] == ['d' * 64]


def test_stage_is_not_retried_without_its_pipeline() -> None:
    log = log_with_pipeline(chain())
    log.do(CancelJob('p.a', ''))
    assert 'try p again' in log.do(RetryJob('p.a', '')).refused


# ---- what is taken


def test_pipeline_that_cannot_work_is_refused() -> None:
    log = log_with_robots()
    assert 'wait for one another' in log.submit('p', pipeline(stage('a', 'a'))).refused
    assert "no output 'x'" in log.submit(
        'p', pipeline(stage('a'), stage('b', feeds=(Feed('a', 'x', 'i'),)))
    ).refused
    assert not log.state.jobs


def test_pipeline_does_not_take_over_a_stage_of_a_forgotten_one_of_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = log_with_pipeline(pipeline(stage('a')))
    monkeypatch.setattr(job_rules, 'JOBS_ENDED_KEPT_MAX', 1)
    log.do(CancelJob('p', ''))
    assert list(log.state.jobs) == ['p.a']
    assert 'job p.a exists' in log.submit('p', pipeline(stage('b'), stage('a'))).refused
    assert not log.submit('p', pipeline(stage('b'))).refused


def test_pipeline_counts_as_its_stages_where_jobs_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission_rules, 'JOBS_WAITING_MAX', 2)
    monkeypatch.setattr(submission_rules, 'PIPELINES_MAX', 1)
    log = log_with_robots()
    assert 'jobs may wait' in log.submit('p', chain()).refused
    assert not log.submit('p', pipeline(stage('a'))).refused
    assert 'pipelines may be open' in log.submit('q', pipeline(stage('a'))).refused


def test_same_key_gives_the_first_pipeline_and_no_stages() -> None:
    log = log_with_robots()
    log.submit('p', pipeline(stage('a')), key='k')
    assert log.submit('q', pipeline(stage('a')), key='k').value == 'p'
    assert list(log.state.jobs) == ['p', 'p.a']


def test_pipelines_of_a_batch_are_in_the_same_order_after_a_snapshot() -> None:
    log = log_with_robots()
    what = pipeline(stage('z'), stage('a'), stage('b', 'a'))
    log.do(SubmitJobs(tuple(SubmitJob(one, R1, what, '', '') for one in ('q', 'j', 'p'))))
    do(log, 'a')
    again = decode_state(encode_state(log.state))
    assert again == log.state and list(again.jobs) == list(log.state.jobs)
    waiting = [job.job_id for job in log.state.ready_jobs()]
    assert waiting == ['q.z', 'q.a', 'j.z', 'j.a', 'p.z', 'p.b']


def test_route_of_a_stage_is_learnt_and_a_pipeline_has_none() -> None:
    log = log_with_pipeline(pipeline(stage('a')))
    do(log, 'a')
    assert [key for key, _ in log.state.routes.items()] == [('exec:true', R2, '')]
