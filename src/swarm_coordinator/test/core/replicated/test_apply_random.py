# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whatever order commands come in: invariants hold, one completion a job, equal replicas."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import Any

import pytest
from coordinator_samples import MS, R1, R2, R3, AppliedLog, ref, registration, spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Effects, JobPhase
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated import apply
from swarm_coordinator.core.replicated.apply import apply_command
from swarm_coordinator.core.replicated.command import (
    COMMANDS,
    CancelJob,
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
    Issued,
    MarkRobot,
    Renewal,
    RenewJobs,
    SetMode,
    SetOverride,
    StartJob,
    SubmitJob,
)
from swarm_coordinator.core.replicated.state import ReplicatedState

ROBOTS = (R1, R2, R3)


def draw_command(rng: random.Random, state: ReplicatedState, issuer: RobotId) -> Command:
    """One that may well be right: real jobs, mostly their token."""
    job_id = f'j{rng.randint(1, 6)}'
    job = state.jobs.get(job_id)
    token = job.token if job is not None and rng.random() < 0.8 else rng.randint(0, 200)
    attempt = job.attempt + rng.choice((1, 1, 1, 0, 2)) if job is not None else 1
    robot = rng.choice(ROBOTS)
    member = state.members.get(robot)
    incarnation = rng.randint(1, 3) if member is None else member.incarnation
    speaker = issuer if rng.random() < 0.9 else robot

    def incarnation_of(one: RobotId) -> int:
        known = state.members.get(one)
        return rng.randint(1, 3) if known is None else known.incarnation

    outputs = tuple(ref(name) for name in (job.spec.outputs if job is not None else ()))
    what = spec(
        outputs=rng.choice(((), ('o',))),
        effects=rng.choice(list(Effects)),
        attempts_max=rng.randint(0, 3),
        priority=rng.randint(-2, 2),
    )
    makers: list[tuple[int, Any]] = [
        (2, lambda: registration(speaker, incarnation_of(speaker) + (rng.random() < 0.2))),
        (2, lambda: MarkRobot(robot, incarnation, rng.choice(list(Liveness)))),
        (
            5,
            lambda: SubmitJob(
                job_id, speaker, what, rng.choice(('', '/o')), rng.choice(('', '', 'k1', 'k2'))
            ),
        ),
        (
            8,
            lambda: GrantJobs(
                (Grant(job_id, robot, incarnation, attempt, rng.choice((10, 1000)), ''),)
            ),
        ),
        (3, lambda: StartJob(job_id, token)),
        (3, lambda: RenewJobs((Renewal(job_id, token, rng.randint(-10, 1100)),))),
        (4, lambda: CompleteJob(job_id, token, 5, outputs, robot)),
        (2, lambda: FailJob(job_id, token, 5, rng.choice((None, 1)), 'x')),
        (2, lambda: HandBackJob(job_id, token, 'x')),
        (1, lambda: CancelJob(job_id, 'x')),
        (1, lambda: DeliverOutputs(job_id, token, rng.choice(('', 'x')))),
        (1, lambda: ExtendLeases()),
        (3, lambda: ExpireDue(rng.choice((0, 100)))),
        (1, lambda: SetMode(rng.choice(list(Mode)), 'x')),
        (1, lambda: SetOverride(rng.choice(list(Mode)), 'o', 'r', rng.choice((0, 50)))),
        (1, lambda: ClearOverride('o', 'r')),
    ]
    assert len(makers) == len(COMMANDS)
    make = rng.choices([one for _, one in makers], [weight for weight, _ in makers])[0]
    command: Command = make()
    return command


def run(
    seed: int, steps: int = 150, seen: set[JobPhase] | None = None
) -> tuple[AppliedLog, list[tuple[int, Issued]]]:
    """Returns the log as applied, and (stamp, command) to apply it again."""
    rng = random.Random(seed)
    log, entries = AppliedLog(), []
    accepted: dict[str, int] = {}
    tokens: dict[str, int] = {}
    for _ in range(steps):
        log.stamp_ns += rng.choice((0, 1, 20, 2000)) * MS
        issuer = rng.choice(ROBOTS)
        session = log.state.sessions.get(issuer)
        life = session.incarnation if session is not None else 1
        life += rng.choice((0,) * 18 + (-1, 1))
        issued = Issued(
            issuer,
            life,
            rng.randint(1, 400),
            rng.randint(0, 3),
            draw_command(rng, log.state, issuer),
        )
        entries.append((log.stamp_ns, issued))
        applied = log.issue(issued)  # checks the invariants
        if isinstance(issued.command, CompleteJob) and not (applied.refused or applied.duplicate):
            job_id = issued.command.job_id
            accepted[job_id] = accepted.get(job_id, 0) + 1
        for job in log.state.jobs.values():
            assert job.token >= tokens.get(job.job_id, 0), 'a token never goes back'
            tokens[job.job_id] = job.token
            if seen is not None:
                seen.add(job.phase)
    assert all(count == 1 for count in accepted.values()), accepted
    return log, entries


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_random_commands_keep_the_invariants_and_accept_one_completion_a_job(seed: int) -> None:
    run(seed)


def test_random_commands_reach_every_phase() -> None:
    """A generator that is always refused would prove nothing."""
    seen: set[JobPhase] = set()
    for seed in range(10):
        run(seed, seen=seen)
    assert seen == set(JobPhase)


def test_forgetting_keeps_the_invariants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, 'JOBS_ENDED_KEPT_MAX', 1)
    rng = random.Random(5)
    log = AppliedLog()
    for serial in range(1, 400):
        log.wait(rng.choice((0, 2000)))
        log.issue(Issued(R1, 1, serial, 1, draw_command(rng, log.state, R1)))
        assert len(log.state.ended) <= 1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_same_log_applied_twice_gives_equal_states(seed: int) -> None:
    log, entries = run(seed)
    again = ReplicatedState()
    for index, (stamp_ns, issued) in enumerate(entries, 1):
        apply_command(again, index, stamp_ns, issued)
    assert again == log.state
    assert list(again.jobs) == list(log.state.jobs)
    assert list(again.waiting) == list(log.state.waiting)


def shown(state: ReplicatedState) -> str:
    """Sets of serials have no order of their own; everything else must come out as it went in."""
    return repr(
        [
            sorted(
                (robot, one.incarnation, sorted(one.applied))
                for robot, one in state.sessions.items()
            ),
            state.members,
            state.jobs,
            state.waiting,
            state.held,
            state.ended,
            state.mode,
            state.mode_reason,
            state.mode_epoch,
            state.override,
            state.counts,
            state.job_by_key,
        ]
    )


def test_state_does_not_depend_on_the_hash_seed() -> None:
    code = (
        'import test_apply_random as t\n'
        'print([t.shown(t.run(seed)[0].state) for seed in range(5)])'
    )
    here = os.path.dirname(__file__)
    printed = {
        subprocess.run(
            [sys.executable, '-c', code],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={
                **os.environ,
                'PYTHONHASHSEED': hash_seed,
                'PYTHONPATH': os.pathsep.join([here, *filter(None, sys.path)]),
            },
        ).stdout
        for hash_seed in ('1', '2')
    }
    assert len(printed) == 1 and 'JobPhase' in printed.pop()
