# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the launch file starts, tested without a launch system."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarm_coordinator.config import CoordinatorConfig
from swarm_coordinator.launch_plan import (
    ARGUMENTS,
    PART_PARAMETERS,
    ProcessPlan,
    Value,
    plan,
    robot_id_from,
    tools,
)


def planned(**given: str) -> tuple[ProcessPlan, ...]:
    return plan(given, host_name='rover-7.lan', home='/home/ada')


def parameters(process: ProcessPlan) -> dict[str, Value]:
    return dict(process.parameters)


def by_label(**given: str) -> dict[str, dict[str, Value]]:
    return {process.label: parameters(process) for process in planned(**given)}


def test_no_argument_starts_one_process_named_after_the_host() -> None:
    (process,) = planned()
    assert (process.package, process.executable) == ('swarm_coordinator', 'robot')
    assert parameters(process) == {
        'parts': ('coordinator', 'hw_discovery', 'learning'),
        'robot_id': 'rover_7_lan',
        'storage_dir': '/home/ada/.ros/swarm/rover_7_lan',
    }


def test_three_robots_are_named_by_one_comma_list() -> None:
    (process,) = planned(robot_id='alpha', voters='alpha, beta,gamma')
    assert parameters(process)['voters'] == ('alpha', 'beta', 'gamma')


def test_tower_is_a_part_only_where_it_is_asked_for() -> None:
    assert 'tower' not in by_label()['robot']['parts']  # type: ignore[operator]
    with_tower = by_label(tower='true', tower_port='9000')['robot']
    assert 'tower' in with_tower['parts']  # type: ignore[operator]
    assert with_tower['tower_port'] == 9000


def test_not_composed_starts_a_process_for_each_part() -> None:
    processes = by_label(composed='false', tower='true')
    assert sorted(processes) == ['coordinator', 'hw_discovery', 'learning', 'tower']
    assert all(given['parts'] == (label,) for label, given in processes.items())


def test_a_process_gets_no_parameter_that_its_part_does_not_know() -> None:
    everything = {
        'voters': 'a,b,c', 'profile': 'mesh', 'swarm_id': 'field', 'storage_dir': '/data',
        'tower': 'true', 'tower_port': '81', 'tower_host': '0.0.0.0', 'composed': 'false',
        'exec_allow': 'xz,ffmpeg', 'rqt': 'true', 'recorder_dir': '/rec', 'foxglove_port': '8765',
    }
    for label, given in by_label(**everything).items():
        assert set(given) - {'parts'} == set(PART_PARAMETERS[label])


def test_a_default_does_not_win_over_the_file_of_parameters() -> None:
    (process,) = planned(params_file='mine.yaml')
    assert process.params_file == 'mine.yaml'
    assert set(parameters(process)) == {'parts', 'robot_id', 'storage_dir'}


def test_defaults_are_those_of_the_coordinator() -> None:
    defaults = {argument.name: argument.default for argument in ARGUMENTS}
    config = CoordinatorConfig(robot_id='a')
    assert (defaults['swarm_id'], defaults['profile']) == (config.swarm_id, config.timing_profile)
    assert config.voter_ids == ('a',)


def test_simulated_time_goes_to_every_process_when_asked_for() -> None:
    assert 'use_sim_time' not in by_label()['robot']
    processes = by_label(composed='false', use_sim_time='true').values()
    assert all(given['use_sim_time'] is True for given in processes)


def test_log_level_and_respawn_are_passed_on() -> None:
    (process,) = planned(log_level='debug', respawn='false')
    assert process.ros_arguments == ('--log-level', 'debug')
    assert not process.respawn and process.respawn_delay_s > 0


def test_rviz_and_rqt_are_opened_only_where_they_are_asked_for() -> None:
    assert tools({}) == ()
    assert [one.program for one in tools({'rviz': 'true', 'rqt': 'true'})] == ['rviz2', 'rqt']
    with pytest.raises(ValueError, match='true, false'):
        tools({'rviz': 'yes'})


def test_files_of_the_tools_are_shipped_beside_the_launch_file() -> None:
    package = Path(__file__).parents[1]
    for one in tools({'rviz': 'true', 'rqt': 'true'}):
        assert (package / one.file).is_file()
        for found in (package / 'launch', Path(__file__).parents[3] / 'launch'):
            assert (found / 'swarm.launch.py').resolve().parent.parent == package.resolve()
        assert f"glob('{one.file.replace('swarm', '*')}')" in (package / 'setup.py').read_text()


def test_missing_tool_is_said_with_what_installs_it() -> None:
    rviz, rqt = tools({'rviz': 'true', 'rqt': 'true'})
    assert 'sudo apt install ros-jazzy-rviz2' in rviz.missing('jazzy')
    assert 'ros-$ROS_DISTRO-rqt-robot-monitor' in rqt.missing('')
    assert 'the swarm goes on' in rqt.missing('')


def test_tower_publishes_the_aggregate_where_rqt_reads_it() -> None:
    assert by_label(tower='true', rqt='true')['robot']['publish_aggregate'] is True
    assert 'publish_aggregate' not in by_label(tower='true')['robot']
    assert 'publish_aggregate' not in by_label(rqt='true')['robot']


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        ({'voters': 'a,b'}, 'odd'),
        ({'voters': 'a,a,b'}, 'twice'),
        ({'voters': 'rover-7'}, 'valid name'),
        ({'robot_id': '7up'}, 'valid name'),
        ({'profile': 'fast'}, 'wired, wifi, mesh, congested'),
        ({'tower_port': '0'}, '1 to 65535'),
        ({'tower_port': '1e3'}, '1 to 65535'),
        ({'tower_port': '99999999999999'}, '1 to 65535'),
        ({'foxglove_port': '65536'}, 'foxglove_port:=65536: expected a number from 0 to 65535'),
        ({'composed': 'yes'}, 'true, false'),
        ({'robot': 'alpha'}, 'unknown argument robot'),
    ],
)
def test_wrong_argument_is_refused_with_what_was_expected(
    given: dict[str, str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        planned(**given)


@pytest.mark.parametrize(
    ('host', 'robot_id'),
    [('alpha', 'alpha'), ('rover-7', 'rover_7'), ('7up', 'r_7up'), ('', 'r_')],
)
def test_host_name_becomes_a_valid_robot_id(host: str, robot_id: str) -> None:
    assert robot_id_from(host) == robot_id
    CoordinatorConfig(robot_id=robot_id_from(host))


def test_host_name_longer_than_a_name_is_cut() -> None:
    CoordinatorConfig(robot_id=robot_id_from('9' * 300))


def test_every_argument_has_a_description_and_a_default_among_its_choices() -> None:
    for argument in ARGUMENTS:
        assert argument.description.endswith(('.', '>.')), argument.name
        assert not argument.choices or argument.default in argument.choices
