# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A member with a valid certificate that says wrong things in every field it can."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from system.stalls import assert_kept, stalls

Make = Callable[..., Any]
LIES_S = 8
TESTS = Path(__file__).parents[1]
# Of one that may not vote also what would be treason of a voter.
TREASON = ('treason_usurp', 'treason_next_term')


def lies(made: Any, role: str, *names: str) -> subprocess.Popen[str]:
    keys = made.swarm.folder / 'keys' / made.swarm.swarm_id
    command = [
        sys.executable, '-m', 'chaos.liar', made.swarm.swarm_id, 'mallory', str(keys), '1',
        '--role', role, '--seconds', str(LIES_S), *(['--lies', *names] if names else []),
    ]
    environment = {**made.swarm.environment(), 'PYTHONPATH': ':'.join([str(TESTS), *sys.path])}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ('role', 'names', 'said'),
    [('voter', (), 15), ('non_voter', TREASON, 2)],
    ids=['voter that is no member', 'robot without a vote'],
)
def test_lies_of_a_member_unseat_no_leader_and_end_no_job(
    field: Make, role: str, names: tuple[str, ...], said: int
) -> None:
    made = field()
    made.ready()
    stalled = stalls(made.swarm)
    leader = made.leader()
    term = made.term(leader)
    liar = lies(made, role, *names)
    jobs: list[str] = []
    try:
        while liar.poll() is None:
            jobs.append(made.submit(leader, ['true']))
            made.ended(leader, jobs[-1:])
        assert liar.stdout is not None
        told = liar.stdout.read()
    finally:
        liar.kill()
        liar.wait()
    assert liar.returncode == 0 and told.count('lies: ') >= said, told
    done = made.ended(leader, jobs)
    unlucky = [job for job in done.values() if job.phase != job.PHASE_DONE]
    assert len(done) > 3 and not unlucky, [made.story(leader, job.job_id) for job in unlucky]
    assert not any('mallory' in line for job in jobs[:20] for line in made.story(leader, job))
    assert made.leader() in made.swarm.names
    assert_kept(made, leader, term, stalled)
