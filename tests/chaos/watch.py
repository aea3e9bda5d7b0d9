# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a swarm under faults looks like from outside: how long it had no leader and committed
nothing, and what its processes took of memory and file descriptors."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from system.hosts import Hosts

from chaos.checks import Use

USE_S = 1.0
STALL_S = 4.0
PAGE_KB = 4


@dataclass
class Gap:
    """The longest time without something, within a window; still open at its end counts."""

    last_s: float
    longest_s: float = 0.0

    def seen(self, now_s: float, there_s: float | None) -> None:
        """`there_s`: when it was last there, None: not now."""
        self.longest_s = max(self.longest_s, now_s - self.last_s)
        if there_s is not None:
            self.last_s = max(self.last_s, there_s)


@dataclass(eq=False)
class Window:
    """From a strike until some time after it. `done`: jobs seen done meanwhile."""

    without_leader: Gap
    without_commit: Gap
    done: int = 0


@dataclass
class Watch:
    hosts: Hosts
    uses: dict[tuple[str, int], list[Use]] = field(default_factory=dict)  # by robot and process
    windows: list[Window] = field(default_factory=list)
    stalls: list[str] = field(default_factory=list)  # how the robots stood when nothing went on
    commit_index: int = 0
    _use_s: float = 0.0
    _rose_s: float = field(default_factory=time.monotonic)
    _stalled: bool = False
    _began_s: float = field(default_factory=time.monotonic)

    def open(self) -> Window:
        now_s = time.monotonic()
        self.windows.append(Window(Gap(now_s), Gap(now_s)))
        return self.windows[-1]

    def close(self, window: Window) -> None:
        self.windows.remove(window)

    def step(self, newly_done: int) -> None:
        now_s = time.monotonic()
        leader = self.leader()
        spoke_s = self.hosts.observers[leader].heard_s if leader else None
        beacons = [one.beacon for one in self.hosts.observers.values()]
        index = max((int(beacon.get('commit_index', 0)) for beacon in beacons), default=0)
        rose, self.commit_index = index > self.commit_index, max(index, self.commit_index)
        self._note_stall(now_s, rose)
        for window in self.windows:
            window.without_leader.seen(now_s, spoke_s)
            window.without_commit.seen(now_s, now_s if rose else None)
            window.done += newly_done
        if now_s - self._use_s >= USE_S:
            self._use_s = now_s
            self._measure(now_s - self._began_s)

    def _note_stall(self, now_s: float, rose: bool) -> None:
        if rose:
            self._rose_s, self._stalled = now_s, False
        elif not self._stalled and now_s - self._rose_s > STALL_S:
            self._stalled = True
            keys = ('role', 'term', 'leader', 'last_index', 'commit_index', 'match_index')
            self.stalls.append('; '.join(
                f'{name} {" ".join(f"{key}={one.beacon.get(key)}" for key in keys)}'
                f'{"" if one.fresh else " SILENT"}'
                for name, one in self.hosts.observers.items()
            ))
            print(f'no commit for {STALL_S:.0f} s: {self.stalls[-1]}', flush=True)

    def leader(self) -> str:
        """Whom a majority names in one term now, until it has noticed that it is gone; '' if
        none."""
        said: dict[tuple[int, str], int] = {}
        for one in self.hosts.observers.values():
            if one.fresh and one.beacon['leader'] in self.hosts.observers:
                key = one.beacon['term'], one.beacon['leader']
                said[key] = said.get(key, 0) + 1
        most = max(said, key=lambda key: said[key], default=(0, ''))
        return most[1] if said.get(most, 0) > len(self.hosts.names) // 2 else ''

    def _measure(self, at_s: float) -> None:
        for name in self.hosts.names:
            process = self.hosts.swarm.processes.get(name)
            if process is None:
                continue
            with contextlib.suppress(OSError, ValueError):  # it has just ended
                self.uses.setdefault((name, process.pid), []).append(use_of(process.pid, at_s))


def use_of(pid: int, at_s: float) -> Use:
    folder = Path(f'/proc/{pid}')
    resident_kb = int((folder / 'statm').read_text().split()[1]) * PAGE_KB
    threads = int((folder / 'stat').read_text().rpartition(')')[2].split()[17])
    return Use(at_s, resident_kb, len(list((folder / 'fd').iterdir())), threads)
