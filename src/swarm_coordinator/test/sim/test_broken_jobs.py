# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the simulation of jobs is for: a swarm with one fault is caught, promise by promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from swarm_coordinator.core import office
from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.delivery import Delivery
from swarm_coordinator.core.files.references import References
from swarm_coordinator.core.held_job import HeldJob
from swarm_coordinator.core.jobs import stealing
from swarm_coordinator.core.jobs.allocation import Allocator
from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.jobs.spec import Effects
from swarm_coordinator.core.replicated import (
    expiry_rules,
    grant_rules,
    job_life,
    job_loss,
    steal_rules,
    submission_rules,
)
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.core.worker import Worker
from swarm_coordinator.sim.run import Report, run
from swarm_coordinator.sim.scenario import schedule_of
from swarm_coordinator.sim.schedule import parse

LENGTH_MS = 15_000
SEEDS_MAX = 60

Patch = pytest.MonkeyPatch


def accept_any_token(patch: Patch) -> None:
    """A report counts for whoever holds the job."""

    def careless(job_id: str, token: int, state: Any, done: Any) -> Any:
        job = state.jobs.get(job_id)
        return job if job is not None and job.held else None

    patch.setattr(grant_rules, '_current', careless)


def keep_the_token(patch: Patch) -> None:
    """The second grant has the token of the first."""
    original = grant_rules.lend

    def careless(job: Any, *rest: Any) -> None:
        before = job.token
        original(job, *rest)
        job.token = before or job.token

    patch.setattr(grant_rules, 'lend', careless)


def expire_without_grace(patch: Patch) -> None:
    """The log ends a lease as soon as its time is over, and a little before."""
    original = job_loss.expire_jobs
    patch.setattr(
        expiry_rules, 'expire_jobs', lambda grace_ms, *rest: original(-1_000, *rest)
    )


def run_for_ever(patch: Patch) -> None:
    """A robot that cannot renew goes on."""
    patch.setattr(HeldJob, 'given_up_ns', property(lambda self: 1 << 62))


def repeat_what_must_happen_once(patch: Patch) -> None:
    """A lost attempt is repeated, whatever its effects."""
    original = job_loss.lose_attempt

    def careless(job: Any, *rest: Any, **named: Any) -> None:
        spec = job.spec
        if spec.effects is Effects.ONCE:
            job._write(replace(job._read(), spec=replace(spec, effects=Effects.NONE)))
        original(job, *rest, **named)

    patch.setattr(job_loss, 'lose_attempt', careless)


def grant_for_ever(patch: Patch) -> None:
    """A job gets more attempts than it may have."""
    patch.setattr(job_loss, '_given_up_after_loss', lambda job, state, done, why: False)


def youngest_first(patch: Patch) -> None:
    """The queue is a stack."""
    original = Allocator.allocate
    patch.setattr(
        Allocator, 'allocate',
        lambda self, waiting, *rest: original(self, reversed([*waiting]), *rest),
    )


def work_in_an_emergency(patch: Patch) -> None:
    """Processes go on when everybody else stops."""
    patch.setattr(Worker, 'stop_all', lambda self, why, now_ns: [])


def free_files_too_early(patch: Patch) -> None:
    """A file goes with the first job that does not need it any more."""
    original = References.keep

    def careless(self: Any, job_id: str, files: Any) -> list[str]:
        before = self.by_job.get(job_id, frozenset())
        now = frozenset(files)
        original(self, job_id, now)
        return sorted(before - now)

    patch.setattr(References, 'keep', careless)


def forget_keys(patch: Patch) -> None:
    """Each submission is a new job."""
    patch.setattr(submission_rules, '_earlier', lambda command, state: '')


def forget_the_waiting(patch: Patch) -> None:
    """A job that comes back is in no queue."""
    original = job_life._put_in

    def careless(job: Any, state: Any) -> None:
        if job.phase is not JobPhase.SUBMITTED:
            original(job, state)

    patch.setattr(job_life, '_put_in', careless)
    patch.setattr(ReplicatedState, 'check_invariants', lambda self: None)


def place_at_once(patch: Patch) -> None:
    """Outputs are put in place before the log has accepted them."""
    original = Delivery._place

    def careless(self: Any, parcel: Any) -> Any:
        if parcel.stored and not parcel.accepted:
            parcel.accepted, parcel.output_dir = True, '/home'
        return original(self, parcel)

    patch.setattr(Delivery, '_place', careless)


def say_yes_for_a_former_life(patch: Patch) -> None:
    """What the log did not take, because it knows a later life of the robot, counts as taken."""
    original = Coordinator._applied

    def careless(self: Any, entry: Any, changed: Any) -> None:
        original(self, entry, changed)
        issued = entry.issued
        if issued is not None and (issued.robot, issued.incarnation) == (
            self.robot_id, self.identity.incarnation
        ):
            item = self.proposals.settle(issued.serial)
            if item is not None:
                self._settle(item, entry.done, entry.index)

    patch.setattr(Coordinator, '_applied', careless)


def leave_work_behind(patch: Patch) -> None:
    """A robot says goodbye while its processes run."""
    patch.setattr(Worker, 'live', property(lambda self: 0))


def grant_before_the_kill(patch: Patch) -> None:
    """The leader does not wait for a process that takes its time to end."""
    patch.setattr(office, 'STOPPED_MS', 0)


def move_for_ever(patch: Patch) -> None:
    """Idle robots take a job from one another again and again."""
    patch.setattr(steal_rules, 'MOVES_MAX', 99)
    patch.setattr(stealing, 'MOVES_MAX', 99)
    patch.setattr(stealing, 'HAND_OVER_MS', 0)


def give_to_somebody_else(patch: Patch) -> None:
    """A stolen job does not go to its thief."""
    original = job_loss.move_to

    def careless(job: Any, terms: Any, state: Any, *rest: Any) -> None:
        other = state.members[min(one for one in state.members if one != terms.robot_id)]
        where = replace(terms, robot_id=other.robot_id, incarnation=other.incarnation)
        original(job, where, state, *rest)

    patch.setattr(steal_rules, 'move_to', careless)


def take_what_has_begun(patch: Patch) -> None:
    """Idle robots take jobs that run, also those whose effect must happen once."""
    anything = SimpleNamespace(ONCE=None)
    patch.setattr(steal_rules, 'Effects', anything)
    patch.setattr(stealing, 'Effects', anything)
    patch.setattr(stealing, '_bar_of_running', lambda job, bar_ms, *rest: bar_ms)


FAULTS: dict[Callable[[Patch], None], set[str]] = {
    keep_the_token: {'a token is the index of its grant'},
    expire_without_grace: {'an attempt is not ended before its time'},
    run_for_ever: {'a robot stops a job before the swarm gives it to another'},
    repeat_what_must_happen_once: {'an effect that must happen once'},
    grant_for_ever: {'no more attempts than allowed'},
    youngest_first: {'the older of two alike is granted first, or soon'},
    work_in_an_emergency: {'nothing runs in an emergency'},
    free_files_too_early: {'files that a job needs are kept'},
    forget_keys: {'one job for one key'},
    place_at_once: {'only outputs of the accepted attempt are put in place'},
    grant_before_the_kill: {'an attempt is not ended before its time'},
    move_for_ever: {'no more moves than allowed'},
    give_to_somebody_else: {'a job moves to who asked for it'},
    take_what_has_begun: {'what must happen once is left where it has begun'},
    say_yes_for_a_former_life: {'what is acknowledged is in the log'},
}


# Seeds that show what few seeds do; the others are tried if the product has changed since.
TRIED_FIRST: dict[Callable[[Patch], None], int] = {
    run_for_ever: 41,
    youngest_first: 28,
    work_in_an_emergency: 8,
    free_files_too_early: 4,
    say_yes_for_a_former_life: 23,
    move_for_ever: 10,
}


def first_broken(fault: Callable[[Patch], None]) -> Report:
    for seed in (TRIED_FIRST.get(fault, 0), *range(SEEDS_MAX)):
        report = run(schedule_of(seed, length_ms=LENGTH_MS, workload='jobs'))
        if report.violation is not None:
            return report
    raise AssertionError(f'{SEEDS_MAX} seeds did not show it')


@pytest.mark.parametrize('fault', FAULTS, ids=lambda fault: fault.__name__)
def test_swarm_with_one_fault_is_caught(
    fault: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    fault(monkeypatch)
    report = first_broken(fault)
    violation = report.violation
    print(report.seed, violation)
    assert violation is not None and violation.promise in FAULTS[fault], violation


def played(*steps: str) -> Report:
    head = 'voters 3\nworkload jobs\nlength_ms 14000\ncompact_after 300\n----\n'
    return run(parse(head + '\n'.join(steps)))


def test_job_that_is_in_no_queue_is_missed(monkeypatch: Patch) -> None:
    """On purpose: with many jobs it takes long until one may say that it never comes."""
    forget_the_waiting(monkeypatch)
    violation = played('3000 job r1 submit j0 does=unable key=k0').violation
    assert violation is not None and violation.promise == 'liveness'
    assert 'j0' in str(violation)


def test_report_under_the_token_of_another_is_caught(monkeypatch: Patch) -> None:
    """On purpose, because it takes a robot that is done while it is cut off, and that is back
    while another one has the job."""
    accept_any_token(monkeypatch)
    jobs = (f'3000 job r1 submit j{n} run=2000 key=k{n}' for n in range(6))
    violation = played(*jobs, '4000 split r1|* 5600').violation
    assert violation is not None
    assert violation.promise == 'a report is accepted only under the current token'


def test_robot_that_leaves_its_work_behind_is_caught(monkeypatch: Patch) -> None:
    """On purpose, because robots leave seldom while they are at work."""
    leave_work_behind(monkeypatch)
    jobs = (f'3000 job r1 submit j{n} run=4000 does=stubborn key=k{n}' for n in range(6))
    violation = played(*jobs, '4000 away r2 1500').violation
    assert violation is not None
    assert violation.promise == 'a robot stops a job before the swarm gives it to another'
