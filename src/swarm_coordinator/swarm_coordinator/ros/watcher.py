# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Watches a swarm from outside, by its topics: who beats, who leads, what happens, which jobs.

For demonstrations, system tests and measurements. Adds nothing to the swarm and decides nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from swarm_msgs import msg

from swarm_coordinator.ros.topics import TOPICS

FRESH_S = 1.0
SETTLED_MS = 3000  # DDS takes up to two seconds until all of a new robot's topics are matched


@dataclass
class Heard:
    """The last beacon of a robot and when it came (monotonic seconds)."""

    beacon: msg.Heartbeat
    at_s: float


@dataclass
class Watcher:
    """Fed by the executor that spins `node`. `on_event` is called for each swarm event."""

    node: Node
    swarm_id: str
    on_event: Callable[[msg.SwarmEvent], None] = lambda event: None
    heard: dict[str, Heard] = field(default_factory=dict)
    jobs: dict[str, msg.JobStatus] = field(default_factory=dict)
    events: list[msg.SwarmEvent] = field(default_factory=list)
    _job_index: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._subscribe('/swarm/heartbeat', self._on_beacon, depth=64)
        self._subscribe('/swarm/events', self._on_event, depth=1000)
        self._subscribe('/swarm/jobs', self._on_jobs, depth=1000)

    def _subscribe(self, name: str, callback: Callable[[Any], None], depth: int) -> None:
        topic = TOPICS[name]
        qos = QoSProfile(
            depth=depth, reliability=topic.qos.reliability, durability=topic.qos.durability
        )
        self.node.create_subscription(topic.kind, name, callback, qos)

    def _on_beacon(self, message: msg.Heartbeat) -> None:
        if message.envelope.swarm_id == self.swarm_id:
            self.heard[message.envelope.sender] = Heard(message, time.monotonic())

    def _on_event(self, message: msg.SwarmEvent) -> None:
        if message.envelope.swarm_id == self.swarm_id:
            self.events.append(message)
            self.on_event(message)

    def _on_jobs(self, message: msg.JobUpdates) -> None:
        if message.envelope.swarm_id == self.swarm_id:
            for job in message.jobs:
                self.learn(job, message.log_index)

    def learn(self, job: msg.JobStatus, log_index: int) -> None:
        """Take a status unless a newer one is known."""
        if log_index >= self._job_index.get(job.job_id, 0):
            self.jobs[job.job_id] = job
            self._job_index[job.job_id] = log_index

    def fresh(self, names: 'tuple[str, ...]') -> dict[str, msg.Heartbeat]:
        """Beacons of these robots that came within the last second."""
        limit = time.monotonic() - FRESH_S
        return {
            name: one.beacon
            for name, one in self.heard.items()
            if name in names and one.at_s >= limit
        }

    def agreed_leader(self, names: 'tuple[str, ...]', above_term: int = 0) -> str:
        """The leader that all of `names` name in one term above `above_term`; '' if none."""
        beacons = self.fresh(names)
        seen = {(beacon.term, beacon.leader) for beacon in beacons.values()}
        if len(beacons) != len(names) or len(seen) != 1:
            return ''
        term, leader = seen.pop()
        return leader if term > above_term else ''

    def caught_up(self, names: 'tuple[str, ...]') -> bool:
        """All of `names` beat and have applied what the furthest one knows to be committed."""
        beacons = self.fresh(names)
        if len(beacons) != len(names):
            return False
        target = max(beacon.commit_index for beacon in beacons.values())
        return all(beacon.applied_index >= target for beacon in beacons.values())

    def settled(self, names: 'tuple[str, ...]') -> bool:
        """Caught up, and every robot has run for long enough to be heard by all the others."""
        return self.caught_up(names) and all(
            beacon.uptime_ms >= SETTLED_MS for beacon in self.fresh(names).values()
        )
