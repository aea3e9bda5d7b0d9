# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What must hold between the values of the coordinator's configuration."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from swarm_coordinator.config import CoordinatorConfig
from swarm_coordinator.core.raft import PROFILES


def config(**values: Any) -> CoordinatorConfig:
    return CoordinatorConfig(**{'robot_id': 'r1', **values})


def test_defaults_are_valid_and_this_robot_is_the_only_voter() -> None:
    assert config().voter_ids == ('r1',)
    assert config().profile is PROFILES['wifi']
    assert config().storage_path.endswith('/.ros/swarm/r1')


def test_every_parameter_has_a_help_text() -> None:
    assert all(field.metadata['help'] for field in dataclasses.fields(CoordinatorConfig))


def test_cage_of_jobs_may_be_opened_by_name() -> None:
    made = config(
        job_cage='bubblewrap', job_user='swarm-jobs', job_network=('exec',),
        job_devices=('/dev', 'sensor:camera=/dev/video*', 'exec:ffmpeg=/dev/dri'),
        job_folders=('/srv/models', '/srv/out:rw'),
    )
    assert made.job_cage == 'bubblewrap' and config().job_cage == 'auto'


def test_voters_are_in_one_order_on_every_robot() -> None:
    assert config(voters=('r3', 'r1', 'r2')).voter_ids == ('r1', 'r2', 'r3')


@pytest.mark.parametrize(
    ('values', 'expected'),
    [
        ({'robot_id': ''}, 'robot_id='),
        ({'robot_id': 'a-b'}, 'robot_id='),
        ({'swarm_id': '1x'}, 'swarm_id='),
        ({'voters': ('r1', 'r 2', 'r3')}, "voters='r 2'"),
        ({'voters': ('r1', 'r2')}, 'expected an odd number'),
        ({'voters': ('r1', 'r2', 'r3', 'r4')}, '4 voters bear no more losses than 3'),
        ({'voters': ('r1', 'r2', 'r1')}, 'names a robot twice'),
        ({'voters': tuple(f'r{n}' for n in range(9))}, 'at most 7'),
        ({'timing_profile': 'fast'}, 'wired, wifi, mesh, congested'),
        ({'job_lease_ttl_ms': 1999}, 'job_lease_ttl_ms=1999: expected 2000'),
        ({'job_lease_ttl_ms': 7999, 'timing_profile': 'congested'}, 'expected 8000'),
        ({'job_slots': -1}, 'job_slots=-1: expected 0'),
        ({'job_slots': 257}, 'to 256'),
        ({'storage_quota_mb': 0}, 'storage_quota_mb=0'),
        ({'job_timeout_ms_max': 99}, 'job_timeout_ms_max'),
        ({'job_file_mb_max': 0}, 'job_file_mb_max'),
        ({'listen_ms': -1}, 'listen_ms'),
        ({'python_allow': ('os.system',)}, "python_allow='os.system': expected 'module:function'"),
        ({'python_allow': ('os:',)}, "expected 'module:function'"),
        ({'call_allow': ('Trigger',)}, "call_allow='Trigger': expected 'package/srv/Type'"),
        ({'call_allow': ('std_msgs/msg/String',)}, 'package/action/Type'),
        ({'exec_allow': tuple(f'p{n}' for n in range(129))}, '129 names are allowed'),
        ({'job_memory_mb_max': -1}, 'job_memory_mb_max=-1: expected 0'),
        ({'job_cpu_milli_max': -1}, 'job_cpu_milli_max'),
        ({'job_processes_max': -1}, 'job_processes_max'),
        ({'job_cage': 'chroot'}, 'expected one of auto, bubblewrap, user, none'),
        ({'job_user': 'a b'}, "job_user='a b': expected the name of a user"),
        ({'job_network': ('all',)}, 'expected kinds of job: exec, python'),
        ({'job_devices': ('gpu=/etc/passwd',)}, "expected '/dev/pattern' or 'capability="),
        ({'job_devices': ('/dev/../etc',)}, "expected '/dev/pattern'"),
        ({'job_devices': ('/device',)}, "expected '/dev/pattern'"),
        ({'job_folders': ('data',)}, 'expected the full path of a folder'),
        ({'job_folders': ('/',)}, 'expected the full path of a folder'),
        ({'job_folders': ('/a/../b:rw',)}, 'expected the full path of a folder'),
        ({'job_folders': tuple(f'/d{n}' for n in range(129))}, '129 are given'),
        ({'job_log_mb_max': 7}, 'job_log_mb_max=7: expected 8'),
    ],
)
def test_wrong_value_is_refused_with_what_was_expected(
    values: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        config(**values)


@pytest.mark.parametrize('profile', PROFILES)
def test_lease_must_outlast_two_elections_of_its_profile(profile: str) -> None:
    least_ms = 2 * PROFILES[profile].election_timeout_ms_max
    config(timing_profile=profile, job_lease_ttl_ms=least_ms)
    with pytest.raises(ValueError):
        config(timing_profile=profile, job_lease_ttl_ms=least_ms - 1)


@pytest.mark.parametrize('count', [1, 3, 5, 7])
def test_odd_numbers_of_voters_up_to_seven_are_accepted(count: int) -> None:
    assert len(config(voters=tuple(f'r{n}' for n in range(count))).voter_ids) == count


def test_robot_does_not_live_in_the_folder_of_keys() -> None:
    with pytest.raises(ValueError, match='folder of keys'):
        CoordinatorConfig(robot_id='keys')
    assert CoordinatorConfig(robot_id='keys', storage_dir='/tmp/x').robot_id == 'keys'
