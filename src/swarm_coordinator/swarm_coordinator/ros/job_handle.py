# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A submitted job in the hands of a program: owns what can be asked of it. Decides nothing."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from swarm_msgs import msg, srv

from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.ros.completions import Completions, Outcome
from swarm_coordinator.ros.job_conversions import PHASE_FROM_MSG
from swarm_coordinator.ros.job_requests import Refused, checked
from swarm_coordinator.ros.requests import Unavailable
from swarm_coordinator.ros.robot_calls import RobotCalls

LOG_WAIT_MS = 5000  # how long a robot holds the question for more of a log back
LOG_AGAIN_S = 2 * LOG_WAIT_MS / 1000
NOT_YET_S = 0.3  # between looks whether a job runs by now: no service waits for that
STREAMS = {
    'stdout': srv.ReadJobLog.Request.STREAM_STDOUT,
    'stderr': srv.ReadJobLog.Request.STREAM_STDERR,
}


class RemoteError(Exception):
    """The job did not end as done; the text is the swarm's reason. `job` is how it ended."""

    def __init__(self, job: msg.JobStatus) -> None:
        self.job = job
        self.phase = PHASE_FROM_MSG[job.phase].value
        where = f' on {job.robot_id}' if job.robot_id else ''
        super().__init__(f'{job.job_id} {self.phase}{where}: {job.reason or "no reason given"}')


@dataclass(frozen=True)
class Progress:
    """`share` in [0..1]; 0 = none reported. `text`: the last thing that the job said."""

    share: float
    text: str


@dataclass(frozen=True)
class OutputFile:
    """`path`: where it was put, on the machine of the job's origin; '' = in the store only."""

    name: str
    size_bytes: int
    sha256: str
    path: str


class Job:
    """Thread-safe. Two are equal if they are the same job."""

    def __init__(
        self, job_id: str, calls: RobotCalls, completions: Completions, output_dir: str = ''
    ) -> None:
        self.id = job_id
        self._calls, self._completions, self._output_dir = calls, completions, output_dir
        self._ended: msg.JobStatus | None = None

    def __repr__(self) -> str:
        return f'Job({self.id!r})'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def wait(self, timeout_s: float | None = None) -> msg.JobStatus:
        """The job as it ended, its outputs where they belong. Raises TimeoutError, KeyError (the
        swarm does not know it) and Unavailable (the client was closed)."""
        if self._ended is None:
            self._ended = _wait(self._completions, self.id, timeout_s)
        return self._ended

    def ended(self, status: msg.JobStatus) -> 'Job':
        """It is known how it ended."""
        self._ended = status
        return self

    def result(self, timeout_s: float | None = None) -> Any:
        """What its work answered: the value of a function, the response of a call; else None.

        Raises RemoteError if it did not end as done, and what wait raises.
        """
        job = self.wait(timeout_s)
        if PHASE_FROM_MSG[job.phase] is not JobPhase.DONE:
            raise RemoteError(job)
        return value_of(job)

    def outputs(self, timeout_s: float | None = None) -> list[OutputFile]:
        """Its files when it is done. Raises as result does."""
        self.result(timeout_s)
        job = self.wait(timeout_s)
        folder = self._output_dir
        return [
            OutputFile(
                ref.name,
                ref.size_bytes,
                bytes(ref.sha256).hex(),
                f'{folder}/{ref.name}' if folder else '',
            )
            for ref in job.outputs
        ]

    def status(self) -> msg.JobStatus:
        """As it is now. Raises KeyError, Unavailable."""
        if self._ended is not None:
            return self._ended
        request = srv.ListJobs.Request(job_ids=[self.id], limit=1)
        answer = self._calls.ask(srv.ListJobs, 'list_jobs', request, anywhere=True)
        if not answer.jobs:
            raise KeyError(f'job {self.id!r} is not known to {self._calls.answering}')
        return answer.jobs[0]

    @property
    def phase(self) -> str:
        """As it is now: 'submitted', 'leased', 'running', 'done', ..."""
        return PHASE_FROM_MSG[self.status().phase].value

    def progress(self) -> Progress:
        """As it is now."""
        job = self.status()
        done = PHASE_FROM_MSG[job.phase] is JobPhase.DONE
        return Progress(1.0 if done else job.progress_permille / 1000, job.progress_text)

    def cancel(self, reason: str = 'cancelled by a client') -> bool:
        """False if it had ended otherwise. Raises Unavailable."""
        request = srv.CancelJob.Request(job_id=self.id, reason=reason)
        answer = self._calls.ask(srv.CancelJob, 'cancel_job', request, anywhere=True)
        with contextlib.suppress(Refused):
            checked(answer)
            return True
        return False

    def retry(self, reason: str = 'asked for by a client') -> None:
        """Have it run again, with all its attempts anew. Raises Refused if it has not ended badly,
        and Unavailable."""
        request = srv.RetryJob.Request(job_id=self.id, reason=reason)
        checked(self._calls.ask(srv.RetryJob, 'retry_job', request, anywhere=True))
        self._ended = None

    def log(self, stream: str = 'stdout', attempt: int = 0) -> bytes:
        """What it has written so far; attempt 0 is the current or last one. Raises KeyError (there
        is none) and Unavailable."""
        return b''.join(self.follow_log(stream, attempt, until_ended=False))

    def follow_log(
        self, stream: str = 'stdout', attempt: int = 0, until_ended: bool = True
    ) -> Iterator[bytes]:
        """What it writes, as it comes, until the attempt has ended."""
        request = srv.ReadJobLog.Request(
            job_id=self.id,
            attempt=attempt,
            stream=STREAMS[stream],
            wait_ms=LOG_WAIT_MS if until_ended else 0,
        )
        return log_parts(
            lambda asked: self._calls.ask(
                srv.ReadJobLog, 'read_job_log', asked, again_s=LOG_AGAIN_S, anywhere=True
            ),
            request,
            lambda: is_to_come(self.status()),
        )


def is_to_come(job: msg.JobStatus) -> bool:
    """It has not run yet, and may."""
    return PHASE_FROM_MSG[job.phase] in (JobPhase.SUBMITTED, JobPhase.LEASED, JobPhase.RUNNING)


def value_of(job: msg.JobStatus) -> Any:
    """The result of a done job. Raises ValueError where it is not JSON."""
    return json.loads(job.result) if job.result else None


def log_parts(
    ask: Callable[[Any], Any], request: Any, to_come: Callable[[], bool] = lambda: False
) -> Iterator[bytes]:
    """From request.offset on: until the end where the request waits, else what there is.

    to_come  whether the job has yet to run: then it is waited for, where the request waits
    Raises KeyError and Unavailable, with the robot's reason.
    """
    kinds = srv.ReadJobLog.Response
    while True:
        answer = ask(request)
        if answer.code == kinds.NOT_FOUND and request.wait_ms and to_come():
            time.sleep(NOT_YET_S)
            continue
        if answer.code == kinds.NOT_FOUND:
            raise KeyError(answer.reason)
        if answer.code != kinds.FOUND:
            raise Unavailable(answer.reason)
        data = bytes(answer.data)
        if data:
            yield data
        request.attempt = answer.attempt
        request.offset = answer.offset + len(data)
        at_end = request.offset >= answer.size_bytes
        if at_end and (answer.ended or not request.wait_ms):
            return


def _wait(completions: Completions, job_id: str, timeout_s: float | None) -> msg.JobStatus:
    ended = threading.Event()
    found: list[Outcome] = []

    def told(outcome: Outcome) -> None:
        found.append(outcome)
        ended.set()

    completions.add([job_id], told)
    if not ended.wait(timeout_s):
        completions.drop(job_id, told)
        raise TimeoutError(f'{job_id} has not ended within {timeout_s} s')
    (outcome,) = found
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def left_s(end_s: float | None) -> float | None:
    """Of a time-out that ends then (monotonic); None = without end."""
    return None if end_s is None else max(0.0, end_s - time.monotonic())
