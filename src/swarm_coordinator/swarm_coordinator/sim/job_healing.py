# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""After the last fault: every job that can end does, within a bound; what waits says why.

Owns the bound. The swarm is whole again, so the worst case is that all jobs run one after the
other on one slot, each for all attempts that it is allowed; what an attempt costs besides its run
is listed at ATTEMPT_MS. Real runs need a small part of it (the summary says how much).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarm_coordinator.core.jobs.job import Job, JobPhase
from swarm_coordinator.core.raft import PROFILES
from swarm_coordinator.core.replicated.command import ChangeMember, MemberChange
from swarm_coordinator.core.replicated.snapshot import encode_state
from swarm_coordinator.sim.coverage import Situation
from swarm_coordinator.sim.job_orders import Behaviour
from swarm_coordinator.sim.ledger import GRACE_MS_MIN, MOVES_MAX
from swarm_coordinator.sim.promises import PromiseBroken
from swarm_coordinator.sim.run import Healing
from swarm_coordinator.sim.timeline import MS
from swarm_coordinator.sim.whole_robot import lease_ttl_ms
from swarm_coordinator.sim.workshop import GIVE_UP_US, LIMIT_MS

if TYPE_CHECKING:
    from swarm_coordinator.sim.cluster import Cluster
    from swarm_coordinator.sim.job_side import JobSide

# Of one attempt, besides its run: staging and a slow commit or two (1 s), a lease that has to run
# out (added by profile) with its grace (2.3 s), a robot that has to start and to be heard again
# (3 s).
ATTEMPT_MS = 1_000 + GRACE_MS_MIN + 3_000
# Once for all of them: what was being fetched from a robot that had lost it, and an emergency and
# an override that were still in force when the faults ended.
ONCE_MS = GIVE_UP_US // MS + 15_000


class JobHealing(Healing):
    def __init__(self, cluster: Cluster, side: JobSide) -> None:
        super().__init__(cluster)
        self._side = side
        self._ledger = side.ledger
        attempt_ms = ATTEMPT_MS + lease_ttl_ms(PROFILES[cluster.settings.profile])
        self._limit_ms += ONCE_MS + sum(
            _worst_ms(job, attempt_ms)
            for job in self._ledger.machine.state.jobs.values() if not job.ended
        )
        side.clients.is_over = True

    def require(self) -> int:
        took_ms = super().require()
        self._ledger.check_kept()
        self._check_same()
        return took_ms

    def _missing(self) -> str:
        return self._wishes() or super()._missing() or self._jobs()

    def _wishes(self) -> str:
        """Who was sent away by an operator is asked back."""
        leader = self._cluster.faults.leader()
        if leader is None:
            return ''
        host = self._side.robots[leader.name]
        unwell = [
            name for name, wish in host.coordinator.state.wishes.items()
            if wish in (MemberChange.REMOVE, MemberChange.DEMOTE)
        ]
        for name in unwell:
            host.ask(ChangeMember(name, MemberChange.PROMOTE), 1_000, lambda answer: None)
        return f'{unwell} are to be asked back' if unwell else ''

    def _jobs(self) -> str:
        if self._side.clients.is_alarmed():
            return 'an emergency is not over'
        leader = self._cluster.faults.leader()
        if leader is None:
            return 'nobody leads'
        leadership = self._side.robots[leader.name].coordinator.leadership
        blocked = leadership.blocked if leadership is not None else {}
        left = []
        for job in self._ledger.machine.state.jobs.values():
            if not job.ended:
                why = blocked.get(job.job_id, '')
                if not (job.phase is JobPhase.SUBMITTED and why.startswith('no reachable robot')):
                    left.append(f'{job.job_id} is {job.phase.value} ({why or "no reason given"})')
            elif job.phase is JobPhase.DONE and not job.delivered and self._can_deliver(job):
                left.append(f'{job.job_id} is not delivered')
        return ', '.join(left[:5])

    def _can_deliver(self, job: Job) -> bool:
        """Not where the only copy was on a disk that is lost."""
        assert job.outputs_at is not None
        wanted = {ref.sha256 for ref in job.outputs}
        places = (job.outputs_at, job.origin)
        if any(wanted <= self._side.robots[name].disk.files for name in places):
            return True
        self._ledger.coverage.reached(Situation.JOB_OUTPUTS_LOST)
        return False

    def _check_same(self) -> None:
        """All robots have applied the same state."""
        machine = self._ledger.machine
        ours = encode_state(machine.state)
        for name, robot in self._side.robots.items():
            state = robot.coordinator.state
            if state.applied_index == machine.state.applied_index:
                state.check_invariants()
                if encode_state(state) != ours:
                    raise PromiseBroken('replicas agree', f'{name} has another state')
            robot.coordinator.check_invariants()


def _worst_ms(job: Job, attempt_ms: int) -> int:
    behaviour = Behaviour.of(job.spec)
    limit_ms = min(job.spec.timeout_ms or LIMIT_MS, LIMIT_MS)
    run_ms = limit_ms if behaviour.does == 'hang' else min(behaviour.run_ms, limit_ms)
    rest_ms = sum(job.spec.retry_delay_ms << number for number in range(job.spec.retries))
    attempts = job.spec.attempts_max + job.spec.retries + MOVES_MAX
    return attempts * (run_ms + attempt_ms) + rest_ms
