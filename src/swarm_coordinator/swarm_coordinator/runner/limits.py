# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How much one job may use: owns the bounds of this robot, what a job asks for within them, and
the limits that the kernel sets for one process (setrlimit(2)).

Not all of them can be kept without cgroups: setrlimit knows no share of a processor, and counts
processes per user: only where a job has a user of its own (cage.py) does that limit hit no other.
"""

import contextlib
import os
import resource
from dataclasses import dataclass
from pathlib import Path

from swarm_coordinator.core.jobs.spec import JobSpec

# When memory runs out on the machine, a job goes before the robot does (proc(5): -1000 to 1000).
OOM_SCORE = '500'


@dataclass(frozen=True)
class RunLimits:
    """The bounds of this robot; 0 = none. timeout_ms: for jobs that name none, and the most any
    job gets; file_bytes: per file; nice: added to the niceness of the robot process, so that jobs
    do not starve consensus; memory_bytes, cpu_milli (1000 = one core), processes: of one job."""

    timeout_ms: int
    file_bytes: int
    nice: int = 10
    memory_bytes: int = 0
    cpu_milli: int = 0
    processes: int = 0

    def of(self, spec: JobSpec) -> 'RunLimits':
        """What a job with this specification gets: what it asks for, within these bounds."""
        return RunLimits(
            _within(spec.timeout_ms, self.timeout_ms),
            _within(spec.file_bytes, self.file_bytes),
            self.nice,
            _within(spec.memory_bytes, self.memory_bytes),
            _within(spec.cpu_milli, self.cpu_milli),
            self.processes,
        )


def _within(asked: int, most: int) -> int:
    return min(asked or most, most) if most else asked


def set_process_limits(
    pid: int, limits: RunLimits, with_memory: bool, with_processes: bool = False
) -> None:
    """For a process that waits at its gate; `with_memory` where no control group limits that,
    `with_processes` where it becomes a user of its own.

    Raises OSError where the kernel refuses.
    """
    _lower(pid, resource.RLIMIT_CORE, 0)
    _lower(pid, resource.RLIMIT_FSIZE, limits.file_bytes)
    if limits.memory_bytes and with_memory:
        # DATA counts what a process can really fill. AS counts addresses as well, of which Go,
        # Java or the CUDA runtime reserve hundreds of GiB that they never touch.
        _lower(pid, resource.RLIMIT_DATA, limits.memory_bytes)
    if limits.processes and with_processes:
        _lower(pid, resource.RLIMIT_NPROC, limits.processes)
    with contextlib.suppress(OSError):  # no /proc, or a policy against it: not worth a job
        Path(f'/proc/{pid}/oom_score_adj').write_text(OOM_SCORE)
    niceness = os.getpriority(os.PRIO_PROCESS, pid) + limits.nice
    os.setpriority(os.PRIO_PROCESS, pid, min(19, niceness))


def _lower(pid: int, which: int, value: int) -> None:
    _, hard = resource.prlimit(pid, which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.prlimit(pid, which, (value, value))
