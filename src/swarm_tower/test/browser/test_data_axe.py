# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Views that are full of data, before axe-core and on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip('pages', reason='no driver: pip install selenium')
pytest.importorskip('robots_on_air', reason='needs ROS 2 and the built swarm_msgs')

import axe  # noqa: E402
from fake_mind import FakeMind  # noqa: E402
from fake_swarm import Story  # noqa: E402
from pages import Page, violations  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from selenium import webdriver  # noqa: E402

SHOWN = {  # the view, and what is there when all of it is
    'mind': ('#mind-routes', 'kept away'),
    'robots/robot_b': ('#robot-diagnostics', 'no scan for 9 s'),
    'jobs/job-0001': ('#job-routing', 'circuit breaker'),
    'log': ('#log-positions', 'robot_c'),
    'leases': ('#services-panel', 'map_server'),
    'files': ('#files-panel', 'map-3.tar'),
    'events': ('#view-events', 'leader elected'),
}


@pytest.fixture(scope='module')
def page(browser: webdriver.Chrome) -> Iterator[Page]:
    air = OnAir(3)
    mind, story = FakeMind(air.swarm), Story(air.swarm)
    story.work()
    air.swarm.publish_jobs(*air.swarm.jobs)
    beat, count = air.swarm.beat, 0

    def live() -> None:
        nonlocal count
        count += 1
        beat()
        mind.sense()
        if count % 5 == 1:
            mind.diagnose()
            mind.tell_own('robot_b')
        if count % 20 == 1:
            mind.tell()
            air.swarm.publish_state()
            air.swarm.publish_consciousness()
            mind.elect('robot_b', 6)

    air.swarm.beat = live  # type: ignore[method-assign]
    try:
        made = Page(browser, air)
        made.look(1400, 'dark')
        made.open()
        made.shows('#leader', 'robot_a')
        yield made
    finally:
        air.close()


@pytest.mark.parametrize('view', SHOWN)
def test_full_view_has_no_serious_finding_and_fits_a_phone(page: Page, view: str) -> None:
    script = axe.source()
    page.look(1400, 'dark')
    page.media(prefers_color_scheme='dark', prefers_reduced_motion='reduce')
    page.go(view)
    page.shows(*SHOWN[view])
    for summary in page.browser.find_elements('css selector', '.view:not([hidden]) summary')[:3]:
        page.script('arguments[0].click()', summary)
    asking = (
        "return [...document.querySelectorAll('.why-lines')]"
        ".some((e) => e.innerText.startsWith('Asking'))"
    )
    page.air.until(lambda: not page.script(asking), 'what was opened is answered')
    assert page.complaints() == []
    assert violations(page, script) == []
    page.media(prefers_color_scheme='light', prefers_reduced_motion='reduce')
    assert violations(page, script, ['color-contrast']) == []
    page.look(360, 'light')
    assert page.too_wide() == []
    page.air.until(lambda: True, 'the tower may answer what was asked meanwhile')
    page.complaints()  # while axe looked, nobody answered
