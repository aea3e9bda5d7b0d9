# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser, fed by real ROS messages."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path('/usr/bin/chromium')
DRIVER = Path('/usr/bin/chromedriver')
if not (CHROMIUM.exists() and DRIVER.exists()):
    pytest.skip(
        'no browser: apt-get install chromium chromium-driver', allow_module_level=True
    )
pytest.importorskip('selenium', reason='no driver: pip install selenium')
pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')
sys.path.insert(0, str(Path(__file__).parents[1] / 'ros'))

from robots_on_air import OnAir  # noqa: E402
from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from swarm_msgs.msg import JobStatus  # noqa: E402

FLAGS = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
)
EVIL = '<img src=x onerror="document.title=1"><script>document.title=2</script>'


@pytest.fixture(scope='module')
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    profile = tmp_path_factory.mktemp('profile')
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f'--user-data-dir={profile}', '--window-size=1400,900'):
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def air() -> Iterator[OnAir]:
    made = OnAir()
    yield made
    made.close()


class Page:
    def __init__(self, browser: webdriver.Chrome, air: OnAir) -> None:
        self.browser, self.air = browser, air
        browser.get_log('browser'), browser.get_log('performance')
        browser.get('about:blank')
        browser.get(air.url)

    def text(self, css: str) -> str:
        found = self.browser.find_elements(By.CSS_SELECTOR, css)
        return str(found[0].get_property('innerText')) if found else ''

    def shows(self, css: str, words: str) -> None:
        self.air.until(lambda: words in self.text(css), f'{css} shows {words!r}')

    def go(self, view: str) -> None:
        self.browser.execute_script(f'location.hash = {json.dumps(view)}')

    def width(self, pixels: int, height: int, scheme: str) -> None:
        command = self.browser.execute_cdp_cmd
        metrics = {'width': pixels, 'height': height, 'deviceScaleFactor': 1, 'mobile': False}
        command('Emulation.setDeviceMetricsOverride', metrics)
        feature = {'name': 'prefers-color-scheme', 'value': scheme}
        command('Emulation.setEmulatedMedia', {'features': [feature]})

    def requested(self) -> set[str]:
        urls = set()
        for line in self.browser.get_log('performance'):
            message: dict[str, Any] = json.loads(line['message'])['message']
            if message['method'] == 'Network.requestWillBeSent':
                urls.add(message['params']['request']['url'])
            elif message['method'] == 'Network.webSocketCreated':
                urls.add(message['params']['url'])
        return urls


@pytest.fixture
def page(browser: webdriver.Chrome, air: OnAir) -> Page:
    made = Page(browser, air)
    made.width(1400, 900, 'dark')
    return made


def busy_swarm(air: OnAir) -> None:
    swarm = air.swarm
    for i in range(5):
        swarm.put_job(f'job-{i}', JobStatus.PHASE_DONE, 'robot_b', exit_code=0, run_ms=1200)
    swarm.put_job('job-5', JobStatus.PHASE_RUNNING, 'robot_a', progress_permille=400)
    swarm.put_job('job-6', JobStatus.PHASE_FAILED, 'robot_c', exit_code=3, reason='exit code 3')
    swarm.publish_jobs(*swarm.jobs)
    swarm.publish_consciousness()
    swarm.publish_inventory('robot_b')
    swarm.publish_state()


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
    assert not page.browser.find_elements(By.CSS_SELECTOR, '#overview-events img')
    page.browser.save_screenshot(str(tmp_path / 'overview.png'))
    assert (tmp_path / 'overview.png').stat().st_size > 10_000

    page.go('jobs/job-6')
    page.shows('#job-detail', 'exit code 3')
    page.browser.find_element(By.ID, 'job-filter').send_keys('robot_b')
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

    assert page.browser.get_log('browser') == []
    urls = page.requested()
    assert any(url.startswith('ws://') for url in urls)
    # chrome: is the browser's own start page, which never leaves the process
    own = (air.url, air.url.replace('http', 'ws'), 'about:', 'data:', 'chrome:')
    assert [url for url in urls if not url.startswith(own)] == []


def test_vanished_robot_stays_visible_as_lost(page: Page, air: OnAir) -> None:
    page.shows('tr[data-robot=robot_c]', 'live')
    air.swarm.silent = {'robot_c'}
    page.shows('tr[data-robot=robot_c]', 'stale')
    page.shows('tr[data-robot=robot_c]', 'lost, last')


def test_empty_page_says_what_to_check(page: Page, air: OnAir) -> None:
    air.swarm.silent = set(air.swarm.ids)
    page.shows('#banner', 'No robot heard on ROS domain')
    page.shows('#banner', 'ROS_AUTOMATIC_DISCOVERY_RANGE')


@pytest.mark.parametrize('view', ['overview', 'robots', 'jobs', 'events', 'consciousness'])
def test_nothing_is_cut_off_on_a_phone(page: Page, air: OnAir, view: str) -> None:
    busy_swarm(air)
    page.width(360, 740, 'light')
    page.go(view)
    page.shows('#leader', 'robot_a')
    wide = page.browser.execute_script('return document.documentElement.scrollWidth')
    assert wide <= 360


def test_events_can_be_paused_and_filtered_by_keyboard(page: Page, air: OnAir) -> None:
    page.shows('#leader', 'robot_a')
    page.go('events')
    air.swarm.tell('alpha', 'first thing')
    page.shows('#events-panel', 'first thing')
    page.browser.find_element(By.ID, 'events-panel-pause').send_keys(' ')
    air.swarm.tell('beta', 'second thing', 2)
    page.shows('#events-panel .note', '1 new one wait')
    assert 'second thing' not in page.text('#events-panel')
    page.browser.find_element(By.ID, 'events-panel-pause').send_keys(' ')
    page.shows('#events-panel', 'second thing')
    page.browser.find_element(By.TAG_NAME, 'body').send_keys('/')
    page.browser.switch_to.active_element.send_keys('beta')
    air.until(lambda: 'first thing' not in page.text('#events-panel'), 'the filter works')


def test_page_comes_back_after_the_tower_was_away(page: Page, air: OnAir) -> None:
    page.shows('#link', 'live')
    page.browser.execute_script('window.kept = true')
    port = air.tower.port
    air.tower.close()
    page.shows('#link', 'tower not reached')
    from swarm_tower.config import TowerConfig
    from swarm_tower.ros.part import PART

    air.tower = PART.create(air.tower_node, TowerConfig(tower_port=port, window_ms=20))
    page.shows('#link', 'live')
    page.shows('#leader', 'robot_a')
    assert page.browser.execute_script('return window.kept') is True
