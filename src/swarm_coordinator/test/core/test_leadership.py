# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The leader's duties: what the state of things calls for, once."""

from __future__ import annotations

import random
from dataclasses import replace

from coordinator_samples import (
    MS,
    R1,
    R2,
    R3,
    TTL_MS,
    AppliedLog,
    log_with_robots,
    registration,
    spec,
)

from swarm_coordinator.core.health import Health, PeerFacts
from swarm_coordinator.core.jobs.offers import ROUND_NS, AskOffer, Offer, OfferHeard
from swarm_coordinator.core.jobs.queue import JobQueue
from swarm_coordinator.core.leadership import (
    LOOK_NS,
    Duty,
    Leadership,
    Standing,
    succession_of,
    turned_away,
)
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.raft import PROFILES, RaftCore
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import (
    ExpireDue,
    ExtendLeases,
    GrantJobs,
    MarkRobot,
    RevokeJob,
    SetMode,
    SetOverride,
)
from swarm_coordinator.core.succession import ReputationAdvice, WorkReputation

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
        """Its duties; every robot that it asks answers at once."""
        duties = self.subject.duties(self.standing(now_ns))
        questions, self.subject.questions = self.subject.questions, []
        for ask in questions:
            count = len(ask.job_ids)
            offer = Offer(0, ask.job_ids, (0,) * count, ('',) * count)
            self.subject.heard(OfferHeard(ask.robot, ask.request, offer), now_ns)
        return duties + self.look(now_ns) if questions else duties

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
    leader.log.state.waiting = JobQueue()
    leader.look()
    assert leader.subject.blocked == {}


def test_what_waited_for_a_mode_or_an_emergency_to_end_is_granted_at_once() -> None:
    leader = Leader()
    now_ns = 60_000 * MS
    leader.log.submit('j0', spec('ffmpeg'))
    leader.look(now_ns)  # all was looked at anew just now
    leader.log.submit('j1')
    leader.subject.duties(leader.standing(now_ns, emergency=True))
    assert 'emergency' in leader.subject.blocked['j1']
    now_ns += LOOK_NS
    (duty,) = [one for one in leader.look(now_ns) if isinstance(one.command, GrantJobs)]
    assert duty.command.grants[0].job_id == 'j1'


def test_job_that_nobody_can_run_is_explained_and_not_proposed() -> None:
    leader = Leader()
    leader.log.submit('j1', spec('ffmpeg'))
    assert leader.look() == []
    assert 'exec:ffmpeg' in leader.subject.blocked['j1']


def test_any_robot_can_tell_why_each_robot_cannot_take_a_job() -> None:
    leader = Leader()
    leader.log.submit('j1', spec('ffmpeg'))
    leader.log.do(MarkRobot(R2, 1, Liveness.DEAD))
    job = leader.log.state.jobs['j1']
    told = {one.place.robot_id: one.why for one in turned_away(job, leader.standing())}
    assert set(told) == {R1, R2, R3}
    assert told[R1] == 'does not offer exec:ffmpeg' and told[R2] == 'is dead'


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


# ---- asking before granting


def asked(leader: Leader, now_ns: int = 0) -> tuple[list[Duty], list[AskOffer]]:
    duties = leader.subject.duties(leader.standing(now_ns))
    questions, leader.subject.questions = leader.subject.questions, []
    return duties, questions


def answer(leader: Leader, ask: AskOffer, backlog_ms: int = 0, now_ns: int = 0) -> bool:
    count = len(ask.job_ids)
    offer = Offer(backlog_ms, ask.job_ids, (None,) * count, ('',) * count)
    return leader.subject.heard(OfferHeard(ask.robot, ask.request, offer), now_ns)


def granted(duties: list[Duty]) -> list[str]:
    return [
        grant.robot_id
        for duty in duties
        if isinstance(duty.command, GrantJobs)
        for grant in duty.command.grants
    ]


def test_cheapest_robots_are_asked_once_and_what_they_say_decides() -> None:
    leader = Leader()
    leader.log.submit('j1')
    duties, questions = asked(leader)
    assert not duties and [ask.robot for ask in questions] == [R1, R2, R3]
    assert asked(leader) == ([], []), 'one round at a time'
    for ask, backlog_ms in zip(questions, (900, 700, 100), strict=True):
        answer(leader, ask, backlog_ms)
    duties, questions = asked(leader)
    assert granted(duties) == [R3] and not questions


def test_robot_that_does_not_answer_gets_nothing_while_others_do() -> None:
    """A deaf robot whose beacons are heard would cost a lease with every job."""
    leader = Leader()
    leader.log.submit('j1')
    _, questions = asked(leader)
    for ask in questions[1:]:
        answer(leader, ask, 500)
    assert asked(leader, ROUND_NS - 1) == ([], [])
    duties, questions = asked(leader, ROUND_NS)
    assert granted(duties) == [R2] and not questions
    leader.settle(duties[0])
    leader.log.submit('j2')
    duties, questions = asked(leader, ROUND_NS + MS)
    assert granted(duties) == [R3] and not questions, 'nor is it asked for the next job'


def test_where_nobody_answers_the_job_goes_by_what_was_heard_before() -> None:
    leader = Leader()
    leader.health.peers[R1] = PeerFacts()
    leader.health.peers[R2] = PeerFacts(queued_work_ms=5000)
    leader.health.peers[R3] = PeerFacts(queued_work_ms=9000)
    leader.log.submit('j1')
    asked(leader)
    duties, _ = asked(leader, ROUND_NS)
    assert granted(duties) == [R1]


def test_single_job_costs_no_question_where_robots_are_idle_and_were_heard_lately() -> None:
    leader = Leader()
    leader.log.submit('j1')
    [duty] = leader.look()
    leader.settle(duty)
    grant = duty.command.grants[0]  # type: ignore[union-attr]
    leader.log.complete(leader.log.job('j1').token, 'j1')
    assert grant.robot_id == R1
    leader.log.submit('j2')
    duties, questions = asked(leader, 1000 * MS)
    assert granted(duties) == [R1] and not questions


def test_grants_that_a_robot_may_not_have_seen_count_beside_its_answer() -> None:
    leader = Leader()
    for number in range(3):
        leader.log.submit(f'j{number}')
    [duty] = leader.look()
    assert sorted(granted([duty])) == [R1, R2, R3]
    leader.settle(duty)
    leader.log.submit('j9')
    for one in leader.subject.duties(leader.standing(0)):
        assert granted([one]) == [R1], 'all are equally busy'
    slots = leader.subject._slots(
        leader.log.state.members[R1], leader.log.state.held_by(R1), leader.standing(0)
    )
    assert slots.backlog_ms() == 500, 'it said 0 before it had the job'


# ---- stuck jobs


def stuck_job() -> Leader:
    leader = Leader()
    leader.log.submit('j1')
    leader.log.start(leader.log.grant(R2))
    for _ in range(9):
        leader.log.state.routes.record(('exec:true', R2, ''), 'done', 10, leader.log.stamp_ns)
    return leader


def revoked(leader: Leader, now_ns: int) -> list[RevokeJob]:
    commands = [duty.command for duty in leader.subject.duties(leader.standing(now_ns))]
    return [one for one in commands if isinstance(one, RevokeJob)]


def test_job_that_makes_no_progress_is_taken_from_its_robot() -> None:
    leader = stuck_job()
    leader.log.wait(29_000)
    assert revoked(leader, LOOK_NS) == []
    leader.log.wait(2_000)
    [command] = revoked(leader, 3 * LOOK_NS)
    assert (command.job_id, command.token) == ('j1', leader.log.job('j1').token)
    assert revoked(leader, 5 * LOOK_NS) == [], 'it is on its way'


def test_next_leader_whose_clock_is_ahead_takes_no_job_for_stuck_that_speaks_in_time() -> None:
    leader = stuck_job()
    leader.log.wait(20_000)
    leader.log.do(ExpireDue(60_000))
    leader.log.lead_anew(7_200_000)
    assert revoked(leader, LOOK_NS) == [], 'nothing has its stamp yet'
    leader.log.do(ExtendLeases())
    assert revoked(leader, LOOK_NS) == []
    leader.log.wait(9_000)
    assert revoked(leader, 3 * LOOK_NS) == []
    leader.log.wait(2_000)
    assert len(revoked(leader, 5 * LOOK_NS)) == 1, 'what it was silent before counts'


def test_stuck_job_stays_where_no_other_robot_could_take_it() -> None:
    leader = stuck_job()
    for robot in (R1, R3):
        leader.log.do(registration(robot, offers=('gpu',)), by=robot)
    leader.log.wait(40_000)
    assert revoked(leader, LOOK_NS) == []


# ---- many jobs that can go nowhere


def test_jobs_that_can_go_nowhere_do_not_hide_those_behind_them() -> None:
    leader = Leader()
    for number in range(1500):
        leader.log.submit(f'blocked{number}', spec('unknown'))
    leader.log.submit('j1')
    looks = 0
    while not (duties := granted(leader.look(looks * LOOK_NS))):
        looks += 1
        assert looks < 4
    assert duties == [R1] and len(leader.subject.blocked) == 1500


def test_robot_that_is_not_heard_or_takes_no_work_in_its_mode_gets_none() -> None:
    leader = Leader()
    leader.log.do(MarkRobot(R1, 1, Liveness.SUSPECT))
    leader.health.peers[R2] = PeerFacts(local_mode=Mode.MAINTENANCE)
    leader.suspicion.heard_ns[R1] = -20 * PERIOD_NS
    leader.log.submit('j1')
    [command] = [one.command for one in leader.look() if one.key == 'grant']
    assert isinstance(command, GrantJobs)
    assert [one.robot_id for one in command.grants] == [R3]
    lost = {one.robot_id: one.lost for one in command.grants[0].candidates}
    assert lost[R1] == 'cannot be reached' and 'maintenance' in lost[R2]


def test_what_a_learner_believes_of_robots_is_compared_while_it_is_fresh() -> None:
    leader = Leader()
    known = {R1: WorkReputation(500, False, False), R2: WorkReputation(950, False, True)}
    advice = ReputationAdvice(known, expires_ns=100)
    for now_ns, expected in ((99, {R1: 0, R2: 950, R3: None}), (100, dict.fromkeys((R1, R2, R3)))):
        at = succession_of(replace(leader.standing(now_ns), reputations=advice))
        found = {one.robot: one.facts.reputation_permille for one in at.candidates}
        assert {at.leader: at.facts.reputation_permille, **found} == expected
