# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""`python`: a function that this robot's configuration allows, called in a warm worker."""

from dataclasses import dataclass

from swarm_coordinator.core.jobs.kinds.python_kind import PythonWork
from swarm_coordinator.runner.job_run import Done, Execution, JobRun
from swarm_coordinator.runner.python_pool import PythonPool


@dataclass
class PythonExecutor:
    pool: PythonPool

    def begin(self, run: JobRun, done: Done) -> Execution:
        """Raises ValueError."""
        work = run.start.spec.work
        assert isinstance(work, PythonWork), work
        return self.pool.begin(run, work.callable, work.arguments, done)

    def close(self) -> None:
        self.pool.close()
