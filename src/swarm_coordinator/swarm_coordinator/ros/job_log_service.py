# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The service that reads what a job printed: owns from which robot it is read.

What a job prints stays on the robot that ran it; any robot can be asked, and asks that one.
"""

import re
import time
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from swarm_msgs import srv

from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Job
from swarm_coordinator.ros.clients import Clients
from swarm_coordinator.ros.deferred import Alarms, Promise, serve
from swarm_coordinator.runner.job_logs import JobLogs, LogRead

BYTES_DEFAULT = 64 * 1024
WAIT_MS_MAX = 10_000
LOOK_AGAIN_S = 0.1  # for something new, while a request waits
_GRANTED = re.compile(r'attempt (\d+) granted to ([^\s:]+)')
OTHER_ROBOT_S = 3.0  # for its answer, beside what the request itself waits
STREAMS = {
    srv.ReadJobLog.Request.STREAM_STDOUT: 'stdout',
    srv.ReadJobLog.Request.STREAM_STDERR: 'stderr',
}


class JobLogService:
    """Made once per coordinator node. Callbacks are coroutines in the node's executor."""

    def __init__(
        self,
        node: Node,
        robot_id: RobotId,
        clients: Clients,
        logs: JobLogs,
        alarms: Alarms,
        group: CallbackGroup,
    ) -> None:
        self._node = node
        self._robot_id = robot_id
        self._clients = clients
        self._logs = logs
        self._alarms = alarms
        self._group = group
        self._others: dict[RobotId, Any] = {}  # clients of their services; they are few
        serve(node, srv.ReadJobLog, 'read_job_log', self._read_log, group)

    async def _read_log(self, request: Any, response: Any) -> Any:
        if request.stream not in STREAMS:
            return _not_found(response, f'stream={request.stream}: expected STREAM_* (0 or 1)')
        attempt, ran_at = await self._clients.look(
            lambda core: _attempt(core, request.job_id, request.attempt)
        )
        if attempt is None:
            return _not_found(response, f'job {request.job_id[:200]!r} is not known')
        if ran_at is None and not request.attempt:
            return _not_found(response, f'job {request.job_id} has not run yet')
        try:
            kept = self._logs.read(request.job_id, attempt, 'stdout', 0, 0)
        except ValueError as error:
            return _not_found(response, str(error))
        here = kept.found or ran_at == self._robot_id
        if not here and not request.here_only and ran_at is not None:
            return await self._ask(ran_at, request, response)
        if not here:
            return _not_found(
                response, f'{self._robot_id} has no log of attempt {attempt} of {request.job_id}'
            )
        read = await self._wait(request, attempt)
        response.robot_id, response.attempt = self._robot_id, attempt
        response.offset, response.size_bytes = read.offset, read.size
        response.dropped_bytes, response.ended = read.dropped, read.ended
        response.data = read.data
        return response

    async def _wait(self, request: Any, attempt: int) -> LogRead:
        """What is there, or comes in time."""
        until_s = time.monotonic() + min(request.wait_ms, WAIT_MS_MAX) / 1000
        while True:
            read = self._logs.read(
                request.job_id,
                attempt,
                STREAMS[request.stream],
                request.offset,
                request.bytes_max or BYTES_DEFAULT,
            )
            if read.data or read.ended or time.monotonic() >= until_s:
                return read
            await self._alarms.after(LOOK_AGAIN_S)

    async def _ask(self, robot: RobotId, request: Any, response: Any) -> Any:
        """The other robot's answer; the service of a robot that is gone never answers."""
        client = self._others.get(robot)
        if client is None:
            client = self._others[robot] = self._node.create_client(
                srv.ReadJobLog, f'/{robot}/read_job_log', callback_group=self._group
            )
        until_s = time.monotonic() + OTHER_ROBOT_S + min(request.wait_ms, WAIT_MS_MAX) / 1000
        while not client.service_is_ready() and time.monotonic() < until_s:
            await self._alarms.after(LOOK_AGAIN_S)
        asked = srv.ReadJobLog.Request(
            **{name: getattr(request, name) for name in request.get_fields_and_field_types()}
        )
        asked.here_only = True
        answered = Promise()
        future = client.call_async(asked)
        future.add_done_callback(lambda _: _keep(answered))
        self._alarms.keep_by(answered, until_s)
        await answered
        if not future.done() or future.result() is None:
            client.remove_pending_request(future)
            response.code = response.UNAVAILABLE
            response.reason = f'{robot}, which ran it, does not answer: its log is there'
            return response
        for name in response.get_fields_and_field_types():
            setattr(response, name, getattr(future.result(), name))
        return response


def _attempt(core: Coordinator, job_id: str, attempt: int) -> tuple[int | None, RobotId | None]:
    """Which attempt is meant, and the robot that is known to have run it."""
    job = core.state.jobs.get(job_id)
    if job is None:
        return None, None
    attempt = attempt or job.attempt
    return attempt, job.robot_id if attempt == job.attempt else _told_robot(job, attempt)


def _told_robot(job: Job, attempt: int) -> RobotId | None:
    """Of an earlier attempt only the story knows."""
    for line in job.story:
        told = _GRANTED.search(line.what)
        if told is not None and int(told[1]) == attempt:
            return RobotId(told[2])
    return None


def _keep(promise: Promise) -> None:
    if not promise.done():
        promise.set_result(None)


def _not_found(response: Any, reason: str) -> Any:
    response.code, response.reason = response.NOT_FOUND, reason
    return response
