# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One browser for the tests of a file, and a page for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from pages import Page
    from robots_on_air import OnAir
    from selenium import webdriver


@pytest.fixture(scope='module')
def browser() -> Iterator[webdriver.Chrome]:
    from pages import CHROMIUM, DRIVER, chromium

    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip('no browser: apt-get install chromium chromium-driver')
    with chromium() as made:
        yield made


@pytest.fixture
def page(browser: webdriver.Chrome, air: OnAir) -> Page:
    from pages import Page

    made = Page(browser, air, air.token())
    made.look(1400, 'dark')
    made.open()
    return made
