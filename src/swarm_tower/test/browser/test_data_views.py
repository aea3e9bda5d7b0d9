# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Robot, job, elections, leases, files and events in a real browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

pytest.importorskip('pages', reason='no driver: pip install selenium')
pytest.importorskip('robots_on_air', reason='needs ROS 2 and the built swarm_msgs')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue  # noqa: E402
from fake_mind import FakeMind  # noqa: E402
from pages import Page  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from selenium.webdriver.support.ui import Select  # noqa: E402
from swarm_msgs.msg import JobStatus  # noqa: E402

IMU = 'article[data-topic="/robot_b/sensors/imu/data"]'


def choose(page: Page, css: str, value: str) -> None:
    Select(page.find(css)).select_by_value(value)


# -- a robot from close by


def test_robot_that_is_not_known_is_said_to_be_unknown(
    page: Page, air: OnAir
) -> None:
    page.go('robots/robot_z')
    page.shows('#robot-head', 'No robot robot_z is known here')


def test_robot_is_shown_with_sensors_curves_diagnostics_and_what_was_learned(
    page: Page, air: OnAir, mind: FakeMind
) -> None:
    air.swarm.put_job('job-1', JobStatus.PHASE_RUNNING, 'robot_b')
    air.swarm.publish_jobs('job-1')
    air.swarm.publish_inventory('robot_b')
    air.swarm.publish_state()
    mind.tell_own('robot_b')
    mind.tell_reputation()
    page.shows('tr[data-robot=robot_b]', 'live')
    page.go('robots/robot_b')
    page.shows('#robot-diagnostics', 'Nothing heard of this robot on /diagnostics')

    def heard() -> bool:
        mind.sense()
        mind.diagnose()
        return 'Hz' in page.text(IMU) and page.visible(f'{IMU} canvas')

    air.until(heard, 'the sensor has a rate and a curve')
    page.shows('#robot-diagnostics', '1 error, 1 stale, 1 warn, 1 ok')
    names = page.script(
        "return [...document.querySelectorAll('#robot-diagnostics .diagnosis')]"
        '.map((one) => one.dataset.name)')
    assert names == ['lidar', 'gps', 'disk', 'battery']
    page.shows('#robot-mind', 'load 0.8 (cpu)')
    page.shows('#robot-state', '20 GiB')
    page.shows('#robot-sensors', 'no answer')
    page.shows('#robot-jobs', 'job-1')
    page.shows('#robot-learned', '1280 outcomes')
    page.click('article[data-device="usb:0403:6001:A10K"] .why summary')
    page.shows('article[data-device="usb:0403:6001:A10K"] .why', 'ruled out: a modem')
    air.until(lambda: 'no longer heard' in page.text('#robot-diagnostics'), 'they are silent')
    assert page.complaints() == []
    page.look(360, 'light')
    assert page.too_wide() == []


# -- jobs


def test_job_tells_its_story_why_it_went_there_and_what_it_wrote(
    page: Page, air: OnAir, mind: FakeMind
) -> None:
    air.swarm.put_job('job-1', JobStatus.PHASE_RUNNING, 'robot_b')
    air.swarm.publish_jobs('job-1')
    page.shows('#leader', 'robot_a')
    page.go('jobs/job-1')
    page.shows('#job-story', 'robot_b fell silent')
    page.shows('#job-story', '1.7 s later')
    page.shows('#job-routing', 'the circuit breaker keeps jobs away')
    page.shows('#job-routing tr.chosen', 'robot_a/cpu0')
    page.shows('#job-log', 'na\u00efve \u20ac 3.50')
    mind.log += b'and more\n'
    air.swarm.put_job('job-1', JobStatus.PHASE_RUNNING, 'robot_b', attempt=2)
    air.swarm.publish_jobs('job-1')
    page.shows('#job-log', 'and more')
    assert page.text('#job-log').count('packing') == 1
    page.go('jobs/nothing')
    page.shows('#job-detail', 'Job nothing is not known here')


def test_audit_that_was_left_out_is_told_from_work_that_failed(page: Page, air: OnAir) -> None:
    for name, labels in (('job-1', ['audit']), ('job-2', ['logs'])):
        job = air.swarm.put_job(name, JobStatus.PHASE_EXPIRED, reason='its deadline has passed')
        job.spec.labels = labels
    air.swarm.publish_jobs('job-1', 'job-2')
    air.swarm.publish_state()
    page.go('jobs')
    page.shows('#jobs-panel-audits', '1 expired one is an audit')
    page.shows('tr[data-job=job-1]', 'audit: xz')
    assert 'audit' not in page.text('tr[data-job=job-2]')
    page.go('jobs/job-2')
    page.shows('#job-detail', 'its deadline has passed')
    assert not page.visible('#job-audit')
    page.go('jobs/job-1')
    page.shows('#job-audit', 'No work is lost by that.')


def test_queues_tell_the_oldest_and_why_it_waits(
    page: Page, air: OnAir
) -> None:
    for number in range(3):
        air.swarm.put_job(f'job-{number}', JobStatus.PHASE_SUBMITTED, reason='needs sensor:camera')
    air.swarm.put_job('job-9', JobStatus.PHASE_LEASED, 'robot_b')
    air.swarm.publish_jobs(*air.swarm.jobs)
    page.go('jobs')
    page.shows('#job-queues', '3: needs sensor:camera')
    page.shows('#job-queues', '3 (3 exec)')
    rows = page.script(
        "return [...document.querySelectorAll('#job-queues tr')].map((row) => row.innerText)")
    assert any('robot_b' in row and '1 (1 exec)' in row for row in rows)


# -- elections


def test_elections_show_votes_positions_and_who_sees_whom(
    page: Page, air: OnAir, mind: FakeMind
) -> None:
    page.shows('#leader', 'robot_a')
    page.go('log')
    page.shows('#log-terms', 'No election and no leader heard yet')
    mind.elect('robot_b', 9)
    page.shows('#log-terms', 'Term 9')
    page.shows('#log-terms', 'robot_c: log behind')
    page.shows('#log-sights', 'all name robot_a in term 7')
    page.shows('#log-positions', 'robot_c')
    air.swarm.opinions['robot_b'] = 'robot_b'
    page.shows('#log-sights', 'they disagree')
    air.swarm.silent = {'robot_c'}
    page.shows('#log-sights td.late', '! 12 s')
    page.shows('#log-sights', 'not heard')


# -- leases, services, files


def test_leases_services_and_files_are_read_while_they_are_shown(
    page: Page, air: OnAir, mind: FakeMind
) -> None:
    page.shows('#leader', 'robot_a')
    assert mind.asked == []
    page.go('leases')
    page.shows('#leases-panel', 'dock-1')
    page.shows('#leases-panel', 's left')
    page.shows('#services-panel', 'map_server')
    page.go('files')
    page.shows('#files-panel', 'map-3.tar')
    page.shows('#files-panel', '12 %')
    choose(page, '#files-use', 'cached')
    air.until(
        lambda: [list(r.uses) for name, r in mind.asked if name == 'list_files'][-1] == [2],
        'the filter is asked for')
    page.go('overview')
    page.shows('#overview-jobs', 'job')
    asked = len(mind.asked)
    air.spin(5.0)
    assert len(mind.asked) <= asked + 1  # one may have been under way


def test_registry_says_who_did_not_answer(page: Page, air: OnAir) -> None:
    page.shows('#leader', 'robot_a')
    page.go('leases')
    page.shows('#leases-panel .note', 'offers no list_leases')


# -- events


def tell_three(air: OnAir) -> None:
    air.swarm.tell('alpha', 'first thing', 0, 'robot_a')
    air.swarm.tell('beta', 'second thing', 2, 'robot_b')
    air.swarm.tell('alpha', 'third thing', 1, 'robot_b')


def test_events_are_filtered_by_kind_and_subject_and_the_address_says_so(
    page: Page, air: OnAir
) -> None:
    page.shows('#leader', 'robot_a')
    page.go('events')
    tell_three(air)
    page.shows('#view-events', 'third thing')
    choose(page, '#events-panel-kind', 'alpha')
    choose(page, '#events-panel-subject', 'robot_b')
    air.until(lambda: 'first thing' not in page.text('#view-events'), 'the subject counts')
    assert 'third thing' in page.text('#view-events') and 'second' not in page.text('#view-events')
    address = unquote(unquote(page.browser.current_url))
    assert address.endswith('#events/?kind=alpha&subject=robot_b')
    page.browser.refresh()
    page.shows('#view-events', 'third thing')
    air.until(lambda: 'second thing' not in page.text('#view-events'), 'the address counts')


def test_event_has_a_link_of_its_own(page: Page, air: OnAir) -> None:
    page.shows('#leader', 'robot_a')
    page.go('events')
    tell_three(air)
    page.shows('#view-events', 'third thing')
    seq = page.find('#view-events li[data-kind=beta]').get_attribute('data-seq')
    page.click('#view-events li[data-kind=beta] a')
    page.shows('#view-events li.marked', 'second thing')
    assert page.browser.current_url.endswith(f'#events/{seq}')
    page.go('events/99999')
    page.shows('#events-panel', 'Event 99999 is not (or no longer) known')


def test_export_is_what_is_shown_one_event_a_line(
    page: Page, air: OnAir
) -> None:
    page.shows('#leader', 'robot_a')
    page.go('events')
    tell_three(air)
    page.shows('#view-events', 'third thing')
    choose(page, '#events-panel-kind', 'alpha')
    page.script("""
      window.saved = null;
      const make = URL.createObjectURL;
      URL.createObjectURL = (blob) => { blob.text().then((t) => { window.saved = t; });
        return make.call(URL, blob); };
      HTMLAnchorElement.prototype.click = () => {};
    """)
    page.click('#events-panel-export')
    found: Any = air.until(
        lambda: page.script('return window.saved'), 'the export')
    rows = [line for line in found.split('\n') if line]
    assert len(rows) == 2 and all('"kind":"alpha"' in row for row in rows)


@pytest.mark.parametrize('view', ['jobs/job-1', 'log', 'leases', 'files', 'events'])
def test_data_fits_a_phone(
    page: Page, air: OnAir, mind: FakeMind, view: str
) -> None:
    page.look(360, 'light')
    air.swarm.put_job('job-1', JobStatus.PHASE_RUNNING, 'robot_b')
    air.swarm.publish_jobs('job-1')
    page.shows('#leader', 'robot_a')
    page.go(view)
    mind.elect('robot_b', 9)
    air.spin(1.5)
    assert page.too_wide() == []


# -- diagnostics of all


def test_robots_table_names_the_worst_of_each_robot_and_its_faults(
    page: Page, air: OnAir, mind: FakeMind
) -> None:
    beat = air.swarm.beat

    def say() -> None:
        beat()
        mind.diagnose()
        mind.diagnose_faults('robot_c', 17)

    air.swarm.beat = say  # type: ignore[method-assign]
    page.go('robots')
    robot = '#view-robots tr[data-robot={}] [data-label={}]'
    page.shows(robot.format('robot_b', 'Health'), 'error: lidar')
    page.shows(robot.format('robot_c', 'Health'), 'ok')
    page.shows(robot.format('robot_c', 'Faults'), '17')
    page.shows(robot.format('robot_b', 'Faults'), '\u2013')  # told nothing: not 0
    title = "return document.querySelector('#view-robots tr[data-robot=robot_b] .health').title"
    assert page.script(title) == 'no scan for 9 s (1 error, 1 stale, 1 warn, 1 ok)'
    rows = (
        "return [...document.querySelectorAll('#view-robots tbody tr')]"
        '.map((r) => r.dataset.robot)'
    )
    page.click('#robots-sort [value=health]')
    air.until(lambda: page.script(rows)[0] == 'robot_b', 'the worst first')
    page.click('#robots-sort [value=faults]')
    air.until(lambda: page.script(rows)[0] == 'robot_c', 'the most faults first')
    page.look(360, 'light')
    page.shows(robot.format('robot_b', 'Health'), 'error: lidar')
    assert page.too_wide() == []
    page.click('#view-robots tr[data-robot=robot_b] .health')
    page.shows('#robot-diagnostics', 'no scan for 9 s')


def test_diagnostics_are_a_tree_with_the_worst_first(
    page: Page, air: OnAir
) -> None:
    publisher = air.swarm_node.create_publisher(DiagnosticArray, '/diagnostics', 10)

    def say(level: bytes) -> None:
        task = DiagnosticStatus(
            level=level, name='/robot_b/coordinator: disk', message='3 MiB left',
            hardware_id='robot_b', values=[KeyValue(key='free', value='3')],
        )
        publisher.publish(DiagnosticArray(status=[task]))

    beat = air.swarm.beat
    said = [DiagnosticStatus.ERROR]
    air.swarm.beat = lambda: (beat(), say(said[0]))  # type: ignore[assignment]
    page.go('diagnostics')
    page.shows('#diagnostics-panel [data-robot=robot_b] > summary', 'error')
    page.shows('#diagnostics-panel .tools', '1 error')
    page.shows('#diagnostics-panel [data-name=disk] > summary', '3 MiB left')
    page.shows('#diagnostics-panel [data-name=disk] > summary', 'for ')
    first = "return document.querySelector('#diagnostics-panel .tree > details').dataset.robot"
    assert page.script(first) == 'robot_b'
    page.click('#diagnostics-panel [data-name=disk] > summary')
    page.shows('#diagnostics-panel [data-name=disk] dl', 'free')

    page.click('#diagnostics-bad')
    page.shows('#diagnostics-panel .tree', 'robot_b')
    page.find('#diagnostics-filter').send_keys('nothing such')
    page.shows('#diagnostics-panel', 'Nothing fits.')
    page.find('#diagnostics-filter').clear()
    page.click('#diagnostics-bad')

    said[0] = DiagnosticStatus.OK
    page.shows('#diagnostics-panel [data-name=disk] > summary', 'ok')
    air.swarm.beat = beat  # type: ignore[method-assign]
    gone = 'no longer heard; last ok: 3 MiB left'
    page.shows('#diagnostics-panel [data-name=disk] > summary', gone)
    page.shows('#diagnostics-panel [data-robot=robot_b] > summary', 'stale')
    air.swarm_node.destroy_publisher(publisher)
