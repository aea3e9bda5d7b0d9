# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the leader's learner thinks of the whole swarm, as sections: its table of modes, its last
choice, the courses of aggregate and reward, regimes, reputation, routes, and the files it is kept
in.

Owns which sender counts and how much of the past is kept; knows nothing of how figures are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from swarm_tower.core.facts import Told
from swarm_tower.core.section import Section

NS_PER_MS = 1_000_000
TAKEN_OVER_NS = 10_000 * NS_PER_MS  # a lower term counts again after such a silence: a new log
COURSE_STEP_MS = 2000
COURSE_ROWS = 450       # 15 minutes
REGIMES_KEPT = 200
ROUTES_SHOWN = 256
ABOUT = '.about'        # no robot and no route has such a name


@dataclass(frozen=True)
class Worth:
    """What is expected of one mode; masked = why it may not be chosen now."""

    mode: str
    value: float | None
    visits: int
    masked: str


@dataclass(frozen=True)
class Choice:
    """The last proposal for the swarm's mode."""

    mode: str
    confidence: float | None
    reason: str
    policy: str
    situation: str
    values: tuple[Worth, ...]
    runner_up: str
    explored: bool


@dataclass(frozen=True)
class ModeTable(Told):
    """The learned table: 27 situations (arousal, stability, pressure) x modes x actions, row by
    row. Values and visits are empty where their sizes do not fit together."""

    sender: str
    term: int
    policy: str
    checkpoint: str
    frozen: bool
    decisions: int
    explored: int
    epsilon: float | None
    reward_mean: float | None
    reward_last: float | None
    switches: float | None
    actions: tuple[str, ...]
    modes: tuple[str, ...]
    values: tuple[float | None, ...]
    visits: tuple[int, ...]
    choice: Choice | None


@dataclass(frozen=True)
class Sample(Told):
    """The aggregate at one moment."""

    sender: str
    term: int
    arousal: float | None
    stability: float | None
    pressure: float | None
    spread: float | None


@dataclass(frozen=True)
class RegimeTold(Told):
    """The condition that was inferred, with what it was inferred from."""

    sender: str
    term: int
    regime: str
    confidence: float | None
    alarm: bool
    since_ms: int | None
    figures: tuple[tuple[str, float | None], ...]
    distance: float | None
    distance_limit: float | None
    model: str
    reason: str


@dataclass(frozen=True)
class Repute:
    """Belief about one robot's work."""

    robot_id: str
    mean: float | None
    lower_bound: float | None
    successes: float | None
    failures: float | None
    credibility: float | None
    receipts: int
    raters: int
    steals_helpful: int
    steals_useless: int
    newcomer: bool
    may_lead: bool
    reason: str


@dataclass(frozen=True)
class Reputations(Told):
    """The whole table and the audits that are asked for, as 'job attempt by auditor'."""

    sender: str
    term: int
    log_index: int
    robots: tuple[Repute, ...]
    audits: tuple[str, ...]


@dataclass(frozen=True)
class Route:
    """Predicted cost of one kind of work on one compute unit of one robot."""

    task: str
    robot_id: str
    compute_unit: str
    success: float | None
    work_ms: float | None
    backlog_ms: float | None
    quality: float | None
    cost_ms: float | None
    samples: int
    ejected: bool
    reason: str


@dataclass(frozen=True)
class Routes(Told):
    """The table, cheapest first, task by task; `told` counts those that were cut off too."""

    sender: str
    term: int
    log_index: int
    told: int
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Model:
    """A learned file that the swarm has agreed on."""

    name: str
    version: int
    sha256: str
    size_bytes: int
    holder: str
    summary: str
    log_index: int
    stamp_ms: int | None


@dataclass(frozen=True)
class Models(Told):
    """All of them after log_index entries."""

    log_index: int
    term: int
    models: tuple[Model, ...]


class Newest:
    """Which sender counts: that of the highest term, as long as it is not silent."""

    def __init__(self) -> None:
        self._term = 0
        self._heard_ns: int | None = None

    def admits(self, term: int, now_ns: int) -> bool:
        """Tell whether a message of this term is news, and remember it."""
        heard = self._heard_ns
        if heard is not None and term < self._term and now_ns - heard < TAKEN_OVER_NS:
            return False
        self._term, self._heard_ns = term, now_ns
        return True


class _OfLeader(Section):
    """A section that only the learner of the newest leader writes."""

    def __init__(self) -> None:
        super().__init__()
        self._newest = Newest()

    def fold(self, fact: Told, now_ns: int) -> None:
        if self._newest.admits(getattr(fact, 'term', 0), now_ns):
            self.take(fact, now_ns // NS_PER_MS)

    def take(self, fact: Any, now_ms: int) -> None:
        """Take a fact that counts."""
        raise NotImplementedError


class PolicySection(_OfLeader):
    """'about', 'choice', and one row of 27 x actions figures for each mode in force, because
    a decision changes only one of these."""

    name = 'policy'
    takes = (ModeTable,)
    rows_max = 32

    def take(self, fact: Any, now_ms: int) -> None:
        told = asdict(fact)
        values, visits, choice = (told.pop(key) for key in ('values', 'visits', 'choice'))
        rows: dict[str, Any] = {'about': {**told, 'heard_ms': now_ms}}
        if choice is not None:
            rows['choice'] = choice
        width, modes = len(fact.actions), len(fact.modes)
        for number, mode in enumerate(fact.modes if values else ()):
            places = [
                (cell * modes + number) * width + action
                for cell in range(27) for action in range(width)
            ]
            rows[f'in {mode}'] = {
                'values': [values[place] for place in places],
                'visits': [visits[place] for place in places],
            }
        self.put_all(rows)


class CourseSection(_OfLeader):
    """The aggregate over the last minutes: rows [ms, arousal, stability, pressure, spread]."""

    name = 'course'
    takes = (Sample,)
    rows_max = COURSE_ROWS

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._last_ms: int | None = None

    def take(self, fact: Any, now_ms: int) -> None:
        if self._last_ms is not None and now_ms - self._last_ms < COURSE_STEP_MS:
            return
        self._last_ms = now_ms
        self._count += 1
        row = [now_ms, fact.arousal, fact.stability, fact.pressure, fact.spread]
        self.put(f'{self._count:09d}', row)


class RewardSection(_OfLeader):
    """What the last decisions brought: rows [ms, mean of the last 100, last, decisions], one for a
    decision, and of quick ones one in COURSE_STEP_MS."""

    name = 'reward'
    takes = (ModeTable,)
    rows_max = COURSE_ROWS

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._last: tuple[int, int] | None = None  # ms, decisions

    def take(self, fact: Any, now_ms: int) -> None:
        if not fact.decisions:
            return  # its figures say nothing yet
        if self._last is not None:
            last_ms, decisions = self._last
            if fact.decisions == decisions or now_ms - last_ms < COURSE_STEP_MS:
                return
        self._last = (now_ms, fact.decisions)
        self._count += 1
        row = [now_ms, fact.reward_mean, fact.reward_last, fact.decisions]
        self.put(f'{self._count:09d}', row)


class RegimeSection(_OfLeader):
    """'now', and a strip of [ms, regime, alarm, confidence], one for each change."""

    name = 'regime'
    takes = (RegimeTold,)
    rows_max = REGIMES_KEPT + 1

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._last: tuple[str, bool] | None = None

    def take(self, fact: Any, now_ms: int) -> None:
        now = (fact.regime, fact.alarm)
        if now != self._last:
            self._last = now
            self._count += 1
            row = [now_ms, fact.regime, fact.alarm, fact.confidence]
            self.put(f'{self._count:09d}', row)
        told = {**asdict(fact), 'heard_ms': now_ms}
        told['figures'] = [list(pair) for pair in fact.figures]
        self.put('now', told)


class ReputationSection(_OfLeader):
    """A row for each robot."""

    name = 'reputation'
    takes = (Reputations,)
    rows_max = 128

    def take(self, fact: Any, now_ms: int) -> None:
        rows: dict[str, Any] = {
            ABOUT: {**_source(fact), 'audits': list(fact.audits), 'heard_ms': now_ms}
        }
        rows.update((one.robot_id, asdict(one)) for one in fact.robots)
        self.put_all(rows)


class RoutesSection(_OfLeader):
    """A row for each of the first routes."""

    name = 'routes'
    takes = (Routes,)
    rows_max = ROUTES_SHOWN + 1

    def take(self, fact: Any, now_ms: int) -> None:
        rows: dict[str, Any] = {
            f'{one.task}|{one.robot_id}|{one.compute_unit}': asdict(one)
            for one in fact.routes[:ROUTES_SHOWN]
        }
        rows[ABOUT] = {**_source(fact), 'told': fact.told, 'heard_ms': now_ms}
        self.put_all(rows)


class ModelsSection(_OfLeader):
    """A row for each learned file."""

    name = 'models'
    takes = (Models,)
    rows_max = 64

    def take(self, fact: Any, now_ms: int) -> None:
        self.put_all({one.name: asdict(one) for one in fact.models[:64]})


def _source(fact: Any) -> Mapping[str, Any]:
    return {'sender': fact.sender, 'term': fact.term, 'log_index': fact.log_index}
