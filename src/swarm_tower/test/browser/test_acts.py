# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Acting through the page, in a real browser, on robots that do as they are told."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip('pages', reason='no driver: pip install selenium')
pytest.importorskip('robots_on_air', reason='needs ROS 2 and the built swarm_msgs')

from fake_services import FakeServices  # noqa: E402
from pages import Page  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from swarm_msgs.msg import JobStatus, ModeState  # noqa: E402

from swarm_tower.ros.part import PART  # noqa: E402

WRONG = 'w' * 32


@pytest.fixture
def robots(air: OnAir) -> FakeServices:
    return FakeServices(air.swarm)


@pytest.fixture
def page(page: Page, air: OnAir, robots: FakeServices) -> Page:
    air.swarm.publish_state()
    page.shows('#leader', 'robot_a')
    return page


def test_without_a_token_every_control_is_there_and_says_how_to_get_one(
    page: Page, robots: FakeServices
) -> None:
    page.open()
    page.shows('#act-who', 'read-only')
    button = page.find('#act-override')
    assert button.is_enabled() and 'read-only' in button.get_property('textContent')
    page.opens('#act-override')
    page.shows('dialog', 'This page is read-only')
    page.shows('dialog', 'tokens.json')
    page.press(WRONG, Keys.ENTER)
    page.shows('#token-said', 'Wrong token')
    page.press(Keys.ESCAPE)
    page.gone('dialog')
    assert page.focus() == 'act-override'
    page.find('body').send_keys(Keys.F9)
    page.shows('dialog', 'This page is read-only')
    assert not robots.asked


def test_token_that_is_typed_goes_on_with_what_was_wanted(
    page: Page, robots: FakeServices
) -> None:
    page.open()
    page.opens('#act-override')
    page.type('token', page.token + Keys.ENTER)
    page.shows('dialog', 'Decide the mode for a time')
    page.shows('#act-who', 'operator')
    page.browser.refresh()
    page.shows('#act-who', 'operator')  # kept for this tab


def test_token_of_the_link_leaves_the_address_bar_and_wrong_ones_are_told(page: Page) -> None:
    page.open_as_operator('jobs/job-1')
    assert page.browser.current_url == f'{page.air.url}/#jobs/job-1'
    page.script(f"location.hash = 'token={WRONG}'")
    page.click('#act-who')
    page.shows('#token-said', 'Wrong token')
    assert WRONG not in page.browser.current_url
    page.shows('dialog', 'You act as operator')  # the old one goes on counting
    stored = page.script('return JSON.stringify({...localStorage})')
    assert page.token not in stored and page.token not in page.browser.current_url


def test_token_that_no_longer_counts_is_told_without_being_asked(
    page: Page, robots: FakeServices
) -> None:
    page.open(f'token={WRONG}')
    page.shows('#act-who', 'read-only · token not accepted')
    page.open_as_operator()
    path = Path(page.air.config().tower_tokens)
    document = path.read_text()
    restart(page.air, document.replace(page.token, 'n' * 32))
    page.shows('#act-who', 'read-only · token not accepted')
    restart(page.air, document)
    page.shows('#act-who', 'operator')
    page.gone('.act-who.trouble')


def restart(air: OnAir, tokens: str) -> None:
    """The tower comes back at the same address with these tokens."""
    port = air.tower.port
    air.tower.close()
    Path(air.config().tower_tokens).write_text(tokens)
    air.tower = PART.create(air.tower_node, air.config(tower_port=port))


def test_anybody_may_stop_but_not_clear_where_a_parameter_says_so(
    page: Page, robots: FakeServices
) -> None:
    port = page.air.tower.port
    page.air.tower.close()
    config = page.air.config(tower_port=port, tower_stop_without_token=True)
    page.air.tower = PART.create(page.air.tower_node, config)
    page.open()
    page.shows('#act-who', 'read-only')
    page.find('body').send_keys(Keys.F9)
    page.shows('dialog', 'Emergency stop of all robots?')
    page.press(Keys.ENTER)
    page.shows('#act-stopped', 'raised by anybody@tower')
    page.click('#act-clear-emergency')
    page.shows('dialog', 'This page is read-only')


def test_override_and_its_clearing_are_shown_until_they_are_in_the_header(
    page: Page, robots: FakeServices
) -> None:
    page.open_as_operator()
    page.gone('#act-clear-override')
    page.opens('#act-override')
    page.click('dialog [name=mode] option[value=defensive]')
    page.find('dialog [name=minutes]').clear()
    page.type('minutes', '2')
    page.type('reason', 'people near')
    page.script("""
      window.states = [];
      new MutationObserver(() => {
        const now = document.querySelector('.act-row')?.dataset.state;
        if (now && now !== states[states.length - 1]) states.push(now);
      }).observe(document.body, {subtree: true, childList: true, attributes: true});""")
    page.press(Keys.ENTER)
    page.shows('#act-tray', 'committed')
    assert page.script('return states') == ['pending', 'committed']
    page.shows('#mode', 'defensive')
    page.shows('#mode-note', 'operator@tower: people near')
    page.gone('dialog')
    [(_, request)] = robots.of('set_override')
    assert (request.mode, request.duration_ms) == (ModeState.MODE_DEFENSIVE, 120_000)
    assert request.idempotency_key.startswith('page-')
    page.click('#act-clear-override')
    page.press('over', Keys.ENTER)
    page.air.until(lambda: 'override' not in page.text('#mode'), 'the override is over')
    assert page.complaints() == []


def test_rejection_is_told_with_the_reason_and_the_form_stays(
    page: Page, robots: FakeServices
) -> None:
    page.air.swarm.put_job('job-1', JobStatus.PHASE_RUNNING, 'robot_a')
    page.air.swarm.publish_jobs('job-1')
    page.open_as_operator('jobs/job-1')
    robots.refusal = 'job-1 has ended long ago'
    page.click('#job-detail [data-command=cancel_job]')
    page.press('too slow', Keys.ENTER)
    page.shows('dialog .act-said', 'Rejected, nothing was done: job-1 has ended long ago')
    assert page.find('dialog [name=reason]').get_property('value') == 'too slow'
    page.shows('#act-tray', 'rejected')
    robots.refusal = ''
    page.press(Keys.ENTER)
    page.gone('dialog')
    page.shows('#job-detail', 'cancelled')
    page.find('#job-detail [data-command=retry_job]')


def test_what_nobody_answers_is_not_known_and_asking_again_is_the_same_deed(
    page: Page, robots: FakeServices
) -> None:
    page.open_as_operator()
    page.script("""
      window.sent = []; const real = window.fetch;
      window.fetch = (url, asked) => {
        if (asked?.method !== 'POST') return real(url, asked);
        sent.push(JSON.parse(asked.body).idempotency_key);
        return Promise.reject(new TypeError('gone'));
      };""")
    page.opens('#act-override')
    page.type('reason', 'x' + Keys.ENTER)
    page.shows('dialog .act-said', 'it may have happened')
    page.press(Keys.ENTER)
    page.press(Keys.ESCAPE)
    page.shows('#act-tray', 'not known')
    page.click('#act-tray .act-row .small')
    page.air.until(lambda: page.script('return sent.length') == 3, 'asked thrice')
    keys = page.script('return sent')
    assert len(set(keys)) == 1 and keys[0].startswith('page-')


@pytest.mark.parametrize('view', ['overview', 'robots', 'jobs', 'events', 'hardware'])
def test_stop_is_two_keystrokes_from_every_view(
    page: Page, robots: FakeServices, view: str
) -> None:
    page.open_as_operator(view)
    page.find('body').send_keys(Keys.F9)
    page.shows('dialog', 'Emergency stop of all robots?')
    assert not robots.of('raise_emergency')
    page.press(Keys.ENTER)
    page.shows('#act-stopped', 'raised by operator@tower')
    page.shows('#act-stopped', '3 of 3 robots heard have stopped')
    assert {robot for robot, _ in robots.of('raise_emergency')} == set(page.air.swarm.ids)


def test_emergency_is_cleared_by_its_epoch(page: Page, robots: FakeServices) -> None:
    page.open_as_operator()
    page.click('#act-stop')
    page.press(Keys.ENTER)
    page.click('#act-clear-emergency')
    page.shows('dialog', 'raised by operator@tower')
    page.press('nobody there', Keys.ENTER)
    page.gone('#act-stopped')
    [(_, request)] = robots.of('clear_emergency')
    assert (request.epoch, request.reason) == (robots.emergency.epoch - 1, 'nobody there')


def test_who_looks_at_the_past_is_told_that_deeds_are_of_now(
    page: Page, robots: FakeServices
) -> None:
    page.open_as_operator()
    page.browser.execute_async_script(
        'const done = arguments[0];'
        'import("/acts.js").then((acts) => {'
        '  document.getElementById("act-stop").addEventListener("click",'
        '    () => acts.showPast(true), {capture: true, once: true});'
        '  done(); });')
    page.click('#act-stop')
    page.shows('dialog .act-past', 'acts on the swarm as it is now')


def test_escape_leaves_the_stop_alone(page: Page, robots: FakeServices) -> None:
    page.open_as_operator('events')
    page.find('body').send_keys('/')
    page.press(Keys.F9)
    page.shows('dialog', 'Emergency stop')
    page.press(Keys.F9, Keys.ESCAPE)
    page.gone('dialog')
    assert not robots.asked
    assert page.script('return document.activeElement.type') == 'search'


def test_job_is_submitted_from_the_form(page: Page, robots: FakeServices) -> None:
    page.open_as_operator('jobs')
    page.opens('#act-submit')
    page.click('dialog .act-go')
    page.shows('dialog .act-said', 'expected at least one line')
    page.type('argv', 'sh\n-c\nexit 3')
    page.type('requires', 'camera\n')
    page.type('inputs', '/tmp/a b')
    page.click('dialog .act-go')
    page.gone('dialog')
    [(_, request)] = robots.of('submit_job')
    assert list(request.spec.exec[0].argv) == ['sh', '-c', 'exit 3']
    assert list(request.spec.requires) == ['camera']
    assert list(request.input_paths) == ['/tmp/a b']
    assert 'by:operator@tower' in request.spec.labels
    page.shows('#job-detail', 'submitted')


def test_python_job_is_submitted_with_its_arguments_checked(
    page: Page, robots: FakeServices
) -> None:
    page.open_as_operator('jobs')
    page.opens('#act-submit')
    page.click('dialog [name=kind] option[value=python]')
    page.gone('dialog [name=argv]')
    page.type('callable', 'tools.maps:merge')
    page.type('args', '[1, 2')
    page.click('dialog .act-go')
    page.shows('dialog .act-said', 'expected a JSON list or object')
    page.type('args', ']')
    page.click('dialog .act-go')
    page.gone('dialog')
    [(_, request)] = robots.of('submit_job')
    assert request.spec.kind == 'python' and not request.spec.exec
    [work] = request.spec.python
    assert (work.callable, work.arguments) == ('tools.maps:merge', '[1, 2]')


def test_stop_that_did_not_reach_the_tower_says_so_and_can_be_asked_for_again(
    page: Page, robots: FakeServices
) -> None:
    page.open_as_operator()
    page.script(
        'window.real = window.fetch; window.fetch = () => Promise.reject(new TypeError("no"));')
    page.find('body').send_keys(Keys.F9)
    page.press(Keys.ENTER)
    page.shows('#act-tray', 'not known')
    page.shows('#act-tray', 'the tower was not reached')
    page.script('window.fetch = window.real')
    page.click('#act-tray .act-row .small')
    page.shows('#act-stopped', '3 of 3 robots')


def test_robots_can_be_acted_on_from_their_table(page: Page, robots: FakeServices) -> None:
    page.open_as_operator('robots')
    page.click('[data-menu=robot_b]')
    page.click('dialog [data-act=lead]')
    page.type('reason', 'nearer' + Keys.ENTER)
    page.shows('#leader', 'robot_b')
    page.click('dialog [data-act=demote]')
    page.type('reason', 'x' + Keys.ENTER)
    page.air.until(lambda: robots.of('change_member'), 'asked')
    [(_, request)] = robots.of('change_member')
    assert (request.change, request.robot_id) == (2, 'robot_b')
    page.air.until(lambda: not page.text('dialog + dialog'), 'the upper dialog is gone')
    page.press(Keys.ESCAPE)
    page.click('#act-swarm [data-act=freeze]')
    page.type('reason', 'x' + Keys.ENTER)
    page.air.until(lambda: len(robots.of('freeze_learning')) == 3, 'all were asked')
    assert all(request.frozen for _, request in robots.of('freeze_learning'))


def test_dialogs_are_named_for_those_who_cannot_see_and_fit_a_phone(page: Page) -> None:
    page.open_as_operator('jobs')
    page.look(360, 'light')
    page.opens('#act-submit')
    found = page.script("""
      const dialog = document.querySelector('dialog');
      const name = document.getElementById(dialog.getAttribute('aria-labelledby'));
      const inputs = [...dialog.querySelectorAll('input, select, textarea')];
      return {name: name.textContent, modal: dialog.matches(':modal'),
        unlabelled: inputs.filter((one) => !one.labels.length).length};""")
    assert found['name'] == 'Submit a job' and found['modal'] and not found['unlabelled']
    assert page.too_wide() == []
