# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint is there whole under its hash, or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from swarm_learning.storage.checkpoint_folder import FILES_MAX, CheckpointFolder


def test_what_was_written_is_read_under_its_hash(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / 'a' / 'b', 100)
    written = folder.write(b'learned')
    assert written.sha256 == hashlib.sha256(b'learned').hexdigest()
    assert written.size_bytes == 7 and Path(written.path).read_bytes() == b'learned'
    assert folder.read(written.sha256) == b'learned'
    assert folder.write(b'learned') == written


def test_damaged_file_is_refused_and_removed(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, 100)
    written = folder.write(b'learned')
    Path(written.path).write_bytes(b'learneD')
    with pytest.raises(ValueError, match='another hash'):
        folder.read(written.sha256)
    with pytest.raises(FileNotFoundError):
        folder.read(written.sha256)
    Path(written.path).write_bytes(b'x' * 101)
    with pytest.raises(ValueError, match='another hash'):
        folder.read(written.sha256)


def test_damaged_file_is_written_again(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, 100)
    written = folder.write(b'learned')
    Path(written.path).write_bytes(b'')
    assert folder.read(folder.write(b'learned').sha256) == b'learned'


def test_too_large_and_names_that_are_no_hash_are_refused(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, 3)
    with pytest.raises(ValueError, match='at most 3 bytes'):
        folder.write(b'four')
    for name in ('', '../x', 'A' * 64, 'a' * 63):
        with pytest.raises(ValueError, match='64 hexadecimal'):
            folder.read(name)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, 100)
    for number in range(FILES_MAX + 3):
        newest = folder.write(str(number).encode())
    assert len(list(tmp_path.iterdir())) == FILES_MAX
    assert folder.read(newest.sha256) == str(FILES_MAX + 2).encode()
