# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs that try to get out of their cage: one test for each way that was thought of."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cage_bench import WALLS, caged, holding, living_with, need, said
from runner_bench import GRACE_S, WAIT_S, Bench, eventually, fast_end, patient_end, python, shell

from swarm_coordinator.runner import cage_view, process_group
from swarm_coordinator.runner.cage_calls import filter_here
from swarm_coordinator.runner.job_files import take_outputs
from swarm_coordinator.runner.limits import RunLimits
from swarm_coordinator.storage.blob_store import BlobStore

SECRET = 'the key of the robot'


@pytest.fixture(params=WALLS)
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    fast_end(monkeypatch)
    made = caged(tmp_path, request.param)
    (tmp_path / 'key.pem').write_text(SECRET)
    (tmp_path / 'key.pem').chmod(0o600)
    yield made
    made.close()


@pytest.fixture
def walled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """What only a file system, processes and a network of their own keep out."""
    fast_end(monkeypatch)
    made = caged(tmp_path, 'bubblewrap')
    yield made
    made.close()


# ---- privileges


def test_job_has_no_privileges_and_no_way_to_new_ones(bench: Bench) -> None:
    told = said(bench, shell('grep -E "^(CapPrm|CapEff|CapAmb|NoNewPrivs)" '
                             '/proc/self/status; id -u'))
    values = [line.split()[-1] for line in told.splitlines()]
    assert values[:3] == ['0' * 16] * 3 and values[3] == '1'
    if os.geteuid() == 0:
        assert int(values[4]) >= 0x7000_0000


def test_setuid_program_stays_the_users(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip('not here: the tests do not run as root')
    folder = Path('/var/tmp') / f'swarm-test-{os.getpid()}'
    folder.mkdir()
    try:
        shutil.copy('/usr/bin/id', folder / 'id')
        os.chmod(folder / 'id', 0o4755)
        for wall in WALLS:
            made = caged(tmp_path / wall, wall, folders=(str(folder),))
            told = said(made, shell(f'{folder}/id -u'))
            made.close()
            assert int(told) != 0, wall
    finally:
        shutil.rmtree(folder)


# ---- files


def test_storage_and_keys_of_the_robot_cannot_be_read(bench: Bench, tmp_path: Path) -> None:
    told = said(bench, shell(f'cat {tmp_path}/key.pem ../../key.pem ../key.pem; '
                             f'ls {tmp_path}/store; echo x > {tmp_path}/store/x'))
    assert SECRET not in told and 'blobs' not in told
    assert not (tmp_path / 'store' / 'x').exists()


def test_folder_of_another_job_cannot_be_read(bench: Bench) -> None:
    job_id = holding(bench, f'echo {SECRET} > mine; chmod 777 . ; chmod 666 mine; pwd')
    folder = bench.logs.read(job_id, 1, 'stdout', 0, 1000).data.decode().split()[0]
    told = said(bench, shell(f'cat {folder}/mine; ls {Path(folder).parent}; echo x > {folder}/o'))
    bench.runner.stop(job_id, 5, 'over')
    bench.end()
    if bench.runner.cage.walled:
        assert SECRET not in told
    else:
        # A job that opens its own folder to all has done so.
        assert told.startswith(SECRET)


def test_closed_folder_of_another_job_cannot_be_read(bench: Bench) -> None:
    job_id = holding(bench, f'echo {SECRET} > mine; pwd')
    folder = bench.logs.read(job_id, 1, 'stdout', 0, 1000).data.decode().split()[0]
    told = said(bench, shell(f'cat {folder}/mine; echo x > {folder}/o; ls {folder}'))
    bench.runner.stop(job_id, 5, 'over')
    bench.end()
    assert SECRET not in told and 'mine\n' not in told.replace('/mine', '')


@pytest.mark.parametrize('path', ['/etc/x', '/usr/x', '/x', '/root/x', '/run/x', '/dev/x',
                                  '/proc/sys/kernel/core_pattern', '/sys/kernel/x', '/home/x'])
def test_nothing_is_written_outside(walled: Bench, path: str) -> None:
    end = walled.run(shell(f'echo x > {path}'))
    assert end.exit_code != 0 and path in end.reason


def test_private_folders_are_empty_and_gone_afterwards(walled: Bench) -> None:
    for _ in range(2):
        told = said(walled, shell('ls -A /tmp /var/tmp /dev/shm | grep -v : | grep -v "^$"; '
                                  'echo x > /tmp/left; echo x > /dev/shm/left'))
        assert 'left' not in told
    assert not Path('/tmp/left').exists() and not Path('/dev/shm/left').exists()


def test_private_folders_cannot_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cage_view, 'TMP_BYTES', 1 << 20)
    made = caged(tmp_path, 'bubblewrap', RunLimits(10_000, 10**9))
    if not made.runner.cage.sized:
        made.close()
        pytest.skip('not here: this bubblewrap knows no --size')
    for folder in ('/tmp', '/var/tmp', '/dev/shm'):
        end = made.run(shell(f'head -c 2000000 /dev/zero > {folder}/x'))
        assert end.exit_code != 0 and 'No space left' in end.reason
    made.close()


def test_mount_of_the_cage_cannot_be_changed(walled: Bench, tmp_path: Path) -> None:
    end = walled.run(shell('mount -o remount,rw / || umount /root || mount -t tmpfs x /etc'))
    assert end.exit_code != 0


@pytest.mark.parametrize('swapped', ['file', 'folder'])
def test_output_that_becomes_a_link_meanwhile_is_never_followed(
    tmp_path: Path, swapped: str
) -> None:
    """As a process that could not be ended might."""
    secret, folder = tmp_path / 'secret', tmp_path / 'job'
    secret.mkdir()
    (secret / 'o').write_text(SECRET)
    for name in ('a', 'b'):
        (folder / name).mkdir(parents=True)
        (folder / name / 'o').write_text('made')
    store, over = BlobStore(tmp_path / 'store', 10**8), threading.Event()

    def swap() -> None:
        target = folder / 'a' / 'o' if swapped == 'file' else folder / 'a'
        link = folder / 'link'
        link.symlink_to(secret / 'o' if swapped == 'file' else secret)
        aside = folder / 'aside'
        while not over.is_set():
            os.rename(target, aside)
            os.rename(link, target)
            os.rename(target, link)
            os.rename(aside, target)

    thread = threading.Thread(target=swap)
    thread.start()
    taken = refused = 0
    end_s = time.monotonic() + WAIT_S
    while taken + refused < 300 or (not refused and time.monotonic() < end_s):
        try:
            [ref] = take_outputs(store, ('a/o',), folder)
        except ValueError:
            refused += 1
        else:
            taken += 1
            assert store.path(ref.sha256).read_text() == 'made'
    over.set()
    thread.join()
    assert refused, 'the race was lost at least once'


def test_output_that_is_a_link_to_a_key_is_refused(bench: Bench, tmp_path: Path) -> None:
    end = bench.run(shell(f'ln -s {tmp_path}/key.pem o', outputs=('o',)))
    assert 'missing or not a regular file' in end.reason and not end.outputs


def test_hard_link_to_a_file_of_the_robot_cannot_be_made(bench: Bench, tmp_path: Path) -> None:
    end = bench.run(shell(f'ln {tmp_path}/key.pem o || ln /etc/shadow o', outputs=('o',)))
    assert not end.outputs


def test_job_that_hides_its_folder_behind_a_link_harms_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    target = tmp_path / 'precious'
    target.mkdir()
    (target / 'x').write_text('x')
    bench.run(shell(f'mkdir a; ln -s {target} a/l; cd ..; rm -rf 1; ln -s {target} 1'))
    assert (target / 'x').exists()
    assert said(bench, shell('echo x > o && cat o')) == 'x\n'


# ---- processes


def test_robot_cannot_be_signalled_traced_or_looked_into(bench: Bench) -> None:
    told = said(bench, python(
        'import ctypes, os, signal, sys\n'
        'robot = int(sys.argv[1])\n'
        'def attempt(name, work):\n'
        '    try: work()\n'
        '    except OSError as error: print(name, "refused")\n'
        '    else: print(name, "DONE")\n'
        'libc = ctypes.CDLL(None, use_errno=True)\n'
        'def trace():\n'
        '    if libc.ptrace(16, robot, 0, 0): raise OSError(ctypes.get_errno(), "")\n'
        'attempt("kill", lambda: os.kill(robot, 0))\n'
        'attempt("group", lambda: os.killpg(os.getpgid(robot), 0))\n'
        'attempt("trace", trace)\n'
        'attempt("environ", lambda: open(f"/proc/{robot}/environ").read())\n'
        'attempt("memory", lambda: open(f"/proc/{robot}/mem", "rb").read(1))\n'
        'attempt("files", lambda: os.listdir(f"/proc/{robot}/fd"))\n'
        'attempt("root", lambda: os.listdir(f"/proc/{robot}/root/"))\n'
        'attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, robot, 19))\n',
        str(os.getpid()),
    ))
    assert told.splitlines() == [
        f'{name} refused' for name in
        ('kill', 'group', 'trace', 'environ', 'memory', 'files', 'root', 'priority')
    ]


def test_robot_is_not_even_seen(walled: Bench) -> None:
    told = said(walled, shell('ls /proc | grep -E "^[0-9]+$" | wc -l'))
    assert int(told) < 10, 'itself and its keeper'


def test_signal_to_all_reaches_only_its_own(bench: Bench) -> None:
    other = holding(bench)
    assert bench.run(shell('kill -9 -1; exit 0')).exit_code in (0, -9)
    assert [each.stopped for each in bench.reported] == [False], 'the other one goes on'
    bench.runner.stop(other, 5, 'over')
    assert bench.end().reason == 'over'


def test_fork_bomb_meets_a_limit_and_other_jobs_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast_end(monkeypatch)
    for wall in WALLS:
        made = caged(tmp_path / wall, wall, RunLimits(20_000, 10**6, processes=30))
        bomb = made.start(python(
            'import os, signal\n'
            'count = 0\n'
            'try:\n'
            '    while count < 400:\n'  # bounded, should the limit not hold
            '        if os.fork() == 0: signal.pause()\n'
            '        count += 1\n'
            'except BlockingIOError: pass\n'
            'print("##swarm note", count, flush=True)\n'
            'signal.pause()\n'
        ))
        count = int(made.progress.get(timeout=20).text)
        assert 10 < count < 30, wall
        assert said(made, shell('echo here')) == 'here\n', 'with processes of its own'
        made.runner.stop(bomb, 5, 'over')
        assert made.end().reason == 'over'
        made.close()


def test_job_that_ignores_the_request_to_end_is_ended(bench: Bench) -> None:
    job_id = holding(bench, 'trap "" TERM HUP INT')
    began = time.monotonic()
    bench.runner.stop(job_id, 5, 'cancelled')
    assert bench.end().reason == 'cancelled'
    assert time.monotonic() - began >= GRACE_S, 'it had its grace'


def test_job_may_put_things_in_order_before_it_is_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient_end(monkeypatch)
    job_id = bench.start(shell(
        'trap "echo in order; exit" TERM; echo "##swarm note up"; while :; do sleep 0.01; done'
    ))
    bench.progress.get(timeout=20)
    bench.runner.stop(job_id, 5, 'enough')
    end = bench.end()
    assert end.reason == 'enough' and bench.printed(end).endswith('in order\n')


def test_child_of_an_asked_job_has_its_grace_as_well(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient_end(monkeypatch)
    job_id = bench.start(shell(
        '(trap "sleep 0.05; echo in order; exit" TERM; echo "##swarm note up"; '
        'while :; do sleep 0.01; done) & wait'
    ))
    bench.progress.get(timeout=20)
    bench.runner.stop(job_id, 5, 'enough')
    assert bench.printed(bench.end()).endswith('in order\n')


DAEMON = """
import os, signal, sys
for _ in range(2):
    if os.fork(): os._exit(0)
    os.setsid()
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
os.closerange(0, 100)
os.chdir('/')
os.execve(sys.argv[1], ['sleep', '600.' + sys.argv[2]], {})  # also its marks are gone
"""


def test_daemon_without_a_trace_of_its_job_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without control groups, which would find it in any case."""
    fast_end(monkeypatch)
    sleep = shutil.which('sleep', path='/usr/bin:/bin')
    assert sleep is not None
    for wall in WALLS:
        made = caged(tmp_path / wall, wall, with_cgroups=False)
        token = f'{os.getpid()}{len(wall)}'
        made.start(python(
            'import os, subprocess, sys, time\n'
            'subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2], sys.argv[3]])\n'
            'def seen():\n'
            '    for pid in os.listdir("/proc"):\n'
            '        try:\n'
            '            if pid.isdecimal() and b"600." + sys.argv[3].encode() in '
            'open(f"/proc/{pid}/cmdline", "rb").read().split(b"\\0"): return True\n'
            '        except OSError: pass\n'
            'while not seen(): pass\n',
            DAEMON, sleep, token,
        ))
        assert made.end().exit_code == 0, wall
        assert eventually(lambda token=token: not living_with(f'600.{token}')), wall
        made.close()


ROBOT = """
import os, sys
sys.path[:0] = sys.argv[2].split(os.pathsep)
from pathlib import Path
from cage_bench import caged, holding
bench = caged(Path(sys.argv[1]), 'bubblewrap')
bench.start(__import__('runner_bench').shell(
    'setsid env -i sleep 600.' + sys.argv[3] + ' & echo "##swarm note up"; wait'))
bench.progress.get(timeout=20)
print('up', flush=True)
bench.end()
"""


def test_nothing_of_a_cage_outlives_a_robot_that_was_killed(tmp_path: Path) -> None:
    need('bubblewrap', tmp_path)
    token = f'{os.getpid()}77'
    robot = subprocess.Popen(
        [sys.executable, '-c', ROBOT, str(tmp_path), os.pathsep.join(sys.path), token],
        stdout=subprocess.PIPE,
    )
    assert robot.stdout is not None and robot.stdout.readline() == b'up\n'
    robot.send_signal(signal.SIGKILL)
    robot.wait()
    robot.stdout.close()
    assert eventually(lambda: not living_with(f'600.{token}'))


def test_process_of_a_former_life_is_known_by_its_user(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip('not here: the tests do not run as root')
    made = caged(tmp_path, 'user')
    left = subprocess.Popen(['sleep', '600'], user=made.runner.cage.users[7], env={})
    made.close()
    later = caged(tmp_path, 'user')
    assert left.wait(20) == -signal.SIGKILL
    later.close()


def test_job_inherits_no_descriptor_but_its_own(bench: Bench, tmp_path: Path) -> None:
    with open(tmp_path / 'of the robot', 'w') as ours:
        os.set_inheritable(ours.fileno(), True)
        told = said(bench, shell('ls -l /proc/self/fd; echo progress=$SWARM_PROGRESS_FD'))
    assert 'of the robot' not in told and 'socket' not in told
    # stdin, stdout, stderr, progress, and the folder that ls is reading
    assert told.count(' -> ') == 5


def test_job_that_ends_its_keeper_gains_nothing(walled: Bench) -> None:
    end = walled.run(shell('kill -9 1; kill -TERM 1; kill -STOP 1; exit 7'))
    assert end.exit_code == 7


CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, *arguments):
    if getattr(libc, name)(*arguments) < 0: print(name, os.strerror(ctypes.get_errno()))
    else: print(name, 'DONE')
attempt('unshare', 0x10000000)
attempt('setns', 0, 0)
attempt('mount', None, b'/tmp', b'tmpfs', 0, None)
attempt('umount2', b'/tmp', 0)
attempt('syscall', {'x86_64': 56}.get(os.uname().machine, 220), 0x10000000 | 17, 0, 0, 0, 0)
attempt('syscall', 435, None, 0)
attempt('syscall', 425, 1, None)
attempt('ioctl', 0, 0x5412, b'x')
import subprocess, threading
threading.Thread(target=print, args=('thread',)).start()
subprocess.run(['echo', 'process'])
"""


def test_calls_that_no_job_needs_are_refused_and_others_are_not(walled: Bench) -> None:
    if not filter_here():
        pytest.skip('not here: a filter for the calls of this processor')
    end = walled.run(python(CALLS))
    no = 'Operation not permitted'
    assert sorted(walled.printed(end).splitlines()) == sorted([
        f'unshare {no}', f'setns {no}', f'mount {no}', f'umount2 {no}', f'syscall {no}',
        'syscall Function not implemented', f'syscall {no}', f'ioctl {no}', 'thread', 'process',
    ]), end


# ---- the network


def test_services_of_the_robot_cannot_be_reached(walled: Bench) -> None:
    """The tower and file server on loopback, and abstract sockets of any service."""
    name = f'swarm-test-{os.getpid()}'
    with socket.create_server(('127.0.0.1', 0)) as tower, socket.socket(socket.AF_UNIX) as bus:
        bus.bind(f'\0{name}')
        bus.listen()
        told = said(walled, python(
            'import socket, sys\n'
            'def attempt(family, where):\n'
            '    try: socket.socket(family).connect(where)\n'
            '    except OSError: print("refused")\n'
            '    else: print("REACHED")\n'
            'attempt(socket.AF_INET, ("127.0.0.1", int(sys.argv[1])))\n'
            'attempt(socket.AF_UNIX, "\\0" + sys.argv[2])\n',
            str(tower.getsockname()[1]), name,
        ))
    assert told.splitlines() == ['refused', 'refused']


def test_kind_that_the_policy_lets_has_the_network(tmp_path: Path) -> None:
    made = caged(tmp_path, 'bubblewrap', network=('exec',))
    with socket.create_server(('127.0.0.1', 0)) as server:
        end = made.run(python(
            'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))',
            str(server.getsockname()[1]),
        ))
    made.close()
    assert end.exit_code == 0, end.reason


# ---- devices


@pytest.fixture
def node() -> Iterator[str]:
    """A character device that only root and group 5678 may open: /dev/null under another name."""
    path = f'/dev/swarm-test-{os.getpid()}'
    try:
        os.mknod(path, stat.S_IFCHR | 0o660, os.makedev(1, 3))
        os.chown(path, 0, 5678)
        with open(path, 'wb'):
            pass
    except OSError as error:
        pytest.skip(f'not here: a device node of our own ({error})')
    yield path
    os.unlink(path)


def test_device_is_there_only_for_a_job_that_requires_it(walled: Bench, node: str) -> None:
    walled.runner.cage.hardware = {'sensor:test': (node,)}
    script = f'echo x > {node}; ls /dev | grep -c swarm-test'
    assert walled.run(shell(script)).exit_code == 1
    end = walled.run(shell(script, requires=('sensor:test',)))
    assert end.exit_code == 0, end.reason


@pytest.mark.parametrize('entry', ['{}', 'exec={}', 'exec:sh={}', '/dev'])
def test_device_that_the_configuration_gives_is_there(
    tmp_path: Path, node: str, entry: str
) -> None:
    made = caged(tmp_path, 'bubblewrap', devices=(entry.format(node),))
    end = made.run(shell(f'test -c {node}'))
    made.close()
    assert end.exit_code == 0, end.reason


def test_processes_of_the_cage_are_counted_as_marked(walled: Bench) -> None:
    """The robot still finds them: bubblewrap and the keeper carry the marks of the job."""
    job_id = holding(walled)
    marks = (f'{process_group.STORAGE_MARK}={walled.folder}', f'SWARM_JOB_ID={job_id}')
    assert len(process_group.marked_processes(marks)) >= 3
    walled.runner.stop(job_id, 5, 'over')
    walled.end()
