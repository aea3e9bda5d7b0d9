# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Leadership follows fitness: owns when a leader should hand over, and to whom.

Only by transfer (Ongaro's thesis, section 3.10): nothing here bends a vote. A transfer costs a
moment without a leader, so the rules are slow on purpose: an advantage must be large, last, and
outlive a tenure that doubles with each change of leader lately. Knows no messages and no Raft;
reputation is advice with a small weight.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.modes.mode import Activity, Mode, allows
from swarm_coordinator.core.registry.awareness import AWARENESS_MAX
from swarm_coordinator.core.registry.suspicion import Liveness

SECOND_NS = 1_000_000_000

LOOK_NS = SECOND_NS  # beacons carry new figures about that often
# Load, disk or reputation alone never reach it; a voter of three that the leader does not hear
# does, a battery at a fifth does, a leader that is held up most of the time does.
MARGIN_PERMILLE = 120
HOLD_NS = 10 * SECOND_NS  # longer than a job's start or a burst of loss
SMOOTHING = 8  # looks; an advantage is averaged over about as many
# Doubled for each further change of leader in the last hours, so that figures that punish whoever
# leads cause six transfers in the first hour at most, and then about one an hour. Elections
# count too: a swarm that changes its leader often has other worries than the fittest one.
TENURE_NS = 60 * SECOND_NS
TENURE_DOUBLINGS_MAX = 8
REMEMBERED_NS = 6 * 3600 * SECOND_NS
TRANSFER_NS = 5 * SECOND_NS  # still leading after it: the transfer failed
BACKOFF_NS = 60 * SECOND_NS  # after a failed transfer, doubled with each further one
BACKOFF_DOUBLINGS_MAX = 6

BATTERY_ENOUGH_PERMILLE = 500  # more charge does not make a better leader
FSYNC_FAST_MS, FSYNC_SLOW_MS = 10, 200  # an SSD, and an SD card in trouble


@dataclass(frozen=True)
class WorkReputation:
    """A learner's belief in the work of a robot. may_lead: enough evidence of good work."""

    lower_bound_permille: int
    newcomer: bool
    may_lead: bool


@dataclass(frozen=True)
class ReputationAdvice:
    """The learner's table; counts until `expires_ns` of the monotonic clock."""

    robots: Mapping[RobotId, WorkReputation]
    expires_ns: int

    def permille_of(self, robot: RobotId, now_ns: int) -> int | None:
        """None: nothing to compare, because the advice is stale or knows too little of the robot.
        Of one that has shown work which does not speak for leading, 0."""
        known = self.robots.get(robot) if now_ns < self.expires_ns else None
        if known is None or known.newcomer:
            return None
        return known.lower_bound_permille if known.may_lead else 0


@dataclass(frozen=True)
class FitnessFacts:
    """What is known of a robot. None: not known, and then not compared.

    voters_heard       voters it hears without suspicion, itself included
    fsync_ms           its slowest durable write lately
    reputation_permille  lower bound of the learner's belief in its work; advice
    """

    voters_heard: int
    voters: int
    battery_permille: int | None = None
    cpu_load_permille: int | None = None
    awareness: int | None = None
    fsync_ms: int | None = None
    reputation_permille: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A voter other than the leader. `caught_up`: it has, or nearly has, the whole log."""

    robot: RobotId
    facts: FitnessFacts
    phase: Liveness
    caught_up: bool


@dataclass(frozen=True)
class SuccessionSituation:
    """`quorum`: the leader is heard by a majority. `emergency`: the register is active."""

    leader: RobotId
    facts: FitnessFacts
    candidates: Sequence[Candidate]
    mode: Mode
    emergency: bool
    quorum: bool


@dataclass(frozen=True)
class Transfer:
    """Hand leadership to `to`."""

    to: RobotId
    reason: str


# ---- fitness


def _links(facts: FitnessFacts) -> int | None:
    return _bounded(1000 * facts.voters_heard // facts.voters) if facts.voters > 0 else None


def _battery(facts: FitnessFacts) -> int | None:
    if facts.battery_permille is None:
        return None
    return _bounded(1000 * facts.battery_permille // BATTERY_ENOUGH_PERMILLE)


def _calm(facts: FitnessFacts) -> int | None:
    if facts.awareness is None:
        return None
    return _bounded(1000 - 1000 * facts.awareness // AWARENESS_MAX)


def _idle(facts: FitnessFacts) -> int | None:
    return None if facts.cpu_load_permille is None else _bounded(1000 - facts.cpu_load_permille)


def _disk(facts: FitnessFacts) -> int | None:
    if facts.fsync_ms is None:
        return None
    return _bounded(1000 * (FSYNC_SLOW_MS - facts.fsync_ms) // (FSYNC_SLOW_MS - FSYNC_FAST_MS))


def _reputation(facts: FitnessFacts) -> int | None:
    return None if facts.reputation_permille is None else _bounded(facts.reputation_permille)


def _bounded(value: int) -> int:
    return max(0, min(1000, value))


# What it is, its weight in thousandths of the whole, and its figure from 0 to 1000. Who is heard
# counts most: that is what leading needs. Weights chosen without data.
COMPONENTS: tuple[tuple[str, int, Callable[[FitnessFacts], int | None]], ...] = (
    ('links', 400, _links),
    ('battery', 200, _battery),
    ('on time', 150, _calm),
    ('idle', 100, _idle),
    ('disk', 100, _disk),
    ('reputation', 50, _reputation),
)


def fitness(facts: FitnessFacts) -> int:
    """0 to 1000, for people: the weighted mean of what is known. Decisions use `advantage`."""
    known = [(weight, figure(facts)) for _, weight, figure in COMPONENTS]
    total = sum(weight for weight, value in known if value is not None)
    return sum(weight * value for weight, value in known if value is not None) // max(total, 1)


def advantage(one: FitnessFacts, other: FitnessFacts) -> dict[str, int]:
    """By how many thousandths `one` is fitter, by component; only what is known of both."""
    parts = {}
    for name, weight, figure in COMPONENTS:
        mine, theirs = figure(one), figure(other)
        if mine is not None and theirs is not None and mine != theirs:
            gain = weight * abs(mine - theirs) // 1000  # rounded alike both ways
            parts[name] = gain if mine > theirs else -gain
    return parts


# ---- succession


@dataclass
class _Lead:
    """How far a candidate is ahead of the leader, smoothed, and since when by the margin.

    `sum_permille` is SMOOTHING times the mean, so that integers do for it."""

    sum_permille: int
    parts: dict[str, int]
    ahead_since_ns: int | None = None

    @property
    def permille(self) -> int:
        return self.sum_permille // SMOOTHING

    def look(self, parts: dict[str, int], now_ns: int) -> None:
        self.parts = parts
        self.sum_permille += sum(parts.values()) - self.permille
        if self.permille < MARGIN_PERMILLE:
            self.ahead_since_ns = None
        elif self.ahead_since_ns is None:
            self.ahead_since_ns = now_ns


class Succession:
    """One for the life of a robot, whether it leads or not: it must remember former leaders.

    Call `leader_is` at every change of leader that Raft reports, and `decide` at each tick while
    this robot leads. A Transfer that does not end its leadership in time counts as failed.
    """

    def __init__(self, robot_id: RobotId) -> None:
        self.robot_id = robot_id
        self._leader: RobotId | None = None
        self._since_ns = 0  # of the current leader
        self._changes_ns: deque[int] = deque(maxlen=TENURE_DOUBLINGS_MAX + 1)
        self._leads: dict[RobotId, _Lead] = {}
        self._looked_ns: int | None = None
        self._pending: tuple[Transfer, int] | None = None
        self._failures = 0
        self._backoff_until_ns = 0
        self._at: SuccessionSituation | None = None
        self._why = 'not looked yet'

    def leader_is(self, leader: RobotId | None, now_ns: int) -> None:
        """None: no leader is known; the next one counts if it is another."""
        if leader is None or leader == self._leader:
            return
        self._leader, self._since_ns = leader, now_ns
        self._changes_ns.append(now_ns)
        if self._pending is not None:
            self._pending, self._failures = None, 0

    def decide(self, at: SuccessionSituation, now_ns: int) -> Transfer | None:
        """At most one look per LOOK_NS; None in between, and while nothing should change."""
        if self._looked_ns is not None and now_ns - self._looked_ns < LOOK_NS:
            return None
        self.leader_is(at.leader, now_ns)
        self._looked_ns, self._at = now_ns, at
        self._notice_failure(now_ns)
        blocked = self._blocked(at)
        if blocked:
            self._leads.clear()  # what was seen in such times says little about others
            self._why = blocked
            return None
        self._look(at, now_ns)
        best = self._best(now_ns)
        if best is None:
            return None
        self._pending = (best, now_ns)
        self._why = f'transfer to {best.to}: {best.reason}'
        return best

    def tenure_ns(self, now_ns: int) -> int:
        """How long the current leader must have led before it may hand over."""
        lately = sum(now_ns - at_ns < REMEMBERED_NS for at_ns in self._changes_ns)
        return TENURE_NS << min(max(lately - 1, 0), TENURE_DOUBLINGS_MAX)

    def explain(self) -> str:
        """For people: the last look, one line per robot."""
        if self._at is None:
            return self._why
        lines = [self._why, f'{self._at.leader} leads, fitness {fitness(self._at.facts)}']
        for candidate in sorted(self._at.candidates, key=lambda one: one.robot):
            text = f'{candidate.robot} fitness {fitness(candidate.facts)}'
            lead = self._leads.get(candidate.robot)
            if lead is None:
                text += f', not eligible: {_unfit(candidate) or "not compared"}'
            else:
                text += f', {lead.permille:+} to the leader ({_parts(lead.parts)})'
            lines.append(text)
        return '\n'.join(lines)

    # ---- rules

    def _blocked(self, at: SuccessionSituation) -> str:
        if at.leader != self.robot_id:
            return f'{at.leader} leads'
        if at.emergency:
            return 'leadership stays during an emergency'
        if not allows(at.mode, Activity.MOVE_LEADERSHIP):
            return f'leadership stays in mode {at.mode.label}'
        return '' if at.quorum else 'no quorum to hand over with'

    def _look(self, at: SuccessionSituation, now_ns: int) -> None:
        eligible = {one.robot: one for one in at.candidates if not _unfit(one)}
        eligible.pop(at.leader, None)
        for robot in [robot for robot in self._leads if robot not in eligible]:
            del self._leads[robot]
        for robot in sorted(eligible):
            parts = advantage(eligible[robot].facts, at.facts)
            lead = self._leads.setdefault(robot, _Lead(0, parts))
            lead.look(parts, now_ns)

    def _best(self, now_ns: int) -> Transfer | None:
        """The candidate that is farthest ahead, the smaller name of two; None with a reason."""
        if not self._leads:
            self._why = 'nobody else could lead'
            return None
        robot, lead = min(self._leads.items(), key=lambda one: (-one[1].permille, one[0]))
        wait = self._wait(robot, lead, now_ns)
        if wait:
            self._why = wait
            return None
        return Transfer(robot, f'fitter by {lead.permille} of 1000: {_parts(lead.parts)}')

    def _wait(self, robot: RobotId, lead: _Lead, now_ns: int) -> str:
        """Why not yet."""
        if self._pending is not None:
            return f'a transfer to {self._pending[0].to} is under way'
        if lead.ahead_since_ns is None:
            return f'{robot} is best, {lead.permille:+}, and the margin is {MARGIN_PERMILLE}'
        waits = (
            (self._since_ns + self.tenure_ns(now_ns), 'the minimum tenure'),
            (self._backoff_until_ns, 'the pause after a failed transfer'),
            (lead.ahead_since_ns + HOLD_NS, 'its advantage to last'),
        )
        until_ns, what = max(waits)
        left_s = -(-(until_ns - now_ns) // SECOND_NS)
        return f'{robot} is fitter; waiting {left_s} s for {what}' if until_ns > now_ns else ''

    def _notice_failure(self, now_ns: int) -> None:
        if self._pending is None or now_ns - self._pending[1] < TRANSFER_NS:
            return
        self._pending = None
        doublings = min(self._failures, BACKOFF_DOUBLINGS_MAX)
        self._failures += 1
        self._backoff_until_ns = now_ns + (BACKOFF_NS << doublings)


def _unfit(candidate: Candidate) -> str:
    if candidate.phase is not Liveness.HEALTHY:
        return f'it is {candidate.phase.name.lower()}'
    return '' if candidate.caught_up else 'it lacks entries of the log'


def _parts(parts: dict[str, int]) -> str:
    texts = [f'{name} {value:+}' for name, value in parts.items() if value]
    return ', '.join(texts) or 'no difference'
