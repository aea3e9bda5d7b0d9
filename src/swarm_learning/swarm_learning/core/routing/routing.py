# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The learner of routes: outcomes in, predictions, choices and their reasons out.

Owns how evidence, loads, breaker, quality and cost come together. Times are stamps of the log in
ns; one that lies before the last evidence of a route counts as the same moment. Frozen, it learns
and forgets nothing and is used as before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from .breaker import ejected
from .choice import Choice, Place
from .config import RoutingConfig
from .cost import BacklogCost, Cost, Floats
from .loads import Loads
from .routes import NAME_CHARS_MAX, Prediction, RouteKey, RouteTable
from .sizes import Sizes

Z_90 = 1.2815515655446004  # of the normal distribution
ATTEMPTS_REMEMBERED = 1024  # a new leader may repeat outcomes
GOOD, BAD = frozenset({'done'}), frozenset({'failed', 'timed out', 'lease expired'})
# An attempt that was ended from outside says that it would have taken longer.
CUT_SHORT = frozenset({'timed out', 'lease expired', 'cancelled', 'stolen'})


class Ended(Protocol):
    """An attempt that is over, such as core.observation.Outcome. `ending.value` is one of done,
    failed, timed out, lease expired, cancelled, refused, stolen."""

    @property
    def job_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def program(self) -> str: ...
    @property
    def robot_id(self) -> str: ...
    @property
    def compute_unit(self) -> str: ...
    @property
    def run_ms(self) -> int: ...
    @property
    def ending(self) -> object: ...


class RouteEstimate(NamedTuple):
    """What is thought of a route; fields as in swarm_msgs/msg/RouteCost. `p90_ms`: the run time
    that nine of ten do not exceed."""

    task: str
    robot_id: str
    unit: str
    success: float
    work_ms: float
    p90_ms: float
    backlog_ms: float
    quality: float
    cost_ms: float
    samples: int
    ejected: bool
    reason: str


def task_of(kind: str, program: str) -> str:
    """The task of a job as the coordinator names it."""
    return f'{kind}:{program}' if program else kind


class Routing:
    """Everything that is learnt of routes."""

    def __init__(self, config: RoutingConfig | None = None, cost: Cost | None = None) -> None:
        self.config = config or RoutingConfig()
        self.cost: Cost = cost or BacklogCost()
        self.table = RouteTable(self.config)
        self.loads = Loads(self.config)
        self.sizes: dict[str, Sizes] = {}  # by task
        self.quality: dict[str, float] = {}
        self.frozen_ns: int | None = None
        self.attempts: deque[tuple[str, int]] = deque(maxlen=ATTEMPTS_REMEMBERED)
        self._known_attempts: set[tuple[str, int]] = set()

    # ---- what is heard

    def hear_outcome(self, outcome: Ended, stamp_ns: int) -> bool:
        """Learn from how an attempt ended; False: it says nothing, or was heard before."""
        ending = getattr(outcome.ending, 'value', None)
        attempt = (outcome.job_id, outcome.attempt)
        if ending is None or not outcome.robot_id or not self._is_new(attempt):
            return False
        key = RouteKey(task_of(outcome.kind, outcome.program), outcome.robot_id,
                       outcome.compute_unit)
        if max(map(len, key)) > NAME_CHARS_MAX:
            return False
        return self.hear(key, str(ending), outcome.run_ms, stamp_ns, outcome.job_id)

    def hear(
        self, key: RouteKey, ending: str, run_ms: float, stamp_ns: int, job_id: str = ''
    ) -> bool:
        """As hear_outcome, of a job that is known to be new."""
        if job_id:
            self.loads.ended(job_id, stamp_ns)
        if self.frozen_ns is not None:
            return False
        cut_short = ending in CUT_SHORT and run_ms > 0
        if ending not in GOOD and ending not in BAD and not cut_short:
            return False
        table, row = self.table, self.table.row(key, stamp_ns)
        breaker = table.breakers[row]
        if ending in GOOD:
            table.done(row, self._note_size(key, run_ms, stamp_ns), stamp_ns)
            breaker.succeeded()
        elif ending in BAD:
            table.failed(row, stamp_ns)
            breaker.failed(stamp_ns, self.config)
        expected_ms = self._work_ms(key, stamp_ns)
        if cut_short and run_ms > expected_ms:
            table.ran(row, min(run_ms, expected_ms * self.config.outlier_factor), stamp_ns)
        return True

    def hear_load(
        self, robot_id: str, queued_ms: float, stamp_ns: int, slots: int = 1
    ) -> None:
        """A robot says how much work it holds. Raises ValueError for what is no load."""
        self.loads.heard(robot_id, queued_ms, slots, stamp_ns)

    def hear_quality(self, quality: Mapping[str, float]) -> None:
        """Factor on success by robot, above 0 to 1, from its reputation; who is not named has 1.
        Raises ValueError."""
        for robot_id, factor in quality.items():
            if not 0 < factor <= 1:
                raise ValueError(f'quality of {robot_id}: expected above 0 to 1, got {factor}')
        self.quality = dict(quality)

    def sent(
        self, job_id: str, key: RouteKey, stamp_ns: int, estimate_ms: float | None = None
    ) -> None:
        """We gave this job to this route. `estimate_ms`: where it is known from the choice."""
        if estimate_ms is None:
            estimate_ms = self._work_ms(key, stamp_ns)
        self.loads.sent(job_id, key, estimate_ms, stamp_ns)
        row = self.table.row_of.get(key)
        if row is not None:
            self.table.breakers[row].dispatched(stamp_ns, self.config)

    def began(self, job_id: str, stamp_ns: int) -> None:
        """It runs. Where nobody says so, the oldest jobs of a robot are thought to run."""
        self.loads.began(job_id, stamp_ns)

    def forget_robot(self, robot_id: str) -> None:
        """It has left: what it held is gone, what was learnt of it stays until it fades."""
        self.loads.forget(robot_id)

    def freeze(self, frozen: bool, stamp_ns: int) -> None:
        """While frozen no evidence comes and none fades."""
        if frozen and self.frozen_ns is None:
            self.frozen_ns = stamp_ns
        elif not frozen and self.frozen_ns is not None:
            self.table.shift(max(0, stamp_ns - self.frozen_ns))
            self.frozen_ns = None

    # ---- what is thought

    def choose(
        self, task: str, places: Sequence[Place], stamp_ns: int,
        transfer_ms: Sequence[float] | None = None,
    ) -> Choice:
        """Where a job of this task should go, among places (robot, unit) that can do it.
        `transfer_ms`: to bring its files to each. Raises ValueError without any place."""
        if not places:
            raise ValueError('places: expected at least one that can do the job')
        if transfer_ms is not None and len(transfer_ms) != len(places):
            raise ValueError(f'transfer_ms: expected {len(places)} figures, one for each place')
        prediction = self._predict(stamp_ns)
        row_of = self.table.row_of.get
        rows = [row_of((task, robot, unit))  # type: ignore[call-overload]
                for robot, unit in places]
        if None in rows:
            work, success = self._with_unknown(task, places, rows, prediction)
        else:
            work, success = prediction.work_ms[rows], prediction.success[rows]
        if self.quality:
            quality = [self.quality.get(robot, 1.0) for robot, _ in places]
            success = np.maximum(success * quality, self.config.success_min)
        backlog = self._backlog_ms([robot for robot, _ in places], prediction, stamp_ns)
        transfer = np.zeros(len(places)) if transfer_ms is None else np.asarray(transfer_ms, float)
        costs = self.cost(backlog, work, transfer, success)
        breakers = [None if row is None else self.table.breakers[row] for row in rows]
        out = ejected(breakers, stamp_ns, self.config.ejected_share_max)
        if out and _all_busy(backlog, out):
            out = ()
        keys = costs
        if out:
            keys = costs.copy()
            keys[list(out)] += np.inf
        order = np.argsort(keys, kind='stable')
        return Choice(
            task, places, backlog, work, transfer, success, costs, order, len(out)
        )

    def estimates(self, stamp_ns: int, most: int | None = None) -> tuple[RouteEstimate, ...]:
        """Of known routes, by task, then the cheapest first; `most`: only so many, those with the
        most evidence. Costs are without transfer. 1024 take some ms."""
        if not len(self.table):
            return ()
        prediction = self._predict(stamp_ns)
        keys = self.table.keys
        backlog = self._backlog_ms([key.robot_id for key in keys], prediction, stamp_ns)
        quality = np.array([self.quality.get(key.robot_id, 1.0) for key in keys])
        success = np.maximum(prediction.success * quality, self.config.success_min)
        costs = self.cost(backlog, prediction.work_ms, np.zeros(len(keys)), success)
        p90 = prediction.quantile_ms(Z_90)
        out = self._ejected_rows(stamp_ns)
        figures = np.column_stack(
            (prediction.success, prediction.work_ms, p90, backlog, quality, costs)
        ).tolist()
        found = []
        for row in self.table.most_useful(self.evidence_ns(stamp_ns), most):
            share, work, long, wait, good, total = figures[row]
            found.append(RouteEstimate(
                *keys[row], share, work, long, wait, good, total, self.table.samples[row],
                row in out, self.table.breakers[row].told(stamp_ns),
            ))
        return tuple(sorted(found, key=lambda one: (one.task, one.cost_ms, one[1:3])))

    def explain(
        self, task: str, robot_id: str, unit: str = '', stamp_ns: int = 0
    ) -> tuple[str, ...]:
        """Where each figure of the route comes from, a sentence each."""
        from .explain import sentences

        return sentences(self, RouteKey(task, robot_id, unit), stamp_ns)

    def predict(self, stamp_ns: int) -> Prediction:
        """Of all rows of the table."""
        return self._predict(stamp_ns)

    def evidence_ns(self, stamp_ns: int) -> int:
        """As of when evidence is looked at: while frozen, of then."""
        return stamp_ns if self.frozen_ns is None else min(stamp_ns, self.frozen_ns)

    def document(self) -> dict[str, object]:
        """All that was learnt, and what is under way, for the next start."""
        from .document import document_of

        return document_of(self)

    @staticmethod
    def from_document(
        document: Mapping[str, object], config: RoutingConfig | None = None,
        cost: Cost | None = None,
    ) -> Routing:
        """As it was. Raises ValueError that says what was expected."""
        from .document import routing_from

        return routing_from(document, config, cost)

    def check_invariants(self) -> None:
        self.table.check_invariants()
        self.loads.check_invariants()
        assert self._known_attempts == set(self.attempts)

    # ---- inside

    def _predict(self, stamp_ns: int) -> Prediction:
        row_of, overtime = self.table.row_of, []
        for key, elapsed_ms, expected_ms in self.loads.overtime(stamp_ns, self.sizes):
            row = row_of.get(key)
            if row is not None and self.frozen_ns is None:
                most_ms = self.config.outlier_factor * expected_ms
                overtime.append((row, min(elapsed_ms, most_ms)))
        return self.table.predict(self.evidence_ns(stamp_ns), overtime)

    def _backlog_ms(
        self, robots: Sequence[str], prediction: Prediction, stamp_ns: int
    ) -> Floats:
        """Of these robots, some of which may be there more than once."""
        work_ms, known = prediction.work_ms.item, dict.fromkeys(robots)
        found = self.loads.backlogs_ms(known, self.table.row_of, work_ms, stamp_ns, self.sizes)
        return np.array([found[robot] for robot in robots])

    def _work_ms(self, key: RouteKey, stamp_ns: int) -> float:
        prediction = self.table.predict(self.evidence_ns(stamp_ns))
        row = self.table.row_of.get(key)
        if row is not None:
            return float(prediction.work_ms[row])
        return prediction.work_unknown_ms(
            self.table.tasks.number_of.get(key.task), self.table.units.number_of.get(key[1:])
        )

    def _note_size(self, key: RouteKey, run_ms: float, stamp_ns: int) -> float:
        """Of a run whose route has been seen before: otherwise nothing was predicted of it.
        Returns the run time that means are learnt from: one giant job must not make a robot look
        slow."""
        row = self.table.row_of[key]
        if not self.table.samples[row]:
            return run_ms
        if key.task not in self.sizes and len(self.sizes) >= self.config.routes_max:
            del self.sizes[next(iter(self.sizes))]
        expected_ms = max(self._work_ms(key, stamp_ns), 1.0)
        self.sizes.setdefault(key.task, Sizes()).note(run_ms / expected_ms)
        return min(run_ms, expected_ms * self.config.outlier_factor)

    def _with_unknown(
        self, task: str, places: Sequence[Place], rows: Sequence[int | None],
        prediction: Prediction,
    ) -> tuple[np.ndarray, np.ndarray]:
        number, units = self.table.tasks.number_of.get(task), self.table.units.number_of
        work, success = np.empty(len(places)), np.empty(len(places))
        for at, row in enumerate(rows):
            if row is None:
                work[at] = prediction.work_unknown_ms(number, units.get(places[at]))
                success[at] = prediction.success_unknown(units.get(places[at]))
            else:
                work[at], success[at] = prediction.work_ms[row], prediction.success[row]
        return work, success

    def _ejected_rows(self, stamp_ns: int) -> set[int]:
        """Rows that a choice among all known routes of their task would leave out."""
        by_task: dict[str, list[int]] = {}
        for row, key in enumerate(self.table.keys):
            by_task.setdefault(key.task, []).append(row)
        breakers, most = self.table.breakers, self.config.ejected_share_max
        return {
            rows[at]
            for rows in by_task.values()
            for at in ejected([breakers[row] for row in rows], stamp_ns, most)
        }

    def _is_new(self, attempt: tuple[str, int]) -> bool:
        if attempt in self._known_attempts:
            return False
        if len(self.attempts) == ATTEMPTS_REMEMBERED:
            self._known_attempts.discard(self.attempts[0])
        self.remember(attempt)
        return True

    def remember(self, attempt: tuple[str, int]) -> None:
        """That this outcome was heard."""
        self.attempts.append(attempt)
        self._known_attempts.add(attempt)


def _all_busy(backlog: Floats, out: Sequence[int]) -> bool:
    """Whether a job would wait on all others. Then even a robot that fails every other time
    helps, and keeping out a fast one can be what makes the queues grow: in simulation the mean
    job time rose fourteenfold. The cost still counts its failures."""
    kept = np.ones(len(backlog), dtype=bool)
    kept[list(out)] = False
    return bool((backlog[kept] > 0).all())
