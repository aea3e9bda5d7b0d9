# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Random logs of the state machine: commands that may well be right, in any order.

Owns no expectations but those that hold after every entry: the invariants, that the tokens of a
job and of a resource never go back, that one completion of a job is accepted and that a job whose
effect must happen once begins once, unless somebody asks for it again. Refuses to know what a test
is about.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from coordinator_samples import (
    MS,
    R1,
    R2,
    R3,
    AppliedLog,
    pipeline,
    ref,
    registration,
    spec,
)

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Effects, Job, JobPhase, JobSpec
from swarm_coordinator.core.jobs.kinds.pipeline_kind import Feed, Stage
from swarm_coordinator.core.leases.lease import Lease
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import (
    COMMANDS,
    AcquireLease,
    CancelJob,
    CancelWait,
    ChangeMember,
    ClearEmergency,
    ClearOverride,
    Command,
    CompleteJob,
    DeliverOutputs,
    ExpireDue,
    ExtendLeases,
    FailJob,
    Grant,
    GrantJobs,
    HandBackJob,
    HandOver,
    Issued,
    LeaveSwarm,
    MarkRobot,
    MemberChange,
    RecordEvent,
    RecordModel,
    RegisterService,
    ReleaseLease,
    Renewal,
    RenewJobs,
    RenewLease,
    ReportJobs,
    RetryJob,
    RevokeJob,
    SetMode,
    SetOverride,
    StartJob,
    Steal,
    StealJobs,
    SubmitJob,
    SubmitJobs,
    UnregisterService,
)
from swarm_coordinator.core.replicated.state import ReplicatedState

ROBOTS = (R1, R2, R3)
PHASES = (*Liveness, *(Liveness.HEALTHY,) * 4)  # LEFT ends a life, and then no job runs


def draw_command(rng: random.Random, state: ReplicatedState, issuer: RobotId) -> Command:
    """One that may well be right: real jobs, mostly their token."""
    job_id = f'j{rng.randint(1, 12)}'
    if rng.random() < 0.7:  # what a correct swarm would talk about
        job_id = rng.choice([*(state.held or state.waiting or {job_id: None})])
    any_id = rng.choice([*state.jobs]) if state.jobs else job_id
    job = state.jobs.get(job_id)
    token = job.token if job is not None and rng.random() < 0.8 else rng.randint(0, 200)
    free = next(state.waiting.ready(), job_id) if rng.random() < 0.7 else job_id
    granted = state.jobs.get(free)
    attempt = (0 if granted is None else granted.attempt) + rng.choice((1, 1, 1, 0, 2))
    robot = rng.choice(ROBOTS)
    member = state.members.get(robot)
    incarnation = rng.randint(1, 3) if member is None else member.incarnation
    speaker = issuer if rng.random() < 0.9 else robot

    def incarnation_of(one: RobotId) -> int:
        known = state.members.get(one)
        return rng.randint(1, 3) if known is None else known.incarnation

    outputs = tuple(ref(name) for name in (job.spec.outputs if job is not None else ()))
    what = draw_pipeline(rng) if rng.random() < 0.2 else draw_spec(rng)
    makers: list[tuple[float, Any]] = [
        (2, lambda: registration(speaker, incarnation_of(speaker) + (rng.random() < 0.1))),
        (2, lambda: MarkRobot(robot, incarnation, rng.choice(PHASES))),
        (
            5,
            lambda: SubmitJob(
                job_id, speaker, what, rng.choice(('', '/o')), rng.choice(('', '', 'k1', 'k2'))
            ),
        ),
        (
            8,
            lambda: GrantJobs(
                (Grant(free, robot, incarnation, attempt, rng.choice((10, 1000, 9000)), ''),)
            ),
        ),
        (5, lambda: ReportJobs((StartJob(job_id, token),))),
        (3, lambda: RenewJobs(
            (Renewal(job_id, token, rng.randint(-10, 1100), rng.randint(0, 3)),)
        )),
        (4, lambda: ReportJobs((CompleteJob(job_id, token, 5, outputs, robot),))),
        (2, lambda: ReportJobs((FailJob(job_id, token, 5, rng.choice((None, 1)), 'x'),))),
        (2, lambda: ReportJobs((HandBackJob(job_id, token, 'x', rng.random() < 0.5),))),
        (0.5, lambda: CancelJob(rng.choice((job_id, any_id)), 'x')),
        (2, lambda: RetryJob(any_id, 'x')),
        (1, lambda: RevokeJob(job_id, token, 'x')),
        (3, lambda: StealJobs(
            speaker, incarnation_of(speaker), (Steal(job_id, token, '', 1000, 'x'),)
        )),
        (1, lambda: SubmitJobs(tuple(
            SubmitJob(f'{job_id}-{n}', speaker, what, '', rng.choice(('', 'k3'))) for n in (1, 2)
        ))),
        (2, lambda: draw_delivery(rng, state, job_id, token)),
        (1, lambda: ExtendLeases()),
        (3, lambda: ExpireDue(rng.choice((0, 100)))),
        (1, lambda: SetMode(rng.choice(list(Mode)), 'x')),
        (1, lambda: SetOverride(rng.choice(list(Mode)), 'o', 'r', rng.choice((0, 50)))),
        (1, lambda: ClearOverride('o', 'r')),
        (1, lambda: ClearEmergency(rng.randint(0, 5), 'o', 'r', rng.choice(('', robot)))),
        (0.3, lambda: LeaveSwarm(speaker, incarnation_of(speaker))),
        *lease_makers(rng, state, speaker, incarnation_of(speaker)),
        (3, lambda: RegisterService(
            rng.choice(('map', 'arm')), '', rng.choice(('a', 'b')), speaker,
            incarnation_of(speaker), (('floor', '2'),), rng.choice((0, 500, 5000)),
        )),
        (1, lambda: UnregisterService(rng.choice(('map', 'arm')), robot)),
        (1, lambda: ChangeMember(robot, rng.choice(tuple(MemberChange)))),
        (0.3, lambda: HandOver(rng.choice((None, robot)))),
        (2, lambda: RecordEvent('note', 'info', job_id, 'x', '', (), rng.choice(('', 'k')))),
        (
            1,
            lambda: RecordModel(
                rng.choice(('m', 'n')), rng.choice('ab') * 64, 9, robot, '', rng.randint(0, 2)
            ),
        ),
    ]
    assert len(makers) == len(COMMANDS) + 3  # four kinds of report
    make = rng.choices([one for _, one in makers], [weight for weight, _ in makers])[0]
    command: Command = make()
    return command


def draw_spec(rng: random.Random, **other: Any) -> JobSpec:
    effects = rng.choice(list(Effects))
    return replace(
        spec(
            outputs=rng.choice(((), ('o',))),
            effects=effects,
            attempts_max=rng.randint(1, 3),
            priority=rng.randint(-2, 2),
        ),
        retries=0 if effects is Effects.ONCE else rng.choice((0, 0, 2)),
        retry_delay_ms=rng.choice((0, 50, 2000)),
        **{'deadline_ms': rng.choice((0, 0, 0, 3000)), **other},
    )


def draw_pipeline(rng: random.Random) -> JobSpec:
    """One stage, or two beginnings and an end that is fed by the first."""
    first, second, last = (draw_spec(rng, deadline_ms=0) for _ in range(3))
    stages = [Stage('a', replace(first, outputs=('o',)))]
    if rng.random() < 0.5:
        fed = Stage('c', last, ('b',), (Feed('a', 'o', 'i'),))
        stages += [fed, Stage('b', second)]
    return pipeline(
        *stages,
        outputs=('a/o',),
        deadline_ms=rng.choice((0, 0, 20_000)),
        priority=rng.randint(-2, 2),
    )


def draw_delivery(
    rng: random.Random, state: ReplicatedState, job_id: str, token: int
) -> DeliverOutputs:
    """Of a job that waits for it, if there is one."""
    for job in state.jobs.values():
        if job.phase is JobPhase.DONE and not job.delivered and rng.random() < 0.7:
            job_id, token = job.job_id, job.token
    return DeliverOutputs(job_id, token, rng.choice(('', 'x')))


def lease_makers(
    rng: random.Random, state: ReplicatedState, speaker: RobotId, incarnation: int
) -> list[tuple[float, Any]]:
    resource, holder = rng.choice(('dock', 'lift')), rng.choice(('a', 'b'))
    lease = state.leases.held.get(resource)
    token = lease.token if lease is not None and rng.random() < 0.8 else rng.randint(0, 200)
    key, ttl_ms = rng.choice(('', 'k1', 'k2')), rng.choice((200, 2000, 9000))
    return [
        (8, lambda: AcquireLease(
            resource, holder, speaker, incarnation, ttl_ms, rng.choice((0, 100, 9000)), key
        )),
        (3, lambda: RenewLease(resource, token, rng.choice((0, 300)))),
        (2, lambda: ReleaseLease(resource, token)),
        (1, lambda: CancelWait(resource, holder, speaker, key)),
    ]


def once(job: Job, begun: dict[str, int]) -> None:
    if not job.pipeline and job.begun and job.spec.effects is Effects.ONCE:
        token = begun.setdefault(job.job_id, job.token)
        assert token == job.token, f'{job.job_id} began twice'


def run(
    seed: int, steps: int = 150, seen: set[JobPhase] | None = None
) -> tuple[AppliedLog, list[tuple[int, int, Issued]]]:
    """Returns the log as applied, and (term, stamp, command) to apply it again."""
    rng = random.Random(seed)
    log, entries = AppliedLog(), []
    accepted: dict[str, int] = {}
    tokens: dict[str, int] = {}
    leases: dict[str, Lease] = {}
    begun: dict[str, int] = {}  # job -> token, of those whose effect must happen once
    for step in range(steps):
        log.stamp_ns += rng.choice((0, 1, 20, 20, 300, 2000)) * MS
        log.term += rng.random() < 0.03
        issuer = ROBOTS[step] if step < len(ROBOTS) else rng.choice(ROBOTS)
        session = log.state.sessions.get(issuer)
        life = session.incarnation if session is not None else 1
        life += rng.choice((0,) * 18 + (-1, 1))
        command = draw_command(rng, log.state, issuer)
        if step < len(ROBOTS):
            command = registration(issuer)
        serial = step + 10 if rng.random() < 0.95 else rng.randint(1, step + 10)
        issued = Issued(issuer, life, serial, rng.randint(0, 3), command)
        entries.append((log.term, log.stamp_ns, issued))
        applied = log.issue(issued)  # checks the invariants
        for job_id in applied.completed:
            accepted[job_id] = accepted.get(job_id, 0) + 1
        if isinstance(command, RetryJob):
            begun.clear()
        for job in log.state.jobs.values():
            once(job, begun)
            assert job.token >= tokens.get(job.job_id, 0), 'a token never goes back'
            tokens[job.job_id] = job.token
            if seen is not None:
                seen.add(job.phase)
        for lease in log.state.leases.held.values():
            granted = leases.setdefault(lease.resource, lease)
            if granted is not lease:
                assert lease.token == log.state.applied_index > granted.token
                leases[lease.resource] = lease
    assert all(count == 1 for count in accepted.values()), accepted
    return log, entries
