# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The end of a process and of all that came of it: owns asking, waiting and killing.

A job may fork, leave its process group and close its descriptors. What it cannot easily shed is
its cage (cage_keeper.py), its control group (cgroup.py) or, without them, the environment it was
started with: that carries marks, and /proc shows it. A process that overwrites its own environment
escapes the last way, unless the job has a user of its own.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from swarm_coordinator.runner.cgroup import Cgroup
from swarm_coordinator.runner.event_loop import EventLoop, Timer

STORAGE_MARK = 'SWARM_STORAGE'  # environment variable of every process of this robot's jobs
STATUS_BYTES = 4  # cage_keeper.py
NO_MARK = '\0'  # no environment holds it
TERM_GRACE_S = 2.0  # between asking a group to end and ending it
LOOK_AGAIN_S = 0.02
KILL_ROUNDS_MAX = 250  # 5 s; what still lives then is stuck in the kernel, and is told
LOOKS_MAX = 7  # at a process without an environment: 32 ms in all, on a busy processor
LOOK_S = 0.0005  # doubled each time
KERNEL_THREAD = 0x00200000  # PF_KTHREAD of Linux, in the flags of proc_pid_stat(5)
SCANS_MAX = 50  # of what is new since the scan before, on a machine that forks all the time
FULL_SCAN_AFTER_S = 10.0  # a machine may hand out all process ids once in that time


@dataclass
class ProcessGroup:
    """`gone` is called once, with the return code, when nothing of it lives any more (or cannot
    be ended, which `stuck` says). All of it on the thread of the loop."""

    loop: EventLoop
    process: 'subprocess.Popen[bytes]'
    marks: tuple[str, ...]  # 'NAME=value', all of which its processes carry
    cgroup: Cgroup | None
    gone: Callable[[int], None]
    exited: Callable[[], None] = lambda: None  # the first process has ended
    grace_s: float = -1.0
    link: socket.socket | None = None  # to the keeper of its cage
    kept: bool = False  # it had one, and the code is what that one told
    uid: int = -1  # of its processes, where no other process has that
    stuck: list[int] = field(default_factory=list)
    _began_s: float = field(default_factory=time.monotonic)
    _pidfd: int = -1
    _kill_at_s: float | None = None  # asked to end, and until when it may take
    _timer: Timer | None = None
    _has_exited: bool = False
    _is_gone: bool = False
    _rounds: int = 0

    def __post_init__(self) -> None:
        if self.grace_s < 0:
            self.grace_s = TERM_GRACE_S
        self._pidfd = os.pidfd_open(self.process.pid)
        self.loop.watch(self._pidfd, self._on_exit)

    def end(self) -> None:
        """Ask it to end; it is ended when the grace is over. Again: nothing."""
        if self._kill_at_s is not None or self._has_exited:
            return
        self._kill_at_s = time.monotonic() + self.grace_s
        if self.link is not None:
            # bubblewrap would end at once, and everything in it.
            with contextlib.suppress(OSError):
                self.link.send(b'T', socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        else:
            self._signal(signal.SIGTERM)
            # A stopped process takes no signal but this one.
            self._signal(signal.SIGCONT)
        self._timer = self.loop.later(self.grace_s, self._kill)

    def kill(self) -> None:
        """Without asking."""
        if not self._has_exited:
            self._kill_at_s = time.monotonic()
            self._kill()

    def _on_exit(self) -> None:
        self.loop.unwatch(self._pidfd)
        os.close(self._pidfd)
        self._has_exited = True
        self.exited()
        self._wait_for_others()

    def _wait_for_others(self) -> None:
        """The first process is a zombie until the end of this: its id, which is that of the
        group, cannot become that of another group meanwhile."""
        asked = self._kill_at_s is not None
        if asked and time.monotonic() < (self._kill_at_s or 0.0) and self._others():
            self.loop.later(LOOK_AGAIN_S, self._wait_for_others)
            return
        self._kill()

    def _kill(self) -> None:
        if self._is_gone:
            return
        self._signal(signal.SIGKILL)
        if self.cgroup is not None:
            self.cgroup.kill()
        if not self._has_exited:
            return  # goes on when it has
        self._kill_others()

    def _kill_others(self) -> None:
        if self._is_gone:
            return  # the end of the grace and the end of the first process both led here
        others = self._others()
        for pid in others:
            kill_marked(pid, self.marks, self.uid)
        self._rounds += 1
        if others and self._rounds < KILL_ROUNDS_MAX:
            # Those that were forked meanwhile, too.
            self.loop.later(LOOK_AGAIN_S if self._rounds > 3 else 0.0, self._kill_others)
            return
        self.stuck = others
        self._is_gone = True
        if self._timer is not None:
            self._timer.cancel()
        code = self._code()
        if self.cgroup is not None and not others:
            with contextlib.suppress(OSError):
                self.cgroup.remove()
        self.gone(code)

    def _code(self) -> int:
        code = self.process.wait()
        if self.link is None:
            return code
        told = status_from(self.link)
        self.link.close()
        self.kept = told is not None
        return code if told is None else os.waitstatus_to_exitcode(told)

    def _others(self) -> list[int]:
        if self.cgroup is not None:
            if not self.cgroup.populated():
                return []
            if members := self.cgroup.processes():
                return [pid for pid in members if pid != self.process.pid]
        # Recent ones only where no other can be: reading all of /proc takes milliseconds.
        recent = time.monotonic() - self._began_s < FULL_SCAN_AFTER_S
        since = self.process.pid if recent else 0
        found = marked_processes(self.marks, since, self.uid)
        return [pid for pid in found if pid != self.process.pid]

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def status_from(link: socket.socket) -> int | None:
    """The wait status that the keeper of a cage told, if it did."""
    try:
        told = link.recv(STATUS_BYTES, socket.MSG_DONTWAIT)
    except OSError:
        return None
    return int.from_bytes(told, 'little') if len(told) == STATUS_BYTES else None


def marked_processes(marks: tuple[str, ...], since_pid: int = 0, uid: int = -1) -> list[int]:
    """Living processes whose environment holds all `marks`, or whose user is `uid`; with
    `since_pid` only those whose id was handed out after that one (ids are handed out in a
    circle)."""
    newest = _newest_pid()
    found = _marked(_pids(since_pid, newest), marks, uid)
    for _ in range(SCANS_MAX):
        # What was forked behind our back by a process that ended before we came to it.
        before, newest = newest, _newest_pid()
        if found or newest == before:
            break
        found = _marked(_pids(before, newest), marks, uid)
    return found


def _marked(pids: list[int], marks: tuple[str, ...], uid: int) -> list[int]:
    """A process in the middle of execve(2) shows no environment for a moment, so one that shows
    none is looked at again."""
    found: list[int] = []
    for attempt in range(LOOKS_MAX):
        if attempt:
            time.sleep(LOOK_S * 2 ** (attempt - 1))
        seen = {pid: _is_of(pid, uid) or _is_marked(pid, marks) for pid in pids}
        found += [pid for pid, marked in seen.items() if marked]
        pids = [pid for pid, marked in seen.items() if marked is None]
        if not pids:
            break
    return found


def kill_marked(pid: int, marks: tuple[str, ...], uid: int = -1) -> None:
    """Unless the id belongs to another process by now."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if _is_of(pid, uid) or _is_marked(pid, marks):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def end_marked(marks: tuple[str, ...]) -> list[int]:
    """End all processes that carry the marks and wait for it; returns those that were found."""
    found: list[int] = []
    for _ in range(KILL_ROUNDS_MAX):
        living = marked_processes(marks)
        if not living:
            break
        found += [pid for pid in living if pid not in found]
        for pid in living:
            kill_marked(pid, marks)
        time.sleep(LOOK_AGAIN_S / 10)
    return found


def _pids(since: int, newest: int) -> list[int]:
    """Those handed out after `since`; 0: all."""
    pids = [int(name) for name in os.listdir('/proc') if name.isdecimal()]
    if not since:
        return pids
    if since <= newest:
        return [pid for pid in pids if since < pid]
    return [pid for pid in pids if pid > since or pid <= newest]


def _newest_pid() -> int:
    return int(Path('/proc/loadavg').read_text().split()[-1])


def end_users(users: range) -> list[int]:
    """End all processes of these users; returns those that were found."""
    found: list[int] = []
    for _ in range(KILL_ROUNDS_MAX):
        living = {pid: uid for pid in _pids(0, 0) if (uid := _user_of(pid)) in users}
        if not living:
            break
        found += [pid for pid in living if pid not in found]
        for pid, uid in living.items():
            kill_marked(pid, (NO_MARK,), uid)
        time.sleep(LOOK_AGAIN_S / 10)
    return found


def _is_of(pid: int, uid: int) -> bool:
    return uid >= 0 and _user_of(pid) == uid


def _user_of(pid: int) -> int:
    """Of a process that lives; else -1. Not the owner of its folder in /proc, which is root where
    a process may not be traced."""
    try:
        told = Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return -1
    if '\nState:\tZ' in told:
        return -1
    return int(told.partition('\nUid:\t')[2].split('\t', 1)[0])


def _is_marked(pid: int, marks: tuple[str, ...]) -> bool | None:
    """None: it may be, it has no environment yet."""
    try:
        with open(f'/proc/{pid}/environ', 'rb') as file:
            environment = file.read()
        if not environment:
            with open(f'/proc/{pid}/stat', 'rb') as file:
                told = file.read().rpartition(b')')[2].split()
            over = told[0] in (b'Z', b'X', b'x') or int(told[6]) & KERNEL_THREAD
            return False if over else None
    except (OSError, IndexError):
        return False
    if marks[0].encode() not in environment:
        return False
    entries = environment.split(b'\0')
    return all(mark.encode() in entries for mark in marks)
