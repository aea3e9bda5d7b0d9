# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Random schedules of everything at once: losses, copies, partitions, crashes, lost disks, changes
of membership, snapshots, reads and transfers. Raft's promises (Figure 3) hold at every step, a
read never misses what was committed before it was asked (thesis 6.4), and after all faults are
over the swarm works.

More of them: RAFT_SCHEDULES=2000 python -m pytest src/swarm_coordinator/test/raft -k schedules
"""

from __future__ import annotations

import os
import random

import pytest
from raft.raft_bench import TIMING
from raft.transcript import Robot, Script

from swarm_coordinator.core.raft import (
    AddNonVoter,
    Demote,
    Entry,
    EntryKind,
    Membership,
    Promote,
    Proposed,
    RaftCore,
    Ready,
    Remove,
    RobotId,
    Role,
    admissions,
)

SCHEDULES = int(os.environ.get('RAFT_SCHEDULES', '60'))
STEPS = 1500
HEALING_ROUNDS_MAX = 150


class Schedule(Script):
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = random.Random(seed)
        self._quiet = True
        self.committed: dict[int, Entry] = {}
        self.leaders: dict[int, RobotId] = {}
        self.reads: dict[tuple[RobotId, int], int] = {}   # what had to be seen
        self.reads_answered = 0
        self.request_id = 0
        self.counts: dict[str, int] = {}
        names = ['r1', 'r2', 'r3', 'r4', 'r5'][: self.rng.choice((3, 3, 5))]
        self._do_peers([*names, f'outsiders=r{len(names) + 1},r{len(names) + 2}', 'term=1'])
        self._quiet = True

    # What is checked.

    def _took(self, robot: Robot, core: RaftCore, ready: Ready) -> None:
        last = ready.snapshot.index if ready.snapshot else core.last_applied
        for entry in ready.committed:
            assert entry.index == last + 1, f'{robot.name} applied {entry.index} after {last}'
            last = entry.index
            known = self.committed.setdefault(entry.index, entry)
            assert known == entry, f'state machine safety: {robot.name} {entry} {known}'
        for read in ready.read_states:
            wanted = self.reads.pop((robot.name, read.request_id), None)
            assert wanted is None or read.index >= wanted, f'{robot.name} read the past'
            assert read.index <= last, f'{robot.name} may read {read.index}, has {last}'
            self.reads_answered += 1
        if core.role is Role.LEADER:
            first = self.leaders.setdefault(core.term, robot.name)
            assert first == robot.name, f'{first} and {robot.name} lead term {core.term}'

    def _work(self, robot: Robot) -> None:
        core = robot.core
        if core is not None:
            core.check_invariants()
            asked = core.ready

            def ready() -> Ready | None:
                work = asked()
                if work is not None:
                    self._took(robot, core, work)
                return work

            core.ready = ready  # type: ignore[method-assign]
            try:
                super()._work(robot)
            finally:
                del core.ready

    # What happens.

    def step(self) -> None:
        actions = {
            'tick_all': 30, 'some': 60, 'lose': 6, 'double': 4, 'propose': 10, 'read': 6,
            'cut_off': 1, 'heal_links': 2, 'crash_one': 1, 'restart_one': 2, 'stall_one': 1,
            'resume_one': 2, 'admit_all': 8, 'change': 1, 'compact_one': 2, 'hand_over': 1,
            'wipe_one': 1, 'one_way': 1,
        }
        name = self.rng.choices(list(actions), list(actions.values()))[0]
        self.counts[name] = self.counts.get(name, 0) + bool(getattr(self, f'act_{name}')())

    def _running(self) -> list[Robot]:
        return [robot for robot in self.robots.values() if robot.core and not robot.is_stalled]

    def _leading(self) -> list[Robot]:
        return [robot for robot in self._running() if robot.core.role is Role.LEADER]

    def act_tick_all(self) -> bool:
        for robot in self._running():
            if self.rng.random() < 0.9:
                robot.core.tick()
                self._work(robot)
        return True

    def act_some(self) -> bool:
        for _ in range(min(len(self._under_way), self.rng.randint(1, 30))):
            near = min(len(self._under_way), 6)
            at = self.rng.randrange(near if self.rng.random() < 0.9 else len(self._under_way))
            self._hear(*self._under_way.pop(at))
        return True

    def act_lose(self) -> bool:
        kept = self.rng.random()
        self._under_way = [item for item in self._under_way if self.rng.random() < kept]
        return True

    def act_double(self) -> bool:
        if self._under_way:
            self._under_way.append(self.rng.choice(self._under_way))
        return bool(self._under_way)

    def act_propose(self) -> bool:
        for robot in self._leading():
            size = self.rng.choice((1, 1, 30, 20_000))
            self.request_id += 1
            data = b'%d'.ljust(size, b'.') % self.request_id
            robot.core.propose(EntryKind.COMMAND, data, self.rng.randrange(10**6))
            self._work(robot)
        return True

    def act_read(self) -> bool:
        if not (running := self._running()):
            return False
        robot = self.rng.choice(running)
        self.request_id += 1
        self.reads[robot.name, self.request_id] = max(self.committed, default=0)
        robot.core.read_index(self.request_id)
        self._work(robot)
        return True

    def act_cut_off(self) -> bool:
        names = list(self.robots)
        side = set(self.rng.sample(names, self.rng.randint(1, len(names) - 1)))
        self._cut |= {(a, b) for a in names for b in names if (a in side) != (b in side)}
        return True

    def act_one_way(self) -> bool:
        deaf = self.rng.choice(list(self.robots))
        self._cut |= {(other, deaf) for other in self.robots if other != deaf}
        return True

    def act_heal_links(self) -> bool:
        self._cut.clear()
        return True

    def act_crash_one(self) -> bool:
        self._do_crash([self.rng.choice(list(self.robots))])
        return True

    def act_restart_one(self) -> bool:
        down = [name for name, robot in self.robots.items() if robot.core is None]
        for name in down:
            self._do_restart([name])
        return bool(down)

    def act_stall_one(self) -> bool:
        if running := self._running():
            self.rng.choice(running).is_stalled = True
        return True

    def act_resume_one(self) -> bool:
        for robot in self.robots.values():
            if robot.is_stalled:
                robot.is_stalled = False
                self._work(robot)
        return True

    def act_admit_all(self) -> bool:
        done = False
        for robot in self._leading():
            if changes := admissions(robot.core):
                done |= isinstance(robot.core.propose_change(changes, 0), Proposed)
            self._work(robot)
        return done

    def act_change(self) -> bool:
        done = False
        for robot in self._leading():
            name = self.rng.choice(list(self.robots))
            membership = robot.core.membership
            change = AddNonVoter(name, self.robots[name].disk.storage_id)
            if name in membership.voter_ids:
                if len(membership.voters) < 3 or self._is_disk_lost(membership):
                    continue
                change = self.rng.choice((Demote, Remove))(name)
            elif membership.storage_of(name) is not None:
                change = Promote(name)
            done |= isinstance(robot.core.propose_change(change, 0), Proposed)
            self._work(robot)
        return done

    def act_compact_one(self) -> bool:
        robot = self.rng.choice(list(self.robots.values()))
        if robot.core is None or not robot.core.last_applied or robot.is_stalled:
            return False
        self._do_compact([robot.name, f'keep={self.rng.choice((0, 0, 3, 20))}'])
        return True

    def act_hand_over(self) -> bool:
        done = False
        for robot in self._leading():
            heir = self.rng.choice(list(self.robots))
            done |= robot.core.transfer_to(heir) is None
            self._work(robot)
        return done

    def act_wipe_one(self) -> bool:
        """A lost disk is a voter that is gone for ever: only as many as Raft can bear, and none
        before the founding is known to all founders."""
        seen = [
            robot.core.membership for robot in self.robots.values() if robot.core is not None
        ]
        if not all(robot.disk.entries or robot.disk.snapshot for robot in self._members()):
            return False
        for membership in [*seen, *self._memberships_on_disks()]:
            if len(membership.voters) < 3 or self._is_disk_lost(membership):
                return False
        name = self.rng.choice(list(self.robots))
        self._do_wipe([name])
        for key in [key for key in self.reads if key[0] == name]:
            del self.reads[key]
        return True

    def _is_disk_lost(self, membership: Membership) -> bool:
        disks = {name: robot.disk.storage_id for name, robot in self.robots.items()}
        return any(disks[name] != storage_id for name, storage_id in membership.voters)

    def _members(self) -> list[Robot]:
        return [self.robots[name] for name in self._founders]

    def _memberships_on_disks(self) -> list[Membership]:
        """The one that counts there."""
        found = []
        for robot in self.robots.values():
            steps = [robot.disk.snapshot.membership] if robot.disk.snapshot else []
            steps += [
                Membership.decode(entry.data) for entry in robot.disk.entries
                if entry.kind is EntryKind.MEMBERSHIP
            ]
            found += steps[-1:]
        return found

    # After the faults.

    def require_liveness(self) -> None:
        self.act_heal_links()
        self.act_restart_one()
        self.act_resume_one()
        wanted: Proposed | None = None
        for _ in range(HEALING_ROUNDS_MAX):
            for _ in range(TIMING.heartbeat_ticks):
                for robot in self._running():
                    robot.core.tick()
                    self._work(robot)
            self._do_deliver([])
            self.act_admit_all()
            leading = self._leading()
            if not leading:
                continue
            leader = max(leading, key=lambda robot: robot.core.term)
            voters = leader.core.membership.voters
            if wanted is not None and all(
                self.robots[name].core.last_applied >= wanted.index
                and self.robots[name].disk.storage_id == storage_id
                for name, storage_id in voters
            ):
                if self.committed[wanted.index].term != wanted.term:
                    wanted = None
                elif not leader.core.membership.returning:
                    return
            if wanted is None or wanted.term != leader.core.term:
                answer = leader.core.propose(EntryKind.COMMAND, b'healed', 0)
                wanted = answer if isinstance(answer, Proposed) else None
                self._work(leader)
        self._quiet = False
        self._out = []
        self._do_show([])
        raise AssertionError('not healed:\n' + '\n'.join(self._out))


def run_schedule(seed: int) -> Schedule:
    schedule = Schedule(seed)
    for _ in range(STEPS):
        schedule.step()
    schedule.require_liveness()
    return schedule


@pytest.mark.parametrize('first', range(0, SCHEDULES, 20))
def test_promises_hold_in_random_schedules(first: int) -> None:
    for seed in range(first, first + 20):
        try:
            run_schedule(seed)
        except Exception as error:
            text = f'run_schedule({seed}): {type(error).__name__}: {error}'
            raise AssertionError(text) from error


def test_schedules_do_something() -> None:
    runs = [run_schedule(seed) for seed in range(1000, 1010)]
    for name in ('wipe_one', 'hand_over', 'change', 'admit_all', 'compact_one'):
        assert sum(run.counts.get(name, 0) for run in runs) > 5, name
    assert sum(len(run.committed) for run in runs) > 500
    assert sum(run.reads_answered for run in runs) > 100
    assert sum(len(run.leaders) for run in runs) > 30


