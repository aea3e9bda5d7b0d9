# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs that do nothing, per second and one by one, and the job of a killed worker, with 3 workers.

`one job`: from submitting to having the result, one after the other, by one client process.
`sustained`: the client submits thousands at once and has all results; jobs by seconds. Ours: three
robot processes with one slot each; the client is a small rclpy program that asks the leader
(_job_client.py), `python` calls a function in the robot's runner, `exec` starts the program
`true`. Celery: three workers of one process each with acks_late, and Redis that syncs each write
to the disk or none. Dask: a scheduler and three workers of one thread. PySyncObj: its replicated
queue in three nodes that also work. All in turn, in rounds; while one is measured the others are
stopped (SIGSTOP; our robots are ended), and go on and settle before their turn.

`processor time a job` counts the servers and workers, not the client. `re-run`: a job that holds
its worker is running, the worker is killed (SIGKILL, with all it started), and the time runs until
the client has the result from another one. What each system promises stands beside it.

The fsync of the same disk (4 KiB appended to a new file) is measured in each round.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from bench._job_robots import LEASE_S, Robots, robots
from bench.peers import available, celery_redis, dask_distributed, pysyncobj_queue
from bench.peers._queues import Queue
from bench.run import write_samples
from bench.table import AT_LEAST, Row, row, tail
from swarm_coordinator.storage.log_store import measure_fsync

ONE_LIMIT_MS = 10.0  # on top of two fsyncs
RATE_LEAST = 1000.0
FSYNCS = 50  # per round
WARM_JOBS = 256
MANY_MOST = 9000  # fewer than the ended jobs that the log keeps
HOLD_S = 600.0  # longer than anybody waits for the first run
VISIBLE_AGAIN_S = round(LEASE_S)  # Celery once more, with as long a time as our lease
FOLDER = Path('build/bench/jobs')
Samples = dict[str, dict[str, list[float]]]  # figure -> name -> of each job or round
Contestant = Robots | Queue


def measure(quick: bool, runs: int = 0) -> list[Row]:
    rounds = runs or (1 if quick else 5)
    taken: Samples = defaultdict(lambda: defaultdict(list))
    promises: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        field = entered(stack)
        for number in range(rounds):
            taken['fsync']['disk'].append(measure_fsync(FOLDER, FSYNCS)[0] / 1000)
            for one in list(field):
                try:
                    with one_turn(one):
                        _round(one, 30 if quick else 200, 1.0 if quick else 5.0, taken)
                except TimeoutError as error:
                    _leave_out(one, field, error)
            print(f'round {number + 1} of {rounds}: {_said(taken)}', flush=True)
        field += entered_for_reruns(stack)
        for number in range(2 if quick else 2 * rounds):
            for one in list(field):
                try:
                    with one_turn(one):
                        _rerun(one, 12.0 if quick else 30.0, taken)
                except TimeoutError as error:
                    _leave_out(one, field, error)
            print(f're-run {number + 1}: {_reruns_said(taken)}', flush=True)
        promises = {one.name: str(one.guarantees) for one in field}
    write_samples('jobs', taken)
    return rows_of(taken, promises)


def entered(stack: contextlib.ExitStack) -> list[Contestant]:
    """Started and stopped, except where something is not installed."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    swarm = stack.enter_context(robots())
    field: list[Contestant] = [swarm.client_of(kind) for kind in ('python', 'exec')]
    has_celery, has_dask, has_pysyncobj = available(
        celery_redis.check, dask_distributed.check, pysyncobj_queue.check
    )
    if has_celery:
        field += [celery_redis.celery(fsync=False), celery_redis.celery(fsync=True)]
    if has_dask:
        field.append(dask_distributed.dask())
    if has_pysyncobj:
        field.append(pysyncobj_queue.pysyncobj_queue())
    return [_begun(stack, one) for one in field]


def entered_for_reruns(stack: contextlib.ExitStack) -> list[Contestant]:
    if not available(celery_redis.check)[0]:
        return []
    return [_begun(stack, celery_redis.celery(fsync=True, visibility_s=VISIBLE_AGAIN_S))]


def _leave_out(one: Contestant, field: list[Contestant], error: TimeoutError) -> None:
    """A peer that lost a job is measured no further; its figures so far stay. Ours is an error."""
    if isinstance(one, Robots):
        raise error
    print(f'{one.name} is left out from here: {error}', flush=True)
    field.remove(one)


def _begun(stack: contextlib.ExitStack, one: Contestant) -> Contestant:
    stack.callback(one.close)
    one.start_all()
    one.settle()
    one.pause()
    return one


@contextlib.contextmanager
def one_turn(one: Contestant) -> Iterator[None]:
    one.resume()
    one.settle()
    try:
        yield
    finally:
        one.pause()


def _round(one: Contestant, singles: int, seconds: float, taken: Samples) -> None:
    taken['one'][one.name] += one.ask(do='one', count=singles)['took_ms']
    warm_s = one.ask(do='many', count=WARM_JOBS)['seconds']
    count = int(min(MANY_MOST, max(WARM_JOBS, WARM_JOBS / warm_s * seconds)))
    before_s = one.cpu_s()
    took_s = one.ask(do='many', count=count)['seconds']
    taken['rate'][one.name].append(count / took_s)
    taken['cpu'][one.name].append((one.cpu_s() - before_s) * 1000 / count)


def _rerun(one: Contestant, limit_s: float, taken: Samples) -> None:
    """Kill who runs a job. Seconds until its result; limit_s and 'lost' where none came."""
    folder = FOLDER / f'{one.name.replace(" ", "_")}-{time.monotonic_ns()}'
    folder.mkdir()
    one.ask(do='marked', folder=str(folder.resolve()), hold_s=HOLD_S)
    pid = int(_first_line(folder / 'runs', limit_s))
    worker = one.worker_of(pid)
    label = one.label_of(worker)
    killed_s = time.monotonic()
    one.kill(worker)
    came = one.ask(do='outcome', timeout_s=limit_s)['came']
    taken['rerun'][label].append(time.monotonic() - killed_s if came else limit_s)
    taken['rerun lost'][label].append(not came)
    one.start(worker)


def _first_line(file: Path, timeout_s: float) -> str:
    """Raises TimeoutError."""
    return _once(lambda: file.read_text().partition('\n')[0] if file.exists() else '', timeout_s)


def _once(look: Callable[[], str], timeout_s: float) -> str:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.01)
    raise TimeoutError(f'no job ran within {timeout_s:.0f} s')


def _said(taken: Samples) -> str:
    return ', '.join(
        f'{name} {statistics.median(taken["one"][name]):.1f} ms {rates[-1]:.0f}/s'
        for name, rates in taken['rate'].items()
    )


def _reruns_said(taken: Samples) -> str:
    return ', '.join(
        f'{name} {">" if taken["rerun lost"][name][-1] else ""}{seconds[-1]:.1f} s'
        for name, seconds in taken['rerun'].items()
    )


OURS = 'ours, python'


def rows_of(taken: Samples, promises: dict[str, str]) -> list[Row]:
    fsync_ms = statistics.median(taken['fsync']['disk'])
    return [
        row('fsync of 4 KiB: p50', 'ms', taken['fsync']['disk']),
        *_one_rows(taken['one'], 2 * fsync_ms + ONE_LIMIT_MS),
        *_pairs('no-op jobs sustained', 'jobs/s', taken['rate'], RATE_LEAST, AT_LEAST),
        *_pairs('processor time a job', 'ms', taken['cpu']),
        *_rerun_rows(taken, promises),
    ]


def _ours(name: str) -> bool:
    return name.startswith('ours')


def _one_rows(of: dict[str, list[float]], target_ms: float) -> list[Row]:
    rows = _pairs('one job, submit to result: p50', 'ms', of, target_ms)
    mine = of[OURS]
    for name, theirs in of.items():
        peer = (theirs, name) if not _ours(name) else (None, '')
        label = 'one job, submit to result: p99' + _suffix(name)
        rows.append(tail(label, 'ms', theirs if _ours(name) else mine, 99, peer=peer[0],
                         peer_name=peer[1]))
    return rows


def _suffix(name: str) -> str:
    return ', exec' if name.endswith('exec') else ''


def _pairs(
    what: str, unit: str, of: dict[str, list[float]], target: float | None = None,
    better: str = 'at most',
) -> list[Row]:
    """Ours with its target, then ours beside each of the others."""
    rows = []
    for name, theirs in of.items():
        if _ours(name):
            goal = target if name == OURS else None
            rows.append(row(what + _suffix(name), unit, theirs, target=goal, better=better))
        else:
            rows.append(row(what, unit, of[OURS], peer=theirs, peer_name=name, better=better))
    return rows


def _rerun_rows(taken: Samples, promises: dict[str, str]) -> list[Row]:
    """One row a system: its own figures stand in it, not ours."""
    rows = []
    for name, seconds in taken['rerun'].items():
        lost = int(sum(taken['rerun lost'][name]))
        never = f', {lost} of {len(seconds)} not within the time' if lost else ''
        # Ours are told apart by whose job it was.
        promise = promises.get(name) or promises.get(name.rpartition(', ')[0], '')
        if _ours(name):
            rows.append(row(f're-run after kill -9: {name}{never}', 's', seconds, target=LEASE_S,
                            note=promise))
        else:
            mine = [s for label, all_s in taken['rerun'].items() if label.startswith(OURS)
                    for s in all_s]
            rows.append(row('re-run after kill -9', 's', mine, peer=seconds,
                            peer_name=name + never, note=f'{name}: {promise}'))
    return rows
