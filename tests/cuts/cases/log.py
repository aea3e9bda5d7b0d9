# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The log of a robot: votes, entries, snapshots, the emergency latch, and what repairs it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from storage_samples import VOTERS, entries, snapshot_of, version_1

from cuts.engine import Broken, Case, Story, Told
from swarm_coordinator.core.emergency import PersistEmergency, Register
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.raft import Entry, HardState
from swarm_coordinator.storage.emergency_latch import load_emergency, save_emergency
from swarm_coordinator.storage.folder_lock import FolderLock
from swarm_coordinator.storage.log_store import LogStore
from swarm_coordinator.storage.recovery import LOG_NAME, NothingToRecover, Recovery
from swarm_coordinator.storage.set_aside import Opened, open_or_set_aside

STORE = r'robot/(log\.sqlite(-wal|-shm|-mark|-snapshot-\d+-[0-9a-f]{16})?|lock)'
ME = RobotId('r2')
# After so many pages sqlite copies its write-ahead log into the database, and it cuts a longer
# one: here often.
CHECKPOINT_PAGES, WAL_BYTES_KEPT = 12, 30_000


@dataclass(frozen=True)
class Mirror:
    """What the log should hold."""

    hard_state: HardState = HardState()
    snapshot: str = ''
    entries: tuple[str, ...] = ()
    lineage: int = 0
    starts: int = 0
    notes: tuple[str, ...] = ()

    def with_entries(self, added: list[Entry], before: int | None = None) -> Mirror:
        return replace(self, entries=(*self.entries[:before], *map(_short, added)))


def _short(entry: Entry) -> str:
    digest = hashlib.sha256(entry.data).hexdigest()[:8]
    return f'{entry.index}/{entry.term} {digest}'


@contextmanager
def opened(folder: Path, may_resync: bool = False) -> Iterator[Opened]:
    """As a robot opens it when it starts."""
    home = folder / 'robot'
    with FolderLock.acquire(home):
        found = open_or_set_aside(home / LOG_NAME, may_resync)
        try:
            yield found
        finally:
            found.store.close()


def seen(store: LogStore, starts_before: int) -> Mirror:
    stored = store.load()
    snapshot = stored.snapshot
    notes = tuple(store.meta_get(key) or '' for key in ('robot_id', 'emergency'))
    return Mirror(
        stored.hard_state,
        f'{snapshot.index} {hashlib.sha256(snapshot.data).hexdigest()[:8]}' if snapshot else '',
        tuple(map(_short, stored.entries)), store.lineage, store.incarnation - starts_before,
        tuple(one for one in notes if one),
    )


def _checkpoint_often(store: LogStore) -> None:
    store._database.execute(f'PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}')
    store._database.execute(f'PRAGMA journal_size_limit = {WAL_BYTES_KEPT}')


class Formatting(Case):
    """The first start of a robot: nothing is there, or a new log."""

    name = 'log: first start'
    operations = 'folder, lock, format, first incarnation and vote'
    names = STORE
    empty = HardState()

    def work(self, folder: Path, story: Story) -> None:
        home = folder / 'robot'
        with FolderLock.acquire(home):
            store = LogStore.open(home / LOG_NAME)
            store.next_incarnation()
            with story.step(HardState(1, ME, 0)):
                store.save(HardState(1, ME, 0), None, [])
            with story.step(HardState(2, None, 0)):
                store.save(HardState(2, None, 0), None, [])
        store.close()

    def start(self, folder: Path) -> Any:
        with opened(folder) as found:
            return found.store.load().hard_state

    def go_on(self, folder: Path) -> None:
        with opened(folder) as found:
            found.store.save(HardState(9, None, 0), None, [])


class Log(Case):
    """A life of a robot's log, with checkpoints of sqlite in between and an orderly end."""

    name = 'log'
    operations = ('votes, entries added and cut off, commits, snapshots taken and installed, '
                  'incarnation, lineage, checkpoints of sqlite, closing, opening')
    names = STORE

    def __init__(self) -> None:
        self._starts = 0

    def work(self, folder: Path, story: Story) -> None:
        with opened(folder) as found:
            store = found.store
            _checkpoint_often(store)
            self._starts = store.incarnation
            told = Mirror()
            story.watch(told)
            told = self._first_terms(store, story, told)
            told = self._snapshots(store, story, told)
        with opened(folder) as found:
            _checkpoint_often(found.store)
            self._later(found.store, story, told)

    def _first_terms(self, store: LogStore, story: Story, told: Mirror) -> Mirror:
        told = replace(told, starts=1)
        with story.step(told):
            store.next_incarnation()
        told = replace(told, hard_state=HardState(1, ME, 0))
        with story.step(told):
            store.save(told.hard_state, None, [])
        for first, last, size in ((1, 3, 10), (4, 4, 9000), (5, 8, 300)):
            added = entries(first, last, 1, size)
            told = told.with_entries(added)
            with story.step(told):
                store.save(None, None, added)
        added = entries(7, 9, 2, 2000)
        told = replace(told.with_entries(added, 6), hard_state=HardState(2, None, 6))
        with story.step(told):
            store.save(told.hard_state, 7, added)
        return told

    def _snapshots(self, store: LogStore, story: Story, told: Mirror) -> Mirror:
        for index, first_kept in ((4, 3), (8, 9)):
            snapshot = snapshot_of(index, 1 if index < 7 else 2, b'%d' % index * 3000)
            short = hashlib.sha256(snapshot.data).hexdigest()[:8]
            kept = tuple(
                one for one in told.entries if int(one.partition('/')[0]) >= first_kept)
            told = replace(told, snapshot=f'{index} {short}', entries=kept)
            with story.step(told):
                store.save_snapshot(snapshot, first_kept)
            told = replace(told, hard_state=HardState(index, None, index))
            with story.step(told):
                store.save(told.hard_state, None, [])
        return told

    def _later(self, store: LogStore, story: Story, told: Mirror) -> None:
        told = replace(told, starts=2)
        with story.step(told):
            store.next_incarnation()
        snapshot = snapshot_of(30, 9, b'thirty' * 500)
        short = hashlib.sha256(snapshot.data).hexdigest()[:8]
        told = replace(told, snapshot=f'30 {short}', entries=())
        with story.step(told):
            store.save_snapshot(snapshot, 31, install=True)
        told = replace(told, hard_state=HardState(9, None, 30))
        with story.step(told):
            store.save(told.hard_state, None, [])
        for index in range(31, 40):
            added = entries(index, index, 9, 2500)
            told = told.with_entries(added)
            with story.step(told):
                store.save(None, None, added)

    def start(self, folder: Path) -> Any:
        with opened(folder) as found:
            return seen(found.store, self._starts)

    def go_on(self, folder: Path) -> None:
        with opened(folder) as found:
            store = found.store
            last = store.last_index + 1
            term = max(20, store.load().hard_state.term)
            store.save(HardState(term, None, 0), None, entries(last, last, 20))
            store.save_snapshot(snapshot_of(last, 20), last + 1)
            if seen(store, 0).entries:
                raise Broken('what a snapshot contains is still there')


class Upgrading(Case):
    """A log of version 1 becomes one of the present version, with all that is in it."""

    name = 'log: upgrade'
    operations = 'tables and identity added, first incarnation'
    names = STORE

    def work(self, folder: Path, story: Story) -> None:
        home = folder / 'robot'
        home.mkdir()
        version_1(home / LOG_NAME, entries(1, 9), HardState(3, ME, 4))
        before = Mirror(HardState(3, ME, 4), starts=41).with_entries(entries(1, 9))
        story.watch(before)
        with opened(folder) as found, story.step(replace(before, starts=42)):
            found.store.next_incarnation()

    def start(self, folder: Path) -> Any:
        with opened(folder) as found:
            return seen(found.store, 0)

    def go_on(self, folder: Path) -> None:
        with opened(folder) as found:
            found.store.save(None, None, entries(10, 10, 3))


class EmergencyLatch(Case):
    """A robot that stopped must come back stopped."""

    name = 'emergency latch'
    operations = 'raised, shared, cleared, raised again'
    names = STORE
    empty = (0, False, '', True)

    def work(self, folder: Path, story: Story) -> None:
        with opened(folder) as found:
            story.watch(self._seen(found.store))
            for epoch, active, shared in (
                (1, True, False), (1, True, True), (2, False, True), (7, True, False),
            ):
                effect = PersistEmergency(Register(epoch, active, 'r1', 'smoke'), shared)
                with story.step((epoch, active, 'smoke', shared)):
                    save_emergency(found.store, effect)

    def start(self, folder: Path) -> Any:
        with opened(folder) as found:
            return self._seen(found.store)

    def _seen(self, store: LogStore) -> tuple[int, bool, str, bool]:
        found = load_emergency(store, ME)
        register = found.register
        return register.epoch, register.active, register.reason, found._shared


class Recovering(Case):
    """A lost quorum, recovered by force: the old log or the new one, and a whole copy of it."""

    name = 'log: recovery by force'
    operations = 'backup, membership entry of the next term, lineage'
    names = STORE + r'|robot/before-recovery-\d+/log\.sqlite(-\S+)?'

    def __init__(self) -> None:
        self._starts = 0

    def work(self, folder: Path, story: Story) -> None:
        with opened(folder) as found:
            store = found.store
            self._starts = store.incarnation
            store.meta_set('robot_id', ME)
            store.save_snapshot(_snapshot_of_nothing(store), 4)
            store.save(HardState(3, None, 3), None, entries(4, 6, 3))
            before = seen(store, self._starts)
        story.watch(before)
        with Recovery(folder / 'robot', ME) as recovery:
            last = before.hard_state.term + 1, None, 7
            after = replace(
                before, hard_state=HardState(*last), lineage=1,
                entries=(*before.entries, '7/4'))
            with story.step(after):
                recovery.recover()

    def start(self, folder: Path) -> Any:
        with opened(folder) as found:
            state = seen(found.store, self._starts)
        if state.lineage:  # whatever the entry holds: the storage_id is in it
            state = replace(state, entries=(*state.entries[:-1], state.entries[-1][:3]))
        return state

    def go_on(self, folder: Path) -> None:
        """Asked again, it goes through, or has gone through."""
        try:
            with Recovery(folder / 'robot', ME) as recovery:
                backup = recovery.recover().backup
        except NothingToRecover:
            return
        LogStore.open(backup / LOG_NAME).close()


def _snapshot_of_nothing(store: LogStore) -> Any:
    store.save(HardState(3, None, 0), None, entries(1, 3, 3))
    return replace(snapshot_of(3, 3, b'x' * 700), membership=VOTERS)


class SettingAside(Case):
    """A damaged log is put aside whole, and the robot begins anew."""

    name = 'log: set aside'
    operations = 'folder, moves of log, write-ahead log and snapshot, new log'
    names = STORE + r'|robot/corrupt-\d+/log\.sqlite(-\S+)?'

    def __init__(self) -> None:
        self._damaged: dict[str, bytes] = {}
        self._open: LogStore | None = None

    def work(self, folder: Path, story: Story) -> None:
        home = folder / 'robot'
        with FolderLock.acquire(home):
            self._open = store = LogStore.open(home / LOG_NAME)  # as if it had been killed
            store.save_snapshot(_snapshot_of_nothing(store), 4)
            store.save(HardState(3, None, 3), None, entries(4, 6, 3))
            store.save(HardState(4, None, 3), None, [])
        wal = home / f'{LOG_NAME}-wal'
        with wal.open('r+b') as file:
            file.seek(wal.read_bytes().rindex(b'5-###'))
            file.write(b'!')
        self._damaged = {
            one.name: one.read_bytes() for one in home.glob(f'{LOG_NAME}*')
            if not one.name.endswith(('-mark', '-shm'))
        }
        story.watch('damaged')
        with story.step('new'), opened(folder, may_resync=True):
            pass

    def start(self, folder: Path) -> Any:
        with opened(folder, may_resync=True) as found:
            state = found.store.load()
        if state.entries or state.snapshot:
            raise Broken(f'a damaged log was used: {len(state.entries)} entries')
        for name, content in self._damaged.items():
            kept = [one.read_bytes() for one in folder.glob(f'robot/corrupt-*/{name}')]
            if content not in kept:
                raise Broken(f'{name} of the damaged log is not kept as it was')
        return 'new'

    def check(self, found: Any, told: Told) -> None:
        """Always a new one."""
