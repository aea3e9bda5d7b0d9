# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is let in and what is not, and what refusing costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from envelopes import message, sealed, toy_verify
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.identity import doorkeeper
from swarm_coordinator.core.identity.certificate import Role
from swarm_coordinator.core.identity.credit import CREDIT, RATE_BURST, SOURCES_MAX
from swarm_coordinator.core.identity.doorkeeper import (
    WINDOW,
    Doorkeeper,
    Known,
    Reason,
    allowed_roles,
    owner_of,
)
from swarm_coordinator.core.identity.sealed import Header

BEAT = '/swarm/heartbeat'
KEY, OTHER_KEY = b'k' * 32, b'o' * 32
NOW = 1_000.0
SECOND = 1_000_000_000
VOTER = Known(KEY, frozenset({Role.VOTER}), 0, 2_000)


class Door:
    """A doorkeeper of `alpha` that knows `beta`, and counts how often a signature is checked."""

    def __init__(self, addressed: bool = True, **known: Known) -> None:
        self.known = {'beta': VOTER, **known}
        self.checks = 0
        self.now_ns = 0
        self.keeper = Doorkeeper(
            'swarm', 'alpha', 1, self._verify, self.known.get, addressed, slack_s=60
        )

    def _verify(self, key: bytes, data: bytes, signature: bytes) -> bool:
        self.checks += 1
        return toy_verify(key, data, signature)

    def answer(
        self, raw: bytes, topic: str = BEAT, source: bytes = b'source', wall_s: float = NOW
    ) -> Header | Reason | None:
        return self.keeper.admit(topic, raw, source, self.now_ns, wall_s, 100_000)

    def hear(self, raw: bytes, **how: Any) -> bool:
        return isinstance(self.answer(raw, **how), Header)

    def refused(self, raw: bytes, reason: Reason, **how: Any) -> None:
        before = self.keeper.refusals.counts[reason]
        assert self.answer(raw, **how) is reason
        assert self.keeper.refusals.counts[reason] == before + 1


def beat(sequence: int = 1, key: bytes = KEY, topic: str = BEAT, **fields: object) -> bytes:
    return sealed(topic, key, message(sequence=sequence, **fields))  # type: ignore[arg-type]


def test_signed_message_of_a_known_robot_is_let_in() -> None:
    assert Door().hear(beat())


@pytest.mark.parametrize(
    ('raw', 'reason'),
    [
        (message(signature=b''), Reason.UNSIGNED),
        (message(), Reason.FORGED),
        (beat(key=OTHER_KEY), Reason.FORGED),
        (beat(sender='gamma'), Reason.UNKNOWN),
        (beat(version=2), Reason.PROTOCOL),
        (beat(topic='/swarm/vote'), Reason.FORGED),
        (b'\x00\x01\x00\x00garbage', Reason.MALFORMED),
        (beat(body=bytes(100_000)), Reason.TOO_LARGE),
    ],
)
def test_wrong_message_is_refused_for_its_reason(raw: bytes, reason: Reason) -> None:
    Door().refused(raw, reason)


@given(st.data())
def test_message_that_was_changed_anywhere_is_not_let_in(data: st.DataObject) -> None:
    raw = bytearray(beat(body=b'what it says'))
    at = data.draw(st.integers(0, len(raw) - 1).filter(lambda at: at not in (2, 3)))
    raw[at] ^= data.draw(st.integers(1, 255))
    door = Door()
    changed = door.hear(bytes(raw))
    # Bytes that only fill up are covered too: nothing of a message may differ.
    assert not changed


@pytest.mark.parametrize('wall_s', [-61.0, 2_061.0])
def test_certificate_that_is_not_valid_now_is_refused_with_both_times(wall_s: float) -> None:
    door = Door()
    door.refused(beat(), Reason.EXPIRED, wall_s=wall_s)
    assert str(int(wall_s)) in door.keeper.refusals.last[Reason.EXPIRED].text


def test_a_robots_own_topic_is_for_its_own_words_also_to_itself() -> None:
    own = '/alpha/advice'
    door = Door(alpha=VOTER)
    assert door.hear(beat(topic=own, sender='alpha'), topic=own)
    door.refused(beat(topic=own), Reason.ROLE, topic=own)
    assert door.keeper.refusals.last[Reason.ROLE].text == 'only alpha itself may say that'
    assert door.hear(beat(topic='/beta/local_state'), topic='/beta/local_state')
    assert (owner_of('/swarm/state'), owner_of(own)) == ('', 'alpha')


def test_what_only_a_leader_says_is_believed_of_who_may_lead() -> None:
    door = Door(addressed=False, gamma=replace(VOTER, roles=frozenset({Role.NON_VOTER})))
    for topic in sorted(doorkeeper.OF_THE_LEADER):
        assert door.hear(beat(topic=topic), topic=topic)
        door.refused(beat(topic=topic, sender='gamma'), Reason.ROLE, topic=topic)


def test_each_listener_of_a_topic_has_every_message_once() -> None:
    door = Door()
    for listener in (1, 2):
        found = door.keeper.admit(BEAT, beat(5), b'source', 0, NOW, 100_000, listener)
        assert isinstance(found, Header)
        assert door.keeper.admit(
            BEAT, beat(5), b'source', 0, NOW, 100_000, listener) is Reason.REPLAYED


def test_message_is_heard_once() -> None:
    door = Door()
    assert door.hear(beat(5))
    door.refused(beat(5), Reason.REPLAYED)


def test_message_that_was_overtaken_is_heard_within_the_window() -> None:
    door = Door()
    assert door.hear(beat(WINDOW + 10))
    assert door.hear(beat(11)) and door.hear(beat(WINDOW + 9))
    door.refused(beat(10), Reason.REPLAYED)
    door.refused(beat(11), Reason.REPLAYED)


@given(st.lists(st.integers(1, 3 * WINDOW), max_size=60))
def test_no_number_is_ever_heard_twice(numbers: list[int]) -> None:
    door, heard = Door(), []
    for number in numbers:
        door.now_ns += SECOND
        if door.hear(beat(number)):
            heard.append(number)
    assert len(heard) == len(set(heard))
    assert numbers[:1] == heard[:1]


def test_topics_are_counted_apart() -> None:
    door = Door()
    assert door.hear(beat(9))
    assert door.hear(beat(3, topic='/swarm/vote'), topic='/swarm/vote')


def test_earlier_life_is_stale_and_a_new_one_begins_to_count_anew() -> None:
    door = Door()
    assert door.hear(beat(900, incarnation=3))
    assert door.hear(beat(1, incarnation=4))
    door.refused(beat(901, incarnation=3), Reason.STALE)
    assert door.hear(beat(1, incarnation=1, storage_id=78)), 'a wiped disk is another life'


def test_forged_message_changes_nothing_for_the_true_one() -> None:
    door = Door()
    door.refused(beat(2**63, OTHER_KEY, incarnation=2**62), Reason.FORGED)
    assert door.hear(beat(1))


@pytest.mark.parametrize('topic', sorted(doorkeeper.LEADERS_AND_VOTERS))
def test_robot_without_a_vote_may_not_say_what_voters_say(topic: str) -> None:
    door = Door(beta=replace(VOTER, roles=frozenset({Role.NON_VOTER})))
    door.refused(beat(topic=topic), Reason.ROLE, topic=topic)
    assert door.hear(beat(topic=BEAT))


def test_observer_may_say_nothing_and_an_operator_only_stop() -> None:
    watching = Door(beta=replace(VOTER, roles=frozenset({Role.OBSERVER})))
    watching.refused(beat(), Reason.ROLE)
    watching.refused(beat(topic='/swarm/emergency'), Reason.ROLE, topic='/swarm/emergency')
    operating = Door(beta=replace(VOTER, roles=frozenset({Role.OPERATOR})))
    operating.refused(beat(), Reason.ROLE)
    assert operating.hear(beat(topic='/swarm/emergency'), topic='/swarm/emergency')
    assert Role.OBSERVER not in allowed_roles('/swarm/anything')


def test_what_is_not_for_us_costs_no_check_and_is_no_offence() -> None:
    door = Door()
    for raw in (beat(recipient='gamma'), beat(swarm_id='other')):
        assert not door.hear(raw)
    assert not door.hear(sealed('/swarm/vote', KEY, message('alpha')), topic='/swarm/vote')
    assert door.checks == 0 and door.keeper.refusals.total == 0


def test_beacon_under_our_own_name_is_looked_at() -> None:
    door = Door(alpha=VOTER)
    assert door.hear(beat(sender='alpha'))


def test_who_watches_hears_what_is_for_others_and_of_this_robot() -> None:
    door = Door(addressed=False, alpha=VOTER)
    assert door.hear(beat(recipient='gamma'))
    vote = '/swarm/vote'
    assert door.hear(sealed(vote, KEY, message('alpha')), topic=vote)
    door.refused(beat(7, OTHER_KEY, recipient='gamma'), Reason.FORGED)


def test_forger_is_not_looked_at_after_its_credit_is_used_up() -> None:
    door = Door()
    for _ in range(10_000):
        assert not door.hear(beat(key=OTHER_KEY), source=b'forger')
    assert door.checks == CREDIT
    assert door.keeper.refusals.counts[Reason.MUTED] == 10_000 - CREDIT
    assert door.hear(beat(1), source=b'robot'), 'others are heard as before'


def test_credit_comes_back_with_time() -> None:
    door = Door()
    for _ in range(100):
        door.hear(beat(key=OTHER_KEY))
    assert not door.hear(beat(1))
    door.now_ns += SECOND
    assert door.hear(beat(1))


def test_where_the_source_is_not_told_nobody_is_muted_for_another() -> None:
    door = Door()
    for _ in range(200):
        door.hear(beat(key=OTHER_KEY), source=b'')
    assert door.hear(beat(1), source=b'')


def test_more_than_a_robot_can_have_to_say_is_not_looked_at() -> None:
    door = Door()
    vote = '/swarm/vote'
    told = [
        door.hear(beat(number, topic=vote), topic=vote)
        for number in range(1, int(RATE_BURST) + 101)
    ]
    assert told.count(True) == RATE_BURST
    assert door.keeper.refusals.counts[Reason.RATE] == 100


def test_memory_is_bounded_however_many_sources_there_are() -> None:
    door = Door()
    for number in range(3 * SOURCES_MAX):
        door.hear(beat(key=OTHER_KEY), source=number.to_bytes(12, 'big'))
        assert door.hear(beat(1, storage_id=number + 1))
        door.now_ns += SECOND
    assert len(door.keeper._accounts) <= SOURCES_MAX
    assert len(door.keeper._streams) <= doorkeeper.STREAMS_MAX
