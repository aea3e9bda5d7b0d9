# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runners whose jobs are in a cage, for tests: owns which walls this machine can have."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from runner_bench import LIMITS, WAIT_S, Bench, shell

from swarm_coordinator.core.jobs.spec import JobSpec
from swarm_coordinator.runner.cage import Cage, CagePolicy, Wall
from swarm_coordinator.runner.job_runner import RunnerSetup
from swarm_coordinator.runner.limits import RunLimits

WALLS = ('bubblewrap', 'user')


def need(wall: str, folder: Path) -> None:
    """Skip where this wall cannot be had."""
    if wall == 'bubblewrap' and shutil.which('bwrap') is None:
        pytest.skip('missing: bubblewrap (apt-get install bubblewrap)')
    if wall == 'user' and os.geteuid() != 0:
        pytest.skip('not here: the tests do not run as root')
    cage = Cage(CagePolicy(wall), str(folder / 'probe'))
    cage.open()
    if cage.wall is Wall.MISSING:
        pytest.skip(f'not here: {cage.why}')


def caged(
    folder: Path,
    wall: str,
    limits: RunLimits = LIMITS,
    python_allow: tuple[str, ...] = (),
    with_cgroups: bool = True,
    **policy: Any,
) -> Bench:
    """A runner in `folder`, which is hidden from its jobs as a robot's storage is."""
    need(wall, folder)
    hidden = (str(folder), *policy.pop('hidden', ()))
    cage = CagePolicy(wall, hidden=hidden, **policy)
    setup = RunnerSetup(python_allow, 1, with_cgroups=with_cgroups, cage=cage)
    made = Bench(folder, limits, setup)
    assert made.runner.cage.wall.value == wall, made.runner.cage.told()
    if python_allow:
        if not made.runner.cage.python_open:
            made.close()
            pytest.skip('not here: a Python that another user may run')
        made.runner.warm()
    return made


def holding(bench: Bench, script: str = ':', **fields: Any) -> str:
    """Start a job that has run `script` and stays until it is stopped."""
    job_id = bench.start(shell(f'{script}\necho "##swarm note up"; exec sleep 600', **fields))
    while bench.progress.get(timeout=WAIT_S).job_id != job_id:
        pass
    return job_id




def said(bench: Bench, what: JobSpec) -> str:
    """What a job printed, on both streams."""
    end = bench.run(what)
    return bench.printed(end) + bench.printed(end, 'stderr')


def living_with(token: str) -> list[int]:
    """Processes whose command line holds `token`."""
    found = []
    for name in os.listdir('/proc'):
        if name.isdecimal() and int(name) != os.getpid():
            try:
                with open(f'/proc/{name}/cmdline', 'rb') as file:
                    if token.encode() in file.read():
                        found.append(int(name))
            except OSError:
                continue
    return found
