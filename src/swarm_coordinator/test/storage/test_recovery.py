# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A quorum is lost for ever: one robot goes on alone with all that it had."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from storage_samples import entries, snapshot_of

from swarm_coordinator.core.raft import (
    PROFILES,
    Entry,
    EntryKind,
    HardState,
    Membership,
    RaftCore,
    RobotId,
    Role,
)
from swarm_coordinator.storage.faults import StorageCorrupt, StorageFailed, StorageLocked
from swarm_coordinator.storage.folder_lock import FolderLock
from swarm_coordinator.storage.log_store import LogStore, Stored
from swarm_coordinator.storage.recovery import LOG_NAME, NothingToRecover, Recovery

R1, R2, R3 = RobotId('r1'), RobotId('r2'), RobotId('r3')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of r1 in a swarm of three: entries 1 to 9, committed up to 6 as far as it knows."""
    store = LogStore.open(tmp_path / 'r1' / LOG_NAME)
    founding = Membership(((R1, store.storage_id), (R2, 22), (R3, 33)))
    first = Entry(1, 1, EntryKind.MEMBERSHIP, 1, founding.encode())
    store.save(HardState(4, R2, 6), None, [first, *entries(2, 9, term=3)])
    store.meta_set('robot_id', 'r1')
    store.close()
    return tmp_path / 'r1'


def stored_in(folder: Path) -> tuple[Stored, LogStore]:
    store = LogStore.open(folder / LOG_NAME)
    store.close()
    return LogStore.open(folder / LOG_NAME).load(), store


def core_from(folder: Path) -> tuple[RaftCore, list[Entry]]:
    """After enough ticks for an election, and what it handed out to be applied."""
    stored, store = stored_in(folder)
    core = RaftCore(
        R1, (R1, R2, R3), PROFILES['wifi'].timing, random.Random(1), stored.hard_state,
        stored.entries, stored.snapshot, store.storage_id,
    )
    applied: list[Entry] = []
    for _ in range(10 * core.timing.election_timeout_ticks_max):
        core.tick()
        while (ready := core.ready()) is not None:
            applied += ready.committed
            core.advance(ready)
    return core, applied


def test_before_the_recovery_it_cannot_lead(folder: Path) -> None:
    core, _ = core_from(folder)
    assert core.role is not Role.LEADER


def test_recovered_robot_leads_alone_and_has_every_entry(folder: Path) -> None:
    before, _ = stored_in(folder)
    with Recovery(folder, 'r1') as recovery:
        recovered = recovery.recover()
    assert (recovered.index, recovered.term, recovered.lineage) == (10, 5, 1)
    core, applied = core_from(folder)
    assert core.role is Role.LEADER and core.term > 5
    assert core.voters == (R1,)
    assert applied[:9] == before.entries, 'also what was not known to be committed'
    assert core.commit_index == core.last_index >= 11


def test_recovery_goes_on_after_a_snapshot(folder: Path) -> None:
    store = LogStore.open(folder / LOG_NAME)
    store.save_snapshot(snapshot_of(9, term=3), 10)
    store.close()
    with Recovery(folder, 'r1') as recovery:
        assert recovery.found().snapshot_index == 9
        assert recovery.recover().index == 10
    core, _ = core_from(folder)
    assert core.role is Role.LEADER and core.voters == (R1,)


def test_what_is_found_is_told_and_nothing_is_changed(folder: Path) -> None:
    before = stored_in(folder)[0]
    with Recovery(folder, 'r1') as recovery:
        found = recovery.found()
    assert (found.first_index, found.last_index, found.last_term) == (1, 9, 3)
    assert found.hard_state == HardState(4, R2, 6) and found.uncommitted == 3
    assert found.membership is not None and found.membership.voter_ids == (R1, R2, R3)
    assert found.has_vote
    assert stored_in(folder)[0] == before
    assert not list(folder.glob('before-recovery-*'))


def test_robot_whose_seat_is_another_disk_is_shown_without_a_vote(folder: Path) -> None:
    store = LogStore.open(folder / LOG_NAME)
    other = Membership(((R1, 77), (R2, 22), (R3, 33)))
    store.save(None, None, [Entry(10, 4, EntryKind.MEMBERSHIP, 9000, other.encode())])
    store.close()
    with Recovery(folder, 'r1') as recovery:
        assert not recovery.found().has_vote


def test_files_are_backed_up_and_the_backup_can_be_loaded(folder: Path) -> None:
    before = stored_in(folder)[0]
    with Recovery(folder, 'r1') as recovery:
        backup = recovery.recover().backup
    assert backup == folder / 'before-recovery-1'
    assert LogStore.open(backup / LOG_NAME).load() == before


def test_second_recovery_changes_nothing(folder: Path) -> None:
    """Every lineage that is begun keeps more robots apart."""
    with Recovery(folder, 'r1') as recovery:
        recovery.recover()
        with pytest.raises(NothingToRecover, match='only voter already'):
            recovery.recover()
    after, store = stored_in(folder)
    with Recovery(folder, 'r1') as recovery, pytest.raises(NothingToRecover):
        recovery.recover()
    again, _ = stored_in(folder)
    assert again == after and store.lineage == 1


def test_swarm_that_grew_again_can_be_recovered_again(folder: Path) -> None:
    with Recovery(folder, 'r1') as recovery:
        recovery.recover()
    store = LogStore.open(folder / LOG_NAME)
    grown = Membership(((R1, store.storage_id), (R2, 99)))
    store.save(
        HardState(6, R1, 11), None, [Entry(11, 6, EntryKind.MEMBERSHIP, 10**6, grown.encode())]
    )
    store.close()
    with Recovery(folder, 'r1') as recovery:
        recovered = recovery.recover()
    assert (recovered.index, recovered.lineage) == (12, 2)
    assert recovered.backup.name == 'before-recovery-2'
    assert core_from(folder)[0].role is Role.LEADER


def test_stamps_do_not_go_back(folder: Path) -> None:
    with Recovery(folder, 'r1') as recovery:
        recovery.recover()
    stamps = [entry.stamp_ns for entry in stored_in(folder)[0].entries]
    assert stamps == sorted(stamps)


def test_running_robot_is_not_recovered(folder: Path) -> None:
    with FolderLock.acquire(folder), pytest.raises(StorageLocked, match='in use'):
        Recovery(folder, 'r1')
    Recovery(folder, 'r1').close()


def test_folder_without_a_log_is_refused_and_not_made(tmp_path: Path) -> None:
    for folder in (tmp_path / 'nowhere', tmp_path):
        with pytest.raises(StorageFailed, match='expected the storage folder'):
            Recovery(folder, 'r1')
    assert list(tmp_path.iterdir()) == []


def test_empty_log_needs_no_force(tmp_path: Path) -> None:
    LogStore.open(tmp_path / LOG_NAME).close()
    with Recovery(tmp_path, 'r1') as recovery, pytest.raises(NothingToRecover, match='empty'):
        recovery.recover()


@pytest.mark.parametrize('name', ['', 'two words', '../r1', 'r' * 80, 'r2'])
def test_other_names_than_the_owner_of_the_folder_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match='expected'):
        Recovery(folder, name)
    Recovery(folder, 'r1').close()


def test_damaged_log_is_not_taken_for_the_truth(folder: Path) -> None:
    path = folder / LOG_NAME
    content = bytearray(path.read_bytes())
    content[content.index(b'5-####') + 4] ^= 1
    path.write_bytes(content)
    with pytest.raises(StorageCorrupt):
        Recovery(folder, 'r1')
    FolderLock.acquire(folder).close()
