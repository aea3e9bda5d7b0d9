# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A ROS client that submits jobs to one robot and waits for them, as a user would write it.

    python -m bench._job_client KIND ROBOT...

KIND is python (a function that does nothing, in the robot's warm runner) or exec (the program
`true`). Obeys orders (peers/_job_orders.py). A job is one request of submit_job (or, of many jobs,
submit_jobs) and one of wait_jobs, to the first robot unless another one is named.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import rclpy
from rclpy.qos import QoSProfile
from swarm_msgs import msg, srv

from bench.peers import _job_orders as orders
from swarm_coordinator.ros.asking_node import AskingNode
from swarm_coordinator.ros.robot import best_executor_type, quiet_context

MODULE = 'bench.peers._job_orders'
NOOP, MARKED = f'{MODULE}:noop', f'{MODULE}:marked'
CALLABLES, PROGRAMS = (NOOP, MARKED), ('true', 'sh')  # that the robots have to allow
SCRIPT = 'test -e "$1"; first=$?; echo $$ >> "$1"; test $first = 0 || sleep "$2"'
BATCH = 256  # most that one request may submit
AHEAD = 4  # requests of submit_jobs under way, so that the robots never wait for us
FIND_S, STEP_S = 10.0, 0.2
ANSWER_S = 60.0
ASK_AGAIN_S = 2.0  # a request or its answer may be lost, above all where a robot has just begun
WAIT_MS = 10_000  # of one request: then it is asked again
ENDED_S = 600.0
DEPTH = 64


class Refused(Exception):
    """The robot did not take a job; the text says why."""


def python_job(callable_name: str, *arguments: Any) -> msg.JobSpec:
    work = msg.PythonWork(callable=callable_name, arguments=json.dumps(list(arguments)))
    return msg.JobSpec(kind='python', python=[work])


def exec_job(*argv: str) -> msg.JobSpec:
    return msg.JobSpec(kind='exec', exec=[msg.ExecWork(argv=list(argv))])


def noop_job(kind: str) -> msg.JobSpec:
    return exec_job('true') if kind == 'exec' else python_job(NOOP)


def marked_job(kind: str, folder: str, hold_s: float) -> msg.JobSpec:
    if kind == 'exec':
        return exec_job('sh', '-c', SCRIPT, 'sh', f'{folder}/runs', str(hold_s))
    return python_job(MARKED, folder, hold_s)


class Client:
    def __init__(self, kind: str, robots: Sequence[str]) -> None:
        with quiet_context(None) as quiet:
            executor_type = best_executor_type(quiet)
        rclpy.init()
        self._node = AskingNode('bench_jobs', enable_rosout=False, start_parameter_services=False)
        self._executor = executor_type()
        self._executor.add_node(self._node)
        self._clients = {
            (robot, one): self._node.create_client(
                one, f'/{robot}/{name}', qos_profile=QoSProfile(depth=DEPTH)
            )
            for robot in robots
            for one, name in (
                (srv.SubmitJob, 'submit_job'),
                (srv.SubmitJobs, 'submit_jobs'),
                (srv.WaitJobs, 'wait_jobs'),
            )
        }
        self._kind, self._noop = kind, noop_job(kind)
        self._robot, self._asked = robots[0], ''
        self._find()

    def at(self, server: str) -> None:
        self._robot = server
        self._find()

    def _find(self) -> None:
        end = time.monotonic() + FIND_S
        mine = [one for (robot, _), one in self._clients.items() if robot == self._robot]
        while not all(one.service_is_ready() for one in mine):
            if time.monotonic() > end:
                raise TimeoutError(f'{self._robot} takes no jobs within {FIND_S:.0f} s')
            self._executor.spin_once(timeout_sec=STEP_S)
        self._executor.spin_once(timeout_sec=STEP_S)  # it has to find us too

    # ---- orders

    def one(self) -> None:
        self._ended([self._submit(self._noop)], ENDED_S)

    def many(self, count: int) -> None:
        sizes = [min(BATCH, count - begun) for begun in range(0, count, BATCH)]
        under_way: list[Any] = []
        waits: list[tuple[Any, list[str]]] = []
        while sizes or under_way:
            while sizes and len(under_way) < AHEAD:
                jobs = [msg.JobRequest(spec=self._noop) for _ in range(sizes.pop(0))]
                under_way.append(self._ask(srv.SubmitJobs, srv.SubmitJobs.Request(jobs=jobs)))
            if not self._spin(lambda: any(one.done() for one in under_way), ANSWER_S):
                raise TimeoutError(f'{self._robot}: no jobs taken within {ANSWER_S:.0f} s')
            for one in [one for one in under_way if one.done()]:
                under_way.remove(one)
                ids = list(taken(one.result()).job_ids)
                waits.append((self._ask_wait(ids), ids))
        for future, ids in waits:
            self._ended(ids, ENDED_S, future)

    def marked(self, folder: str, hold_s: float) -> None:
        self._asked = self._submit(marked_job(self._kind, folder, hold_s))

    def outcome(self, timeout_s: float) -> bool:
        try:
            self._ended([self._asked], timeout_s)
        except TimeoutError:
            return False
        return True

    # ---- requests

    def _submit(self, spec: msg.JobSpec) -> str:
        # With a key, since it may be asked twice.
        request = srv.SubmitJob.Request(spec=spec, idempotency_key=f'{time.time_ns()}')
        return str(taken(self._answer(srv.SubmitJob, request)).job_id)

    def _ended(self, ids: Sequence[str], timeout_s: float, future: Any = None) -> None:
        """Until they all are done. Raises Refused, TimeoutError."""
        end = time.monotonic() + timeout_s
        future = future or self._ask_wait(ids)
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f'{len(ids)} jobs have not ended within {timeout_s:.0f} s')
            heard = self._spin(future.done, min(left, WAIT_MS / 1000 + ASK_AGAIN_S))
            if heard and not future.result().timed_out:
                return check(future.result(), ids)
            future = self._ask_wait(ids)

    def _ask_wait(self, ids: Sequence[str]) -> Any:
        return self._ask(srv.WaitJobs, srv.WaitJobs.Request(job_ids=ids, timeout_ms=WAIT_MS))

    def _ask(self, kind: Any, request: Any) -> Any:
        return self._clients[self._robot, kind].call_async(request)

    def _answer(self, kind: Any, request: Any) -> Any:
        """Asked again where no answer comes. Raises TimeoutError."""
        futures = []
        for _ in range(int(ANSWER_S / ASK_AGAIN_S)):
            futures.append(self._ask(kind, request))
            if self._spin(lambda: any(one.done() for one in futures), ASK_AGAIN_S):
                return next(one.result() for one in futures if one.done())
        raise TimeoutError(f'{self._robot}: no answer within {ANSWER_S:.0f} s')

    def _spin(self, done: Any, timeout_s: float) -> bool:
        """Whether it was done within the time."""
        end = time.monotonic() + timeout_s
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._executor.spin_once(timeout_sec=min(left, STEP_S))
        return True

    def close(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown()


def taken(answer: Any) -> Any:
    """Raises Refused."""
    if answer.code != answer.ACCEPTED:
        raise Refused(answer.reason)
    return answer


def check(answer: Any, ids: Sequence[str]) -> None:
    """Every job was done. Raises Refused."""
    ended = {job.job_id: job for job in answer.jobs}
    for one in ids:
        job = ended.get(one)
        if job is None or job.phase != msg.JobStatus.PHASE_DONE:
            raise Refused(f'{one} was not done: {"unknown" if job is None else job.reason}')


def main(kind: str, robots: Sequence[str]) -> None:
    client = Client(kind, robots)
    try:
        orders.serve(client)
    finally:
        client.close()


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
