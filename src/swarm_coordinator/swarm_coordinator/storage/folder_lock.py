# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One process per storage folder: two robots on one log would both vote.

Owns the file `lock` of a folder. The kernel drops the lock with the process, so a crash leaves
nothing to clean up.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from swarm_coordinator.storage.faults import StorageLocked, fault_from_os
from swarm_coordinator.storage.files import Files, make_folder

PID_TEXT_BYTES_MAX = 32


class FolderLock:
    """Hold it as long as anything in the folder is used; close() gives it up."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, folder: Path) -> FolderLock:
        """Makes the folder if needed. Raises StorageLocked, which names the holder's pid, or
        another StorageFault."""
        folder = Path(folder)
        path = folder / 'lock'
        try:
            make_folder(Files(), folder)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise fault_from_os(path, error) from error
        try:
            _lock_and_sign(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(folder, descriptor)

    def close(self) -> None:
        """Safe to call twice. The file stays: removing it would let two processes lock two
        files of the same name."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock_and_sign(path: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f'{os.getpid()}\n'.encode(), 0)
    except BlockingIOError:
        raise StorageLocked(path, _pid_in(descriptor)) from None
    except OSError as error:
        raise fault_from_os(path, error) from error


def _pid_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, PID_TEXT_BYTES_MAX, 0).strip()
    return int(text) if text.isdigit() else None
