# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Asking robots before they get work: owns one round of questions at a time, and what is believed
of those who do not answer.

What the leader knows of a robot's backlog is what the log said a moment ago; eight routers on news
a second old do 1.9 times worse than with perfect knowledge, and 1.3 times worse when they ask the
cheapest three first. A robot that answered a moment ago is not asked again, and one that holds
nothing has nothing to say. Refuses to know costs.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.allocation import Choice
from swarm_coordinator.core.jobs.slots import Slots

MS = 1_000_000
ROUND_NS = 50 * MS  # several round trips of a busy Wi-Fi; a job waits this long at most
FRESH_NS = 200 * MS  # an answer counts this long: two beacons
HEARD_NS = 5_000 * MS  # a robot that answered so lately hears us: an idle one is not asked
SILENT_NS = 1_000 * MS  # after silence; doubled with each further one
SILENT_NS_MAX = 30_000 * MS
REFUSED_NS = 1_000 * MS  # then its reason may be gone
JOBS_PER_QUESTION = 64  # what a message holds


@dataclass(frozen=True)
class AskOffer:
    """Ask a robot what these jobs would cost there. An effect; `robot` may be this robot."""

    robot: RobotId
    request: int
    job_ids: tuple[str, ...]


@dataclass(frozen=True)
class OfferAsked:
    """Another robot, as the leader, asks what jobs would cost here. An event."""

    sender: RobotId
    request: int
    job_ids: tuple[str, ...]


@dataclass(frozen=True)
class Offer:
    """What the asked robot says. transfer_ms None: unknown there; refused '' = it takes it."""

    backlog_ms: int
    job_ids: tuple[str, ...]
    transfer_ms: tuple[int | None, ...]
    refused: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.job_ids) == len(self.transfer_ms) == len(self.refused):
            raise ValueError(
                f'{len(self.job_ids)} jobs, {len(self.transfer_ms)} transfers, '
                f'{len(self.refused)} refusals: expected as many of each'
            )


@dataclass(frozen=True)
class AnswerOffer:
    """Tell the leader. An effect."""

    recipient: RobotId
    request: int
    offer: Offer


@dataclass(frozen=True)
class OfferHeard:
    """A robot's answer. An event."""

    sender: RobotId
    request: int
    offer: Offer


@dataclass(slots=True)
class _Known:
    """Of one robot. `silent`: questions in a row without an answer."""

    backlog_ms: int = 0
    heard_ns: int | None = None
    silent: int = 0
    again_ns: int = 0


@dataclass(slots=True)
class _Round:
    request: int
    due_ns: int
    asked_ns: int
    missing: dict[RobotId, None]
    job_ids: frozenset[str]


@dataclass
class Offers:
    """Of one term as leader. `first_request` differs from life to life: an answer to a former
    one must not fit."""

    first_request: int = 1
    round: _Round | None = None
    staging: dict[tuple[str, RobotId], int] = field(default_factory=dict)
    refused: dict[tuple[str, RobotId], str] = field(default_factory=dict)
    _known: dict[RobotId, _Known] = field(default_factory=dict)
    _refused_ns: dict[tuple[str, RobotId], int] = field(default_factory=dict)
    _asked: dict[str, int] = field(default_factory=dict)  # job -> when its round was over
    _next: int = 0

    @property
    def rounds(self) -> int:
        """So many were begun."""
        return self._next

    @property
    def due_ns(self) -> int | None:
        """When the round is over without all answers."""
        return self.round.due_ns if self.round is not None else None

    def settled(self, choice: Choice, slots: Slots, now_ns: int) -> bool:
        """Whether nothing is to be won by asking."""
        robots = choice.cheapest
        if len(robots) == 1:
            return True
        if not choice.job.spec.inputs:
            best = self._known.get(robots[0])
            if slots.held == 0 and best is not None and best.heard_ns is not None and (
                now_ns - best.heard_ns < HEARD_NS and not best.silent
            ):
                return True
            return all(self._current(robot, now_ns) for robot in robots)
        over_ns = self._asked.get(choice.job.job_id)
        return over_ns is not None and now_ns - over_ns < FRESH_NS

    def _current(self, robot: RobotId, now_ns: int) -> bool:
        """Whether asking the robot now would tell us nothing new."""
        known = self._known.get(robot)
        if known is None:
            return False
        fresh = known.heard_ns is not None and now_ns - known.heard_ns < FRESH_NS
        return fresh or (known.silent > 0 and now_ns < known.again_ns)

    def ask(self, choices: Sequence[Choice], now_ns: int) -> list[AskOffer]:
        """Open a round; nothing while there is one."""
        if self.round is not None or not choices:
            return []
        jobs_of: dict[RobotId, list[str]] = {}
        for choice in choices[:JOBS_PER_QUESTION]:
            for robot in choice.cheapest:
                jobs_of.setdefault(robot, []).append(choice.job.job_id)
        request = self.first_request + self._next
        self._next += 1
        asked = frozenset(choice.job.job_id for choice in choices[:JOBS_PER_QUESTION])
        self.round = _Round(request, now_ns + ROUND_NS, now_ns, dict.fromkeys(jobs_of), asked)
        return [AskOffer(robot, request, tuple(jobs)) for robot, jobs in jobs_of.items()]

    def heard(self, event: OfferHeard, now_ns: int) -> bool:
        """Take an answer; True: the round is complete. A late one still says that the robot is
        there, and nothing more."""
        known = self._known.setdefault(event.sender, _Known())
        known.silent = 0
        current = self.round
        if current is None or current.request != event.request:
            return False
        if event.sender not in current.missing:
            return False
        del current.missing[event.sender]
        known.backlog_ms, known.heard_ns = event.offer.backlog_ms, now_ns
        self._note(event.sender, event.offer, current.job_ids, now_ns)
        if current.missing:
            return False
        self._close(current, now_ns)
        return True

    def _note(
        self, sender: RobotId, offer: Offer, asked: frozenset[str], now_ns: int
    ) -> None:
        for job_id, staging, refused in zip(
            offer.job_ids, offer.transfer_ms, offer.refused, strict=True
        ):
            if job_id not in asked:
                continue  # we did not ask for that
            if staging is not None:
                self.staging[job_id, sender] = staging
            if refused:
                self.refused[job_id, sender] = refused
                self._refused_ns[job_id, sender] = now_ns

    def tick(self, now_ns: int) -> None:
        """End the round if its time is over, and forget what is too old to go by."""
        if self.round is not None and now_ns >= self.round.due_ns:
            for robot in self.round.missing:
                known = self._known.setdefault(robot, _Known())
                known.silent += 1
                wait_ns = min(SILENT_NS << min(known.silent - 1, 8), SILENT_NS_MAX)
                known.again_ns = now_ns + wait_ns
            self._close(self.round, now_ns)
        for key in [one for one, at in self._refused_ns.items() if now_ns - at >= REFUSED_NS]:
            del self._refused_ns[key]
            del self.refused[key]

    def _close(self, current: _Round, now_ns: int) -> None:
        self.round = None
        for job_id in current.job_ids:
            self._asked[job_id] = now_ns

    def silent(self, now_ns: int) -> frozenset[RobotId]:
        """Robots that did not answer lately and are not to be asked again yet."""
        return frozenset(
            robot
            for robot, known in self._known.items()
            if known.silent and now_ns < known.again_ns
        )

    def backlog_ms(self, robot: RobotId, now_ns: int) -> int | None:
        """What the robot said, less the time since; None: it has said nothing lately."""
        known = self._known.get(robot)
        if known is None or known.heard_ns is None or now_ns - known.heard_ns >= FRESH_NS:
            return None
        return max(0, known.backlog_ms - (now_ns - known.heard_ns) // MS)

    def forget(self, waiting: Container[object], robots: Container[object]) -> None:
        """Keep only what is about jobs that wait and robots that are members."""
        self._asked = {job: at for job, at in self._asked.items() if job in waiting}
        self.staging = {key: ms for key, ms in self.staging.items() if key[0] in waiting}
        self._known = {robot: one for robot, one in self._known.items() if robot in robots}

    def check_invariants(self) -> None:
        assert self.refused.keys() == self._refused_ns.keys()
        assert self.round is None or self.round.missing
