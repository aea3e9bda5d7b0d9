# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The guard at a resource: remembers the highest fencing token durably and refuses a lower one.

A lease by itself is no mutual exclusion: its holder may sleep through its time and act late. The
resource can tell, because the token of every later grant is higher. Owns one small file per
resource. Needs no ROS, no swarm and no clock: use it where the resource is driven.

    dock = FencedResource('dock', Path('/var/lib/robot/dock.token'))
    answer = dock.present(token)
    if isinstance(answer, StaleToken):
        return f'not moving: {answer}'
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE_VERSION = 1
FILE_BYTES_MAX = 4096
TOKEN_MAX = 2**63 - 1


@dataclass(frozen=True)
class StaleToken:
    """The refusal, with its evidence: a later holder was here with `highest`."""

    resource: str
    presented: int
    highest: int

    def __str__(self) -> str:
        return (
            f'{self.resource}: token {self.presented} is refused, a later holder came with '
            f'{self.highest}'
        )


@dataclass(frozen=True)
class Accepted:
    """`highest` is the presented token, and no lower one will be accepted again."""

    resource: str
    highest: int


class StaleTokenError(Exception):
    """Raised by `require`; `refusal` is the evidence."""

    def __init__(self, refusal: StaleToken) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class FenceUnreadable(Exception):
    """The file is not what this module writes. Nothing is accepted: to begin again at 0 would let
    an old holder in. If it is certain that no lease is held, a person may remove the file."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f'{path}: {problem}')
        self.path = path
        self.problem = problem


class FencedResource:
    """May be shared by threads; several of them, in several processes, may share one `path`.

    The folder of `path` must exist. A file `<path>.lock` beside it stays; it is empty.
    """

    def __init__(self, resource: str, path: Path) -> None:
        self.resource = resource
        self.path = Path(path)
        self._lock_path = self.path.with_name(self.path.name + '.lock')
        self._mutex = threading.Lock()
        self._durable = 0  # that this object saw through to the disk

    @property
    def highest(self) -> int:
        """The highest token that was ever accepted; 0 if none was."""
        with self._alone():
            return self._load()

    def present(self, token: int) -> Accepted | StaleToken:
        """Ask before every use of the resource. An accepted token is on the disk before this
        returns; the same one again costs no write after the first time.

        Raises ValueError for what is no token, FenceUnreadable, and OSError where the file cannot
        be written: then the token is not accepted.
        """
        if type(token) is not int or not 0 < token <= TOKEN_MAX:
            raise ValueError(f'token={token!r}: expected an integer from 1 to {TOKEN_MAX}')
        with self._alone():
            highest = self._load()
            if token < highest:
                return StaleToken(self.resource, token, highest)
            if token != self._durable:
                # Also where the file has it already: whoever wrote it may have failed before the
                # new name was durable.
                self._store(token)
                self._durable = token
            return Accepted(self.resource, token)

    def require(self, token: int) -> None:
        """As `present`, for code that is not to forget to look: raises StaleTokenError."""
        answer = self.present(token)
        if isinstance(answer, StaleToken):
            raise StaleTokenError(answer)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else of this process (the mutex) or machine (the lock) looks or writes. Each use
        opens the lock anew: a lock belongs to the opened file, so that two objects on one path
        exclude each other as well."""
        with self._mutex:
            descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    def _load(self) -> int:
        try:
            with self.path.open('rb') as file:
                data = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return 0
        return self._token_in(data)

    def _token_in(self, data: bytes) -> int:
        try:
            document = json.loads(data) if len(data) <= FILE_BYTES_MAX else None
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or document.keys() != {'v', 'resource', 'token'}:
            raise FenceUnreadable(self.path, 'expected an object with v, resource and token')
        if document['v'] != FILE_VERSION or type(document['v']) is not int:
            raise FenceUnreadable(self.path, f'expected "v": {FILE_VERSION}')
        if document['resource'] != self.resource:
            raise FenceUnreadable(self.path, f'it is not about {self.resource!r}')
        token = document['token']
        if type(token) is not int or not 0 < token <= TOKEN_MAX:
            raise FenceUnreadable(self.path, f'expected a token from 1 to {TOKEN_MAX}')
        return token

    def _store(self, token: int) -> None:
        """Whole or not at all, also over a loss of power: file, name, folder."""
        text = json.dumps({'v': FILE_VERSION, 'resource': self.resource, 'token': token})
        part = self.path.with_name(self.path.name + '.part')
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        with open(descriptor, 'wb') as file:
            file.write(text.encode() + b'\n')
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
