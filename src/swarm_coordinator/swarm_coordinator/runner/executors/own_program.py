# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Kinds that are programs of ours: `python -m <module>`, those of OWN_PROGRAMS.

Such a program reads one JSON object from its stdin: `work`, the fields of the work (tuples as
lists), `inputs` and `outputs`, names of files in its working folder, `job_id`, and `namespace`,
that of the robot's nodes. It says its progress as in progress.py, writes its result, JSON up to
RESULT_BYTES_MAX, to the descriptor SWARM_RESULT_FD, and ends with 0, or with another code and the
reason on stderr.
"""

import dataclasses
import json
import os
import sys

from swarm_coordinator.runner.environment import job_environment, own_environment
from swarm_coordinator.runner.executors.program_executor import Launch, Workshop
from swarm_coordinator.runner.job_run import JobRun

# They are named and never imported: those that talk ROS are in ros/.
OWN_PROGRAMS = {
    'record': 'swarm_coordinator.ros.jobs.record',
    'call': 'swarm_coordinator.ros.jobs.call',
    'encode': 'swarm_coordinator.runner.jobs.encode',
}


def own_launch(run: JobRun, workshop: Workshop) -> Launch:
    spec = run.start.spec
    work = spec.work
    package = workshop.programs_of_ours
    module = f'{package}.{spec.kind}' if package else OWN_PROGRAMS[spec.kind]
    document = {
        'work': {one.name: getattr(work, one.name) for one in dataclasses.fields(work)},  # type: ignore[arg-type]
        'inputs': [ref.name for ref in spec.inputs],
        'outputs': list(spec.outputs),
        'job_id': run.start.job_id,
        'namespace': workshop.namespace,
    }
    return Launch(
        [sys.executable, '-m', module],
        run.folder,
        {
            **own_environment(os.environ),
            **job_environment(run.start, run.folder, workshop.mark),
        },
        document=json.dumps(document),
        with_result=True,
        code=True,
    )
