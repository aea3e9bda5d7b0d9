# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The learner's time is the simulation's where the node is told so, and never goes back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
rclpy = pytest.importorskip('rclpy')

from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402

from swarm_learning.ros.clockwork import Clockwork  # noqa: E402

S = 1_000_000_000


class World:
    """A node with a clockwork, and the clock of a simulation."""

    def __init__(self, context: Context, simulated: bool) -> None:
        sim_time = Parameter('use_sim_time', value=simulated)
        self.node = Node('clocked', context=context, parameter_overrides=[sim_time])
        self.source = Node('simulation', context=context)
        self.publisher = self.source.create_publisher(Clock, '/clock', 10)
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(self.node)
        self.executor.add_node(self.source)
        self.ticks = 0
        self.clockwork = Clockwork(self.node, 1.0, self._tick)

    def _tick(self) -> None:
        self.ticks += 1

    def show(self, second: float) -> None:
        """Publish until the node has it."""
        message = Clock()
        message.clock.sec = int(second)
        message.clock.nanosec = round((second - int(second)) * S)
        clock = self.node.get_clock()

        def arrived() -> bool:
            self.publisher.publish(message)
            return bool(clock.now().nanoseconds == round(second * S))

        self.until(arrived)

    def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20.0
        while not true():
            assert time.monotonic() < deadline
            self.executor.spin_once(timeout_sec=0.02)

    def drain(self) -> None:
        for _ in range(5):
            self.executor.spin_once(timeout_sec=0.02)

    def close(self) -> None:
        self.clockwork.close()
        self.executor.shutdown()
        self.node.destroy_node()
        self.source.destroy_node()


@pytest.fixture
def context() -> Iterator[Context]:
    made = Context()
    rclpy.init(context=made)
    yield made
    rclpy.try_shutdown(context=made)


def test_simulation_sets_the_pace_and_a_pause_pauses(context: Context) -> None:
    world = World(context, simulated=True)
    world.show(10.0)
    world.drain()
    before_ns, ticks = world.clockwork.now_ns(), world.ticks
    world.drain()
    assert world.clockwork.now_ns() == before_ns and world.ticks == ticks, 'it is paused'
    world.show(13.5)
    world.until(lambda: world.ticks > ticks)
    assert world.clockwork.now_ns() == before_ns + 3.5 * S
    world.close()


def test_simulation_that_begins_anew_does_not_take_time_back(context: Context) -> None:
    world = World(context, simulated=True)
    world.show(100.0)
    before_ns = world.clockwork.now_ns()
    world.show(1.0)
    assert world.clockwork.now_ns() == before_ns
    world.show(3.0)
    assert world.clockwork.now_ns() == before_ns + 2 * S
    world.close()


def test_switching_to_a_simulation_and_back_goes_on_from_now(context: Context) -> None:
    world = World(context, simulated=False)
    before_ns = world.clockwork.now_ns()
    world.until(lambda: world.ticks > 0)
    world.node.set_parameters([Parameter('use_sim_time', value=True)])
    switched_ns = world.clockwork.now_ns()
    assert before_ns < switched_ns < before_ns + 60 * S
    world.show(5.0)
    start_ns, ticks = world.clockwork.now_ns(), world.ticks
    world.show(7.0)
    world.until(lambda: world.ticks > ticks)
    assert world.clockwork.now_ns() == start_ns + 2 * S
    world.node.set_parameters([Parameter('use_sim_time', value=False)])
    ticks = world.ticks
    world.until(lambda: world.ticks > ticks)
    assert world.clockwork.now_ns() > start_ns + 2 * S
    world.close()
