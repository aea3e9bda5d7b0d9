# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A robot has a leader's duties for one term, and hands them on when that is asked for."""

from __future__ import annotations

import random
from collections.abc import Sequence

from coordinator_samples import MS, R1, R2, R3, TTL_MS, log_with_robots

from swarm_coordinator.core.health import Health, PeerFacts
from swarm_coordinator.core.jobs.offers import AskOffer, Offer, OfferHeard
from swarm_coordinator.core.leadership import Standing
from swarm_coordinator.core.office import DutyTag, Office
from swarm_coordinator.core.raft import PROFILES, RaftCore, Role, RoleReason, SoftState
from swarm_coordinator.core.replicated.command import GrantJobs
from swarm_coordinator.core.worker import STOPPED_MS, Note, Propose


def office(ttl_ms: int = TTL_MS) -> Office:
    return Office(R1, ttl_ms, first_question=5)


def soft(role: Role, term: int = 1) -> SoftState:
    leader = R1 if role is Role.LEADER else R2
    return SoftState(role, leader, term, RoleReason.STARTED)


def standing(*waiting: str) -> Standing:
    """Of a robot that raft does not have lead."""
    health = Health(R1, 100 * MS, 500 * MS, random.Random(1))
    raft = RaftCore(R1, (R1, R2, R3), PROFILES['wifi'].timing, random.Random(1))
    log = log_with_robots()
    for job_id in waiting:
        log.submit(job_id)
    for robot in (R1, R2, R3):
        health.suspicion.hear(robot, 0)
    return Standing(log.state, raft, health, PeerFacts(), False, 10**12, 0)


def test_duties_begin_with_the_role_and_end_with_it() -> None:
    subject = office()
    subject.role_changed(soft(Role.FOLLOWER), 0)
    assert subject.leadership is None and subject.due_ns is None
    subject.role_changed(soft(Role.LEADER), 0)
    first = subject.leadership
    assert first is not None
    subject.role_changed(soft(Role.LEADER), 0)
    assert subject.leadership is first, 'it led already'
    subject.role_changed(soft(Role.FOLLOWER, 2), 0)
    assert subject.leadership is None


def test_questions_of_two_terms_have_different_numbers() -> None:
    subject, numbers = office(), []
    for term in (1, 3):
        subject.role_changed(soft(Role.FOLLOWER, term), 0)
        subject.role_changed(soft(Role.LEADER, term), 0)
        assert subject.leadership is not None
        numbers.append(subject.leadership.offers.first_request)
    assert numbers == [5 + (1 << 24), 5 + (3 << 24)]


def test_grace_is_a_part_of_the_lease_and_long_enough_to_end_a_process() -> None:
    for ttl_ms, grace_ms in ((2_000, STOPPED_MS), (20_000, 5_000)):
        subject = office(ttl_ms)
        subject.role_changed(soft(Role.LEADER), 0)
        assert subject.leadership is not None and subject.leadership.grace_ms == grace_ms


def test_robot_that_does_not_lead_hands_nothing_over() -> None:
    assert office().hand_over(R2, standing()) == [] and office().cede(standing()) == []


def test_hand_over_that_raft_refuses_is_told() -> None:
    subject = office()
    subject.role_changed(soft(Role.LEADER), 0)
    [note] = subject.hand_over(R2, standing())
    assert isinstance(note, Note) and note.text.startswith('leadership stays: ')


def test_leader_asks_others_and_answers_itself() -> None:
    subject, at = office(), standing('j1')
    subject.role_changed(soft(Role.LEADER), 0)
    here: list[Sequence[str]] = []

    def offer(job_ids: Sequence[str]) -> Offer:
        here.append(job_ids)
        return Offer(0, tuple(job_ids), (0,), ('',))

    [extend] = subject.lead(at, offer)
    assert isinstance(extend, Propose) and extend.tag == DutyTag('extend')
    asked = subject.lead(at, offer)
    assert [one.robot for one in asked if isinstance(one, AskOffer)] == [R2, R3]
    assert here == [('j1',)] and len(asked) == 2, 'it is granted when they have answered'
    assert subject.due_ns is not None
    for robot in (R2, R3):
        [ask] = [one for one in asked if isinstance(one, AskOffer) and one.robot == robot]
        answer = Offer(0, ask.job_ids, (0,), ('',))
        subject.heard(OfferHeard(robot, ask.request, answer), 0)
    [grant] = subject.lead(at, offer)
    assert isinstance(grant, Propose) and isinstance(grant.command, GrantJobs)


def test_robot_that_no_longer_leads_has_no_duties() -> None:
    subject, at = office(), standing()
    subject.role_changed(soft(Role.FOLLOWER), 0)
    subject.settled(DutyTag('grant'))  # of a former term
    assert subject.lead(at, lambda job_ids: Offer(0, (), (), ())) == [], 'it does not lead'
