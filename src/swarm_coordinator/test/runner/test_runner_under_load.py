# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Many jobs at once, stopped at any moment: each ends once, and nothing is left."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest
from runner_bench import Bench, eventually, exec_job, fast_end, function, shell

from swarm_coordinator.core.jobs.spec import JobSpec
from swarm_coordinator.runner.job_runner import RunnerSetup

JOBS = 150
CALLS = ('noop', 'add', 'says', 'vanishes', 'leaves_thread', 'tells')


def some_job(rng: random.Random) -> JobSpec:
    return rng.choice([
        lambda: exec_job('true'),
        lambda: shell('echo x > o; echo y', outputs=('o',)),
        lambda: shell('sleep 600', timeout_ms=rng.randint(1, 40)),
        lambda: shell('setsid sleep 600 & kill -9 $$'),
        lambda: shell('mkdir -p a; echo x > a/b; exit 3'),
        lambda: exec_job('no-such-program'),
        lambda: function('noop'),
        lambda: function('add', '[1, 2]'),
        lambda: function('says'),
        lambda: function('vanishes', '[3]'),
        lambda: function('tells', '["/dev/null", ""]', timeout_ms=rng.randint(1, 40)),
        lambda: function('leaves_thread'),
    ])()


@pytest.mark.parametrize('seed', [1, 2])
@pytest.mark.parametrize('with_cgroups', [True, False])
def test_each_job_ends_once_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, with_cgroups: bool
) -> None:
    fast_end(monkeypatch)
    rng = random.Random(seed)
    allow = tuple(f'python_calls:{name}' for name in CALLS)
    descriptors = len(os.listdir('/proc/self/fd'))
    bench = Bench(tmp_path, setup=RunnerSetup(allow, 3, with_cgroups=with_cgroups))
    bench.runner.warm()
    ended: Counter[str] = Counter()
    for token in range(1, JOBS + 1):
        job_id = bench.start(some_job(rng), token)
        if rng.random() < 0.3:
            bench.runner.stop(f'r1-1-{rng.randint(1, token)}', token, 'perhaps another token')
        if rng.random() < 0.3:
            bench.runner.stop(job_id, token, 'stopped')
        while bench.jobs - ended.total() > 8:
            ended[bench.end().job_id] += 1
    bench.close()
    while not bench.ends.empty():
        ended[bench.end().job_id] += 1
    assert ended == Counter({f'r1-1-{number}': 1 for number in range(1, JOBS + 1)})
    assert bench.clean()
    assert eventually(lambda: len(os.listdir('/proc/self/fd')) <= descriptors)
    assert all(one.ended for one in bench.logs.kept())
