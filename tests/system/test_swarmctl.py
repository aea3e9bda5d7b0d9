# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every command of swarmctl against a real robot: what it prints, in which form, how it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[..., Any]


def test_commands_show_the_swarm_as_tables_and_as_json(
    field: Make, swarmctl: Make, tmp_path: Path
) -> None:
    made = field(count=1, parts=('coordinator', 'hw_discovery'))
    made.ready()
    swarm = made.swarm
    source = tmp_path / 'a file.txt'
    source.write_text('words ' * 5000)

    done = swarmctl(swarm, 'jobs', 'submit', '--in', str(source), '--out', 'a file.txt.xz',
                    '--label', 'mine', '--', 'xz', '--keep', 'a file.txt')
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'a file.txt.xz').stat().st_size > 0, 'put where swarmctl was called'
    job_id = done.stdout.split()[0]
    assert f'{job_id} done on r1' in done.stdout

    status = json.loads(swarmctl(swarm, '--json', 'status').stdout)
    assert (status['leader'], status['voters'], status['jobs']['done']) == ('r1', 1, 1)
    assert 'leader  r1, term 1' in swarmctl(swarm, 'status').stdout

    (robot,) = json.loads(swarmctl(swarm, '--json', 'robots').stdout)
    assert robot['robot'] == 'r1' and robot['role'] == 'leader' and 'exec:xz' in robot['offers']

    (job,) = json.loads(swarmctl(swarm, '--json', 'jobs', 'list', '--label', 'mine').stdout)
    assert job['job_id'] == job_id and job['phase'] == 'done' and job['exit_code'] == 0
    assert [ref['name'] for ref in job['outputs']] == ['a file.txt.xz']
    assert json.loads(swarmctl(swarm, '--json', 'jobs', 'list', '--phase', 'failed').stdout) == []

    story = [line['what'] for line in
             json.loads(swarmctl(swarm, '--json', 'jobs', 'explain', job_id).stdout)]
    assert story[0] == 'submitted at r1' and story[1].startswith('attempt 1 granted to r1: ')
    assert story[-1] == 'outputs delivered'

    assert swarmctl(swarm, 'jobs', 'watch', job_id).returncode == 0
    assert swarmctl(swarm, 'jobs', 'explain', 'no-such-job').returncode == 1
    assert swarmctl(swarm, 'jobs', 'watch', 'no-such-job').returncode == 1

    assert json.loads(swarmctl(swarm, '--json', 'mode').stdout)['mode'] == 'normal'
    devices = json.loads(swarmctl(swarm, '--json', 'hardware', 'list').stdout)
    assert any(device['device'] == 'platform:cpu' for device in devices)


def test_no_robot_within_reach_is_said_with_what_to_check(field: Make, swarmctl: Make) -> None:
    made = field(count=1, start=False)
    answer = swarmctl(made.swarm, 'status')
    assert answer.returncode == 3
    assert f'ROS domain {made.swarm.domain.number}' in answer.stderr
    assert 'ROS_DOMAIN_ID' in answer.stderr


def test_override_without_a_reason_is_refused(field: Make, swarmctl: Make) -> None:
    made = field(count=1)
    made.ready()
    answer = swarmctl(made.swarm, 'override', 'set', 'defensive', '--reason', ' ')
    assert answer.returncode == 2
    assert 'needs an owner, a reason' in answer.stderr
    assert swarmctl(made.swarm, 'override', 'clear').returncode == 2, 'there is none'
