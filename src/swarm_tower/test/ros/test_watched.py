# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is watched outside the page, with a real node: markers, diagnostics, metrics, traces."""

from __future__ import annotations

import math
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')
sys.path.insert(0, str(Path(__file__).parent))

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue  # noqa: E402
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from swarm_msgs.msg import Envelope, JobOutcome, JobOutcomes, JobStatus, SwarmState  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

from swarm_tower.core.health_tree import ERROR  # noqa: E402
from swarm_tower.core.markers import mark_ids  # noqa: E402
from swarm_tower.ros import qos  # noqa: E402
from swarm_tower.ros.diagnostic_conversions import diagnosed  # noqa: E402
from swarm_tower.ros.feeds.diagnostics import AGGREGATE, DIAGNOSTICS  # noqa: E402
from swarm_tower.ros.feeds.markers import TOPIC, spot_of  # noqa: E402

ROBOTS = ['robot_a', 'robot_b', 'robot_c']
IDS = mark_ids(ROBOTS)


class Listening(OnAir):
    """With somebody who listens to what the tower publishes."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.arrays: list[MarkerArray] = []
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.tree: dict[str, DiagnosticStatus] = {}
        node = self.swarm_node
        node.create_subscription(DiagnosticArray, DIAGNOSTICS, self.hear, qos.DIAGNOSTICS)
        node.create_subscription(DiagnosticArray, AGGREGATE, self.hear_tree, qos.DIAGNOSTICS)
        self.diagnostics = node.create_publisher(DiagnosticArray, DIAGNOSTICS, qos.DIAGNOSTICS)

    def watch(self) -> None:
        self.swarm_node.create_subscription(MarkerArray, TOPIC, self.arrays.append, qos.MARKERS)

    def hear(self, msg: DiagnosticArray) -> None:
        self.statuses.update({status.name: status for status in msg.status})

    def hear_tree(self, msg: DiagnosticArray) -> None:
        self.tree = {status.name: status for status in msg.status}

    def say(self, name: str, level: bytes) -> None:
        status = DiagnosticStatus(
            name=name, level=level, message='words', hardware_id='robot_b',
            values=[KeyValue(key='free MB', value='12')],
        )
        self.diagnostics.publish(DiagnosticArray(status=[status]))

    def drawn(self, space: str) -> list[Marker]:
        """Of the newest array."""
        return [] if not self.arrays else [
            one for one in self.arrays[-1].markers
            if one.ns == space and one.action == Marker.ADD
        ]

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f'{self.url}{path}', timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def air(request: pytest.FixtureRequest) -> Iterator[Listening]:
    made = Listening(**getattr(request, 'param', {}))
    yield made
    made.close()


def publish_who_is_heard(air: Listening) -> None:
    """The fake swarm tells 0 ms of all of them."""
    air.swarm.publish_state()


def test_robots_leader_links_and_jobs_are_drawn(air: Listening) -> None:
    air.swarm.put_job('job-1', JobStatus.PHASE_RUNNING, 'robot_b')
    air.swarm.publish_jobs('job-1')
    publish_who_is_heard(air)
    air.until(lambda: len(air.state()['robots']) == 3, 'three robots')
    air.watch()
    air.until(lambda: len(air.drawn('robots')) == 3, 'three robots are drawn')
    air.until(lambda: air.drawn('links') and air.drawn('jobs'), 'links and jobs')
    assert {one.id for one in air.drawn('robots')} == set(IDS.values())
    labels = {one.id: one.text for one in air.drawn('labels')}
    assert labels[IDS['robot_a']].startswith('robot_a\nleader') and 'robot_a' in labels[0]
    assert len(air.drawn('leader')) == 1
    (links,) = air.drawn('links')
    assert links.type == Marker.LINE_LIST and len(links.points) == len(links.colors) == 8


def test_first_array_removes_the_old_and_all_have_stamp_0_frame_and_lifetime(
    air: Listening,
) -> None:
    air.watch()
    air.until(lambda: len(air.arrays) >= 3, 'three arrays')
    firsts = [array.markers[0].action for array in air.arrays]
    assert firsts[0] == Marker.DELETEALL and Marker.DELETEALL not in firsts[1:]
    for marker in (one for array in air.arrays for one in array.markers):
        assert marker.header.frame_id == 'map' and not marker.frame_locked
        assert (marker.header.stamp.sec, marker.header.stamp.nanosec) == (0, 0)
        if marker.action == Marker.ADD:
            assert (marker.lifetime.sec, marker.lifetime.nanosec) == (1, 500_000_000)


def test_late_comer_gets_everything_at_once(air: Listening) -> None:
    air.watch()
    air.until(lambda: len(air.drawn('robots')) == 3, 'three robots are drawn')
    late: list[MarkerArray] = []
    air.swarm_node.create_subscription(MarkerArray, TOPIC, late.append, qos.MARKERS)
    air.until(lambda: late, 'the last array')
    assert sum(one.ns == 'robots' for one in late[0].markers) == 3


def test_without_a_leader_the_ring_is_deleted_and_the_headline_says_why(air: Listening) -> None:
    air.watch()
    air.until(lambda: air.drawn('leader'), 'a leader')
    air.swarm.opinions['robot_b'] = 'robot_b'
    air.until(lambda: not air.drawn('leader'), 'no leader')
    deleted = [
        (one.ns, one.id) for array in air.arrays for one in array.markers
        if one.action == Marker.DELETE
    ]
    assert ('leader', 0) in deleted
    headline = next(one.text for one in air.drawn('labels') if one.id == 0)
    assert 'robot_a' in headline and 'robot_b' in headline


@pytest.mark.parametrize('air', [{'markers_period_ms': 0}], indirect=True)
def test_markers_can_be_switched_off(air: Listening) -> None:
    air.watch()
    air.spin(0.5)
    assert not air.tower_node.count_publishers(TOPIC)


def test_markers_are_published_from_the_first_subscription_on(air: Listening) -> None:
    air.until(lambda: air.tower_node.count_publishers(DIAGNOSTICS), 'the tower has started')
    assert not air.tower_node.count_publishers(TOPIC)
    air.watch()
    air.until(lambda: air.tower_node.count_publishers(TOPIC), 'the topic is there')


@pytest.mark.parametrize(
    'air', [{'markers_pose_topic': 'pose', 'markers_poses': ('robot_c=7,8',)}], indirect=True
)
def test_robots_stand_where_they_say_else_where_the_parameter_says(air: Listening) -> None:
    pub = air.swarm_node.create_publisher
    here = pub(PoseStamped, '/robot_a/pose', 1)
    there = pub(PoseWithCovarianceStamped, '/robot_b/pose', qos.LATCHED)
    told = PoseStamped()
    told.header.frame_id = 'map'
    told.pose.position.x, told.pose.orientation.w = 3.0, 1.0
    other = PoseWithCovarianceStamped()
    other.header.frame_id, other.pose.pose.position.y = 'odom', 5.0
    there.publish(other)
    air.watch()

    def stands() -> bool:
        here.publish(told)
        return any(one.id == IDS['robot_a'] and one.pose.position.x == 3.0
                   for one in air.drawn('robots'))

    air.until(stands, 'robot_a stands at 3 m')
    at = {one.id: one.pose.position for one in air.drawn('robots')}
    assert (at[IDS['robot_c']].x, at[IDS['robot_c']].y) == (7.0, 8.0)
    assert at[IDS['robot_b']].y != 5.0  # another frame: not where it says


def test_heading_comes_from_the_quaternion() -> None:
    told = PoseStamped()
    told.pose.orientation.z = told.pose.orientation.w = math.sqrt(0.5)
    assert spot_of(told).yaw == pytest.approx(math.pi / 2)
    told.pose.position.x = math.nan
    with pytest.raises(ValueError, match='finite'):
        spot_of(told)


def test_tower_says_how_it_is_once_a_second(air: Listening) -> None:
    air.until(lambda: len(air.statuses) == 2, 'two tasks')
    air.until(lambda: air.statuses['/robot_a/tower: swarm'].level == b'\x00', 'the swarm is well')
    page = air.statuses['/robot_a/tower: page']
    assert page.level == b'\x00' and page.hardware_id == 'tower'
    air.swarm.silent = set(ROBOTS)
    air.until(lambda: air.statuses['/robot_a/tower: swarm'].level == b'\x02', 'an error')


def test_diagnostics_of_robots_become_rows(air: Listening) -> None:
    def row() -> Any:
        air.say('/robot_b/coordinator: storage', DiagnosticStatus.WARN)
        return air.state()['sections']['diagnostics'].get('robot_b/storage')

    found = air.until(row, 'the row of the task')
    assert (found['level'], found['message']) == ('warn', 'words')
    assert found['values'] == [['free MB', '12']]


@pytest.mark.parametrize('air', [{'publish_aggregate': True}], indirect=True)
def test_aggregate_is_a_tree_with_the_worst_level_on_top(air: Listening) -> None:
    def told() -> bool:
        air.say('/robot_b/coordinator: storage', DiagnosticStatus.ERROR)
        return '/Swarm/robot_b/storage' in air.tree

    air.until(told, 'the task in the tree')
    assert air.tree['/Swarm'].level == air.tree['/Swarm/robot_b'].level == b'\x02'
    assert isinstance(air.tree['/Swarm'].level, bytes)
    air.until(lambda: air.tree['/Swarm/robot_b'].level == b'\x03', 'it is stale')


def test_no_aggregate_unless_asked_for(air: Listening) -> None:
    air.spin(1.5)
    assert air.tower_node.count_publishers(AGGREGATE) == 0


def test_level_that_nobody_knows_is_an_error() -> None:
    status = DiagnosticStatus(name='x', level=b'\x09')
    assert diagnosed(status, []).level == ERROR


@pytest.mark.parametrize(
    ('name', 'hardware_id', 'robot'),
    [
        ('/r1/coordinator: link r2', 'r2', 'r1'),
        ('lidar: rate', 'r2', 'r2'),
        ('lidar: rate', 'LD06 r2/usb1', 'r2'),
        ('r1: lidar', '', 'r1'),
        ('r12: lidar', 'r', ''),
    ],
)
def test_status_is_of_the_robot_that_its_name_or_hardware_id_names(
    name: str, hardware_id: str, robot: str
) -> None:
    status = DiagnosticStatus(name=name, hardware_id=hardware_id, level=b'\x00')
    assert diagnosed(status, {'r1', 'r2'}).robot == robot


def of_swarm(swarm_id: str) -> Envelope:
    return Envelope(swarm_id=swarm_id, sender='robot_z', protocol_version=1)


def test_outcomes_are_counted_in_metrics(air: Listening) -> None:
    outcomes = air.swarm_node.create_publisher(JobOutcomes, '/swarm/outcomes', qos.EVENTS)
    told = JobOutcomes(envelope=of_swarm('swarm'), outcomes=[
        JobOutcome(log_index=i, job_id='j', run_ms=500, outcome=i % 2) for i in range(4)
    ])
    other = JobOutcomes(envelope=of_swarm('other'), outcomes=[JobOutcome(log_index=99)])

    def counted() -> bool:
        outcomes.publish(told)
        outcomes.publish(other)
        return 'swarm_job_attempts_total{outcome="done"} 2' in air.get('/metrics')[1]

    air.until(counted, 'two that were done')
    text = air.get('/metrics')[1]
    assert 'swarm_job_attempts_total{outcome="failed"} 2' in text
    assert 'swarm_robots{presence="fresh"} 3' in text


def test_ready_once_a_robot_was_heard(air: Listening) -> None:
    status, body = air.get('/readyz')
    assert status == 503 and 'no robot' in body
    air.until(lambda: air.get('/readyz')[0] == 200, 'ready')


def test_not_ready_when_the_thread_that_hears_is_gone(
    air: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    air.until(lambda: air.get('/readyz')[0] == 200, 'ready')
    real = time.monotonic_ns
    hub = air.tower._hub
    monkeypatch.setattr(hub, '_monotonic_ns', lambda: real() + 60 * 10**9)
    status, body = air.get('/readyz')
    assert status == 503 and 'no sign' in body


@pytest.mark.parametrize('air', [{'traces': True}], indirect=True)
def test_tower_without_a_collector_goes_on(air: Listening) -> None:
    air.swarm.put_job('job-t', JobStatus.PHASE_SUBMITTED)
    air.swarm.publish_jobs('job-t')
    air.until(lambda: 'job-t' in air.state()['jobs'], 'the job')
    air.swarm.put_job('job-t', JobStatus.PHASE_DONE, 'robot_b')
    air.swarm.publish_jobs('job-t')
    air.until(lambda: air.state()['jobs']['job-t']['phase'] == 'done', 'its end')
    assert air.tower.failures == 0


def test_state_of_another_swarm_says_nothing_of_who_hears_whom(air: Listening) -> None:
    states = air.swarm_node.create_publisher(SwarmState, '/swarm/state', qos.SHARED)

    def heard() -> Any:
        states.publish(SwarmState(envelope=of_swarm('other')))
        publish_who_is_heard(air)
        return air.state()['sections']['hearing']

    assert set(air.until(heard, 'who hears whom')) == {'robot_a'}
