# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whose key is known to whom, through starts, departures and cut networks."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.identity.group_keys import (
    AGAIN_NS,
    AHEAD_NS,
    ASK_NS,
    DOUBT_NS,
    FORGOTTEN_NS,
    HANDED_MAX,
    KEY_BYTES,
    KEY_NS,
    LIVES_MAX,
    MESSAGES_MAX,
    GroupKeys,
    OwnKeys,
    Peer,
)

SECOND = 1_000_000_000


def drawing(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


class Robot:
    """A process and what it was handed; `reaches` says who hears it."""

    def __init__(self, town: Town, name: str, life: int) -> None:
        self.town, self.name, self.life = town, name, life
        self.keys = GroupKeys(name, life, drawing(life), town.now_ns)
        self.peer = Peer(name, life, life.to_bytes(32, 'big'))
        self.said = 0

    def tick(self) -> None:
        peers = self.keys.tick(self.town.may_read, self.town.now_ns)
        if peers is None:
            return
        self.said += 1
        key_epoch, handed = self.keys.own.handed
        missing = self.keys.missing
        self.keys.told()
        for other in self.town.robots:
            if other is self or not self.town.reaches(self, other):
                continue
            other.keys.hear(self.peer, missing, self.town.now_ns)
            if other.peer in peers:
                other.keys.take(self.name, key_epoch, handed)

    def says(self) -> tuple[str, int, bytes]:
        key_epoch, _, key = self.keys.own.use()
        return self.name, key_epoch, key

    def reads(self, message: tuple[str, int, bytes]) -> bool:
        name, key_epoch, key = message
        found = self.keys.find(name, key_epoch)
        assert found in (None, key), 'another key under the same name'
        if found is None:
            self.keys.lacks(name)
        return found is not None


class Town:
    def __init__(self, *names: str) -> None:
        self.now_ns = 0
        self.lives = 0
        self.gone: set[str] = set()
        self.doubted: set[str] = set()
        self.cut: set[frozenset[str]] = set()
        self.robots: list[Robot] = []
        for name in names:
            self.start(name)

    def start(self, name: str) -> Robot:
        self.lives += 1
        made = Robot(self, name, self.lives)
        self.robots.append(made)
        return made

    def may_read(self, name: str) -> bool | None:
        return None if name in self.doubted else name not in self.gone

    def reaches(self, one: Robot, other: Robot) -> bool:
        return frozenset((one.name, other.name)) not in self.cut

    def go(self, seconds: float) -> None:
        end_ns = self.now_ns + int(seconds * SECOND)
        while self.now_ns < end_ns:
            for robot in self.robots:
                robot.tick()
            self.now_ns += SECOND // 4

    def all_read(self) -> bool:
        heard = [(one, one.says()) for one in self.robots]
        return all(other.reads(said) for one, said in heard
                   for other in self.robots if self.reaches(one, other))


def test_all_read_all_within_a_moment_after_a_start() -> None:
    town = Town('alpha', 'beta', 'gamma')
    assert not town.all_read()
    town.go(1)
    assert town.all_read()


def test_robot_that_joins_late_reads_and_is_read_and_nothing_is_replaced_for_it() -> None:
    town = Town('alpha', 'beta')
    town.go(5)
    before = [one.keys.own.key_epoch for one in town.robots]
    town.start('gamma')
    town.go(1)
    assert town.all_read()
    assert [one.keys.own.key_epoch for one in town.robots[:2]] == before


def test_robot_whose_certificate_is_revoked_reads_nothing_of_what_is_said_afterwards() -> None:
    town = Town('alpha', 'beta', 'gamma')
    town.go(2)
    gamma = town.robots.pop()
    town.gone.add('gamma')
    town.go(1)
    alpha, beta = town.robots
    assert beta.reads(alpha.says()) and alpha.reads(beta.says())
    assert not gamma.reads(alpha.says()) and not gamma.reads(beta.says())
    town.robots.append(gamma)  # it asks, and is given nothing
    town.go(5)
    assert not gamma.reads(alpha.says()) and not gamma.reads(beta.says())


def test_robot_that_is_admitted_again_is_handed_the_key_within_seconds() -> None:
    town = Town('alpha', 'beta')
    town.go(2)
    town.gone.add('beta')
    town.go(2)
    alpha, beta = town.robots
    assert not beta.reads(alpha.says())
    town.gone.clear()
    town.go(3)
    assert town.all_read()


def test_revoked_robot_that_was_silent_for_long_makes_for_a_new_key_all_the_same() -> None:
    town = Town('alpha', 'beta')
    town.go(2)
    beta = town.robots.pop()
    town.go(FORGOTTEN_NS / SECOND + 10)
    alpha = town.robots[0]
    assert beta.reads(alpha.says()), 'nobody has left: it only was away'
    town.gone.add('beta')
    town.go(1)
    assert not beta.reads(alpha.says())


def test_what_was_handed_over_before_use_is_read_from_the_first_message_on() -> None:
    town = Town('alpha', 'beta', 'gamma')
    town.go(2)
    town.gone.add('gamma')
    alpha, beta, gamma = town.robots
    for _ in range(20):
        alpha.tick()
        beta.tick()
        assert beta.reads(alpha.says())
        town.now_ns += AHEAD_NS // 8
    assert not gamma.reads(alpha.says())


def test_two_who_leave_one_after_the_other_read_nothing_afterwards() -> None:
    town = Town('alpha', 'beta', 'gamma', 'delta')
    town.go(2)
    alpha, beta, gamma, delta = town.robots
    town.gone.add('gamma')
    alpha.tick()
    town.gone.add('delta')  # while the first new key waits, which it has already
    alpha.tick()
    town.now_ns += AHEAD_NS
    alpha.tick()
    said = alpha.says()
    assert beta.reads(said) and not gamma.reads(said) and not delta.reads(said)


def test_both_sides_of_a_cut_go_on_and_read_each_other_when_it_heals() -> None:
    town = Town('alpha', 'beta', 'gamma')
    town.go(2)
    town.cut = {frozenset(('alpha', 'gamma')), frozenset(('beta', 'gamma'))}
    for one in town.robots:
        one.keys.own.replace(town.now_ns)  # each draws a key of its own meanwhile
    town.go(FORGOTTEN_NS / SECOND + 100)
    alpha, beta, gamma = town.robots
    assert alpha.reads(beta.says()) and not alpha.reads(gamma.says())
    town.cut.clear()
    town.go(AGAIN_NS / SECOND + 2)
    assert town.all_read()


def test_robot_that_ends_takes_nothing_with_it_that_the_others_need() -> None:
    town = Town('alpha', 'beta', 'gamma')
    town.go(2)
    town.robots.pop(0)
    town.go(600)
    assert town.all_read()


def test_robot_that_starts_again_is_another_process_and_reads_within_a_moment() -> None:
    town = Town('alpha', 'beta')
    town.go(2)
    old = town.robots.pop()
    town.start('beta')
    town.go(1)
    assert town.all_read()
    assert old.keys.own.handed[1] != town.robots[1].keys.own.handed[1]


def test_who_missed_a_handover_asks_and_has_it_within_seconds() -> None:
    town = Town('alpha', 'beta')
    town.go(2)
    alpha, beta = town.robots
    beta.keys._others.clear()  # noqa: SLF001 (as if it had never come)
    assert not beta.reads(alpha.says())
    town.go(2 * ASK_NS / SECOND + 1)
    assert beta.reads(alpha.says())


def test_nobody_is_told_more_than_once_a_minute_when_nothing_happens() -> None:
    town = Town('alpha', 'beta', 'gamma')
    town.go(5)
    before = [one.said for one in town.robots]
    town.go(10 * AGAIN_NS / SECOND)
    assert all(one.said - was <= 11 for one, was in zip(town.robots, before, strict=True))


def test_one_who_asks_without_end_is_answered_once_a_second() -> None:
    town = Town('alpha', 'beta')
    town.go(5)
    alpha, beta = town.robots
    before = alpha.said
    for _ in range(1000):
        alpha.keys.hear(beta.peer, ('alpha',), town.now_ns)
        alpha.tick()
        town.now_ns += ASK_NS // 100
    assert alpha.said - before <= 11


def test_robot_whose_certificate_is_proven_anew_keeps_its_keys() -> None:
    town = Town('alpha', 'beta')
    town.go(2)
    alpha, beta = town.robots
    before = alpha.keys.own.key_epoch
    town.doubted.add('beta')
    town.go(10)
    assert beta.reads(alpha.says())
    town.doubted.clear()
    town.go(1)
    assert alpha.keys.own.key_epoch == before and town.all_read()


def test_robot_whose_certificate_is_not_proven_anew_has_left() -> None:
    town = Town('alpha', 'beta')
    town.go(2)
    alpha, beta = town.robots
    town.doubted.add('beta')
    town.go(DOUBT_NS / SECOND + 2)
    assert not beta.reads(alpha.says())


def test_who_comes_late_reads_what_was_latched_under_older_keys() -> None:
    town = Town('alpha', 'beta')
    town.go(2)
    latched = []
    for _ in range(HANDED_MAX):
        latched.append(town.robots[0].says())
        town.robots[0].keys.own.replace(town.now_ns)
        town.go(1)
    late = town.start('gamma')
    town.go(1)
    assert [late.reads(one) for one in latched] == [False] + [True] * (HANDED_MAX - 1)


def test_key_is_replaced_for_its_age_and_its_use() -> None:
    own = OwnKeys(7, drawing(1), 0)
    assert not own.tick(KEY_NS - 1)
    assert own.tick(KEY_NS) and own.key_epoch == 7 << 32 | 1
    assert not own.tick(KEY_NS + AHEAD_NS) and own.key_epoch == 7 << 32 | 2
    own._number = MESSAGES_MAX  # noqa: SLF001 (counting there would take days)
    assert own.tick(KEY_NS + AHEAD_NS)
    own.tick(KEY_NS + 2 * AHEAD_NS)
    assert own.use()[:2] == (7 << 32 | 3, 1)


@given(steps=st.lists(st.sampled_from(['use', 'replace', 'tick', 'wait']), max_size=200),
       seed=st.integers(0, 2**32))
def test_number_is_never_used_twice_with_a_key(steps: list[str], seed: int) -> None:
    own, now_ns = OwnKeys(1, drawing(seed), 0), 0
    used: set[tuple[bytes, int]] = set()
    names: dict[int, bytes] = {}
    for step in steps:
        if step == 'use':
            key_epoch, number, key = own.use()
            assert (key, number) not in used and names.setdefault(key_epoch, key) == key
            assert own.find(key_epoch) == key
            used.add((key, number))
        elif step == 'replace':
            own.replace(now_ns)
        elif step == 'tick':
            own.tick(now_ns)
        else:
            now_ns += AHEAD_NS // 2
        assert len(own.handed[1]) <= HANDED_MAX


def test_robot_with_many_processes_keeps_the_last_ones_only() -> None:
    keys = GroupKeys('alpha', 1, drawing(1), 0)
    for life in range(2, 50):
        keys.hear(Peer('beta', life, bytes(32)), (), 0)
        keys.take('beta', life << 32 | 1, (bytes(KEY_BYTES),))
    peers = keys.tick(lambda name: True, 0)
    assert peers is not None and [one.life for one in peers] == list(range(50 - LIVES_MAX, 50))
    assert keys.find('beta', 2 << 32 | 1) is None


def test_older_handover_takes_nothing_back() -> None:
    keys = GroupKeys('alpha', 1, drawing(1), 0)
    newer, older = (b'n' * 32, b'o' * 32), (b'o' * 32,)
    keys.take('beta', 5 << 32 | 2, newer)
    keys.take('beta', 5 << 32 | 1, older)
    assert keys.find('beta', 5 << 32 | 2) == newer[0]


@pytest.mark.parametrize('given_keys', [(), (b'short',), (bytes(32),) * (HANDED_MAX + 1)])
def test_handover_of_something_else_is_refused(given_keys: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match='expected 1 to 8 of 32 bytes'):
        GroupKeys('alpha', 1, drawing(1), 0).take('beta', 1, given_keys)


def test_key_of_one_robot_does_not_read_what_another_says() -> None:
    keys = GroupKeys('alpha', 1, drawing(1), 0)
    keys.take('beta', 5 << 32 | 1, (bytes(32),))
    assert keys.find('gamma', 5 << 32 | 1) is None
    assert keys.find('gamma', keys.own.key_epoch) is None
    assert keys.find('alpha', keys.own.key_epoch) is not None
