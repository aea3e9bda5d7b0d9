# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Asks this robot's coordinator whether the outputs of its jobs have come: owns the question and
its deadline; decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from swarm_msgs import srv

from ..core.events import DeliveriesHeard
from . import reputation_conversions

ANSWER_S_MAX = 10.0


class Deliveries:
    """One question at a time; the answer comes through `post`, in the node's executor."""

    def __init__(
        self, node: Node, robot_id: str, post: Callable[[DeliveriesHeard], None]
    ) -> None:
        self._robot_id = robot_id
        self._post = post
        self._client = node.create_client(srv.ListJobs, 'list_jobs')
        self._future: Any = None
        self._asked_s = 0.0

    def close(self) -> None:
        self._drop()

    def ask(self, job_ids: tuple[str, ...]) -> None:
        """Ask, unless an answer is still waited for or no coordinator is there."""
        if self._future is not None and time.monotonic() - self._asked_s < ANSWER_S_MAX:
            return
        self._drop()
        if not self._client.service_is_ready():
            return
        self._asked_s = time.monotonic()
        request = srv.ListJobs.Request(job_ids=list(job_ids), limit=len(job_ids))
        self._future = self._client.call_async(request)
        self._future.add_done_callback(self._answered)

    def _answered(self, future: Any) -> None:
        if future is not self._future:
            return
        self._future = None
        if future.cancelled() or future.result() is None:
            return
        told = (
            reputation_conversions.delivery_from_msg(job, self._robot_id)
            for job in future.result().jobs
        )
        found = tuple(one for one in told if one is not None)
        if found:
            self._post(DeliveriesHeard(found))

    def _drop(self) -> None:
        future, self._future = self._future, None
        if future is not None:
            self._client.remove_pending_request(future)
            future.cancel()
