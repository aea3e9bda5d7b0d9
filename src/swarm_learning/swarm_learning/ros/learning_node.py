# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the learner's place in the ROS graph: subscriptions, publishers, one timer; decides
nothing and does no slow work in a callback."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from swarm_msgs.msg import (
    Advice,
    Heartbeat,
    JobOutcome,
    LocalConsciousness,
    LocalState,
    SwarmConsciousness,
    SwarmState,
)

from ..core.checkpoint import run_times_from
from ..core.config import LearningConfig
from ..core.learner import (
    Effect,
    Learner,
    PublishAdvice,
    PublishLocal,
    PublishSwarm,
    SaveStatistics,
    WarnMalformed,
)
from ..core.observation import Closing, Event, Tick
from ..core.run_times import RunTimes
from ..core.swarm import ROBOTS_MAX
from ..storage.checkpoint_file import CheckpointFile, Loaded, Rejected
from ..storage.writer import CheckpointWriter
from . import conversions

STEADY = Clock(clock_type=ClockType.STEADY_TIME)  # the wall clock may be set back
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE,
                     durability=DurabilityPolicy.TRANSIENT_LOCAL)
# A reader's history is shared by all writers: with depth 1 the word of another swarm or of an
# old leader could push out, unread, what our leader said at the same moment.
SHARED_LATCHED = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE,
                            durability=DurabilityPolicy.TRANSIENT_LOCAL)
BEACON = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT,
                    durability=DurabilityPolicy.VOLATILE)
OUTCOMES = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE,
                      durability=DurabilityPolicy.VOLATILE)


class Learning:
    """Adapter between a node and the learner of one robot."""

    def __init__(self, node: Node, config: LearningConfig) -> None:
        self._node = node
        self._config = config
        self._log = node.get_logger()
        self._writer: CheckpointWriter | None = None
        self._learner = Learner(config, time.monotonic_ns(), self._restored_run_times())
        self._beacons: dict[str, tuple[Heartbeat, int]] = {}
        self.errors = 0
        self._closed = False
        self._make_publishers()
        self._make_subscriptions()
        self._timer = node.create_timer(config.period_ms / 1000.0, self._on_timer, clock=STEADY)

    def close(self) -> None:
        """Keep what was learned and end the writing thread; never raises."""
        if self._closed:
            return
        self._closed = True
        try:
            self._timer.cancel()
            self._dispatch(Closing())
        except Exception as error:
            self._count_error('closing', error)
        if self._writer is not None:
            self._writer.close()

    def _make_publishers(self) -> None:
        make = self._node.create_publisher
        self._local_publisher = make(LocalConsciousness, 'consciousness', LATCHED)
        self._swarm_publisher = make(SwarmConsciousness, '/swarm/consciousness', LATCHED)
        self._advice_publisher = make(Advice, 'advice', LATCHED)

    def _make_subscriptions(self) -> None:
        make = self._node.create_subscription
        make(LocalState, 'local_state', self._on_local_state, LATCHED)
        make(Heartbeat, '/swarm/heartbeat', self._on_heartbeat, BEACON)
        make(JobOutcome, '/swarm/outcomes', self._on_outcome, OUTCOMES)
        make(SwarmState, '/swarm/state', self._on_swarm_state, SHARED_LATCHED)

    def _on_heartbeat(self, msg: Heartbeat) -> None:
        # Ten a second from every robot: only kept here, folded once a period.
        if msg.envelope.swarm_id != self._config.swarm_id:
            return
        sender = msg.envelope.sender
        if sender in self._beacons or len(self._beacons) < ROBOTS_MAX:
            self._beacons[sender] = (msg, time.monotonic_ns())

    def _on_local_state(self, msg: LocalState) -> None:
        self._guard('local_state', partial(conversions.local_state_from_msg, msg))

    def _on_outcome(self, msg: JobOutcome) -> None:
        if msg.swarm_id == self._config.swarm_id:
            self._guard('outcomes', partial(conversions.outcome_from_msg, msg))

    def _on_swarm_state(self, msg: SwarmState) -> None:
        if msg.swarm_id == self._config.swarm_id:
            self._guard('state', partial(conversions.swarm_state_from_msg, msg))

    def _on_timer(self) -> None:
        beacons, self._beacons = self._beacons, {}
        for msg, heard_ns in beacons.values():
            self._guard('heartbeat', partial(conversions.beacon_from_msg, msg, heard_ns))
        self._guard('timer', Tick)

    def _guard(self, source: str, make_event: Callable[[], Event]) -> None:
        """Fold an event; what goes wrong with one message must not end the robot."""
        try:
            self._dispatch(make_event())
        except Exception as error:
            self._count_error(source, error)

    def _dispatch(self, event: Event) -> None:
        for effect in self._learner.handle(event, time.monotonic_ns()):
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        stamp = self._node.get_clock().now().to_msg()
        robot_id = self._config.robot_id
        if isinstance(effect, PublishLocal):
            self._local_publisher.publish(conversions.local_consciousness_to_msg(
                effect.figures, effect.reasons, robot_id, stamp))
        elif isinstance(effect, PublishSwarm):
            self._swarm_publisher.publish(conversions.swarm_consciousness_to_msg(
                effect.view, effect.term, self._config.swarm_id, robot_id, stamp))
        elif isinstance(effect, PublishAdvice):
            self._advice_publisher.publish(conversions.advice_to_msg(
                effect.proposal, effect.log_index, effect.valid_ms, robot_id, stamp))
        elif isinstance(effect, WarnMalformed):
            self._log.warning(
                f'{effect.count} times figures of other robots were dropped, which are no shares '
                f'or come from too many robots; the last time from {effect.robot_id[:64]!r}')
        elif isinstance(effect, SaveStatistics) and self._writer is not None:
            self._writer.write(effect.document)

    def _restored_run_times(self) -> RunTimes | None:
        """What the last life of this robot learned; None = start fresh."""
        if not self._config.storage_dir:
            return None
        file = CheckpointFile(self._config.storage_dir)
        found = file.load()
        restored = None
        if isinstance(found, Loaded):
            try:
                restored = run_times_from(
                    found.content, self._config.memory_s, time.monotonic_ns())
            except ValueError as error:
                found = file.reject(str(error))
        if isinstance(found, Rejected):
            self._log.warning(
                f'{file.path}: learned statistics cannot be used ({found.reason}); starting '
                f"fresh; the bad file is kept as {found.kept_as or 'it was'}")
        self._writer = CheckpointWriter(file, self._warn)
        return restored

    def _warn(self, text: str) -> None:
        self._log.warning(text)

    def _count_error(self, source: str, error: Exception) -> None:
        self.errors += 1
        self._log.error(f'{source}: {type(error).__name__}: {error} (error {self.errors})',
                        throttle_duration_sec=5.0)


def robot_id_of(node: Any) -> str:
    """The robot a node belongs to: its namespace."""
    return str(node.get_namespace()).strip('/')
