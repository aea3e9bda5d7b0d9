# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Routers for routing_world.py: the shipping learner, the rules that it is held against, and a
clairvoyant. Robots are numbers here. All randomness comes from a seed.
"""

from __future__ import annotations

import math
import random

from ..core.routing import PROBED, Choice, Cost, RouteKey, Routing, RoutingConfig
from .routing_world import TASK_S, Simulation

SECOND_NS = 1_000_000_000
TASKS = tuple(f'exec:task{number}' for number in range(len(TASK_S)))
EWMA_TAU_S = 10.0  # of Peak-EWMA, as its authors have it
UNMEASURED_S = 1.0
C3_GAIN, C3_EXPONENT = 0.1, 3  # as in its paper


class Base:
    """Counts what it has sent and what is over, and believes reports."""

    def __init__(self, simulation: Simulation, seed: int = 0) -> None:
        self.simulation = simulation
        self.robots = range(simulation.world.robots)
        self.rng = random.Random(seed)
        self.pending = [0] * len(self.robots)
        self.sent: dict[int, tuple[int, float]] = {}  # job -> robot, since

    def choose(self, now_s: float, job: int, task: int) -> int:
        robot = self.pick(now_s, task)
        self.pending[robot] += 1
        self.sent[job] = robot, now_s
        return robot

    def pick(self, now_s: float, task: int) -> int:
        raise NotImplementedError

    def ended(
        self, now_s: float, job: int, task: int, robot: int, good: bool, run_s: float
    ) -> None:
        where = self.sent.pop(job, None)
        if where is None:
            return  # another router's
        self.pending[robot] = max(0, self.pending[robot] - 1)
        self.measured(now_s, robot, now_s - where[1], run_s)

    def measured(self, now_s: float, robot: int, response_s: float, run_s: float) -> None:
        """A job came back."""

    def told(self, now_s: float, robot: int, held: int, work_s: float) -> None:
        self.pending[robot] = held

    def least(self, costs: list[float]) -> int:
        """The cheapest; by lot among equals."""
        best = min(costs)
        return self.rng.choice([robot for robot, cost in enumerate(costs) if cost == best])


class Random(Base):
    def pick(self, now_s: float, task: int) -> int:
        return self.rng.randrange(len(self.robots))


class RoundRobin(Base):
    _next = -1

    def pick(self, now_s: float, task: int) -> int:
        self._next = (self._next + 1) % len(self.robots)
        return self._next


class LeastLoaded(Base):
    """Fewest jobs."""

    def pick(self, now_s: float, task: int) -> int:
        return self.least([float(one) for one in self.pending])


class PeakEwma(Base):
    """Decayed peak of the response time, times jobs pending + 1 (Finagle, linkerd, tower)."""

    sampled = 0  # 2: power of two choices

    def __init__(self, simulation: Simulation, seed: int = 0) -> None:
        super().__init__(simulation, seed)
        self.response_s = [UNMEASURED_S] * len(self.robots)
        self.at_s = [0.0] * len(self.robots)

    def pick(self, now_s: float, task: int) -> int:
        if self.sampled:
            few = self.rng.sample(self.robots, self.sampled)
            return min(few, key=lambda robot: self._cost(robot, now_s))
        return self.least([self._cost(robot, now_s) for robot in self.robots])

    def _cost(self, robot: int, now_s: float) -> float:
        kept = math.exp((self.at_s[robot] - now_s) / EWMA_TAU_S)
        return (self.response_s[robot] * kept + UNMEASURED_S * (1 - kept)) * (
            self.pending[robot] + 1)

    def measured(self, now_s: float, robot: int, response_s: float, run_s: float) -> None:
        kept = math.exp((self.at_s[robot] - now_s) / EWMA_TAU_S)
        if response_s > self.response_s[robot]:
            self.response_s[robot] = response_s
        else:
            self.response_s[robot] += (1 - kept) * (response_s - self.response_s[robot])
        self.at_s[robot] = now_s


class PeakEwmaOfTwo(PeakEwma):
    sampled = 2


class C3(Base):
    """Replica ranking with concurrency compensation (NSDI 2015): R - S + q^3 S, where q counts
    what is outstanding, times the number of routers, and the queue that robots report."""

    def __init__(self, simulation: Simulation, seed: int = 0) -> None:
        super().__init__(simulation, seed)
        self.response_s = [UNMEASURED_S] * len(self.robots)
        self.run_s = [UNMEASURED_S] * len(self.robots)
        self.queue = [0.0] * len(self.robots)
        self.own = [0] * len(self.robots)

    def pick(self, now_s: float, task: int) -> int:
        return self.least([self._cost(robot) for robot in self.robots])

    def choose(self, now_s: float, job: int, task: int) -> int:
        robot = super().choose(now_s, job, task)
        self.own[robot] += 1
        return robot

    def _cost(self, robot: int) -> float:
        routers = self.simulation.routers
        reported = self.queue[robot] if self.simulation.gossip_s else 0.0
        queue = 1 + self.own[robot] * routers + reported
        return (self.response_s[robot] - self.run_s[robot]
                + queue**C3_EXPONENT * self.run_s[robot])

    def measured(self, now_s: float, robot: int, response_s: float, run_s: float) -> None:
        self.own[robot] -= 1
        self.response_s[robot] += C3_GAIN * (response_s - self.response_s[robot])
        self.run_s[robot] += C3_GAIN * (run_s - self.run_s[robot])

    def told(self, now_s: float, robot: int, held: int, work_s: float) -> None:
        super().told(now_s, robot, held, work_s)
        self.queue[robot] += 0.5 * (held - self.queue[robot])


class Clairvoyant(Base):
    """Knows true speeds, failure rates and queues of this moment; looks at one job at a time, so
    that it is not the best possible."""

    def pick(self, now_s: float, task: int) -> int:
        return min(self.robots, key=lambda robot: self.simulation.true_cost_s(robot, task))


class Learned:
    """The shipping learner. `probed`: robots asked for their backlog before a job is sent;
    `completion`: learn the time from sending to success instead of the run time."""

    def __init__(
        self, simulation: Simulation, config: RoutingConfig | None = None,
        cost: Cost | None = None, probed: int = 0, completion: bool = False,
    ) -> None:
        self.simulation = simulation
        self.routing = Routing(config, cost)
        self.places = [(f'r{robot}', '') for robot in range(simulation.world.robots)]
        self.number = {place[0]: robot for robot, place in enumerate(self.places)}
        self.probed, self.completion = probed, completion
        self.sent_s: dict[int, float] = {}

    def choose(self, now_s: float, job: int, task: int) -> int:
        stamp_ns, routing = int(now_s * SECOND_NS), self.routing
        choice = routing.choose(TASKS[task], self.places, stamp_ns)
        if self.probed:
            asked = choice.to_probe(self.probed)
            answers = {name: self.simulation.reported(self.number[name])[1] * 1000.0
                       for name in asked}
            for name, queued_ms in answers.items():
                routing.hear_load(name, queued_ms, stamp_ns)
            choice = choice.committed(answers, routing.cost)
        at = int(choice.order[0])
        self.send(now_s, job, choice, at)
        return self.number[choice.places[at][0]]

    def send(self, now_s: float, job: int, choice: Choice, at: int) -> None:
        """The job goes to the place with this position."""
        key = RouteKey(choice.task, *choice.places[at])
        self.routing.sent(str(job), key, int(now_s * SECOND_NS), float(choice.work_ms[at]))
        self.sent_s[job] = now_s

    def ended(
        self, now_s: float, job: int, task: int, robot: int, good: bool, run_s: float
    ) -> None:
        if self.completion:
            run_s = now_s - self.sent_s.get(job, now_s)
        key = RouteKey(TASKS[task], *self.places[robot])
        self.routing.hear(key, 'done' if good else 'failed', run_s * 1000.0,
                          int(now_s * SECOND_NS), str(job))
        self.sent_s.pop(job, None)

    def told(self, now_s: float, robot: int, held: int, work_s: float) -> None:
        self.routing.hear_load(self.places[robot][0], work_s * 1000.0, int(now_s * SECOND_NS))


__all__ = (
    'C3', 'PROBED', 'Clairvoyant', 'Learned', 'LeastLoaded', 'PeakEwma', 'PeakEwmaOfTwo',
    'Random', 'RoundRobin',
)
