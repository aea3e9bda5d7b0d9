# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the page says when something is wrong, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip('pages', reason='no driver: pip install selenium')
pytest.importorskip('robots_on_air', reason='needs ROS 2 and the built swarm_msgs')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from fake_mind import FakeMind  # noqa: E402
from pages import Page  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from swarm_msgs.msg import Regime  # noqa: E402

from swarm_tower.ros.part import PART  # noqa: E402


@pytest.fixture
def air() -> Iterator[OnAir]:
    made = OnAir(stale_after_ms=2000, lost_after_ms=5000)
    yield made
    made.close()


@pytest.fixture
def page(page: Page, air: OnAir) -> Page:
    air.swarm.publish_state()
    page.shows('#leader-note', 'named by 3 of 3')
    return page


def test_leader_is_killed_and_another_one_leads(page: Page, air: OnAir) -> None:
    air.swarm.silent = {'robot_a'}
    page.shows('#banner-stale', 'robot_a')
    page.shows('#leader-note', 'not heard itself')
    page.shows('#banner-unheard', 'robot_a is not heard here')
    air.swarm.term, air.swarm.leader = 8, 'robot_b'
    page.shows('#leader', 'robot_b')
    page.shows('#term', '8')
    page.gone('#banner-unheard')
    page.shows('#alarms', 'robot_a lost: last heard')
    page.shows('#alarm', 'robot_a lost')  # said aloud
    air.swarm.silent = set()
    page.shows('tr[data-robot=robot_a]', 'live')
    page.shows('#leader-note', 'named by 3 of 3')


def test_lost_robot_comes_back_and_the_alarm_stays_until_it_is_acknowledged(
    page: Page, air: OnAir
) -> None:
    air.swarm.silent = {'robot_c'}
    page.shows('#alarms [data-alarm=lost]', 'now')
    assert page.script('return document.title').startswith('(1) ')
    page.go('jobs')
    page.shows('#banner-alarms', '1 alarm not acknowledged')
    air.swarm.silent = set()
    page.go('overview')
    page.shows('#alarms [data-alarm=lost]', 'was')
    page.click('#alarms [data-alarm=lost] button')
    page.shows('#alarms', 'No alarm that waits for you')
    air.until(lambda: not page.script('return document.title').startswith('('), 'no number')
    page.browser.refresh()
    page.shows('#alarms', 'No alarm')


def test_acknowledging_holds_in_this_browser(page: Page, air: OnAir) -> None:
    air.swarm.tell('disk_full', 'robot_b has no room left', 2, 'robot_b')
    page.shows('#alarms', 'disk full: robot_b has no room left')
    page.shows('#alarm', 'disk full')
    page.click('#alarms [data-alarm=disk_full] button')
    page.shows('#alarms', '1 acknowledged here')
    page.browser.refresh()
    page.shows('#alarms', '1 acknowledged here')
    page.click('#alarms-more')
    page.shows('#alarms', 'robot_b has no room left')


def test_split_view_says_who_says_what(page: Page, air: OnAir) -> None:
    air.swarm.opinions = {'robot_b': 'robot_b'}
    page.shows('#banner-split', 'do not agree')
    page.shows('#banner-split', 'robot_a is named by robot_a (leader, term 7), robot_c (follower')
    page.shows('#banner-split', 'robot_b is named by robot_b (leader, term 7)')
    page.shows('#alarms', 'Split view')
    air.swarm.opinions = {}
    page.gone('#banner-split')


def test_alarm_of_the_regime_is_one_alarm_however_the_regime_changes(
    page: Page, air: OnAir, mind: FakeMind
) -> None:
    mind.tell_regime(Regime.REGIME_CALM)
    mind.tell_regime(Regime.REGIME_THRASH, alarm=True)
    page.shows('#alarms', 'Regime alarm: thrash')
    mind.tell_regime(Regime.REGIME_CALM, alarm=True)
    page.shows('#alarms', 'Regime alarm: thrash; now calm, not yet called off')
    assert len(page.browser.find_elements('css selector', '#alarms [data-alarm=regime]')) == 1
    page.click('#alarms [data-alarm=regime] button')
    page.shows('#alarms [data-alarm=regime]', 'acknowledged')
    mind.tell_regime(Regime.REGIME_CALM)
    mind.tell_regime(Regime.REGIME_PANIC, alarm=True)
    page.shows('#alarms', 'Regime alarm: panic')
    page.find('#alarms [data-alarm=regime] button:not([hidden])')


def test_lost_quorum_is_told(page: Page, air: OnAir) -> None:
    air.swarm.silent = {'robot_b', 'robot_c'}
    page.shows('#banner-no-quorum', 'voters heard, 2 needed')
    page.shows('#leader', 'no quorum')


def test_override_in_force_is_told_until_it_ends(page: Page, air: OnAir) -> None:
    air.swarm.overridden = True
    air.swarm.index += 1
    air.swarm.publish_state()
    page.shows('#banner-override', 'Override in force: conserve, by anna')
    page.shows('#banner-override', 'batteries are being changed')
    air.swarm.overridden = False
    air.swarm.index += 1
    air.swarm.publish_state()
    page.gone('#banner-override')


def test_silence_says_what_to_check(page: Page, air: OnAir) -> None:
    air.swarm.silent = set(air.swarm.ids)
    page.shows('#banner-silent', 'No robot heard on ROS domain')
    for words in ('swarm_id', 'ROS_DOMAIN_ID', 'RMW_IMPLEMENTATION: the tower uses rmw_',
                  'ROS_AUTOMATIC_DISCOVERY_RANGE'):
        page.shows('#banner-silent', words)


def test_tower_is_started_anew_while_the_page_is_open(page: Page, air: OnAir) -> None:
    page.script('window.kept = true')
    port = air.tower.port
    air.tower.close()
    page.shows('#banner-down', 'The tower has not been reached')
    page.shows('#banner-down', f'still serve 127.0.0.1:{port}')
    air.tower = PART.create(air.tower_node, air.config(tower_port=port))
    page.shows('#banner-restarted', 'The tower was started anew and this page is connected again')
    page.gone('#banner-down')
    page.shows('#link', 'live')
    page.click('#banner-restarted button')
    page.gone('#banner-restarted')
    assert page.script('return window.kept') is True
    lost_link = [one for one in page.complaints() if 'ERR_CONNECTION_REFUSED' not in one]
    assert lost_link == []
    assert page.strangers() == []


def test_swarm_that_was_set_up_anew_is_news(page: Page, air: OnAir) -> None:
    air.swarm.index, air.swarm.term = 3, 1
    said = [0]

    def tell_again() -> bool:
        said[0] += 1
        air.swarm.publish_state()
        return 'set up anew' in page.text('#banner-anew')

    air.until(tell_again, 'the page says that the log begins again')
    page.click('#banner-anew button')
    page.gone('#banner-anew')


def test_robot_without_security_is_shown_in_red(page: Page, air: OnAir) -> None:
    out = air.swarm_node.create_publisher(DiagnosticArray, '/diagnostics', 10)
    beat = air.swarm.beat

    def tell() -> None:
        beat()
        out.publish(DiagnosticArray(status=[DiagnosticStatus(
            name='/robot_b/coordinator: security', level=b'\x02', hardware_id='robot_b',
            message='off',
        )]))

    air.swarm.beat = tell  # type: ignore[method-assign]
    page.shows('#banner-unsafe', 'Security is off: robot_b')
    page.shows('#banner-unsafe', 'swarmctl keys')
