# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser, fed by real ROS messages."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip('pages', reason='no driver: pip install selenium')
pytest.importorskip('robots_on_air', reason='needs ROS 2 and the built swarm_msgs')

from pages import Page  # noqa: E402
from robots_on_air import OnAir, busy_swarm  # noqa: E402

EVIL = '<img src=x onerror="document.title=1"><script>document.title=2</script>'


def test_page_shows_the_swarm_live_and_as_text_only(
    page: Page, air: OnAir, tmp_path: Path
) -> None:
    busy_swarm(air)
    page.shows('#leader', 'robot_a')
    page.shows('#leader-note', 'named by 3 of 3 robots heard')
    page.shows('#term', '7')
    page.shows('#quorum', '3/3')
    page.shows('#link', 'live')
    page.shows('#overview-jobs-count-done', '5')
    page.shows('#overview-jobs-count-failed', '1')
    page.shows('#overview-consciousness-arousal', '0.40')
    air.swarm.tell('test', EVIL, 1, 'robot_a')
    page.shows('#overview-events', EVIL)
    assert page.browser.title == 'swarm \u00b7 swarm tower'
    assert not page.visible('#overview-events img')
    page.browser.save_screenshot(str(tmp_path / 'overview.png'))
    assert (tmp_path / 'overview.png').stat().st_size > 10_000

    page.go('jobs/job-6')
    page.shows('#job-detail', 'exit code 3')
    page.find('#job-filter').send_keys('robot_b')
    page.shows('#jobs-panel .tools .note', '5 shown, 7 known')
    page.go('hardware/robot_b')
    page.shows('#view-hardware', 'FT232 serial adapter')
    page.shows('#view-hardware', 'permission denied')

    air.swarm.term, air.swarm.leader = 8, 'robot_c'
    page.shows('#leader', 'robot_c')
    page.shows('#term', '8')
    air.swarm.opinions['robot_a'] = 'robot_a'
    page.shows('#leader', 'no quorum / split view')
    page.shows('#banner', 'do not agree')

    # These robots only talk: what one of them is asked is answered by 503, which the page shows.
    assert [one for one in page.complaints() if 'status of 503' not in one] == []
    assert any(url.startswith('ws://') for url in page.requested())


def test_vanished_robot_stays_visible_as_lost(page: Page, air: OnAir) -> None:
    page.shows('tr[data-robot=robot_c]', 'live')
    air.swarm.silent = {'robot_c'}
    page.shows('tr[data-robot=robot_c]', 'stale')
    page.shows('tr[data-robot=robot_c]', 'lost, last')


def test_empty_page_says_what_to_check(page: Page, air: OnAir) -> None:
    air.swarm.silent = set(air.swarm.ids)
    page.shows('#banner', 'No robot heard on ROS domain')
    page.shows('#banner', 'ROS_AUTOMATIC_DISCOVERY_RANGE')


@pytest.mark.parametrize('view', ['overview', 'robots', 'jobs', 'events', 'mind'])
def test_nothing_is_cut_off_on_a_phone(page: Page, air: OnAir, view: str) -> None:
    busy_swarm(air)
    page.look(360, 'light')
    page.go(view)
    page.shows('#leader', 'robot_a')
    assert page.too_wide() == []


def test_events_can_be_paused_and_filtered_by_keyboard(page: Page, air: OnAir) -> None:
    page.shows('#leader', 'robot_a')
    page.go('events')
    air.swarm.tell('alpha', 'first thing')
    page.shows('#events-panel', 'first thing')
    page.find('#events-panel-pause').send_keys(' ')
    air.swarm.tell('beta', 'second thing', 2)
    page.shows('#events-panel .note', '1 new one wait')
    assert 'second thing' not in page.text('#events-panel')
    page.find('#events-panel-pause').send_keys(' ')
    page.shows('#events-panel', 'second thing')
    page.find('body').send_keys('/')
    page.press('beta')
    air.until(lambda: 'first thing' not in page.text('#events-panel'), 'the filter works')


def test_page_comes_back_after_the_tower_was_away(page: Page, air: OnAir) -> None:
    page.shows('#link', 'live')
    page.script('window.kept = true')
    port = air.tower.port
    air.tower.close()
    page.shows('#link', 'tower not reached')
    from swarm_tower.ros.part import PART

    air.tower = PART.create(air.tower_node, air.config(tower_port=port))
    page.shows('#link', 'live')
    page.shows('#leader', 'robot_a')
    assert page.script('return window.kept') is True


def test_what_is_covered_for_a_moment_is_clicked_afterwards(page: Page, air: OnAir) -> None:
    page.go('jobs')
    page.shows('#act-submit', 'Submit')
    page.script("""
      const cover = document.createElement('div');
      cover.style.cssText = 'position: fixed; inset: 0; z-index: 99';
      document.body.append(cover);
      setTimeout(() => cover.remove(), 500);
    """)
    page.opens('#act-submit')
    page.shows('dialog', 'read-only')
