# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The robot process: parameters become configurations, and what is wrong is said and ends it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from swarm_coordinator.core.ids import checked_name  # noqa: E402
from swarm_coordinator.local_swarm import Domain, parameter_arguments  # noqa: E402
from swarm_coordinator.ros import robot  # noqa: E402
from swarm_coordinator.ros.robot import configured, default_robot_id, load_parts  # noqa: E402


@dataclass(frozen=True)
class Sample:
    flag: bool = False
    count: int = 3
    share: float = 0.5
    name: str = 'x'
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f'count={self.count}: expected at least 0')


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ({}, Sample()),
        ({'flag': True, 'count': 4, 'name': 'y'}, Sample(True, 4, 0.5, 'y')),
        ({'share': 1}, Sample(share=1.0)),
        ({'names': ['a', 'b']}, Sample(names=('a', 'b'))),
        ({'names': []}, Sample()),
        ({'names': ['']}, Sample()),  # how a parameter file says an empty list
        ({'of_another_part': 1}, Sample()),
    ],
)
def test_parameters_become_a_configuration(given: dict[str, Any], expected: Sample) -> None:
    made = configured(Sample, given)
    assert made == expected
    assert all(type(getattr(made, f.name)) is type(f.default) for f in dataclasses.fields(made))


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ({'count': True}, 'count=True: expected int, got bool'),
        ({'share': 10**400}, 'expected float, got int'),
        ({'count': 1.0}, 'expected int, got float'),
        ({'count': '1'}, 'expected int, got str'),
        ({'flag': 1}, 'expected bool, got int'),
        ({'share': True}, 'expected float, got bool'),
        ({'share': 'half'}, 'expected float'),
        ({'name': 5}, 'expected str, got int'),
        ({'name': None}, 'expected str'),
        ({'names': 'a'}, "names='a': expected a list of strings"),
        ({'names': 5}, 'expected a list of strings'),
        ({'names': [1, 2]}, 'expected a list of strings'),
        ({'count': -1}, 'count=-1: expected at least 0'),
    ],
)
def test_parameter_that_does_not_fit_is_refused_by_name(
    given: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        configured(Sample, given)


@pytest.mark.parametrize('host', ['pi-4.local', '4711', '', 'ä', 'x' * 99, '_a'])
def test_name_of_the_host_becomes_a_valid_robot_id(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robot.socket, 'gethostname', lambda: host)
    checked_name(default_robot_id(), 'robot_id')


def test_part_that_is_not_installed_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="'submarine' is not installed; installed are: .*coord"):
        load_parts(['submarine'])


# ---- as a process


@pytest.fixture
def domain() -> Iterator[Domain]:
    made = Domain()
    yield made
    made.close()


def run(
    domain: Domain,
    tmp_path: Path,
    program: tuple[str, ...] = ('-m', 'swarm_coordinator.ros.robot'),
    **parameters: Any,
) -> subprocess.CompletedProcess[str]:
    """A robot process that is expected to end by itself."""
    values = {'parts': ['coordinator'], 'storage_dir': str(tmp_path / 'store'), **parameters}
    return subprocess.run(
        [sys.executable, *program, *parameter_arguments(values)],
        env={
            **os.environ, 'ROS_DOMAIN_ID': str(domain.number),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'ROS_LOG_DIR': str(tmp_path / 'log'),
        },
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )


@pytest.mark.parametrize(
    ('parameters', 'expected'),
    [
        (
            {'robot_id': 'r1', 'voter': ['r1']},
            ['unknown parameter voter', 'voters', 'job_slots', 'timing_profile'],
        ),
        ({'robot_id': 'r1', 'voters': ['r1', 'r2']}, ['can split evenly', 'odd number']),
        ({'robot_id': 'r1', 'parts': ['submarine']}, ["'submarine' is not installed"]),
        ({'robot_id': 'not-a-name'}, ["robot_id='not-a-name' is not a valid name"]),
        ({'robot_id': 'r1', 'job_slots': 'many'}, ["job_slots='many': expected int"]),
        ({'robot_id': 'r1', 'storage_dir': '/proc/nowhere'}, ['/proc/nowhere']),
    ],
    ids=['unknown', 'even voters', 'unknown part', 'name', 'type', 'storage'],
)
def test_wrong_input_ends_the_process_with_2_and_one_sentence(
    domain: Domain, tmp_path: Path, parameters: dict[str, Any], expected: list[str]
) -> None:
    ended = run(domain, tmp_path, **parameters)
    assert ended.returncode == 2, ended.stderr
    for text in expected:
        assert text in ended.stderr
    assert 'Traceback' not in ended.stderr
    assert not (tmp_path / 'store').exists() or parameters.get('storage_dir')


HANGS = """
import ctypes, sys, rclpy
from swarm_coordinator.ros import robot
robot.LEAVE_S = 0.3
rclpy.try_shutdown = lambda: ctypes.PyDLL(None).sleep(600)  # with Python's lock held
sys.exit(robot.main(sys.argv))
"""


def test_robot_that_the_middleware_does_not_let_go_of_ends_with_its_code(
    domain: Domain, tmp_path: Path
) -> None:
    ended = run(domain, tmp_path, program=('-c', HANGS), robot_id='not-a-name')
    assert ended.returncode == 2 and "robot_id='not-a-name'" in ended.stderr


def test_range_of_a_number_is_told_to_who_describes_the_parameter() -> None:
    @dataclass(frozen=True)
    class Ranged:
        count: int = dataclasses.field(default=3, metadata={'help': 'x', 'low': 1, 'high': 9})
        share: float = dataclasses.field(default=0.5, metadata={'low': 0.0, 'high': 1.0})
        name: str = ''

    with robot.quiet_context(None) as context:
        node = robot.Node('ranged', context=context, start_parameter_services=False)
        robot.declare(node, Ranged())
        [whole] = node.describe_parameter('count').integer_range
        [part] = node.describe_parameter('share').floating_point_range
        assert (whole.from_value, whole.to_value, part.to_value) == (1, 9, 1.0)
        assert not node.describe_parameter('name').integer_range
        node.destroy_node()
