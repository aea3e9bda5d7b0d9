# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about how an auditor looks: which calls it makes of its coordinator, in which order, and
that whatever goes wrong says nothing of anybody."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
rclpy = pytest.importorskip('rclpy')

from diagnostic_msgs.msg import KeyValue  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.node import Node  # noqa: E402
from swarm_msgs import msg, srv  # noqa: E402

from swarm_learning.core.reputation.auditor import JobHere, Look, Looked, LookUp  # noqa: E402
from swarm_learning.ros.auditor import Audits  # noqa: E402
from swarm_learning.ros.reputation_conversions import outputs_digest, work_from_msg  # noqa: E402

DONE, FAILED = msg.JobStatus.PHASE_DONE, msg.JobStatus.PHASE_FAILED
KEY = ('j1', 1)


def ref(name: str, byte: int) -> msg.FileRef:
    return msg.FileRef(name=name, size_bytes=5, sha256=[byte] * 32)


def job(**changes: Any) -> msg.JobStatus:
    spec = msg.JobSpec(kind='exec', exec=[msg.ExecWork(argv=['xz'])], inputs=[ref('in', 7)],
                       outputs=['out'], effects=msg.JobSpec.EFFECTS_NONE)
    values = {'job_id': 'j1', 'origin': 'r2', 'robot_id': 'r1', 'attempt': 1, 'phase': DONE,
              'spec': spec, 'outputs': [ref('out', 1)], 'run_ms': 9}
    return msg.JobStatus(**{**values, **changes})


def again(byte: int = 1, **changes: Any) -> msg.JobStatus:
    """The second run."""
    return job(**{'job_id': 'a1', 'origin': 'r3', 'robot_id': 'r3', 'outputs': [ref('out', byte)],
                  **changes})


class Coordinator:
    """Answers at once, in place of Calls; `jobs` are what list_jobs has, in order of asking."""

    def __init__(self, *jobs: msg.JobStatus | None) -> None:
        self.jobs = list(jobs)
        self.asked: list[Any] = []
        self.refuses: tuple[type, ...] = ()

    def close(self) -> None:
        self.jobs.clear()

    def after(self, delay_s: float, then: Callable[[], None]) -> None:
        then()

    def call(self, client: Any, request: Any, then: Any, failed: Any) -> None:
        self.asked.append(request)
        if isinstance(request, self.refuses):
            failed('no')
        elif isinstance(request, srv.ListJobs.Request):
            found = self.jobs.pop(0)
            then(srv.ListJobs.Response(jobs=[] if found is None else [found]))
        else:
            then(srv.SubmitJob.Response(code=srv.SubmitJob.Response.ACCEPTED, job_id='a1'))

    def until_ended(self, client: Any, request: Any, then: Any, failed: Any) -> None:
        self.asked.append(request)
        failed('nobody has it') if isinstance(request, self.refuses) else then(None)

    def steps(self) -> list[str]:
        return [type(one).__name__.partition('_')[0] for one in self.asked]


@pytest.fixture(scope='module')
def node() -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context)
    made = Node('auditor', namespace='/r3', context=context)
    yield made
    made.destroy_node()
    rclpy.try_shutdown(context=context)


def audited(node: Node, coordinator: Coordinator, how: str = 'rerun') -> list[Any]:
    """All that it says of job 1."""
    said: list[Any] = []
    made = Audits(node, 'r3', said.append)
    made._calls = coordinator  # type: ignore[assignment]
    made.perform(LookUp(1, KEY, 'r1'))
    if said[-1].work is not None:
        made.perform(Look(1, KEY, how))
    made.close()
    return said


def test_job_whose_environment_is_not_shown_is_not_run_again(node: Node) -> None:
    secret = job()
    secret.spec.exec[0].environment = [KeyValue(key='API_KEY', value='(not shown)')]
    [here, *more] = audited(node, Coordinator(secret))
    assert here == JobHere(1, None) and more == []


def test_it_tells_what_the_log_has_of_the_job(node: Node) -> None:
    [here, *_] = audited(node, Coordinator(job(), again()))
    assert here == JobHere(1, work_from_msg(job()), outputs_digest(job().outputs))


@pytest.mark.parametrize('found', [
    None, job(attempt=2), job(robot_id='r4'), job(phase=FAILED),
    job(phase=msg.JobStatus.PHASE_RUNNING)])
def test_another_attempt_than_the_one_asked_for_is_not_looked_at(
    node: Node, found: msg.JobStatus | None
) -> None:
    coordinator = Coordinator(found)
    assert audited(node, coordinator) == [JobHere(1, None)]
    assert coordinator.steps() == ['ListJobs']


@pytest.mark.parametrize('byte', [1, 2])
def test_it_runs_the_job_again_with_its_inputs_and_tells_what_came_of_it(
    node: Node, byte: int
) -> None:
    busy = again(phase=msg.JobStatus.PHASE_RUNNING)
    coordinator = Coordinator(job(), busy, busy, again(byte))
    [_, looked] = audited(node, coordinator)
    assert looked == Looked(1, outputs_digest([ref('out', byte)]))
    assert coordinator.steps() == ['ListJobs', 'FetchFile', 'SubmitJob'] + ['ListJobs'] * 3
    [fetch, submit] = coordinator.asked[1:3]
    assert (fetch.sha256, fetch.holder, fetch.path) == ('07' * 32, 'r2', '')
    assert submit.output_dir == '' and list(submit.input_paths) == []
    assert 'robot:r3' in submit.spec.requires
    assert list(coordinator.asked[-1].job_ids) == ['a1']


def test_it_fetches_the_outputs_from_who_made_them(node: Node) -> None:
    coordinator = Coordinator(job(outputs=[ref('a', 1), ref('b', 2)]))
    [_, looked] = audited(node, coordinator, 'recheck')
    assert looked == Looked(1, outputs_digest([ref('a', 1), ref('b', 2)]))
    assert [(one.sha256, one.holder) for one in coordinator.asked[1:]] == [
        ('01' * 32, 'r1'), ('02' * 32, 'r1')]


@pytest.mark.parametrize(('ended', 'refuses', 'how'), [
    (again(phase=FAILED), (), 'rerun'),
    (again(robot_id='r1'), (), 'rerun'),
    (None, (), 'rerun'),
    (again(), (srv.FetchFile.Request,), 'rerun'),
    (again(), (srv.SubmitJob.Request,), 'rerun'),
    (again(), (srv.FetchFile.Request,), 'recheck'),
])
def test_what_cannot_be_done_says_nothing_of_anybody(
    node: Node, ended: msg.JobStatus | None, refuses: tuple[type, ...], how: str
) -> None:
    coordinator = Coordinator(job(), ended)
    coordinator.refuses = refuses
    [_, looked] = audited(node, coordinator, how)
    assert isinstance(looked, Looked) and looked.found_sha256 is None and looked.why


def test_a_coordinator_that_is_not_there_is_no_evidence(node: Node) -> None:
    coordinator = Coordinator()
    coordinator.refuses = (srv.ListJobs.Request,)
    assert audited(node, coordinator) == [JobHere(1, None)]


def test_what_belongs_to_an_audit_that_was_given_up_is_dropped(node: Node) -> None:
    said: list[Any] = []
    made = Audits(node, 'r3', said.append)
    coordinator = Coordinator(job(), job(job_id='j2'))
    made._calls = coordinator  # type: ignore[assignment]
    made.perform(LookUp(1, KEY, 'r1'))
    made.perform(LookUp(2, ('j2', 1), 'r1'))
    made.perform(Look(1, KEY, 'rerun'))
    assert [one.number for one in said] == [1, 2]
    assert coordinator.steps() == ['ListJobs', 'ListJobs']
