# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One decision: owns the ranking of the places that a job could go to, and the probe of the
cheapest ones before commitment. Refuses to know what was learnt.

Whoever routes on news that are a second old sends what the others send to the same robot. Asking
the three cheapest what they really hold, and committing to the best of them, repairs most of it
(sampling with late binding, as in Sparrow, SOSP 2013).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .cost import Cost, Floats

PROBED = 3  # in simulation: 1.87 times the oracle without, 1.41 with two, 1.30 with three
Place = tuple[str, str]  # robot, compute unit


class Terms(NamedTuple):
    """What a job costs at one place; times in ms."""

    robot_id: str
    unit: str
    backlog_ms: float
    work_ms: float
    transfer_ms: float
    success: float
    cost_ms: float
    ejected: bool


@dataclass(frozen=True)
class Choice:
    """Arrays of shape (places,), in the order of the places.

    success     predicted share of attempts that are done, times the quality of the robot
    order       positions, the cheapest first; those that the breaker keeps out last
    kept_out    how many at the end of `order` the breaker keeps out
    """

    task: str
    places: Sequence[Place]
    backlog_ms: Floats
    work_ms: Floats
    transfer_ms: Floats
    success: Floats
    cost_ms: Floats
    order: npt.NDArray[np.intp]
    kept_out: int

    @property
    def place(self) -> Place:
        """Where the job should go."""
        return self.places[int(self.order[0])]

    def to_probe(self, most: int = PROBED) -> tuple[str, ...]:
        """Robots to ask for their backlog before the job is sent, the cheapest first."""
        open_count = len(self.places) - self.kept_out
        robots: dict[str, None] = {}
        for at in self.order[:open_count]:
            robots[self.places[int(at)][0]] = None
            if len(robots) == most:
                break
        return tuple(robots)

    def committed(self, answers_ms: Mapping[str, float], cost: Cost) -> Choice:
        """The choice with what the asked robots said their backlog is. Only those who answered
        are compared, where anybody did; otherwise it stays as it was."""
        told = [at for at, (robot, _) in enumerate(self.places) if robot in answers_ms]
        out = {int(at) for at in self.order[len(self.places) - self.kept_out:]}
        told = [at for at in told if at not in out]
        if not told:
            return self
        backlog_ms = self.backlog_ms.copy()
        for at in told:
            backlog_ms[at] = max(0.0, answers_ms[self.places[at][0]])
        costs = cost(backlog_ms, self.work_ms, self.transfer_ms, self.success)
        first = sorted(told, key=lambda at: (costs[at], at))
        rest = [int(at) for at in self.order if int(at) not in set(first)]
        return replace(
            self, backlog_ms=backlog_ms, cost_ms=costs, order=np.array(first + rest)
        )

    def ranking(self, most: int = 8) -> tuple[Terms, ...]:
        """The cheapest places with all terms."""
        open_count = len(self.places) - self.kept_out
        return tuple(
            Terms(
                *self.places[at], float(self.backlog_ms[at]), float(self.work_ms[at]),
                float(self.transfer_ms[at]), float(self.success[at]), float(self.cost_ms[at]),
                rank >= open_count,
            )
            for rank, at in enumerate(map(int, self.order[:most]))
        )

    def told(self) -> str:
        """One sentence that says why."""
        best, *others = self.ranking(2)
        place = f'{best.robot_id} on {best.unit}' if best.unit else best.robot_id
        text = (
            f'{place} costs {best.cost_ms:.0f} ms: ({best.backlog_ms:.0f} backlog + '
            f'{best.work_ms:.0f} work + {best.transfer_ms:.0f} transfer) / {best.success:.2f}'
        )
        if self.kept_out:
            text += f'; {self.kept_out} kept out by the breaker'
        if not others:
            return f'{text}; nobody else can'
        return f'{text}; next is {others[0].robot_id} with {others[0].cost_ms:.0f} ms'
