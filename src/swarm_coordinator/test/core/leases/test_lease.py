# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The life of a claim: every pair of phase and event; names that are let in."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.leases.lease import (
    CLAIM_TRANSITIONS,
    ENDED_CLAIMS,
    ClaimEvent,
    ClaimPhase,
    InvalidClaim,
    next_claim_phase,
    refused_label,
    refused_resource,
)

PAIRS = list(itertools.product(ClaimPhase, ClaimEvent))

# Said a second time, by phase, so that a row that is changed by accident is noticed.
EXPECTED = {
    ClaimPhase.ASKED: 'GRANTED>HELD QUEUED>WAITING TURNED_DOWN>REFUSED',
    ClaimPhase.WAITING: 'GRANTED>HELD TIME_OVER>TIMED_OUT WITHDRAWN>CANCELLED ROBOT_LOST>LOST',
    ClaimPhase.HELD: 'RENEWED>HELD GIVEN_BACK>RELEASED TIME_OVER>EXPIRED',
}


@pytest.mark.parametrize(
    ('phase', 'event'), PAIRS, ids=[f'{p.name}-{e.name}' for p, e in PAIRS]
)
def test_every_pair_moves_as_the_table_says_or_is_refused(
    phase: ClaimPhase, event: ClaimEvent
) -> None:
    expected = dict(row.split('>') for row in EXPECTED.get(phase, '').split())
    if event.name in expected:
        assert next_claim_phase(phase, event) is ClaimPhase[expected[event.name]]
        return
    with pytest.raises(InvalidClaim) as error:
        next_claim_phase(phase, event)
    assert (error.value.phase, error.value.event) == (phase, event)


def test_ended_claim_has_no_way_on() -> None:
    assert {phase for phase in ClaimPhase if phase not in EXPECTED} == ENDED_CLAIMS
    assert not {phase for phase, _ in CLAIM_TRANSITIONS} & ENDED_CLAIMS


def test_lease_ends_by_being_given_back_or_by_time_and_by_nothing_else() -> None:
    ways = {event for (phase, event), to in CLAIM_TRANSITIONS.items()
            if phase is ClaimPhase.HELD and to in ENDED_CLAIMS}
    assert ways == {ClaimEvent.GIVEN_BACK, ClaimEvent.TIME_OVER}


def test_refusal_lists_what_is_accepted() -> None:
    with pytest.raises(InvalidClaim, match='given back, renewed, time over'):
        next_claim_phase(ClaimPhase.HELD, ClaimEvent.QUEUED)


@pytest.mark.parametrize('name', ['dock', 'dock/1', 'map:floor-2', '7', 'a' * 128])
def test_name_of_a_resource_is_accepted(name: str) -> None:
    assert refused_resource(name) == ''


@pytest.mark.parametrize('name', ['', ' dock', '/dock', 'a' * 129, 'dock\n', 'd\u00f6ck', '-'])
def test_other_name_of_a_resource_is_refused_with_what_was_expected(name: str) -> None:
    assert 'expected 1 to 128' in refused_resource(name)


@given(text=st.text(st.characters(), max_size=12))
def test_label_never_holds_a_control_character_or_half_a_character(text: str) -> None:
    bad = any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in text)
    assert bool(refused_label('holder', text, 12)) == bad


def test_label_has_limits() -> None:
    assert 'expected 0 to 12' in refused_label('holder', 'x' * 13, 12)
    assert refused_label('holder', 'x' * 12, 12) == refused_label('holder', '', 12) == ''
    assert 'expected 1 to 12' in refused_label('holder', '', 12, needed=True)
