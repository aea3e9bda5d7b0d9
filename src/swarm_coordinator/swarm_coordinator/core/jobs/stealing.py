# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What an idle robot would take from the others: owns when a move is worth its cost.

The thief proposes, the log decides. It looks at what every robot knows: who holds which job, and
what the routes are worth. A job moves only for a gain above what the move costs, and that bar
rises with each move. Refuses to know how a proposal gets into the log.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.costs import (
    Estimate,
    Estimates,
    cost_ms,
    remaining_of,
    running_ms,
    staging_ms,
)
from swarm_coordinator.core.jobs.eligibility import Needs, Robot, missing, needs_of, units_for
from swarm_coordinator.core.jobs.job import Effects, Job, JobPhase
from swarm_coordinator.core.jobs.slots import occupied, order_of
from swarm_coordinator.core.replicated.command import Steal, StealJobs
from swarm_coordinator.core.replicated.state import ReplicatedState

MS = 1_000_000
# What a move costs beside its files: two entries of the log, and being wrong now and then. Chosen
# without data; a commit takes some 10 to 30 ms.
HAND_OVER_MS = 100
MOVES_MAX = 3  # what the log accepts of one job
STEALS_MAX = 4  # of one proposal; the next look comes soon
LOOK_NS = 100 * MS
REFUSED_NS = 500 * MS  # after a refusal, doubled with each further one
REFUSED_NS_MAX = 8_000 * MS
SAMPLES_MIN = 3  # runs without which a running job is left where it is


@dataclass(frozen=True)
class StealTag:
    """A proposal of this thief."""


@dataclass(frozen=True, slots=True)
class Loot:
    """A job that would be done sooner here. `gain_ms` is what is left after the hand-over."""

    job: Job
    unit: str
    gain_ms: int
    there_ms: int
    here_ms: int


@dataclass
class Thief:
    """Decides for one robot. One proposal at a time; a refusal makes it wait."""

    robot_id: RobotId
    under_way: bool = False
    look_ns: int = 0
    refusals: int = 0
    _shy: dict[tuple[str, int], None] = field(default_factory=dict)  # asked for already

    def look(
        self, me: Robot, free: int, state: ReplicatedState, estimates: Estimates, now_ns: int
    ) -> StealJobs | None:
        """Call with nothing of its own to start; `free` are its free slots."""
        if self.under_way or free <= 0 or not state.held or now_ns < self.look_ns:
            return None
        self.look_ns = now_ns + LOOK_NS
        found = [
            one
            for one in loot(me, state, estimates)
            if (one.job.job_id, one.job.token) not in self._shy
        ]
        chosen = spread(self.robot_id, found, min(free, STEALS_MAX))
        if not chosen:
            return None
        self.under_way = True
        self._shy = dict.fromkeys((one.job.job_id, one.job.token) for one in chosen)
        steals = tuple(
            Steal(one.job.job_id, one.job.token, one.unit, one.job.ttl_ms, _why(one))
            for one in chosen
        )
        return StealJobs(self.robot_id, me.member.incarnation, steals)

    def settled(self, refused: str, now_ns: int) -> None:
        self.under_way = False
        if not refused:
            self.refusals = 0
            return
        wait_ns = min(REFUSED_NS << min(self.refusals, 8), REFUSED_NS_MAX)
        self.refusals += 1
        self.look_ns = now_ns + wait_ns


def loot(me: Robot, state: ReplicatedState, estimates: Estimates) -> list[Loot]:
    """All that would be done sooner here, if it were the only one taken."""
    held: dict[RobotId, list[Job]] = {}
    for job in state.held_jobs():
        assert job.robot_id is not None
        if job.robot_id != me.member.robot_id:
            held.setdefault(job.robot_id, []).append(job)
    places: dict[Needs, tuple[str, ...]] = {}
    found: list[Loot] = []
    for robot_id in sorted(held):
        member = state.members.get(robot_id)
        if member is None:
            continue
        jobs = sorted(held[robot_id], key=order_of)
        _, ends = occupied(member.job_slots, jobs, estimates, estimates.stamp_ns)
        for job in jobs:
            one = _loot(job, ends[job.job_id], me, places, state, estimates)
            if one is not None:
                found.append(one)
    return found


def _loot(
    job: Job,
    there_ms: int,
    me: Robot,
    places: dict[Needs, tuple[str, ...]],
    state: ReplicatedState,
    estimates: Estimates,
) -> Loot | None:
    spec = job.spec
    if job.revoked_for is not None or job.moves >= MOVES_MAX or me.member.robot_id in job.avoid:
        return None
    runs = _runs(job, there_ms, estimates, estimates.stamp_ns)
    if runs and spec.effects is Effects.ONCE:
        return None
    needs = needs_of(spec)
    units = places.get(needs)
    if units is None:
        units = () if missing(needs, me) else units_for(needs, me.member)
        places[needs] = units
    if not units:
        return None
    guesses = [(estimates.of(needs.task, me.member.robot_id, unit), unit) for unit in units]
    guess, unit = min(guesses, key=lambda one: (one[0].work_ms, one[1]))
    staging = staging_ms(spec, job.origin, me.member.robot_id)
    here_ms = cost_ms(0, guess.work_ms, staging, guess.success_permille)
    there = estimates.of_job(job)
    gain_ms = there_ms * 1000 // there.success_permille - here_ms
    bar_ms = HAND_OVER_MS * (job.moves + 1)
    if runs:
        bar_ms = _bar_of_running(job, bar_ms, staging, guess, there, estimates.stamp_ns)
    if gain_ms <= bar_ms:
        return None
    return Loot(job, unit, gain_ms - bar_ms, there_ms, here_ms)


def _runs(job: Job, there_ms: int, estimates: Estimates, stamp_ns: int) -> bool:
    """Whether it runs, as far as one can tell: short runs are not told, so what would be first
    in a free slot counts as running."""
    if job.phase is JobPhase.RUNNING:
        return True
    return there_ms <= remaining_of(job, estimates, stamp_ns)


def _bar_of_running(
    job: Job, bar_ms: int, staging: int, here: Estimate, there: Estimate, stamp_ns: int
) -> int:
    """What runs must gain more than the work that is thrown away, and more than half of what it
    takes to bring its files; and it must be known that this robot is faster."""
    if min(here.samples, there.samples) < SAMPLES_MIN:
        return 2**62
    return bar_ms + max(running_ms(job, stamp_ns), staging // 2)


def spread(thief: RobotId, found: Sequence[Loot], count: int) -> list[Loot]:
    """The best, but not the same for every idle robot: of those that gain at least half of what
    the best does, each thief begins elsewhere."""
    if not found or count <= 0:
        return []
    best_ms = max(one.gain_ms for one in found)
    good = [one for one in found if 2 * one.gain_ms >= best_ms]
    return sorted(good, key=lambda one: (_dice(thief, one.job.job_id), one.job.job_id))[:count]


def _dice(thief: RobotId, job_id: str) -> int:
    """Differs between thieves, and is the same each time."""
    return zlib.crc32(f'{thief} {job_id}'.encode())


def _why(one: Loot) -> str:
    return f'done in {one.here_ms} ms instead of {one.there_ms} ms at {one.job.robot_id}'
