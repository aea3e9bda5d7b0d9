# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Services of robots that do as they are told to a fake swarm. No product code uses this."""

from __future__ import annotations

import time
from typing import Any

from fake_swarm import FakeSwarm
from swarm_msgs import msg, srv

from swarm_tower.ros import qos

OF_ROBOT = (
    srv.SetOverride, srv.ClearOverride, srv.RaiseEmergency, srv.ClearEmergency, srv.SubmitJob,
    srv.CancelJob, srv.RetryJob, srv.ChangeMember, srv.TransferLeadership, srv.FreezeLearning,
    srv.PublishEvent,
)


def service_name(kind: Any) -> str:
    """SetOverride -> set_override."""
    letters = (f'_{c.lower()}' if c.isupper() else c for c in kind.__name__)
    return ''.join(letters).removeprefix('_')

# What only reads or stops: refused to nobody here.
ALWAYS_ANSWERED = frozenset({
    'explain', 'explain_learning', 'list_devices', 'list_jobs', 'list_models', 'list_policies',
    'list_routes', 'negotiate', 'raise_emergency', 'replay_events', 'rescan', 'status',
    'wait_jobs',
})


class FakeServices:
    """`asked` is every request as (robot, service, request); `refusal` refuses the next ones."""

    def __init__(self, swarm: FakeSwarm) -> None:
        self.swarm = swarm
        self.asked: list[tuple[str, str, Any]] = []
        self.refusal = ''
        self.emergency = msg.Emergency()
        node = swarm.node
        self.register = node.create_publisher(msg.Emergency, '/swarm/emergency', qos.LATCHED)
        self.services = [
            node.create_service(kind, f'/{robot}/{service_name(kind)}', self._answer(robot, kind))
            for robot in swarm.ids for kind in OF_ROBOT
        ]

    def of(self, service: str) -> list[tuple[str, Any]]:
        return [(robot, request) for robot, name, request in self.asked if name == service]

    def _answer(self, robot: str, kind: Any) -> Any:
        name = service_name(kind)
        do = getattr(self, f'_{name}', None)

        def answer(request: Any, response: Any) -> Any:
            self.asked.append((robot, name, request))
            if self.refusal and name not in ALWAYS_ANSWERED:
                response.code, response.reason = 1, self.refusal
            elif do is not None:
                do(robot, request, response)
            return response

        return answer

    def _set_override(self, robot: str, request: Any, response: Any) -> None:
        self.swarm.override = (request.mode, request.owner, request.reason, request.duration_ms)
        self.swarm.overridden = True
        self._log(response)

    def _clear_override(self, robot: str, request: Any, response: Any) -> None:
        self.swarm.overridden = False
        self._log(response)

    def _log(self, response: Any) -> None:
        self.swarm.index += 1
        response.log_index = self.swarm.index
        self.swarm.publish_state()

    def _raise_emergency(self, robot: str, request: Any, response: Any) -> None:
        if not self.emergency.active:
            self.emergency.epoch += 1
        self.emergency.raised_by, self.emergency.reason = request.raised_by, request.reason
        self._announce(True)
        response.epoch = self.emergency.epoch

    def _clear_emergency(self, robot: str, request: Any, response: Any) -> None:
        if request.epoch != self.emergency.epoch:
            response.code, response.reason = 1, f'epoch: expected {self.emergency.epoch}'
            return
        self.emergency.epoch += 1
        self._announce(False)

    def _announce(self, active: bool) -> None:
        self.emergency.active = active
        self.swarm.stopped = (self.emergency.epoch, active)
        self.swarm.envelope(self.emergency, self.swarm.leader)
        self.register.publish(self.emergency)

    def _submit_job(self, robot: str, request: Any, response: Any) -> None:
        response.job_id = f'job-{time.monotonic_ns() % 10**9:x}'
        job = self.swarm.put_job(response.job_id, msg.JobStatus.PHASE_SUBMITTED)
        job.spec = request.spec
        self.swarm.publish_jobs(response.job_id)

    def _cancel_job(self, robot: str, request: Any, response: Any) -> None:
        phase = msg.JobStatus.PHASE_CANCELLED
        self.swarm.put_job(request.job_id, phase, reason=request.reason)
        self.swarm.publish_jobs(request.job_id)

    def _retry_job(self, robot: str, request: Any, response: Any) -> None:
        self.swarm.put_job(request.job_id, msg.JobStatus.PHASE_SUBMITTED, reason=request.reason)
        self.swarm.publish_jobs(request.job_id)

    def _transfer_leadership(self, robot: str, request: Any, response: Any) -> None:
        self.swarm.term += 1
        self.swarm.leader = response.leader = request.to or self.swarm.ids[-1]
        self.swarm.publish_state()
