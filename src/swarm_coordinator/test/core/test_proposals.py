# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands on their way into the log: repeated until seen, given up in time."""

from __future__ import annotations

from swarm_coordinator.core.proposals import OUTSTANDING_MAX, RESEND_NS, Proposals
from swarm_coordinator.core.replicated.command import ExtendLeases

COMMAND = ExtendLeases()


def test_command_is_due_at_once_and_then_after_the_rest() -> None:
    subject = Proposals()
    item = subject.add(COMMAND, 'tag', 0, 10**12)
    assert subject.due(0) == [item]
    assert subject.due(RESEND_NS - 1) == []
    assert subject.due(RESEND_NS) == [item]


def test_new_leader_makes_everything_due() -> None:
    subject = Proposals()
    item = subject.add(COMMAND, None, 0, 10**12)
    subject.due(0)
    subject.hurry(5)
    assert subject.due(5) == [item]


def test_settled_command_is_handed_back_once_and_never_sent_again() -> None:
    subject = Proposals()
    item = subject.add(COMMAND, 'tag', 0, 100)
    assert subject.settle(item.serial) is item
    assert subject.settle(item.serial) is None
    assert subject.due(10**12) == [] and subject.expired(10**12) == []


def test_command_expires_at_its_deadline_and_once() -> None:
    subject = Proposals()
    item = subject.add(COMMAND, 'tag', 50, 100)
    assert subject.expired(149) == []
    assert subject.expired(150) == [item]
    assert subject.expired(150) == []


def test_serials_are_never_used_twice_and_acked_below_is_the_oldest_outstanding() -> None:
    subject = Proposals()
    assert subject.acked_below == 1
    first, second, third = (subject.add(COMMAND, None, 0, 100) for _ in range(3))
    assert [first.serial, second.serial, third.serial] == [1, 2, 3]
    subject.settle(2)
    assert subject.acked_below == 1
    subject.settle(1)
    assert subject.acked_below == 3
    subject.settle(3)
    assert subject.acked_below == 4
    assert subject.add(COMMAND, None, 0, 100).serial == 4


def test_number_of_outstanding_commands_is_bounded() -> None:
    subject = Proposals()
    for _ in range(OUTSTANDING_MAX):
        assert not subject.full
        subject.add(COMMAND, None, 0, 100)
    assert subject.full


def test_what_the_session_knows_is_settled_and_the_rest_waits() -> None:
    subject = Proposals()
    items = [subject.add(COMMAND, None, 0, 10**12) for _ in range(4)]
    assert subject.seen(2, {3: None}) == [items[0], items[2]]
    assert list(subject.outstanding.values()) == [items[1], items[3]]


def test_dropped_are_those_with_the_tag_and_no_others() -> None:
    subject = Proposals()
    item = subject.add(COMMAND, 'mine', 0, 10**12)
    subject.add(COMMAND, 'other', 0, 10**12)
    subject.drop('other')
    assert list(subject.outstanding.values()) == [item]
