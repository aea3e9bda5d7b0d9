# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs for Python programs: owns how they are submitted and gathered. What a job is, docs/JOBS.md
says. Decides nothing: any ROS client can do the same through the services.
"""

import queue
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rclpy.context import Context
from rclpy.node import Node
from swarm_msgs import srv

from swarm_coordinator.callables import arguments_text, callable_name
from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.jobs.work import Work
from swarm_coordinator.orders import JobOptions, JobOrder, Pipeline, json_text, order, work_of
from swarm_coordinator.ros.completions import Completions, Outcome
from swarm_coordinator.ros.job_conversions import PHASE_TO_MSG
from swarm_coordinator.ros.job_handle import Job, left_s
from swarm_coordinator.ros.job_requests import submit_all
from swarm_coordinator.ros.robot_calls import RobotCalls

LIST_PAGE = 500


class JobClient(RobotCalls):
    """Jobs through one robot; what needs no files of its machine goes through another one where it
    does not answer. Thread-safe."""

    def __init__(
        self, node_or_robot: Node | str, context: Context | None = None, **whose: str
    ) -> None:
        """See RobotCalls, also for `whose` keys sign."""
        super().__init__(node_or_robot, context, **whose)
        self.completions = Completions(self)

    def close(self) -> None:
        self.completions.close()
        super().close()

    # ---- submitting

    def submit(
        self, what: Work | Pipeline | JobOrder, options: JobOptions | None = None
    ) -> Job:
        """Raises ValueError for what cannot be, Refused and Unavailable."""
        return self.submit_all([_ordered(what, options)])[0]

    def submit_all(self, orders: Sequence[JobOrder]) -> list[Job]:
        """In as few requests as can be; not all or nothing. Raises as submit does."""
        anywhere = not any(one.names_files for one in orders)

        def ask(
            kind: Any, service: str, request: Any, timeout_s: float, *, again_s: float
        ) -> Any:
            return self.ask(
                kind, service, request, timeout_s, again_s=again_s, anywhere=anywhere
            )

        return [
            Job(one.job_id, self, self.completions, given.output_dir)
            for one, given in zip(submit_all(ask, orders), orders, strict=True)
        ]

    def exec(
        self,
        argv: Sequence[str],
        options: JobOptions | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        stdin: str = '',
        folder: str = '',
    ) -> Job:
        """Run a program that the robots' exec_allow names.

        stdin   name of one of the inputs
        folder  working folder below the job's own
        """
        pairs = tuple((environment or {}).items())
        work = work_of(
            'exec', argv=tuple(argv), environment=pairs, stdin=stdin, folder=folder
        )
        return self.submit(work, options)

    def python(
        self,
        function: Callable[..., Any] | str,
        *args: Any,
        options: JobOptions | None = None,
        **kwargs: Any,
    ) -> Job:
        """Call a function that the robots' python_allow names, with arguments that JSON can say.

        Raises TypeError for a function that robots could not find by name.
        """
        return self.submit(python_work(function, args, kwargs), options)

    def record(
        self,
        topics: Sequence[str],
        duration_s: float = 0.0,
        messages_max: int = 0,
        output: str = 'recording.mcap',
        options: JobOptions | None = None,
    ) -> Job:
        """Record topics of the robot that is chosen (options.requires says which ones can be)."""
        work = work_of(
            'record',
            topics=tuple(topics),
            duration_ms=round(duration_s * 1000),
            messages_max=messages_max,
        )
        return self.submit(work, replace(options or JobOptions(), outputs=(output,)))

    def call(
        self,
        name: str,
        interface_type: str,
        request: Mapping[str, Any] | None = None,
        options: JobOptions | None = None,
    ) -> Job:
        """Call a ROS service or action on the robot that is chosen; its response is the result."""
        text = json_text(dict(request), 'request') if request else ''
        work = work_of('call', name=name, interface_type=interface_type, request=text)
        return self.submit(work, options)

    def encode(
        self,
        path: str,
        output: str,
        codec: str,
        options: JobOptions | None = None,
        *,
        bitrate_kbps: int = 0,
        width: int = 0,
        height: int = 0,
    ) -> Job:
        """Encode a media file, with the encoders that the chosen robot has."""
        work = work_of(
            'encode', codec=codec, bitrate_kbps=bitrate_kbps, width=width, height=height
        )
        options = replace(options or JobOptions(), inputs=(path,), outputs=(output,))
        return self.submit(work, options)

    # ---- many

    def map(
        self,
        function: Callable[..., Any] | str,
        items: Iterable[Any],
        options: JobOptions | None = None,
    ) -> list[Job]:
        """A job for each item: function(item)."""
        orders = [order(python_work(function, (item,), {}), options) for item in items]
        return self.submit_all(orders)

    def gather(self, jobs: Iterable[Job], timeout_s: float | None = None) -> list[Any]:
        """Their results, in order. Raises RemoteError of the first in order that failed."""
        jobs = list(jobs)
        ended = {job.id: job for job in self.as_completed(jobs, timeout_s)}
        return [ended[job.id].result() for job in jobs]

    def as_completed(
        self, jobs: Iterable[Job], timeout_s: float | None = None
    ) -> Iterator[Job]:
        """Each job once, when it has ended. Raises TimeoutError and KeyError."""
        by_id = {job.id: job for job in jobs}
        told: queue.SimpleQueue[tuple[str, Outcome]] = queue.SimpleQueue()
        hearers = {}
        for job_id in by_id:
            hearers[job_id] = _hearer(job_id, told)
            self.completions.add([job_id], hearers[job_id])
        end_s = None if timeout_s is None else time.monotonic() + timeout_s
        try:
            while hearers:
                try:
                    job_id, outcome = told.get(timeout=left_s(end_s))
                except queue.Empty:
                    raise TimeoutError(
                        f'{len(hearers)} of {len(by_id)} jobs have not ended in {timeout_s} s'
                    ) from None
                del hearers[job_id]
                if isinstance(outcome, Exception):
                    raise outcome
                yield by_id[job_id].ended(outcome)
        finally:
            for job_id, hearer in hearers.items():
                self.completions.drop(job_id, hearer)

    # ---- looking

    def job(self, job_id: str) -> Job:
        """A job that was submitted before, by whomever; it is not looked for yet."""
        return Job(job_id, self, self.completions)

    def jobs(self, labels: Sequence[str] = (), phases: Sequence[str] = ()) -> list[Job]:
        """Those that have all of the labels and are in one of the phases, oldest first."""
        found: list[Job] = []
        numbers = [PHASE_TO_MSG[JobPhase(phase)] for phase in phases]
        while True:
            request = srv.ListJobs.Request(
                labels=list(labels),
                phases=numbers,
                after=found[-1].id if found else '',
                limit=LIST_PAGE,
            )
            page = self.ask(srv.ListJobs, 'list_jobs', request, anywhere=True).jobs
            found += [self.job(one.job_id) for one in page]
            if len(page) < LIST_PAGE:
                return found


def python_work(
    function: Callable[..., Any] | str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Work:
    """Raises TypeError."""
    name = callable_name(function)
    return work_of('python', callable=name, arguments=arguments_text(function, args, kwargs))


def _ordered(what: Work | Pipeline | JobOrder, options: JobOptions | None) -> JobOrder:
    if isinstance(what, Work):
        return order(what, options)
    if options is not None:
        raise ValueError('options: expected none here: a pipeline or order has its own')
    return what.order() if isinstance(what, Pipeline) else what


def _hearer(
    job_id: str, told: 'queue.SimpleQueue[tuple[str, Outcome]]'
) -> Callable[[Outcome], None]:
    return lambda outcome: told.put((job_id, outcome))
