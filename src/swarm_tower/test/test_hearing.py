# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who hears whom is what was said lately, and nothing more."""

from __future__ import annotations

from typing import Any

from swarm_facts import S

from swarm_tower.core.hearing import Heard, HearingSection, who_hears_whom


def row(presence: str = 'fresh', leader: str = '') -> dict[str, Any]:
    return {'presence': presence, 'leader': leader}


def test_leader_hears_those_that_were_not_silent_for_long() -> None:
    section = HearingSection()
    section.fold(Heard('r1', (('r1', 0), ('r2', 90), ('r3', 4000), ('r4', None))), 0)
    assert section.get('r1') == ['r2']


def test_what_was_told_long_ago_is_forgotten() -> None:
    section = HearingSection()
    section.fold(Heard('r1', (('r2', 90),)), 0)
    section.age(9 * S)
    assert section.get('r1') == ['r2']
    section.age(10 * S)
    assert section.get('r1') is None


def test_follower_hears_the_leader_that_it_names() -> None:
    robots = {'r1': row(leader='r1'), 'r2': row(leader='r1'), 'r3': row(leader='')}
    heard = who_hears_whom(robots, {'r1': ['r2']})
    assert heard == {'r1': frozenset({'r2'}), 'r2': frozenset({'r1'}), 'r3': frozenset()}


def test_robot_that_is_not_heard_itself_hears_nobody_as_far_as_is_known() -> None:
    assert who_hears_whom({'r2': row('lost', leader='r1')}, {'r2': ['r1']}) == {}
