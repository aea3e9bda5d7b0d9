# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the blocks of other robots, and of earlier lives of this one, within a bound; refuses to
merge them.

Only the robot whose life it is makes coarser blocks of it. Were every robot to merge what it
happens to have, two blocks of one window would differ by what was lost on the way.
"""

from __future__ import annotations

from .block import Block, BlockKey
from .config import MemoryConfig
from .history import Added, Entry, History
from .life import Changes, record_name
from .packing import pack

FUTURE_NS_MAX = 60 * 1_000_000_000  # clocks of a swarm agree within a minute, or one is wrong


class Heard:
    """Histories by robot and life."""

    def __init__(self, config: MemoryConfig) -> None:
        self._config = config
        self.histories: dict[tuple[str, int], History] = {}

    @property
    def bytes_used(self) -> int:
        return sum(history.bytes_used for history in self.histories.values())

    def add(self, block: Block, direct: bool, now_ns: int, changes: Changes) -> Added:
        """Take in a block that was checked. direct: its robot said it."""
        key = block.key
        if key.end_ns > now_ns + FUTURE_NS_MAX:
            return Added.UNWANTED
        entry = Entry(key.begin_ns, key.level, pack(block), direct)
        return self.add_entry(key, entry, changes)

    def add_entry(self, key: BlockKey, entry: Entry, changes: Changes) -> Added:
        name = key.robot_id, key.life
        history = self.histories.get(name) or History(*name)
        added, replaced = history.add(entry)
        if added is Added.NEW:
            self.histories[name] = history
            for one in replaced:
                changes.delete(record_name(*name, one))
            changes.put(record_name(*name, entry), entry.data)
            self._stay_bounded(changes)
        return added

    def adopt(self, history: History) -> None:
        """Take over the history of a life that this robot has ended."""
        if len(history):
            self.histories[history.robot_id, history.life] = history

    def in_order(self) -> list[History]:
        return [self.histories[name] for name in sorted(self.histories)]

    def _stay_bounded(self, changes: Changes) -> None:
        robots = {robot_id for robot_id, _ in self.histories}
        for robot_id in sorted(robots):
            lives = [one for one in self.in_order() if one.robot_id == robot_id]
            if len(lives) > self._config.lives_max:
                self._forget(min(lives, key=_newest_ns), changes)
        if len(robots) > self._config.robots_max:
            silent = min(self.in_order(), key=_newest_ns).robot_id
            for history in [one for one in self.in_order() if one.robot_id == silent]:
                self._forget(history, changes)
        while self.bytes_used > self._config.heard_bytes_max:
            largest = max(self.in_order(), key=lambda one: one.bytes_used)
            changes.delete(record_name(largest.robot_id, largest.life, largest.drop_oldest()))

    def _forget(self, history: History, changes: Changes) -> None:
        for entry in history:
            changes.delete(record_name(history.robot_id, history.life, entry))
        del self.histories[history.robot_id, history.life]


def _newest_ns(history: History) -> tuple[int, str, int]:
    """By this a robot, or a life, that was silent longest is let go first: the same everywhere,
    so that nobody is told again of what he let go."""
    newest = max((one.end_ns for one in history), default=0)
    return newest, history.robot_id, history.life
