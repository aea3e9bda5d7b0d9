# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""`exec`: one program of the allow-list with arguments, no shell."""

import os

from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.runner.environment import job_environment
from swarm_coordinator.runner.executors.program_executor import Launch, Workshop
from swarm_coordinator.runner.job_files import inside
from swarm_coordinator.runner.job_run import JobRun


def exec_launch(run: JobRun, workshop: Workshop) -> Launch:
    """Raises ValueError and OSError."""
    spec = run.start.spec
    work = spec.work
    assert isinstance(work, ExecWork), work
    # The log has checked it. This robot checks what it runs, whoever wrote the log.
    work.check(spec.inputs, spec.outputs)
    program = workshop.programs.get(work.argv[0])
    if program is None:
        allowed = ', '.join(sorted(workshop.programs)) or 'nothing'
        raise ValueError(f'{work.argv[0]!r} is not on the allow-list: {allowed}')
    folder = inside(run.folder, work.folder)
    folder.mkdir(parents=True, exist_ok=True)
    return Launch(
        [program, *work.argv[1:]],
        folder,
        {
            **dict(work.environment),
            **job_environment(run.start, run.folder, workshop.mark),
        },
        str(inside(run.folder, work.stdin)) if work.stdin else os.devnull,
    )
