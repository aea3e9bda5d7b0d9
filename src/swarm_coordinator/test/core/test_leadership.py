# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The leader's duties: what the state of things calls for, once."""

from __future__ import annotations

import random

from coordinator_samples import MS, R1, R2, R3, TTL_MS, AppliedLog, log_with_robots, spec

from swarm_coordinator.core.health import Health, PeerFacts
from swarm_coordinator.core.leadership import Duty, Leadership, Standing
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.raft import PROFILES, RaftCore
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import (
    ExpireDue,
    ExtendLeases,
    GrantJobs,
    MarkRobot,
    SetMode,
    SetOverride,
)

PERIOD_NS = 100 * MS
GRACE_MS = TTL_MS // 4


class Leader:
    """A leadership that looks at an applied log; every robot was heard at time 0."""

    def __init__(self, log: AppliedLog | None = None) -> None:
        self.log = log or log_with_robots()
        self.health = Health(R1, PERIOD_NS, 5 * PERIOD_NS, random.Random(1))
        self.suspicion = self.health.suspicion
        self.raft = RaftCore(R1, (R1, R2, R3), PROFILES['wifi'].timing, random.Random(1))
        for robot in (R1, R2, R3):
            self.suspicion.hear(robot, 0)
        self.subject = Leadership(R1, TTL_MS, GRACE_MS)
        assert self.look() == [Duty('extend', ExtendLeases())]

    def look(self, now_ns: int = 0) -> list[Duty]:
        return self.subject.duties(self.standing(now_ns))

    def standing(self, now_ns: int = 0, emergency: bool = False) -> Standing:
        return Standing(
            self.log.state, self.raft, self.health, PeerFacts(), emergency, self.log.stamp_ns,
            now_ns,
        )

    def settle(self, duty: Duty) -> None:
        self.log.do(duty.command)
        self.subject.settled(duty.key)


def test_leases_are_extended_once_and_before_anything_else() -> None:
    log = log_with_robots()
    log.submit('j1')
    leader = Leader(log)
    assert [type(duty.command) for duty in leader.look()] == [GrantJobs]


def test_waiting_job_is_granted_once_until_the_log_has_it() -> None:
    leader = Leader()
    leader.log.submit('j1')
    [grant] = leader.look()
    assert leader.look() == []
    leader.settle(grant)
    assert leader.look() == []
    leader.log.submit('j2')
    assert [duty.key for duty in leader.look()] == ['grant']


def test_duty_that_was_lost_is_done_again() -> None:
    leader = Leader()
    leader.log.submit('j1')
    [grant] = leader.look()
    leader.subject.settled(grant.key)
    assert leader.look() == [grant]


def test_silent_robot_is_marked_and_marked_back_but_slow_is_not_worth_an_entry() -> None:
    leader = Leader()
    for robot in (R1, R3):
        leader.suspicion.hear(robot, 5 * PERIOD_NS)
    assert leader.look(5 * PERIOD_NS) == [], 'slow'
    for robot in (R1, R3):
        leader.suspicion.hear(robot, 10 * PERIOD_NS)
    [mark] = leader.look(10 * PERIOD_NS)
    assert mark.command == MarkRobot(R2, 1, Liveness.SUSPECT)
    leader.settle(mark)
    leader.suspicion.hear(R2, 10 * PERIOD_NS)
    marks = [duty.command for duty in leader.look(10 * PERIOD_NS)]
    assert MarkRobot(R2, 1, Liveness.HEALTHY) in marks


def test_expiry_is_proposed_when_the_first_lease_and_its_grace_are_over() -> None:
    leader = Leader()
    leader.log.submit('j1')
    leader.log.grant(R2)
    leader.log.wait(TTL_MS + GRACE_MS - 1)
    assert leader.look() == []
    leader.log.wait(1)
    assert [duty.command for duty in leader.look()] == [ExpireDue(GRACE_MS)]


def test_duty_under_way_is_not_repeated() -> None:
    leader = Leader()
    leader.log.submit('j1')
    leader.log.grant(R2)
    leader.log.wait(TTL_MS + GRACE_MS)
    [expire] = leader.look()
    leader.suspicion.heard_ns[R3] = -10 * PERIOD_NS
    [mark] = leader.look()
    assert (expire.key, mark.key) == ('expire', 'mark r3')
    assert leader.look() == []
    leader.settle(mark)
    assert [duty.key for duty in leader.look()] == ['mode'], 'a voter is lost'


def test_expiry_is_proposed_for_an_override() -> None:
    leader = Leader()
    leader.log.do(SetOverride(Mode.EXPLORE, 'ada', 'test', 1000))
    leader.log.wait(999)
    assert leader.look() == []
    leader.log.wait(1)
    assert [duty.command for duty in leader.look()] == [ExpireDue(GRACE_MS)]


def test_maintenance_grants_nothing_and_says_so() -> None:
    leader = Leader()
    leader.log.do(SetOverride(Mode.MAINTENANCE, 'ada', 'test', 10**6))
    leader.log.submit('j1')
    assert leader.look() == []
    assert 'maintenance takes no new jobs' in leader.subject.blocked['j1']
    leader.log.state.waiting.clear()
    leader.look()
    assert leader.subject.blocked == {}


def test_job_that_nobody_can_run_is_explained_and_not_proposed() -> None:
    leader = Leader()
    leader.log.submit('j1', spec('ffmpeg'))
    assert leader.look() == []
    assert 'exec:ffmpeg' in leader.subject.blocked['j1']


def test_no_robot_is_granted_more_than_it_has_room_for_over_several_entries() -> None:
    leader = Leader()
    for number in range(10):
        leader.log.submit(f'j{number}')
    [grant] = leader.look()
    leader.settle(grant)
    assert leader.look() == []
    assert len(leader.log.state.held) == 3 * 2


def test_lost_voter_makes_recovery() -> None:
    leader = Leader()
    leader.log.do(MarkRobot(R2, 1, Liveness.DEAD))
    leader.suspicion.heard_ns[R2] = -25 * PERIOD_NS
    [mode] = leader.look()
    assert isinstance(mode.command, SetMode) and mode.command.mode is Mode.RECOVERY
    leader.settle(mode)
    assert leader.look() == []


def test_voter_that_was_never_seen_is_not_a_lost_one() -> None:
    leader = Leader(log_with_robots(R1, R2))
    assert leader.look() == []
