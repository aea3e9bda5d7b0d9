# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pages through a robot's list_jobs service without ever blocking. Owns client and deadline.

What to ask, whom and when is decided by core.job_sync.
"""

from __future__ import annotations

from typing import Any

from rclpy.client import Client
from rclpy.node import Node
from rclpy.task import Future
from swarm_msgs.srv import ListJobs

from swarm_tower.core.facts import JobListing
from swarm_tower.core.job_sync import NS_PER_MS, JobSync, PageRequest
from swarm_tower.ros import conversions
from swarm_tower.web.hub import Hub

PAGE_JOBS = 50  # converting a page takes a few ms of the thread that all nodes share
ANSWER_MS_MAX = 5000


class JobLister:
    """All methods run in the executor's thread."""

    def __init__(self, node: Node, hub: Hub) -> None:
        self._node = node
        self._hub = hub
        self._sync = JobSync()
        self._client: Client | None = None
        self._future: Future[Any] | None = None
        self._deadline_ns = 0

    def tick(self) -> None:
        """Called once a second: begin, go on, or give up."""
        now_ns = self._now_ns()
        if self._sync.current is not None:
            self._watch(now_ns)
            return
        self._drop_client()
        wanted, held, robots = self._hub.ask(
            lambda view, now: (view.wanted_counts(), view.held_counts(), view.robots_to_ask(now))
        )
        request = self._sync.tick(now_ns, wanted, held, robots)
        if request is not None:
            self._open(request, now_ns)

    def close(self) -> None:
        """Drop what is under way."""
        self._drop_client()

    def _open(self, request: PageRequest, now_ns: int) -> None:
        self._client = self._node.create_client(ListJobs, f'/{request.robot_id}/list_jobs')
        self._deadline_ns = now_ns + ANSWER_MS_MAX * NS_PER_MS
        self._watch(now_ns)

    def _watch(self, now_ns: int) -> None:
        """Send the first page once the service is there; give up after the deadline."""
        request = self._sync.current
        if now_ns >= self._deadline_ns:
            self._sync.failed(now_ns)
            self._drop_client()
        elif request is not None and self._future is None and self._service_ready():
            self._send(request)

    def _service_ready(self) -> bool:
        return self._client is not None and self._client.service_is_ready()

    def _send(self, request: PageRequest) -> None:
        assert self._client is not None
        call = ListJobs.Request()
        call.after = request.after
        call.limit = PAGE_JOBS
        call.newest_first = True
        self._deadline_ns = self._now_ns() + ANSWER_MS_MAX * NS_PER_MS
        self._future = self._client.call_async(call)
        self._future.add_done_callback(self._answered)

    def _answered(self, future: Future[Any]) -> None:
        asked = self._future
        if asked is None or future is not asked:
            return  # given up in the meantime
        self._future = None
        try:
            self._take(asked.result())
        except Exception as error:
            self._node.get_logger().warning(f'list_jobs gave no usable answer: {error}')
            self._sync.failed(self._now_ns())

    def _take(self, answer: Any) -> None:
        jobs = answer.jobs
        self._hub.fold([conversions.job_updates(answer.log_index, jobs)])
        wanted = self._hub.ask(lambda view, now: view.wanted_counts())
        following = self._sync.answered(
            self._now_ns(),
            [conversions.clip(j.job_id) for j in jobs],
            answer.log_index,
            len(jobs) >= PAGE_JOBS,
            wanted,
        )
        if isinstance(following, PageRequest):
            self._send(following)
        elif isinstance(following, JobListing):
            self._hub.fold([following])

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        future, self._future = self._future, None
        if client is None:
            return
        if future is not None:
            client.remove_pending_request(future)
        self._node.destroy_client(client)

    def _now_ns(self) -> int:
        return int(self._hub.ask(lambda view, now: now))
