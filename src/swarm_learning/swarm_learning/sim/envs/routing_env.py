# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Routing as a Gymnasium environment: owns what an agent sees, may do and is rewarded for.

One step sends one job of a world of routing_world.py, a new one or one that failed. An agent sees
what the shipping learner thinks of each robot for this job, so that it can learn to weigh the
terms better than the formula does.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from ...core.routing import Choice
from ..routing_policies import SECOND_NS, TASKS, Learned
from ..routing_world import ROBOTS, SCENARIOS, TASK_S, Simulation, World, draw

TERMS = 4
SCALE_MS = 1000.0
Observation = npt.NDArray[np.float32]


class RoutingEnv(gymnasium.Env[Observation, np.int64]):
    """Send each job to one of `robots`.

    Observation: float32 in [0, 1], shape (robots * 4 + 3,): of each robot backlog and work, as
    x / (x + 1 s), success, and whether the breaker keeps it out; then which task the job is of.
    Action: a robot. info['action_mask'], int8 of shape (robots,), is 0 for those that are kept
    out; an action that is masked is carried out all the same. info['cheapest']: what the formula
    would do. Reward: less the time in s that jobs waited since the last step, all added up, per
    robot: the return is less the sum of all job times per robot. An episode ends when all its
    jobs are done. Raises ValueError for an unknown scenario or a load that is none.
    """

    metadata = {'render_modes': []}  # noqa: RUF012 (as Gymnasium has it)

    def __init__(
        self, scenario: str = 'periods', load: float = 0.6, jobs: int = 200, robots: int = ROBOTS
    ) -> None:
        if scenario not in SCENARIOS:
            raise ValueError(f'scenario={scenario!r}: expected one of {", ".join(SCENARIOS)}')
        draw(SCENARIOS[scenario], load, 0, 1, robots)  # says what is wrong, if anything is
        self._scenario, self._load, self._jobs, self._robots = scenario, load, jobs, robots
        self.observation_space = gymnasium.spaces.Box(
            0.0, 1.0, (robots * TERMS + len(TASK_S),), np.float32)
        self.action_space = gymnasium.spaces.Discrete(robots)
        self._job: int | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new world, drawn from the seed."""
        super().reset(seed=seed)
        number = int(self.np_random.integers(2**31))
        self._world: World = draw(
            SCENARIOS[self._scenario], self._load, number, self._jobs, self._robots)
        self._simulation = Simulation(self._world, self._make_learner)
        self._decisions: Generator[int, int, list[float]] = self._simulation.decisions()
        self._job = next(self._decisions)
        self._told_s = self._simulation.waited_s
        return self._seen()

    def step(
        self, action: np.int64
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Send the job there, and go on to the next one. Raises RuntimeError after the end."""
        if self._job is None:
            raise RuntimeError('the episode is over: expected reset() first')
        self._learner.send(self._simulation.now_s, self._job, self._choice, int(action))
        over = False
        try:
            self._job = self._decisions.send(int(action))
        except StopIteration:
            over = True
        before_s, self._told_s = self._told_s, self._simulation.waited_s
        seen, info = self._seen()
        if over:
            self._job = None
        return seen, (before_s - self._told_s) / self._robots, over, False, info

    def _make_learner(self, simulation: Simulation) -> Learned:
        self._learner = Learned(simulation)
        return self._learner

    def _seen(self) -> tuple[Observation, dict[str, Any]]:
        assert self._job is not None
        task = self._world.task[self._job]
        stamp_ns = int(self._simulation.now_s * SECOND_NS)
        choice = self._learner.routing.choose(TASKS[task], self._learner.places, stamp_ns)
        self._choice: Choice = choice
        mask = np.ones(self._robots, dtype=np.int8)
        mask[choice.order[self._robots - choice.kept_out:]] = 0
        kind = np.zeros(len(TASK_S))
        kind[task] = 1.0
        terms = (
            choice.backlog_ms / (choice.backlog_ms + SCALE_MS),
            choice.work_ms / (choice.work_ms + SCALE_MS), choice.success, 1.0 - mask,
        )
        seen = np.concatenate((np.column_stack(terms).ravel(), kind)).astype(np.float32)
        return np.clip(seen, 0.0, 1.0), {'action_mask': mask, 'cheapest': int(choice.order[0])}
