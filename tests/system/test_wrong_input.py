# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Wrong input is refused with exit code 2 and a sentence that says what was expected."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from swarm_coordinator.local_swarm import LocalSwarm, robot_names

Make = Callable[..., Any]
ENDS_S = 60.0


def run_robot(folder: Path, count: int = 1, **parameters: Any) -> tuple[int, str]:
    """Start one robot that is expected to refuse; (exit code, what it said)."""
    values = {'parts': ['coordinator'], **parameters}
    with LocalSwarm(folder, robot_names(count), values) as swarm:
        swarm.start('r1')
        code = swarm.processes['r1'].wait(ENDS_S)
    return code, swarm.log_path('r1').read_text()


@pytest.mark.parametrize(
    ('parameters', 'expected'),
    [
        ({'heart_beat': 3}, 'unknown parameter heart_beat: expected one of'),
        ({'voters': ['r1', 'r2']}, 'expected an odd number'),
        ({'voters': ['r1', 'r1', 'r2']}, 'names a robot twice'),
        ({'timing_profile': 'fast'}, 'expected one of wired, wifi, mesh, congested'),
        ({'job_slots': -1}, 'job_slots=-1: expected 0 to 256'),
        ({'job_slots': 'two'}, 'expected int, got str'),
        ({'robot_id': '1-robot'}, 'is not a valid name'),
        ({'parts': ['coordinatr']}, 'is not installed; installed are'),
        ({'job_lease_ttl_ms': 500}, 'job_lease_ttl_ms=500: expected 2000 to'),
        ({'exec_allow': ['/bin/sh']}, 'expected a program name, not a path'),
    ],
)
def test_wrong_parameter_is_refused(
    tmp_path: Path, parameters: dict[str, Any], expected: str
) -> None:
    code, said = run_robot(tmp_path, **parameters)
    assert code == 2, said
    assert expected in said
    assert 'Traceback' not in said


def test_robot_id_used_twice_ends_the_younger_robot_only(field: Make, tmp_path: Path) -> None:
    made = field()
    made.ready()
    made.swarm.own = {'twin': {'robot_id': 'r1', 'storage_dir': str(tmp_path / 'twin')}}
    made.swarm.start('twin')
    assert made.swarm.processes['twin'].wait(ENDS_S) == 2
    assert 'robot_id=r1 is already used' in made.swarm.log_path('twin').read_text()
    assert made.swarm.processes['r1'].poll() is None
    assert made.leader()


def test_storage_folder_in_use_is_refused_with_the_process_that_uses_it(field: Make) -> None:
    made = field(count=1)
    made.ready()
    pid = made.swarm.processes['r1'].pid
    made.swarm.own = {'again': {'robot_id': 'r1', 'storage_dir': str(made.swarm.storage('r1'))}}
    made.swarm.start('again')
    assert made.swarm.processes['again'].wait(ENDS_S) == 2
    assert f'in use by process {pid}' in made.swarm.log_path('again').read_text()


def test_storage_of_another_robot_is_refused(field: Make) -> None:
    made = field(count=1)
    made.ready()
    made.swarm.stop_all()
    made.swarm.own = {'r7': {'storage_dir': str(made.swarm.storage('r1')), 'voters': ['r7']}}
    made.swarm.start('r7')
    assert made.swarm.processes['r7'].wait(ENDS_S) == 2
    assert "was made with robot_id='r1'" in made.swarm.log_path('r7').read_text()


def test_program_outside_the_allow_list_and_missing_file_are_refused(
    field: Make, swarmctl: Make
) -> None:
    made = field(count=1)
    made.ready()
    answer = swarmctl(made.swarm, 'jobs', 'submit', '--', 'rm', '-rf', 'x')
    assert answer.returncode == 2
    assert 'no robot of this swarm offers exec:rm' in answer.stderr
    answer = swarmctl(made.swarm, 'jobs', 'submit', '--in', '/no/such/file', '--', 'true')
    assert answer.returncode == 2
    assert 'no such file' in answer.stderr


def filled(made: Any, jobs: int = 5) -> None:
    """Some history in the log of r1, then an orderly end."""
    made.ready()
    ids = [made.submit('r1', ['true']) for _ in range(jobs)]
    made.ended('r1', ids)


def test_database_damaged_in_the_middle_is_refused(field: Make) -> None:
    made = field(count=1)
    filled(made)
    assert made.swarm.stop('r1') == 0
    path = made.swarm.storage('r1') / 'log.sqlite'
    with sqlite3.connect(path) as database:
        database.execute("UPDATE entries SET data = X'00' || substr(data, 2) WHERE log_index = 3")
    database.close()
    made.swarm.start('r1')
    assert made.swarm.processes['r1'].wait(ENDS_S) == 2
    said = made.swarm.log_path('r1').read_text()
    assert str(path) in said
    assert 'entry 3' in said


def test_torn_end_of_the_write_ahead_log_is_healed(field: Make) -> None:
    made = field(count=1)
    filled(made)
    term = made.term(made.leader())
    made.swarm.kill('r1')  # no orderly end, so that the write-ahead log stays
    wal = made.swarm.storage('r1') / 'log.sqlite-wal'
    assert wal.stat().st_size > 0
    with open(wal, 'ab') as file:
        file.write(os.urandom(1000))  # a frame that was being written when the power went
    made.swarm.start('r1')
    made.leader(above_term=term)
    made.until(lambda: len(made.jobs('r1')) == 5, 'r1 has all its jobs again')


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip('not here: root, to mount a small file system')
    folder = tmp_path / 'disk'
    folder.mkdir()
    command = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'swarm-test', str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f'not here: permission to mount ({done.stderr.strip()})')
    try:
        yield folder
    finally:
        subprocess.run(['umount', str(folder)], check=True)


def test_full_disk_at_the_start_is_refused(small_disk: Path, tmp_path: Path) -> None:
    with open(small_disk / 'ballast', 'wb') as ballast:
        ballast.write(b'x' * (1024 * 1024 - 8192))
    code, said = run_robot(tmp_path / 'swarm', storage_dir=str(small_disk / 'r1'))
    assert code == 2, said
    assert 'no room on the disk' in said


def test_disk_that_fills_up_stops_the_robot_with_the_reason(
    small_disk: Path, field: Make
) -> None:
    made = field(count=1, start=False)
    made.swarm.own = {'r1': {'storage_dir': str(small_disk / 'r1')}}
    made.swarm.start('r1')
    made.ready()
    with open(small_disk / 'ballast', 'wb', buffering=0) as ballast:
        try:
            while True:
                ballast.write(b'x' * 4096)
        except OSError:
            pass
    from swarm_msgs import msg, srv

    client = made.client.node.create_client(srv.SubmitJob, '/r1/submit_job')
    work = msg.ExecWork(argv=['true', 'x' * 30_000])
    spec = msg.JobSpec(kind='exec', exec=[work])
    made.until(client.service_is_ready, 'r1 takes jobs')
    for _ in range(6):
        client.call_async(srv.SubmitJob.Request(spec=spec))
    made.until(lambda: made.swarm.processes['r1'].poll() is not None, 'r1 stops')
    assert made.swarm.processes['r1'].returncode == 2
    assert 'no room on the disk' in made.swarm.log_path('r1').read_text()
