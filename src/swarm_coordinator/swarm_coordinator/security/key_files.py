# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files that hold keys: read only where nobody else can, written so that nobody else ever could.

Owns permissions, owners, symbolic links, sizes and that a write is whole. Refuses to know what a
key is good for.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.storage.files import Files, write_durably

PRIVATE_KEY_BYTES_MAX = 1024  # in PEM they have 119
OTHERS = 0o077


class PrivateFiles(Files):
    """A new file is readable for its owner only, from its first moment."""

    def write(self, path: Path, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(path, flags, 0o600), 'wb') as file:
            file.write(content)


def make_private_folder(folder: Path) -> None:
    """Makes it with what is above it; its own mode is 0700. One that is there is checked."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    except OSError as error:
        raise cannot(folder, error) from error
    check_private_folder(folder)


def check_private_folder(folder: Path) -> None:
    """Raises IdentityRefused where it is missing, a link, another user's or open to others."""
    try:
        found = os.lstat(folder)
    except OSError as error:
        raise cannot(folder, error) from error
    if not stat.S_ISDIR(found.st_mode):
        raise IdentityRefused('damaged', f'{folder}: expected a folder, and no symbolic link')
    _check_owner(folder, found)
    _check_mode(folder, found, '0700')


def read_private(path: Path, bytes_max: int = PRIVATE_KEY_BYTES_MAX) -> bytes:
    """The content of a file that only this user can read."""
    return _read(path, bytes_max, is_private=True)


def read_public(path: Path, bytes_max: int) -> bytes:
    """The content of a file that may be anybody's: a request, papers."""
    return _read(path, bytes_max, is_private=False)


def write_private(path: Path, content: bytes) -> None:
    """Whole or not at all, durable on return, mode 0600."""
    try:
        write_durably(PrivateFiles(), path, content)
    except OSError as error:
        raise cannot(path, error) from error


def write_public(path: Path, content: bytes) -> None:
    """As write_private, with the mode that the user's umask gives."""
    try:
        write_durably(Files(), path, content)
    except OSError as error:
        raise cannot(path, error) from error


def remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot(path, error) from error


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else changes files in the folder meanwhile: waits for its lock. The kernel gives it
    back when the process ends."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(folder / 'lock', flags, 0o600)
    except OSError as error:
        raise cannot(folder / 'lock', error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def cannot(path: Path, error: OSError) -> IdentityRefused:
    missing = isinstance(error, FileNotFoundError)
    return IdentityRefused(
        'missing' if missing else 'damaged',
        f'{path}: {"is not there" if missing else error.strerror or error}',
    )


def _read(path: Path, bytes_max: int, is_private: bool) -> bytes:
    # Without O_NONBLOCK a pipe of that name would hold the process for ever.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if is_private else 0)
    if is_private and path.is_symlink():
        raise IdentityRefused('damaged', f'{path}: expected a file, not a symbolic link')
    try:
        descriptor = os.open(path, flags)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise IdentityRefused('damaged', f'{path}: expected a file')
            if is_private:
                _check_owner(path, found)
                _check_mode(path, found, '0600')
            with open(descriptor, 'rb', closefd=False) as file:
                data = file.read(bytes_max + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise cannot(path, error) from error
    if len(data) > bytes_max:
        raise IdentityRefused('damaged', f'{path}: expected at most {bytes_max} bytes')
    return data


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise IdentityRefused(
            'wrong_owner',
            f'{path}: belongs to user {found.st_uid}, expected the user that runs this, '
            f'{os.geteuid()}: chown -R {os.geteuid()} {path}',
        )


def _check_mode(path: Path, found: os.stat_result, wanted: str) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & OTHERS:
        raise IdentityRefused(
            'exposed',
            f'{path}: others can use it (mode {mode:04o}), expected {wanted}: chmod {wanted} '
            f'{path}. If somebody may have read a key there, revoke it and make new ones',
        )
