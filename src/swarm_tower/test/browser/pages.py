# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One browser and what a person does with it; for the tests of the page and the pictures of it.

Everything that is looked for is waited for, and nothing is kept between two looks: the page draws
its parts anew whenever it likes.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException as Covered
from selenium.common.exceptions import (
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHROMIUM, DRIVER = Path('/usr/bin/chromium'), Path('/usr/bin/chromedriver')
STATIC = Path(__file__).parents[2] / 'swarm_tower' / 'web' / 'static'
FLAGS = (
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--hide-scrollbars', '--window-size=1400,900',
)
NOT_YET = (NoSuchElementException, StaleElementReferenceException, Covered,
           ElementNotInteractableException)


def views() -> list[str]:
    """Every view of the page, as app.js names it."""
    return re.findall(r"^  \['(\w+)', \{title:", (STATIC / 'app.js').read_text(), re.MULTILINE)


class Air(Protocol):
    """What lets time pass in the swarm."""

    url: str

    def until(self, true: Callable[[], Any], what: str) -> Any: ...


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser of its own, without anything of earlier ones."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (*FLAGS, f'--user-data-dir={profile}'):
            options.add_argument(flag)
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
        driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
        try:
            yield driver
        finally:
            driver.quit()


class Page:
    """The page of one tower in a browser that others use as well; `token` lets it act."""

    def __init__(self, browser: webdriver.Chrome, air: Air, token: str = '') -> None:
        self.browser, self.air, self.token = browser, air, token

    # -- where one is

    def open(self, view: str = '') -> None:
        """Start anew, without what earlier tests left."""
        self.complaints(), self.requested()
        self.browser.get('about:blank')
        self.browser.get(f'{self.air.url}/#{view}')
        self.script('localStorage.clear()')

    def open_as_operator(self, view: str = '') -> None:
        self.open(f'token={self.token}&{view}')
        self.shows('#act-who', 'operator')

    def go(self, view: str) -> None:
        """Returns once the page shows it: what is clicked then does not move away."""
        self.browser.execute_async_script("""
            const [view, done] = arguments, before = location.href;
            const drawn = () => requestAnimationFrame(() => done());
            addEventListener('hashchange', drawn, {once: true});
            location.hash = view;
            if (location.href === before) done();
        """, view)

    def script(self, text: str, *given: Any) -> Any:
        return self.browser.execute_script(text, *given)

    # -- what is seen

    def find(self, css: str) -> Any:
        """The first of these elements, as soon as there is one."""
        found: list[Any] = self.air.until(
            lambda: self.browser.find_elements(By.CSS_SELECTOR, css), f'there is {css}')
        return found[0]

    def text(self, css: str) -> str:
        return str(self.script(
            'return document.querySelector(arguments[0])?.innerText ?? ""', css))

    def shows(self, css: str, words: str) -> None:
        self.air.until(lambda: words in self.text(css), f'{css} shows {words!r}')

    def visible(self, css: str) -> bool:
        return bool(self.script(
            'return [...document.querySelectorAll(arguments[0])]'
            '.some((one) => one.checkVisibility())', css))

    def gone(self, css: str) -> None:
        self.air.until(lambda: not self.visible(css), f'{css} is gone')

    def focus(self) -> str:
        return str(self.script(
            'const e = document.activeElement; return e.id || e.getAttribute("href") || e.tagName'
        ))

    def too_wide(self) -> list[str]:
        """What sticks out to the right of a page that may not be scrolled sideways."""
        return list(self.script("""
          const width = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= width) return [];
          return [...document.querySelectorAll('body *')]
            .filter((e) => e.getBoundingClientRect().right > width + 1)
            .map((e) => e.tagName + '.' + e.className).slice(0, 5);
        """))

    # -- what is done

    def click(self, css: str) -> None:
        """Click into the middle of the window, where nothing that stays covers it."""
        self.air.until(lambda: self._clicked(css), f'{css} can be clicked')

    def opens(self, css: str) -> None:
        """Click until a dialog is open: something may move under the first click."""
        clicked = False  # it is not while a former dialog is open

        def is_open() -> bool:
            nonlocal clicked
            if clicked and self.browser.find_elements(By.CSS_SELECTOR, 'dialog[open]'):
                return True
            clicked = self._clicked(css) or clicked
            return False

        self.air.until(is_open, f'{css} opens a dialog')

    def _clicked(self, css: str) -> bool:
        try:
            found = self.browser.find_element(By.CSS_SELECTOR, css)
            self.script('arguments[0].scrollIntoView({block: "center"})', found)
            found.click()
        except NOT_YET:
            return False  # not drawn yet, just drawn anew, or below something that goes away
        return True

    def press(self, *keys: str) -> None:
        """Keys for whatever has the focus."""
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)

    def tab(self) -> str:
        """Press Tab; say where the focus is."""
        self.press(Keys.TAB)
        return self.focus()

    def type(self, field: str, *words: str) -> None:
        """Into a field of the dialog."""
        self.find(f'dialog [name={field}]').send_keys(*words)

    def look(self, width: int, scheme: str, height: int = 900) -> None:
        """Set the size of the window and whether the person likes it light or dark."""
        metrics = {'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': False}
        self.browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', metrics)
        self.media(prefers_color_scheme=scheme)

    def media(self, **features: str) -> None:
        named = [{'name': k.replace('_', '-'), 'value': v} for k, v in features.items()]
        self.browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': named})

    # -- what the browser has noted

    def complaints(self) -> list[str]:
        """What the browser has written on its console since the last call."""
        return [line['message'] for line in self.browser.get_log('browser')]

    def requested(self) -> set[str]:
        """Every address that was asked for since the last call."""
        urls = set()
        for line in self.browser.get_log('performance'):
            message: dict[str, Any] = json.loads(line['message'])['message']
            if message['method'] == 'Network.requestWillBeSent':
                urls.add(message['params']['request']['url'])
            elif message['method'] == 'Network.webSocketCreated':
                urls.add(message['params']['url'])
        return urls

    def strangers(self) -> list[str]:
        """Addresses beyond the tower itself; chrome: never leaves the browser's process."""
        own = (self.air.url, self.air.url.replace('http', 'ws'), 'about:', 'data:', 'chrome:')
        return sorted(url for url in self.requested() if not url.startswith(own))


def violations(page: Page, axe: str, rules: Sequence[str] = ()) -> list[str]:
    """What axe-core finds on the page as it is now, serious and critical findings only."""
    if not page.script('return Boolean(window.axe)'):
        # not execute_script of the file: the page forbids scripts of others, as it should
        page.browser.execute_cdp_cmd('Runtime.evaluate', {'expression': axe})
    options: dict[str, Any] = {'resultTypes': ['violations']}
    if rules:
        options['runOnly'] = {'type': 'rule', 'values': list(rules)}
    found = page.browser.execute_async_script(
        'const [options, done] = arguments;'
        'axe.run(document, options).then((r) => done(r.violations), (e) => done(String(e)))',
        options,
    )
    assert isinstance(found, list), found
    return [
        f'{one["id"]} ({one["impact"]}): {node["html"][:160]}: {node["failureSummary"][:300]}'
        for one in found if one['impact'] in ('serious', 'critical')
        for node in one['nodes'][:3]
    ]
