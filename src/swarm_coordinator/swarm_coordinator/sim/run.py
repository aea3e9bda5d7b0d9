# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One schedule in two phases: faults, then heal and require that the swarm works.

Owns when a run is good. Refuses to know where the schedule came from (scenario.py, a file) and
what becomes of a bad one (shrink.py).
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field

from swarm_coordinator.core.raft import PROFILES, EntryKind, Proposed
from swarm_coordinator.sim.cluster import OFTEN, Cluster
from swarm_coordinator.sim.promises import PromiseBroken, voters_of
from swarm_coordinator.sim.schedule import Schedule
from swarm_coordinator.sim.timeline import MS

# Of the longest election timeout. One is for the campaign itself, the rest for what faults have
# left: snapshots to send, voters to admit one by one, clients that wait. Chosen without data.
HEALING_TIMEOUTS = 20
STEP_MS = 20


@dataclass(frozen=True)
class Violation:
    """promise names what was broken, or the place where the core raised."""

    promise: str
    text: str
    at_ms: int

    def __str__(self) -> str:
        return f'{self.at_ms} ms: {self.text}'


@dataclass(frozen=True)
class Report:
    """What one run did. messages: packets put on a link, one per recipient; lost ones too."""

    seed: int
    digest: int
    virtual_ms: int
    messages: int
    lost: int
    doubled: int
    elections: int
    commits: int
    reads: int
    operations: int
    unanswered: int
    histories: int
    healed_ms: int
    faults: dict[str, int] = field(default_factory=dict)
    situations: dict[str, int] = field(default_factory=dict)
    violation: Violation | None = None
    story: tuple[str, ...] = ()


def run(schedule: Schedule, keeps_story: bool = False) -> Report:
    """Never raises for what the swarm did: that is the Report's violation."""
    cluster = Cluster(schedule.settings)
    cluster.observer.keeps_story = keeps_story
    cluster.plan(schedule.steps)
    healed_ms, violation = 0, None
    try:
        cluster.run_ms(schedule.settings.length_ms)
        cluster.faults.heal()
        healed_ms = _healing(cluster).require()
        for session in cluster.sessions:
            session.finish()
        cluster.histories.check()
    except PromiseBroken as error:
        violation = Violation(error.promise, str(error), cluster.timeline.now_us // MS)
    except Exception as error:  # whatever the core raised is the finding
        violation = Violation(_place(error), _said(error), cluster.timeline.now_us // MS)
    return _report(cluster, healed_ms, violation)


def _healing(cluster: Cluster) -> Healing:
    if cluster.jobs is None:
        return Healing(cluster)
    from swarm_coordinator.sim.job_healing import JobHealing  # it extends Healing

    return JobHealing(cluster, cluster.jobs)


def _place(error: Exception) -> str:
    """The same fault has the same place, whatever the values were."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f'{type(error).__name__} in {last.name}'


def _said(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = ' < '.join(f'{frame.name}:{frame.lineno}' for frame in reversed(frames))
    return f'{type(error).__name__}: {error} ({places})'


def _report(cluster: Cluster, healed_ms: int, violation: Violation | None) -> Report:
    observer, network, histories = cluster.observer, cluster.network, cluster.histories
    observer.note('end', f'{sorted((k.__name__, n) for k, n in network.sent.items())}')
    counts = observer.coverage.counts
    return Report(
        seed=cluster.settings.seed,
        digest=observer.digest,
        virtual_ms=cluster.timeline.now_us // MS,
        messages=sum(network.sent.values()),
        lost=network.lost,
        doubled=network.doubled,
        elections=observer.promises.elections,
        commits=len(observer.promises.committed),
        reads=observer.promises.reads,
        operations=histories.answered,
        unanswered=histories.unanswered,
        histories=len(histories.by_key),
        healed_ms=healed_ms,
        faults={verb: n for verb, n in sorted(cluster.performed.items()) if verb not in OFTEN},
        situations={one.name: counts[one] for one in sorted(counts, key=lambda one: one.name)},
        violation=violation,
        story=tuple(observer.story),
    )


class Healing:
    """After the last fault: one leader, every robot a member with the disk it has, a new command
    applied by all, no client waits."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._wanted: Proposed | None = None
        self._limit_ms = (
            PROFILES[cluster.settings.profile].election_timeout_ms_max * HEALING_TIMEOUTS
        )

    def require(self) -> int:
        """How long it took in virtual ms. Raises PromiseBroken."""
        began_us = self._cluster.timeline.now_us
        while self._cluster.timeline.now_us - began_us < self._limit_ms * MS:
            self._cluster.run_ms(STEP_MS)
            if not self._missing():
                return (self._cluster.timeline.now_us - began_us) // MS
        raise PromiseBroken('liveness', f'after {self._limit_ms} ms: {self._missing()}')

    def _missing(self) -> str:
        cluster = self._cluster
        leader = cluster.faults.leader()
        if leader is None:
            roles = {name: robot.core.role.name for name, robot in cluster.robots.items()}
            return f'nobody leads: {roles}'
        members = leader.core.membership
        seats = {*voters_of(members), *dict(members.non_voters).items()}
        for name, robot in cluster.robots.items():
            if (name, robot.disk.storage_id) not in seats:
                return f'{name} is no member of {members}'
        wanted = self._wanted
        if wanted is None or wanted.term != leader.core.term:
            stamp_ns = leader.log_stamp_ns()
            answer = leader.core.propose(EntryKind.COMMAND, b'after healing', stamp_ns)
            self._wanted = answer if isinstance(answer, Proposed) else None
            leader.pump()
            return f'the leader refuses commands: {answer}'
        behind = [
            name for name, robot in cluster.robots.items() if robot.applied_index < wanted.index
        ]
        if behind:
            return f'{behind} have not applied entry {wanted.index}'
        busy = [one.name for one in cluster.sessions if one.is_busy]
        return f'{busy} wait for an answer' if busy else ''
