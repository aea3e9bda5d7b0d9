# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Python jobs in warm workers: what a call sees, what it may do wrong, and what becomes of the
worker then. With real processes; the functions are in python_calls.py."""

from __future__ import annotations

import json
import os
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runner_bench import (
    LIMITS,
    WAIT_S,
    Bench,
    eventually,
    fast_end,
    function,
    gone,
    word_from,
)

from swarm_coordinator.core.worker import ProcessEnd
from swarm_coordinator.runner import python_pool
from swarm_coordinator.runner.job_runner import RunnerSetup
from swarm_coordinator.runner.limits import RunLimits

FUNCTIONS = (
    'noop', 'add', 'counted', 'surroundings', 'copy', 'says', 'tells', 'stubborn', 'fails',
    'fails_in_library', 'big', 'strange', 'make_loop', 'exits', 'vanishes', 'crashes',
    'closes_everything', 'closes_stdout', 'forges', 'leaves_process', 'leaves_orphan',
    'leaves_thread', 'takes_memory', 'writes', 'prints', 'floods', 'deep', 'Tools.twice',
)
ALLOWED = tuple(f'python_calls:{name}' for name in FUNCTIONS)


def bench_in(folder: Path, workers: int = 1, allow: tuple[str, ...] = ALLOWED,
             limits: RunLimits = LIMITS) -> Bench:
    made = Bench(folder, limits, RunnerSetup(allow, workers))
    made.runner.warm()
    return made


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    fast_end(monkeypatch)
    made = bench_in(tmp_path)
    yield made
    made.close()


def call(bench: Bench, name: str, *arguments: Any, **fields: Any) -> ProcessEnd:
    return bench.run(function(name, json.dumps(arguments), **fields))


def value(end: ProcessEnd) -> Any:
    assert (end.exit_code, end.reason, end.unable, end.stopped) == (0, '', False, False), end
    return json.loads(end.result)


def worker_of(bench: Bench) -> int:
    return int(value(call(bench, 'counted'))[0])


def test_value_of_the_function_is_the_result(bench: Bench) -> None:
    assert value(call(bench, 'add', 3, 4)) == 7
    assert value(bench.run(function('add', '{"second": 5, "first": 1}'))) == 6
    assert value(call(bench, 'Tools.twice', 21)) == 42
    assert call(bench, 'noop').result == ''
    assert bench.run(function('noop')).exit_code == 0


def test_calls_share_a_warm_process(bench: Bench) -> None:
    first, second = value(call(bench, 'counted')), value(call(bench, 'counted'))
    assert second == [first[0], 2]


def test_call_sees_its_own_surroundings_and_leaves_none_to_the_next(bench: Bench) -> None:
    for number in (1, 2):
        told = value(call(bench, 'surroundings'))
        folder = str(bench.folder / str(number))
        assert told == {
            'SWARM_JOB_ID': f'r1-1-{number}', 'SWARM_ATTEMPT': '1', 'SWARM_TOKEN': '5',
            'SWARM_COMPUTE_UNIT': 'cpu0', 'HOME': folder, 'EXTRA': '', 'folder': folder,
            'token': 5, 'job': f'r1-1-{number}', 'temporary': folder, 'path': told['path'],
        }
        assert told['path'] != '/nowhere'
    assert bench.clean()


def test_inputs_and_outputs_are_in_the_working_folder(bench: Bench) -> None:
    given = bench.given('in/a', 'abc')
    end = call(bench, 'copy', 'in/a', 'b', inputs=(given,), outputs=('b',))
    assert value(end) == 3 and bench.output(end) == 'abc'


def test_output_and_progress_of_a_call_are_its_own(bench: Bench) -> None:
    first, second = call(bench, 'says'), call(bench, 'noop')
    assert bench.printed(first) == 'to stdout\n'
    assert bench.printed(first, 'stderr') == 'to stderr\n'
    assert bench.printed(second) == bench.printed(second, 'stderr') == ''
    told = bench.progress.get(timeout=WAIT_S)
    assert (told.job_id, told.token) == (first.job_id, 5)
    # Depends on how much of it was read at once.
    assert (told.text, told.permille, told.sequence) in {
        ('beginning', 0, 1), ('half way there', 500, 2), ('half way there', 1000, 3),
    }


def test_exception_is_the_reason_with_the_place(bench: Bench) -> None:
    end = call(bench, 'fails', 'bad floor')
    assert end.exit_code == 1 and not end.unable
    assert end.reason.startswith('ValueError: bad floor (')
    assert 'python_calls.py:' in end.reason and end.reason.endswith(' in fails)')
    assert 'Traceback' in bench.printed(end, 'stderr')
    worker = worker_of(bench)
    end = call(bench, 'fails_in_library')
    assert end.reason.startswith('JSONDecodeError: Expecting') and 'fails_in_lib' in end.reason
    assert worker_of(bench) == worker, 'an exception does not cost the worker'


@pytest.mark.parametrize(
    ('name', 'arguments', 'expected'),
    [
        ('fails', ['x' * 5000], 'ValueError: xxx'),
        ('add', [], 'TypeError: add() missing'),
        ('strange', ['set'], 'TypeError: Object of type set is not JSON serializable'),
        ('strange', ['nan'], 'ValueError: Out of range float'),
        ('strange', ['surrogate'], 'UnicodeEncodeError'),
        ('make_loop', [], 'ValueError: Circular reference'),
        ('deep', [], 'RecursionError'),
        ('exits', [3], 'exit code 3'),
        ('exits', ['no floor'], 'no floor'),
        ('big', [8191], 'its result takes 8193 bytes as JSON, at most 8192: write it to a file'),
    ],
)
def test_failure_is_told_shortly(
    bench: Bench, name: str, arguments: list[Any], expected: str
) -> None:
    end = call(bench, name, *arguments)
    assert end.exit_code not in (0, None) and end.reason.startswith(expected), end.reason
    assert len(end.reason) <= 1000 and end.result == ''


def test_largest_result_and_arguments_pass(bench: Bench) -> None:
    assert len(value(call(bench, 'big', 8190))) == 8190
    arguments = json.dumps(['x' * (64 * 1024 - 4)])
    assert bench.run(function('fails', arguments)).reason.startswith('ValueError: xxx')
    end = bench.run(function('fails', arguments + ' '))
    assert end.unable and 'expected at most 65536 bytes' in end.reason


def test_sys_exit_without_a_code_is_success(bench: Bench) -> None:
    assert call(bench, 'exits', None).exit_code == 0


@pytest.mark.parametrize(
    ('name', 'arguments', 'expected'),
    [
        ('vanishes', [0], 'the process of the call ended: exit code 0: last words'),
        ('vanishes', [7], 'the process of the call ended: exit code 7: last words'),
        ('crashes', [], 'the process of the call ended: ended by signal 11 (SIGSEGV)'),
    ],
)
def test_function_that_ends_its_process_fails_alone(
    bench: Bench, name: str, arguments: list[Any], expected: str
) -> None:
    worker = worker_of(bench)
    bench.start(function(name, json.dumps(arguments)))
    after = bench.start(function('add', '[1, 1]'))
    end, good = bench.end(), bench.end()
    assert end.exit_code not in (0, None) and end.reason.startswith(expected) and not end.unable
    assert good.job_id == after and value(good) == 2
    assert worker_of(bench) != worker


@pytest.mark.parametrize('name', ['closes_everything', 'forges'])
def test_function_that_breaks_the_link_to_its_worker_fails_alone(bench: Bench, name: str) -> None:
    end = call(bench, name)
    assert end.exit_code not in (0, None) and not end.unable
    assert value(call(bench, 'add', 1, 1)) == 2


def test_worker_without_its_stdout_is_replaced(bench: Bench) -> None:
    worker = worker_of(bench)
    assert value(call(bench, 'closes_stdout')) == 'done'
    assert worker_of(bench) != worker


def test_time_limit_ends_the_worker_and_another_one_takes_over(bench: Bench) -> None:
    worker = worker_of(bench)
    end = call(bench, 'tells', '/dev/null', '', timeout_ms=100)
    assert (end.exit_code, end.reason) == (None, 'not done within 100 ms') and gone(worker)
    assert worker_of(bench) != worker


@pytest.mark.parametrize('name', ['tells', 'stubborn'])
def test_stopped_call_ends_even_if_it_ignores_that(
    bench: Bench, tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / 'fifo')
    arguments = [str(tmp_path / 'fifo'), 'x'][: 2 if name == 'tells' else 1]
    job_id = bench.start(function(name, json.dumps(arguments), timeout_ms=0))
    pid = int(word_from(tmp_path / 'fifo').split()[0])
    waiting = bench.start(function('add', '[1, 1]'), token=6)
    bench.runner.stop(job_id, 5, 'cancelled')
    ends = {end.job_id: end for end in (bench.end(), bench.end())}
    assert ends[job_id].reason == 'cancelled' and ends[job_id].stopped and gone(pid)
    assert value(ends[waiting]) == 2, 'what waited for the worker is done by the next'


def test_call_that_waits_for_a_worker_can_be_stopped(bench: Bench, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'fifo')
    first = bench.start(function('tells', json.dumps([str(tmp_path / 'fifo'), ''])))
    word_from(tmp_path / 'fifo')
    second = bench.start(function('noop'), token=9)
    bench.runner.stop(second, 9, 'cancelled')
    end = bench.end()
    assert (end.job_id, end.reason, end.stopped) == (second, 'cancelled', True)
    bench.runner.stop(first, 5, 'cancelled')
    assert bench.end().job_id == first


@pytest.mark.parametrize('new_session', [False, True])
def test_process_that_a_call_leaves_ends_with_it(
    bench: Bench, tmp_path: Path, new_session: bool
) -> None:
    worker = worker_of(bench)
    fifo = tmp_path / 'fifo'
    os.mkfifo(fifo)
    held = os.open(fifo, os.O_RDWR)
    pid = value(call(bench, 'leaves_process', str(fifo), new_session))
    assert gone(pid), 'gone before the end is reported'
    assert worker_of(bench) != worker
    os.close(held)


def test_orphan_of_a_call_is_found(bench: Bench, tmp_path: Path) -> None:
    worker = worker_of(bench)
    os.mkfifo(tmp_path / 'fifo')
    job_id = bench.start(function('leaves_orphan', json.dumps([str(tmp_path / 'fifo')])))
    pid = int(word_from(tmp_path / 'fifo'))
    end = bench.end()
    assert end.job_id == job_id and end.exit_code == 0 and gone(pid)
    assert worker_of(bench) != worker


def test_worker_with_a_thread_too_many_is_replaced(bench: Bench) -> None:
    worker = worker_of(bench)
    assert call(bench, 'leaves_thread').exit_code == 0
    assert worker_of(bench) != worker


def test_memory_limit_is_an_exception_and_spares_the_worker(bench: Bench) -> None:
    worker = worker_of(bench)
    end = call(bench, 'takes_memory', 50_000_000, memory_bytes=20_000_000)
    assert end.exit_code == 1 and end.reason.startswith('MemoryError')
    assert value(call(bench, 'takes_memory', 50_000_000)) == 50_000_000, 'its limit is over'
    assert worker_of(bench) == worker


def test_file_size_limit_is_an_exception(bench: Bench) -> None:
    assert 'File too large' in call(bench, 'writes', 'a', 2_000_000).reason
    assert 'File too large' in call(bench, 'writes', 'a', 2000, file_bytes=1000).reason
    assert call(bench, 'writes', 'a', 2000).exit_code == 0


def test_worker_is_replaced_after_many_calls_without_a_pause(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_pool, 'CALLS_MAX', 5)
    workers = [worker_of(bench)]
    while len(set(workers)) < 3:
        workers.append(worker_of(bench))
        assert len(workers) < 5000
    assert workers.count(workers[0]) >= 5
    assert gone(workers[0])


def test_worker_that_has_grown_is_replaced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_pool, 'GROWTH_KB_MAX', 10_000)
    worker = worker_of(bench)
    assert value(call(bench, 'takes_memory', 30_000_000, True)) == 30_000_000
    assert eventually(lambda: worker_of(bench) != worker)


def test_as_many_calls_run_at_a_time_as_there_are_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast_end(monkeypatch)
    bench = bench_in(tmp_path, workers=2)
    for number in range(3):
        os.mkfifo(tmp_path / f'fifo{number}')
        bench.start(function('tells', json.dumps([str(tmp_path / f'fifo{number}'), 'here'])))
    pids = {word_from(tmp_path / f'fifo{number}') for number in range(2)}
    assert len(pids) == 2
    bench.runner.stop('r1-1-1', 5, 'enough')
    assert word_from(tmp_path / 'fifo2').split()[0] not in {pid.split()[0] for pid in pids}
    bench.close()


def test_what_can_be_called_is_told_with_what_is_wrong_about_the_rest(tmp_path: Path) -> None:
    (tmp_path / 'x.py').write_text('')
    allow = ('python_calls:add', 'python_calls:nothing', 'no_such_module:f',
             'python_calls:not_a_function', 'json:loads')
    bench = bench_in(tmp_path, allow=allow)
    names, problems = bench.callables.get(timeout=WAIT_S)
    assert names == ('python_calls:add', 'json:loads')
    assert problems == {
        'python_calls:nothing': "AttributeError: module 'python_calls' has no attribute 'nothing'",
        'no_such_module:f': "ModuleNotFoundError: No module named 'no_such_module'",
        'python_calls:not_a_function': 'TypeError: not_a_function is no function',
    }
    end = bench.run(function('nothing'))
    assert end.unable and 'nothing cannot be called here: AttributeError' in end.reason
    with pytest.raises(queue.Empty):
        bench.callables.get_nowait()
    bench.close()


def test_function_off_the_allow_list_is_not_called(tmp_path: Path) -> None:
    bench = bench_in(tmp_path, allow=('python_calls:add',))
    end = bench.run(function('noop'))
    assert end.unable and end.reason == (
        "'python_calls:noop' is not on the allow-list: python_calls:add"
    )
    bench.close()


def test_calls_go_to_others_where_no_worker_can_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_pool.sys, 'executable', '/bin/false')
    bench = bench_in(tmp_path)
    end = bench.run(function('noop'))
    assert end.unable and 'no python worker can be started: exit code 1' in end.reason
    bench.close()


def test_flood_of_progress_is_told_seldom_and_harms_nothing(bench: Bench) -> None:
    end = call(bench, 'floods', 20_000)
    assert end.exit_code == 0
    assert 1 <= bench.progress.qsize() <= end.run_ms // 250 + 3
    assert value(call(bench, 'add', 1, 1)) == 2


def test_of_an_endless_output_head_and_tail_are_kept(bench: Bench) -> None:
    end = call(bench, 'prints', 20)
    assert end.exit_code == 0
    read = bench.logs.read(end.job_id, 1, 'stdout', 0, 10)
    assert read.size == 20 << 20 and read.dropped > 18 << 20 and read.data == b'x' * 10
    assert bench.logs.kept()[0].disk_bytes < 2 << 20


def test_close_ends_workers_and_what_they_call(bench: Bench, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'fifo')
    bench.start(function('stubborn', json.dumps([str(tmp_path / 'fifo')])))
    pid = int(word_from(tmp_path / 'fifo').split()[0])
    bench.runner.close()
    assert gone(pid) and bench.end().reason == 'the robot stops'
