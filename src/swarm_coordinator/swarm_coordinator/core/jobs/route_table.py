# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The routes as people see them: what was learnt of each, and what a job would cost there now."""

from dataclasses import dataclass

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.costs import Estimates, cost_ms
from swarm_coordinator.core.jobs.routes import Route
from swarm_coordinator.core.jobs.slots import Slots, occupied
from swarm_coordinator.core.replicated.state import ReplicatedState


@dataclass(frozen=True)
class RouteNow:
    """`success` in [0..1] and `work_ms` are predicted; `cost_ms` is without the transfer of files.
    `stats` is what the log has seen."""

    task: str
    robot_id: RobotId
    unit: str
    stats: Route
    success: float
    work_ms: int
    cost_ms: int


def route_table(
    state: ReplicatedState, estimates: Estimates, stamp_ns: int, task: str = '', robot_id: str = ''
) -> list[RouteNow]:
    """Task by task, cheapest first; '' = all. `estimates` must have begun on this state."""
    slots: dict[RobotId, Slots] = {}
    found = []
    for (one_task, robot, unit), stats in state.routes.items():
        if task not in ('', one_task) or robot_id not in ('', robot):
            continue
        if robot not in slots:
            slots[robot] = _slots_of(robot, state, estimates, stamp_ns)
        guess = estimates.of(one_task, robot, unit)
        backlog_ms = slots[robot].backlog_ms(unit)
        cost = cost_ms(backlog_ms, guess.work_ms, 0, guess.success_permille)
        success = guess.success_permille / 1000
        found.append(RouteNow(one_task, robot, unit, stats, success, guess.work_ms, cost))
    return sorted(found, key=lambda one: (one.task, one.cost_ms, one.robot_id, one.unit))


def _slots_of(
    robot_id: RobotId, state: ReplicatedState, estimates: Estimates, stamp_ns: int
) -> Slots:
    member = state.members.get(robot_id)
    count = 1 if member is None else member.job_slots
    return occupied(count, state.held_by(robot_id), estimates, stamp_ns)[0]
