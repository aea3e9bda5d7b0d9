# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the robots' opinions add up to."""

from __future__ import annotations

import pytest

from swarm_tower.core.leadership import Opinion, Quorum, judge_leader

ALL = Quorum(3, 2, 3, 'a')


def opinions(**named: str) -> list[Opinion]:
    return [Opinion(r, 'leader' if n == r else 'follower', 4, n) for r, n in named.items()]


@pytest.mark.parametrize(
    ('views', 'quorum', 'kind', 'leader'),
    [
        ({}, ALL, 'silent', ''),
        ({'a': '', 'b': ''}, ALL, 'no_leader', ''),
        ({'a': 'a', 'b': 'a', 'c': 'a'}, ALL, 'agreed', 'a'),
        ({'a': 'a', 'b': 'a', 'c': ''}, ALL, 'partial', 'a'),
        ({'a': 'a', 'b': 'b', 'c': 'b'}, ALL, 'split', ''),
        ({'b': 'a', 'c': 'a'}, ALL, 'unheard', 'a'),
        ({'a': 'a'}, Quorum(3, 2, 1, 'a'), 'no_quorum', 'a'),
        ({'a': 'a'}, Quorum(0, 0, 0, 'tower'), 'agreed', 'a'),
    ],
)
def test_leader_is_named_only_as_far_as_robots_agree(
    views: dict[str, str], quorum: Quorum, kind: str, leader: str
) -> None:
    verdict = judge_leader(opinions(**views), quorum)
    assert (verdict.kind, verdict.leader) == (kind, leader)


def test_robot_that_claims_to_lead_against_the_others_makes_a_split_view() -> None:
    verdict = judge_leader([Opinion('a', 'leader', 5, ''), Opinion('b', 'follower', 4, 'c')], ALL)
    assert verdict.kind == 'split'
    assert 'a by 1 (term 5)' in verdict.text and 'c by 1 (term 4)' in verdict.text


def test_verdict_counts_observers_who_agree() -> None:
    verdict = judge_leader(opinions(a='a', b='a', c=''), ALL)
    assert (verdict.agree, verdict.observers, verdict.term) == (2, 3, 4)
