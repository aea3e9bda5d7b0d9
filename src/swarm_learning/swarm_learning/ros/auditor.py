# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Looks again at others' work by the services of this robot's coordinator: owns which call is made
when; what is looked at, and what is said of it, is decided by core/reputation/auditor.py.

A second run is a job of this robot, bound to it by the capability that only it has; its outputs
stay in the store. Answers come back through `post`, in the node's executor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rclpy.node import Node
from swarm_msgs import msg, srv

from ..core.reputation.auditor import AuditAnswer, AuditStep, JobHere, Looked, LookUp
from ..core.reputation.witness import RERUN_MS_MAX
from .calls import Calls
from .reputation_conversions import outputs_digest, work_from_msg

LABEL = 'audit'
PRIORITY = -100             # after all usual work (chosen without data)
RUN_MS_MAX = 4 * RERUN_MS_MAX   # a slower robot may take longer than the first one
DEADLINE_MS = 45_000        # less than an audit may take: then nobody waits for it any more
NOT_SHOWN = '(not shown)'   # as the coordinator's core/jobs/masking.py has it
LOOK_S = 0.5                # between looks at whether the second run has ended


class Audits:
    """One audit at a time."""

    def __init__(
        self, node: Node, robot_id: str, post: Callable[[AuditAnswer], None]
    ) -> None:
        self._robot_id = robot_id
        self._post = post
        self._calls = Calls(node)
        self._list = node.create_client(srv.ListJobs, 'list_jobs')
        self._fetch = node.create_client(srv.FetchFile, 'fetch_file')
        self._submit = node.create_client(srv.SubmitJob, 'submit_job')
        self._number = 0            # of the audit under way; what belongs to another is dropped
        self._job: Any = None

    def close(self) -> None:
        self._calls.close()

    def perform(self, step: AuditStep) -> None:
        if isinstance(step, LookUp):
            self._number, self._job = step.number, None
            self._look_up(step)
        elif step.number == self._number and self._job is not None:
            failed = partial(self._failed, step.number)
            if step.how == 'rerun':
                inputs = [(ref, self._job.origin) for ref in self._job.spec.inputs]
                self._bring(step.number, inputs, lambda: self._run_again(step), failed)
            else:
                outputs = [(ref, self._job.robot_id) for ref in self._job.outputs]
                digest = outputs_digest(self._job.outputs)
                self._bring(step.number, outputs, lambda: self._post(
                    Looked(step.number, digest)), failed)

    def _failed(self, number: int, why: str) -> None:
        self._post(Looked(number, None, why))

    # ---- steps

    def _look_up(self, step: LookUp) -> None:
        job_id, attempt = step.key
        nothing = JobHere(step.number, None)
        wanted = (msg.JobStatus.PHASE_DONE, attempt, step.executor)

        def found(answer: Any) -> None:
            job = answer.jobs[0] if answer.jobs else msg.JobStatus()
            is_it = (job.phase, job.attempt, job.robot_id) == wanted
            if not is_it or step.number != self._number or has_secrets(job.spec):
                self._post(nothing)
                return
            self._job = job
            self._post(JobHere(step.number, work_from_msg(job), outputs_digest(job.outputs)))

        self._calls.call(self._list, srv.ListJobs.Request(job_ids=[job_id], limit=1), found,
                         lambda why: self._post(nothing))

    def _bring(
        self, number: int, files: Sequence[tuple[Any, str]], then: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        """Have these files in the store, one after another; it takes only what has the digest."""
        if number != self._number:
            return
        if not files:
            then()
            return
        ref, holder = files[0]
        request = srv.FetchFile.Request(
            sha256=bytes(bytearray(ref.sha256)).hex(), size_bytes=ref.size_bytes, holder=holder)
        self._calls.until_ended(
            self._fetch, request,
            lambda _: self._bring(number, files[1:], then, failed), failed)

    def _run_again(self, step: AuditStep) -> None:
        request = srv.SubmitJob.Request(
            spec=spec_again(self._job.spec, self._robot_id),
            idempotency_key=f'{LABEL}:{self._robot_id}:{step.key[0]}:{step.key[1]}'[:200])

        def answered(answer: Any) -> None:
            if answer.code == answer.ACCEPTED:
                self._await_run(step.number, answer.job_id)
            else:
                self._failed(step.number, answer.reason)

        self._calls.call(self._submit, request, answered, partial(self._failed, step.number))

    def _await_run(self, number: int, job_id: str) -> None:
        if number != self._number:
            return

        def looked(answer: Any) -> None:
            job = answer.jobs[0] if answer.jobs else None
            if job is None:
                self._failed(number, f'{job_id} is not known')
            elif job.phase < job.PHASE_DONE:
                self._calls.after(LOOK_S, partial(self._await_run, number, job_id))
            elif job.phase == job.PHASE_DONE and job.robot_id == self._robot_id:
                self._post(Looked(number, outputs_digest(job.outputs)))
            else:
                self._failed(number, f'the second run ended otherwise: {job.reason}')

        self._calls.call(self._list, srv.ListJobs.Request(job_ids=[job_id], limit=1), looked,
                         partial(self._failed, number))


def has_secrets(spec: msg.JobSpec) -> bool:
    """Values that robots do not show: it would be other work without them."""
    return any(pair.value == NOT_SHOWN for work in spec.exec for pair in work.environment)


def spec_again(spec: msg.JobSpec, robot_id: str) -> msg.JobSpec:
    """The same work, bound to this robot, once, soon or never."""
    return msg.JobSpec(
        kind=spec.kind, exec=spec.exec, python=spec.python, encode=spec.encode,
        inputs=spec.inputs, outputs=spec.outputs, timeout_ms=RUN_MS_MAX, deadline_ms=DEADLINE_MS,
        attempts_max=1, effects=spec.EFFECTS_NONE, priority=PRIORITY,
        requires=[*spec.requires, f'robot:{robot_id}'], memory_bytes=spec.memory_bytes,
        cpu_milli=spec.cpu_milli, file_bytes=spec.file_bytes, compute_unit=spec.compute_unit,
        labels=[LABEL])
