# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How each fault of a schedule is done, and undone when its time is over.

Owns faults, and the rule that the swarm never loses more disks at a time than Raft can bear.
Refuses to know which fault comes when (scenario.py).

    crash WHO DOWN_MS WRITE           WRITE: lost, part or kept, the write under way
    crash-writing WHO DOWN_MS WRITE   at its next write
    crash-install DOWN_MS WRITE       the robot that is the next to install a snapshot
    crash-all DOWN_MS WRITE           a loss of power
    pause WHO MS                      as SIGSTOP
    split A,B|C,D MS                  no packet between the sides; a robot may be on neither
    oneway A,B>C,D MS                 no packet from the left to the right
    flap A-B UP_MS DOWN_MS MS         both ways, again and again
    radio A,B>C,D QUALITY MS          of these links
    stall WHO TIMES MS                writes take so many times as long
    full WHO MS                       no room on the disk: the robot halts, and starts afterwards
    wipe WHO DOWN_MS                  a new disk
    corrupt WHO LATER_MS DOWN_MS      damage now, found at the start after a crash later
    clock WHO DELTA_MS                the wall clock jumps
    skew WHO PERMILLE MS              its ticks are so long

WHO is a robot or @leader; in lists of robots * are all that are not on the other side.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from swarm_coordinator.core.raft import RobotId
from swarm_coordinator.sim.disk import Disk
from swarm_coordinator.sim.network import QUALITIES, Link, Network
from swarm_coordinator.sim.observer import Observer
from swarm_coordinator.sim.promises import Voter, voters_of
from swarm_coordinator.sim.robot import FSYNC_US_MAX, SimulatedRobot
from swarm_coordinator.sim.timeline import MS, Timeline


class Faults:
    def __init__(
        self, seed: int, founders: tuple[RobotId, ...], robots: dict[RobotId, SimulatedRobot],
        network: Network, timeline: Timeline, observer: Observer, tick_us: int,
    ) -> None:
        self._seed = seed
        self._founders = founders
        self._robots = robots
        self._network = network
        self._timeline = timeline
        self._observer = observer
        self._promises = observer.promises
        self._tick_us = tick_us
        self._disks = 0
        self._is_healed = False
        self._crash_at_install: tuple[str, ...] | None = None
        self.verbs: dict[str, Callable[[tuple[str, ...]], bool]] = {
            'crash': self._crash, 'crash-writing': self._crash_writing,
            'crash-install': self._crash_install, 'crash-all': self._crash_all,
            'pause': self._pause, 'split': self._split,
            'oneway': self._one_way, 'flap': self._flap, 'radio': self._radio,
            'stall': self._stall, 'full': self._full, 'wipe': self._wipe,
            'corrupt': self._corrupt, 'clock': self._clock, 'skew': self._skew,
        }

    def watch(self, robot: SimulatedRobot) -> None:
        """Once for every robot: faults that wait for what it does."""
        robot.on_install = lambda: self._install(robot)

    # Who is meant.

    def leader(self) -> SimulatedRobot | None:
        """The newest of those that believe to lead and run."""
        leading = [one for one in self._robots.values() if one.is_running and one.leads]
        return max(leading, key=lambda one: one.core.term, default=None)

    def robot(self, who: str) -> SimulatedRobot | None:
        return self.leader() if who == '@leader' else self._robots.get(RobotId(who))

    def _sides(self, text: str, between: str) -> tuple[list[str], list[str]]:
        left, right = (self._names(side) for side in text.split(between))
        if left == ['*']:
            left = [name for name in self._robots if name not in right]
        if right == ['*']:
            right = [name for name in self._robots if name not in left]
        return left, right

    def _names(self, side: str) -> list[str]:
        leader = self.leader()
        return [
            leader.name if name == '@leader' and leader else name
            for name in side.split(',')
            if name in self._robots or name == '*' or name == '@leader' and leader
        ]

    def _links(self, left: Iterable[str], right: Iterable[str]) -> list[Link]:
        return [
            self._network.link(RobotId(a), RobotId(b)) for a in left for b in right if a != b
        ]

    def _later(self, delay_ms: str | int, undo: Callable[[], object]) -> None:
        self._timeline.after(int(delay_ms) * MS, self._unless_healed, undo)

    def _unless_healed(self, undo: Callable[[], object]) -> None:
        if not self._is_healed:
            undo()

    def heal(self) -> None:
        """Everything works from now on; what was to be undone later is undone."""
        self._is_healed = True
        self._crash_at_install = None
        for link in self._network.all_links():
            link.cuts = 0
            link.set_quality(QUALITIES['good'])
        for robot in self._robots.values():
            robot.fsync_us_max = FSYNC_US_MAX
            robot.tick_us = self._tick_us
            robot.is_disk_full = False
            robot.crash_at_write = None
            robot.resume()
            self.start(robot)

    # Crashes.

    def _crash(self, words: tuple[str, ...]) -> bool:
        who, down_ms, write = words
        robot = self.robot(who)
        if robot is None or not robot.is_up:
            return False
        self.take_down(robot, down_ms, write)
        return True

    def take_down(self, robot: SimulatedRobot, down_ms: str | int, write: str) -> None:
        """It crashes, and starts again after a while."""
        robot.crash(write)
        self._later(down_ms, lambda: self.start(robot))

    def start(self, robot: SimulatedRobot) -> None:
        """Again, if it is down, on the disk that it finds."""
        if robot.is_up:
            return
        disk = robot.disk
        if disk.is_lost:
            if (robot.name, disk.storage_id) in self._voters_now():
                self._observer.on_disk_lost(robot.name)
            disk = self.new_disk(robot.name)
        robot.restart(disk)

    def new_disk(self, name: RobotId) -> Disk:
        self._disks += 1
        draw = random.Random(f'{self._seed}/disk/{name}/{self._disks}')
        return Disk(name, draw.getrandbits(64) | 1)

    def _crash_writing(self, words: tuple[str, ...]) -> bool:
        who, down_ms, write = words
        robot = self.robot(who)
        if robot is None or not robot.is_up:
            return False
        robot.crash_at_write = lambda: self.take_down(robot, down_ms, write)
        return True

    def _crash_install(self, words: tuple[str, ...]) -> bool:
        self._crash_at_install = words
        return True

    def _install(self, robot: SimulatedRobot) -> bool:
        words, self._crash_at_install = self._crash_at_install, None
        if words is not None:
            self.take_down(robot, *words)
        return words is not None

    def _crash_all(self, words: tuple[str, ...]) -> bool:
        down_ms, write = words
        for robot in self._robots.values():
            self.take_down(robot, down_ms, write)
        return True

    def _pause(self, words: tuple[str, ...]) -> bool:
        who, for_ms = words
        robot = self.robot(who)
        if robot is None or not robot.is_running:
            return False
        robot.pause()
        self._later(for_ms, robot.resume)
        return True

    # Links.

    def _split(self, words: tuple[str, ...]) -> bool:
        left, right = self._sides(words[0], '|')
        return self._cut([*self._links(left, right), *self._links(right, left)], words[1])

    def _one_way(self, words: tuple[str, ...]) -> bool:
        left, right = self._sides(words[0], '>')
        return self._cut(self._links(left, right), words[1])

    def _cut(self, links: list[Link], for_ms: str | int) -> bool:
        for link in links:
            link.cuts += 1
        self._later(for_ms, lambda: self._join(links))
        return bool(links)

    def _join(self, links: list[Link]) -> None:
        for link in links:
            link.cuts -= 1

    def _flap(self, words: tuple[str, ...]) -> bool:
        ends, up_ms, down_ms, for_ms = words
        left, right = self._sides(ends, '-')
        links = [*self._links(left, right), *self._links(right, left)]
        end_us = self._timeline.now_us + int(for_ms) * MS

        def fall() -> None:
            if self._timeline.now_us < end_us:
                self._cut(links, down_ms)
                self._later(int(down_ms) + int(up_ms), fall)

        fall()
        return bool(links)

    def _radio(self, words: tuple[str, ...]) -> bool:
        ways, quality, for_ms = words
        left, right = self._sides(ways, '>')
        links = self._links(left, right)
        for link in links:
            link.set_quality(QUALITIES[quality])
        self._later(for_ms, lambda: self._clear(links))
        return bool(links)

    def _clear(self, links: list[Link]) -> None:
        for link in links:
            link.set_quality(QUALITIES['good'])

    # Disks.

    def _stall(self, words: tuple[str, ...]) -> bool:
        who, times, for_ms = words
        robot = self.robot(who)
        if robot is None:
            return False
        stalled = robot
        stalled.fsync_us_max = FSYNC_US_MAX * int(times)
        self._later(for_ms, lambda: setattr(stalled, 'fsync_us_max', FSYNC_US_MAX))
        return True

    def _full(self, words: tuple[str, ...]) -> bool:
        who, for_ms = words
        robot = self.robot(who)
        if robot is None:
            return False
        filled = robot

        def make_room() -> None:
            filled.is_disk_full = False
            self.start(filled)

        filled.is_disk_full = True
        self._later(for_ms, make_room)
        return True

    def _wipe(self, words: tuple[str, ...]) -> bool:
        who, down_ms = words
        robot = self.robot(who)
        if robot is None or not self.may_lose(robot.name):
            return False
        robot.disk.is_lost = True
        self.take_down(robot, down_ms, 'lost')
        return True

    def _corrupt(self, words: tuple[str, ...]) -> bool:
        who, later_ms, down_ms = words
        robot = self.robot(who)
        if robot is None or not self.may_lose(robot.name):
            return False
        damaged = robot
        damaged.disk.is_lost = True
        self._later(later_ms, lambda: self.take_down(damaged, down_ms, 'kept'))
        return True

    def _voters_now(self) -> set[Voter]:
        known = self._promises.memberships
        return voters_of(known[-1][1]) if known else set()

    def may_lose(self, name: RobotId) -> bool:
        """Whether the disk of this robot may be lost as well.

        A quorum of every membership in force, or on its way to be, must keep its disks, or
        nothing could be decided any more. Fewer than a quorum of the founders may be blank, or
        they would found another swarm. Both are beyond what Raft can bear, so no fault of it.
        """
        if not self._promises.memberships or self._robots[name].disk.is_lost:
            return False
        blank = sum(self._is_blank(one) or one == name for one in self._founders)
        if 2 * blank > len(self._founders):
            return False
        memberships = [self._promises.memberships[-1][1]]
        memberships += [robot.core.membership for robot in self._robots.values()]
        # A disk whose damage is not noticed yet may get a vote before it is.
        unnoticed = {
            (one, robot.disk.storage_id)
            for one, robot in self._robots.items()
            if one == name or robot.disk.is_lost
        }
        return all(
            self.keeps_quorum(voters_of(one) | unnoticed, name) for one in memberships
        )

    def may_go(self, name: RobotId) -> bool:
        """Whether this robot may lose its vote, as an operator sees it."""
        leader = self.leader()
        if leader is None or name not in self._robots:
            return False
        left = {voter for voter in voters_of(leader.core.membership) if voter[0] != name}
        return self.keeps_quorum(left)

    def _is_blank(self, name: RobotId) -> bool:
        disk = self._robots[name].disk
        return disk.is_lost or disk.is_blank

    def keeps_quorum(self, voters: set[Voter], without: RobotId | None = None) -> bool:
        good = sum(
            name != without and storage_id == self._robots[name].disk.storage_id
            and not self._robots[name].disk.is_lost
            for name, storage_id in voters
        )
        return 2 * good > len(voters)

    # Clocks.

    def _clock(self, words: tuple[str, ...]) -> bool:
        who, delta_ms = words
        robot = self.robot(who)
        if robot is None:
            return False
        robot.clock_offset_ns += int(delta_ms) * 1_000_000
        return True

    def _skew(self, words: tuple[str, ...]) -> bool:
        who, permille, for_ms = words
        robot = self.robot(who)
        if robot is None:
            return False
        skewed = robot
        skewed.tick_us = self._tick_us * int(permille) // 1000
        self._later(for_ms, lambda: setattr(skewed, 'tick_us', self._tick_us))
        return True
