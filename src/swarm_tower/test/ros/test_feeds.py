# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What learners, voters and sensors say reaches the picture over real ROS."""

from __future__ import annotations

import json
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

sys.path.insert(0, str(Path(__file__).parent))

from fake_mind import FakeMind  # noqa: E402
from geometry_msgs.msg import Twist  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from sensor_msgs.msg import Image, Imu, LaserScan  # noqa: E402
from swarm_msgs.msg import ModePolicy  # noqa: E402

from swarm_tower.ros import live_conversions, mind_conversions  # noqa: E402
from swarm_tower.ros.feeds.live import sensor_topics  # noqa: E402


def section(air: OnAir, name: str) -> dict[str, Any]:
    found: dict[str, Any] = air.state()['sections'][name]
    return found


def ask(air: OnAir, path: str) -> dict[str, Any]:
    """Ask the tower while the robots go on."""
    def get() -> dict[str, Any]:
        with urllib.request.urlopen(f'{air.url}{path}', timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(get)
        air.until(future.done, f'{path} is answered')
        return future.result()


def test_tables_of_the_learner_appear(air: OnAir, mind: FakeMind) -> None:
    mind.tell()
    air.swarm.publish_consciousness(0.4)
    air.until(lambda: section(air, 'policy').get('choice'), 'the policy')
    air.until(lambda: section(air, 'routes') and section(air, 'reputation'), 'the tables')
    air.until(lambda: section(air, 'regime') and section(air, 'course'), 'regime and course')
    policy = section(air, 'policy')
    assert policy['choice']['mode'] == 'defensive'
    assert policy['choice']['values'][2]['masked'] == 'no robot runs on battery'
    assert len(policy['in recovery']['values']) == 27 * 6
    assert section(air, 'reputation')['robot_a']['may_lead'] is True
    assert section(air, 'routes')['exec:xz|robot_c|cpu0']['ejected'] is True


def test_election_that_was_overheard_appears(air: OnAir, mind: FakeMind) -> None:
    air.until(lambda: mind.requests.get_subscription_count(), 'the tower listens')
    air.until(lambda: mind.votes.get_subscription_count(), 'the tower listens')
    mind.elect('robot_b', 9)

    def votes() -> dict[str, Any]:
        row = section(air, 'terms').get('9')
        found: dict[str, Any] = row['candidates']['robot_b']['votes'] if row else {}
        return found

    air.until(lambda: len(votes()) == 2, 'two votes')
    assert votes() == {'robot_a': 'granted', 'robot_c': 'log_behind'}


def test_robot_is_listened_to_only_while_somebody_looks(air: OnAir, mind: FakeMind) -> None:
    air.until(lambda: len(air.state()['robots']) == 3, 'three robots')
    assert mind.imu.get_subscription_count() == 0
    mind.tell_own('robot_b')
    assert ask(air, '/api/v1/robots/robot_b/look') == {'looking': True}

    def everything() -> bool:
        mind.sense()
        rows = section(air, 'live')
        imu = rows.get('robot_b/topic//robot_b/sensors/imu/data', {})
        return bool(imu.get('fields')) and 'robot_b/mind' in rows

    air.until(everything, 'what is close by')
    rows = section(air, 'live')
    fields = dict(rows['robot_b/topic//robot_b/sensors/imu/data']['fields'])
    assert fields['linear_acceleration.z'] == 9.81
    assert rows['robot_b/mind']['reasons'][0] == 'load 0.8 (cpu)'
    air.until(lambda: not section(air, 'live'), 'all is forgotten')
    air.until(lambda: mind.imu.get_subscription_count() == 0, 'the tower listens no more')


def test_questions_reach_the_robots_and_come_back(air: OnAir, mind: FakeMind) -> None:
    air.until(lambda: len(air.state()['robots']) == 3, 'three robots')
    air.swarm.put_job('job-1', 3, 'robot_b')
    sights = ask(air, '/api/v1/sights')['robots']
    assert [one['hears']['robot_c'] for one in sights] == [60, 60, 60]
    assert ask(air, '/api/v1/memory?quantiles=0.5')['counts'] == {'job': 880, 'leader_elected': 3}
    assert ask(air, '/api/v1/explain?subject=mode')['lines'][0] == 'why mode'
    assert len(ask(air, '/api/v1/jobs/job-1/story')['candidates']) == 3
    assert 'na\u00efve \u20ac' in ask(air, '/api/v1/jobs/job-1/log')['text']
    assert ask(air, '/api/v1/leases')['leases'][0]['resource'] == 'dock-1'
    assert ask(air, '/api/v1/services')['services'][0]['name'] == 'map_server'
    assert ask(air, '/api/v1/files?robot=robot_b&uses=cached')['matched'] == 4
    assert 'FT232' in ask(air, '/api/v1/robots/robot_b/device?device=usb')['lines'][0]


def test_any_message_is_told_in_a_bounded_number_of_fields() -> None:
    imu = dict(live_conversions.fields_of(Imu()))
    assert imu['orientation.w'] == 1 and not any('covariance' in name for name in imu)
    scan = LaserScan(ranges=[1.0, float('inf'), 3.0, 2.0, float('nan')])
    found = dict(live_conversions.fields_of(scan))
    assert found['ranges'] == '5 numbers' and found['ranges mean'] == 2
    image = dict(live_conversions.fields_of(Image(data=[0] * 5000)))
    assert image['data most'] == 0
    assert len(live_conversions.fields_of(scan)) <= live_conversions.FIELDS_MAX


def test_orders_that_a_robot_waits_for_are_no_sensors(air: OnAir, mind: FakeMind) -> None:
    node = air.swarm_node
    waiting = node.create_subscription(Twist, '/robot_b/cmd_vel', lambda msg: None, 10)
    air.until(lambda: len(air.state()['robots']) == 3, 'three robots')
    air.until(lambda: air.tower_node.count_subscribers('/robot_b/cmd_vel'), 'it is on the graph')
    ask(air, '/api/v1/robots/robot_b/look')

    def topics() -> set[str]:
        mind.sense()
        return {key for key in section(air, 'live') if '/topic/' in key}

    air.until(lambda: len(topics()) == 3, 'the sensors')
    assert not any('cmd_vel' in key for key in topics())
    node.destroy_subscription(waiting)


def test_table_whose_sizes_do_not_fit_comes_without_figures() -> None:
    made = mind_conversions.mode_table(ModePolicy(actions=[0, 1], modes=[0, 1], values=[1.0] * 7))
    assert made.values == () and made.visits == () and made.choice is None


def test_topics_of_a_robot_are_its_own_and_carry_figures() -> None:
    graph = [
        ('/r1/imu', ['sensor_msgs/msg/Imu']), ('/r10/imu', ['sensor_msgs/msg/Imu']),
        ('/r1/twist', ['geometry_msgs/msg/Twist']), ('/r1/advice', ['swarm_msgs/msg/Advice']),
        ('/r1/armed', ['std_msgs/msg/Bool']), ('/r1/arm/armed', ['std_msgs/msg/Bool']),
        ('/r1/none', []), ('/r1/bat', ['sensor_msgs/msg/BatteryState']),
    ]
    found = [topic for topic, _ in sensor_topics('r1', graph)]
    assert found == ['/r1/bat', '/r1/imu', '/r1/twist']
