# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hears jobs for traces, where the parameter `traces` asks for them. What cannot be traced is said
in the log and ends nothing."""

from __future__ import annotations

import time
from typing import Any

from rclpy.subscription import Subscription
from swarm_msgs.msg import JobUpdates

from swarm_tower import tracing
from swarm_tower.core.job_spans import JobTracks
from swarm_tower.ros import qos
from swarm_tower.ros.conversions import update_message
from swarm_tower.ros.feed import Ears

NS_PER_MS = 1_000_000


class TracesFeed:
    """See feed.Feed. Nothing is heard and nothing imported while traces are off."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._heard: Subscription | None = None
        self._tracing: tracing.Tracing | None = None
        if ears.config.traces:
            self._start()

    def _start(self) -> None:
        node = self._ears.node
        self._tracks = JobTracks(time.time_ns() // NS_PER_MS)
        self._heard = node.create_subscription(JobUpdates, '/swarm/jobs', self._take, qos.JOBS)
        try:
            self._tracing = tracing.start()
        except Exception as error:  # of an SDK that we do not know
            node.get_logger().error(f'traces: {error}; jobs are not traced')

    def _take(self, msg: Any) -> None:
        try:
            if self._tracing is None or self._ears.sender(msg) is not None:
                return
            for job in update_message(msg).jobs:
                life = self._tracks.take(job)
                if life is not None:
                    self._tracing.send(life)
        except Exception as error:
            self._ears.node.get_logger().error(
                f'traces: {type(error).__name__}: {error}', throttle_duration_sec=5.0
            )

    def follow(self, robot_ids: list[str]) -> None:
        """Nothing of single robots is heard here."""

    def close(self) -> None:
        """Drop everything; never raises."""
        if self._heard is not None:
            self._ears.node.destroy_subscription(self._heard)
        if self._tracing is not None:
            self._tracing.close()
