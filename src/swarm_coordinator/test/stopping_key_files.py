# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A file layer that ends after so many operations, as a loss of power would."""

from __future__ import annotations

from pathlib import Path

from swarm_coordinator.security.key_files import PrivateFiles

NEVER = 10**9


class Stopped(Exception):
    pass


class StoppingFiles(PrivateFiles):
    left = NEVER

    @classmethod
    def stop_after(cls, operations: int) -> None:
        cls.left = operations

    def _count(self) -> None:
        StoppingFiles.left -= 1
        if StoppingFiles.left < 0:
            raise Stopped

    def write(self, path: Path, content: bytes) -> None:
        if StoppingFiles.left == 0:
            super().write(path, content[: len(content) // 2])
        self._count()
        super().write(path, content)

    def sync(self, path: Path) -> None:
        self._count()  # and no more: a process that ends loses nothing that it has written

    def replace(self, source: Path, target: Path) -> None:
        self._count()
        super().replace(source, target)
