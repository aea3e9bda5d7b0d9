# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Metrics are valid, documented and bounded; the dashboard asks for those that there are."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from swarm_facts import MS, S, beacon, consciousness, event, job, swarm_state

from swarm_tower.core import facts
from swarm_tower.core.health_tree import OK, WARN, Diagnosed, Diagnoses
from swarm_tower.core.metrics import COUNTER, FAMILIES, GAUGE, HISTOGRAM, exposition
from swarm_tower.core.outcomes import REMEMBERED, Ended, Endings, OutcomeTally
from swarm_tower.core.view import SwarmView
from swarm_tower.web.apis.metrics_api import CONTENT_TYPE, measured, readiness
from swarm_tower.web.hub import Hub

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / 'docs' / 'METRICS.md'
BOARD = Path(__file__).parents[1] / 'grafana' / 'swarm.json'
CLIENT = 'pip install prometheus-client'
NAMES = {family.name for family in FAMILIES}


class Clock:
    def __init__(self) -> None:
        self.ns = 100 * S

    def __call__(self) -> int:
        return self.ns


def hub(clock: Clock | None = None) -> Hub:
    clock = clock or Clock()
    view = SwarmView('swarm', 7, 1500, 5000, clock.ns)
    return Hub(view, 100, clock, lambda: 2_000_000 * MS)


def busy(robots: int = 3) -> Hub:
    made = hub()
    figures = facts.Figures(0.5, 0.4, None, 0.2, 0.1)
    ids = [f'robot_{i}' for i in range(robots)]
    made.fold(beacon(one, leader=ids[0], figures=figures) for one in ids)
    made.fold([swarm_state(sender=ids[0], leader=ids[0]), event('one'), consciousness()])
    made.fold([facts.JobUpdates(9, (job(submitted_ms=1_990_000), job('j2', 'running')))])
    made.fold([Diagnoses(tuple(
        Diagnosed(one, f'/{one}/coordinator: {task}', one, level, '', ())
        for one in ids for task, level in (('jobs', OK), ('storage', WARN))
    ))])
    made.fold([Endings((
        Ended(1, 'j1', 1, 'done', 0.2, 3.0), Ended(2, 'j2', 1, 'failed', 70.0, None)
    ))])
    return made


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """As the real client library reads it."""
    parser = pytest.importorskip('prometheus_client.parser', reason=CLIENT)
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in parser.text_string_to_metric_families(text)
        for one in family.samples
    }


def text_of(made: Hub) -> str:
    return exposition(measured(made))


def value(made: Hub, name: str, **labels: str) -> float | None:
    return samples(text_of(made)).get((name, frozenset(labels.items())))


def test_real_parser_finds_every_family_with_its_kind() -> None:
    parser = pytest.importorskip('prometheus_client.parser', reason=CLIENT)
    found = {one.name: one for one in parser.text_string_to_metric_families(text_of(busy()))}
    for family in FAMILIES:
        name = family.name.removesuffix('_total') if family.kind == COUNTER else family.name
        assert found[name].type == family.kind and found[name].samples, family.name
        assert found[name].documentation == family.help


def test_names_follow_the_conventions() -> None:
    assert len(NAMES) == len(FAMILIES)
    for family in FAMILIES:
        assert re.fullmatch('swarm_[a-z_]+', family.name) and family.help.endswith('.')
        assert family.kind in (GAUGE, COUNTER, HISTOGRAM)
        assert (family.kind == COUNTER) == family.name.endswith('_total')
        assert not re.search('_(ms|permille|percent|millis)', family.name)


def test_every_metric_is_documented_and_every_documented_one_is_exported() -> None:
    rows = re.findall(r'^\| `(swarm_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$', PAGE.read_text(), re.M)
    assert [(name, kind, help_text) for name, kind, _, help_text in rows] == [
        (family.name, family.kind, family.help) for family in FAMILIES
    ]
    shown = samples(text_of(busy()))
    for name, kind, labels, _ in rows:
        names = {name} if kind != HISTOGRAM else {f'{name}_bucket'}
        used = {key for found, pairs in shown if found in names for key, _ in pairs}
        assert used - {'le'} == set(re.findall('`(\\w+)`', labels)), name


def test_values_are_those_of_the_picture() -> None:
    made = busy()
    assert value(made, 'swarm_robots', presence='fresh') == 3
    assert value(made, 'swarm_robot_leads', robot='robot_0') == 1
    assert value(made, 'swarm_robot_leads', robot='robot_1') == 0
    assert value(made, 'swarm_robot_cpu_ratio', robot='robot_0') == 0.25
    assert value(made, 'swarm_robot_battery_ratio', robot='robot_0') == 0.64
    assert value(made, 'swarm_job_oldest_waiting_seconds') == 10
    assert value(made, 'swarm_mode', mode='normal') == 1
    assert value(made, 'swarm_robot_diagnostics', robot='robot_1', level='warn') == 1
    assert value(made, 'swarm_quorum_votes') == 2


def test_histogram_counts_up_to_each_limit() -> None:
    made = busy()
    assert value(made, 'swarm_job_run_seconds_bucket', le='2.5') == 0
    assert value(made, 'swarm_job_run_seconds_bucket', le='5') == 1
    assert value(made, 'swarm_job_run_seconds_count') == 1
    assert value(made, 'swarm_job_queue_seconds_bucket', le='+Inf') == 2
    assert value(made, 'swarm_job_queue_seconds_sum') == pytest.approx(70.2)
    assert value(made, 'swarm_job_attempts_total', outcome='done') == 1


def test_what_is_not_known_has_no_sample() -> None:
    made = hub()
    assert value(made, 'swarm_quorum_votes') is None
    assert value(made, 'swarm_mode', mode='normal') is None
    assert value(made, 'swarm_leader_known') == 0
    assert value(busy(), 'swarm_robot_figure_ratio', robot='robot_0', figure='confidence') is None


def test_silent_robot_keeps_its_age_and_loses_the_rest() -> None:
    clock = Clock()
    made = hub(clock)
    made.fold([beacon('robot_a')])
    assert value(made, 'swarm_robot_running_jobs', robot='robot_a') == 1
    clock.ns += 8 * S
    made.tick()
    assert value(made, 'swarm_robot_up', robot='robot_a') == 0
    assert value(made, 'swarm_robot_heard_age_seconds', robot='robot_a') == pytest.approx(8, abs=1)
    assert value(made, 'swarm_robot_running_jobs', robot='robot_a') is None
    assert value(made, 'swarm_robots', presence='lost') == 1


def test_labels_are_bounded_by_robots_and_fixed_words() -> None:
    few, many = text_of(busy(3)), text_of(busy(40))
    per_robot = {line for line in many.splitlines() if 'robot="' in line}
    fixed = {line.partition(' ')[0] for line in many.splitlines() if 'robot="' not in line}
    assert fixed == {line.partition(' ')[0] for line in few.splitlines() if 'robot="' not in line}
    assert len(per_robot) <= 40 * 24
    flood = hub()
    flood.fold(beacon(f'r{i}') for i in range(500))
    assert text_of(flood).count('swarm_robot_up{') == facts.ROBOTS_MAX


def test_label_cannot_break_out_of_its_line() -> None:
    view = SwarmView('a"b\\c\nd', 7, 1500, 5000)
    clock = Clock()
    found = samples(exposition(measured(Hub(view, 100, clock, clock))))
    labels = next(pairs for name, pairs in found if name == 'swarm_tower_info')
    assert dict(labels)['swarm'] == 'a"b\\c\nd'


def test_outcome_that_is_told_twice_counts_once_and_memory_is_bounded() -> None:
    tally = OutcomeTally()
    for i in range(3 * REMEMBERED):
        for _ in range(2):
            tally.fold(Endings((Ended(i, 'j', 1, 'done', 0.1, 1.0),)), 0)
    assert tally.attempts == {'done': 3 * REMEMBERED}
    assert len(tally._known) == REMEMBERED


def test_scrape_of_fifty_robots_is_some_thousand_samples() -> None:
    made = busy(50)
    before = time.process_time()
    for _ in range(10):
        text_of(made)
    took_ms = (time.process_time() - before) * 100
    print(f'a scrape of 50 robots takes {took_ms:.1f} ms of processor time')
    assert 50 * 15 < len(text_of(made).splitlines()) < 50 * 40


def board_expressions() -> list[str]:
    board = json.loads(BOARD.read_text())
    return [target['expr'] for panel in board['panels'] for target in panel['targets']]


def test_every_metric_of_the_dashboard_exists() -> None:
    named = {name for one in board_expressions() for name in re.findall(r'\bswarm_\w+', one)}
    histograms = {family.name for family in FAMILIES if family.kind == HISTOGRAM}
    there = NAMES | {f'{name}_{end}' for name in histograms for end in ('bucket', 'sum', 'count')}
    assert named and named <= there


def test_dashboard_can_be_imported() -> None:
    board = json.loads(BOARD.read_text())
    assert board['uid'] and board['schemaVersion'] >= 36
    ids = [panel['id'] for panel in board['panels']]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in board['panels']:
        assert panel['title'] and panel['description']
        assert panel['datasource']['uid'] == '${source}'
        at = panel['gridPos']
        cells = {
            (x, y) for x in range(at['x'], at['x'] + at['w'])
            for y in range(at['y'], at['y'] + at['h'])
        }
        assert not cells & taken and at['x'] + at['w'] <= 24
        taken |= cells
    assert {one['name'] for one in board['templating']['list']} == {'source', 'tower'}


def test_ready_is_when_a_robot_was_heard_and_the_feed_is_alive() -> None:
    assert 'ROS_DOMAIN_ID' in readiness(0.5, 0)
    assert 'no sign for 9 s' in readiness(9.0, 3)
    assert readiness(0.5, 1) == ''


def test_sign_of_the_feed_is_its_tick() -> None:
    clock = Clock()
    made = hub(clock)
    clock.ns += 7 * S
    assert made.feed_age_s() == 7
    made.tick()
    assert made.feed_age_s() == 0


def test_content_type_names_the_version_of_the_format() -> None:
    assert 'version=0.0.4' in CONTENT_TYPE


