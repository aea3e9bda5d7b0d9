# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The swarm's mind in a real browser."""

from __future__ import annotations

import pytest

pytest.importorskip('pages', reason='no driver: pip install selenium')
pytest.importorskip('robots_on_air', reason='needs ROS 2 and the built swarm_msgs')

from fake_mind import FakeMind  # noqa: E402
from pages import Page  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402


def test_empty_mind_says_what_is_missing(page: Page, air: OnAir) -> None:
    page.go('mind')
    page.shows('#mind-course', 'Does the leader run swarm_learning?')
    page.shows('#mind-regime', '/swarm/regime')
    page.shows('#mind-policy', 'No table heard yet')
    page.shows('#mind-routes', 'once jobs have ended')
    page.shows('#mind-models', 'no learned file')


def test_mind_shows_choice_table_regime_and_tables_as_text(
    page: Page, air: OnAir, mind: FakeMind
) -> None:
    page.go('mind')
    air.swarm.publish_state()
    air.swarm.publish_consciousness(0.4)
    mind.tell()
    page.shows('#mind-choice', 'defensive 0.81 before normal 0.44')
    page.shows('#mind-choice', 'masked: no robot runs on battery')
    page.shows('#mind-course .plot-legend', 'arousal 0.4')
    page.find('#mind-course canvas')
    page.shows('#mind-reward .plot-legend', 'average of the last 100 0.61')
    page.shows('#mind-reward .plot-legend', 'last 0.58')
    page.find('#mind-reward canvas')
    page.shows('#mind-regime', 'calm')
    mind.tell_regime(2, alarm=True)
    page.shows('#mind-regime', 'alarm: several looks agree on a bad regime')
    page.shows('#mind-reputation', 'may lead')
    page.shows('#mind-routes', 'kept away')
    assert page.text('.q-table tr.now th').split() == ['high', 'medium', 'high']
    assert page.complaints() == []


def test_learned_values_can_be_read_by_keyboard(
    page: Page, air: OnAir, mind: FakeMind
) -> None:
    page.go('mind')
    air.swarm.publish_state()
    mind.tell_policy()
    page.shows('.q-table', '0.86')
    page.script("document.querySelector('.q-table td.q').focus()")
    page.shows('#mind-cell', 'arousal low, stability low, pressure low, normal in force')
    page.press(Keys.ARROW_RIGHT)
    page.shows('#mind-cell', 'explore: value 0.86, 1 visit; runner-up: hyperfocus 0.85')
    page.press(Keys.ARROW_DOWN, Keys.END)
    page.shows('#mind-cell', 'pressure medium, normal in force \u2192 recovery')
    page.find('input[value=explore]').send_keys(' ')
    page.shows('.q-table', '0.96')


def test_memory_answers_and_refuses_in_words(
    page: Page, air: OnAir, mind: FakeMind
) -> None:
    page.go('mind')
    page.shows('#memory-whose', 'robot_c')
    page.click('.ask button')
    page.shows('#mind-memory', '5021 events in 12 summaries of robot_a, robot_b, robot_c')
    page.shows('#mind-memory', 'robot_a leads after robot_c fell silent')
    asked = mind.asked[-1][1]
    assert [round(q, 2) for q in asked.quantiles] == [0.05, 0.5, 0.95] and asked.begin_ns > 0
    page.find('#memory-kind').send_keys('nonsense', Keys.ENTER)
    page.shows('#mind-memory .wrong', 'kind: nobody has heard of it')


def test_why_is_answered_by_the_learner(
    page: Page, air: OnAir, mind: FakeMind
) -> None:
    page.go('mind')
    mind.tell()
    page.shows('#mind-choice', 'Why this mode?')
    page.click('#mind-choice summary')
    page.shows('#mind-choice .why', 'why mode')
    page.click('#mind-reputation summary')
    page.shows('#mind-reputation .why', 'why reputation robot_a')


def test_mind_fits_a_phone(page: Page, air: OnAir, mind: FakeMind) -> None:
    page.look(360, 'light')
    page.go('mind')
    mind.tell()
    page.shows('#mind-choice', 'defensive')
    assert page.too_wide() == []
