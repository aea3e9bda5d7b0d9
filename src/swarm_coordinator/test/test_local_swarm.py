# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Starting and ending robot processes on this machine, with stand-ins for robots."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from swarm_coordinator import local_swarm
from swarm_coordinator.local_swarm import (
    Domain,
    LocalSwarm,
    parameter_arguments,
    robot_names,
    voters_of,
)


@pytest.mark.parametrize(
    ('robots', 'voters'), [(1, 1), (2, 1), (3, 3), (4, 3), (5, 5), (6, 5), (7, 7), (8, 7), (20, 7)]
)
def test_voters_are_the_largest_odd_number_up_to_seven(robots: int, voters: int) -> None:
    names = robot_names(robots)
    assert len(set(names)) == robots
    assert voters_of(names) == names[:voters]


def test_parameters_become_ros_arguments() -> None:
    assert parameter_arguments({}) == []
    assert parameter_arguments({'a': 1, 'b': True, 'c': ('x', 'y'), 'd': [], 'e': 's'}) == [
        '--ros-args', '-p', 'a:=1', '-p', 'b:=true', '-p', 'c:=["x", "y"]', '-p', 'd:=[]', '-p',
        'e:=s',
    ]


def test_two_swarms_never_share_a_domain_until_one_is_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(local_swarm.tempfile, 'gettempdir', lambda: str(tmp_path))
    monkeypatch.setattr(local_swarm, 'DOMAINS', range(20, 22))
    first, second = Domain(), Domain()
    assert {first.number, second.number} == {20, 21}
    with pytest.raises(RuntimeError, match='20 to 21 is in use'):
        Domain()
    first.close()
    third = Domain()
    assert third.number == first.number
    second.close()
    third.close()


SLEEPER = 'import signal, time\nprint("up", flush=True)\ntime.sleep(600)'


class Sleepers(LocalSwarm):
    def arguments(self, name: str) -> list[str]:
        return [sys.executable, '-c', SLEEPER]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('ROS_DOMAIN_ID', 'ROS_AUTOMATIC_DISCOVERY_RANGE'):
        monkeypatch.setenv(name, os.environ.get(name, '1'))  # put back after the test


def test_every_process_is_ended_when_the_swarm_is_left(tmp_path: Path) -> None:
    with Sleepers(tmp_path / 'swarm', robot_names(2)) as swarm:
        swarm.start_all()
        processes = list(swarm.processes.values())
        swarm.signal('r1', signal.SIGSTOP)
        assert all(process.poll() is None for process in processes)
        assert (tmp_path / 'swarm').is_dir() and swarm.log_path('r1').exists()
    assert [process.returncode for process in processes] == [-signal.SIGTERM] * 2


def test_killed_robot_is_gone_at_once_and_can_be_started_again(tmp_path: Path) -> None:
    with Sleepers(tmp_path, ('r1',)) as swarm:
        swarm.start('r1')
        first = swarm.processes['r1']
        swarm.kill('r1')
        assert first.returncode == -signal.SIGKILL and 'r1' not in swarm.processes
        swarm.start('r1')
        assert swarm.stop('r1') == -signal.SIGTERM


def test_arguments_name_the_robot_its_voters_and_its_own_parameters(tmp_path: Path) -> None:
    with LocalSwarm(
        tmp_path, robot_names(3), {'job_slots': 2, 'swarm_id': None}, {'r2': {'job_slots': 7}}
    ) as swarm:
        line = swarm.arguments('r2')
        assert 'robot_id:=r2' in line and 'voters:=["r1", "r2", "r3"]' in line
        assert 'job_slots:=7' in line and f'storage_dir:={tmp_path / "r2"}' in line
        assert not any('None' in word for word in line)
        assert f'keys_dir:={tmp_path / "keys" / "local"}' in line, 'nothing of the person is used'
        assert 'job_slots:=2' in swarm.arguments('r1')
        environment = swarm.environment()
        assert environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
        assert environment['ROS_DOMAIN_ID'] == str(swarm.domain.number)
