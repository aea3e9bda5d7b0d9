# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs that do their worst: they do not end, run away, flood, fill and take. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from runner_bench import (
    GRACE_S,
    WAIT_S,
    Bench,
    alive,
    eventually,
    fast_end,
    gone,
    patient_end,
    python,
    shell,
    word_from,
)

from swarm_coordinator.runner import streams
from swarm_coordinator.runner.cgroup import find_tree
from swarm_coordinator.runner.job_runner import RunnerSetup
from swarm_coordinator.runner.limits import RunLimits


@pytest.fixture(params=['with cgroups', 'without cgroups'])
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    """Where no control group may be made, both are the same."""
    fast_end(monkeypatch)
    made = Bench(tmp_path, setup=RunnerSetup(with_cgroups=request.param == 'with cgroups'))
    yield made
    made.close()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / 'fifo')
    return tmp_path / 'fifo'


def test_job_that_ignores_the_request_to_end_is_ended(bench: Bench, fifo: Path) -> None:
    job_id = bench.start(shell(f'trap "" TERM; echo $$ > {fifo}; while :; do sleep 600; done'))
    pid = int(word_from(fifo))
    began = time.monotonic()
    bench.runner.stop(job_id, 5, 'cancelled')
    assert bench.end().reason == 'cancelled' and gone(pid)
    assert time.monotonic() - began >= GRACE_S, 'it had its grace'


def test_job_that_stopped_itself_hears_the_request_to_end(
    bench: Bench, fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient_end(monkeypatch)
    script = f'trap "echo in order; exit" TERM; echo $$ > {fifo}; kill -STOP $$; sleep 600'
    job_id = bench.start(shell(script))
    pid = int(word_from(fifo))
    assert eventually(lambda: state_of(pid) == 'T')
    bench.runner.stop(job_id, 5, 'cancelled')
    end = bench.end()
    assert end.reason == 'cancelled' and bench.printed(end) == 'in order\n' and gone(pid)


def state_of(pid: int) -> str:
    return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]


RUNAWAY = """
import os, signal, sys
def flee(depth):
    if os.fork():
        return
    os.setsid()
    if depth:
        flee(depth - 1)
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.chdir('/')
    os.closerange(0, 100)
    with open(sys.argv[1], 'w') as file:
        file.write(f'{os.getpid()}\\n')
    while True:
        signal.pause()
flee(2)
signal.pause() if sys.argv[2] == 'stay' else None
"""


def test_process_that_left_its_session_ends_with_the_job(bench: Bench, fifo: Path) -> None:
    held = os.open(fifo, os.O_RDWR)
    end = bench.run(python(RUNAWAY, str(fifo), 'go'))
    assert end.exit_code == 0
    # It may have been ended before it could say who it is.
    os.set_blocking(held, False)
    said = b''
    if eventually_readable(held):
        said = os.read(held, 100)
    os.close(held)
    assert not said or gone(int(said))


def eventually_readable(descriptor: int) -> bool:
    import select

    return bool(select.select([descriptor], [], [], 0)[0])


def test_runaway_is_ended_when_the_job_is_stopped(bench: Bench, fifo: Path) -> None:
    job_id = bench.start(python(RUNAWAY, str(fifo), 'stay'))
    pid = int(word_from(fifo))
    assert alive(pid) and os.getsid(pid) == pid, 'it is in a session of its own'
    bench.runner.stop(job_id, 5, 'cancelled')
    assert bench.end().reason == 'cancelled' and gone(pid)


def test_runaway_of_a_job_that_was_killed_is_ended(bench: Bench, fifo: Path) -> None:
    os.mkfifo(f'{fifo}2')
    bench.start(python(
        RUNAWAY.rpartition('signal.pause() if')[0]
        + 'open(sys.argv[1] + "2").read(); os.kill(os.getpid(), 9)',
        str(fifo),
    ))
    pid = int(word_from(fifo))
    with open(f'{fifo}2', 'w'):
        pass
    assert bench.end().exit_code == -9 and gone(pid)


def test_many_children_end_with_the_job(bench: Bench, fifo: Path) -> None:
    """Bounded: 40 processes, half of them in sessions of their own."""
    script = f'for n in $(seq 20); do sleep 600 & setsid sleep 600 & done; echo ok > {fifo}; wait'
    job_id = bench.start(shell(script))
    word_from(fifo)
    bench.runner.stop(job_id, 5, 'cancelled')
    assert bench.end().reason == 'cancelled'
    # The fixture sees to it that none is left.


def test_fork_without_end_meets_the_limit_of_processes(tmp_path: Path) -> None:
    tree = find_tree(f'swarm-test-{os.getpid()}')
    able = tree is not None and 'pids' in tree.controllers
    if tree is not None:
        tree.close()
    if not able:
        pytest.skip('not here: the pids controller of cgroup v2')
    bench = Bench(tmp_path, RunLimits(10_000, 10**6, processes=20))
    end = bench.run(python(
        'import os, signal\n'
        'for _ in range(40):\n'  # bounded, should the limit not hold
        '    if os.fork() == 0: signal.pause()\n'
    ))
    assert end.exit_code == 1 and 'BlockingIOError' in end.reason
    bench.close()


def test_memory_beyond_the_groups_limit_ends_the_job(tmp_path: Path) -> None:
    tree = find_tree(f'swarm-test-{os.getpid()}')
    able = tree is not None and 'memory' in tree.controllers
    if tree is not None:
        tree.close()
    if not able:
        pytest.skip('not here: the memory controller of cgroup v2')
    bench = Bench(tmp_path, RunLimits(10_000, 10**9, memory_bytes=50_000_000))
    # Shared memory, which the limit of a process does not count.
    hog = 'import mmap; m = mmap.mmap(-1, 200_000_000); m.write(bytes(2**27))'
    end = bench.run(python(hog))
    assert end.exit_code == -9 and 'beyond 50000000 bytes of memory' in end.reason
    bench.close()


def test_job_that_prints_without_end_is_kept_in_bounds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = bench.run(shell('head -c 60000000 /dev/zero; echo the end; echo why >&2; exit 3'))
    assert end.exit_code == 3 and end.reason == 'exit code 3: why'
    read = bench.logs.read(end.job_id, 1, 'stdout', -8, 100)
    assert (read.size, read.data) == (60_000_008, b'the end\n') and read.dropped > 58_000_000
    assert bench.logs.kept()[0].disk_bytes < 2 << 20


def test_job_that_prints_much_is_slowed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, 'TURN_BYTES', 1_000_000)
    began = time.monotonic()
    assert bench.run(shell('head -c 10000000 /dev/zero')).exit_code == 0
    assert time.monotonic() - began >= 8 * streams.TURN_S, 'ten turns, but for the pipe itself'


def test_job_that_prints_without_end_can_be_stopped(bench: Bench, fifo: Path) -> None:
    job_id = bench.start(shell(f'cat /dev/zero & echo $! > {fifo}; wait'))
    pid = int(word_from(fifo))
    assert eventually(lambda: bench.logs.read(job_id, 1, 'stdout', 0, 1).size > 4_000_000)
    bench.runner.stop(job_id, 5, 'enough')
    assert bench.end().reason == 'enough' and gone(pid)


def test_flood_of_progress_is_passed_on_seldom(bench: Bench) -> None:
    end = bench.run(python(
        'import os\n'
        'descriptor = int(os.environ["SWARM_PROGRESS_FD"])\n'
        'for n in range(20000): os.write(descriptor, b"progress %d%% x\\n" % (n // 200))\n'
        'os.write(descriptor, os.urandom(200_000))\n'
        'os.write(descriptor, b"\\nprogress 100% done\\n")\n'
    ))
    assert end.exit_code == 0, end
    said = [bench.progress.get_nowait() for _ in range(bench.progress.qsize())]
    assert 1 <= len(said) <= end.run_ms // 250 + 3
    assert all(0 <= one.permille <= 1000 and len(one.text) <= 200 for one in said)
    assert [one.sequence for one in said] == sorted({one.sequence for one in said})


def test_progress_is_heard_on_stdout_as_well(bench: Bench, fifo: Path) -> None:
    job_id = bench.start(shell(
        f'echo "##swarm progress 25% packing"; read go < {fifo}; echo over'
    ))
    said = bench.progress.get(timeout=WAIT_S)
    assert (said.job_id, said.token, said.permille, said.text) == (job_id, 5, 250, 'packing')
    fifo.write_text('go\n')
    assert bench.printed(bench.end()) == '##swarm progress 25% packing\nover\n'


def test_job_that_closes_its_descriptors_is_awaited_all_the_same(
    bench: Bench, fifo: Path
) -> None:
    os.mkfifo(f'{fifo}2')
    bench.start(python(
        'import os, sys\n'
        'os.closerange(0, 100)\n'
        'with open(sys.argv[1], "w") as file: file.write("closed\\n")\n'
        'open(sys.argv[1] + "2").read()\n'
        'open("o", "w").write("made")\n',
        str(fifo), outputs=('o',),
    ))
    assert word_from(fifo) == 'closed'
    with open(f'{fifo}2', 'w'):
        pass
    end = bench.end()
    assert end.exit_code == 0 and bench.output(end) == 'made'


def test_folder_that_a_job_shut_is_removed(bench: Bench) -> None:
    end = bench.run(shell('mkdir -p a/b; echo x > a/b/c; chmod 0 a/b a; ln -s /etc/passwd l'))
    assert end.exit_code == 0
    assert bench.clean() and Path('/etc/passwd').exists()


def test_nothing_is_left_to_be_reaped(bench: Bench) -> None:
    for _ in range(5):
        bench.run(shell('sleep 600 & exit 0'))
    bench.run(shell('kill -9 $$'))
    children = Path(f'/proc/self/task/{os.getpid()}/children')
    pids = [pid for task in Path('/proc/self/task').iterdir()
            for pid in (task / 'children').read_text().split()]
    assert children.exists() and [pid for pid in pids if not alive(int(pid))] == []


def test_no_descriptor_is_left_open(bench: Bench) -> None:
    def count() -> int:
        return len(os.listdir('/proc/self/fd'))

    bench.run(shell('true'))
    before = count()
    for script in ('true', 'exit 3', 'sleep 600 & exit 0', 'no-such-program'):
        bench.run(shell(script))
        bench.run(shell(script, outputs=('o',)))
    assert count() == before


ROBOT = """
import logging, os, sys
sys.path[:0] = sys.argv[3].split(os.pathsep)
from pathlib import Path
from runner_bench import Bench, shell, function
from swarm_coordinator.runner.job_runner import RunnerSetup
setup = RunnerSetup(('python_calls:tells',), 1, with_cgroups=False)
bench = Bench(Path(sys.argv[1]), setup=setup)
bench.runner.warm()
bench.start(shell(f'setsid sleep 600 & echo $$ $! > {sys.argv[2]}; sleep 600'))
bench.start(function('tells', f'["{sys.argv[2]}2", ""]'))
bench.end()
"""


def test_jobs_do_not_outlive_a_robot_that_was_killed(
    tmp_path: Path, fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast_end(monkeypatch)
    os.mkfifo(f'{fifo}2')
    robot = subprocess.Popen(
        [sys.executable, '-c', ROBOT, str(tmp_path), str(fifo), os.pathsep.join(sys.path)]
    )
    pid, child = map(int, word_from(fifo).split())
    worker = int(word_from(Path(f'{fifo}2')).split()[0])
    robot.send_signal(signal.SIGKILL)
    robot.wait()
    assert eventually(lambda: not alive(pid) and gone(worker)), 'at once'
    assert alive(child), 'this one has run away'
    later = Bench(tmp_path, setup=RunnerSetup(with_cgroups=False))
    assert gone(child), 'until the robot starts again'
    later.close()
