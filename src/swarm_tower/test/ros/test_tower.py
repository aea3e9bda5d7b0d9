# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The part with real publishers, subscriptions and services."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')
sys.path.insert(0, str(Path(__file__).parent))

from rclpy.node import Node  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from swarm_msgs.msg import Envelope, Heartbeat, JobStatus, SwarmState  # noqa: E402

from swarm_tower.core.jobs import JOBS_MAX  # noqa: E402
from swarm_tower.ros import qos  # noqa: E402
from swarm_tower.ros.job_lister import PAGE_JOBS  # noqa: E402
from swarm_tower.ros.part import PART  # noqa: E402


def leader_kind(air: OnAir) -> str:
    return air.state()['swarm']['leader']['kind']


def test_leader_mode_and_robots_appear(air: OnAir) -> None:
    air.swarm.publish_state()
    air.until(lambda: len(air.state()['robots']) == 3, 'three robots')
    air.until(lambda: air.state()['swarm']['mode'], 'the mode')
    swarm = air.state()['swarm']
    assert (swarm['leader']['leader'], swarm['leader']['kind']) == ('robot_a', 'agreed')
    assert swarm['quorum']['voters'] == 3 and swarm['leader']['term'] == 7


def test_disagreeing_robots_make_a_split_view(air: OnAir) -> None:
    air.swarm.opinions['robot_b'] = 'robot_b'
    air.until(lambda: leader_kind(air) == 'split', 'a split view')


def test_silent_robot_becomes_lost_and_stays(air: OnAir) -> None:
    air.until(lambda: len(air.state()['robots']) == 3, 'three robots')
    air.swarm.silent = {'robot_c'}
    air.until(lambda: air.state()['robots']['robot_c']['presence'] == 'lost', 'robot_c is lost')
    kinds = [e['kind'] for e in air.state()['events']]
    assert 'robot_unheard' in kinds


def test_jobs_from_before_the_tower_started_are_listed(air: OnAir) -> None:
    for i in range(130):
        air.swarm.put_job(f'old-{i:03}', JobStatus.PHASE_DONE, 'robot_b', exit_code=0)
    air.swarm.publish_state()
    air.until(lambda: len(air.state()['jobs']) == 130, 'all 130 jobs')
    assert air.swarm.listings == 3


def test_of_many_jobs_the_newest_are_listed_and_the_rest_is_only_counted(air: OnAir) -> None:
    for i in range(JOBS_MAX + 60):
        air.swarm.put_job(f'old-{i:04}', JobStatus.PHASE_DONE, 'robot_b', exit_code=0)
    air.swarm.put_job('old-0000', JobStatus.PHASE_EXPIRED)
    air.swarm.publish_state()
    air.until(lambda: len(air.state()['jobs']) == JOBS_MAX, 'as many jobs as are kept')
    state = air.state()
    assert min(state['jobs']) == 'old-0060' and state['swarm']['jobs_dropped'] == 60
    assert state['swarm']['jobs']['expired'] == 1
    asked = air.swarm.listings
    air.spin(3.0)
    assert air.swarm.listings == asked == JOBS_MAX // PAGE_JOBS


def test_state_of_a_former_leader_does_not_push_out_the_news(air: OnAir) -> None:
    former = air.swarm_node.create_publisher(SwarmState, '/swarm/state', qos.LATCHED)
    writers = (former, air.swarm.state)
    air.until(lambda: all(w.get_subscription_count() for w in writers), 'both are matched')
    air.swarm.publish_state()
    envelope = Envelope(swarm_id='swarm', sender='robot_z', protocol_version=1)
    former.publish(SwarmState(envelope=envelope, log_index=50, term=6))
    air.until(lambda: air.state()['swarm']['jobs_from'] != 'listing', 'a state')
    assert air.state()['swarm']['jobs_from'] == 'robot_a'


def test_job_updates_arrive(air: OnAir) -> None:
    air.swarm.put_job('job-x', JobStatus.PHASE_RUNNING, 'robot_b')
    air.swarm.publish_jobs('job-x')
    air.until(lambda: air.state()['jobs'].get('job-x', {}).get('phase') == 'running', 'job-x runs')


def test_inventory_of_a_robot_that_is_heard_arrives(air: OnAir) -> None:
    air.swarm.publish_inventory('robot_b')
    air.until(lambda: 'robot_b' in air.state()['hardware'], 'hardware of robot_b')
    assert air.state()['hardware']['robot_b']['devices'][1]['verdict'] == 'ambiguous'


def test_other_swarm_and_impossible_names_are_named_and_not_shown(air: OnAir) -> None:
    def disturb() -> dict[str, list[str]]:
        for swarm_id, sender in (('other', 'robot_x'), ('swarm', '/../x')):
            msg = Heartbeat()
            air.swarm.envelope(msg, sender)
            msg.envelope.swarm_id = swarm_id
            air.swarm.heartbeat.publish(msg)
        found: dict[str, list[str]] = air.state()['swarm']['ignored']
        return found if len(found) == 2 else {}

    assert air.until(disturb, 'both are ignored') == {'robot_id': ['/../x'], 'swarm': ['other']}
    assert set(air.state()['robots']) <= {'robot_a', 'robot_b', 'robot_c'}


def test_port_in_use_is_a_value_error_that_names_the_parameter(air: OnAir) -> None:
    node = Node('second_tower')
    try:
        with pytest.raises(ValueError, match='tower_port'):
            PART.create(node, air.config(tower_port=air.tower.port))
    finally:
        node.destroy_node()
