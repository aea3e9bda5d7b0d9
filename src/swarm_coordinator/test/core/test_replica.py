# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When a robot's log is replaced by a snapshot of its state, and what happens when that fails."""

from __future__ import annotations

import random
from typing import Any

import pytest
from coordinator_samples import R1, R2, R3, TTL_MS, registration, spec

from swarm_coordinator.core import replica as replica_module
from swarm_coordinator.core.events import Persist, SaveSnapshot, Send
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.raft import (
    PROFILES,
    EntryKind,
    Membership,
    RaftCore,
    Role,
    Snapshot,
    SnapshotChunk,
    SnapshotReply,
)
from swarm_coordinator.core.raft.snapshot import SnapshotImage
from swarm_coordinator.core.replica import Replica
from swarm_coordinator.core.replicated import snapshot as snapshot_module
from swarm_coordinator.core.replicated.command import (
    Command,
    CompleteJob,
    Grant,
    GrantJobs,
    Issued,
    ReportJobs,
    SetMode,
    SubmitJob,
    encode,
)
from swarm_coordinator.core.replicated.snapshot import encode_state
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.core.worker import Note

ENTRIES, KEPT = 5, 2


class Alone:
    """The only voter: whatever it appends is committed."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        raft = RaftCore(R1, (R1,), PROFILES['wired'].timing, random.Random(1), snapshot=snapshot)
        self.replica = Replica(raft)
        self.serial = 0
        self.stored: list[int] = []
        while raft.role is not Role.LEADER:
            raft.tick()
            self.pump()

    def pump(self) -> None:
        while (batch := self.replica.next()) is not None:
            for effect in batch.effects:
                if isinstance(effect, Persist):
                    self.stored += [entry.index for entry in effect.entries]

    def do(self, command: Command) -> None:
        self.serial += 1
        issued = Issued(R1, 1, self.serial, 0, command)
        assert self.replica.append(issued, encode(issued), 10**9 + self.serial) is None
        self.pump()

    def fill(self, entries: int = ENTRIES) -> SaveSnapshot | Note | None:
        for _ in range(entries):
            self.do(SetMode(Mode.NORMAL, 'x'))
        return self.replica.compact_if_due()


@pytest.fixture(autouse=True)
def soon_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_module, 'ENTRIES_PER_SNAPSHOT', ENTRIES)
    monkeypatch.setattr(replica_module, 'ENTRIES_KEPT', KEPT)


def test_snapshot_is_made_after_so_many_entries_and_the_last_ones_stay() -> None:
    robot = Alone()
    assert robot.fill(ENTRIES - 2) is None
    saved = robot.fill(1)
    assert isinstance(saved, SaveSnapshot) and not saved.install
    assert saved.snapshot.data == encode_state(robot.replica.state)
    assert saved.first_kept == saved.snapshot.index - KEPT + 1
    assert robot.fill(ENTRIES - 1) is None


def test_snapshot_is_made_after_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_module, 'ENTRIES_PER_SNAPSHOT', 10**6)
    monkeypatch.setattr(replica_module, 'LOG_BYTES_PER_SNAPSHOT', 1000)
    robot = Alone()
    assert robot.fill(1) is None
    robot.do(SetMode(Mode.NORMAL, 'x' * 1000))
    assert isinstance(robot.replica.compact_if_due(), SaveSnapshot)


def test_robot_that_starts_from_its_snapshot_goes_on_from_the_same_state() -> None:
    robot = Alone()
    saved = robot.fill()
    assert isinstance(saved, SaveSnapshot)
    state = Alone(saved.snapshot).replica.state
    assert state.applied_index == saved.snapshot.index + 1, 'the entry that opens its term'
    assert state.term == saved.snapshot.term + 1


def test_ended_jobs_are_written_once_for_many_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    robot, written = Alone(), []
    real = snapshot_module._job_row
    monkeypatch.setattr(
        snapshot_module, '_job_row', lambda job: written.append(job.job_id) or real(job)
    )
    robot.do(registration(R1))
    robot.do(SubmitJob('j1', R1, spec(), '', ''))
    robot.do(GrantJobs((Grant('j1', R1, 1, 1, TTL_MS, ''),)))
    token = robot.replica.state.applied_index
    robot.do(ReportJobs((CompleteJob('j1', token, 5, (), R1),)))
    saved = [robot.fill() for _ in range(3)]
    assert all(isinstance(one, SaveSnapshot) for one in saved)
    assert written == ['j1']


def test_state_that_is_too_large_leaves_the_log_whole_and_is_said_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    robot = Alone()
    monkeypatch.setattr(snapshot_module, 'STATE_BYTES_MAX', 10)
    said = [robot.fill() for _ in range(3)]
    assert isinstance(said[0], Note) and 'at most 10' in said[0].text
    assert said[1:] == [None, None]
    raft = robot.replica.raft
    assert raft.snapshot is None and raft.first_index == 1
    assert robot.stored == list(range(1, raft.last_index + 1))


def test_state_that_became_small_enough_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    robot = Alone()
    with monkeypatch.context() as small:
        small.setattr(snapshot_module, 'STATE_BYTES_MAX', 10)
        assert isinstance(robot.fill(), Note)
        assert robot.replica.compact_if_due() is None, 'not tried with every entry'
    saved = robot.fill()
    assert isinstance(saved, SaveSnapshot)
    assert saved.snapshot.data == encode_state(robot.replica.state)
    monkeypatch.setattr(snapshot_module, 'STATE_BYTES_MAX', 10)
    assert isinstance(robot.fill(), Note), 'said anew'


def test_entry_that_cannot_be_read_moves_time_and_nothing_else() -> None:
    robot = Alone()
    before: Any = encode_state(robot.replica.state)
    robot.replica.raft.propose(EntryKind.COMMAND, b'{}', 77)
    robot.pump()
    state = robot.replica.state
    assert state.applied_index == robot.replica.raft.last_applied and state.stamp_ns == 77
    state.applied_index, state.stamp_ns = state.applied_index - 1, 0
    assert encode_state(state) == before


@pytest.mark.parametrize('damage', ['no JSON', 'another entry', 'a part that is missing'])
def test_snapshot_whose_state_cannot_be_read_is_refused_and_takes_nothing_away(
    damage: str,
) -> None:
    """What a leader sends, by a fault or on purpose, must not end the robots that follow it."""
    raft = RaftCore(R1, (R1, R2, R3), PROFILES['wired'].timing, random.Random(1), storage_id=1)
    follower = Replica(raft)
    before = follower.state
    data = encode_state(ReplicatedState(applied_index=8 if damage == 'another entry' else 9))
    if damage == 'no JSON':
        data = b'{'
    elif damage == 'a part that is missing':
        data = data.replace(b'"leases":[],', b'')
    image = SnapshotImage(Snapshot(9, 4, 5, Membership(((R1, 1), (R2, 2), (R3, 3))), data))
    raft.step(SnapshotChunk(
        R2, R1, 4, 9, 4, 0, len(image.encoded), image.sha256, image.encoded, storage_id=2))
    said = []
    while (batch := follower.next()) is not None:
        said += [one.message for one in batch.effects if isinstance(one, Send)]
        assert not any(isinstance(one, SaveSnapshot) for one in batch.effects)
    [reply] = [one for one in said if isinstance(one, SnapshotReply)]
    assert not reply.accepted and reply.reason and reply.next_offset_bytes == 0
    assert follower.state is before and raft.snapshot is None and raft.last_applied == 0
    raft.check_invariants()
