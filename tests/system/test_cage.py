# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs of robots as they are shipped: in the best cage that this machine can have."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from swarm_msgs import msg, srv

Make = Callable[..., Any]
Status = msg.JobStatus


@pytest.fixture(scope='module')
def swarm(lasting_field: Make) -> Any:
    made = lasting_field(
        job_cage='auto', exec_allow=['sh', 'cat'], python_allow=['math:sqrt', 'os:getuid'],
    )
    made.ready()
    return made


def test_robots_tell_what_keeps_their_jobs_and_a_job_may_require_it(swarm: Any) -> None:
    if shutil.which('bwrap') is None:
        pytest.skip('missing: bubblewrap (apt-get install bubblewrap)')
    job = swarm.submit('r1', ['sh', '-c', 'test ! -e "$HOME/../../log.sqlite"'],
                       requires=['cage:bubblewrap'])
    assert swarm.ended('r1', [job])[job].phase == Status.PHASE_DONE


def test_files_go_from_robot_to_robot_through_cages(swarm: Any, tmp_path: Path) -> None:
    source, target = tmp_path / 'in', tmp_path / 'out'
    source.write_text('abc')
    target.mkdir()
    job = swarm.submit(
        'r2', ['sh', '-c', 'cat in in > o; id -u >> o'], requires=['robot:r3'],
        input_paths=[str(source)], outputs=['o'], output_dir=str(target),
    )
    assert swarm.ended('r2', [job])[job].phase == Status.PHASE_DONE
    made = (target / 'o').read_text()
    assert made.startswith('abcabc')
    if os.geteuid() == 0:
        assert int(made.removeprefix('abcabc')) != 0, 'it was not root'


def test_job_cannot_read_the_log_of_the_swarm(swarm: Any) -> None:
    log = swarm.swarm.storage('r1') / 'log.sqlite'
    assert log.exists()
    job = swarm.submit('r1', ['cat', str(log)], requires=['robot:r1'])
    ended = swarm.ended('r1', [job])[job]
    assert (ended.phase, ended.exit_code) == (Status.PHASE_FAILED, 1)


def test_function_is_called_in_the_cage(swarm: Any) -> None:
    for name, arguments in (('math:sqrt', [16]), ('os:getuid', [])):
        work = msg.PythonWork(callable=name, arguments=json.dumps(arguments))
        request = srv.SubmitJob.Request(spec=msg.JobSpec(kind='python', python=[work]))
        answer = swarm.call('r2', srv.SubmitJob, 'submit_job', request)
        assert answer.code == answer.ACCEPTED, answer.reason
        ended = swarm.ended('r1', [answer.job_id])[answer.job_id]
        assert ended.phase == Status.PHASE_DONE, ended.reason
        value = json.loads(ended.result)
        assert value == 4.0 if arguments else os.geteuid() != 0 or value != 0
