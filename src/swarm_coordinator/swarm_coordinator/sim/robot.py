# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One simulated robot: the shipping core, a disk with a delay, an inbox, a state machine.

Owns the order persist, send, apply as a robot process has it, and what a crash leaves. Refuses to
know which faults come when, and what clients want.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from swarm_coordinator.core.events import Persist, SaveSnapshot
from swarm_coordinator.core.raft import (
    AppendReply,
    EntryKind,
    Message,
    Proposed,
    RaftCore,
    Ready,
    Refused,
    RobotId,
    Role,
    TimingProfile,
    Vote,
)
from swarm_coordinator.core.raft.admission import admissions
from swarm_coordinator.core.raft.membership import Change
from swarm_coordinator.core.raft.snapshot import Snapshot
from swarm_coordinator.sim.coverage import Situation
from swarm_coordinator.sim.disk import Disk
from swarm_coordinator.sim.machine import Machine, Reply, Request
from swarm_coordinator.sim.observer import Observer
from swarm_coordinator.sim.schedule import Settings
from swarm_coordinator.sim.timeline import MS, Timeline

INBOX_MAX = 256     # as the message queues of a robot: what comes on top pushes out the oldest
FSYNC_US_MIN = 1 * MS
FSYNC_US_MAX = 15 * MS      # usual; a stalled disk takes many times as long
EPOCH_NS = 1_700_000_000 * 10**9     # when all runs begin by the wall clocks
READ_LIMIT_US = 2_000 * MS  # a robot asks the leader again and again for so long


# What a robot writes: a Ready and a Snapshot of its core, or the effects that ask for the same.
Work = Ready | Snapshot | Persist | SaveSnapshot


class PendingRead(NamedTuple):
    request: Request
    floor: int              # what was committed anywhere when it was asked for
    until_us: int


class SimulatedRobot:
    def __init__(
        self,
        disk: Disk,
        settings: Settings,
        profile: TimingProfile,
        timeline: Timeline,
        observer: Observer,
        send: Callable[[RobotId, Message], None],
        machine: type[Machine],
    ) -> None:
        self.name = disk.robot
        self.disk = disk
        self.tick_us = profile.tick_ms * MS
        self.fsync_us_max = FSYNC_US_MAX
        self.clock_offset_ns = 0
        self.is_up = True
        self.is_paused = False
        self.is_disk_full = False
        self.crash_at_write: Callable[[], None] | None = None
        self.on_install: Callable[[], bool] = lambda: False     # whether it crashes here
        self._settings = settings
        self._founders = tuple(map(RobotId, settings.founders))
        self._robots = tuple(map(RobotId, settings.robots))
        self._timing = profile.timing
        self._timeline = timeline
        self._observer = observer
        self._coverage = observer.coverage
        self._promises = observer.promises
        self._send = send
        self._machine_type = machine
        self._rng = random.Random(f'{settings.seed}/robot/{self.name}')
        self._inbox: deque[Message] = deque(maxlen=INBOX_MAX)
        self._requests: deque[Request] = deque(maxlen=INBOX_MAX)
        self.life = 0
        self._begin()
        timeline.after(self._rng.randrange(self.tick_us), self.tick)

    # Lives.

    def _begin(self) -> None:
        """What a robot process does at its start."""
        self.life += 1
        self._inbox.clear()
        self._requests.clear()
        self._writing: Work | None = None
        self._is_written = False        # while the robot was paused
        self._waiting: dict[int, tuple[int, Request]] = {}      # index -> term and who asked
        self._reads: dict[int, PendingRead] = {}
        self._read_id = self.life << 32    # never that of a former life: answers may come late
        self._ticks = 0
        stored = self.disk
        self.core = RaftCore(
            stored.robot, self._founders, self._timing,
            random.Random(f'{self._settings.seed}/core/{self.name}/{self.life}'),
            stored.hard_state, tuple(stored.entries), stored.snapshot, stored.storage_id,
        )
        self.machine = self._machine_type()
        self.applied_index = 0
        if stored.snapshot is not None:
            self._coverage.reached(Situation.RESTARTED_FROM_SNAPSHOT)
            self._restore(stored.snapshot)
        self._promises.on_start(self.core, stored, self.applied_index)

    def _restore(self, snapshot: Snapshot) -> None:
        self.machine = self._machine_type.decode(snapshot.data)
        self.applied_index = snapshot.index

    def crash(self, write: str) -> None:
        """write: what becomes of a write that is under way: lost, part (only the snapshot of it,
        if there is one) or kept."""
        if not self.is_up:
            return
        work = None if self._is_written else self._writing
        if self.core.role is Role.LEADER:
            self._coverage.reached(Situation.LEADER_CRASHED)
        if work is not None:
            self._leave(work, write)
        self.is_up, self.is_paused = False, False
        self.crash_at_write = None
        self.life += 1
        self._writing = None
        self._inbox.clear()
        self._requests.clear()
        self._observer.on_down(self.name)

    def _leave(self, work: Work, write: str) -> None:
        if write == 'kept':
            self._coverage.reached(Situation.CRASH_KEPT_WRITE)
            self._make_durable(work)
        elif write == 'part' and isinstance(work, Ready) and work.snapshot is not None:
            self._coverage.reached(Situation.CRASH_CUT_INSTALL)
            self._install_on_disk(work.snapshot)
        else:
            self._coverage.reached(Situation.CRASH_LOST_WRITE)

    def restart(self, disk: Disk) -> None:
        """disk: what is found, the former one or a new one."""
        self.disk = disk
        self.is_up = True
        self._begin()
        if self._rng.random() < 0.5:
            self.core.hold_elections(self._timing.election_timeout_ticks_max)
        self._observer.note(self.name, 'started')
        self.pump()

    def pause(self) -> None:
        self.is_paused = self.is_up

    def resume(self) -> None:
        """Late: the inbox first, and no campaign for a while (suspect yourself first)."""
        if not self.is_paused:
            return
        self.is_paused = False
        self.core.hold_elections(self._timing.election_timeout_ticks_max)
        if self._is_written:
            self._finish_write()
        self.pump()

    @property
    def is_running(self) -> bool:
        return self.is_up and not self.is_paused

    @property
    def leads(self) -> bool:
        return self.is_up and self.core.role is Role.LEADER

    # What comes in.

    def tick(self, _: None = None) -> None:
        """A robot that waits for its disk or is paused misses its ticks."""
        self._timeline.after(self.tick_us, self.tick)
        if not self.is_up or self.is_paused or self._writing is not None:
            return
        self._ticks += 1
        core = self.core
        core.tick()
        core.check_invariants()
        if self._ticks % self._timing.heartbeat_ticks == 0:
            if core.role is Role.LEADER:
                self._do_duties()
            if self._reads:
                self._ask_again()
        self.pump()

    def receive(self, message: Message) -> None:
        if self.is_up:
            self._inbox.append(message)
            if self._writing is None and not self.is_paused:
                self.pump()

    def request(self, request: Request) -> None:
        if self.is_up:
            self._requests.append(request)
            if self._writing is None and not self.is_paused:
                self.pump()

    def stamp_ns(self) -> int:
        return EPOCH_NS + self._timeline.now_us * 1000 + self.clock_offset_ns

    def log_stamp_ns(self) -> int:
        """What it stamps entries with as a leader."""
        return self.stamp_ns()

    # Work.

    def pump(self) -> None:
        core, inbox, name = self.core, self._inbox, self.name
        on_core, storage_id = self._promises.on_core, self.disk.storage_id
        while self._writing is None and not self.is_paused and self.is_up:
            while inbox:
                core.step(inbox.popleft())
                on_core(name, core, storage_id)
            while self._requests:
                self._take(self._requests.popleft())
            on_core(name, core, storage_id)
            ready = core.ready()
            if ready is None:
                if not self._must_compact():
                    return
                self._compact()
            elif ready.must_persist:
                self._write(ready)
            else:
                self._go_on(ready)

    def _write(self, work: Work) -> None:
        self._writing = work
        if isinstance(work, Ready):
            for message in work.messages[: work.early]:
                self._send(self.name, message)
        if isinstance(work, Ready) and work.snapshot is not None and self.on_install():
            return
        if self.is_disk_full:
            self._coverage.reached(Situation.DISK_FULL)
            self.crash('lost')
        elif self.crash_at_write is not None:
            self.crash_at_write()
        else:
            self._timeline.after(self._fsync_us(), self._written, self.life)

    def _fsync_us(self) -> int:
        return FSYNC_US_MIN + int(self._rng.random() * (self.fsync_us_max - FSYNC_US_MIN))

    def _written(self, life: int) -> None:
        if self.life != life or self._writing is None:
            return
        self._make_durable(self._writing)
        if self.is_paused:
            self._is_written = True
            return
        self._finish_write()
        self.pump()

    def _finish_write(self) -> None:
        work, self._writing, self._is_written = self._writing, None, False
        if isinstance(work, Ready):
            self._go_on(work)

    def _make_durable(self, work: Work) -> None:
        disk = self.disk
        assert isinstance(work, (Ready, Snapshot))
        if isinstance(work, Snapshot):
            disk.save_snapshot(work, self.core.first_index, install=False)
            return
        if work.snapshot is not None:
            self._install_on_disk(work.snapshot)
        before = disk.hard_state
        if work.truncate_from is not None:
            self._observer.on_cut(disk, work.truncate_from)
        disk.save(work.hard_state, work.truncate_from, work.entries)
        self._promises.on_saved(self.core, disk, work.hard_state, work.entries, before)

    def _install_on_disk(self, snapshot: Snapshot) -> None:
        self._observer.on_install(self.disk, snapshot)
        self.disk.save_snapshot(snapshot, snapshot.index + 1, install=True)

    def _go_on(self, ready: Ready) -> None:
        name, send = self.name, self._send
        if ready.soft_state is not None:
            self._observer.on_role(name, ready.soft_state)
        for message in ready.messages[ready.early :]:
            kind = type(message)
            if kind is AppendReply:
                if name in self._observer.half_installed:
                    self._coverage.reached(Situation.APPEND_DURING_CHUNKS)
                self._promises.on_acknowledged(self.disk, message)  # type: ignore[arg-type]
            elif kind is Vote:
                self._promises.on_vote(self.disk, message)          # type: ignore[arg-type]
                self._observer.on_vote(message)                     # type: ignore[arg-type]
            elif kind in self._observer.rare:
                self._observer.on_sent(name, message)
            send(name, message)
        if ready.snapshot is not None:
            self._restore(ready.snapshot)
            self._promises.on_installed(name, ready.snapshot, self.machine.encode())
        if ready.committed:
            self._apply(ready)
        for state in ready.read_states:
            self._on_confirmed(state.request_id, state.index)
        self.core.advance(ready)
        self._promises.on_core(name, self.core, self.disk.storage_id)

    def _apply(self, ready: Ready) -> None:
        promises, machine = self._promises, self.machine
        for entry in ready.committed:
            answer = machine.apply(entry)
            is_first = entry.index > len(promises.committed)
            promises.on_applied(self.name, entry, answer, machine.took_effect)
            if is_first:
                self._observer.on_first_applied(entry, machine)
            waiting = self._waiting.pop(entry.index, None) if self._waiting else None
            if waiting is not None:
                term, request = waiting
                is_ours = term == entry.term
                if not is_ours:
                    self._coverage.reached(Situation.PROPOSAL_LOST)
                request.answer(Reply(request, is_ours, answer if is_ours else None, None))
        self.applied_index = ready.committed[-1].index

    # Compaction.

    def _must_compact(self) -> bool:
        snapshot = self.disk.snapshot
        last = snapshot.index if snapshot is not None else 0
        return self.applied_index - last >= self._settings.compact_after

    def compact(self) -> None:
        """At the request of a schedule; without anything new it is none."""
        snapshot = self.disk.snapshot
        last = snapshot.index if snapshot is not None else 0
        if self.is_running and self._writing is None and self.applied_index > last:
            self._compact()
            self.pump()

    def _compact(self) -> None:
        snapshot = self.core.compact(self.machine.encode(), self._settings.keep_entries)
        self._coverage.reached(Situation.COMPACTED)
        self._promises.on_compacted(self.name, snapshot)
        self._write(snapshot)

    # Requests of clients and of the operator.

    def _take(self, request: Request) -> None:
        if request.data is not None:
            self._propose(request, request.data)
        else:
            self._read(request)

    def _propose(self, request: Request, data: bytes) -> None:
        answer = self.core.propose(EntryKind.COMMAND, data, self.stamp_ns())
        if isinstance(answer, Proposed):
            self._waiting[answer.index] = (answer.term, request)
            self._observer.on_proposed(self.stamp_ns())
        else:
            self._coverage.reached(Situation.PROPOSAL_REFUSED)
            request.answer(Reply(request, False, None, answer.leader))

    def _read(self, request: Request) -> None:
        self._read_id += 1
        refused = self.core.read_index(self._read_id)
        if refused is not None:
            self._coverage.reached(Situation.READ_REFUSED)
            request.answer(Reply(request, False, None, refused.leader))
            return
        self._reads[self._read_id] = PendingRead(
            request, self._promises.commit_index, self._timeline.now_us + READ_LIMIT_US
        )

    def _ask_again(self) -> None:
        now_us = self._timeline.now_us
        for request_id, read in list(self._reads.items()):
            if read.until_us <= now_us or self.core.read_index(request_id) is not None:
                del self._reads[request_id]
                self._coverage.reached(Situation.READ_REFUSED)
                read.request.answer(Reply(read.request, False, None, self.core.leader))

    def _on_confirmed(self, request_id: int, index: int) -> None:
        read = self._reads.pop(request_id, None)
        if read is None:
            return
        self._promises.on_read(self.name, read.floor, index, self.applied_index)
        self._coverage.reached(
            Situation.READ_CONFIRMED_LEADER if self.core.role is Role.LEADER
            else Situation.READ_CONFIRMED_FOLLOWER
        )
        value = self.machine.read(read.request.key)
        read.request.answer(Reply(read.request, True, value, None))

    def propose_batch(self, batch: Sequence[bytes]) -> None:
        if self.is_running and self._writing is None:
            answer = self.core.propose_batch(
                [(EntryKind.COMMAND, data) for data in batch], self.stamp_ns()
            )
            if isinstance(answer, Refused):
                self._coverage.reached(Situation.PROPOSAL_REFUSED)
            self.pump()

    def change(self, change: Change) -> None:
        """A membership change, as far as the leader takes it."""
        if self.is_running and self._writing is None:
            answer = self.core.propose_change(change, self.stamp_ns())
            if isinstance(answer, Refused):
                self._coverage.reached(Situation.CHANGE_REFUSED)
            self.pump()

    def transfer_to(self, target: RobotId) -> None:
        if self.is_running and self._writing is None and target != self.name:
            if self.core.transfer_to(target) is None:
                self._observer.on_transfer(self.name, target, self.core.term)
            self.pump()

    def _do_duties(self) -> None:
        self._admit()
        stamp_ns = self.stamp_ns()
        for data in self.machine.duties(self.core, self.name, self.life, stamp_ns):
            self.core.propose(EntryKind.COMMAND, data, stamp_ns)

    def _admit(self) -> None:
        """As a coordinator does: what the policy says, and every robot that is heard joins."""
        changes = admissions(self.core, self._robots)
        if changes:
            self.core.propose_change(changes, self.stamp_ns())
