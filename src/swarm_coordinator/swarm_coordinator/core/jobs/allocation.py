# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which robot, and which of its compute units, gets which waiting job.

Owns one pass over the queue: hard filters, then the lowest predicted cost, the cost of each robot
growing with what the same pass gave it. Where the cheapest route has no room, the job waits for
it rather than going where it would take longer; it is booked there all the same, so that the jobs
behind it see that. Every grant says why, and among what it was chosen.

Refuses to know what jobs will cost (costs.py) and who answered which question (offers.py).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import NamedTuple

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.costs import Estimates, cost_ms, staging_ms
from swarm_coordinator.core.jobs.eligibility import (
    EJECTED_SHARE,
    Eligible,
    Needs,
    Place,
    Robot,
    Turned,
    eligible,
    needs_of,
)
from swarm_coordinator.core.jobs.job import Job
from swarm_coordinator.core.jobs.routes import RouteCandidate
from swarm_coordinator.core.jobs.slots import Slots
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import Grant

MS = 1_000_000
REACHABLE = frozenset({Liveness.HEALTHY, Liveness.SLOW})
POLICIES = ('cost', 'round_robin', 'least_loaded')  # all but 'cost' are for measurements

# A robot holds more than it runs, so that staging overlaps work and short jobs flow: one job
# ahead, and as many more as it will have begun this soon. Chosen without data: about the time
# that a grant takes to get there on a slow link.
QUEUED_AHEAD = 1
AHEAD_MS = 100
QUEUED_AHEAD_MAX = 64
# Jobs looked at beyond what was granted, so that a pass stays short however long the queue is.
LOOKED_AT_MAX = 64
BLOCKED_MAX = 1024
CANDIDATES_MAX = 8
ASKED_PER_JOB = 3
LOST_CHARS_MAX = 80
LONG_QUEUE = 'beside a long queue each robot with room helps'


class Priced(NamedTuple):
    """What a job would cost at a place; sorts by cost, then by load, then by name."""

    cost_ms: int
    load_milli: int
    robot_id: RobotId
    unit: str
    backlog_ms: int
    work_ms: int
    transfer_ms: int
    success_permille: int
    quality_permille: int = 1000


@dataclass(frozen=True)
class Choice:
    """A job with all that it could go to, the cheapest first."""

    job: Job
    ranking: tuple[Priced, ...]

    @property
    def cheapest(self) -> tuple[RobotId, ...]:
        """The robots to be asked before it is granted."""
        robots = dict.fromkeys(one.robot_id for one in self.ranking)
        return tuple(robots)[:ASKED_PER_JOB]


def ask_nobody(choice: Choice) -> bool:
    return True


@dataclass
class Field:
    """Everything that one pass looks at. `slots` grow as jobs are booked.

    reachable  robots that files can be fetched from
    silent     robots that do not answer questions: taken only where nobody else is left
    staging    ms to bring a job's files to a robot, where that robot has said so
    refused    why a robot that was asked does not take a job
    settled    whether a job may be granted as it stands, or its cheapest robots be asked first
    queued     how many jobs wait, looked at or not
    """

    robots: Sequence[Robot]
    slots: Mapping[RobotId, Slots]
    reachable: Collection[RobotId]
    estimates: Estimates
    stamp_ns: int
    silent: Collection[RobotId] = ()
    staging: Mapping[tuple[str, RobotId], int] = field(default_factory=dict)
    refused: Mapping[tuple[str, RobotId], str] = field(default_factory=dict)
    settled: Callable[[Choice], bool] = ask_nobody
    queued: int = 0

    @property
    def crowded(self) -> bool:
        """More jobs wait than can run. Then even a robot that does one in five helps: leaving it
        out can be what makes the queue grow (four times the clairvoyant's job time instead of
        once, in simulation)."""
        return self.queued > sum(one.count for one in self.slots.values())


@dataclass(frozen=True)
class Allocation:
    """The grants to propose; choices whose robots are to be asked first; and for each job that
    cannot go anywhere the reason why."""

    grants: tuple[Grant, ...]
    open: tuple[Choice, ...]
    blocked: dict[str, str]


@dataclass
class Allocator:
    """`policy` as in POLICIES; `ahead`: jobs that a robot may hold beyond its slots whatever they
    take. With many, jobs are handed out as soon as they come, as dispatchers do that keep no
    queue. Raises ValueError for another policy."""

    policy: str = 'cost'
    ahead: int = QUEUED_AHEAD
    _last: RobotId = RobotId('')  # who got the last job, for round_robin

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ValueError(f'policy={self.policy!r}: expected one of {", ".join(POLICIES)}')

    def allocate(
        self, waiting: Iterable[Job], at: Field, ttl_ms: int, grants_max: int
    ) -> Allocation:
        """Choose for `waiting`, in its order. Changes `at.slots`."""
        grants: list[Grant] = []
        unsettled: list[Choice] = []
        blocked: dict[str, str] = {}
        known: dict[Needs, Eligible] = {}
        passed: list[tuple[Choice, list[Turned]]] = []
        incarnations = {one.member.robot_id: one.member.incarnation for one in at.robots}
        for job in waiting:
            if len(grants) + len(unsettled) >= grants_max or len(passed) >= LOOKED_AT_MAX:
                break
            if len(blocked) >= BLOCKED_MAX or not any(map(self._has_room, at.slots.values())):
                break
            choice, turned, why = _choice(job, at, known)
            if why:
                blocked[job.job_id] = why
                continue
            best = self._pick(choice, at)
            slots = at.slots[best.robot_id]
            if not self._has_room(slots):
                passed.append((choice, turned))
            elif not at.settled(choice):
                unsettled.append(choice)
            else:
                rule = f'the policy {self.policy} decided'
                grants.append(_grant(choice, best, turned, ttl_ms, incarnations, rule))
                self._last = best.robot_id
            slots.book(best.work_ms + best.transfer_ms, best.unit)
        if len(passed) >= LOOKED_AT_MAX:
            room = grants_max - len(grants) - len(unsettled)
            grants += [
                _grant(choice, best, turned, ttl_ms, incarnations, LONG_QUEUE)
                for choice, best, turned in self._of_long_queue(passed, at, room)
            ]
        return Allocation(tuple(grants), tuple(unsettled), blocked)

    def _of_long_queue(
        self, passed: list[tuple[Choice, list[Turned]]], at: Field, room: int
    ) -> list[tuple[Choice, Priced, list[Turned]]]:
        """More jobs wait than were looked at: a robot with room gets what it does best by
        comparison, if that is done before the fast ones would have come to the end of the queue.
        Without it slow robots would stand idle beside a long queue."""
        busy = [one.backlog_ms() for one in at.slots.values() if not self._has_room(one)]
        horizon_ms = min(busy, default=0) * at.queued // len(passed)
        chosen: list[tuple[Choice, Priced, list[Turned]]] = []
        for robot_id in sorted(at.slots):
            slots = at.slots[robot_id]
            while passed and len(chosen) < room and self._has_room(slots):
                offers = [
                    (one.cost_ms * 1000 // max(choice.ranking[0].cost_ms, 1), number, one)
                    for number, (choice, _) in enumerate(passed)
                    for one in choice.ranking
                    if one.robot_id == robot_id and slots.backlog_ms() + one.cost_ms <= horizon_ms
                ]
                if not offers:
                    break
                _, number, best = min(offers)
                choice, turned = passed.pop(number)
                chosen.append((choice, best, turned))
                slots.book(best.work_ms + best.transfer_ms, best.unit)
        return chosen

    def _pick(self, choice: Choice, at: Field) -> Priced:
        if self.policy == 'cost':
            return choice.ranking[0]
        free = [one for one in choice.ranking if self._has_room(at.slots[one.robot_id])]
        if self.policy == 'least_loaded':
            return min(free or choice.ranking, key=lambda one: (one.load_milli, one.robot_id))
        ring = sorted(free or choice.ranking, key=lambda one: (one.robot_id, one.unit))
        return next((one for one in ring if one.robot_id > self._last), ring[0])

    def _has_room(self, slots: Slots) -> bool:
        """Whether the robot may hold one more job than it does."""
        ahead = slots.held - slots.count
        return ahead < self.ahead or (
            ahead < QUEUED_AHEAD_MAX and slots.backlog_ms() < AHEAD_MS
        )


def _choice(
    job: Job, at: Field, known: dict[Needs, Eligible]
) -> tuple[Choice, list[Turned], str]:
    """What the job could go to, what it could not go to, and why it waits if nothing is left."""
    spec = job.spec
    if spec.inputs and job.origin not in at.reachable:
        why = f'its inputs are at {job.origin}, which cannot be reached'
        return Choice(job, ()), [], why
    needs = needs_of(spec)
    found = known.get(needs)
    if found is None:
        found = known[needs] = eligible(
            needs, at.robots, at.estimates.book, at.stamp_ns, breaker=not at.crowded
        )
    places, turned = found.places, list(found.turned)
    if not places:
        return Choice(job, ()), turned, _nobody(needs, turned)
    if at.refused or job.avoid or at.silent:
        places = _kept(places, turned, lambda one: at.refused.get((job.job_id, one.robot_id), ''))
        if not places:
            return Choice(job, ()), turned, _nobody(needs, turned)
        places = _rather(places, turned, job.avoid, 'had it before')
        places = _rather(places, turned, at.silent, 'does not answer')
    if at.estimates.advice is not None and not at.crowded:
        places = _unejected(needs.task, places, turned, found.ejected, at)
    ranking = _priced(job, needs.task, places, at)
    if job.deadline_ns:
        left_ms = (job.deadline_ns - at.stamp_ns) // MS
        late = f'cannot do it within the {left_ms} ms that are left'
        turned += [
            Turned(Place(one.robot_id, one.unit), late) for one in ranking if _late(one, left_ms)
        ]
        ranking = [one for one in ranking if not _late(one, left_ms)]
        if not ranking:
            return Choice(job, ()), turned, f'no robot {late}'
    return Choice(job, tuple(ranking)), turned, ''


def _late(one: Priced, left_ms: int) -> bool:
    return one.backlog_ms + one.work_ms + one.transfer_ms > left_ms


def _kept(
    places: Sequence[Place], turned: list[Turned], why_not: Callable[[Place], str]
) -> tuple[Place, ...]:
    """Those that nothing speaks against; the others go to `turned`."""
    kept = []
    for place in places:
        if why := why_not(place):
            turned.append(Turned(place, why))
        else:
            kept.append(place)
    return tuple(kept)


def _rather(
    places: tuple[Place, ...], turned: list[Turned], shunned: Collection[RobotId], why: str
) -> tuple[Place, ...]:
    """The places that are not `shunned`, or all where nothing else is left."""
    if all(place.robot_id in shunned for place in places):
        return places
    return _kept(places, turned, lambda one: why if one.robot_id in shunned else '')


def _unejected(
    task: str, places: tuple[Place, ...], turned: list[Turned], out: int, at: Field
) -> tuple[Place, ...]:
    """Without those that a learner keeps out: with those that the log keeps out (`out`) a third
    at most, and never the last one. The least sure go first."""
    said = {place: at.estimates.of(task, place.robot_id, place.unit) for place in places}
    ejected = sorted(
        (one.success_permille, place.robot_id, place.unit)
        for place, one in said.items() if one.ejected
    )
    room = max(0, (len(places) + out) // EJECTED_SHARE - out)
    leaving = {Place(robot, unit) for _, robot, unit in ejected[:room]}
    return _kept(
        places, turned,
        lambda one: f'kept out: {said[one].reason or "advice"}' if one in leaving else '',
    )


def _priced(job: Job, task: str, places: Sequence[Place], at: Field) -> list[Priced]:
    """The innermost loop of a pass: jobs times robots."""
    spec, job_id, said, ranking = job.spec, job.job_id, at.staging, []
    for place in places:
        robot_id, unit = place.robot_id, place.unit
        slots, guess = at.slots[robot_id], at.estimates.of(task, robot_id, unit)
        staging = 0
        if spec.inputs:
            known = said.get((job_id, robot_id))
            staging = staging_ms(spec, job.origin, robot_id) if known is None else known
        work, success, backlog = guess.work_ms, guess.success_permille, slots.backlog_ms(unit)
        cost = cost_ms(backlog, work, staging, success)
        ranking.append(
            Priced(cost, slots.load_milli, robot_id, unit, backlog, work, staging, success,
                   guess.quality_permille)
        )
    ranking.sort()
    return ranking


# ---- in words


def _nobody(needs: Needs, turned: Sequence[Turned]) -> str:
    """One sentence, however many robots there are."""
    if not turned:
        return f'no reachable robot offers {", ".join(needs.required)}'
    if all(one.why.startswith('does not offer') for one in turned):
        return f'no reachable robot offers {", ".join(needs.required)}'
    told = '; '.join(f'{one.place.robot_id} {one.why}' for one in turned[:ASKED_PER_JOB])
    return f'no robot can take it: {told}'


def _grant(
    choice: Choice,
    best: Priced,
    turned: Sequence[Turned],
    ttl_ms: int,
    incarnations: Mapping[RobotId, int],
    rule: str,
) -> Grant:
    """`rule`: what counted where it is not the cheapest one."""
    job, others = choice.job, [one for one in choice.ranking if one is not best]
    listed = [_candidate(best, '')]
    listed += [_candidate(one, _behind(one, best, rule)) for one in others[: CANDIDATES_MAX - 1]]
    listed += [_turned(one) for one in turned[:CANDIDATES_MAX]]
    return Grant(
        job_id=job.job_id,
        robot_id=best.robot_id,
        incarnation=incarnations[best.robot_id],
        attempt=job.attempt + 1,
        ttl_ms=ttl_ms,
        why=_why(best, others),
        unit=best.unit,
        candidates=tuple(listed[:CANDIDATES_MAX]),
    )


def _why(best: Priced, others: Sequence[Priced]) -> str:
    place = f'{best.robot_id} on {best.unit}' if best.unit else best.robot_id
    text = (
        f'{place} costs {best.cost_ms} ms: {best.backlog_ms} wait, {best.work_ms} work, '
        f'{best.transfer_ms} files, {best.success_permille / 10:.0f} % sure{_quality(best)}'
    )
    if not others:
        return f'{text}; nobody else can'
    return f'{text}; next is {others[0].robot_id} with {others[0].cost_ms} ms'


def _behind(one: Priced, best: Priced, rule: str) -> str:
    more_ms = one.cost_ms - best.cost_ms
    if more_ms < 0:
        return f'costs {-more_ms} ms less, but {rule}'
    if more_ms:
        return f'costs {more_ms} ms more{_quality(one)}'
    return 'as cheap, holds more' if one.load_milli > best.load_milli else 'as cheap, later name'


def _quality(one: Priced) -> str:
    if one.quality_permille == 1000:
        return ''
    return f', reputation counts {one.quality_permille / 10:.0f} %'


def _candidate(one: Priced, lost: str) -> RouteCandidate:
    return RouteCandidate(
        one.robot_id, one.unit, one.backlog_ms, one.work_ms, one.transfer_ms,
        one.success_permille, one.cost_ms, lost,
    )


def _turned(one: Turned) -> RouteCandidate:
    why = one.why
    if len(why) > LOST_CHARS_MAX:
        why = shorten(why, LOST_CHARS_MAX, placeholder=' …')
    return RouteCandidate(one.place.robot_id, one.place.unit, 0, 0, 0, 0, 0, why)
