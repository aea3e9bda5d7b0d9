# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Job processes, with real ones: their limits, their end, and what they leave."""

from __future__ import annotations

import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from coordinator_samples import spec

from swarm_coordinator.core.jobs.job import JobSpec
from swarm_coordinator.core.worker import ProcessEnd, StartProcess
from swarm_coordinator.runner import job_runner
from swarm_coordinator.runner.job_runner import (
    MARK,
    JobRunner,
    RunLimits,
    find_programs,
    marked_processes,
)
from swarm_coordinator.storage.blob_store import BlobStore

PROGRAMS, _ = find_programs(('sh', 'true', 'cat'))
WAIT_S = 15.0


class Bench:
    """A runner with its own folder; `run` waits for the end of one job."""

    def __init__(self, folder: Path, limits: RunLimits) -> None:
        self.ends: queue.Queue[ProcessEnd] = queue.Queue()
        self.folder = folder / 'jobs'
        self.store = BlobStore(folder / 'store', 10**7)
        self.runner = JobRunner(
            self.folder, self.store, PROGRAMS, limits, self.ends.put, logging.getLogger('test')
        )
        self.runner.clear()

    def start(self, what: JobSpec, token: int = 5) -> None:
        self.runner.start(StartProcess('r1-1-1', 1, token, what))

    def run(self, what: JobSpec) -> ProcessEnd:
        self.start(what)
        return self.ends.get(timeout=WAIT_S)

    def shell(self, script: str, outputs: tuple[str, ...] = (), timeout_ms: int = 0) -> JobSpec:
        return spec(argv=('sh', '-c', script), outputs=outputs, timeout_ms=timeout_ms)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(job_runner, 'TERM_GRACE_S', 0.2)
    made = Bench(tmp_path, RunLimits(10_000, 1_000_000))
    yield made
    made.runner.close()
    assert marked_processes(str(made.folder)) == [], 'no process outlives its runner'


def eventually(condition: Callable[[], bool]) -> bool:
    """Polls what other processes do; they offer nothing to wait on."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def alive(pid: int) -> bool:
    try:
        return 'Z' not in Path(f'/proc/{pid}/stat').read_text().rsplit(')')[-1].split()[0]
    except OSError:
        return False


def pid_in(path: Path) -> int:
    assert eventually(lambda: path.exists() and path.read_text().strip() != '')
    return int(path.read_text())


def test_job_gets_its_inputs_and_its_outputs_are_stored(bench: Bench, tmp_path: Path) -> None:
    given = tmp_path / 'given'
    given.write_text('abc')
    ref = bench.store.add_file(given, 'in/a')
    end = bench.run(
        spec(argv=('sh', '-c', 'mkdir o; cat in/a in/a > o/b'), inputs=(ref,), outputs=('o/b',))
    )
    assert (end.job_id, end.token, end.exit_code, end.reason) == ('r1-1-1', 5, 0, '')
    [made] = end.outputs
    assert made.name == 'o/b' and bench.store.path(made.sha256).read_text() == 'abcabc'
    bench.store.discard(made.sha256)
    assert bench.store.has(made), 'pinned until somebody accounts for it'
    assert not any(bench.folder.iterdir()), 'its folder is gone'


@pytest.mark.parametrize('code', [1, 77])
def test_exit_code_and_the_end_of_stderr_are_reported(bench: Bench, code: int) -> None:
    end = bench.run(bench.shell(f'echo {"x" * 1000} last words >&2; exit {code}'))
    assert end.exit_code == code and not end.unable
    assert end.reason.startswith(f'exit code {code}: ') and end.reason.endswith('last words')
    assert len(end.reason) < 450


def test_end_by_a_signal_is_a_negative_code(bench: Bench) -> None:
    end = bench.run(bench.shell('kill -KILL $$'))
    assert end.exit_code == -9 and 'signal 9' in end.reason


def test_time_limit_ends_the_whole_process_group(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / 'grandchild'
    end = bench.run(
        bench.shell(
            f'sh -c "trap : TERM; echo \\$\\$ > {mark}; while :; do sleep 0.05; done" & wait',
            timeout_ms=400,
        )
    )
    assert end.exit_code is None and end.reason == 'not done within 400 ms'
    pid = pid_in(mark)
    assert eventually(lambda: not alive(pid))


def test_processes_left_in_the_group_end_with_the_job(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / 'left'
    end = bench.run(bench.shell(f'sleep 600 & echo $! > {mark}'))
    assert end.exit_code == 0
    pid = pid_in(mark)
    assert eventually(lambda: not alive(pid))


def test_no_job_gets_more_than_the_limit_of_the_robot(tmp_path: Path) -> None:
    bench = Bench(tmp_path, RunLimits(200, 10**6))
    for asked_ms in (0, 60_000):
        end = bench.run(bench.shell('sleep 600', timeout_ms=asked_ms))
        assert end.reason == 'not done within 200 ms'


def test_stopped_job_ends_and_says_why(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / 'pid'
    bench.start(bench.shell(f'echo $$ > {mark}; sleep 600'))
    pid = pid_in(mark)
    bench.runner.stop('r1-1-1', 4, 'another token')
    bench.runner.stop('r9-1-1', 5, 'another job')
    assert alive(pid)
    bench.runner.stop('r1-1-1', 5, 'its lease ended')
    end = bench.ends.get(timeout=WAIT_S)
    assert (end.exit_code, end.reason, end.outputs) == (None, 'its lease ended', ())
    assert eventually(lambda: not alive(pid))


def test_stop_that_comes_before_the_process_is_there_is_not_lost(bench: Bench) -> None:
    bench.start(bench.shell('sleep 600'))
    bench.runner.stop('r1-1-1', 5, 'changed our mind')
    assert bench.ends.get(timeout=WAIT_S).reason == 'changed our mind'


def test_missing_output_is_named_and_the_others_are_let_go(bench: Bench) -> None:
    end = bench.run(bench.shell('echo x > a', outputs=('a', 'b')))
    assert end.exit_code == 0 and not end.unable and end.outputs == ()
    assert "'b' is missing" in end.reason
    for path in list((bench.store._blobs).glob('??/*')):
        bench.store.discard(path.name)
    assert bench.store.used_bytes == 0, 'nothing stays pinned'


@pytest.mark.parametrize(
    'script',
    ['ln -s /etc/passwd o', 'mkdir o', 'mkfifo o', 'ln -s nowhere o'],
)
def test_output_that_is_no_regular_file_is_refused(bench: Bench, script: str) -> None:
    end = bench.run(bench.shell(script, outputs=('o',)))
    assert 'missing or not a regular file' in end.reason and end.outputs == ()


def test_output_in_a_linked_folder_is_refused(bench: Bench) -> None:
    end = bench.run(bench.shell('ln -s /etc d', outputs=('d/passwd',)))
    assert 'outside its folder' in end.reason and end.outputs == ()


def test_program_off_the_allow_list_is_not_run(bench: Bench) -> None:
    end = bench.run(spec(argv=('rm', '-rf', '/tmp/x')))
    assert end.unable and end.exit_code is None
    assert "'rm' is not on the allow-list: cat, sh, true" in end.reason


def test_arguments_are_not_read_by_a_shell(bench: Bench) -> None:
    end = bench.run(spec(argv=('cat', '$(touch hacked); x')))
    assert end.exit_code == 1 and 'No such file' in end.reason


def test_missing_input_means_unable(bench: Bench) -> None:
    from coordinator_samples import ref

    assert bench.run(spec(argv=('true',), inputs=(ref(),))).unable


def test_job_has_a_small_environment_and_no_stdin(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('SECRET_OF_THE_ROBOT', 'x')
    end = bench.run(bench.shell('cat; env > e; ls /proc/self/fd | wc -l > n', outputs=('e', 'n')))
    environment = dict(
        line.split('=', 1) for line in
        bench.store.path(end.outputs[0].sha256).read_text().splitlines()
    )
    assert 'SECRET_OF_THE_ROBOT' not in environment
    assert environment['SWARM_JOB_ID'] == 'r1-1-1' and environment['SWARM_TOKEN'] == '5'
    assert environment['SWARM_ATTEMPT'] == '1' and environment[MARK] == str(bench.folder)
    assert int(bench.store.path(end.outputs[1].sha256).read_text()) <= 5


@pytest.mark.skipif(shutil.which('prlimit') is None, reason='not here: prlimit of util-linux')
def test_file_beyond_the_size_limit_ends_the_job(bench: Bench) -> None:
    end = bench.run(bench.shell('head -c 2000000 /dev/zero > big', outputs=('big',)))
    assert end.exit_code not in (0, None) and not end.outputs


def test_what_a_former_life_left_running_is_ended_and_its_folder_removed(
    bench: Bench, tmp_path: Path
) -> None:
    left = subprocess.Popen(
        [sys.executable, '-c', 'import time; time.sleep(600)'],
        env={**os.environ, MARK: str(bench.folder)}, start_new_session=True,
    )
    other = subprocess.Popen(
        [sys.executable, '-c', 'import time; time.sleep(600)'],
        env={**os.environ, MARK: str(bench.folder) + '2'}, start_new_session=True,
    )
    (bench.folder / 'r1-1-9-1').mkdir()
    try:
        assert eventually(lambda: marked_processes(str(bench.folder)) == [left.pid])
        bench.runner.clear()
        assert left.wait(WAIT_S) == -signal.SIGKILL
        assert other.poll() is None, 'a job of another robot on this machine'
        assert not any(bench.folder.iterdir())
    finally:
        for process in (left, other):
            process.kill()
            process.wait()


def test_close_ends_what_runs(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / 'pid'
    bench.start(bench.shell(f'echo $$ > {mark}; sleep 600'))
    pid = pid_in(mark)
    bench.runner.close()
    assert not alive(pid)
    assert bench.ends.get(timeout=WAIT_S).reason == 'the robot stops'


def test_programs_are_found_by_name_only() -> None:
    found, missing = find_programs(('sh', 'no-such-program-here'))
    assert found == {'sh': shutil.which('sh', path='/usr/local/bin:/usr/bin:/bin')}
    assert missing == ['no-such-program-here']
    for name in ('/bin/sh', '../sh', ''):
        with pytest.raises(ValueError, match='not a path'):
            find_programs((name,))
