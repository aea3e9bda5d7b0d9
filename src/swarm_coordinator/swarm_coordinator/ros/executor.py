# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The swarm as an executor of concurrent.futures: owns how calls become jobs and how these become
futures. Existing code that takes an Executor can use the swarm unchanged, if its functions can be
found by name on the robots.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

from rclpy.node import Node

from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.orders import JobOptions, JobOrder, order
from swarm_coordinator.ros.completions import Outcome
from swarm_coordinator.ros.job_client import JobClient, python_work
from swarm_coordinator.ros.job_conversions import PHASE_FROM_MSG
from swarm_coordinator.ros.job_handle import Job, RemoteError, value_of
from swarm_coordinator.ros.job_requests import JOBS_MAX, Refused
from swarm_coordinator.ros.requests import Unavailable

OPEN_MAX = 2000  # submitted and not ended; chosen so that a long map does not fill the log
P = ParamSpec('P')
T = TypeVar('T')


class SwarmFuture(Future[T]):
    """`job` is None until the swarm has it."""

    def __init__(self) -> None:
        super().__init__()
        self.job: Job | None = None
        self.request: JobOrder | None = None
        self._settling = threading.Lock()

    def cancel(self) -> bool:
        """Also ends a job that runs. False if it had ended, or the swarm cannot be asked."""
        job = self.job
        if job is not None and not self.done():
            try:
                if not job.cancel('cancelled by its future'):
                    return False
            except Unavailable:
                return False
        return self._cancelled()

    def _cancelled(self) -> bool:
        with self._settling:
            if self.done():
                return self.cancelled()
            super().cancel()
            self.set_running_or_notify_cancel()
            return True

    def settle(self, outcome: 'Outcome | BaseException') -> None:
        """Take in how the job ended; called once, or not at all."""
        if (
            not isinstance(outcome, BaseException)
            and PHASE_FROM_MSG[outcome.phase] is JobPhase.CANCELLED
        ):
            self._cancelled()
            return
        with self._settling:
            if self.done() or not self.set_running_or_notify_cancel():
                return
        try:
            value = _value(outcome)
        except Exception as error:  # of whatever kind: it belongs to who waits for the future
            self.set_exception(error)
        else:
            self.set_result(value)


def _value(outcome: 'Outcome | BaseException') -> Any:
    if isinstance(outcome, BaseException):
        raise outcome
    if PHASE_FROM_MSG[outcome.phase] is not JobPhase.DONE:
        raise RemoteError(outcome)
    return value_of(outcome)


class SwarmExecutor(Executor):
    """Use as a context manager, or call shutdown().

    swarm    a JobClient (Swarm), which stays open; or a node or robot_id to make one from
    options  of each job; no key
    Calls are submitted in batches as they come, so `chunksize` of map changes nothing. Callbacks
    of futures must not wait for other jobs.
    """

    def __init__(
        self,
        swarm: JobClient | Node | str,
        options: JobOptions | None = None,
        open_max: int = OPEN_MAX,
    ) -> None:
        self._own = not isinstance(swarm, JobClient)
        self._client = swarm if isinstance(swarm, JobClient) else JobClient(swarm)
        self._options = replace(options or JobOptions(), key='')
        self._open_max = open_max
        self._changed = threading.Condition()
        self._waiting: deque[SwarmFuture[Any]] = deque()
        self._sent: set[SwarmFuture[Any]] = set()
        self._over = False
        self._thread = threading.Thread(target=self._run, name='swarm-executor', daemon=True)
        self._thread.start()

    def submit(
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> 'SwarmFuture[T]':
        """Raises TypeError where robots could not find the function, or JSON cannot say the
        arguments; ValueError where they are too long."""
        future: SwarmFuture[T] = SwarmFuture()
        future.request = order(python_work(fn, args, kwargs), self._options)
        with self._changed:
            if self._over:
                raise RuntimeError('cannot submit after shutdown')
            self._waiting.append(future)
            self._changed.notify_all()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """With cancel_futures, calls that the swarm does not have yet are cancelled."""
        with self._changed:
            self._over = True
            unsent = list(self._waiting) if cancel_futures else []
            if cancel_futures:
                self._waiting.clear()
            self._changed.notify_all()
        for future in unsent:
            future.cancel()
        if wait and self._thread is not threading.current_thread():
            self._thread.join()

    # ---- the thread that submits

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._ready)
                if not self._waiting:
                    break
                room = min(JOBS_MAX, self._open_max - len(self._sent))
                batch = [self._waiting.popleft() for _ in range(min(room, len(self._waiting)))]
                batch = [future for future in batch if not future.done()]
                self._sent.update(batch)
            if batch:
                self._send(batch)
        if self._own:
            self._client.close()

    def _ready(self) -> bool:
        """There is something to send and room for it, or nothing will come any more."""
        if self._waiting:
            return len(self._sent) < self._open_max
        return self._over and not self._sent

    def _send(self, batch: 'list[SwarmFuture[Any]]') -> None:
        try:
            jobs = self._client.submit_all([one.request for one in batch if one.request])
        except Refused as error:
            # All or nothing: one that is wrong must not take the others with it.
            if len(batch) == 1:
                self._end(batch[0], error)
                return
            for future in batch:
                self._send([future])
            return
        except Exception as error:  # whoever waits for these must hear it
            for future in batch:
                self._end(future, error)
            return
        for future, job in zip(batch, jobs, strict=True):
            future.job, future.request = job, None
        for future in batch:
            assert future.job is not None
            if future.cancelled():
                future.job.cancel('cancelled by its future')
            self._client.completions.add([future.job.id], self._hearer(future))

    def _hearer(self, future: 'SwarmFuture[Any]') -> Callable[[Outcome], None]:
        return lambda outcome: self._end(future, outcome)

    def _end(self, future: 'SwarmFuture[Any]', outcome: 'Outcome | BaseException') -> None:
        with self._changed:
            self._sent.discard(future)
            self._changed.notify_all()
        future.settle(outcome)
