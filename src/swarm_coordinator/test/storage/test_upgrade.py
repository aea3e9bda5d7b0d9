# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Log stores of version 1 exist in the field: they keep their log and get an identity."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from storage_samples import entries, snapshot_of, version_1

from swarm_coordinator.core.raft import HardState, RobotId
from swarm_coordinator.storage.log_store import LogStore, StorageCorrupt, Stored

TERM = HardState(3, RobotId('r2'), 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'log.sqlite'


def test_log_term_vote_and_facts_are_kept(path: Path) -> None:
    version_1(path, entries(1, 9), TERM)
    store = LogStore.open(path)
    assert store.load() == Stored(TERM, None, entries(1, 9))
    assert store.meta_get('swarm_id') == 'swarm'
    assert store.next_incarnation() == 42
    assert store.storage_id != 0 and store.lineage == 0


def test_storage_id_is_made_once(path: Path) -> None:
    version_1(path, entries(1, 9), TERM)
    store = LogStore.open(path)
    store.close()
    assert LogStore.open(path).storage_id == store.storage_id


def test_upgraded_store_goes_on(path: Path) -> None:
    version_1(path, entries(1, 9), TERM)
    store = LogStore.open(path)
    store.save(HardState(4, None, 4), 9, entries(9, 12, term=4))
    store.save_snapshot(snapshot_of(6), 4)
    store.close()
    expected = entries(4, 8) + entries(9, 12, term=4)
    assert LogStore.open(path).load() == Stored(HardState(4, None, 4), snapshot_of(6), expected)


def test_store_that_never_voted_is_upgraded(path: Path) -> None:
    version_1(path, [], None)
    assert LogStore.open(path).load() == Stored(HardState(), None, [])


@pytest.mark.parametrize(
    'damage',
    [
        "UPDATE meta SET value = '9' WHERE key = 'incarnation'",
        'UPDATE entries SET term = 2 WHERE log_index = 2',
        'UPDATE hard_state SET term = 9',
    ],
)
def test_damage_of_a_version_1_store_is_found(path: Path, damage: str) -> None:
    version_1(path, entries(1, 9), TERM)
    database = sqlite3.connect(path)
    database.execute(damage)
    database.commit()
    database.close()
    with pytest.raises(StorageCorrupt):
        LogStore.open(path)


def test_upgrade_is_one_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version_1(path, entries(1, 9), TERM)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr('swarm_coordinator.storage.schema.write_identity', stop)
        with pytest.raises(KeyboardInterrupt):
            LogStore.open(path)
    database = sqlite3.connect(path)
    assert database.execute('PRAGMA user_version').fetchone() == (1,)
    database.close()
    assert LogStore.open(path).load() == Stored(TERM, None, entries(1, 9))


def test_incarnation_only_goes_up(path: Path) -> None:
    store = LogStore.open(path)
    store.set_incarnation(2**50 + 5)
    store.set_incarnation(2**50 + 5)
    with pytest.raises(ValueError, match=f'expected {2**50 + 5} to'):
        store.set_incarnation(2**50 + 4)
    store.close()
    again = LogStore.open(path)
    assert (again.incarnation, again.next_incarnation()) == (2**50 + 5, 2**50 + 6)
