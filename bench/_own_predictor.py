# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The coordinator's own predictions as a router of simulated jobs, alone and with advice.

What ships: the book of routes that the log keeps, core/jobs/costs.py over it, jobs under way with
what they will still take. With advice, success and run time come from the learner, which hears the
same ends, by the rule of costs.py for when advice is followed.
"""

from __future__ import annotations

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.costs import (
    Estimate,
    Estimates,
    RouteAdvice,
    cost_ms,
    remaining_ms,
)
from swarm_coordinator.core.jobs.routes import RouteBook, RouteKey
from swarm_learning.core.routing import RouteKey as LearntKey
from swarm_learning.core.routing import Routing
from swarm_learning.sim.routing_policies import SECOND_NS, TASKS
from swarm_learning.sim.routing_world import Simulation

MS = 1_000_000
BEGAN_NS = 10**15  # stamps of a log are no small numbers
ADVISED_NS = 2_500 * MS  # how often a learner repeats its advice
VALID_NS = 5_000 * MS


class OwnPredictor:
    """One robot does its jobs one by one, the oldest first."""

    def __init__(self, simulation: Simulation, advised: bool = False) -> None:
        self.names = [RobotId(f'r{robot}') for robot in range(simulation.world.robots)]
        self.book, self.estimates = RouteBook(), Estimates()
        self.learner = Routing() if advised else None
        self.advice: RouteAdvice | None = None
        self.advised_ns = -ADVISED_NS
        # By robot: job -> (task, when it began or 0)
        self.held: list[dict[int, tuple[int, int]]] = [{} for _ in self.names]

    def choose(self, now_s: float, job: int, task: int) -> int:
        now_ns = BEGAN_NS + int(now_s * SECOND_NS)
        self._listen(now_ns)
        self.estimates.begin(self.book, now_ns, now_ns, self.advice)
        costs = []
        for robot, name in enumerate(self.names):
            guess = self.estimates.of(TASKS[task], name, '')
            backlog = self._backlog_ms(robot, now_ns)
            costs.append((cost_ms(backlog, guess.work_ms, 0, guess.success_permille), robot))
        robot = min(costs)[1]
        self.held[robot][job] = (task, 0 if self.held[robot] else now_ns)
        return robot

    def _listen(self, now_ns: int) -> None:
        if self.learner is None or now_ns - self.advised_ns < ADVISED_NS:
            return
        self.advised_ns = now_ns
        routes: dict[RouteKey, Estimate] = {
            (one.task, RobotId(one.robot_id), one.unit): Estimate(
                round(one.work_ms), max(1, round(one.success * 1000)), one.samples)
            for one in self.learner.estimates(now_ns)
        }
        self.advice = RouteAdvice(routes, now_ns + VALID_NS)

    def _backlog_ms(self, robot: int, now_ns: int) -> int:
        total = 0
        for task, began_ns in self.held[robot].values():
            work_ms = self.estimates.of(TASKS[task], self.names[robot], '').work_ms
            if began_ns:
                work_ms = remaining_ms(work_ms, (now_ns - began_ns) // MS)
            total += work_ms
        return total

    def ended(
        self, now_s: float, job: int, task: int, robot: int, good: bool, run_s: float
    ) -> None:
        now_ns, key = BEGAN_NS + int(now_s * SECOND_NS), (TASKS[task], self.names[robot], '')
        run_ms, outcome = round(run_s * 1000), 'done' if good else 'failed'
        self.book.record(key, outcome, run_ms, now_ns)
        if self.learner is not None:
            self.learner.hear(LearntKey(*key), outcome, run_ms, now_ns)
        self.held[robot].pop(job)
        for waiting, (kind, _) in self.held[robot].items():
            self.held[robot][waiting] = (kind, now_ns)
            break

    def told(self, now_s: float, robot: int, held: int, work_s: float) -> None:
        """It asks nobody."""
