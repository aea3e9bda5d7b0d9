# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A lost quorum, recovered by force: one robot's log is declared to be the swarm's.

For when a majority of the voters will never come back. What only they had is lost, and a robot
that was only cut off keeps another history; the lineage that is counted up here keeps the two
apart. Owns what is looked at, what is written and in which order. Refuses to know who asks.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from swarm_coordinator.core.ids import checked_name
from swarm_coordinator.core.raft import (
    Entry,
    EntryKind,
    HardState,
    Membership,
    RobotId,
)
from swarm_coordinator.storage.faults import StorageFailed, fault_from_os
from swarm_coordinator.storage.files import Files
from swarm_coordinator.storage.folder_lock import FolderLock
from swarm_coordinator.storage.log_store import LogStore, Stored, store_files

LOG_NAME = 'log.sqlite'


@dataclass(frozen=True)
class Found:
    """What a storage folder holds. membership None: the log names none yet.

    uncommitted  entries that were not known to be committed and will be taken as such
    """

    folder: Path
    robot_id: RobotId
    storage_id: int
    lineage: int
    hard_state: HardState
    first_index: int
    last_index: int
    last_term: int
    snapshot_index: int
    membership: Membership | None

    @property
    def has_vote(self) -> bool:
        """Whether this robot votes with this storage, as far as its own log says."""
        known = self.membership
        return known is None or known.is_voter(self.robot_id, self.storage_id)

    @property
    def uncommitted(self) -> int:
        return self.last_index - self.hard_state.commit_index


@dataclass(frozen=True)
class Recovered:
    """What was written: the membership entry at `index` of `term`, and where the old files are."""

    index: int
    term: int
    lineage: int
    membership: Membership
    backup: Path


class NothingToRecover(ValueError):
    """The log needs no force, or is not the one that was meant; the text says what to do."""


class Recovery:
    """Holds the folder while it is open, so no robot can run on it. A context manager.

    voter: the robot whose folder it is. It becomes the only voter; the others join again by
    themselves, under whatever disk they have, and vote again once they are promoted.

    Raises StorageLocked while a robot runs, StorageFailed if there is no log, ValueError if the
    voter is no name or not this folder's robot, and what LogStore.open() raises.
    """

    def __init__(self, folder: Path, voter: str, files: Files | None = None) -> None:
        self._folder, self._files = Path(folder), files or Files()
        self._voter = RobotId(checked_name(voter, 'voter'))
        path = self._folder / LOG_NAME
        # Before the lock, which would make the folder.
        if not path.is_file():
            raise StorageFailed(path, 'is not there; expected the storage folder of a robot')
        self._lock = FolderLock.acquire(self._folder)
        try:
            self._store = LogStore.open(path, self._files)
        except BaseException:
            self._lock.close()
            raise
        try:
            self._check_owner()
            self._stored = self._store.load()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Recovery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._store.close()
        self._lock.close()

    def _check_owner(self) -> None:
        owner = self._store.meta_get('robot_id')
        if owner not in (None, self._voter):
            raise ValueError(
                f'voter={self._voter!r}: {self._folder} is the storage of {owner!r}; expected '
                'that name'
            )

    def found(self) -> Found:
        stored, store = self._stored, self._store
        snapshot_index = stored.snapshot.index if stored.snapshot else 0
        commit_index = max(stored.hard_state.commit_index, snapshot_index)
        return Found(
            self._folder, self._voter, store.storage_id, store.lineage,
            HardState(self._term(), stored.hard_state.voted_for, commit_index),
            store.first_index, store.last_index, self._last_term(), snapshot_index,
            last_membership(stored),
        )

    def recover(self) -> Recovered:
        """Back the files up, then in one transaction: a membership entry of the next term with
        this voter on this storage, that term without a vote, everything committed, the lineage
        one higher.

        Raises NothingToRecover and every StorageFault; until the transaction nothing is changed.
        """
        found = self.found()
        membership = Membership(((self._voter, self._store.storage_id),))
        if found.last_index == 0:
            raise NothingToRecover(f'the log in {self._folder} is empty: start the robot')
        if found.membership and found.membership.voters == membership.voters:
            raise NothingToRecover(f'{self._voter} is the only voter already: start the robot')
        backup = self._back_up()
        term, index = self._term() + 1, self._store.last_index + 1
        entry = Entry(
            index, term, EntryKind.MEMBERSHIP, self._last_stamp_ns(), membership.encode()
        )
        self._store.begin_lineage(HardState(term, None, index), entry)
        self._stored = self._store.load()
        return Recovered(index, term, self._store.lineage, membership, backup)

    def _term(self) -> int:
        """A snapshot may be of a later term than the one that was written after it."""
        snapshot = self._stored.snapshot
        return max(self._stored.hard_state.term, snapshot.term if snapshot else 0)

    def _last_term(self) -> int:
        snapshot, entries = self._stored.snapshot, self._stored.entries
        if entries:
            return entries[-1].term
        return snapshot.term if snapshot else 0

    def _last_stamp_ns(self) -> int:
        """Stamps never decrease along the log."""
        snapshot, entries = self._stored.snapshot, self._stored.entries
        if entries:
            return entries[-1].stamp_ns
        return snapshot.stamp_ns if snapshot else 0

    def _back_up(self) -> Path:
        path = self._folder / LOG_NAME
        number = 1
        while (folder := self._folder / f'before-recovery-{number}').exists():
            number += 1
        try:
            folder.mkdir()
            for each in store_files(path):
                shutil.copy2(each, folder / each.name)
                self._files.sync(folder / each.name)
            self._files.sync_folder(folder)
            self._files.sync_folder(self._folder)
        except OSError as error:
            raise fault_from_os(folder, error) from error
        return folder


def last_membership(stored: Stored) -> Membership | None:
    """The one that counts at the end of the log."""
    for entry in reversed(stored.entries):
        if entry.kind is EntryKind.MEMBERSHIP:
            return Membership.decode(entry.data)
    return stored.snapshot.membership if stored.snapshot else None
