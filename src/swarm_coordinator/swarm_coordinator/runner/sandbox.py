# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Starts a process of a job apart from ours: owns its environment, descriptors and limits.

The process waits at a gate (a line on its stdin) until its limits are set and it is in its
control group: nothing of the job runs before. It is the first of a session of its own, inherits no
descriptor but the named ones, and goes into its cell (cage.py) last: what has to be set from
outside is set while it is still one of ours.
"""

import contextlib
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from swarm_coordinator.runner.cage import Cell, filter_file
from swarm_coordinator.runner.cgroup import Cgroup
from swarm_coordinator.runner.limits import RunLimits, set_process_limits
from swarm_coordinator.runner.streams import close_all

# $0 is where stdin comes from then. `read` takes the one line and no more.
GATE = 'read -r go && exec "$@" <"$0"'
@dataclass(frozen=True)
class Spawned:
    """A started process and our ends of its pipes. `result` is -1 where it has none; `link` leads
    to its keeper, if it has one."""

    process: 'subprocess.Popen[bytes]'
    stdout: int
    stderr: int
    progress: int
    result: int
    link: socket.socket | None = None


def spawn(
    command: list[str],
    folder: Path,
    environment: dict[str, str],
    limits: RunLimits,
    cgroup: Cgroup | None,
    cell: Cell,
    stdin: str = os.devnull,
    with_result: bool = False,
    inherited: tuple[int, ...] = (),
) -> Spawned:
    """Start `command` in `folder`. `stdin` is a path; `inherited` are descriptors it keeps.

    Raises OSError; then nothing runs and nothing is left open.
    """
    ours: list[int] = []
    theirs: list[int] = []
    link: socket.socket | None = None

    def pipe() -> int:
        read, write = os.pipe2(os.O_CLOEXEC)
        ours.append(read)
        theirs.append(write)
        return write

    try:
        stdout, stderr, progress = pipe(), pipe(), pipe()
        environment = {**environment, **cell.environment, 'SWARM_PROGRESS_FD': str(progress)}
        if with_result:
            environment['SWARM_RESULT_FD'] = str(pipe())
        start = cell.start_of(folder)
        if cell.kept:
            link, end = socket.socketpair()
            theirs += [end.detach(), filter_file()]
            start = cell.start_of(folder, theirs[-2], theirs[-1], limits.processes)
        process = subprocess.Popen(
            ['/bin/sh', '-c', GATE, stdin, *start, *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            close_fds=True,
            pass_fds=(*theirs[2:], *inherited),
        )
        _open_gate(process, limits, cgroup, cell)
    except BaseException:
        close_all(ours)
        if link is not None:
            link.close()
        raise
    finally:
        close_all(theirs)
    return Spawned(process, ours[0], ours[1], ours[2], ours[3] if with_result else -1, link)


def _open_gate(
    process: 'subprocess.Popen[bytes]', limits: RunLimits, cgroup: Cgroup | None, cell: Cell
) -> None:
    gate = process.stdin
    assert gate is not None
    try:
        if cgroup is not None:
            cgroup.add(process.pid)
        by_group = cgroup is not None and 'memory' in cgroup.controllers
        by_user = cell.counted and not cell.kept
        set_process_limits(process.pid, limits, with_memory=not by_group, with_processes=by_user)
    except OSError:
        gate.close()  # it reads nothing, and ends
        process.wait()
        raise
    with contextlib.suppress(BrokenPipeError):
        gate.write(b'go\n')
        gate.close()


def document(text: str) -> int:
    """A descriptor from which a program reads `text` as its stdin: `/proc/self/fd/<number>`."""
    descriptor = os.memfd_create('work', os.MFD_CLOEXEC)
    os.write(descriptor, text.encode())
    return descriptor
