# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A robot acts on the log once it has read what was agreed on before it came."""

from __future__ import annotations

from coordinator_samples import R1, R2

from swarm_coordinator.core.following import Following


def test_only_another_leader_counts_as_a_change() -> None:
    subject = Following()
    assert [subject.leader_is(one) for one in (R1, R1, None, R2)] == [True, False, False, True]
    assert subject.changes == 2


def test_leader_that_comes_back_is_another_one() -> None:
    subject = Following()
    assert [subject.leader_is(one) for one in (R1, None, R1)] == [True, False, True]


def test_robot_has_caught_up_where_the_leader_has_committed() -> None:
    subject = Following()
    assert not subject.catch_up(False, 100, True), 'no leader has said anything'
    subject.committed(7)
    assert not subject.catch_up(False, 6, True) and not subject.caught_up
    assert subject.catch_up(False, 7, True) and subject.caught_up
    assert not subject.catch_up(False, 8, True), 'once'


def test_what_a_leader_says_before_it_has_committed_in_its_own_term_is_not_enough() -> None:
    subject = Following()
    subject.committed(7)
    assert not subject.catch_up(False, 7, False)
    assert not subject.catch_up(True, 7, False)
    assert subject.catch_up(True, 0, True), 'the leader itself has all that was committed'


def test_word_of_a_former_leader_does_not_count() -> None:
    subject = Following()
    subject.leader_is(R1)
    subject.committed(7)
    subject.leader_is(R2)
    assert not subject.catch_up(False, 9, True)
