# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs from Python programs and from a terminal, on real robots over DDS."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import lzma
import operator
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from swarm_msgs import msg, srv
from swarm_msgs.action import RunJob

from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.jobs.kinds.python_kind import PythonWork
from swarm_coordinator.local_swarm import LocalSwarm
from swarm_coordinator.orders import JobOptions, order
from swarm_coordinator.ros.swarm import Refused, RemoteError, Swarm, SwarmExecutor

Make = Callable[..., Any]
WAIT_S = 40.0
DONE = msg.JobStatus.PHASE_DONE
PYTHON = ['operator:add', 'operator:truediv', 'statistics:mean', 'time:sleep', 'math:sqrt']


@pytest.fixture(scope='module')
def lasting(lasting_field: Make) -> Any:
    return lasting_field(count=3, python_allow=PYTHON)


@pytest.fixture
def three(lasting: Any) -> Any:
    lasting.anew()
    return lasting


def test_a_program_and_a_function_are_run_and_what_they_answer_comes_back(
    three: Any, tmp_path: Path
) -> None:
    source = tmp_path / 'words'
    source.write_text('words ' * 1000)
    with Swarm('r1') as swarm:
        packed = swarm.exec(
            ['xz', '-k', 'words'],
            JobOptions(inputs=[source], outputs=['words.xz'], output_dir=tmp_path / 'out'),
        )
        (output,) = packed.outputs(WAIT_S)
        assert Path(output.path).stat().st_size == output.size_bytes > 0
        assert packed.result() is None and packed.phase == 'done'
        assert packed.progress().share == 1.0

        assert swarm.python(statistics.mean, [1, 2, 6]).result(WAIT_S) == 3
        with pytest.raises(RemoteError) as failed:
            swarm.python('operator:truediv', 1, 0).result(WAIT_S)
        assert failed.value.phase == 'failed' and 'division by zero' in str(failed.value)
        with pytest.raises(Refused, match='offers exec:vim'):
            swarm.exec(['vim'])


def test_what_a_job_writes_can_be_read_while_it_runs(three: Any) -> None:
    script = 'echo one; echo oops >&2; echo "##swarm progress 50% half"; sleep 1; echo two'
    with Swarm('r2') as swarm:
        job = swarm.exec(['sh', '-c', script])
        parts = list(job.follow_log())
        assert b''.join(parts).startswith(b'one\n') and b''.join(parts).endswith(b'two\n')
        job.wait(WAIT_S)
        assert job.log('stderr') == b'oops\n'
        with pytest.raises(KeyError):
            swarm.job('r1-none-1').log()


def test_many_jobs_are_submitted_together_and_gathered_in_order(three: Any) -> None:
    with Swarm('r1') as swarm:
        jobs = swarm.map('math:sqrt', [number * number for number in range(40)])
        assert swarm.gather(jobs, WAIT_S) == list(range(40))
        slow = [swarm.exec(['sleep', '0.4']), swarm.exec(['true'])]
        ended = {job.id for job in swarm.as_completed(slow, WAIT_S)}
        assert ended == {job.id for job in slow}
        with pytest.raises(TimeoutError):
            swarm.exec(['sleep', '20']).wait(0.1)


def test_the_same_key_gives_the_same_job_at_whichever_robot(three: Any) -> None:
    with Swarm('r1') as one, Swarm('r2') as other:
        options = JobOptions(key='only-once')
        first = one.exec(['true'], options)
        assert other.exec(['true'], options).id == first.id


def test_a_cancelled_job_ends_and_an_ended_one_cannot_be_cancelled(three: Any) -> None:
    with Swarm('r1') as swarm:
        job = swarm.exec(['sleep', '60'])
        assert job.cancel()
        with pytest.raises(RemoteError, match='cancelled'):
            job.result(WAIT_S)
        done = swarm.exec(['true'])
        done.wait(WAIT_S)
        assert not done.cancel()


def test_waiting_goes_on_at_another_robot_when_the_asked_one_dies(three: Any) -> None:
    """And what is submitted after that goes there as well."""
    leader = three.leader()
    asked = next(name for name in three.swarm.names if name != leader)
    with Swarm(asked) as swarm:
        jobs = [swarm.exec(['sleep', '3']) for _ in range(4)]
        three.swarm.kill(asked)
        assert [job.wait(WAIT_S).phase for job in jobs] == [jobs[0].wait().PHASE_DONE] * 4
        assert swarm.answering != asked
        assert swarm.python('operator:add', 2, 3).result(WAIT_S) == 5


def test_one_client_may_be_used_by_many_threads(three: Any) -> None:
    with Swarm('r1') as swarm, concurrent.futures.ThreadPoolExecutor(8) as threads:
        sums = threads.map(
            lambda number: swarm.python('operator:add', number, 1).result(WAIT_S), range(24)
        )
        assert list(sums) == list(range(1, 25))


def test_run_job_action_reports_and_ends_with_the_job(
    three: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'words.txt'
    path.write_text('words ' * 5000)
    monkeypatch.setattr(three.client, '_robot', 'r3')
    action = three.client.action(RunJob, 'run_job')
    phases: list[int] = []
    goal = RunJob.Goal(
        spec=msg.JobSpec(
            kind='exec',
            exec=[msg.ExecWork(argv=['xz', '--keep', path.name])],
            outputs=['words.txt.xz'],
        ),
        input_paths=[str(path)],
        output_dir=str(tmp_path / 'out'),
    )
    sent = action.send_goal_async(
        goal, feedback_callback=lambda m: phases.append(m.feedback.job.phase)
    )
    three.until(sent.done, 'the goal is taken')
    result = sent.result().get_result_async()
    three.until(lambda: result.done() and phases and phases[-1] == DONE, 'the job ends', 30.0)
    assert result.result().result.job.phase == DONE
    packed = (tmp_path / 'out' / 'words.txt.xz').read_bytes()
    assert lzma.decompress(packed) == path.read_bytes()
    action.destroy()


# ---- the executor


def test_code_for_any_executor_can_use_the_swarm(three: Any) -> None:
    with SwarmExecutor('r1') as pool:
        assert list(pool.map(operator.add, range(20), range(20), timeout=WAIT_S)) == [
            2 * number for number in range(20)
        ]
        good, bad = pool.submit(operator.add, 1, 2), pool.submit(operator.truediv, 1, 0)
        ended, left = concurrent.futures.wait([good, bad], timeout=WAIT_S)
        assert ended == {good, bad} and not left
        assert good.result() == 3
        error = bad.exception()
        assert isinstance(error, RemoteError) and 'division by zero' in str(error)
        with pytest.raises(TypeError, match='a lambda has no name'):
            pool.submit(lambda: 1)
        with pytest.raises(TypeError, match='argument 1 is set'):
            pool.submit(statistics.mean, {1})
    with pytest.raises(RuntimeError, match='after shutdown'):
        pool.submit(operator.add, 1, 2)


def test_a_future_cancels_its_job_also_while_it_runs(three: Any) -> None:
    with Swarm('r1') as swarm, SwarmExecutor(swarm) as pool:
        future = pool.submit(time.sleep, 60)
        three.until(lambda: future.job is not None, 'the swarm has the job')
        assert future.cancel() and future.cancelled()
        assert future.job is not None
        assert future.job.wait(WAIT_S).phase == future.job.wait().PHASE_CANCELLED
        with pytest.raises(concurrent.futures.CancelledError):
            future.result()


def test_what_the_swarm_does_not_have_yet_is_cancelled_by_shutdown(three: Any) -> None:
    pool = SwarmExecutor('r1', open_max=1)
    futures = [pool.submit(time.sleep, 0.2) for _ in range(20)]
    three.until(lambda: futures[0].job is not None, 'the swarm has the first')
    pool.shutdown(wait=True, cancel_futures=True)
    assert futures[0].result(0) is None
    assert futures[-1].cancelled()
    assert all(future.done() for future in futures)


def test_one_call_that_is_refused_does_not_take_the_others_with_it(three: Any) -> None:
    with SwarmExecutor('r1') as pool:
        good, refused = pool.submit(operator.add, 1, 1), pool.submit(operator.sub, 1, 1)
        assert good.result(WAIT_S) == 2
        with pytest.raises(Refused, match='offers python:operator:sub'):
            refused.result(WAIT_S)


def test_callbacks_are_called_when_the_result_is_there(three: Any) -> None:
    called, seen = threading.Event(), []
    with SwarmExecutor('r1') as pool:

        def note(future: Any) -> None:
            seen.append(future.result())
            called.set()

        pool.submit(operator.add, 1, 2).add_done_callback(note)
        assert called.wait(WAIT_S) and seen == [3]


# ---- the terminal


def test_commands_take_beginnings_of_ids_and_say_what_is_ambiguous(
    three: Any, swarmctl: Make
) -> None:
    swarm = three.swarm
    with Swarm('r1') as client:
        jobs = client.submit_all([
            order(ExecWork(('sh', '-c', 'echo said; exit 3')), JobOptions(labels=['mine'])),
            order(PythonWork('operator:add', '[1,2]'), JobOptions(labels=['mine'])),
        ])
        for job in jobs:
            job.wait(WAIT_S)
    shared = jobs[0].id.rpartition('-')[0]
    count = sum(job.startswith(shared) for job in three.jobs('r1'))
    answer = swarmctl(swarm, 'jobs', 'explain', shared)
    assert count >= 2
    assert answer.returncode == 1 and f'may be any of {count} jobs' in answer.stderr
    assert swarmctl(swarm, 'jobs', 'logs', jobs[0].id).stdout == 'said\n'
    told = json.loads(swarmctl(swarm, 'jobs', 'explain', '--json', jobs[1].id).stdout)
    assert told['job']['result'] == 3
    # r1, unless it was too slow to answer: then the client asks another one.
    assert told['story'][0]['what'] == f'submitted at {told["job"]["origin"]}'
    listed = swarmctl(swarm, 'jobs', 'list', '--label', 'mine', '--phase', 'failed').stdout
    assert 'exit code 3' in listed and jobs[1].id not in listed
    refused = swarmctl(swarm, 'jobs', 'cancel', jobs[1].id)
    assert refused.returncode == 2 and 'is done: it cannot be cancelled' in refused.stderr


def test_failed_program_fails_its_job_with_the_reason(three: Any, swarmctl: Make) -> None:
    answer = swarmctl(
        three.swarm, 'jobs', 'submit', '--', 'sh', '-c', 'echo the reason >&2; exit 7'
    )
    assert answer.returncode == 1
    assert 'exit code 7: the reason' in answer.stdout


def test_time_limit_ends_a_job_and_what_it_started(three: Any, swarmctl: Make) -> None:
    answer = swarmctl(
        three.swarm, 'jobs', 'submit', '--timeout', '0.5', '--', 'sh', '-c', 'sleep 60 & sleep 60'
    )
    assert answer.returncode == 1
    assert 'not done within 500 ms' in answer.stdout


def test_override_decides_the_mode_and_ends_by_itself(three: Any, swarmctl: Make) -> None:
    done = swarmctl(
        three.swarm, 'override', 'set', 'maintenance', '--reason', 'test', '--for', '12'
    )
    assert done.returncode == 0, done.stderr
    job = three.submit('r1', ['true'])
    mode = three.call('r1', srv.Status, 'status', srv.Status.Request()).state.mode
    assert mode.mode == msg.ModeState.MODE_MAINTENANCE
    assert three.jobs('r1')[job].phase == msg.JobStatus.PHASE_SUBMITTED
    assert three.ended('r1', [job])[job].phase == DONE, 'granted when the override has ended'


def test_a_batch_file_is_run_once_however_often_its_run_is_gone_on_with(
    three: Any, swarmctl: Make, tmp_path: Path
) -> None:
    for name in ('a.txt', 'b.txt'):
        (tmp_path / name).write_text(name * 100)
    (tmp_path / 'night.yaml').write_text("""
defaults: {output_dir: out}
jobs:
  - name: pack
    foreach: {files: '*.txt'}
    exec: [xz, -k, '{name}']
    inputs: ['{path}']
    outputs: ['{name}.xz']
  - name: sum
    python: {callable: 'operator:add', arguments: [20, 22]}
""")
    before = len(three.jobs('r1'))
    run = ('jobs', 'run', 'night.yaml', '--run', 'first')
    once = swarmctl(three.swarm, *run)
    assert once.returncode == 0, once.stderr
    assert '3 jobs: 3 done' in once.stdout and '(sum) done' in once.stdout
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['a.txt.xz', 'b.txt.xz']
    again = swarmctl(three.swarm, *run)
    assert again.returncode == 0 and '3 of 3 were submitted before' in again.stderr
    assert len(three.jobs('r1')) == before + 3


def test_a_batch_file_that_is_wrong_submits_nothing_and_needs_no_robot(
    swarmctl: Make, tmp_path: Path
) -> None:
    (tmp_path / 'bad.yaml').write_text('jobs:\n  - exec: [x]\n    retries: many\n')
    nobody = LocalSwarm(tmp_path, ())
    with contextlib.closing(nobody.domain):
        answer = swarmctl(nobody, 'jobs', 'run', '--check', 'bad.yaml')
    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [
        "bad.yaml:3:14: job 'job-1': retries: expected a whole number, not 'many'",
        'swarmctl: bad.yaml: 1 problem, nothing submitted',
    ]
