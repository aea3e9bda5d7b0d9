# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the learner in a real ROS graph: publishers and learner in this process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
rclpy = pytest.importorskip('rclpy')

from rcl_interfaces.msg import Log  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from swarm_msgs.msg import (  # noqa: E402
    Advice,
    Envelope,
    Heartbeat,
    JobOutcome,
    JobOutcomes,
    LocalConsciousness,
    LocalState,
    RobotStatus,
    SwarmConsciousness,
    SwarmState,
)

from swarm_learning.core.config import LearningConfig  # noqa: E402
from swarm_learning.ros.learning_node import BEACON, LATCHED, OUTCOMES  # noqa: E402
from swarm_learning.ros.part import PART  # noqa: E402
from swarm_learning.storage.checkpoint_file import CheckpointFile, Loaded  # noqa: E402

TIMEOUT_S = 20.0
# Ten times as fast as a robot, so that a test is short.
FAST = {'period_ms': 100, 'advice_valid_ms': 1000}


class World:
    """A node that plays the coordinators of a swarm and hears what the learner says."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.heard: dict[type, list[Any]] = {}
        self._news = threading.Condition()
        pub = node.create_publisher
        self.local_state = pub(LocalState, '/r1/local_state', LATCHED)
        self.heartbeat = pub(Heartbeat, '/swarm/heartbeat', BEACON)
        self.outcomes = pub(JobOutcomes, '/swarm/outcomes', OUTCOMES)
        self.state = pub(SwarmState, '/swarm/state', LATCHED)
        self.foreign_state = pub(SwarmState, '/swarm/state', LATCHED)
        for kind, topic in ((LocalConsciousness, '/r1/consciousness'), (Advice, '/r1/advice'),
                            (SwarmConsciousness, '/swarm/consciousness'), (Log, '/rosout')):
            self.heard[kind] = []
            node.create_subscription(kind, topic, self._keep, LATCHED)

    def _keep(self, msg: Any) -> None:
        with self._news:
            self.heard[type(msg)].append(msg)
            self._news.notify_all()

    def wait_for(self, kind: type, wanted: Callable[[Any], bool]) -> Any:
        """The first message from now on that is as wanted."""
        deadline = time.monotonic() + TIMEOUT_S
        with self._news:
            seen = len(self.heard[kind])
            while True:
                for msg in self.heard[kind][seen:]:
                    if wanted(msg):
                        return msg
                left = deadline - time.monotonic()
                assert left > 0, f'no such {kind.__name__}; last: {self.heard[kind][-1:]}'
                self._news.wait(left)

    def beat(self, robot_id: str, swarm_id: str = 'swarm', stability: float = 0.875) -> None:
        self.heartbeat.publish(Heartbeat(
            envelope=Envelope(swarm_id=swarm_id, sender=robot_id), consciousness_age_ms=50,
            arousal=0.125, curiosity=0.25, confidence=0.5, stability=stability, pressure=0.0))

    def lead(self, robot_id: str, term: int, swarm_id: str = 'swarm') -> None:
        robots = [RobotStatus(robot_id=f'r{n}') for n in (1, 2)]
        publisher = self.state if swarm_id == 'swarm' else self.foreign_state
        publisher.publish(SwarmState(
            envelope=Envelope(swarm_id=swarm_id), leader=robot_id, term=term,
            log_index=40 + term, robots=robots))


@contextmanager
def spinning(context: Context, *nodes: Node) -> Iterator[None]:
    executor = SingleThreadedExecutor(context=context)
    for node in nodes:
        executor.add_node(node)

    def spin() -> None:
        with suppress(ExternalShutdownException):
            executor.spin()

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        yield
    finally:
        executor.shutdown()
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()


@pytest.fixture
def context() -> Iterator[Context]:
    made = Context()
    rclpy.init(context=made)
    yield made
    rclpy.try_shutdown(context=made)


@contextmanager
def running(context: Context, **settings: Any) -> Iterator[World]:
    """A learner of r1 in a spinning executor, and the world around it."""
    outside = Node('world', context=context)
    inside = Node(PART.node_name, namespace='/r1', context=context)
    part = PART.create(inside, LearningConfig(**{**FAST, **settings}))
    world = World(outside)
    try:
        with spinning(context, outside, inside):
            yield world
        assert part.errors == 0
    finally:
        part.close()
        part.close()
        inside.destroy_node()
        outside.destroy_node()


def repeating(world: World, *actions: Callable[[], None]) -> None:
    """Do the actions ten times a second, as coordinators do."""
    world.node.create_timer(0.1, lambda: [action() for action in actions])


def test_load_of_the_own_robot_becomes_its_arousal_with_reasons(context: Context) -> None:
    with running(context) as world:
        busy = LocalState(robot_id='r1', cpu_load_permille=900, job_slots=1, held_jobs=5,
                          queued_work_ms=60000, leader='r1')
        repeating(world, lambda: world.local_state.publish(busy))
        msg = world.wait_for(LocalConsciousness, lambda m: m.pressure > 0.8)
        assert msg.robot_id == 'r1'
        assert any('load 1.00 (queue delay)' in reason for reason in msg.reasons)


def test_the_leader_tells_the_figures_of_its_own_swarm_only(context: Context) -> None:
    with running(context) as world:
        repeating(world, lambda: world.lead('r1', 2), lambda: world.beat('r1'),
                  lambda: world.beat('r2', stability=0.75),
                  lambda: world.beat('stranger', swarm_id='other', stability=0.0),
                  lambda: world.lead('r9', 99, swarm_id='other'))
        msg = world.wait_for(SwarmConsciousness, lambda m: m.robots == 2)
        said = msg.envelope
        assert (said.swarm_id, said.sender, msg.worst_robot) == ('swarm', 'r1', 'r2')
        assert msg.term == 2
        assert msg.stability == pytest.approx(0.8125)


def test_figures_that_are_no_shares_are_warned_of_by_robot(context: Context) -> None:
    with running(context) as world:
        repeating(world, lambda: world.beat('broken', stability=9.0))
        msg = world.wait_for(Log, lambda m: 'dropped' in m.msg)
        assert "'broken'" in msg.msg and msg.name == 'r1.learning'


def test_a_follower_advises_but_does_not_speak_for_the_swarm(context: Context) -> None:
    with running(context) as world:
        repeating(world, lambda: world.lead('r2', 2), lambda: world.beat('r1'),
                  lambda: world.beat('r2'))
        msg = world.wait_for(Advice, lambda m: m.has_mode and m.log_index == 42)
        assert msg.robot_id == 'r1' and msg.valid_ms == 1000
        assert '2 of 2 robots heard' in msg.mode.reason
        assert not world.heard[SwarmConsciousness]


def test_what_was_learned_is_on_the_disk_after_close(context: Context, tmp_path: Path) -> None:
    with running(context, storage_dir=str(tmp_path)) as world:
        done = iter(range(10_000))
        repeating(world, lambda: world.outcomes.publish(JobOutcomes(
            envelope=Envelope(swarm_id='swarm'), outcomes=[JobOutcome(
                robot_id='r1', kind='exec', program='xz', run_ms=500, attempt=1,
                job_id=f'job{next(done)}')])))
        world.wait_for(LocalConsciousness, lambda m: m.confidence > 0.7)
    found = CheckpointFile(tmp_path).load()
    assert isinstance(found, Loaded)
    assert [(job['kind'], job['program']) for job in found.content['jobs']] == [('exec', 'xz')]
    with running(context, storage_dir=str(tmp_path)) as world:
        first = world.wait_for(LocalConsciousness, lambda m: True)
        assert first.confidence > 0.7


def test_a_corrupt_checkpoint_is_kept_aside_and_the_learner_starts_fresh(
    context: Context, tmp_path: Path
) -> None:
    (tmp_path / 'learning.json').write_text('{"sha256": "00", "content": {"schema": 1}}')
    with running(context, storage_dir=str(tmp_path)) as world:
        msg = world.wait_for(LocalConsciousness, lambda m: True)
        assert msg.confidence == pytest.approx(0.264, abs=0.01)
    assert (tmp_path / 'learning.json.bad-1').exists()


def test_a_node_without_namespace_and_name_is_refused(context: Context) -> None:
    node = Node('learning', context=context)
    try:
        with pytest.raises(ValueError, match='robot_id'):
            PART.create(node, LearningConfig())
    finally:
        node.destroy_node()
