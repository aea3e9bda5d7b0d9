# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Child of bench/tower.py: robots that only talk, until it is ended.

    python -m bench._tower_load ROBOTS HZ SWARM_ID

Every robot beats at its own time within the period. Beside the beacons: jobs, the swarm's state
and its figures once a second, two events per second. The figure `applied_index` of a beacon is
the wall clock in milliseconds just before it is sent, so that whoever shows it can be timed.
What is committed is a second behind, so that no robot is: by how much one is behind is shown in
its row, which would else change with every beacon of any other.
"""

from __future__ import annotations

import sys
import time

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from swarm_msgs.msg import Heartbeat

sys.path.insert(0, 'src/swarm_tower/test')

from fake_swarm import FakeSwarm, Story  # noqa: E402

BEHIND_MS = 1000  # more than a period


class StampedSwarm(FakeSwarm):
    """Its log index is the time."""

    def beacon(self, robot_id: str) -> Heartbeat:
        msg = super().beacon(robot_id)
        msg.applied_index = msg.last_index = time.time_ns() // 10**6
        msg.commit_index = self.index = msg.applied_index - BEHIND_MS
        return msg

    def beat(self) -> None:
        """Beacons have a clock of their own here."""


def main(robots: int, rate_hz: float, swarm_id: str) -> None:
    rclpy.init()
    node = Node('tower_load')
    swarm = StampedSwarm(node, robots, swarm_id)
    story = Story(swarm)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    print('up', flush=True)
    number, began_s = 0, time.monotonic()
    step_s = 1 / (robots * rate_hz)
    while rclpy.ok():
        due_s = began_s + number * step_s
        wait_s = due_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)  # the load is defined by its times
        swarm.beat_one(swarm.ids[number % robots])
        number += 1
        if number % (robots * rate_hz / 10) == 0:
            story.beat()
            executor.spin_once(timeout_sec=0)
        if number % (robots * rate_hz / 2) == 0:
            swarm.tell('bench', f'event {number}', 0, swarm.ids[0])


if __name__ == '__main__':
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
