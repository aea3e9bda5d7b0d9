# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Services and the action of a robot for jobs: submitting, waiting, cancelling, listing, the log.

Checks requests, turns them into commands, and answers when the log has them. Any robot answers;
what needs the leader is forwarded.
"""

import itertools
import time
import traceback
from collections.abc import Sequence
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
from swarm_coordinator.core.identity.policy import CANCEL_ANY, NOBODY
from swarm_coordinator.core.identity.request_door import RequestReason
from swarm_coordinator.core.ids import RobotId, life_name
from swarm_coordinator.core.jobs.kinds.pipeline_kind import PipelineWork
from swarm_coordinator.core.jobs.route_table import RouteNow
from swarm_coordinator.core.jobs.spec import FileRef, JobSpec
from swarm_coordinator.core.replicated.command import CancelJob, RetryJob, SubmitJob, SubmitJobs
from swarm_coordinator.ros import job_conversions
from swarm_coordinator.ros.clients import Clients
from swarm_coordinator.ros.deferred import Alarms, Watchers, run, serve
from swarm_coordinator.ros.engine import Handover
from swarm_coordinator.ros.guarded_node import level_of
from swarm_coordinator.ros.request_guard import refuse, request_guard_of
from swarm_coordinator.ros.requests import EXPIRY_MS_DEFAULT, answer_code
from swarm_coordinator.ros.views import Views
from swarm_coordinator.runner.stager import Stager

LIST_DEFAULT = 200
LIST_MAX = 1000
KEY_MAX = 200
PATHS_MAX = 256
BATCH_MAX = 256
WAIT_IDS_MAX = 1000
WAIT_MS_MAX = 600_000
TURNED_MAX = 64  # goals that end at once, under way
OWNER = 'by:'  # label of whoever submitted a job
_UNKNOWN_REF = '0' * 64


class GoalEnd(Enum):
    """Values are the methods of a goal handle."""

    SUCCEEDED = 'succeed'
    CANCELED = 'canceled'
    ABORTED = 'abort'


class Refusal(Exception):
    """The request is wrong; the text says what was expected."""


class NotYet(Exception):
    """Nothing is wrong with the request; the text says why it has to be asked again."""


class JobServices:
    """Made once per coordinator node. Callbacks are coroutines in the node's executor."""

    def __init__(
        self,
        node: Node,
        config: CoordinatorConfig,
        clients: Clients,
        views: Views,
        stager: Stager,
        handover: Handover,
        alarms: Alarms,
        group: CallbackGroup,
    ) -> None:
        self._node = node
        self._guard = request_guard_of(node)
        self._turned_away: dict[int, str] = {}  # by id of a goal that is about to be accepted
        self._config = config
        self._clients = clients
        self._views = views
        self._stager = stager
        self._numbers = itertools.count(1)
        self._watchers = Watchers(handover.put)  # of jobs, by id
        self._alarms = alarms
        for kind, name, callback in (
            (srv.SubmitJob, 'submit_job', self._submit_job),
            (srv.SubmitJobs, 'submit_jobs', self._submit_jobs),
            (srv.WaitJobs, 'wait_jobs', self._wait_jobs),
            (srv.CancelJob, 'cancel_job', self._cancel_job),
            (srv.RetryJob, 'retry_job', self._retry_job),
            (srv.ListJobs, 'list_jobs', self._list_jobs),
            (srv.ListRoutes, 'list_routes', self._list_routes),
        ):
            serve(node, kind, name, callback, group)
        self._action = None
        if level_of(node) != 'sign_encrypt':  # goals, feedback and results travel readable
            self._action = ActionServer(
                node,
                RunJob,
                'run_job',
                execute_callback=_ended_goal,
                handle_accepted_callback=self._accepted,
                goal_callback=self._goal_asked,
                cancel_callback=self._cancel_asked,
                callback_group=group,
            )

    def close(self) -> None:
        if self._action is not None:
            self._action.destroy()

    def jobs_changed(self, job_ids: list[str]) -> None:
        """From the coordinator's thread: wake whoever watches one of these."""
        self._watchers.changed(job_ids)

    # ---- submitting

    async def _submit_job(self, request: Any, response: Any) -> Any:
        answer = await self._submit(request, request.expiry_ms, self._owner(request))
        response.code, response.reason = answer_code(answer, srv.SubmitJob.Response)
        if response.code == response.ACCEPTED:
            response.job_id = answer.value
            response.duplicate = answer.duplicate
        return response

    async def _submit_jobs(self, request: Any, response: Any) -> Any:
        owner = self._owner(request)
        answer, ids = await self._submit_all(request.jobs, request.expiry_ms, owner)
        response.code, response.reason = answer_code(answer, srv.SubmitJobs.Response)
        if response.code == response.ACCEPTED:
            response.job_ids = answer.value.split(' ')
            response.duplicates = [
                accepted != asked for accepted, asked in zip(response.job_ids, ids, strict=True)
            ]
        return response

    def _owner(self, request: Any) -> str | None:
        """Who submits, as proven; '' = somebody unnamed, None where nothing is proven."""
        return None if self._guard is None else self._guard.caller_of(request).name

    async def _submit(self, request: Any, expiry_ms: int, owner: str | None) -> Answer:
        """`request`: anything with the fields of SubmitJob's request."""
        try:
            command = await self._command(request, owner)
        except (Refusal, ValueError) as error:
            return Answer(0, refused=str(error))
        except NotYet as error:
            return Answer(0, unavailable=str(error))
        return await self._clients.request(command, expiry_ms)

    async def _submit_all(
        self, requests: Sequence[Any], expiry_ms: int, owner: str | None
    ) -> tuple[Answer, list[str]]:
        """The answer, and the ids that were asked for."""
        if not 1 <= len(requests) <= BATCH_MAX:
            refused = f'jobs: {len(requests)} given, expected 1 to {BATCH_MAX}'
            return Answer(0, refused=refused), []
        commands: list[SubmitJob] = []
        for number, request in enumerate(requests, 1):
            try:
                commands.append(await self._command(request, owner))
            except (Refusal, NotYet, ValueError) as error:
                for command in commands:
                    self._stager.unpin(tuple(ref.sha256 for ref in command.spec.files))
                why = f'job {number} of {len(requests)}: {error}'
                if isinstance(error, NotYet):
                    return Answer(0, unavailable=why), []
                return Answer(0, refused=why), []
        answer = await self._clients.request(SubmitJobs(tuple(commands)), expiry_ms)
        return answer, [command.job_id for command in commands]

    async def _command(self, request: Any, owner: str | None) -> SubmitJob:
        """The command of a request, its input files in the store. Raises Refusal, NotYet and
        ValueError."""
        if owner is not None:
            request.spec.labels = owned(request.spec.labels, owner)
        spec = self._checked_spec(request)
        refs = await self._import(request.input_paths) if request.input_paths else []
        spec = _with_inputs(spec, refs)
        problem = await self._pin(tuple(set(spec.files) - set(refs)))
        if problem:
            self._stager.unpin(tuple(ref.sha256 for ref in refs))
            raise Refusal(problem)
        incarnation, nobody = await self._clients.look(
            lambda core: (core.identity.incarnation, _nobody_offers(core, spec))
        )
        if nobody:
            self._stager.unpin(tuple(ref.sha256 for ref in spec.files))
            raise Refusal(nobody)
        return SubmitJob(
            job_id=f'{self._config.robot_id}-{life_name(incarnation)}-{next(self._numbers)}',
            origin=RobotId(self._config.robot_id),
            spec=spec,
            output_dir=request.output_dir,
            idempotency_key=request.idempotency_key,
        )

    def _checked_spec(self, request: Any) -> JobSpec:
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
        spec = job_conversions.spec_from_msg(request.spec, request.stages)
        # Reading files comes after all that can be refused without them.
        _with_inputs(spec, [FileRef(name, 0, _UNKNOWN_REF) for name in names]).check()
        return spec

    async def _import(self, paths: list[str]) -> list[FileRef]:
        pairs = [(Path(path), Path(path).name) for path in paths]
        refusal = Refusal if self._stager.store.shelf.is_settled else NotYet
        refs = await self._clients.handed(lambda done: self._stager.add(pairs, done))
        if isinstance(refs, str):
            raise refusal(refs)
        return list(refs)

    async def _pin(self, refs: tuple[FileRef, ...]) -> str:
        if not refs:
            return ''
        problem: str = await self._clients.handed(lambda done: self._stager.pin(refs, done))
        return problem

    # ---- waiting

    async def _wait_jobs(self, request: Any, response: Any) -> Any:
        if len(request.job_ids) > WAIT_IDS_MAX:
            response.unknown = list(request.job_ids[:WAIT_IDS_MAX])
            return response
        open_ids = dict.fromkeys(request.job_ids)
        wait_s = min(request.timeout_ms, WAIT_MS_MAX) / 1000
        give_up_s = time.monotonic() + wait_s
        while True:
            # Before looking: what changes in between must not be missed. Where all are waited
            # for, any one that is open will do: the others are looked at when it has ended.
            watched = list(open_ids) if request.any else list(open_ids)[:1]
            changed = self._watchers.next_of(watched)
            response.log_index, ended, unknown = await self._clients.look(
                lambda core: self._ended(core, list(open_ids), request.delivered)
            )
            response.jobs = [*response.jobs, *ended]
            response.unknown = [*response.unknown, *unknown]
            for job_id in (*(job.job_id for job in ended), *unknown):
                del open_ids[job_id]
            over = time.monotonic() >= give_up_s
            if not open_ids or over or (request.any and len(open_ids) < len(request.job_ids)):
                self._watchers.forget(watched, changed)
                response.timed_out = bool(open_ids) and over
                return response
            if open_ids.keys().isdisjoint(watched):
                # The one that was watched has ended, and will not change any more.
                self._watchers.forget(watched, changed)
                continue
            self._alarms.keep_by(changed, give_up_s)
            await changed
            self._watchers.forget(watched, changed)

    def _ended(
        self, core: Coordinator, job_ids: list[str], delivered: bool
    ) -> tuple[int, list[msg.JobStatus], list[str]]:
        ended = [
            self._views.job(job_id)
            for job_id in job_ids
            if (job := core.state.jobs.get(job_id)) is not None and job.ended
        ]
        if delivered:
            ended = [status for status in ended if job_conversions.is_settled(status)]
        unknown = [job_id for job_id in job_ids if job_id not in core.state.jobs]
        return core.state.applied_index, ended, unknown

    # ---- cancelling, retrying, listing

    async def _may_end(self, request: Any, response: Any) -> bool:
        """Whether the caller may cancel or retry this job; the response says if not."""
        guard = self._guard
        if guard is None:
            return True
        caller = guard.caller_of(request)
        why = guard.policy.refusal(_kind(request), caller, (CANCEL_ANY,))
        if not why:
            return True
        labels = await self._clients.look(lambda core: _labels(core, request.job_id))
        if labels is None or (caller.name and owner_label(caller.name) in labels):
            return True  # one that is not known is refused as such
        by = ', '.join(one for one in labels if one.startswith(OWNER)) or 'nobody who signed'
        refuse(response, f'{request.job_id} was submitted by {by.replace(OWNER, "")}; {why}')
        return False

    async def _cancel_job(self, request: Any, response: Any) -> Any:
        if not await self._may_end(request, response):
            return response
        command = CancelJob(request.job_id, request.reason or 'cancelled by a client')
        answer = await self._clients.request(command, request.expiry_ms)
        response.code, response.reason = answer_code(answer, srv.CancelJob.Response)
        return response

    async def _retry_job(self, request: Any, response: Any) -> Any:
        if not await self._may_end(request, response):
            return response
        command = RetryJob(request.job_id, request.reason or 'asked for by a client')
        answer = await self._clients.request(command, request.expiry_ms)
        response.code, response.reason = answer_code(answer, srv.RetryJob.Response)
        return response

    async def _list_jobs(self, request: Any, response: Any) -> Any:
        wanted = {
            job_conversions.PHASE_FROM_MSG[phase]
            for phase in request.phases
            if phase in job_conversions.PHASE_FROM_MSG
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

    async def _list_routes(self, request: Any, response: Any) -> Any:
        def collect(core: Coordinator) -> tuple[int, list[RouteNow]]:
            return core.state.applied_index, core.routes_now(request.task, request.robot_id)

        response.log_index, routes = await self._clients.look(collect)
        response.routes = [job_conversions.route_to_msg(route) for route in routes]
        return response

    def _goal_asked(self, goal: Any) -> GoalResponse:
        """One that may not be is accepted all the same, to end at once with the reason: the
        refusal of a goal has no room for words. Not where the asker asks too much."""
        if self._guard is None:
            return GoalResponse.ACCEPT
        service = self._node.resolve_service_name('run_job')
        denied = self._guard.denied(service, 'RunJob', goal)
        if denied is not None:
            if denied.reason is RequestReason.MUTED or len(self._turned_away) >= TURNED_MAX:
                return GoalResponse.REJECT
            self._turned_away[id(goal)] = denied.text
        return GoalResponse.ACCEPT

    def _cancel_asked(self, handle: Any) -> CancelResponse:
        """ROS carries no proof with it: only where those who do not sign may cancel any job."""
        if self._guard is None or self._guard.policy.allows(NOBODY, CANCEL_ANY):
            return CancelResponse.ACCEPT
        self._node.get_logger().warning(
            'run_job: the cancelling of a goal is not signed, and so refused: ask cancel_job',
            throttle_duration_sec=10.0,
        )
        return CancelResponse.REJECT

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
        turned_away = self._turned_away.pop(id(handle.request), '')
        if turned_away:
            result.code, result.reason = RunJob.Result.REFUSED, turned_away
            return GoalEnd.ABORTED, result
        owner = self._owner(handle.request)
        answer = await self._submit(handle.request, EXPIRY_MS_DEFAULT, owner)
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
            if job_conversions.is_settled(status):
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


def owner_label(name: str) -> str:
    return f'{OWNER}{name}'


def owned(labels: Sequence[str], owner: str) -> list[str]:
    """The labels of a job that `owner` submits, '' = somebody unnamed. What looks like a name of
    somebody with keys only the robot writes; one with an '@' is a remark, like that of a tower on
    whom it asked for."""
    kept = [one for one in labels if not one.startswith(OWNER) or '@' in one]
    return [*kept, owner_label(owner)] if owner else kept


def _kind(request: Any) -> str:
    return type(request).__name__.removesuffix('_Request')


def _labels(core: Coordinator, job_id: str) -> tuple[str, ...] | None:
    """Those of a job, or of the pipeline that it is a stage of; None if it is not known."""
    job = core.state.jobs.get(job_id)
    if job is not None and job.parent:
        job = core.state.jobs.get(job.parent, job)
    return None if job is None else job.spec.labels


def _ended_goal(handle: Any, outcome: 'tuple[GoalEnd, Any]') -> Any:
    end, result = outcome
    getattr(handle, end.value)()
    return result


def _with_inputs(spec: JobSpec, refs: list[FileRef]) -> JobSpec:
    names = {ref.name for ref in refs}
    kept = tuple(ref for ref in spec.inputs if ref.name not in names)
    return replace(spec, inputs=(*kept, *refs))


def _nobody_offers(core: Coordinator, spec: JobSpec) -> str:
    """'' if some robot of the swarm, reachable or not, offers what the job requires, or a voter
    has not yet said what it offers."""
    if not core.state.members.keys() >= set(core.raft.voters):
        return ''  # just founded: the job waits
    work = spec.work
    specs = [stage.spec for stage in work.stages] if isinstance(work, PipelineWork) else [spec]
    return next((why for one in specs if (why := _nobody_for(core, one.required))), '')


def _nobody_for(core: Coordinator, required: tuple[str, ...]) -> str:
    members = core.state.members.values()
    if any(member.offers(required) for member in members):
        return ''
    offered = {capability.name for member in members for capability in member.capabilities}
    missing = [name for name in required if name not in offered]
    family = (missing or list(required))[0].partition(':')[0]
    known = sorted(name for name in offered if name.startswith(f'{family}:'))
    return (
        f'no robot of this swarm offers {", ".join(missing or required)} (parameters *_allow of '
        f'the robots say what they may run); offered of this kind: {", ".join(known) or "nothing"}'
    )
