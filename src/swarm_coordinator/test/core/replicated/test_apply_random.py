# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whatever order commands come in: invariants hold, one completion a job, equal replicas."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys

import pytest
from coordinator_samples import R1, AppliedLog, from_dataclass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_commands import draw_command, run

from swarm_coordinator.core.jobs import job
from swarm_coordinator.core.jobs.job import JOB_TRANSITIONS, JobEvent, JobPhase, next_phase
from swarm_coordinator.core.replicated import job_rules
from swarm_coordinator.core.replicated.apply import apply_command
from swarm_coordinator.core.replicated.command import COMMANDS, Issued, decode, encode
from swarm_coordinator.core.replicated.snapshot import decode_state, encode_state
from swarm_coordinator.core.replicated.state import ReplicatedState


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_random_commands_keep_the_invariants_and_accept_one_completion_a_job(seed: int) -> None:
    run(seed)


def test_random_commands_reach_every_phase() -> None:
    """A generator that is always refused would prove nothing."""
    seen: set[JobPhase] = set()
    for seed in range(20):
        run(seed, seen=seen)
    assert seen == set(JobPhase)


def test_random_commands_use_every_row_of_the_lifecycle(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[tuple[JobPhase, JobEvent]] = set()

    def note(phase: JobPhase, event: JobEvent) -> JobPhase:
        to = next_phase(phase, event)
        used.add((phase, event))
        return to

    monkeypatch.setattr(job, 'next_phase', note)
    for seed in range(400):
        run(seed)
        if used == set(JOB_TRANSITIONS):
            return
    assert used == set(JOB_TRANSITIONS), set(JOB_TRANSITIONS) - used


def test_random_pipelines_are_done_and_fail() -> None:
    wanted, ends = {JobPhase.DONE, JobPhase.FAILED}, set[JobPhase]()
    for seed in range(200):
        jobs = run(seed)[0].state.jobs.values()
        ends |= {one.phase for one in jobs if one.pipeline}
        if wanted <= ends:
            return
    assert wanted <= ends, ends


def test_forgetting_keeps_the_invariants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_rules, 'JOBS_ENDED_KEPT_MAX', 1)
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
    for index, (term, stamp_ns, issued) in enumerate(entries, 1):
        apply_command(again, index, term, stamp_ns, issued)
    assert again == log.state
    assert list(again.jobs) == list(log.state.jobs)
    assert list(again.waiting) == list(log.state.waiting)


def test_state_does_not_depend_on_the_hash_seed() -> None:
    """Two robots have two seeds; what they make of a log must be the same to the last byte."""
    code = (
        'import test_apply_random as t\n'
        'print([t.hash_of(seed) for seed in range(8)])'
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
    assert printed == {f'{[hash_of(seed) for seed in range(8)]}\n'}


def hash_of(seed: int) -> str:
    return hashlib.sha256(encode_state(run(seed)[0].state)).hexdigest()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), seed=st.integers(0, 50))
def test_garbage_commands_are_answered_and_break_nothing(data: st.DataObject, seed: int) -> None:
    """Any command that can be decoded can be in the log; whatever it says, the state stays whole
    and can be written and read."""
    log, _ = run(seed, steps=40)
    for number in range(6):
        kind = data.draw(st.sampled_from([*COMMANDS.values()]))
        command = data.draw(from_dataclass(kind))
        robot = data.draw(st.sampled_from([R1, getattr(command, 'robot_id', R1)]))
        issued = decode(encode(Issued(robot, 9, 1000 + number, 0, command)))
        log.issue(issued)  # checks the invariants
    assert decode_state(encode_state(log.state)) == log.state
