# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Services of a robot that say how it and the swarm stand and why, and that set the mode."""

import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from swarm_msgs import msg, srv

from swarm_coordinator.config import CoordinatorConfig
from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.events import Answer
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.replicated.command import ClearOverride, SetOverride
from swarm_coordinator.ros import job_conversions
from swarm_coordinator.ros.clients import Clients
from swarm_coordinator.ros.deferred import serve
from swarm_coordinator.ros.requests import answer_code
from swarm_coordinator.ros.views import Views


class Services:
    """Made once per coordinator node. Callbacks are coroutines in the node's executor."""

    def __init__(
        self,
        node: Node,
        config: CoordinatorConfig,
        clients: Clients,
        views: Views,
        fsync_p99_us: int,
        lineage: Callable[[], int],
        group: CallbackGroup,
    ) -> None:
        self._config = config
        self._clients = clients
        self._views = views
        self._fsync_p99_us = fsync_p99_us
        self._lineage = lineage
        for kind, name, callback in (
            (srv.Explain, 'explain', self._explain),
            (srv.Status, 'status', self._status),
            (srv.SetOverride, 'set_override', self._set_override),
            (srv.ClearOverride, 'clear_override', self._clear_override),
        ):
            serve(node, kind, name, callback, group)

    # ---- reading

    async def _status(self, request: Any, response: Any) -> Any:
        def collect(core: Coordinator) -> Any:
            response.state = self._views.state()
            response.robot_id = core.robot_id
            response.role = int(core.raft.role)
            response.incarnation = core.identity.incarnation
            response.last_index = core.raft.last_index
            response.applied_index = core.raft.last_applied
            response.first_index = core.raft.first_index
            response.storage_id = core.raft.storage_id
            response.has_vote = core.raft.has_vote
            return response

        await self._clients.look(collect)
        response.lineage = self._lineage()
        response.storage_dir = self._config.storage_path
        response.timing_profile = self._config.timing_profile
        response.fsync_p99_us = self._fsync_p99_us
        return response

    async def _explain(self, request: Any, response: Any) -> Any:
        found, reason, story = await self._clients.look(
            lambda core: _story(core, request.subject, request.id)
        )
        response.found, response.reason, response.story = found, reason, story
        if found and request.subject == srv.Explain.Request.SUBJECT_JOB:
            response.candidates = await self._clients.look(
                lambda core: _candidates(core, request.id)
            )
        return response

    # ---- mode

    async def _set_override(self, request: Any, response: Any) -> Any:
        try:
            mode = Mode(request.mode)
        except ValueError:
            answer = Answer(0, refused=f'mode={request.mode}: expected one of MODE_* (0 to 6)')
        else:
            command = SetOverride(mode, request.owner, request.reason, request.duration_ms)
            answer = await self._clients.request(command, request.expiry_ms)
        response.code, response.reason = answer_code(answer, srv.SetOverride.Response)
        response.log_index = answer.index
        return response

    async def _clear_override(self, request: Any, response: Any) -> Any:
        command = ClearOverride(request.owner or 'operator', request.reason)
        answer = await self._clients.request(command, request.expiry_ms)
        response.code, response.reason = answer_code(answer, srv.ClearOverride.Response)
        response.log_index = answer.index
        return response


def _candidates(core: Coordinator, job_id: str) -> list[msg.RouteCandidate]:
    """Routes of the last grant; of a job that waits, those that it cannot take now."""
    job = core.state.jobs.get(job_id)
    if job is None:
        return []
    if job.phase is JobPhase.SUBMITTED:
        return [
            msg.RouteCandidate(
                robot_id=one.place.robot_id, compute_unit=one.place.unit, lost=one.why
            )
            for one in core.turned_away(job)
        ]
    return [job_conversions.candidate_to_msg(candidate) for candidate in job.candidates]


def _story(core: Coordinator, subject: int, name: str) -> tuple[bool, str, list[msg.StoryLine]]:
    kinds = srv.Explain.Request
    if subject == kinds.SUBJECT_JOB:
        job = core.state.jobs.get(name)
        if job is None:
            return False, f'job {name!r} is not known here', []
        lines = [
            msg.StoryLine(stamp_ns=line.stamp_ns, log_index=line.index, what=line.what)
            for line in job.story
        ]
        return True, '', lines
    if subject == kinds.SUBJECT_MODE:
        state = core.state
        what = f'{state.mode.label}: {state.mode_reason}'
        line = msg.StoryLine(
            stamp_ns=state.mode_since_ns, log_index=state.mode_epoch, what=what
        )
        return True, '', [line]
    if subject == kinds.SUBJECT_LEADER:
        reason = core.raft.role_reason.value
        what = f'{core.raft.leader or "nobody"} leads term {core.raft.term} as seen here: {reason}'
        return True, '', [msg.StoryLine(stamp_ns=time.time_ns(), what=what)]
    if subject == kinds.SUBJECT_ROBOT:
        member = core.state.members.get(RobotId(name))
        if member is None:
            return False, f'robot {name!r} is not known here', []
        what = f'{member.phase.name.lower()} since entry {member.changed_index}'
        return True, '', [msg.StoryLine(log_index=member.changed_index, what=what)]
    return False, 'devices are explained by hw_discovery: list_devices shows their evidence', []
