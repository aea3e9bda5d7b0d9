# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Time travel and recordings in a real browser, on a live tower and on a replayed file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip('mcap', reason='pip install mcap')
pytest.importorskip('pages', reason='no driver: pip install selenium')
pytest.importorskip('robots_on_air', reason='needs ROS 2 and the built swarm_msgs')

from pages import Page  # noqa: E402
from robots_on_air import OnAir, busy_swarm  # noqa: E402
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from swarm_msgs.msg import JobStatus  # noqa: E402

from swarm_tower.config import TowerConfig  # noqa: E402
from swarm_tower.recorder.keeping import kept_files  # noqa: E402
from swarm_tower.recorder.mcap_reading import readable  # noqa: E402
from swarm_tower.ros import replay  # noqa: E402


@pytest.fixture
def air(tmp_path: Path) -> Iterator[OnAir]:
    made = OnAir(recorder_dir=str(tmp_path / 'rec'))
    yield made
    made.close()


@pytest.fixture
def page(browser: webdriver.Chrome, air: OnAir) -> Page:
    made = Page(browser, air, air.token())
    made.look(1400, 'dark')
    made.open_as_operator('overview')
    return made


def shot(page: Page, folder: Path, name: str) -> None:
    page.browser.save_screenshot(str(folder / f'{name}.png'))


def test_the_slider_goes_back_and_the_page_says_that_it_is_a_recording(
    page: Page, air: OnAir, tmp_path: Path
) -> None:
    busy_swarm(air)
    page.shows('#overview-jobs-count-done', '5')
    air.spin(1.5)
    then_ms = time.time() * 1000
    air.spin(1.5)
    for n in range(5):
        air.swarm.put_job(f'new-{n}', JobStatus.PHASE_DONE, 'robot_b', exit_code=0)
    air.swarm.publish_jobs(*air.swarm.jobs)
    air.swarm.publish_state()
    page.shows('#overview-jobs-count-done', '10')
    air.until(lambda: page.visible('#travel-open'), 'a record')
    air.spin(5.5)
    page.click('#travel-open')
    page.shows('#link', 'recording')
    page.shows('#travel', 'as of 20')
    page.shows('#overview-jobs-count-done', '10')
    slider = page.find('#travel-slider')
    slider.send_keys(Keys.HOME)
    air.until(lambda: page.text('#overview-jobs-count-done') not in ('5', '10'), 'its beginning')
    begun_ms = int(page.script('return arguments[0].min', slider))
    for _ in range(round((then_ms - begun_ms) / 1000)):
        slider.send_keys(Keys.ARROW_RIGHT)
    page.shows('#overview-jobs-count-done', '5')
    shot(page, tmp_path, 'travel_dark')
    page.click('#travel-play')
    page.shows('#overview-jobs-count-done', '10')
    page.look(360, 'light')
    air.spin(0.5)
    assert page.too_wide() == []
    shot(page, tmp_path, 'travel_phone')
    page.click('#travel-live')
    page.shows('#link', 'live')
    assert not page.visible('#travel')
    assert page.complaints() == []


def test_recordings_are_listed_saved_and_replayed(
    page: Page, air: OnAir, tmp_path: Path
) -> None:
    busy_swarm(air)
    air.swarm.tell('robot_dead', 'robot_c is dead', 2, 'robot_c')
    page.go('recordings')
    page.shows('#recordings-kept', 'robot dead')
    page.shows('#recorder', 'recording')
    page.click('#recordings-save')
    page.find('dialog input').send_keys('looked odd', Keys.ENTER)
    page.shows('#recordings-kept', 'looked odd')
    page.shows('#recordings-kept', 'operator@tower')
    shot(page, tmp_path, 'recordings_dark')
    page.look(1400, 'light')
    shot(page, tmp_path, 'recordings_light')
    page.look(360, 'dark')
    air.spin(0.3)
    assert page.too_wide() == []
    shot(page, tmp_path, 'recordings_phone')
    page.look(1400, 'dark')
    page.click('#recordings-kept tbody tr:last-child button')
    page.shows('#travel', 'alarm_robot_dead')
    page.click('#travel-live')
    path = kept_files(tmp_path / 'rec')[-1]
    web = replay.serve(path, TowerConfig(
        tower_port=0, swarm_id=replay.swarm_id_of(readable(path))))
    try:
        page.browser.get(f'http://127.0.0.1:{web.port}/')
        page.shows('#link', 'recording')
        page.shows('#travel', 'no swarm is behind this page')
        page.find('#travel-slider').send_keys(Keys.END)
        page.shows('#overview-jobs-count-done', '5')
        page.shows('#leader', 'robot_a')
        assert not page.visible('#act-stop')
        assert page.text('#banner') == ''
        shot(page, tmp_path, 'replay_dark')
    finally:
        web.close()
    assert page.complaints() == []
