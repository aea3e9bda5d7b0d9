# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What was learned follows leadership: nothing is decided before it was taken over."""

from __future__ import annotations

import random

import pytest

from swarm_learning.core.inheritance import (
    GRACE_NS,
    NS,
    RETRY_NS,
    SIZE_BYTES_MAX,
    STEP_NS,
    Adopt,
    Bring,
    Brought,
    Effect,
    Event,
    Failed,
    Inheritance,
    Note,
    Noted,
    Recorded,
    Store,
    Stored,
    Ticked,
    Warn,
    Word,
)

ONE = Recorded(1, 'a' * 64, 100, 'r1')
TWO = Recorded(2, 'b' * 64, 100, 'r1')


class Clocked:
    """An Inheritance with a clock, checked after every event."""

    def __init__(self) -> None:
        self.core = Inheritance(period_ns=30 * NS)
        self.now_ns = 0

    def do(self, event: Event, after_ns: int = 0) -> tuple[Effect, ...]:
        self.now_ns += after_ns
        effects = self.core.handle(event, self.now_ns)
        self.core.check_invariants()
        return effects


def test_leader_of_a_swarm_without_a_checkpoint_decides_at_once_and_saves_after_a_period() -> None:
    it = Clocked()
    assert it.do(Word(1, None)) == ()
    assert it.core.may_decide
    assert it.do(Ticked(True), 29 * NS) == ()
    assert it.do(Ticked(False), NS) == (), 'nothing was learned'
    assert it.do(Ticked(True)) == (Store(),)
    assert it.do(Ticked(True)) == (), 'one at a time'
    assert it.do(Stored('a' * 64, 100)) == (Note('a' * 64, 100, 0),)
    assert it.do(Noted(True, ONE)) == ()
    assert it.core.version == 1
    assert it.do(Ticked(True), 30 * NS) == (Store(),)
    assert it.do(Stored('b' * 64, 100)) == (Note('b' * 64, 100, 1),)


def test_follower_brings_each_new_checkpoint_and_takes_it_over_when_it_leads() -> None:
    it = Clocked()
    assert it.do(Word(None, ONE)) == (Bring(ONE),)
    assert it.do(Word(None, TWO)) == (), 'one at a time'
    assert it.do(Brought(ONE.sha256)) == (Bring(TWO),)
    assert it.do(Brought(TWO.sha256)) == ()
    assert it.do(Word(5, TWO)) == (Adopt(TWO.sha256, 2),)
    assert it.core.may_decide
    assert it.do(Word(5, TWO)) == (), 'taken over once'


def test_new_leader_waits_for_the_file_and_decides_nothing_meanwhile() -> None:
    it = Clocked()
    assert it.do(Word(5, ONE)) == (Bring(ONE),)
    assert not it.core.may_decide
    assert it.do(Brought(ONE.sha256), NS) == (Adopt(ONE.sha256, 1),)
    assert it.core.may_decide


def test_new_leader_that_cannot_have_the_file_goes_on_with_its_own_and_says_so() -> None:
    it = Clocked()
    it.do(Word(5, ONE))
    (warning,) = it.do(Failed('bring', 'nobody has it'), NS)
    assert isinstance(warning, Warn) and 'nobody has it' in warning.text
    assert it.do(Ticked(True), RETRY_NS) == (Bring(ONE),)
    (warning,) = it.do(Ticked(True), GRACE_NS)
    assert isinstance(warning, Warn) and 'r1' in warning.text
    assert it.core.may_decide
    assert it.do(Ticked(True), 30 * NS) == (Store(),)
    assert it.do(Stored('c' * 64, 1)) == (Note('c' * 64, 1, 1),), 'it follows on version 1'


def test_new_leader_that_cannot_have_the_newest_goes_on_with_the_one_before() -> None:
    it = Clocked()
    it.do(Word(None, ONE))
    it.do(Brought(ONE.sha256))
    assert it.do(Word(5, TWO)) == (Bring(TWO),)
    adopted, warning = it.do(Ticked(True), GRACE_NS)
    assert adopted == Adopt(ONE.sha256, 1)
    assert isinstance(warning, Warn) and 'goes on with checkpoint 1' in warning.text
    assert it.core.may_decide
    assert it.do(Word(5, TWO)) == (), 'once'


def test_what_a_robot_has_led_with_since_is_not_given_up_for_an_older_checkpoint() -> None:
    it, three = Clocked(), Recorded(3, 'c' * 64, 100, 'r2')
    it.do(Word(None, ONE))
    it.do(Brought(ONE.sha256))
    assert it.do(Word(5, ONE)) == (Adopt(ONE.sha256, 1),)
    it.do(Ticked(True), 30 * NS)
    it.do(Stored(TWO.sha256, 100))
    it.do(Noted(True, TWO))
    assert it.do(Word(7, three)) == (Bring(three),)
    (warning,) = it.do(Ticked(True), GRACE_NS)
    assert isinstance(warning, Warn) and 'learned itself' in warning.text
    assert it.core.may_decide


def test_leader_that_was_recorded_against_tries_again_on_the_newer_version() -> None:
    it = Clocked()
    it.do(Word(1, None))
    it.do(Ticked(True), 30 * NS)
    it.do(Stored('c' * 64, 1))
    assert it.do(Noted(False, ONE)) == ()
    assert it.do(Ticked(True), RETRY_NS) == (Store(),)
    assert it.do(Stored('c' * 64, 1)) == (Note('c' * 64, 1, 1),)


def test_robot_that_leads_again_takes_over_what_another_has_recorded_meanwhile() -> None:
    it = Clocked()
    it.do(Word(1, None))
    it.do(Ticked(True), 30 * NS)
    it.do(Stored('a' * 64, 100))
    it.do(Noted(True, ONE))
    assert it.do(Word(None, ONE)) == (), 'it is its own'
    assert it.do(Word(None, TWO)) == (Bring(TWO),)
    it.do(Brought(TWO.sha256))
    assert it.do(Word(7, TWO)) == (Adopt(TWO.sha256, 2),)


def test_step_that_nobody_answers_is_tried_again() -> None:
    it = Clocked()
    it.do(Word(1, None))
    assert it.do(Ticked(True), 30 * NS) == (Store(),)
    assert it.do(Ticked(True), STEP_NS) == ()
    assert it.do(Ticked(True), 1) == (Store(),)


def test_checkpoint_that_is_too_large_is_left_where_it_is() -> None:
    it, large = Clocked(), Recorded(1, 'a' * 64, SIZE_BYTES_MAX + 1, 'r1')
    (warning,) = it.do(Word(None, large))
    assert isinstance(warning, Warn)
    assert it.do(Word(None, large)) == ()
    assert it.do(Word(3, large)) == (), 'and not taken over'
    it.do(Ticked(True), GRACE_NS)
    assert it.core.may_decide


@pytest.mark.parametrize('seed', range(20))
def test_whatever_happens_a_leader_decides_within_the_grace_and_never_before_taking_over(
    seed: int,
) -> None:
    rng = random.Random(seed)
    it, led, brought = Clocked(), None, {''}
    recorded: Recorded | None = None
    own, waited_ns = '', 0
    for _ in range(300):
        if rng.random() < 0.1:
            version = recorded.version + 1 if recorded else 1
            recorded = Recorded(version, f'{version:064x}', 10, rng.choice(('r1', 'r2')))
        led = rng.choice((None, led, led, led, (led or 0) + 1))
        event: Event = rng.choice((
            Word(led, recorded), Word(led, recorded), Ticked(True), Failed('bring', 'x'),
            Brought(recorded.sha256 if recorded else ''), Stored('s' * 64, 1),
        ))
        if isinstance(event, Brought):
            brought.add(event.sha256)
        step_ns = rng.choice((0, NS))
        waited_ns = 0 if it.core.may_decide else waited_ns + step_ns
        for effect in it.do(event, step_ns):
            if isinstance(effect, Adopt):
                assert effect.sha256 in brought
                own = effect.sha256
            elif isinstance(effect, Store | Note):
                assert it.core.may_decide
    it.do(Word(99, recorded))
    it.do(Ticked(True), GRACE_NS)
    assert it.core.may_decide
    assert own == '' or own in brought
