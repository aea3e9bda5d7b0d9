# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Values that coordinator tests build on: a log that is applied, jobs, strategies for commands.

Owns no expectations. Refuses to know which rule a test is about.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from hypothesis import strategies as st

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Effects, FileRef, Job, JobSpec
from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.jobs.kinds.pipeline_kind import Feed, PipelineWork, Stage
from swarm_coordinator.core.replicated.apply import Applied, apply_command, apply_noop
from swarm_coordinator.core.replicated.codec import family_of, hints_of
from swarm_coordinator.core.replicated.command import (
    INTEGER_MAX,
    CapabilitySpec,
    Command,
    CompleteJob,
    Grant,
    GrantJobs,
    Issued,
    RegisterRobot,
    Report,
    ReportJobs,
    StartJob,
    SubmitJob,
)
from swarm_coordinator.core.replicated.state import ReplicatedState

MS = 1_000_000
TTL_MS = 6000
R1, R2, R3 = RobotId('r1'), RobotId('r2'), RobotId('r3')


def ref(name: str = 'a.txt', digit: str = 'a', size_bytes: int = 5) -> FileRef:
    return FileRef(name, size_bytes, digit * 64)


def spec(
    program: str = 'true',
    inputs: tuple[FileRef, ...] = (),
    outputs: tuple[str, ...] = (),
    attempts_max: int = 3,
    effects: Effects = Effects.IDEMPOTENT,
    priority: int = 0,
    timeout_ms: int = 0,
    requires: tuple[str, ...] = (),
    argv: tuple[str, ...] = (),
) -> JobSpec:
    return JobSpec(
        ExecWork(argv or (program,)),
        inputs,
        outputs,
        timeout_ms=timeout_ms,
        attempts_max=attempts_max,
        effects=effects,
        priority=priority,
        requires=requires,
    )


def stage(
    name: str,
    *after: str,
    feeds: tuple[Feed, ...] = (),
    outputs: tuple[str, ...] = (),
    **other: Any,
) -> Stage:
    return Stage(name, spec(outputs=outputs, **other), after, feeds)


def pipeline(*stages: Stage, outputs: tuple[str, ...] = (), **other: Any) -> JobSpec:
    return JobSpec(PipelineWork(stages), outputs=outputs, **other)


def registration(
    robot: RobotId,
    incarnation: int = 1,
    voter: bool = True,
    job_slots: int = 1,
    offers: tuple[str, ...] = ('exec:true',),
) -> RegisterRobot:
    capabilities = tuple(CapabilitySpec(name) for name in offers)
    return RegisterRobot(robot, incarnation, voter, 'host', '0.1.0', job_slots, capabilities)


@dataclass
class AppliedLog:
    """A state and the log that made it; every command becomes the next entry."""

    state: ReplicatedState = field(default_factory=ReplicatedState)
    stamp_ns: int = 1_000_000_000_000
    term: int = 1
    serials: dict[tuple[RobotId, int], int] = field(default_factory=dict)

    def do(
        self, command: Command | Report, by: RobotId = R1, incarnation: int = 1
    ) -> Applied:
        """A report is an entry of its own."""
        if isinstance(command, Report):
            command = ReportJobs((command,))
        serial = self.serials.get((by, incarnation), 0) + 1
        self.serials[by, incarnation] = serial
        return self.issue(Issued(by, incarnation, serial, serial, command))

    def issue(self, issued: Issued) -> Applied:
        applied = apply_command(
            self.state, self.state.applied_index + 1, self.term, self.stamp_ns, issued
        )
        self.state.check_invariants()
        return applied

    def wait(self, ms: int) -> None:
        self.stamp_ns += ms * MS

    def lead_anew(self, jump_ms: int) -> None:
        """Another robot leads; by its clock, `jump_ms` have gone by since the last entry."""
        self.term += 1
        index = self.state.applied_index + 1
        apply_noop(self.state, index, self.term, 0)  # Raft gives it the last stamp at most
        self.state.check_invariants()
        self.stamp_ns = self.state.stamp_ns + jump_ms * MS

    def job(self, job_id: str = 'j1') -> Job:
        return self.state.jobs[job_id]

    def submit(
        self, job_id: str = 'j1', what: JobSpec | None = None, output_dir: str = '', key: str = ''
    ) -> Applied:
        return self.do(SubmitJob(job_id, R1, what or spec(), output_dir, key))

    def grant(
        self, robot: RobotId = R1, job_id: str = 'j1', attempt: int = 0, incarnation: int = 1
    ) -> int:
        """Returns the token that the grant has if it is accepted."""
        attempt = attempt or self.job(job_id).attempt + 1
        self.do(GrantJobs((Grant(job_id, robot, incarnation, attempt, TTL_MS, 'test'),)))
        return self.state.applied_index

    def start(self, token: int, job_id: str = 'j1') -> Applied:
        return self.do(StartJob(job_id, token))

    def complete(
        self, token: int, job_id: str = 'j1', outputs: tuple[FileRef, ...] = ()
    ) -> Applied:
        return self.do(CompleteJob(job_id, token, 10, outputs, R1))


def log_with_robots(*robots: RobotId) -> AppliedLog:
    log = AppliedLog()
    for robot in robots or (R1, R2, R3):
        log.do(registration(robot), by=robot)
    return log


# ---- strategies from type hints

TEXT = st.text(max_size=20)
HASHES = st.text('0123456789abcdef', min_size=64, max_size=64)


def from_hint(hint: Any) -> st.SearchStrategy[Any]:
    """A strategy for every type that a command may hold."""
    if hint is FileRef:
        return st.builds(FileRef, TEXT, st.integers(0, INTEGER_MAX), HASHES)
    if (family := family_of(hint)) is not None:
        # A stage of a pipeline holds no pipeline.
        kinds = [kind for kind in family.values() if kind is not PipelineWork]
        return st.one_of(*map(from_dataclass, kinds))
    if dataclasses.is_dataclass(hint):
        return from_dataclass(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return st.tuples(*map(from_hint, arguments))
    if origin is tuple:
        return st.lists(from_hint(arguments[0]), max_size=3).map(tuple)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*[
            st.none() if one is type(None) else from_hint(one) for one in arguments
        ])
    if isinstance(hint, typing.NewType):
        return TEXT
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    return {
        str: TEXT, int: st.integers(-INTEGER_MAX, INTEGER_MAX), bool: st.booleans(),
    }[hint]


# Fields that hold less than 64 bits.
LIMITED: dict[str, st.SearchStrategy[Any]] = {
    'run_ms': st.integers(0, 2**32 - 1),
    'exit_code': st.none() | st.integers(-(2**31) + 1, 2**31 - 1),
}


def from_dataclass(kind: Any) -> st.SearchStrategy[Any]:
    hints = hints_of(kind)
    fields = {n: LIMITED[n] if n in LIMITED else from_hint(hint) for n, hint in hints.items()}
    return st.builds(kind, **fields)
