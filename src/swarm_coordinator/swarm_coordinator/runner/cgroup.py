# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Control groups (version 2) for jobs: owns the part of the tree that was handed to this robot.

A group counts all processes of a job, whatever they do to leave, and ends them by one write. Its
limits need the controllers, and those are handed down only from a group that has no processes of
its own (the kernel's "no internal processes" rule): a robot that is alone in its group, as under
systemd with `Delegate=yes`, moves into a group below it first.

Source: Documentation/admin-guide/cgroup-v2.rst of Linux.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from swarm_coordinator.runner.limits import RunLimits

CONTROLLERS = ('memory', 'cpu', 'pids')
CPU_PERIOD_US = 100_000  # the kernel's own default
CPU_QUOTA_US_MIN = 1000  # the least it takes
PROC = Path('/proc/self')


@dataclass(frozen=True)
class Cgroup:
    """The group of one job, or of one warm worker."""

    folder: Path
    controllers: frozenset[str]

    def add(self, pid: int) -> None:
        (self.folder / 'cgroup.procs').write_text(str(pid))

    def limit(self, limits: RunLimits) -> None:
        if 'memory' in self.controllers:
            most = str(limits.memory_bytes or 'max')
            self._set('memory.max', most)
            if limits.memory_bytes:
                # Otherwise a job beyond its memory would slow the robot instead of ending.
                self._set('memory.swap.max', '0', optional=True)
                self._set('memory.oom.group', '1', optional=True)
        if 'cpu' in self.controllers:
            quota = max(CPU_QUOTA_US_MIN, limits.cpu_milli * CPU_PERIOD_US // 1000)
            self._set('cpu.max', f'{quota if limits.cpu_milli else "max"} {CPU_PERIOD_US}')
        if 'pids' in self.controllers:
            self._set('pids.max', str(limits.processes or 'max'))

    def _set(self, name: str, value: str, optional: bool = False) -> None:
        try:
            (self.folder / name).write_text(value)
        except FileNotFoundError:
            if not optional:
                raise

    def kill(self) -> None:
        """All of its processes, at once (cgroup.kill; one by one before Linux 5.14)."""
        try:
            (self.folder / 'cgroup.kill').write_text('1')
        except OSError:
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, 9)

    def processes(self) -> list[int]:
        try:
            return [int(pid) for pid in (self.folder / 'cgroup.procs').read_text().split()]
        except OSError:
            return []

    def populated(self) -> bool:
        """Also true for what a job put into groups of its own below this one."""
        try:
            return 'populated 1' in (self.folder / 'cgroup.events').read_text()
        except OSError:
            return False

    def out_of_memory(self) -> bool:
        """Whether the kernel ended a process of it for its memory."""
        try:
            events = (self.folder / 'memory.events').read_text().split('\n')
        except OSError:
            return False
        return any(line.startswith('oom_kill ') and line != 'oom_kill 0' for line in events)

    def remove(self) -> None:
        """Raises OSError while it is populated."""
        for path, _, _ in os.walk(self.folder, topdown=False):
            os.rmdir(path)


class CgroupTree:
    """`<folder>/<name>` for each job."""

    def __init__(self, folder: Path, controllers: frozenset[str]) -> None:
        self.folder = folder
        self.controllers = controllers

    def make(self, name: str, limits: RunLimits) -> Cgroup:
        """Raises OSError."""
        group = Cgroup(self.folder / name, self.controllers)
        with contextlib.suppress(FileExistsError):
            group.folder.mkdir()
        group.limit(limits)
        return group

    def clear(self) -> int:
        """End what a former life of this robot left; returns how many processes."""
        left = 0
        for group in self._groups():
            left += len(group.processes())
            group.kill()
            with contextlib.suppress(OSError):
                group.remove()
        return left

    def close(self) -> None:
        """Remove what is empty."""
        for group in self._groups():
            with contextlib.suppress(OSError):
                group.remove()
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _groups(self) -> list[Cgroup]:
        with contextlib.suppress(OSError):
            return [
                Cgroup(Path(entry.path), self.controllers)
                for entry in os.scandir(self.folder)
                if entry.is_dir(follow_symlinks=False)
            ]
        return []


def find_tree(name: str) -> CgroupTree | None:
    """A group `name` for the jobs of this robot below the group that this process is in; None
    where none may be made. Without controllers it still tells and ends all processes of a job."""
    own = own_group()
    if own is None:
        return None
    return tree_in(own, name, os.getpid())


def tree_in(own: Path, name: str, pid: int) -> CgroupTree | None:
    folder = own / name
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    controllers = _handed_down(own, name, pid)
    for controller in sorted(controllers):
        if not _enable(folder, controller):
            controllers.discard(controller)
    return CgroupTree(folder, frozenset(controllers))


def own_group() -> Path | None:
    """The folder of the group that this process is in, of version 2."""
    try:
        mounts = (PROC / 'mountinfo').read_text().splitlines()
        groups = (PROC / 'cgroup').read_text().splitlines()
    except OSError:
        return None
    inside = next((line[3:] for line in groups if line.startswith('0::')), None)
    for line in mounts:
        before, _, after = line.partition(' - ')
        if after.startswith('cgroup2 ') and inside is not None:
            root, point = before.split()[3:5]
            # In a container the mounted part of the tree may begin below the real root.
            inside = inside.removeprefix(root) if root != '/' else inside
            return Path(point) / inside.lstrip('/')
    return None


def _handed_down(own: Path, name: str, pid: int) -> set[str]:
    try:
        offered = (own / 'cgroup.controllers').read_text().split()
    except OSError:
        return set()
    wanted = [one for one in CONTROLLERS if one in offered]
    found = {one for one in wanted if _enable(own, one)}
    if len(found) < len(wanted) and _alone(own, pid):
        below = own / f'{name}-robot'
        with contextlib.suppress(OSError):
            below.mkdir(exist_ok=True)
            (below / 'cgroup.procs').write_text(str(pid))
            found = {one for one in wanted if _enable(own, one)}
    return found


def _alone(own: Path, pid: int) -> bool:
    with contextlib.suppress(OSError):
        return (own / 'cgroup.procs').read_text().split() == [str(pid)]
    return False


def _enable(folder: Path, controller: str) -> bool:
    path = folder / 'cgroup.subtree_control'
    try:
        if controller not in path.read_text().split():
            path.write_text(f'+{controller}')
        return True
    except OSError:
        return False
