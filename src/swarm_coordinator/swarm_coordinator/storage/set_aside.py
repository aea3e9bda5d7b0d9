# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A damaged log store is put aside, whole, and a new one begun in its place.

A robot whose votes and acknowledgements are in doubt must not go on as the voter that it was. The
new storage has another storage_id, so the swarm takes the robot for a newcomer: it gets the log
from the others and a vote when it has it. Owns the move and its order; deletes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from swarm_coordinator.storage.faults import StorageCorrupt, fault_from_os
from swarm_coordinator.storage.files import Files
from swarm_coordinator.storage.log_store import LogStore, store_files

# A disk that has damaged the log so often is to be replaced, not to be tried again.
SET_ASIDE_MAX = 8


@dataclass(frozen=True)
class Opened:
    """set_aside and fault: where the damaged store is now and what was wrong with it; None if
    nothing was."""

    store: LogStore
    set_aside: Path | None = None
    fault: StorageCorrupt | None = None


def open_or_set_aside(path: Path, may_resync: bool, files: Files | None = None) -> Opened:
    """LogStore.open(), but a corrupt store moves to `corrupt-<n>/` beside it.

    may_resync: others have the log and can give it back. Without them (a swarm of one voter)
    StorageCorrupt says what can be done by hand. Also raises StorageCorrupt when SET_ASIDE_MAX
    have been put aside, and what LogStore.open() raises. Hold the folder's lock.
    """
    path, files = Path(path), files or Files()
    try:
        return Opened(LogStore.open(path, files))
    except StorageCorrupt as fault:
        if not may_resync:
            raise _nobody_has_it(path, fault) from fault
        corrupt = fault
    try:
        folder = _move(path, files, corrupt)
    except OSError as error:
        raise fault_from_os(path, error) from error
    return Opened(LogStore.open(path, files), folder, corrupt)


def _nobody_has_it(path: Path, fault: StorageCorrupt) -> StorageCorrupt:
    return StorageCorrupt(
        fault.path,
        f'{fault.detail}. No other voter can give the log back: restore {path.parent} from a '
        f'backup, or move {path.name}* away by hand to begin without anything that was in it',
        fault.index,
    )


def _move(path: Path, files: Files, fault: StorageCorrupt) -> Path:
    """The main file goes first: what stays behind after a crash is then no store, and is put
    aside too; without its write-ahead log it would look like an older, sound one."""
    known = [each for each in path.parent.glob('corrupt-*') if each.is_dir()]
    if len(known) >= SET_ASIDE_MAX:
        raise StorageCorrupt(
            fault.path,
            f'{fault.detail}. {len(known)} damaged stores lie in {path.parent} already: replace '
            'the disk, or look at them and remove them',
            fault.index,
        )
    number = 1 + max((_number(each) for each in known), default=0)
    folder = path.parent / f'corrupt-{number}'
    folder.mkdir()
    files.sync_folder(path.parent)
    for each in store_files(path):
        files.replace(each, folder / each.name)
        files.sync_folder(folder)  # first where it is now: else a crash could lose it
        files.sync_folder(path.parent)
    return folder


def _number(folder: Path) -> int:
    number = folder.name.removeprefix('corrupt-')
    return int(number) if number.isdecimal() and len(number) < 9 else 0
