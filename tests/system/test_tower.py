# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A person acts on real robots through the page of a real tower, in a real browser."""

import json
import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'src/swarm_tower/test/browser'))
pytest.importorskip('pages', reason='no driver: pip install selenium')

from pages import CHROMIUM, DRIVER, Page, chromium  # noqa: E402
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

Make = Callable[..., Any]


class Watched:
    """Lets the page wait for real robots."""

    def __init__(self, made: Any, url: str, tokens: Path) -> None:
        self.made, self.url, self.tokens = made, url, tokens

    def until(self, true: Callable[[], Any], what: str) -> Any:
        found: list[Any] = []

        def done() -> bool:
            found[:] = [true()]
            return bool(found[0])

        self.made.until(done, what)
        return found[0]

    def serves(self) -> bool:
        try:
            with urllib.request.urlopen(f'{self.url}/healthz', timeout=30) as answer:
                return bool(answer.status == 200)
        except OSError:  # it has not started yet
            return False


def submit(page: Page, *argv: str, outputs: str = '') -> str:
    """Fill in the form; returns the job's id, from the address of its detail."""
    page.go('jobs')
    page.opens('#act-submit')
    page.type('argv', '\n'.join(argv))
    page.type('outputs', outputs)
    page.click('dialog .act-go')
    page.air.until(lambda: '#jobs/' in page.browser.current_url, 'the job is shown')
    return str(page.browser.current_url.rpartition('/')[2])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope='module')
def browser() -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip('no browser: apt-get install chromium chromium-driver')
    with chromium() as made:
        yield made


@pytest.fixture(scope='module')
def air(lasting_field: Make, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Three robots, and a tower whose tokens are in its own folder."""
    port, tokens = free_port(), tmp_path_factory.mktemp('tower') / 'tokens.json'
    made = lasting_field(start=False)
    made.swarm.own = {
        'tower': {
            'parts': ['tower'], 'tower_port': port, 'voters': None, 'storage_dir': None,
            'exec_allow': None, 'job_cage': None, 'tower_tokens': str(tokens),
        }
    }
    made.swarm.start('tower')
    made.swarm.start_all()
    made.ready()
    return Watched(made, f'http://127.0.0.1:{port}', tokens)


@pytest.fixture(scope='module')
def made(air: Watched) -> Any:
    return air.made


@pytest.fixture(scope='module')
def page(air: Watched, browser: webdriver.Chrome) -> Page:
    air.until(air.serves, 'the tower serves')
    token = json.loads(air.tokens.read_text())['tokens'][0]['token']
    page = Page(browser, air, token)
    page.open_as_operator('overview')
    page.shows('#leader', air.made.leader())
    return page


def test_job_that_is_submitted_on_the_page_is_followed_to_its_end(page: Page, made: Any) -> None:
    job = submit(page, 'sh', '-c', 'echo done > out.txt', outputs='out.txt')
    page.shows('#job-detail', 'out.txt 5 B')
    page.shows('#job-detail .badge', 'done')
    found = made.reaches(made.leader(), job, 3)
    assert 'by:operator@tower' in found.spec.labels


def test_job_is_cancelled_and_run_again_from_the_page(page: Page, made: Any) -> None:
    job = submit(page, 'sleep', '600')
    page.shows('#job-detail .badge', 'running')
    page.gone('dialog')
    page.opens('#job-detail [data-command=cancel_job]')
    page.press('too long', Keys.ENTER)
    page.shows('#job-detail .badge', 'cancelled')
    page.shows('#job-detail', 'operator@tower: too long')
    page.gone('dialog')
    page.opens('#job-detail [data-command=retry_job]')
    page.press('after all', Keys.ENTER)
    page.shows('#job-detail .badge', 'running')
    page.gone('dialog')
    page.opens('#job-detail [data-command=cancel_job]')
    page.press('enough', Keys.ENTER)
    made.reaches(made.leader(), job, 6)


def test_wrong_job_is_rejected_in_words(page: Page) -> None:
    page.go('jobs')
    page.opens('#act-submit')
    page.type('argv', 'true')
    page.type('inputs', '/no/such/file')
    page.click('dialog .act-go')
    page.shows('dialog .act-said', 'Rejected, nothing was done')
    assert '/no/such/file' in page.text('dialog .act-said')
    assert page.find('dialog [name=argv]').get_property('value') == 'true'
    page.press(Keys.ESCAPE)


def test_override_goes_through_the_log_and_back_into_the_header(page: Page) -> None:
    page.go('overview')
    page.opens('#act-override')
    page.click('dialog [name=mode] option[value=conserve]')
    page.type('reason', 'batteries', Keys.ENTER)
    page.shows('#mode', 'conserve · override')
    page.shows('#mode-note', 'by operator@tower: batteries')
    page.gone('dialog')
    page.opens('#act-clear-override')
    page.press('changed', Keys.ENTER)
    page.air.until(lambda: 'override' not in page.text('#mode'), 'the override is over')
    page.go('events')
    page.shows('#events-panel', 'operator asked for clear_override: committed')


def test_stop_ends_running_jobs_and_is_cleared_again(page: Page, made: Any) -> None:
    job = submit(page, 'sleep', '601')
    page.shows('#job-detail .badge', 'running')
    page.gone('dialog')
    page.press(Keys.F9)
    page.shows('dialog', 'Emergency stop of all robots?')
    page.press(Keys.ENTER)
    page.shows('#act-stopped', '3 of 3 robots heard have stopped')
    page.shows('#act-stopped', 'raised by operator@tower')
    page.air.until(
        lambda: made.job(made.leader(), job).phase != 2, 'the job runs no longer')
    page.gone('dialog')
    page.opens('#act-clear-emergency')
    page.press('looked, nobody there', Keys.ENTER)
    page.gone('#act-stopped')


def test_leadership_is_handed_over_from_the_table_of_robots(page: Page, made: Any) -> None:
    before = made.leader()
    other = next(name for name in ('r1', 'r2', 'r3') if name != before)
    page.go('robots')
    page.gone('dialog')
    page.opens(f'[data-menu={other}]')
    page.click('dialog [data-act=lead]')
    page.type('reason', 'nearer', Keys.ENTER)
    page.shows('#leader', other)
    page.shows('#act-tray', 'committed')
    page.press(Keys.ESCAPE)


@pytest.mark.parametrize('path', ['/api/v1/state', '/api/v1/events', '/api/v1/commands'])
def test_answers_about_a_real_swarm_are_as_the_api_describes_them(page: Page, path: str) -> None:
    pytest.importorskip('jsonschema', reason='missing: pip install "jsonschema>=4"')
    from api_checks import check_answer

    with urllib.request.urlopen(f'{page.air.url}{path}', timeout=30) as answer:
        check_answer('GET', path, answer.status, json.load(answer))


def test_without_a_quorum_the_page_says_that_it_is_not_known(page: Page, made: Any) -> None:
    alive = made.leader()
    dead = [name for name in ('r1', 'r2', 'r3') if name != alive]
    for name in dead:
        made.swarm.kill(name)
    page.go('overview')
    page.shows('#quorum', '1/3')
    page.opens('#act-override')
    page.type('reason', 'x', Keys.ENTER)
    page.shows('dialog .act-said', 'Not known')
    page.shows('#act-tray', 'not known')
    for name in dead:
        made.swarm.start(name)
    made.ready()
    page.shows('#quorum', '3/3')
    page.press(Keys.ENTER)
    page.gone('dialog')
    page.shows('#mode', 'override')
