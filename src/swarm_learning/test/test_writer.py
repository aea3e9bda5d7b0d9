# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What was learned is written by a thread of its own: the newest of each, and a disk that refuses
ends nothing."""

from __future__ import annotations

import threading
from pathlib import Path

from swarm_learning.storage.checkpoint_file import CheckpointFile, Loaded
from swarm_learning.storage.mind_files import MindFolder
from swarm_learning.storage.writer import Writer


def test_newest_work_of_each_name_is_done_and_older_work_that_waits_is_skipped() -> None:
    done: list[str] = []
    begun, go = threading.Event(), threading.Event()
    writer = Writer(lambda name, error: done.append(f'{name} failed'))

    def first() -> None:
        begun.set()
        go.wait(10)
        done.append('first')

    writer.write('a', first)
    assert begun.wait(10)
    for number in range(3):
        writer.write('b', lambda number=number: done.append(f'b{number}'))  # type: ignore[misc]
    writer.write('c', lambda: done.append('c'))
    go.set()
    writer.close()
    assert done == ['first', 'b2', 'c']


def test_what_waits_is_written_at_the_end(tmp_path: Path) -> None:
    file, failures = CheckpointFile(tmp_path), list[str]()
    writer = Writer(lambda name, error: failures.append(name))
    for number in range(50):
        writer.write('x', lambda number=number: file.save({'n': number}))  # type: ignore[misc]
    writer.close()
    found = file.load()
    assert isinstance(found, Loaded) and found.content == {'n': 49} and not failures


def test_disk_that_refuses_is_told_and_does_not_end_the_writer(tmp_path: Path) -> None:
    (tmp_path / 'in_the_way').write_text('a file')
    file, failures, done = CheckpointFile(tmp_path / 'in_the_way'), list[str](), list[int]()
    writer = Writer(lambda name, error: failures.append(f'{name}: {type(error).__name__}'))
    writer.write('bad', lambda: file.save({'n': 1}))
    writer.write('good', lambda: done.append(1))
    writer.close()
    assert len(failures) == 1 and failures[0].startswith('bad: ') and done == [1]


def test_mind_that_is_damaged_is_kept_aside_and_another_begins(tmp_path: Path) -> None:
    folder = MindFolder(tmp_path)
    assert folder.load().archive is None and not folder.load().problem
    folder.save({'schema': 1}, {})
    found = folder.load().archive
    assert found is not None and found.manifest == {'schema': 1}
    manifest = folder.path / 'manifest.json'
    manifest.write_bytes(manifest.read_bytes().replace(b'1', b'2', 1))
    bad = folder.load()
    assert bad.archive is None and bad.problem and Path(bad.kept_as).is_dir()
    assert folder.load().archive is None and not folder.load().problem
