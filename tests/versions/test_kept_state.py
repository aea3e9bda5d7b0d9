# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""State that earlier versions kept is read; state of later ones is refused and left as it is.

kept/COMMIT/ was written by the code of that commit (make.py, make.sh).
"""

from __future__ import annotations

import json
import logging
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from hw_discovery import memory_file
from swarm_coordinator.audit import audit
from swarm_coordinator.core.comprehension import NewerLog
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.raft import PROFILES, Entry, EntryKind, HardState, RaftCore, Snapshot
from swarm_coordinator.core.replica import Replica
from swarm_coordinator.core.replicated.command import CODEC_VERSION, COMMANDS, decode
from swarm_coordinator.core.replicated.snapshot import encode_state
from swarm_coordinator.fencing import FencedResource, FenceUnreadable
from swarm_coordinator.runner.job_logs import JobLogs
from swarm_coordinator.storage.blob_store import BlobStore
from swarm_coordinator.storage.emergency_latch import load_emergency
from swarm_coordinator.storage.log_store import LogStore, StorageNewer
from swarm_coordinator.storage.newer import check_readable
from swarm_coordinator.storage.schema import SCHEMA_VERSION
from swarm_coordinator.storage.set_aside import open_or_set_aside
from swarm_learning.storage.checkpoint_file import CheckpointFile, Loaded
from swarm_learning.storage.memory_store import MemoryStore
from swarm_learning.storage.mind_files import MindFolder
from swarm_learning.storage.policy_files import PolicyFiles
from swarm_tower.web.gate import open_gate

KEPT = Path(__file__).parent / 'kept'
VERSIONS = sorted(path.name for path in KEPT.iterdir())
CONTENT = b'a file of a job\n' * 64


def parts(version: str) -> list[str]:
    found: list[str] = json.loads((KEPT / version / 'parts.json').read_text())
    return found


def having(part: str) -> list[str]:
    return [version for version in VERSIONS if part in parts(version)]


def kept(part: str) -> pytest.MarkDecorator:
    made = having(part)
    assert made, f'no version with {part!r}'
    return pytest.mark.parametrize(
        'copy', [(version, part) for version in made], ids=made, indirect=True)


@pytest.fixture
def copy(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of what a version kept of a part."""
    version, part = request.param
    return Path(shutil.copytree(KEPT / version / part, tmp_path / part))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        # sqlite's own two, which it makes to read and removes when it closes.
        if path.is_file() and not path.name.endswith(('-wal', '-shm'))
    }


@kept('log')
def test_log_of_an_earlier_version_gives_the_state_that_it_gave_there(copy: Path) -> None:
    found = audit(copy)
    assert encode_state(found.state) == (copy / 'state.json').read_bytes()
    store = LogStore.open(copy / 'log.sqlite')
    stored = store.load()
    check_readable(store.path, stored)
    assert stored.snapshot is not None and stored.snapshot.index == 120
    assert {type(decode(one.data).command).__name__ for one in stored.entries} <= set(COMMANDS)
    latch = load_emergency(store, RobotId('r1')).register
    assert (latch.epoch, latch.active, latch.raised_by) == (2, True, 'r2')
    assert store.meta_get('robot_id') == 'r1'
    store.save(HardState(99, None, 240), None, [])
    store.close()


@kept('files')
def test_files_of_an_earlier_version_are_there(copy: Path) -> None:
    store = BlobStore(copy, 1 << 24)
    [sha256] = [path.name for path in (copy / 'kept').iterdir()]
    assert store.verify(sha256)


@kept('output')
def test_output_of_an_earlier_version_is_read(copy: Path) -> None:
    logs = JobLogs(copy / 'logs', 8 << 20, logging.getLogger())
    assert logs.read('j1', 1, 'stdout', 0, 1 << 20).data == CONTENT


@kept('fence')
def test_token_of_an_earlier_version_counts(copy: Path) -> None:
    assert FencedResource('dock', copy / 'dock.token').highest == 41


@kept('learner')
def test_learner_goes_on_with_what_an_earlier_version_learned(copy: Path) -> None:
    statistics = CheckpointFile(copy).load()
    assert isinstance(statistics, Loaded) and statistics.content['number'] == 7
    mind = MindFolder(copy).load()
    assert mind.archive is not None and mind.archive.manifest['number'] == 7
    memory = MemoryStore(copy, quota_bytes=12_000)
    found = memory.open()
    memory.close()
    assert found.records == {'record': CONTENT} and not found.problem
    policies = PolicyFiles(copy / 'policies')
    named = policies.load_state()
    assert isinstance(named, Loaded)
    assert policies.read('mode', 1, named.content['versions']['1']).manifest['number'] == 7


@kept('hardware')
def test_memory_of_hardware_of_an_earlier_version_is_read(copy: Path) -> None:
    found, why = memory_file.read(str(copy / 'memory.json'), ['bme280'])
    assert [one.entry_id for one in found.values()] == ['bme280'] and not why


@kept('tower')
def test_tokens_of_an_earlier_version_open_the_tower(copy: Path) -> None:
    (copy / 'tokens.json').chmod(0o600)
    before = contents(copy)
    open_gate(str(copy / 'tokens.json'), lambda: 0.0)
    assert contents(copy) == before


# ---- later ones


def refused(folder: Path) -> StorageNewer:
    """As a robot opens its log when it starts; nothing of it may change."""
    before = contents(folder)
    with pytest.raises(StorageNewer) as caught:
        opened = open_or_set_aside(folder / 'log.sqlite', may_resync=True)
        try:
            check_readable(opened.store.path, opened.store.load())
        finally:
            opened.store.close()
    assert contents(folder) == before
    assert not list(folder.glob('corrupt-*'))
    assert 'newer software' in str(caught.value) and 'nothing was changed' in str(caught.value)
    return caught.value


def newest() -> str:
    return having('learner')[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KEPT / newest() / 'log', tmp_path / 'robot'))


def test_log_with_later_tables_is_refused_and_left(folder: Path) -> None:
    database = sqlite3.connect(folder / 'log.sqlite')
    database.execute(f'PRAGMA user_version = {SCHEMA_VERSION + 1}')
    database.close()
    assert 'schema version' in str(refused(folder))


def test_log_with_a_later_entry_is_refused_and_left(folder: Path) -> None:
    store = LogStore.open(folder / 'log.sqlite')
    term = store.load().entries[-1].term
    store.save(None, None, [Entry(241, term, EntryKind.COMMAND, 10**18, later_command())])
    store.close()
    assert f'entry 241 of version {CODEC_VERSION + 1}' in str(refused(folder))


def test_log_with_a_later_state_is_refused_and_left(folder: Path) -> None:
    store = LogStore.open(folder / 'log.sqlite')
    last = store.load().entries[-1]
    membership = store.load().snapshot.membership  # type: ignore[union-attr]
    data = b'{"new":1,"v":2}'
    store.save_snapshot(Snapshot(last.index, last.term, last.stamp_ns, membership, data), 200)
    store.close()
    assert 'a state of version 2' in str(refused(folder))


def test_log_with_a_later_form_of_snapshot_is_refused_and_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LogStore.open(folder / 'log.sqlite')
    last = store.load().entries[-1]
    membership = store.load().snapshot.membership  # type: ignore[union-attr]
    with monkeypatch.context() as patch:
        patch.setattr('swarm_coordinator.core.raft.snapshot.FORMAT', 2)
        store.save_snapshot(
            Snapshot(last.index, last.term, last.stamp_ns, membership, b'state'), 200)
    store.close()
    assert 'a snapshot of format 2' in str(refused(folder))


def later_command() -> bytes:
    return b'{"v":%d,"do":"Teleport","robot":"r3"}' % (CODEC_VERSION + 1)


def test_a_replica_stops_before_an_entry_that_it_does_not_know() -> None:
    """If one is committed all the same: the next entry must not be applied without it."""
    r1 = RobotId('r1')
    entries = (
        Entry(1, 1, EntryKind.NOOP, 1, b''),
        Entry(2, 1, EntryKind.COMMAND, 2, later_command()),
    )
    timing = PROFILES['wifi'].timing
    raft = RaftCore(
        r1, (r1,), timing, random.Random(1), HardState(1, r1, 2), entries, None, 5
    )
    replica = Replica(raft)
    with pytest.raises(NewerLog, match='entry 2 of the log is a command of version 2'):
        for _ in range(100):
            raft.tick()
            while replica.next() is not None:
                pass
    assert replica.state.applied_index == 1


def test_token_of_a_later_version_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / 'dock.token'
    path.write_text('{"v": 2, "resource": "dock", "token": 41, "more": 1}')
    before = path.read_bytes()
    with pytest.raises(FenceUnreadable, match='expected'):
        FencedResource('dock', path).present(42)
    assert path.read_bytes() == before
