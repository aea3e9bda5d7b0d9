# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Sections of what the leader's learner thinks."""

from __future__ import annotations

from typing import Any

from swarm_facts import MS, S

from swarm_tower.core import mind
from swarm_tower.core.view import SwarmView

MODES = ('normal', 'explore', 'conserve')


def table(term: int = 3, sender: str = 'robot_a', **fields: Any) -> mind.ModeTable:
    size = 27 * len(MODES) ** 2
    plain: dict[str, Any] = {
        'policy': 'mode@1', 'checkpoint': '', 'frozen': False, 'decisions': 5, 'explored': 1,
        'epsilon': 0.1, 'reward_mean': 0.5, 'reward_last': 0.4, 'switches': 1.0,
        'actions': MODES, 'modes': MODES, 'values': tuple(float(i) for i in range(size)),
        'visits': tuple(range(size)), 'choice': None,
    }
    return mind.ModeTable(sender, term, **{**plain, **fields})


def regime(word: str, alarm: bool = False, term: int = 3) -> mind.RegimeTold:
    return mind.RegimeTold(
        'robot_a', term, word, 0.8, alarm, 1, (('load', 0.5),), 1.0, 3.0, 'regimes@1', 'why'
    )


def test_row_of_a_mode_in_force_holds_its_27_situations_and_no_others() -> None:
    section = mind.PolicySection()
    section.fold(table(), S)
    row = section.get('in explore')
    # row-major: situation, mode in force, action
    expected = [float((cell * 3 + 1) * 3 + action) for cell in range(27) for action in range(3)]
    assert row['values'] == expected and len(row['visits']) == 81


def test_only_the_row_that_a_decision_changed_is_told_again() -> None:
    section = mind.PolicySection()
    section.fold(table(), S)
    section.changes()
    values = [float(i) for i in range(27 * 9)]
    values[4] = 99.0  # situation 0, in force 1, action 1
    section.fold(table(values=tuple(values)), S)
    assert set(section.changes()) == {'in explore'}


def test_table_without_figures_has_no_rows_of_modes() -> None:
    section = mind.PolicySection()
    section.fold(table(values=(), visits=()), S)
    assert set(section.keys()) == {'about'}


def test_former_leader_does_not_overwrite_the_new_one_until_it_is_silent() -> None:
    section = mind.PolicySection()
    section.fold(table(term=4, sender='robot_b'), S)
    section.fold(table(term=3, sender='robot_a'), 2 * S)
    assert section.get('about')['sender'] == 'robot_b'
    section.fold(table(term=1, sender='robot_c'), 20 * S)
    assert section.get('about')['sender'] == 'robot_c'


def test_course_keeps_one_sample_in_two_seconds_and_the_last_quarter_of_an_hour() -> None:
    section = mind.CourseSection()
    for tick in range(4000):
        section.fold(mind.Sample('robot_a', 3, 0.1, 0.2, None, 0.0), tick * 500 * MS)
    rows = [section.get(key) for key in section.keys()]  # noqa: SIM118
    assert len(rows) == mind.COURSE_ROWS
    assert all(b[0] - a[0] == mind.COURSE_STEP_MS for a, b in zip(rows, rows[1:], strict=False))
    assert rows[-1][1:] == [0.1, 0.2, None, 0.0]


def test_rewards_are_kept_for_each_decision_and_the_table_too() -> None:
    view = SwarmView('swarm', 7, 1500, 5000)
    for tick, decisions in enumerate([0, 3, 3, 4, 9]):
        told = table(decisions=decisions, reward_mean=decisions / 10, reward_last=None)
        view.fold(told, tick * 2 * S)
    reward = view.section('reward')
    assert [reward.get(key) for key in reward.keys()] == [  # noqa: SIM118
        [2000, 0.3, None, 3], [6000, 0.4, None, 4], [8000, 0.9, None, 9]
    ]
    assert view.section('policy').get('about')['decisions'] == 9


def test_rewards_of_quick_decisions_are_bounded() -> None:
    section = mind.RewardSection()
    for tick in range(4000):
        section.fold(table(decisions=tick + 1), tick * 500 * MS)
    rows = [section.get(key) for key in section.keys()]  # noqa: SIM118
    assert len(rows) == mind.COURSE_ROWS
    assert all(b[0] - a[0] == mind.COURSE_STEP_MS for a, b in zip(rows, rows[1:], strict=False))


def test_strip_of_regimes_has_one_row_for_each_change() -> None:
    section = mind.RegimeSection()
    for number, (word, alarm) in enumerate(
        [('calm', False), ('calm', False), ('panic', False), ('panic', True), ('calm', False)]
    ):
        section.fold(regime(word, alarm), number * S)
    strip = [section.get(key) for key in section.keys() if key != 'now']  # noqa: SIM118
    assert [row[:3] for row in strip] == [
        [0, 'calm', False], [2000, 'panic', False], [3000, 'panic', True], [4000, 'calm', False]
    ]
    assert section.get('now')['figures'] == [['load', 0.5]]


def test_strip_of_regimes_is_bounded_and_now_stays() -> None:
    section = mind.RegimeSection()
    for number in range(3 * mind.REGIMES_KEPT):
        section.fold(regime('calm' if number % 2 else 'panic'), number * S)
    assert len(list(section.keys())) <= mind.REGIMES_KEPT + 1
    assert section.get('now')['regime'] == 'calm'


def test_routes_that_there_is_no_room_for_are_counted() -> None:
    route = mind.Route('exec:xz', 'robot_a', '', 0.9, 1.0, 2.0, 1.0, 3.0, 4, False, '')
    many = tuple(
        mind.Route(f'exec:{n}', *[getattr(route, k) for k in list(vars(route))[1:]])
        for n in range(400)
    )
    section = mind.RoutesSection()
    section.fold(mind.Routes('robot_a', 3, 9, 400, many), S)
    assert section.get(mind.ABOUT)['told'] == 400
    assert len(list(section.keys())) == mind.ROUTES_SHOWN + 1
    section.fold(mind.Routes('robot_a', 3, 10, 1, (route,)), S)
    assert set(section.keys()) == {mind.ABOUT, 'exec:xz|robot_a|'}
