# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Elections as they are overheard."""

from __future__ import annotations

import itertools

from swarm_facts import S

from swarm_tower.core import votes
from swarm_tower.core.votes import TermLed, TermsSection, VoteAsked, VoteGiven


def asked(candidate: str, term: int, pre_vote: bool = False) -> VoteAsked:
    return VoteAsked(candidate, term, pre_vote, 10, term - 1, False)


def given(
    voter: str, candidate: str, term: int, granted: bool, pre_vote: bool = False
) -> VoteGiven:
    return VoteGiven(voter, candidate, term, pre_vote, granted, '' if granted else 'log_behind')


def test_votes_of_a_term_stand_beside_their_candidates_whatever_the_order() -> None:
    facts = [
        asked('r1', 5), asked('r2', 5),
        given('r3', 'r1', 5, True), given('r4', 'r2', 5, True),
    ]
    for order in itertools.permutations(facts):
        section = TermsSection()
        for fact in order:
            section.fold(fact, S)
        candidates = section.get('5')['candidates']
        assert candidates['r1']['votes'] == {'r3': 'granted'}
        assert candidates['r2']['votes'] == {'r4': 'granted'}


def test_refusal_belongs_to_the_term_that_was_asked_for_not_to_that_of_the_voter() -> None:
    section = TermsSection()
    section.fold(asked('r1', 6, pre_vote=True), S)
    section.fold(given('r2', 'r1', 4, False, pre_vote=True), S)
    assert section.get('6')['candidates']['r1']['pre'] == {'r2': 'log_behind'}
    assert section.get('4') is None


def test_leader_of_a_term_is_who_was_told_first() -> None:
    section = TermsSection()
    section.fold(TermLed(5, 'r1'), S)
    section.fold(TermLed(5, 'r1'), 9 * S)
    section.fold(TermLed(0, ''), 9 * S)
    assert section.get('5')['leader'] == 'r1' and section.get('5')['led_ms'] == 1000
    assert set(section.keys()) == {'5'}


def test_row_that_was_told_is_not_changed_afterwards() -> None:
    section = TermsSection()
    section.fold(asked('r1', 5), S)
    before = section.changes()['5']
    section.fold(given('r2', 'r1', 5, True), S)
    assert before['candidates']['r1']['votes'] == {}
    assert section.changes()['5']['candidates']['r1']['votes'] == {'r2': 'granted'}


def test_flood_of_candidates_voters_and_terms_is_bounded() -> None:
    section = TermsSection()
    for number in range(500):
        section.fold(asked(f'c{number}', 1), S)
        section.fold(given(f'v{number}', 'c1', 1, True), S)
        section.fold(asked('r1', number + 2), S)
        section.fold(asked('c1', 1), S)
    row = section.get('1')
    assert len(row['candidates']) == votes.CANDIDATES_MAX
    assert len(list(section.keys())) == votes.TERMS_KEPT
