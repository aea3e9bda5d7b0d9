# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Orders as requests to a robot: owns how many go into one request and how a pipeline's files come
into the robot's store first. Knows nothing of who asks: `ask` does, and asks again.
"""

import re
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Protocol

from swarm_msgs import msg, srv

from swarm_coordinator.core.jobs.kinds.pipeline_kind import PipelineWork
from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.orders import JobOrder
from swarm_coordinator.ros.job_conversions import ref_from_msg, spec_to_msg, stage_to_msg
from swarm_coordinator.ros.requests import ASK_AGAIN_S, Unavailable

JOBS_MAX = 256  # what submit_jobs takes
JOBS_WITH_FILES_MAX = 16  # the robot reads and hashes their files before it answers
CHARS_MAX = 160 * 1024  # of a request, as repr; an entry of the log has 256 KiB
SUBMIT_S = 30.0
SUBMIT_FILES_S = 600.0  # 64 GB at 100 MB/s; the robot says no before where it has no room
FILES_AGAIN_S = 30.0  # a copy of the request reads the files once more
STORE_LOOK_S = 0.1
_PLACE = re.compile(r'job (\d+) of \d+: (.*)', re.DOTALL)


class Refused(Exception):
    """The swarm answered no; the text says what it expected. `place`: of which one of several."""

    def __init__(self, reason: str, place: int | None = None) -> None:
        super().__init__(reason)
        self.place = place


class Ask(Protocol):
    def __call__(
        self, kind: Any, service: str, request: Any, timeout_s: float, *, again_s: float
    ) -> Any:
        """The answer of a robot's service, asked again where none comes. Raises Unavailable."""


@dataclass(frozen=True)
class Submitted:
    """`known`: the key was, and this is the earlier job."""

    job_id: str
    known: bool


def checked(answer: Any, good: int | None = None) -> Any:
    """The answer, if it is the good one. Raises Refused or Unavailable."""
    kinds = type(answer)
    if answer.code == (kinds.ACCEPTED if good is None else good):
        return answer
    raise (Refused if answer.code == kinds.REFUSED else Unavailable)(answer.reason)


def job_request(order: JobOrder) -> msg.JobRequest:
    """Without the files of stages: see with_stored_files."""
    work = order.spec.work
    stages = work.stages if isinstance(work, PipelineWork) else ()
    return msg.JobRequest(
        spec=spec_to_msg(order.spec),
        stages=[stage_to_msg(one) for one in stages],
        input_paths=list(order.input_paths),
        output_dir=order.output_dir,
        idempotency_key=order.key,
    )


def batches(orders: Sequence[JobOrder]) -> Iterator[list[JobOrder]]:
    """In order, as many together as one request may have."""
    batch: list[JobOrder] = []
    chars = files = 0
    for order in orders:
        size = len(repr(order))
        if batch and (
            len(batch) >= JOBS_MAX or chars + size > CHARS_MAX or files >= JOBS_WITH_FILES_MAX
        ):
            yield batch
            batch, chars, files = [], 0, 0
        batch.append(order)
        chars += size
        files += bool(order.input_paths)
    if batch:
        yield batch


def submit_all(ask: Ask, orders: Sequence[JobOrder]) -> Iterator[Submitted]:
    """Submit them, some at a time, in order; each gets a key if it has none, so that a repeated
    request is harmless. Raises Refused or Unavailable: what was yielded before is submitted."""
    before = 0
    for batch in batches([order.keyed(uuid.uuid4().hex) for order in orders]):
        ready = [with_stored_files(ask, order) for order in batch]
        try:
            answer = _submit_batch(ask, ready)
        except Refused as error:
            raise _placed(error, before) from None
        before += len(batch)
        for job_id, known in zip(answer.job_ids, answer.duplicates, strict=True):
            yield Submitted(job_id, known)


def _placed(error: Refused, before: int) -> Refused:
    """The robot counts the jobs of one request; here it is the place among all."""
    said = _PLACE.match(str(error))
    return Refused(said[2], before + int(said[1]) - 1) if said else error


def _submit_batch(ask: Ask, batch: Sequence[JobOrder]) -> Any:
    files = any(order.input_paths for order in batch)
    request = srv.SubmitJobs.Request(jobs=[job_request(order) for order in batch])
    answer = ask(
        srv.SubmitJobs,
        'submit_jobs',
        request,
        SUBMIT_FILES_S if files else SUBMIT_S,
        again_s=FILES_AGAIN_S if files else ASK_AGAIN_S,
    )
    return checked(answer)


def with_stored_files(ask: Ask, order: JobOrder) -> JobOrder:
    """A pipeline's stages name files of the robot's store: put them there."""
    work = order.spec.work
    if not order.stage_paths or not isinstance(work, PipelineWork):
        return order
    paths = dict(order.stage_paths)
    stored: dict[str, FileRef] = {}
    for path in dict.fromkeys(path for some in paths.values() for path in some):
        stored[path] = _store(ask, path)
    stages = tuple(
        replace(
            stage,
            spec=replace(
                stage.spec,
                inputs=(*stage.spec.inputs, *(stored[one] for one in paths.get(stage.name, ()))),
            ),
        )
        for stage in work.stages
    )
    return replace(order, spec=replace(order.spec, work=PipelineWork(stages)), stage_paths=())


def _store(ask: Ask, path: str) -> FileRef:
    request = srv.StoreFile.Request(path=path, name=PurePath(path).name)
    end_s = time.monotonic() + SUBMIT_FILES_S
    while True:
        answer = checked(
            ask(srv.StoreFile, 'store_file', request, SUBMIT_S, again_s=ASK_AGAIN_S)
        )
        if answer.ended:
            return ref_from_msg(answer.file)
        if time.monotonic() >= end_s:
            raise Unavailable(f'{path} was not stored within {SUBMIT_FILES_S:.0f} s')
        time.sleep(STORE_LOOK_S)
