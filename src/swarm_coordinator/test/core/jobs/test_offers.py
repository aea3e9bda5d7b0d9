# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Asking robots before they get work: one round at most, and nobody waits for a deaf one."""

from __future__ import annotations

import pytest
from coordinator_samples import MS, R1, R2, R3, log_with_robots, ref, spec

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.allocation import Choice, Priced
from swarm_coordinator.core.jobs.offers import (
    FRESH_NS,
    HEARD_NS,
    REFUSED_NS,
    ROUND_NS,
    SILENT_NS,
    AskOffer,
    Offer,
    OfferHeard,
    Offers,
)
from swarm_coordinator.core.jobs.slots import Slots

ALL = (R1, R2, R3)


def choice(number: int = 0, robots: tuple[RobotId, ...] = ALL, files: bool = False) -> Choice:
    log = log_with_robots()
    log.submit(f'j{number}', spec(inputs=(ref(),) if files else ()))
    ranking = tuple(Priced(n, 0, robot, '', 0, 1, 0, 1000) for n, robot in enumerate(robots))
    return Choice(log.job(f'j{number}'), ranking)


def answer(ask: AskOffer, backlog_ms: int = 0, refused: str = '') -> OfferHeard:
    count = len(ask.job_ids)
    offer = Offer(backlog_ms, ask.job_ids, (7,) * count, (refused,) * count)
    return OfferHeard(ask.robot, ask.request, offer)


def slots(held: int = 0) -> Slots:
    taken = Slots(1)
    for _ in range(held):
        taken.book(100)
    return taken


def test_each_robot_is_asked_once_for_all_jobs() -> None:
    asks = Offers().ask([choice(0), choice(1, (R3, R2))], 0)
    assert [(ask.robot, ask.job_ids) for ask in asks] == [
        (R1, ('j0',)), (R2, ('j0', 'j1')), (R3, ('j0', 'j1')),
    ]


def test_there_is_one_round_at_a_time() -> None:
    subject = Offers()
    assert subject.ask([choice(0)], 0) and subject.ask([choice(1)], 1) == []


def test_round_is_over_when_all_have_answered_and_the_job_is_not_asked_for_again() -> None:
    subject, what = Offers(), choice(files=True)
    assert not subject.settled(what, slots(), 0)
    asks = subject.ask([what], 0)
    assert [subject.heard(answer(ask), 1) for ask in asks] == [False, False, True]
    assert subject.due_ns is None and subject.settled(what, slots(), 1)
    assert subject.staging['j0', R2] == 7
    assert not subject.settled(what, slots(), 1 + FRESH_NS), 'much may have changed'


def test_round_is_over_in_time_without_all_answers() -> None:
    subject, what = Offers(), choice()
    first, *_ = subject.ask([what], 0)
    subject.heard(answer(first), 1)
    assert subject.due_ns == ROUND_NS
    subject.tick(ROUND_NS - 1)
    assert subject.due_ns is not None
    subject.tick(ROUND_NS)
    assert subject.due_ns is None
    assert subject.silent(ROUND_NS) == {R2, R3}
    assert subject.settled(what, slots(1), ROUND_NS)


def test_silent_robot_is_asked_again_later_and_ever_later() -> None:
    subject, now_ns, waits = Offers(), 0, []
    for _ in range(3):
        subject.ask([choice()], now_ns)
        now_ns += ROUND_NS
        subject.tick(now_ns)
        began_ns = now_ns
        while subject.silent(now_ns):
            now_ns += 100 * MS
        waits.append(now_ns - began_ns)
    assert waits == [SILENT_NS, 2 * SILENT_NS, 4 * SILENT_NS]


def test_answer_makes_a_silent_robot_one_of_the_others_again() -> None:
    subject = Offers()
    asks = subject.ask([choice()], 0)
    subject.tick(ROUND_NS)
    assert R1 in subject.silent(ROUND_NS)
    subject.heard(answer(asks[0]), ROUND_NS + 1)
    assert subject.silent(ROUND_NS + 1) == {R2, R3}
    assert subject.backlog_ms(R1, ROUND_NS + 1) is None, 'but it was too late to count'


def test_answer_that_was_not_asked_for_counts_for_nothing() -> None:
    subject = Offers(first_request=100)
    [ask] = subject.ask([choice(0, (R1,))], 0)
    offer = Offer(9, ('j9',), (1,), ('no',))
    assert not subject.heard(OfferHeard(R1, 99, offer), 1)
    assert not subject.heard(OfferHeard(R2, ask.request, offer), 1)
    assert subject.heard(OfferHeard(R1, ask.request, offer), 1)
    assert not subject.refused and not subject.staging
    assert not subject.heard(answer(ask), 2), 'nor does it count twice'


def test_backlog_that_was_said_shrinks_with_time_and_is_forgotten() -> None:
    subject = Offers()
    [ask] = subject.ask([choice(0, (R1,))], 0)
    subject.heard(answer(ask, backlog_ms=150), 0)
    assert subject.backlog_ms(R1, 0) == 150 and subject.backlog_ms(R1, 100 * MS) == 50
    assert subject.backlog_ms(R1, FRESH_NS) is None


def test_only_able_robot_is_not_asked() -> None:
    assert Offers().settled(choice(0, (R1,), files=True), slots(5), 0)


def test_robot_that_holds_nothing_and_was_heard_lately_is_not_asked() -> None:
    """So a single small job costs no question."""
    subject = Offers()
    for ask in subject.ask([choice(0)], 0):
        subject.heard(answer(ask), 0)
    later = choice(1)
    assert subject.settled(later, slots(0), HEARD_NS - 1)
    assert not subject.settled(later, slots(1), HEARD_NS - 1), 'it is busy: ask'
    assert not subject.settled(choice(1, files=True), slots(0), 1), 'whose files are where?'
    assert not subject.settled(later, slots(0), HEARD_NS), 'it may have gone deaf'


def test_robots_that_answered_just_now_are_not_asked_for_the_next_jobs() -> None:
    subject = Offers()
    for ask in subject.ask([choice(0)], 0):
        subject.heard(answer(ask), 0)
    assert subject.settled(choice(1), slots(3), FRESH_NS - 1)
    assert not subject.settled(choice(1), slots(3), FRESH_NS)


def test_refusal_counts_for_a_while() -> None:
    subject = Offers()
    [ask] = subject.ask([choice(0, (R1,))], 0)
    subject.heard(answer(ask, refused='is stopped'), 0)
    assert subject.refused == {('j0', R1): 'is stopped'}
    subject.tick(REFUSED_NS)
    assert not subject.refused
    subject.check_invariants()


def test_what_is_over_is_forgotten() -> None:
    subject = Offers()
    for ask in subject.ask([choice(0, files=True)], 0):
        subject.heard(answer(ask), 0)
    subject.forget({'j1'}, {R1})
    assert not subject.staging and subject.backlog_ms(R2, 0) is None
    assert subject.backlog_ms(R1, 0) == 0


def test_offer_whose_lists_differ_in_length_is_refused() -> None:
    with pytest.raises(ValueError, match='expected as many'):
        Offer(0, ('a',), (), ('',))
