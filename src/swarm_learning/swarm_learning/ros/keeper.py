# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Brings back what the last life of this robot learned, and keeps what this one learns: owns which
file holds what; refuses to know what was learned.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from ..core.checkpoint import run_times_from
from ..core.config import LearningConfig
from ..core.mind_keeping import Kept, Start, parts_of
from ..core.regimes.model import RegimeModel
from ..core.run_times import RunTimes
from ..core.swarm_mind import SwarmMind
from ..storage.checkpoint_file import CheckpointFile, Loaded, Rejected
from ..storage.mind_files import MindFolder, shipped
from ..storage.writer import Writer

REGIMES, START_TABLE = 'regimes_1', 'mode_start'


class Keeper:
    """Without storage_dir nothing is kept. Writing happens in a thread of its own."""

    def __init__(self, config: LearningConfig, warn: Callable[[str], None]) -> None:
        self._config = config
        self._warn = warn
        self._file = CheckpointFile(config.storage_dir) if config.storage_dir else None
        self._folder = MindFolder(config.storage_dir) if config.storage_dir else None
        self._writer = Writer(self._not_written) if config.storage_dir else None

    def close(self) -> None:
        """Write what waits and end the thread."""
        if self._writer is not None:
            self._writer.close()

    def restored(self, now_ns: int) -> tuple[SwarmMind | None, RunTimes | None]:
        """What the last life learned; without a mind where the package lacks its models."""
        return self._mind(now_ns), self._run_times(now_ns)

    def save_statistics(self, document: dict[str, object]) -> None:
        if self._writer is not None and self._file is not None:
            file = self._file
            self._writer.write(str(file.path), lambda: file.save(document))

    def save_mind(self, manifest: Mapping[str, object], arrays: Mapping[str, Any]) -> None:
        if self._writer is not None and self._folder is not None:
            folder = self._folder
            self._writer.write(str(folder.path), lambda: folder.save(manifest, arrays))

    def _mind(self, now_ns: int) -> SwarmMind | None:
        try:
            regimes = shipped(REGIMES)
            model = RegimeModel.from_arrays(regimes.arrays, regimes.manifest)
        except (OSError, ValueError) as error:
            self._warn(f'the models of this package cannot be used ({error}): modes are proposed '
                       'by the rule; routes, reputation and regimes are left out')
            return None
        start = Start(
            secrets.randbits(63), secrets.token_bytes(32), model, self._start_table())
        parts, problems = parts_of(self._config, start, self._kept(), now_ns)
        for problem in problems:
            self._warn(f'learned: {problem}')
        return SwarmMind(parts, now_ns, start.seed)

    def _start_table(self) -> Kept | None:
        try:
            table = shipped(START_TABLE)
        except (OSError, ValueError) as error:
            self._warn(f'the shipped table of modes cannot be used: {error}')
            return None
        return Kept(table.manifest, table.arrays)

    def _kept(self) -> Kept | None:
        if self._folder is None:
            return None
        found = self._folder.load()
        if found.problem:
            self._warn(f'{self._folder.path}: cannot be used ({found.problem}); starting fresh; '
                       f"it is kept as {found.kept_as or 'it was'}")
        if found.archive is None:
            return None
        return Kept(found.archive.manifest, found.archive.arrays)

    def _run_times(self, now_ns: int) -> RunTimes | None:
        if self._file is None:
            return None
        found = self._file.load()
        restored = None
        if isinstance(found, Loaded):
            try:
                restored = run_times_from(found.content, self._config.memory_s, now_ns)
            except ValueError as error:
                found = self._file.reject(str(error))
        if isinstance(found, Rejected):
            self._warn(
                f'{self._file.path}: learned statistics cannot be used ({found.reason}); starting '
                f"fresh; the bad file is kept as {found.kept_as or 'it was'}")
        return restored

    def _not_written(self, name: str, error: Exception) -> None:
        self._warn(f'{name}: what was learned was not written: {error}')
