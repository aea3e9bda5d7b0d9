# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files by content on a real disk: whole or not at all, and never more than the quota."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from swarm_coordinator.core.files.fetch import CHUNK_BYTES, FILE_BYTES_MAX
from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.storage.blob_store import BlobDamaged, BlobStore, BlobStoreFull

DATA = b'hello swarm'


def ref_of(data: bytes, name: str = 'f') -> FileRef:
    return FileRef(name, len(data), hashlib.sha256(data).hexdigest())


REF = ref_of(DATA)


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / 'store', 1000)


def source(tmp_path: Path, data: bytes = DATA) -> Path:
    path = tmp_path / 'source'
    path.write_bytes(data)
    return path


def fetched(store: BlobStore, data: bytes = DATA) -> FileRef:
    ref = ref_of(data)
    store.begin(ref)
    store.write(ref.sha256, 0, data)
    store.finish(ref)
    return ref


def test_added_file_is_here_by_its_content(store: BlobStore, tmp_path: Path) -> None:
    assert store.add_file(source(tmp_path), 'in/f') == ref_of(DATA, 'in/f')
    assert store.has(REF) and store.used_bytes == len(DATA)
    assert store.path(REF.sha256).read_bytes() == DATA


def test_same_content_is_stored_and_counted_once(store: BlobStore, tmp_path: Path) -> None:
    store.add_file(source(tmp_path), 'a')
    store.add_file(source(tmp_path), 'b')
    fetched(store)
    assert store.used_bytes == len(DATA)


@pytest.mark.parametrize('name', ['../f', '/f', ''])
def test_added_name_must_be_safe(store: BlobStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match='file name'):
        store.add_file(source(tmp_path), name)


def test_what_is_no_regular_file_is_refused(store: BlobStore, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / 'missing'):
        with pytest.raises(ValueError, match='no such file'):
            store.add_file(path, 'f')


def test_fetched_file_is_here_only_when_it_is_whole(store: BlobStore) -> None:
    store.begin(REF)
    store.write(REF.sha256, 6, DATA[6:])
    assert not store.has(REF)
    store.write(REF.sha256, 0, DATA[:6])
    assert not store.has(REF)
    store.finish(REF)
    assert store.has(REF)


def test_damaged_file_is_not_taken_in_and_leaves_nothing(store: BlobStore, tmp_path: Path) -> None:
    store.begin(REF)
    store.write(REF.sha256, 0, DATA[:-1] + b'!')
    with pytest.raises(BlobDamaged, match=REF.sha256):
        store.finish(REF)
    assert not store.has(REF) and store.used_bytes == 0
    assert list((tmp_path / 'store' / 'partial').iterdir()) == []


def test_file_of_another_size_under_the_name_does_not_count_as_here(store: BlobStore) -> None:
    fetched(store)
    store.path(REF.sha256).write_bytes(DATA[:-1])
    assert not store.has(REF) and not store.pin(REF)


# ---- quota


def test_quota_is_exact_and_its_error_says_what_is_used(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / 'store', 10)
    fetched(store, b'123456')
    fetched(store, b'abcd')
    with pytest.raises(BlobStoreFull, match='quota of 10 bytes .10 in use'):
        store.begin(ref_of(b'x'))
    with pytest.raises(BlobStoreFull):
        store.add_file(source(tmp_path), 'f')


def test_fetches_that_have_begun_count_into_the_quota(tmp_path: Path) -> None:
    """The inputs of a job are all begun before the first one is finished."""
    store = BlobStore(tmp_path / 'store', 10)
    store.begin(ref_of(b'123456'))
    with pytest.raises(BlobStoreFull):
        store.begin(ref_of(b'abcde'))
    store.begin(ref_of(b'123456'))  # from another holder
    store.abandon(ref_of(b'123456').sha256)
    store.begin(ref_of(b'abcde'))
    with pytest.raises(BlobDamaged):
        store.finish(ref_of(b'abcde'))
    fetched(store, b'1234567890')


def test_file_beyond_the_limit_is_refused_before_room_is_made(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / 'store', 2 * FILE_BYTES_MAX)
    with pytest.raises(BlobStoreFull, match='at most'):
        store.begin(FileRef('f', FILE_BYTES_MAX + 1, 'a' * 64))


def test_disk_that_the_log_needs_is_not_filled(
    store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple('usage', 'total used free')
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage(10**9, 0, 16 * 1024 * 1024))
    with pytest.raises(BlobStoreFull, match='bytes free'):
        store.begin(REF)


# ---- chunks


def test_manifest_and_chunks_are_those_of_the_content(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / 'store', 10**6)
    data = os.urandom(2 * CHUNK_BYTES + 5)
    ref = fetched(store, data)
    parts = [data[:CHUNK_BYTES], data[CHUNK_BYTES : 2 * CHUNK_BYTES], data[2 * CHUNK_BYTES :]]
    hashes = b''.join(hashlib.sha256(part).digest() for part in parts)
    assert store.manifest(ref.sha256) == (len(data), hashes)
    assert [store.chunk(ref.sha256, number) for number in range(4)] == [*parts, b'']


def test_what_is_not_here_has_no_manifest_and_no_chunk(store: BlobStore) -> None:
    assert store.manifest('a' * 64) is None and store.chunk('a' * 64, 0) is None


# ---- pins and discarding


def test_discarded_file_is_gone_and_its_bytes_are_free(store: BlobStore) -> None:
    fetched(store)
    store.discard(REF.sha256)
    store.discard(REF.sha256)
    assert not store.has(REF) and store.used_bytes == 0


def test_pinned_file_stays_until_as_many_unpins(store: BlobStore, tmp_path: Path) -> None:
    store.add_file(source(tmp_path), 'a')
    assert store.pin(REF)
    for _ in range(2):
        store.discard(REF.sha256)
        assert store.has(REF)
        store.unpin(REF.sha256)
    store.discard(REF.sha256)
    assert not store.has(REF)
    assert not store.pin(REF)


def test_one_unpin_too_many_does_not_weaken_the_next_pin(store: BlobStore) -> None:
    fetched(store)
    store.unpin(REF.sha256)
    store.pin(REF)
    store.discard(REF.sha256)
    assert store.has(REF)


def test_sweep_takes_what_nobody_needs_and_leaves_pins(store: BlobStore, tmp_path: Path) -> None:
    store.add_file(source(tmp_path), 'pinned')
    needed, stale = fetched(store, b'needed'), fetched(store, b'stale')
    store.sweep(frozenset({needed.sha256}))
    assert store.has(REF) and store.has(needed) and not store.has(stale)
    assert store.used_bytes == len(DATA) + len(b'needed')


# ---- copying out


def test_copy_out_puts_the_whole_file_below_the_folder(store: BlobStore, tmp_path: Path) -> None:
    fetched(store)
    placed = store.copy_out(FileRef('a/b/f', REF.size_bytes, REF.sha256), tmp_path / 'out')
    assert placed == tmp_path / 'out/a/b/f' and placed.read_bytes() == DATA
    assert placed.stat().st_mode & 0o777 == 0o644


def test_copy_out_replaces_a_link_instead_of_following_it(
    store: BlobStore, tmp_path: Path
) -> None:
    fetched(store)
    victim = tmp_path / 'victim'
    victim.write_text('untouched')
    (tmp_path / 'f').symlink_to(victim)
    store.copy_out(REF, tmp_path)
    assert victim.read_text() == 'untouched' and not (tmp_path / 'f').is_symlink()


def test_copy_out_that_fails_leaves_what_was_there(
    store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched(store)
    (tmp_path / 'f').write_text('old')

    def fail(*_: object) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(shutil, 'copyfileobj', fail)
    with pytest.raises(BlobStoreFull):
        store.copy_out(REF, tmp_path)
    assert (tmp_path / 'f').read_text() == 'old'
    assert not list(tmp_path.glob('.swarm-*'))


def test_copy_out_of_what_is_not_here_or_to_an_unsafe_name_is_refused(
    store: BlobStore, tmp_path: Path
) -> None:
    with pytest.raises(OSError):
        store.copy_out(REF, tmp_path / 'out')
    fetched(store)
    with pytest.raises(ValueError, match='file name'):
        store.copy_out(FileRef('../f', REF.size_bytes, REF.sha256), tmp_path / 'out')


# ---- starting again


def test_restarted_store_knows_its_files_and_forgets_what_was_half_done(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / 'store', 1000)
    fetched(store)
    store.begin(ref_of(b'half'))
    again = BlobStore(tmp_path / 'store', 1000)
    assert again.has(REF) and again.used_bytes == len(DATA)
    assert list((tmp_path / 'store' / 'partial').iterdir()) == []
