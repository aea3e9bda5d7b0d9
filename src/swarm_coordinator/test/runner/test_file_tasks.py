# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What people ask for is done once however often it is asked for, and told how far it is."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from swarm_coordinator.core.files.manifest import Chunk, ManifestPage
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.runner import stager
from swarm_coordinator.runner.file_tasks import FileTask, FileTasks
from swarm_coordinator.runner.stager import Stager
from swarm_coordinator.storage.blob_store import BlobStore

WAIT_S = 20.0
DATA = b'from another robot'
SHA256 = hashlib.sha256(DATA).hexdigest()


class Far:
    """Another robot that has one small file; silent while `silent`."""

    def __init__(self) -> None:
        self.near: Stager | None = None
        self.silent = False
        self.asked = 0

    def ask(self, holder: Any, sha256: str, chunks: tuple[int, ...] = (), **_: Any) -> None:
        assert self.near is not None
        self.asked += 1
        if self.silent:
            return
        if sha256 != SHA256:
            if holder is not None:
                self.near.page_heard(ManifestPage(RobotId('r2'), sha256, False))
            return
        if chunks:
            self.near.chunk_heard(Chunk(RobotId('r2'), sha256, 32768, 0, DATA))
        else:
            self.near.page_heard(ManifestPage(RobotId('r2'), sha256, True, len(DATA)))

    def send_page(self, *_: Any) -> None: ...
    def send_chunk(self, *_: Any) -> None: ...


class Bench:
    def __init__(self, folder: Path) -> None:
        self.far = Far()
        self.store = BlobStore(folder / 'store', 10**6)
        self.stager = Stager(self.store, self.far, RobotId('r1'), logging.getLogger('test'))
        self.far.near = self.stager
        self.stager.start()
        self.tasks = FileTasks(self.stager)

    def ended(self, look: Callable[[], FileTask]) -> FileTask:
        for _ in range(int(WAIT_S / 0.005)):
            if (task := look()).ended:
                return task
            threading.Event().wait(0.005)
        raise AssertionError('not in time')

    def put(self, path: Path, keep: bool = False) -> FileTask:
        return self.ended(lambda: self.tasks.store(str(path), '', keep))

    def get(self, path: str = '', size: int = 0) -> FileTask:
        return self.ended(lambda: self.tasks.fetch(SHA256, size, None, path))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(stager, 'LOOKUP_NS', 200_000_000)
    made = Bench(tmp_path)
    yield made
    made.tasks.close()
    made.stager.close()


def test_named_holder_that_is_not_heard_yet_is_waited_for(bench: Bench) -> None:
    """As after a start, while the two have not found each other."""
    bench.far.silent = True
    asks = bench.far.ask

    def ask(*told: Any, **more: Any) -> None:
        bench.far.silent = bench.far.asked < 6  # by then LOOKUP_NS is long over
        asks(*told, **more)

    bench.far.ask = ask  # type: ignore[method-assign]
    task = bench.ended(lambda: bench.tasks.fetch(SHA256, 0, RobotId('r2'), ''))
    assert not task.problem and task.holder == 'r2'


def test_named_holder_that_says_no_is_not_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stager, 'GIVE_UP_NS', 3600 * 10**9)
    task = bench.ended(lambda: bench.tasks.fetch('0' * 64, 0, RobotId('r2'), ''))
    assert 'nobody says that they have' in task.problem


def test_stored_file_is_cached_or_kept_as_asked(bench: Bench, tmp_path: Path) -> None:
    for name, keep in (('a', False), ('b', True)):
        (tmp_path / name).write_text(name)
        task = bench.put(tmp_path / name, keep)
        assert task.ref is not None and task.ref.name == name and not task.problem
    assert bench.store.collect() == (1, 1)


def test_same_path_with_another_content_is_stored_again(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / 'f').write_text('one')
    first = bench.put(tmp_path / 'f')
    (tmp_path / 'f').write_text('other')
    second = bench.put(tmp_path / 'f')
    assert first.ref and second.ref and first.ref.sha256 != second.ref.sha256


def test_what_cannot_be_stored_says_why(bench: Bench, tmp_path: Path) -> None:
    assert 'No such file' in bench.put(tmp_path / 'missing').problem
    (tmp_path / 'large').write_bytes(bytes(10**6 + 1))
    assert 'quota' in bench.put(tmp_path / 'large').problem


@pytest.mark.parametrize('size', [0, len(DATA)])
def test_fetched_file_is_put_where_it_was_asked_for_and_cached(
    bench: Bench, tmp_path: Path, size: int
) -> None:
    task = bench.get(str(tmp_path / 'got'), size)
    assert task.holder == 'r2', 'where it came from'
    assert not task.problem and task.done_bytes == task.total_bytes == len(DATA)
    assert (tmp_path / 'got').read_bytes() == DATA
    assert bench.store.collect() == (1, len(DATA))


def test_file_that_is_gone_again_is_fetched_again(bench: Bench) -> None:
    bench.get()
    asked = bench.far.asked
    bench.ended(lambda: bench.tasks.fetch(SHA256, 0, None, ''))
    assert bench.far.asked == asked, 'it is here'
    bench.store.collect()
    bench.get()
    assert bench.far.asked > asked and bench.store.entries()


def test_file_that_nobody_has_is_not_waited_for(bench: Bench) -> None:
    bench.far.silent = True
    assert 'nobody' in bench.get().problem


def test_forgotten_fetch_ends_and_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    bench.far.silent = True
    bench.tasks.fetch(SHA256, len(DATA), None, '')
    task = bench.tasks.forget_fetch(SHA256, '')
    assert task.ended and 'not wanted' in task.problem
    assert 'not being fetched' in bench.tasks.forget_fetch(SHA256, '').problem


def test_verify_sets_damaged_files_aside_and_has_those_that_jobs_need_again(
    bench: Bench, tmp_path: Path
) -> None:
    bench.get()
    (tmp_path / 'f').write_text('fine')
    bench.put(tmp_path / 'f')
    bench.store.need(SHA256)
    bench.store.path(SHA256).write_bytes(b'rotten')
    task = bench.ended(lambda: bench.tasks.verify(()))
    assert task.files == 2 and [one.ref.sha256 for one in task.damaged] == [SHA256]
    bench.ended(lambda: FileTask(ended=bench.store.path(SHA256).exists()))
    assert bench.store.path(SHA256).read_bytes() == DATA
    assert 'is not stored' in bench.ended(lambda: bench.tasks.verify(('b' * 64,))).problem
