# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Waiting for jobs: owns which jobs this program waits for, and tells who waits when they ended.

A robot holds each question back until a job of it has ended (wait_jobs), so nothing is asked in
vain; one question is for many jobs. A robot that does not answer is replaced by another one.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from swarm_msgs import msg, srv

from swarm_coordinator.ros.requests import Unavailable
from swarm_coordinator.ros.robot_calls import RobotCalls

POLL_MS = 5000  # how long a robot holds a question back: with PATIENCE_S how soon a loss is seen
PATIENCE_S = 1.5  # beyond that
IDS_MAX = 128  # of a question: the robot looks at each whenever one of them ends
QUESTIONS_MAX = 8  # under way; then small ones are asked anew together
FEW = 16
BREATH_S = 0.005  # before asking again for many: jobs that end together are told together
NOT_OFFERED_S = 0.1
UNKNOWN_AGAIN_S = 0.2
UNKNOWN_S = 10.0  # a robot that follows the log late does not know a job yet

Outcome: TypeAlias = 'msg.JobStatus | KeyError | Unavailable'
Told = Callable[[Any], None]  # of an Outcome


@dataclass
class _Open:
    since_s: float
    told: list[Told] = field(default_factory=list)


@dataclass
class _Question:
    job_ids: list[str]
    robot: str
    overdue_s: float
    forget: Callable[[], None]


class Completions:
    """Thread-safe. Whoever waits is told on the thread of this object: it must not block there."""

    def __init__(self, calls: RobotCalls) -> None:
        self._calls = calls
        self._changed = threading.Condition()
        self._open: dict[str, _Open] = {}
        self._again: list[tuple[float, list[str]]] = []  # from when on, which
        self._questions: dict[int, _Question] = {}
        self._answers: list[tuple[int, Any]] = []
        self._number = 0
        self._closing = False
        self._thread: threading.Thread | None = None

    def add(self, job_ids: Iterable[str], told: Told) -> None:
        """`told` is called once for each: with the job as it ended, with a KeyError where the
        swarm does not know it, with Unavailable when the client is closed before."""
        job_ids = list(job_ids)
        with self._changed:
            if self._closing:
                raise RuntimeError('the client is closed')
            now_s = time.monotonic()
            new = [job_id for job_id in job_ids if job_id not in self._open]
            for job_id in job_ids:
                self._open.setdefault(job_id, _Open(now_s)).told.append(told)
            self._again.append((now_s, new))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name='swarm-jobs', daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def drop(self, job_id: str, told: Told) -> None:
        """It is not waited for any longer."""
        with self._changed:
            waited = self._open.get(job_id)
            if waited is not None and told in waited.told:
                waited.told.remove(told)
                if not waited.told:
                    del self._open[job_id]

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._tell({job_id: Unavailable('the client was closed') for job_id in list(self._open)})

    # ---- the thread

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closing and not self._answers and self._idle_s() > 0:
                    self._changed.wait(self._idle_s())
                if self._closing:
                    return
                answers, self._answers = self._answers, []
            for number, answer in answers:
                self._take(number, answer)
            self._give_up_silent()
            self._ask()

    def _idle_s(self) -> float:
        """Until there is something to do without an answer."""
        times = [at_s for at_s, _ in self._again]
        times += [question.overdue_s for question in self._questions.values()]
        return min(times, default=time.monotonic() + 60.0) - time.monotonic()

    def _take(self, number: int, answer: Any) -> None:
        question = self._questions.pop(number, None)
        ended: dict[str, Outcome] = {job.job_id: job for job in answer.jobs}
        now_s = time.monotonic()
        with self._changed:
            unknown = [job_id for job_id in answer.unknown if job_id in self._open]
            for job_id in unknown:
                if now_s - self._open[job_id].since_s > UNKNOWN_S:
                    ended[job_id] = KeyError(f'job {job_id!r} is not known (any more)')
        self._tell(ended)
        if question is not None:
            known = [one for one in question.job_ids if one not in set(unknown)]
            self._later(known, BREATH_S if len(known) > FEW else 0.0)
            self._later(unknown, UNKNOWN_AGAIN_S)

    def _tell(self, ended: 'dict[str, Outcome]') -> None:
        with self._changed:
            waited = [(self._open.pop(job_id, None), one) for job_id, one in ended.items()]
        for whoever, outcome in waited:
            for told in whoever.told if whoever is not None else ():
                told(outcome)

    def _later(self, job_ids: Sequence[str], in_s: float) -> None:
        with self._changed:
            self._again.append((time.monotonic() + in_s, list(job_ids)))

    def _give_up_silent(self) -> None:
        now_s = time.monotonic()
        for number, question in list(self._questions.items()):
            if now_s >= question.overdue_s:
                self._forget(number)
                self._calls.ask_another(question.robot)
                self._later(question.job_ids, 0.0)

    def _forget(self, number: int) -> _Question:
        question = self._questions.pop(number)
        question.forget()
        return question

    def _ask(self) -> None:
        now_s = time.monotonic()
        with self._changed:
            due = [job_id for at_s, ids in self._again if at_s <= now_s for job_id in ids]
            self._again = [(at_s, ids) for at_s, ids in self._again if at_s > now_s]
            ask = [job_id for job_id in dict.fromkeys(due) if job_id in self._open]
        if not ask:
            return
        if len(self._questions) >= QUESTIONS_MAX:
            small = [n for n, one in self._questions.items() if len(one.job_ids) < IDS_MAX]
            ask = [*(one for n in small for one in self._forget(n).job_ids), *ask]
        for start in range(0, len(ask), IDS_MAX):
            self._ask_for(ask[start : start + IDS_MAX])

    def _ask_for(self, job_ids: list[str]) -> None:
        request = srv.WaitJobs.Request(
            job_ids=job_ids, any=True, delivered=True, timeout_ms=POLL_MS
        )
        self._number += 1
        number, robot = self._number, self._calls.answering
        forget = self._calls.send(
            srv.WaitJobs, 'wait_jobs', request, robot, lambda answer: self._heard(number, answer)
        )
        if forget is None:
            self._calls.ask_another(robot)
            self._later(job_ids, NOT_OFFERED_S)
            return
        overdue_s = time.monotonic() + POLL_MS / 1000 + PATIENCE_S
        self._questions[number] = _Question(job_ids, robot, overdue_s, forget)

    def _heard(self, number: int, answer: Any) -> None:
        with self._changed:
            self._answers.append((number, answer))
            self._changed.notify_all()
