# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs from start to report, with real processes: files, environment, limits, and their end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from coordinator_samples import ref
from runner_bench import (
    WAIT_S,
    Bench,
    alive,
    exec_job,
    fast_end,
    gone,
    patient_end,
    shell,
    word_from,
)

from swarm_coordinator.core.jobs.kinds.pipeline_kind import PipelineWork
from swarm_coordinator.runner.job_runner import RunnerSetup, find_programs
from swarm_coordinator.runner.limits import RunLimits
from swarm_coordinator.runner.process_group import STORAGE_MARK


@pytest.fixture(params=['with cgroups', 'without cgroups'])
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    """Where no control group may be made, both are the same."""
    fast_end(monkeypatch)
    made = Bench(tmp_path, setup=RunnerSetup(with_cgroups=request.param == 'with cgroups'))
    yield made
    made.close()


def test_job_gets_its_inputs_and_its_outputs_are_stored(bench: Bench) -> None:
    given = bench.given('in/a', 'abc')
    end = bench.run(shell('mkdir o; cat in/a in/a > o/b', inputs=(given,), outputs=('o/b',)))
    assert (end.job_id, end.token, end.exit_code, end.reason) == ('r1-1-1', 5, 0, '')
    [made] = end.outputs
    assert made.name == 'o/b' and bench.output(end) == 'abcabc'
    bench.store.discard(made.sha256)
    assert bench.store.has(made), 'pinned until somebody accounts for it'
    assert bench.clean()


def test_job_that_writes_to_its_input_does_not_change_the_stored_file(bench: Bench) -> None:
    given = bench.given('a', 'abc')
    assert bench.run(shell('echo more >> a', inputs=(given,))).exit_code == 0
    assert bench.store.path(given.sha256).read_text() == 'abc'


def test_stdin_is_the_named_input(bench: Bench) -> None:
    given = bench.given('in/a b', 'what it reads')
    end = bench.run(exec_job('cat', inputs=(given,), stdin='in/a b'))
    assert bench.printed(end) == 'what it reads'


def test_working_folder_is_below_the_jobs_own(bench: Bench) -> None:
    end = bench.run(shell('echo x > o; pwd', folder='a/b', outputs=('a/b/o',)))
    assert bench.printed(end).strip() == str(bench.folder / '1' / 'a' / 'b')
    assert bench.output(end) == 'x\n'


def test_environment_is_ours_and_what_the_job_names(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('SECRET_OF_THE_ROBOT', 'x')
    end = bench.run(shell('cat; env', environment=(('COLOUR', 'a b\nc'),)))
    told = bench.printed(end)
    assert 'COLOUR=a b\nc\n' in told
    names = {line.partition('=')[0] for line in told.splitlines()} - {'c'}
    assert names == {
        'COLOUR', 'HOME', 'LANG', 'PATH', 'PWD', 'SWARM_ATTEMPT', 'SWARM_COMPUTE_UNIT',
        'SWARM_JOB_ID', 'SWARM_PROGRESS_FD', 'SWARM_STORAGE', 'SWARM_TOKEN', 'TMPDIR',
    }
    for line in ('SWARM_JOB_ID=r1-1-1', 'SWARM_TOKEN=5', 'SWARM_ATTEMPT=1',
                 'SWARM_COMPUTE_UNIT=cpu0', f'HOME={bench.folder}/1'):
        assert line in told.splitlines()


def test_environment_that_decides_which_code_runs_is_refused(bench: Bench) -> None:
    end = bench.run(exec_job('true', environment=(('LD_PRELOAD', 'mine.so'),)))
    assert end.unable and 'LD_PRELOAD' in end.reason


def test_job_inherits_no_descriptor_but_its_own(bench: Bench, tmp_path: Path) -> None:
    with open(tmp_path / 'of the robot', 'w') as ours:
        os.set_inheritable(ours.fileno(), True)
        end = bench.run(shell('ls -l /proc/self/fd; echo progress=$SWARM_PROGRESS_FD'))
    told = bench.printed(end)
    assert 'of the robot' not in told
    # stdin, stdout, stderr, progress, and the folder that ls is reading
    assert told.count(' -> ') == 5


@pytest.mark.parametrize('code', [1, 77])
def test_exit_code_and_the_end_of_stderr_are_reported(bench: Bench, code: int) -> None:
    end = bench.run(shell(f'echo {"x" * 1000} last words >&2; exit {code}'))
    assert end.exit_code == code and not end.unable and not end.stopped
    assert end.reason.startswith(f'exit code {code}: ') and end.reason.endswith('last words')
    assert len(end.reason) < 450


def test_end_by_a_signal_is_a_negative_code(bench: Bench) -> None:
    end = bench.run(shell('kill -KILL $$'))
    assert end.exit_code == -9 and 'signal 9' in end.reason


def test_no_job_gets_more_time_than_the_limit_of_the_robot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast_end(monkeypatch)
    bench = Bench(tmp_path, RunLimits(200, 10**6))
    for asked_ms, given_ms in ((0, 200), (60_000, 200), (100, 100)):
        end = bench.run(shell('sleep 600', timeout_ms=asked_ms))
        assert (end.exit_code, end.reason) == (None, f'not done within {given_ms} ms')
        assert not end.stopped, 'nobody asked for it'
    bench.close()


def test_stopped_job_ends_and_says_why(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.start(shell(f'echo $$ > {fifo(tmp_path)}; sleep 600', outputs=('o',)))
    pid = int(word_from(tmp_path / 'fifo'))
    bench.runner.stop(job_id, 4, 'another token')
    bench.runner.stop('r9-1-1', 5, 'another job')
    bench.run(shell('true'))  # by then they were looked at
    assert alive(pid)
    bench.runner.stop(job_id, 5, 'its lease ended')
    end = bench.end()
    assert (end.exit_code, end.reason, end.outputs) == (None, 'its lease ended', ())
    assert end.stopped and not end.unable and gone(pid)


def test_stop_that_comes_before_the_process_is_there_is_not_lost(bench: Bench) -> None:
    job_id = bench.start(shell('sleep 600', inputs=(bench.given('a', 'x'),)))
    bench.runner.stop(job_id, 5, 'changed our mind')
    assert bench.end().reason == 'changed our mind'


def test_job_may_put_things_in_order_before_it_is_ended(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient_end(monkeypatch)
    script = f'trap "echo in order; exit 0" TERM; echo > {fifo(tmp_path)}; while :; do :; done'
    job_id = bench.start(shell(script))
    word_from(tmp_path / 'fifo')
    bench.runner.stop(job_id, 5, 'enough')
    end = bench.end()
    assert end.reason == 'enough' and end.exit_code is None
    assert bench.printed(end) == 'in order\n'


def test_missing_output_is_named_and_the_others_are_let_go(bench: Bench) -> None:
    end = bench.run(shell('echo x > a', outputs=('a', 'b')))
    assert end.exit_code == 0 and not end.unable and end.outputs == ()
    assert "'b' is missing" in end.reason
    bench.store.collect()
    assert bench.store.used_bytes == 0, 'nothing stays pinned'


@pytest.mark.parametrize(
    'script',
    ['ln -s /etc/passwd o', 'mkdir o', 'mkfifo o', 'ln -s nowhere o'],
)
def test_output_that_is_no_regular_file_is_refused(bench: Bench, script: str) -> None:
    end = bench.run(shell(script, outputs=('o',)))
    assert 'missing or not a regular file' in end.reason and end.outputs == ()


def test_output_in_a_linked_folder_is_refused(bench: Bench) -> None:
    end = bench.run(shell('ln -s /etc d', outputs=('d/passwd',)))
    assert 'outside its folder' in end.reason and end.outputs == ()


def test_outputs_that_the_store_has_no_room_for_say_nothing_about_the_job(tmp_path: Path) -> None:
    bench = Bench(tmp_path, quota_bytes=9_000_000)
    end = bench.run(shell(
        'for n in 1 2 3 4 5 6 7 8 9 10; do { echo $n; head -c 990000 /dev/zero; } > $n; done',
        outputs=tuple(str(n) for n in range(1, 11)),
    ))
    assert end.unable and 'quota' in end.reason and not end.outputs
    bench.close()


def test_program_off_the_allow_list_is_not_run(bench: Bench) -> None:
    end = bench.run(exec_job('rm', '-rf', '/tmp/x'))
    assert end.unable and end.exit_code is None
    assert "'rm' is not on the allow-list: cat, head" in end.reason


def test_kind_that_nothing_here_carries_out_is_handed_back(bench: Bench) -> None:
    end = bench.run(PipelineWork(()))
    assert end.unable and "'pipeline' cannot run here: expected one of call, encode" in end.reason


def test_arguments_are_not_read_by_a_shell(bench: Bench) -> None:
    end = bench.run(exec_job('cat', '$(touch hacked); x'))
    assert end.exit_code == 1 and 'No such file' in end.reason


def test_missing_input_means_unable(bench: Bench) -> None:
    assert bench.run(exec_job('true', inputs=(ref(),))).unable


def test_file_beyond_the_size_limit_ends_the_job(bench: Bench) -> None:
    end = bench.run(shell('exec head -c 2000000 /dev/zero > big', outputs=('big',)))
    assert end.exit_code == -signal.SIGXFSZ and not end.outputs
    assert 'a file beyond its size limit' in end.reason
    end = bench.run(shell('head -c 2000 /dev/zero > big', outputs=('big',), file_bytes=1000))
    assert end.exit_code not in (0, None) and not end.outputs


def test_process_beyond_its_memory_fails(bench: Bench) -> None:
    hog = 'x = bytearray(200_000_000); print(len(x))'
    end = bench.run(exec_job('python3', '-c', hog, memory_bytes=100_000_000))
    assert end.exit_code == 1 and 'MemoryError' in end.reason
    assert bench.run(exec_job('python3', '-c', hog)).exit_code == 0


def test_jobs_have_less_priority_than_the_robot(bench: Bench) -> None:
    end = bench.run(shell('nice'))
    assert int(bench.printed(end)) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 1)


def test_job_goes_before_the_robot_when_memory_runs_out(bench: Bench) -> None:
    end = bench.run(exec_job('cat', '/proc/self/oom_score_adj'))
    assert int(bench.printed(end)) > int(Path('/proc/self/oom_score_adj').read_text())


def test_limits_are_told_with_what_keeps_them(bench: Bench) -> None:
    told = bench.runner.limits_in_force()
    assert told.startswith('file size (rlimit), memory') and 'jobs are ended by' in told


def test_what_a_former_life_left_running_is_ended_and_its_folder_removed(
    bench: Bench, tmp_path: Path
) -> None:
    def left_behind(mark: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, '-c', 'input()'],
            stdin=subprocess.PIPE, start_new_session=True,
            env={**os.environ, STORAGE_MARK: mark},
        )

    folder = tmp_path / 'life' / 'jobs'
    with left_behind(str(folder)) as left, left_behind(f'{folder}2') as other:
        (folder / 'r1-1-9-1' / 'shut').mkdir(parents=True)
        (folder / 'r1-1-9-1' / 'shut').chmod(0)
        later = Bench(tmp_path / 'life')
        assert left.wait(WAIT_S) == -signal.SIGKILL
        assert other.poll() is None, 'a job of another robot on this machine'
        assert not any(folder.iterdir())
        later.close()
        other.kill()


def test_close_ends_what_runs_and_what_waits(bench: Bench, tmp_path: Path) -> None:
    bench.start(shell(f'echo $$ > {fifo(tmp_path)}; sleep 600'))
    pid = int(word_from(tmp_path / 'fifo'))
    bench.start(shell('sleep 600', inputs=(bench.given('a', 'x'),)))
    bench.runner.close()
    assert gone(pid)
    for _ in range(2):
        end = bench.end()
        assert end.reason == 'the robot stops' and end.stopped


def test_programs_are_found_by_name_only() -> None:
    found, missing = find_programs(('sh', 'no-such-program-here'))
    assert found == {'sh': shutil.which('sh', path='/usr/local/bin:/usr/bin:/bin')}
    assert missing == ['no-such-program-here']
    for name in ('/bin/sh', '../sh', ''):
        with pytest.raises(ValueError, match='not a path'):
            find_programs((name,))


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / 'fifo')
    return folder / 'fifo'
