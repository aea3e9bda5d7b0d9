# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every view of the page in a real browser, with few robots and with many."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

pytest.importorskip('pages', reason='no driver: pip install selenium')
pytest.importorskip('robots_on_air', reason='needs ROS 2 and the built swarm_msgs')

import axe  # noqa: E402
from fake_swarm import FakeSwarm, Story  # noqa: E402
from pages import Page, views, violations  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

VIEWS = views()
PHONE = 360
PAGE_BYTES_MAX = 250_000


def beat_in_turn(swarm: FakeSwarm) -> None:
    """A few robots at a time: this one thread sends, hears and asks the browser."""
    turn = itertools.cycle(swarm.ids)
    at_once = min(10, len(swarm.ids))
    swarm.beat = lambda: [swarm.beat_one(next(turn)) for _ in range(at_once)]  # type: ignore


@pytest.fixture(scope='module', params=[3, 50], ids=['few', 'many'])
def air(request: pytest.FixtureRequest) -> Iterator[OnAir]:
    made = OnAir(request.param, lost_after_ms=60_000, stale_after_ms=59_000)
    beat_in_turn(made.swarm)
    story = Story(made.swarm)
    story.work(), story.work(), story.work()
    made.swarm.publish_jobs(*made.swarm.jobs)
    made.swarm.publish_state()
    made.swarm.publish_consciousness()
    yield made
    made.close()


@pytest.fixture(scope='module')
def opened(browser: webdriver.Chrome, air: OnAir) -> Page:
    page = Page(browser, air)
    page.look(1400, 'dark')
    page.open()
    count = len(air.swarm.ids)
    page.shows('#leader-note', f'named by {count} of {count} robots heard')
    page.script('window.kept = true')
    return page


@pytest.fixture
def page(opened: Page) -> Iterator[Page]:
    opened.look(1400, 'dark')
    yield opened
    # These robots only talk: a view that asks one of them is told so by 503, which it shows and
    # which the browser writes down by itself.
    assert [one for one in opened.complaints() if 'status of 503' not in one] == []
    assert opened.script('return window.kept') is True, 'the page was loaded again'


def shown(page: Page) -> list[str]:
    return list(page.script(
        "return [...document.querySelectorAll('.view')].filter((v) => !v.hidden).map((v) => v.id)"
    ))


def arrive(page: Page, view: str) -> None:
    page.go(view)
    page.air.until(lambda: shown(page) == [f'view-{view}'], f'{view} is the only view shown')


def test_there_are_views() -> None:
    assert {'overview', 'robots', 'jobs', 'events'} <= set(VIEWS)


@pytest.mark.parametrize('view', VIEWS)
def test_view_is_whole_on_a_desk_and_on_a_phone(page: Page, view: str) -> None:
    other = 'robots' if view == 'overview' else 'overview'
    arrive(page, other)
    arrive(page, view)
    assert page.focus() == f'view-{view}'
    title = page.script('return document.title')
    name = page.script(f"return document.querySelector('#view-{view}').ariaLabel")
    assert title.endswith('swarm · swarm tower')
    assert (f'{name} · ' in title) == (view != 'overview')
    current = f"#tabs a[href='#{view}'][aria-current=page]"
    assert len(page.script(f'return [...document.querySelectorAll("{current}")]')) == 1
    assert page.too_wide() == []
    page.look(PHONE, 'light')
    assert page.too_wide() == []
    assert page.script(f'return document.querySelector("{current}").offsetParent !== null')


def test_what_gets_the_focus_is_not_below_the_tabs(page: Page) -> None:
    arrive(page, 'jobs')
    top = page.script("""
      const button = document.querySelector('#act-submit');
      const tabs = document.querySelector('#tabs');
      document.querySelector('#view-jobs').style.minHeight = '3000px';
      scrollTo(0, button.getBoundingClientRect().top + scrollY - 10);
      const covered = button.getBoundingClientRect().top < tabs.getBoundingClientRect().bottom;
      button.focus();
      const found = button.getBoundingClientRect().top - tabs.getBoundingClientRect().bottom;
      document.querySelector('#view-jobs').style.minHeight = '';
      return covered ? found : null;
    """)
    assert top is not None, 'the tabs cover nothing: they no longer stay'
    assert top >= 0


@pytest.mark.parametrize('view', VIEWS)
def test_view_has_no_serious_finding_of_axe(page: Page, air: OnAir, view: str) -> None:
    if len(air.swarm.ids) > 3:
        page.media(prefers_color_scheme='dark')  # more rows are no other rules
        return
    script = axe.source()
    page.media(prefers_color_scheme='dark', prefers_reduced_motion='reduce')
    arrive(page, view)
    found = violations(page, script)
    page.media(prefers_color_scheme='light', prefers_reduced_motion='reduce')
    found += violations(page, script, ['color-contrast'])
    assert found == []


def test_nothing_moves_for_who_wants_no_motion(page: Page, air: OnAir) -> None:
    moving = "return document.getAnimations().filter((a) => a.playState === 'running').length"
    page.media(prefers_reduced_motion='no-preference')
    arrive(page, 'overview')
    if len(air.swarm.ids) < 10:
        page.air.until(lambda: page.script(moving) > 0, 'the picture moves')
    page.media(prefers_reduced_motion='reduce')
    page.air.until(lambda: page.script(moving) == 0, 'nothing moves')


def test_every_view_can_be_reached_by_keys_alone(page: Page) -> None:
    arrive(page, 'overview')
    order = page.script(
        "return [...document.querySelectorAll('#tabs .tab-list a')]"
        ".map((a) => a.getAttribute('href').slice(1))"
    )
    assert sorted(order) == sorted(VIEWS)
    for view in order[1:]:
        page.press(']')
        page.air.until(lambda view=view: shown(page) == [f'view-{view}'], f'] leads to {view}')
    page.press(']')
    page.air.until(lambda: shown(page) == ['view-overview'], 'after the last comes the first')
    page.press('2')
    page.air.until(lambda: shown(page) == [f'view-{order[1]}'], '2 is the second view')
    page.press('g', 'e')
    page.air.until(lambda: shown(page) == ['view-events'], 'g e leads to the events')
    page.press('/')
    page.air.until(lambda: 'filter' in page.focus(), '/ leads to the search')
    page.press('2')
    assert shown(page) == ['view-events'], 'a digit that is typed is text'
    page.press(Keys.BACKSPACE)
    page.script('document.activeElement.blur()')


def test_keys_are_shown_and_can_be_switched_off(page: Page) -> None:
    arrive(page, 'robots')
    page.press('?')
    page.shows('dialog#keys', 'Go to Events')
    page.press(Keys.ESCAPE)
    page.gone('dialog#keys')
    page.press('?')
    page.click('#keys-on')
    page.press(Keys.ESCAPE)
    page.gone('dialog#keys')
    page.press('1')
    page.air.until(lambda: True, 'time for a key')
    assert shown(page) == ['view-robots']
    page.press('?')
    page.click('#keys-on')
    page.press(Keys.ESCAPE)
    page.gone('dialog#keys')
    page.press('1')
    page.air.until(lambda: shown(page) == ['view-overview'], 'keys work again')


def test_first_tab_skips_to_the_view(page: Page) -> None:
    arrive(page, 'robots')
    page.script('document.activeElement.blur(); window.getSelection().removeAllRanges()')
    page.script("document.querySelector('.skip').focus()")
    page.press(Keys.ENTER)
    assert page.focus() == 'main'
    assert shown(page) == ['view-robots'], 'the view stays'


def test_robots_are_found_and_sorted(page: Page, air: OnAir) -> None:
    arrive(page, 'robots')
    rows = (
        "return [...document.querySelectorAll('#view-robots tbody tr')]"
        '.map((r) => r.dataset.robot)'
    )
    page.air.until(lambda: len(page.script(rows)) == len(air.swarm.ids), 'all robots')
    field = page.find('#robots-filter')
    field.send_keys('leader')
    page.air.until(lambda: page.script(rows) == ['robot_a'], 'only the leader')
    field.send_keys(Keys.CONTROL + 'a', Keys.BACKSPACE)
    page.air.until(lambda: len(page.script(rows)) == len(air.swarm.ids), 'all robots again')
    page.shows('#view-robots tr[data-robot=robot_b] [data-label=Battery]', '64 %')
    page.shows('#view-robots tr[data-robot=robot_a] [data-label=Battery]', '–')
    page.shows('#view-robots tr[data-robot=robot_a] [data-label="Acts under"]', 'normal')
    page.click('#robots-sort [value=charge]')
    page.air.until(lambda: page.script(rows)[0] == 'robot_b', 'the only battery first')
    page.click('#robots-sort [value=name]')


def test_picture_is_there_as_a_list_too(page: Page, air: OnAir) -> None:
    arrive(page, 'overview')
    assert len(page.script("return [...document.querySelectorAll('.naming')]")) == len(
        air.swarm.ids
    ) - 1
    page.click('#organism-as-list summary')
    page.shows('.organism-list', 'robot_b live')
    page.shows('.organism-list', 'names robot_a')
    page.shows('.organism-list', 'leads, live')
    page.click('#organism-as-list summary')


def test_only_alarms_and_what_was_asked_for_are_said_aloud(page: Page) -> None:
    live = page.script("""
      return [...document.querySelectorAll('[aria-live], [role=alert], [role=status]')]
        .filter((e) => e.closest('[hidden]') === null && !e.closest('.tools, .act-tray, dialog'))
        .map((e) => e.id || e.className)
    """)
    assert set(live) <= {'alarm', 'act-stopped'}


def test_first_load_is_small(page: Page) -> None:
    sizes = page.script("""
      return [...performance.getEntriesByType('resource'),
        ...performance.getEntriesByType('navigation')].map((e) => [e.name, e.transferSize]);
    """)
    assert len(sizes) > 20
    assert sum(size for _, size in sizes) <= PAGE_BYTES_MAX, sorted(sizes, key=lambda s: -s[1])[:9]


def test_no_request_leaves_this_machine(page: Page) -> None:
    assert page.strangers() == []
