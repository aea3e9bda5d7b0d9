# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the measurements of jobs make of their samples, without robots and without peers."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from bench import _job_load, _job_work, _makespan_sim, jobs, makespan
from bench._job_work import Field, RobotNature, fails, pieces
from bench._makespan_bound import Speed, best_found_ms, bound_ms
from bench.peers import Missing, _job_orders, celery_redis
from bench.peers._queues import python_with
from bench.table import row, table

# ---- orders


class Obedient:
    def __init__(self) -> None:
        self.did: list[Any] = []

    def one(self) -> None:
        self.did.append('one')

    def many(self, count: int) -> None:
        self.did.append(count)

    def marked(self, folder: str, hold_s: float) -> None:
        self.did.append(folder)

    def outcome(self, timeout_s: float) -> bool:
        return timeout_s > 1

    def at(self, server: str) -> None:
        self.did.append(server)


def test_orders_are_obeyed_one_line_each() -> None:
    asked: list[dict[str, Any]] = [
        {'do': 'one', 'count': 2},
        {'do': 'many', 'count': 7},
        {'do': 'marked', 'folder': 'f', 'hold_s': 1.0},
        {'do': 'outcome', 'timeout_s': 2.0},
        {'do': 'at', 'server': 's'},
    ]
    client, said = Obedient(), io.StringIO()
    _job_orders.serve(client, io.StringIO(''.join(json.dumps(one) + '\n' for one in asked)), said)
    answers = [json.loads(line) for line in said.getvalue().splitlines()]
    assert client.did == ['one', 'one', 7, 'f', 's']
    assert len(answers) == 1 + len(asked)
    assert len(answers[1]['took_ms']) == len(answers[1]['began_ns']) == 2
    assert answers[4] == {'came': True}


def test_unknown_order_says_what_was_expected() -> None:
    with pytest.raises(ValueError, match='expected one, many'):
        _job_orders.obey(Obedient(), {'do': 'nothing'})


def test_only_the_first_run_of_a_marked_job_holds_its_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr('time.sleep', slept.append)
    for _ in range(3):
        _job_orders.marked(str(tmp_path), 600.0)
    assert slept == [600.0]
    assert len((tmp_path / 'runs').read_text().splitlines()) == 3


def test_missing_job_system_is_named_with_its_command(tmp_path: Path) -> None:
    with pytest.raises(Missing, match='pip install distributed==1'):
        python_with('distributed', '1', 'distributed', tmp_path / 'python')


def test_celery_with_fsync_differs_in_its_redis_only() -> None:
    bare, synced = celery_redis.celery(fsync=False), celery_redis.celery(fsync=True)
    assert synced.redis_command()[-2:] == ['--appendfsync', 'always']
    assert 'appendfsync' not in ' '.join(bare.redis_command())
    assert bare.visibility_s == synced.visibility_s == 3600


# ---- jobs


def samples() -> jobs.Samples:
    return {
        'fsync': {'disk': [1.0]},
        'one': {'ours, python': [9.0, 10.0, 30.0], 'ours, exec': [20.0], 'Dask': [5.0]},
        'rate': {'ours, python': [1100.0], 'ours, exec': [100.0], 'Dask': [800.0]},
        'cpu': {'ours, python': [1.0], 'ours, exec': [9.0], 'Dask': [2.0]},
        'rerun': {'ours, python, of the leader': [4.0], 'Dask': [30.0, 2.0]},
        'rerun lost': {'ours, python, of the leader': [False], 'Dask': [True, False]},
    }


def test_latency_is_held_against_two_fsyncs_of_the_same_run_and_rate_against_a_thousand() -> None:
    rows = {one.what: one for one in jobs.rows_of(samples(), {}) if one.target is not None}
    assert rows['one job, submit to result: p50'].target == 2 * 1.0 + jobs.ONE_LIMIT_MS
    assert rows['one job, submit to result: p50'].met is True
    assert rows['no-op jobs sustained'].met is True
    assert 'one job, submit to result: p50, exec' not in rows


def test_each_peer_stands_beside_ours_with_what_it_promises() -> None:
    promises = {'ours, python': 'three copies', 'Dask': 'one copy'}
    rows = jobs.rows_of(samples(), promises)
    (dask,) = [one for one in rows if one.what.startswith('re-run') and one.peer is not None]
    assert dask.note == 'Dask: one copy' and '1 of 2 not within' in dask.peer_name
    (ours,) = [one for one in rows if one.what.startswith('re-run') and one.peer is None]
    assert ours.note == 'three copies' and ours.met is True
    rates = [one for one in rows if one.what == 'no-op jobs sustained']
    assert [one.ratio for one in rates] == [None, 1100.0 / 800.0]


def test_note_is_shown_only_where_there_is_one() -> None:
    assert 'note' not in table([row('a', '', [1.0])]).splitlines()[0]
    assert table([row('a', '', [1.0], note='why')]).splitlines()[2].endswith('why')


# ---- stages and functions


def test_stages_of_a_job_add_up_to_the_whole() -> None:
    ms = 1_000_000
    notes = {
        'r1': [(1 * ms, 'asked', ''), (3 * ms, 'submitted', 'j'), (6 * ms, 'granted', 'j'),
               (21 * ms, 'completed', 'j')],
        'r2': [(4 * ms, 'submitted', 'j'), (7 * ms, 'granted', 'j'), (9 * ms, 'start', 'j'),
               (15 * ms, 'end', 'j'), (22 * ms, 'completed', 'j')],
    }
    (found,) = _job_load.stages_of('r1', notes, [0], [25 * ms])
    assert found == (1, 2, 3, 1, 2, 6, 6, 4)
    assert len(found) == len(_job_load.STAGES) and sum(found) == 25


@pytest.mark.parametrize('missing', ['asked', 'submitted', 'granted', 'start', 'end', 'completed'])
def test_job_with_a_missing_note_is_left_out(missing: str) -> None:
    whole = ['asked', 'submitted', 'granted', 'start', 'end', 'completed']
    notes = {'r1': [(at, what, '' if what == 'asked' else 'j')
                    for at, what in enumerate(whole, 1) if what != missing]}
    assert _job_load.stages_of('r1', notes, [0], [10]) == []


def test_own_time_and_time_with_callees_are_told_apart_and_recursion_counts_once() -> None:
    folded = ['run (a.py:1);work (b.py:7) 3', 'run (a.py:2);work (b.py:9);work (b.py:8) 1']
    found, total = _job_load.shares(folded)
    by_name = {one.function: one for one in found}
    assert total == 4
    assert by_name['run (a.py)'].own == 0 and by_name['run (a.py)'].whole == 1
    assert by_name['work (b.py)'].own == 1 and by_name['work (b.py)'].whole == 1


# ---- makespan


def test_bound_is_all_work_over_all_robots_or_the_longest_job_on_the_quickest() -> None:
    robots = {'a': Speed(1.0, 1.0), 'b': Speed(1.0, 0.5)}
    assert bound_ms([10.0] * 3, robots) == pytest.approx(20.0)
    assert bound_ms([90.0, 10.0], robots) == pytest.approx(90.0)


def exhaustive_ms(works: list[float], robots: dict[str, Speed]) -> float:
    return min(
        max(sum(w / robots[name].effective for w, at in zip(works, chosen, strict=True)
                if at == name) for name in robots)
        for chosen in itertools.product(robots, repeat=len(works))
    )


@pytest.mark.parametrize('works', [[5.0, 4.0, 3.0, 3.0, 3.0], [8.0, 1.0, 1.0], [2.0] * 7])
def test_optimum_of_whole_jobs_lies_between_bound_and_best_found(works: list[float]) -> None:
    robots = {'a': Speed(1.0, 1.0), 'b': Speed(1.0, 0.7), 'c': Speed(0.25, 1.0)}
    optimum = exhaustive_ms(works, robots)
    assert bound_ms(works, robots) <= optimum + 1e-9
    assert optimum - 1e-9 <= best_found_ms(works, robots) <= 1.1 * optimum


def test_policies_are_held_against_the_run_of_the_same_batch() -> None:
    def span(took_ms: float) -> makespan.Span:
        return makespan.Span(took_ms, 100.0, 104.0, {})

    rows = makespan.rows_of({'cost': [span(120), span(140)], 'round_robin': [span(200), span(160)],
                             'least_loaded': [span(130), span(140)]}, 'batch')
    found = {one.what: one for one in rows}
    assert found['batch by cost: of the best possible'].ours == pytest.approx(1.3)
    assert found['batch by cost: of the best possible'].met is False
    assert found['batch by cost, of round_robin'].ours == pytest.approx((0.6 + 0.875) / 2)
    assert found['batch by cost, of least_loaded'].met is False


def test_failures_are_drawn_anew_with_each_grant_and_as_often_as_asked() -> None:
    drawn = [fails('job', str(grant), '1', 300) for grant in range(2000)]
    assert drawn == [fails('job', str(grant), '1', 300) for grant in range(2000)]
    assert 0.27 < sum(drawn) / len(drawn) < 0.33
    assert not any(fails('job', str(grant), '1', 0) for grant in range(100))


def test_slow_robot_rests_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = itertools.count()
    monkeypatch.setattr(_job_work.time, 'monotonic', lambda: float(next(clock)))
    monkeypatch.setattr(_job_work.time, 'sleep', slept.append)
    whole = pieces(10, 1.0, 4)
    assert slept == []
    assert pieces(10, 0.25, 4) == whole
    assert slept == [3.0, 3.0, 3.0]  # three seconds of rest for each of work


def test_nature_of_robots_is_read_as_it_was_written(tmp_path: Path) -> None:
    field = Field(12.5, {4711: RobotNature(0.5, 300, ''), 8: RobotNature(0.125, 0, '/group')})
    field.write(tmp_path / 'field.json')
    assert Field.read(tmp_path / 'field.json') == field


def test_simulated_batch_is_the_same_for_the_same_seed_and_obeys_its_bound() -> None:
    span = _makespan_sim.one_span('cost', 'coarse', seed=3)
    assert span == _makespan_sim.one_span('cost', 'coarse', seed=3)
    assert sum(span.jobs.values()) == sum(makespan.BATCHES['coarse'].values())
    # Failures are drawn, so a lucky run may be shorter than the average that the bound is of.
    assert 0.6 < span.of_bound < 2


def test_giving_out_everything_at_once_takes_longer_on_robots_of_unequal_speed() -> None:
    soon = _makespan_sim.one_span('round_robin', 'fine', seed=1)
    at_once = _makespan_sim.one_span('round_robin at once', 'fine', seed=1)
    assert at_once.took_ms > 1.3 * soon.took_ms
