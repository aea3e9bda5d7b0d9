# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One simulated robot: the shipping core, a disk with a delay, an inbox.

Owns the order persist, send, apply as a robot process has it, and what a crash leaves. Refuses to
know which faults come when.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

from swarm_coordinator.core.raft import (
    EntryKind,
    Message,
    Proposed,
    RaftCore,
    RaftTiming,
    Ready,
    Refused,
    RobotId,
)
from swarm_coordinator.sim.network import MS, Timeline
from swarm_coordinator.sim.promises import Disk, Promises

INBOX_MAX = 256  # as the message queues of a robot: what comes on top pushes out the oldest


class SimulatedRobot:
    def __init__(
        self,
        robot_id: RobotId,
        voters: tuple[RobotId, ...],
        non_voters: tuple[RobotId, ...],
        timing: RaftTiming,
        timeline: Timeline,
        rng: random.Random,
        disk: Disk,
        promises: Promises,
        send: Callable[[RobotId, Message], None],
    ) -> None:
        self.robot_id = robot_id
        self.disk = disk
        self.fsync_us_max = 15 * MS
        self.applied: list[bytes] = []
        self.is_up = True
        self.is_paused = False
        self._members = (voters, non_voters)
        self._timing = timing
        self._timeline = timeline
        self._rng = rng
        self._promises = promises
        self._send = send
        self._inbox: deque[Message] = deque(maxlen=INBOX_MAX)
        self._life = 0
        self._writing: Ready | None = None
        self._clock_skew_ns = rng.randint(-(10**9), 10**9)
        self.core = self._new_core()

    def _new_core(self) -> RaftCore:
        voters, non_voters = self._members
        core = RaftCore(
            self.robot_id, voters, self._timing, random.Random(self._rng.random()),
            self.disk.hard_state, tuple(self.disk.entries), non_voters,
        )
        self._promises.on_start(self.robot_id, core)
        return core

    @property
    def is_running(self) -> bool:
        return self.is_up and not self.is_paused

    def tick(self) -> None:
        """A robot that waits for its disk or is paused misses its ticks."""
        if self.is_running and self._writing is None:
            self.core.tick()
            self.pump()

    def receive(self, message: Message) -> None:
        if self.is_up:
            self._inbox.append(message)
            self.pump()

    def propose(self, data: bytes) -> Proposed | Refused | None:
        if not self.is_running:
            return None
        stamp_ns = self._timeline.now_us * 1000 + self._clock_skew_ns
        answer = self.core.propose(EntryKind.COMMAND, data, stamp_ns)
        self.pump()
        return answer

    def pump(self) -> None:
        while self.is_running and self._writing is None:
            while self._inbox:
                self.core.step(self._inbox.popleft())
            self._promises.on_core(self.robot_id, self.core)
            ready = self.core.ready()
            if ready is None:
                return
            if ready.must_persist:
                self._write(ready)
            else:
                self._go_on(ready)

    def _write(self, ready: Ready) -> None:
        self._writing, life = ready, self._life

        def written() -> None:
            if self._life == life:
                self._make_durable(ready)
                self._writing = None
                self._go_on(ready)
                self.pump()

        self._timeline.after(self._rng.randint(1 * MS, self.fsync_us_max), written)

    def _make_durable(self, ready: Ready) -> None:
        self.disk.hard_state = ready.hard_state or self.disk.hard_state
        if ready.truncate_from is not None:
            del self.disk.entries[ready.truncate_from - 1 :]
        self.disk.entries.extend(ready.entries)
        self._promises.on_saved(self.robot_id, ready.entries)

    def _go_on(self, ready: Ready) -> None:
        for message in ready.messages:
            self._promises.on_sent(self.robot_id, message)
            self._send(self.robot_id, message)
        for entry in ready.committed:
            self._promises.on_applied(self.robot_id, entry)
            self.applied.append(entry.data)
        self.core.advance(ready)
        self._promises.on_core(self.robot_id, self.core)

    def crash(self) -> None:
        """A write that was under way is on the disk as a whole or not at all."""
        if self.is_up and self._writing is not None and self._rng.random() < 0.5:
            self._make_durable(self._writing)
        self.is_up, self.is_paused = False, False
        self._life += 1
        self._writing = None
        self._inbox.clear()

    def wipe(self) -> None:
        """A new disk."""
        self.crash()
        self.disk.hard_state = Disk().hard_state
        self.disk.entries.clear()
        self._promises.on_wiped(self.robot_id)

    def restart(self) -> None:
        self.is_up = True
        self.applied = []
        self.core = self._new_core()
        if self._rng.random() < 0.5:
            self.core.hold_elections(self._timing.election_timeout_ticks_max)
        self.pump()

    def resume(self) -> None:
        self.is_paused = False
        self.pump()
