# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What this robot says of work, and takes of it: owns its view of what jobs cost, and all that it
tells, offers and takes by that view.

Refuses to know who leads, why this robot takes no work, and how a proposal gets into the log.
"""

from collections.abc import Sequence

from swarm_coordinator.core.jobs.costs import Estimates, RouteAdvice
from swarm_coordinator.core.jobs.eligibility import Robot
from swarm_coordinator.core.jobs.offers import Offer
from swarm_coordinator.core.jobs.route_table import RouteNow, route_table
from swarm_coordinator.core.jobs.stealing import Thief
from swarm_coordinator.core.replicated.command import StealJobs
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.core.workplace import Workplace


class Exchange:
    """Of one robot. Each look predicts anew from `state`, as of `stamp_ns` by the log."""

    def __init__(self, workplace: Workplace) -> None:
        self.estimates = Estimates()
        self.thief = Thief(workplace.robot_id)
        self.advice: RouteAdvice | None = None  # a learner's
        self._workplace = workplace

    def _look(self, state: ReplicatedState, stamp_ns: int, now_ns: int) -> None:
        self.estimates.begin(state.routes, stamp_ns, now_ns, self.advice)

    def offer(
        self,
        job_ids: Sequence[str],
        refusal: str,
        state: ReplicatedState,
        stamp_ns: int,
        now_ns: int,
    ) -> Offer:
        """What these jobs would cost here; `refusal` '' = they would be taken."""
        self._look(state, stamp_ns, now_ns)
        return self._workplace.offer(job_ids, refusal, state, self.estimates, now_ns)

    def steal(
        self,
        battery_permille: int | None,
        state: ReplicatedState,
        stamp_ns: int,
        now_ns: int,
    ) -> StealJobs | None:
        """With nothing to do, do what others would be later with."""
        worker = self._workplace.worker
        me = state.members.get(worker.robot_id)
        if (
            me is None
            or me.incarnation != worker.incarnation
            or state.waiting
            or worker.staged
        ):
            return None
        self._look(state, stamp_ns, now_ns)
        robot = Robot(me, battery_permille=battery_permille)
        free = worker.slots - worker.busy
        return self.thief.look(robot, free, state, self.estimates, now_ns)

    def queued_work_ms(self, state: ReplicatedState, stamp_ns: int, now_ns: int) -> int:
        """Predicted work of all that this robot holds."""
        self._look(state, stamp_ns, now_ns)
        return self._workplace.worker.slots_taken(self.estimates, now_ns).work_ms

    def routes(
        self,
        state: ReplicatedState,
        stamp_ns: int,
        now_ns: int,
        task: str = '',
        robot_id: str = '',
    ) -> list[RouteNow]:
        """What is known of the routes, and what a job would cost on each now; '' = all."""
        self._look(state, stamp_ns, now_ns)
        return route_table(state, self.estimates, stamp_ns, task, robot_id)
