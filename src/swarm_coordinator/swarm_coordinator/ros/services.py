# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Services and the action of a robot: any robot answers, what needs the leader is forwarded.

Checks requests, turns them into commands, and answers when the log has them.
"""

import itertools
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from swarm_msgs import msg, srv
from swarm_msgs.action import RunJob

from swarm_coordinator.config import CoordinatorConfig
from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.events import Answer
from swarm_coordinator.core.ids import RobotId, life_name
from swarm_coordinator.core.jobs.job import FileRef, JobSpec
from swarm_coordinator.core.jobs.kinds import JOB_KINDS
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.replicated.command import (
    CancelJob,
    ClearOverride,
    SetOverride,
    SubmitJob,
)
from swarm_coordinator.ros import conversions
from swarm_coordinator.ros.clients import Clients
from swarm_coordinator.ros.deferred import Watchers, run, serve
from swarm_coordinator.ros.engine import Handover
from swarm_coordinator.ros.requests import EXPIRY_MS_DEFAULT
from swarm_coordinator.ros.views import Views
from swarm_coordinator.runner.stager import Stager

LIST_DEFAULT = 200
LIST_MAX = 1000
KEY_MAX = 200
PATHS_MAX = 256


class GoalEnd(Enum):
    """Values are the methods of a goal handle."""

    SUCCEEDED = 'succeed'
    CANCELED = 'canceled'
    ABORTED = 'abort'


class Refusal(Exception):
    """The request is wrong; the text says what was expected."""


class Services:
    """Made once per coordinator node. Callbacks are coroutines in the node's executor."""

    def __init__(
        self,
        node: Node,
        config: CoordinatorConfig,
        clients: Clients,
        views: Views,
        stager: Stager,
        handover: Handover,
        fsync_p99_us: int,
        lineage: Callable[[], int],
        group: CallbackGroup,
    ) -> None:
        self._node = node
        self._config = config
        self._clients = clients
        self._views = views
        self._stager = stager
        self._fsync_p99_us = fsync_p99_us
        self._lineage = lineage
        self._numbers = itertools.count(1)
        self._watchers = Watchers(handover.put)  # of jobs, by id
        for kind, name, callback in (
            (srv.SubmitJob, 'submit_job', self._submit_job),
            (srv.CancelJob, 'cancel_job', self._cancel_job),
            (srv.ListJobs, 'list_jobs', self._list_jobs),
            (srv.Explain, 'explain', self._explain),
            (srv.Status, 'status', self._status),
            (srv.SetOverride, 'set_override', self._set_override),
            (srv.ClearOverride, 'clear_override', self._clear_override),
        ):
            serve(node, kind, name, callback, group)
        self._action = ActionServer(
            node,
            RunJob,
            'run_job',
            execute_callback=_ended_goal,
            handle_accepted_callback=self._accepted,
            goal_callback=lambda goal: GoalResponse.ACCEPT,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
            callback_group=group,
        )

    def close(self) -> None:
        self._action.destroy()

    def jobs_changed(self, job_ids: list[str]) -> None:
        """From the coordinator's thread: wake whoever watches one of these."""
        self._watchers.changed(job_ids)

    # ---- jobs

    async def _submit_job(self, request: Any, response: Any) -> Any:
        answer = await self._submit(request, request.expiry_ms)
        response.code, response.reason = answer_code(answer, srv.SubmitJob.Response)
        if answer.refused == '' and answer.unavailable == '':
            response.job_id = answer.value
            response.duplicate = answer.duplicate
        return response

    async def _submit(self, request: Any, expiry_ms: int) -> Answer:
        """`request`: anything with the fields of SubmitJob's request."""
        try:
            spec = self._checked_spec(request)
            offered = await self._clients.look(lambda core: _nobody_offers(core, spec))
            if offered:
                raise Refusal(offered)
            refs = await self._import(request.input_paths)
        except (Refusal, ValueError) as error:
            return Answer(0, refused=str(error))
        spec = _with_inputs(spec, refs)
        held = await self._clients.handed(
            lambda done: self._stager.pin(tuple(set(spec.inputs) - set(refs)), done)
        )
        if held:
            self._stager.unpin(tuple(ref.sha256 for ref in refs))
            return Answer(0, refused=held)
        incarnation = await self._clients.look(lambda core: core.identity.incarnation)
        command = SubmitJob(
            job_id=f'{self._config.robot_id}-{life_name(incarnation)}-{next(self._numbers)}',
            origin=RobotId(self._config.robot_id),
            spec=spec,
            output_dir=request.output_dir,
            idempotency_key=request.idempotency_key,
        )
        return await self._clients.request(command, expiry_ms)

    def _checked_spec(self, request: Any) -> JobSpec:
        spec = conversions.spec_from_msg(request.spec)
        kind = JOB_KINDS.get(spec.kind)
        if kind is None:
            raise Refusal(f'kind={spec.kind!r}: expected one of {", ".join(JOB_KINDS)}')
        kind.check(spec)
        if len(request.idempotency_key) > KEY_MAX:
            raise Refusal(f'idempotency_key: at most {KEY_MAX} characters')
        if len(request.input_paths) > PATHS_MAX:
            raise Refusal(f'input_paths: at most {PATHS_MAX}')
        names = [Path(path).name for path in request.input_paths]
        if len(set(names)) != len(names):
            raise Refusal(f'input_paths: two of them are called the same: {sorted(names)}')
        for path in (*request.input_paths, *([request.output_dir] if request.output_dir else [])):
            if not path.startswith('/'):
                raise Refusal(f'{path!r}: expected an absolute path on {self._config.robot_id}')
        return spec

    async def _import(self, paths: list[str]) -> list[FileRef]:
        if not paths:
            return []
        pairs = [(Path(path), Path(path).name) for path in paths]
        refs = await self._clients.handed(lambda done: self._stager.add(pairs, done))
        if isinstance(refs, str):
            raise Refusal(refs)
        return list(refs)

    async def _cancel_job(self, request: Any, response: Any) -> Any:
        command = CancelJob(request.job_id, request.reason or 'cancelled by a client')
        answer = await self._clients.request(command, request.expiry_ms)
        response.code, response.reason = answer_code(answer, srv.CancelJob.Response)
        return response

    async def _list_jobs(self, request: Any, response: Any) -> Any:
        wanted = {
            conversions.PHASE_FROM_MSG[phase]
            for phase in request.phases
            if phase in conversions.PHASE_FROM_MSG
        }
        ids, labels = set(request.job_ids), set(request.labels)
        limit = min(request.limit or LIST_DEFAULT, LIST_MAX)

        def collect(core: Coordinator) -> tuple[int, int, list[msg.JobStatus]]:
            matched = [
                job.job_id
                for job in core.state.jobs.values()
                if (not ids or job.job_id in ids)
                and (not wanted or job.phase in wanted)
                and labels.issubset(job.spec.labels)
            ]
            if request.newest_first:
                matched.reverse()
            start = matched.index(request.after) + 1 if request.after in matched else 0
            page = [self._views.job(job_id) for job_id in matched[start : start + limit]]
            return core.state.applied_index, len(matched), page

        response.log_index, response.matched, response.jobs = await self._clients.look(collect)
        return response

    def _accepted(self, handle: Any) -> None:
        """Follow the job without a task of rclpy's (deferred.py); the goal is only executed, in
        rclpy's sense, when it has ended."""

        def ended(outcome: tuple[GoalEnd, Any]) -> None:
            handle.execute(lambda goal: _ended_goal(goal, outcome))

        run(self._run_job(handle), ended)

    async def _run_job(self, handle: Any) -> 'tuple[GoalEnd, Any]':
        """The action: submit, report every change, end with the job."""
        try:
            return await self._run(handle)
        except Exception as error:  # the process edge: no goal may end the robot
            self._node.get_logger().error(f'run_job failed:\n{traceback.format_exc()}')
            code, reason = RunJob.Result.UNAVAILABLE, f'{error!r}'[:500]
            return GoalEnd.ABORTED, RunJob.Result(code=code, reason=reason)

    async def _run(self, handle: Any) -> 'tuple[GoalEnd, Any]':
        result = RunJob.Result()
        answer = await self._submit(handle.request, EXPIRY_MS_DEFAULT)
        result.code, result.reason = answer_code(answer, RunJob.Result)
        if result.code != RunJob.Result.ACCEPTED:
            return GoalEnd.ABORTED, result
        result.job = await self._follow(handle, answer.value)
        result.reason = result.job.reason
        if result.job.phase == msg.JobStatus.PHASE_DONE:
            return GoalEnd.SUCCEEDED, result
        return (GoalEnd.CANCELED if handle.is_cancel_requested else GoalEnd.ABORTED), result

    async def _follow(self, handle: Any, job_id: str) -> msg.JobStatus:
        cancelled = False
        while True:
            changed = self._watchers.next_change(job_id)
            status = await self._clients.look(lambda core: self._job_or_none(core, job_id))
            if status is None:
                return msg.JobStatus(job_id=job_id, reason='forgotten: too many jobs since')
            handle.publish_feedback(RunJob.Feedback(job=status))
            if conversions.is_settled(status):
                return status
            if handle.is_cancel_requested and not cancelled:
                cancelled = True
                await self._clients.request(
                    CancelJob(job_id, 'the goal was cancelled'), EXPIRY_MS_DEFAULT
                )
                continue
            await changed

    def _job_or_none(self, core: Coordinator, job_id: str) -> msg.JobStatus | None:
        return self._views.job(job_id) if job_id in core.state.jobs else None

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


def _ended_goal(handle: Any, outcome: 'tuple[GoalEnd, Any]') -> Any:
    end, result = outcome
    getattr(handle, end.value)()
    return result


def answer_code(answer: Answer, kind: Any, good: int | None = None) -> tuple[int, str]:
    """`code` and `reason` of a response; `kind` has the constants, `good` if not ACCEPTED."""
    if answer.unavailable:
        return kind.UNAVAILABLE, answer.unavailable
    if answer.refused:
        return kind.REFUSED, answer.refused
    return kind.ACCEPTED if good is None else good, ''


def _with_inputs(spec: JobSpec, refs: list[FileRef]) -> JobSpec:
    names = {ref.name for ref in refs}
    kept = tuple(ref for ref in spec.inputs if ref.name not in names)
    return replace(spec, inputs=(*kept, *refs))


def _nobody_offers(core: Coordinator, spec: JobSpec) -> str:
    """'' if some robot of the swarm, reachable or not, offers what the job requires."""
    required = JOB_KINDS[spec.kind].required(spec)
    members = core.state.members.values()
    if any(member.offers(required) for member in members):
        return ''
    offered = sorted({c.name for m in members for c in m.capabilities if c.name in required})
    missing = [name for name in required if name not in offered]
    programs = sorted(
        {c.name[5:] for m in members for c in m.capabilities if c.name.startswith('exec:')}
    )
    return (
        f'no robot of this swarm offers {", ".join(missing or required)}; programs on an '
        f'allow-list (parameter exec_allow): {", ".join(programs) or "none"}'
    )


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
