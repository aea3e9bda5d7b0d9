# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who a robot says it is, and what it does where the swarm knows otherwise."""

from __future__ import annotations

import pytest
from coordinator_samples import R1, log_with_robots, registration

from swarm_coordinator.core.events import Halt
from swarm_coordinator.core.registration import (
    REGISTER_AGAIN_NS,
    Registration,
    RobotIdentity,
)
from swarm_coordinator.core.replicated.command import CapabilitySpec
from swarm_coordinator.core.worker import Note

ABLE = (CapabilitySpec('exec:true'),)
NEWLY = (CapabilitySpec('exec:sox'),)


def subject(
    able: tuple[CapabilitySpec, ...] | None = NEWLY, incarnation: int = 1
) -> Registration:
    identity = RobotIdentity(R1, incarnation, b'm' * 16, True, 'host', '0.1.0', 1)
    return Registration(identity, able)


@pytest.mark.parametrize(
    ('session', 'its_uptime_ms', 'yields'),
    [
        (b'a' * 16, 1_001, True),
        (b'z' * 16, 999, False),
        (b'z' * 16, 1_000, True),  # the same age: the session decides, the same way on both
        (b'a' * 16, 1_000, False),
        (b'm' * 16, 1_001, False),  # its own
    ],
)
def test_of_two_robots_with_one_name_the_younger_one_yields(
    session: bytes, its_uptime_ms: int, yields: bool
) -> None:
    why = subject().twin(session, its_uptime_ms, 1_000)
    assert bool(why) is yields
    assert not why or 'running for 1 s' in why


def test_nothing_is_said_before_it_is_known_what_the_robot_can_do() -> None:
    assert subject(able=None).due(log_with_robots().state, 0) is None


def test_what_the_log_knows_is_not_said_again() -> None:
    assert subject(ABLE).due(log_with_robots().state, 0) is None
    assert subject(NEWLY).due(log_with_robots().state, 0) is not None


def test_one_registration_at_a_time_and_a_pause_after_a_refusal() -> None:
    one, state = subject(), log_with_robots().state
    assert one.due(state, 0) is not None and one.due(state, 0) is None
    assert one.settled('no', '', 5) == [Note('not registered: no')]
    assert one.due(state, REGISTER_AGAIN_NS + 4) is None
    assert one.due(state, REGISTER_AGAIN_NS + 5) is not None


def test_robot_with_another_timing_than_the_swarm_stops() -> None:
    assert subject().settled('', 'lan', 5) == []
    assert subject().settled('no', 'wifi', 5) == [Note('not registered: no')]
    [halt, note] = subject().settled('no', 'lan', 5)
    assert halt == Halt(2, 'the swarm does not take r1: no') and isinstance(note, Note)


def test_disk_that_lost_count_goes_on_where_the_swarm_has_counted_to() -> None:
    log = log_with_robots()
    log.do(registration(R1, 4), by=R1, incarnation=4)
    assert subject(incarnation=4).renumbered(log.state) is None
    one = subject(incarnation=2)
    assert one.renumbered(log.state) == 5 and one.identity.incarnation == 5
