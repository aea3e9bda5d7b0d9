# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What swarmctl says of jobs and routes, as text in 80 columns and as JSON."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

msg = pytest.importorskip('swarm_msgs.msg')

from swarm_coordinator.cli import job_text, job_watch  # noqa: E402


def a_job(job_id: str = 'r1-5a3f-1', phase: int = 2, **fields: Any) -> Any:
    spec = fields.pop('spec', None) or msg.JobSpec(
        kind='exec', exec=[msg.ExecWork(argv=['xz', '-k', 'photo.ppm'])], labels=['night']
    )
    return msg.JobStatus(
        **{'job_id': job_id, 'phase': phase, 'spec': spec, 'robot_id': 'r2', 'attempt': 1,
           'exit_code': msg.JobStatus.NO_EXIT_CODE, **fields}
    )


def a_python_job(**fields: Any) -> Any:
    work = msg.PythonWork(callable='shop.math:add', arguments='[1,2]')
    spec = msg.JobSpec(kind='python', python=[work], labels=['batch:b', 'job:sum'])
    return a_job('r1-5a3f-2', 3, spec=spec, **fields)


def golden(text: str) -> str:
    return textwrap.dedent(text).strip('\n')


JOBS = (
    a_job(progress_permille=420, progress_text='copying', moves=1),
    a_python_job(result='3', run_ms=1250, outputs_delivered=True),
    a_job('r1-5a3f-3', 4, reason='exit code 3: no such file\nor folder', attempt=2),
    a_job('r1-5a3f-4', 0, robot_id='', attempt=0, reason='no robot offers exec:ffmpeg now'),
)


def test_table_of_jobs_fits_80_columns() -> None:
    shown = job_text.jobs_table(JOBS, 80)
    assert shown == golden("""
        job        name  phase      robot  run     work               note
        r1-5a3f-1        running    r2     -       xz -k photo.ppm    42 % copying, mov…
        r1-5a3f-2  sum   done       r2     1.25 s  shop.math:add(1,…  = 3
        r1-5a3f-3        failed     r2     -       xz -k photo.ppm    attempt 2, exit c…
        r1-5a3f-4        submitted  -      -       xz -k photo.ppm    no robot offers e…
    """)
    assert max(map(len, shown.splitlines())) <= 80


def test_all_that_is_worth_saying_of_one_job() -> None:
    assert job_text.job_text(JOBS[2]) == golden("""
        job       r1-5a3f-3
        phase     failed on r2
                  attempt 2
        work      exec: xz -k photo.ppm
        labels    night
        reason    exit code 3: no such file or folder
    """)


def test_bars_show_what_is_under_way_and_how_many_are_left() -> None:
    assert '\n'.join(job_watch.bars(JOBS, 2)) == golden("""
        r1-5a3f-1  [####------]  42 % running on r2, copying
        r1-5a3f-4  [----------]   0 % submitted, no robot offers exec:ffmpeg now
        [###############---------------]  50% 2/4 ended, 1 running
    """)
    assert job_watch.bars(JOBS, 1)[1] == '... and 1 more'


def test_elsewhere_than_on_a_terminal_there_is_a_line_for_each_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen = job_watch.Screen(quiet=False)
    for job in (
        a_job(phase=0, robot_id=''), a_job(phase=1), a_job(), a_job(),
        a_job(progress_permille=420, progress_text='copying'),
        a_job(progress_permille=430, progress_text='copying'),
        a_job(phase=0, robot_id='', reason='lost with r2'), a_job(robot_id='r3'),
        a_job(phase=3, run_ms=50, outputs_delivered=True), a_job(phase=3, outputs_delivered=True),
    ):
        screen.update([job])
    assert capsys.readouterr().out.rstrip() == golden("""
        r1-5a3f-1 running on r2
        r1-5a3f-1 running on r2, 42 % copying
        r1-5a3f-1 submitted again: lost with r2
        r1-5a3f-1 running on r3
        r1-5a3f-1 done on r2 in 50 ms
    """)


def test_the_summary_counts_and_says_where_to_read_why() -> None:
    assert job_watch.summary(JOBS[1:3]) == golden("""
        2 jobs: 1 done, 1 failed; 1 robot, 1.25 s of work
        why: swarmctl jobs explain r1-5a3f-3, swarmctl jobs logs --stderr r1-5a3f-3
    """)


def test_candidates_are_shown_with_their_terms_and_why_they_lost() -> None:
    candidates = [
        msg.RouteCandidate(robot_id='r2', compute_unit='gpu0', work_ms=900, transfer_ms=12,
                           success_permille=990, cost_ms=921),
        msg.RouteCandidate(robot_id='r1', backlog_ms=4000, work_ms=900, success_permille=500,
                           cost_ms=9800, lost='8.9 s dearer'),
    ]
    assert job_text.candidates_table(candidates, 80) == golden("""
        route    backlog  work    transfer  success  cost    why it lost
        r2/gpu0  0 ms     0.90 s  12 ms     99 %     0.92 s  (chosen)
        r1       4.00 s   0.90 s  0 ms      50 %     9.80 s  8.9 s dearer
    """)
    assert job_text.candidate_facts(candidates[0])['lost'] is None


def test_routes_are_shown_with_what_was_learnt() -> None:
    route = msg.RouteStatistics(task='exec:xz', robot_id='r1', jobs_done=12, jobs_failed=1,
                                success=0.92, mean_ms=210, p95_ms=800, cost_ms=230)
    assert job_text.routes_table([route], 80) == golden("""
        task     route  done  failed  lost  success  mean    p95     cost now
        exec:xz  r1     12    1       0     92%      0.21 s  0.80 s  0.23 s
    """)


def test_keys_of_json_stay() -> None:
    facts = job_text.job_facts(JOBS[1])
    assert json.loads(json.dumps(facts)) == facts
    assert list(facts) == [
        'job_id', 'phase', 'kind', 'work', 'origin', 'parent', 'robot', 'compute_unit', 'attempt',
        'token', 'failures', 'losses', 'moves', 'priority', 'effects', 'labels', 'progress',
        'progress_text', 'exit_code', 'result', 'run_ms', 'submitted_ns', 'changed_ns',
        'not_before_ns', 'deadline_ns', 'outputs', 'delivered', 'reason',
    ]
    assert (facts['result'], facts['exit_code'], facts['phase']) == (3, None, 'done')
