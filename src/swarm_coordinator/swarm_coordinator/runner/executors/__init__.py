# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How each kind of job is carried out; `make_executors` is the only list."""

from swarm_coordinator.runner.executors.exec_executor import exec_launch
from swarm_coordinator.runner.executors.own_program import OWN_PROGRAMS, own_launch
from swarm_coordinator.runner.executors.program_executor import ProgramExecutor, Workshop
from swarm_coordinator.runner.executors.python_executor import PythonExecutor
from swarm_coordinator.runner.job_run import Executor


def make_executors(workshop: Workshop, python: PythonExecutor) -> dict[str, Executor]:
    """By the kind of the job."""
    return {
        'exec': ProgramExecutor(workshop, exec_launch),
        'python': python,
        **{kind: ProgramExecutor(workshop, own_launch) for kind in OWN_PROGRAMS},
    }
