# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which wall a robot has, what it says of it, and that jobs work behind it as without one."""

from __future__ import annotations

import json
import logging
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cage_bench import WALLS, caged, holding, need, said
from runner_bench import Bench, fast_end, function, python, shell

from swarm_coordinator.core.worker import ProcessEnd
from swarm_coordinator.runner import cage as cage_module
from swarm_coordinator.runner.cage import Cage, CagePolicy, Needs, Wall
from swarm_coordinator.runner.job_runner import RunnerSetup

CALLS = tuple(f'python_calls:{name}' for name in (
    'add', 'copy', 'surroundings', 'vanishes', 'crashes', 'reads', 'who', 'says',
    'leaves_orphan', 'tells', 'writes',
))


SYSTEM_PYTHON = '/usr/bin/python3'


@pytest.fixture(params=WALLS)
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    fast_end(monkeypatch)
    made = caged(tmp_path, request.param)
    yield made
    made.close()


@pytest.fixture(params=WALLS)
def pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    fast_end(monkeypatch)
    if request.param == 'user' and os.path.exists(SYSTEM_PYTHON):
        # The one that runs the tests may be in a folder closed to others.
        monkeypatch.setattr(sys, 'executable', SYSTEM_PYTHON)
    made = caged(tmp_path, request.param, python_allow=CALLS)
    yield made
    made.close()


def opened(folder: Path, wall: str = 'auto', **policy: Any) -> Cage:
    cage = Cage(CagePolicy(wall, **policy), str(folder / 'jobs'))
    cage.open()
    return cage


def without(monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    real = cage_module._program
    monkeypatch.setattr(cage_module, '_program', lambda name: '' if name in programs
                        else real(name))


# ---- which wall


def test_best_wall_that_works_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need('bubblewrap', tmp_path)
    assert opened(tmp_path).wall is Wall.BUBBLEWRAP
    without(monkeypatch, 'bwrap')
    cage = opened(tmp_path)
    assert 'bubblewrap is not installed: apt-get install bubblewrap' in cage.told()
    assert cage.weak
    assert cage.wall is (Wall.USER if os.geteuid() == 0 else Wall.PRIVILEGES)


def test_kernel_that_forbids_namespaces_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container without the right to make them."""
    fake = tmp_path / 'bwrap'
    fake.write_text('#!/bin/sh\necho "bwrap: No permissions to create new namespace"; exit 1\n')
    fake.chmod(0o755)
    real = cage_module._program
    monkeypatch.setattr(cage_module, '_program', lambda name: str(fake) if name == 'bwrap'
                        else real(name))
    cage = opened(tmp_path)
    assert cage.wall in (Wall.USER, Wall.PRIVILEGES)
    assert 'bubblewrap does not work here: bwrap: No permissions' in cage.told()


def test_robot_that_is_not_root_says_what_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, 'bwrap')
    monkeypatch.setattr(cage_module.os, 'geteuid', lambda: 1000)
    cage = opened(tmp_path)
    assert cage.wall is Wall.PRIVILEGES
    assert 'read its keys' in cage.told() and 'only a robot that runs as root' in cage.told()


@pytest.mark.parametrize('wall', WALLS)
def test_wall_that_was_asked_for_and_cannot_be_had_means_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wall: str
) -> None:
    without(monkeypatch, 'bwrap', 'setpriv')
    made = Bench(tmp_path, setup=RunnerSetup(CALLS, 1, cage=CagePolicy(wall)))
    made.runner.warm()
    for job in (shell('true'), function('add', '[1, 1]')):
        end = made.run(job)
        assert end.unable and f'job_cage={wall} cannot be had here' in end.reason
        assert 'is not installed: apt-get install' in end.reason
    made.close()


def test_unknown_user_is_told(tmp_path: Path) -> None:
    cage = opened(tmp_path, user='no-such-user-here')
    assert cage.wall is Wall.MISSING and "there is no user 'no-such-user-here'" in cage.told()


def test_what_protects_jobs_is_logged_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, 'test'):
        made = Bench(tmp_path, setup=RunnerSetup(cage=CagePolicy('none')))
        made.close()
    [record] = [one for one in caplog.records if 'the cage of jobs' in one.getMessage()]
    assert record.levelno == logging.WARNING
    assert 'nothing: jobs may do what the robot may' in record.getMessage()


# ---- jobs work behind it


@pytest.mark.parametrize('code', [0, 1, 126, 127, 128, 137, 255])
def test_exit_code_comes_through_unchanged(bench: Bench, code: int) -> None:
    assert bench.run(shell(f'exit {code}')).exit_code == code


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV,
                                    signal.SIGPIPE, signal.SIGXFSZ])
def test_end_by_a_signal_comes_through_unchanged(bench: Bench, number: int) -> None:
    assert bench.run(shell(f'kill -{number} $$')).exit_code == -number


def test_files_go_in_and_out(bench: Bench) -> None:
    given = bench.given('in/a', 'abc')
    end = bench.run(shell('mkdir o; cat; cat in/a in/a > o/b; echo more >> in/a; chmod 0 o/b',
                          inputs=(given,), outputs=('o/b',), stdin='in/a'))
    assert (end.exit_code, end.reason) == (0, '')
    assert bench.output(end) == 'abcabc' and bench.printed(end) == 'abc'
    assert bench.store.path(given.sha256).read_text() == 'abc' and bench.clean()


def test_working_folder_and_home_are_where_they_are_said_to_be(bench: Bench) -> None:
    told = said(bench, shell('mkdir -p $HOME/x $TMPDIR/y; pwd; ls ..', folder='a/b'))
    folder = bench.runner.cage.root / '1'
    assert told.split() == [str(folder / 'a' / 'b'), 'b']
    assert bench.clean()


def test_progress_and_output_come_through(bench: Bench) -> None:
    end = bench.run(python(
        'import os, sys\n'
        'os.write(int(os.environ["SWARM_PROGRESS_FD"]), b"progress 0.5 half\\n")\n'
        'print("out"); print("err", file=sys.stderr)'
    ))
    assert (bench.printed(end), bench.printed(end, 'stderr')) == ('out\n', 'err\n')
    assert bench.progress.get(timeout=5).permille == 500


def test_stopped_job_ends_with_all_that_it_started(bench: Bench) -> None:
    job_id = holding(bench, 'sleep 600 & setsid sleep 600 &')
    bench.runner.stop(job_id, 5, 'enough')
    end = bench.end()
    assert (end.exit_code, end.reason, end.stopped) == (None, 'enough', True)


def test_limits_hold(bench: Bench) -> None:
    end = bench.run(shell('exec head -c 2000000 /dev/zero > big'))
    assert end.exit_code == -signal.SIGXFSZ
    hog = python('x = bytearray(200_000_000)', memory_bytes=100_000_000)
    assert 'MemoryError' in bench.run(hog).reason


def test_program_that_cannot_be_started_is_told(bench: Bench) -> None:
    end = bench.run(shell('exec /no/such/program'))
    assert end.exit_code == 127 and 'no/such/program' in end.reason


def test_cage_that_breaks_later_hands_the_job_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = caged(tmp_path, 'bubblewrap')
    monkeypatch.setattr(made.runner.cage, 'bwrap', '/bin/false')
    end = made.run(shell('true'))
    made.close()
    assert end.unable and end.exit_code is None and 'the cage of the job' in end.reason


def test_every_job_has_a_user_of_its_own(bench: Bench) -> None:
    if os.geteuid() != 0:
        pytest.skip('not here: the tests do not run as root')
    uids = {said(bench, shell('id -u; id -G')) for _ in range(3)}
    assert len(uids) == 3 and all(len(set(one.split())) == 1 for one in uids)


def test_named_user_is_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip('not here: the tests do not run as root')
    for wall in WALLS:
        made = caged(tmp_path / wall, wall, user='nobody')
        uid = int(said(made, shell('id -u')))
        made.close()
        assert uid == pwd.getpwnam('nobody').pw_uid, wall


def test_folder_goes_back_to_the_robot_with_nobody_elses_files(bench: Bench) -> None:
    assert bench.run(shell('true')).exit_code == 0
    folder = bench.runner.cage.root / '1'
    assert folder.stat().st_uid == os.geteuid() and bench.clean()
    assert said(bench, shell('pwd')).strip() == str(folder), 'the next one gets it'


def test_folders_of_the_configuration_may_be_used(tmp_path: Path) -> None:
    for name in ('data', 'out'):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    (tmp_path / 'data' / 'x').write_text('model')
    folders = (str(tmp_path / 'data'), f'{tmp_path}/out:rw')
    made = caged(tmp_path / 'robot', 'bubblewrap', folders=folders)
    told = said(made, shell(
        f'cat {tmp_path}/data/x; echo x > {tmp_path}/data/y; echo made > {tmp_path}/out/o'
    ))
    made.close()
    assert told.startswith('model') and 'Read-only' in told
    assert (tmp_path / 'out' / 'o').read_text() == 'made\n'


def test_robot_in_a_folder_closed_to_others_has_jobs_all_the_same(bench: Bench) -> None:
    """Folders of pytest are, and so is the home folder of root."""
    assert said(bench, shell('cd "$HOME" && echo x > x && cat x')) == 'x\n'


# ---- python jobs


def call(bench: Bench, name: str, *arguments: Any, **fields: Any) -> ProcessEnd:
    return bench.run(function(name, json.dumps(arguments), **fields))


def value(end: ProcessEnd) -> Any:
    assert (end.exit_code, end.reason) == (0, ''), end
    return json.loads(end.result)


def test_worker_is_in_the_cage(pool: Bench, tmp_path: Path) -> None:
    (tmp_path / 'key').write_text('secret')
    (tmp_path / 'key').chmod(0o600)
    assert value(call(pool, 'add', 3, 4)) == 7
    uid, pid = value(call(pool, 'who'))
    assert uid != os.geteuid() or uid != 0
    assert call(pool, 'reads', str(tmp_path / 'key')).exit_code == 1
    assert call(pool, 'reads', f'/proc/{os.getpid()}/environ').exit_code == 1
    if pool.runner.cage.walled:
        assert pid < 10, 'it sees its own processes only'


def test_call_has_its_files_and_surroundings(pool: Bench) -> None:
    given = pool.given('in/a', 'abc')
    end = call(pool, 'copy', 'in/a', 'b', inputs=(given,), outputs=('b',))
    assert value(end) == 3 and pool.output(end) == 'abc'
    told = value(call(pool, 'surroundings'))
    folder = told['folder']
    assert told['HOME'] == told['temporary'] == folder and folder.startswith(
        str(pool.runner.cage.root)
    )
    assert pool.printed(call(pool, 'says')) == 'to stdout\n'
    assert pool.clean()


def test_worker_sees_the_folder_of_its_call_and_no_other(pool: Bench) -> None:
    root = str(pool.runner.cage.root)
    other = holding(pool, 'echo secret > s')
    assert call(pool, 'reads', f'{root}/1/s').exit_code == 1
    pool.runner.stop(other, 5, 'over')
    pool.end()


@pytest.mark.parametrize(('name', 'arguments', 'expected'), [
    ('vanishes', [7], 'exit code 7: last words'),
    ('crashes', [], 'ended by signal 11 (SIGSEGV)'),
])
def test_end_of_a_worker_is_told_as_without_a_cage(
    pool: Bench, name: str, arguments: list[Any], expected: str
) -> None:
    end = call(pool, name, *arguments)
    assert end.reason.startswith(f'the process of the call ended: {expected}')
    assert value(call(pool, 'add', 1, 1)) == 2, 'another one took over'


def test_runner_leaves_no_folder_outside_its_own(bench: Bench) -> None:
    assert bench.run(shell('echo x > x')).exit_code == 0
    bench.runner.close()
    root = bench.runner.cage.root
    assert root == bench.folder or not root.parent.exists()


def test_room_of_a_worker_is_gone_with_it(pool: Bench) -> None:
    assert value(call(pool, 'add', 1, 1)) == 2
    pool.runner.close()
    root = pool.runner.cage.root
    assert list(root.parent.glob('jobs-*')) == []


def test_python_that_the_user_of_jobs_may_not_read_runs_outside_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need('user', tmp_path)
    real = Cage._trial

    def trial(self: Cage, what: str, *command: Any) -> str:
        return 'Permission denied' if command else real(self, what)

    monkeypatch.setattr(Cage, '_trial', trial)
    cage = opened(tmp_path, 'user')
    assert cage.wall is Wall.USER and not cage.python_open and cage.weak
    assert 'run outside, as the robot' in cage.told()
    code = cage.enter(Needs('python', tmp_path, tmp_path, code=True))
    assert code.person is None and '--no-new-privs' in code.prelude


# ---- a robot that is not root


UNPRIVILEGED = """
import json, os, sys
sys.path[:0] = sys.argv[2].split(os.pathsep)
from pathlib import Path
from cage_bench import Bench, CagePolicy, RunLimits, RunnerSetup, shell
from runner_bench import python, function
folder = Path(sys.argv[1])
(folder / 'key').write_text('secret')
cage = CagePolicy('bubblewrap', hidden=(str(folder),))
limits = RunLimits(20_000, 10**6, processes=40)
calls = ('python_calls:add', 'python_calls:reads')
bench = Bench(folder, limits, RunnerSetup(calls, 1, cage=cage))
told = {'cage': bench.runner.cage.told()}
if bench.runner.cage.wall.value == 'bubblewrap':
    bench.runner.warm()
    def run(what):
        end = bench.run(what)
        return [end.exit_code, bench.printed(end) + end.reason + end.result]
    bomb = '''
import os, signal
count = 0
try:
    while count < 400:
        if os.fork() == 0: signal.pause()
        count += 1
except BlockingIOError: pass
print(count)
'''
    told |= {
        'uid': run(shell('id -u')),
        'key': run(shell(f'cat {folder}/key')),
        'etc': run(shell('echo x > /etc/x')),
        'files': run(shell('echo made > o && cat o', outputs=('o',))),
        'code': run(shell('exit 137')),
        'signal': run(shell('kill -9 $$')),
        'robot': run(shell(f'kill -0 {os.getpid()}')),
        'add': run(function('add', '[1, 2]')),
        'read': run(function('reads', json.dumps([f'{folder}/key']))),
        'user': run(shell('unshare --user true')),
        'bomb': run(python(bomb)),
    }
bench.close()
print('TOLD', json.dumps(told))
"""


def test_robot_that_is_not_root_has_the_same_cage(tmp_path: Path) -> None:
    """With the Python of the system, since another one may be in a folder closed to others."""
    need('bubblewrap', tmp_path)
    if not os.path.exists(SYSTEM_PYTHON):
        pytest.skip('not here: a Python of the system')
    folder = Path('/var/tmp') / f'swarm-test-{os.getpid()}'
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    as_other: list[str] = []
    if os.geteuid() == 0:
        os.chown(folder, 61000, 61000)
        as_other = ['setpriv', '--reuid', '61000', '--regid', '61000', '--clear-groups']
    lent = str(Path(pytest.__file__).parent.parent)
    paths = [path for path in sys.path if 'swarm_coordinator' in path or path == lent]
    try:
        done = subprocess.run(
            [*as_other, SYSTEM_PYTHON, '-c', UNPRIVILEGED, str(folder), os.pathsep.join(paths)],
            capture_output=True, text=True, timeout=120, check=False, cwd='/',
            env={'PATH': '/usr/bin:/bin', 'HOME': '/nonexistent'},
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if 'ModuleNotFoundError' in done.stderr or 'Permission denied' in done.stderr:
        pytest.skip(f'not here: what this test needs can be read by another user '
                    f'({done.stderr.strip()[-200:]})')
    [line] = [one for one in done.stdout.splitlines() if one.startswith('TOLD ')] or [done.stderr]
    told = json.loads(line.removeprefix('TOLD '))
    if 'uid' not in told:
        pytest.skip(f'not here: {told["cage"]}')
    assert told['uid'][0] == 0 and told['key'][0] != 0 and 'secret' not in told['key'][1]
    assert told['etc'][0] != 0 and told['robot'][0] != 0
    assert told['files'] == [0, 'made\n']
    assert (told['code'][0], told['signal'][0]) == (137, -9)
    assert told['add'] == [0, '3'] and told['user'][0] != 0
    assert int(told['bomb'][1].split()[0]) < 400
    assert told['read'][0] == 1 and 'secret' not in told['read'][1]

