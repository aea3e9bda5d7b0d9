# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files by content on a real disk: whole or not at all, and never more than the quota."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from swarm_coordinator.core.files.manifest import CHUNK_BYTES, FILE_BYTES_MAX
from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.storage.blob_store import (
    DAMAGED_MAX,
    FREE_BYTES_MIN,
    BlobDamaged,
    BlobStore,
    BlobStoreFull,
)

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
    for data in (b'123456', b'abcd'):
        store.need(fetched(store, data).sha256)
    with pytest.raises(BlobStoreFull, match='quota of 10 bytes .10 in use'):
        store.begin(ref_of(b'x'))
    with pytest.raises(BlobStoreFull):
        store.add_file(source(tmp_path), 'f')


def test_fetches_that_have_begun_count_into_the_quota(tmp_path: Path) -> None:
    """The inputs of a job are all begun before the first one is finished."""
    store = BlobStore(tmp_path / 'store', 10)
    store.begin(ref_of(b'123456'))
    with pytest.raises(BlobStoreFull, match='quota of 10 bytes .6 in use'):
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


def test_disk_that_the_log_needs_is_not_filled(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / 'store', 1000, free_bytes=lambda path: FREE_BYTES_MIN)
    with pytest.raises(BlobStoreFull, match='bytes free'):
        store.begin(REF)


def test_cached_files_and_interrupted_fetches_go_before_a_full_disk_is_an_error(
    tmp_path: Path,
) -> None:
    free = [FREE_BYTES_MIN + 100]
    store = BlobStore(tmp_path / 'store', 10**6, free_bytes=lambda path: free[0])
    old = fetched(store)
    store.discard(old.sha256)
    store.begin(ref_of(b'interrupted'))
    store.leave(ref_of(b'interrupted'), frozenset({0}))
    free[0] = FREE_BYTES_MIN + len(DATA) - 5
    store.begin(ref_of(b'new content'))
    assert not store.has(old)
    assert [one.name for one in (tmp_path / 'store/partial').iterdir()] == [
        ref_of(b'new content').sha256
    ]


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


def test_chunk_numbers_from_outside_cannot_make_a_wrong_read(store: BlobStore) -> None:
    fetched(store)
    assert [store.chunk(REF.sha256, number) for number in (-1, 2**31, 2**63)] == [b''] * 3


# ---- who needs what


def test_file_that_no_job_needs_stays_until_room_is_needed(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / 'store', 10)
    old, new = fetched(store, b'12345'), fetched(store, b'abcde')
    for ref in (old, new):
        store.discard(ref.sha256)
    assert store.has(old) and store.has(new)
    store.touch(old.sha256)
    newest = fetched(store, b'x')
    assert [store.has(ref) for ref in (old, new, newest)] == [True, False, True]


def test_needed_kept_and_pinned_files_never_go_for_room(
    store: BlobStore, tmp_path: Path
) -> None:
    store.shelf.quota_bytes = 30
    store.add_file(source(tmp_path), 'pinned')
    needed, kept = fetched(store, b'needed'), fetched(store, b'kept')
    store.need(needed.sha256)
    store.keep(kept.sha256, True)
    with pytest.raises(BlobStoreFull):
        store.begin(ref_of(bytes(10)))
    assert store.collect() == (0, 0)
    assert all(store.has(ref) for ref in (REF, needed, kept))


def test_pinned_file_stays_until_as_many_unpins(store: BlobStore, tmp_path: Path) -> None:
    store.add_file(source(tmp_path), 'a')
    assert store.pin(REF)
    for _ in range(2):
        assert store.collect() == (0, 0)
        store.unpin(REF.sha256)
    assert store.collect() == (1, len(DATA))
    assert not store.pin(REF)


def test_one_unpin_too_many_does_not_weaken_the_next_pin(store: BlobStore) -> None:
    fetched(store)
    store.unpin(REF.sha256)
    store.pin(REF)
    assert store.collect() == (0, 0)


def test_after_the_sweep_only_what_jobs_need_is_held(store: BlobStore, tmp_path: Path) -> None:
    needed, stale = fetched(store, b'needed'), fetched(store, b'stale')
    again = BlobStore(tmp_path / 'store', 1000)
    assert again.collect() == (0, 0), 'before it is known, everything may be needed'
    again.sweep(frozenset({needed.sha256}))
    assert again.collect() == (1, len(b'stale'))
    assert again.has(needed) and not again.has(stale) and again.used_bytes == 6


def test_kept_file_is_kept_over_a_restart_until_it_is_removed(
    store: BlobStore, tmp_path: Path
) -> None:
    fetched(store)
    store.keep(REF.sha256, True)
    again = BlobStore(tmp_path / 'store', 1000)
    again.sweep(frozenset())
    assert again.collect() == (0, 0)
    assert again.remove(REF.sha256) == len(DATA)
    assert not again.has(REF)
    assert not list((tmp_path / 'store/kept').iterdir())


def test_file_that_a_job_needs_cannot_be_removed(store: BlobStore) -> None:
    fetched(store)
    store.need(REF.sha256)
    assert store.remove(REF.sha256) is None and store.has(REF)
    assert store.remove('a' * 64) == 0


def test_cache_is_collected_down_to_a_size(store: BlobStore) -> None:
    refs = [fetched(store, b'%d' % number * 10) for number in range(3)]
    assert store.collect(20) == (1, 10)
    assert [store.has(ref) for ref in refs] == [False, True, True]


# ---- damage


def test_file_that_has_rotted_is_set_aside_and_not_here_any_more(
    store: BlobStore, tmp_path: Path
) -> None:
    fetched(store)
    assert store.verify(REF.sha256)
    store.path(REF.sha256).write_bytes(b'jello swarm')
    assert not store.verify(REF.sha256)
    assert not store.has(REF) and store.used_bytes == 0 and store.damaged_count == 1
    assert (tmp_path / 'store/damaged' / REF.sha256).read_bytes() == b'jello swarm'


def test_file_that_has_rotted_is_not_offered_to_others(store: BlobStore) -> None:
    fetched(store)
    store.path(REF.sha256).write_bytes(b'jello swarm')
    assert store.manifest(REF.sha256) is None and not store.has(REF)


def test_small_file_that_a_power_cut_has_emptied_is_noticed_at_its_first_use(
    store: BlobStore, tmp_path: Path
) -> None:
    store.begin(REF)
    store.write(REF.sha256, 0, DATA)
    store.finish(REF, durable=False)
    store.path(REF.sha256).write_bytes(bytes(len(DATA)))
    again = BlobStore(tmp_path / 'store', 1000)
    assert not again.has(REF) and again.damaged_count == 1


def test_damaged_files_do_not_pile_up(store: BlobStore, tmp_path: Path) -> None:
    for number in range(DAMAGED_MAX + 3):
        ref = fetched(store, b'%d' % number)
        store.path(ref.sha256).write_bytes(b'?')
        store.verify(ref.sha256)
    assert len(list((tmp_path / 'store/damaged').iterdir())) == DAMAGED_MAX


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


@pytest.mark.parametrize('moment', ['mkstemp', 'replace'])
def test_copies_into_one_folder_by_several_robots_of_a_machine_leave_each_other_alone(
    store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    other = BlobStore(tmp_path / 'other', 1000)
    fetched(store), fetched(other, b'of another')
    owner = tempfile if moment == 'mkstemp' else os
    plain = getattr(owner, moment)

    def meanwhile(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(owner, moment, plain)
        made = plain(*given, **named) if moment == 'mkstemp' else None
        other.copy_out(ref_of(b'of another', 'g'), tmp_path / 'out')
        return made or plain(*given, **named)

    (tmp_path / 'out').mkdir()
    monkeypatch.setattr(owner, moment, meanwhile)
    store.copy_out(REF, tmp_path / 'out')
    assert sorted(one.name for one in (tmp_path / 'out').iterdir()) == ['f', 'g']


def test_copy_out_of_what_is_not_here_or_to_an_unsafe_name_is_refused(
    store: BlobStore, tmp_path: Path
) -> None:
    with pytest.raises(OSError):
        store.copy_out(REF, tmp_path / 'out')
    fetched(store)
    with pytest.raises(ValueError, match='file name'):
        store.copy_out(FileRef('../f', REF.size_bytes, REF.sha256), tmp_path / 'out')


@pytest.mark.parametrize('name', ['link/f', 'a/link/f'])
def test_copy_out_does_not_follow_a_link_out_of_the_folder(
    store: BlobStore, tmp_path: Path, name: str
) -> None:
    fetched(store)
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'out/a').mkdir(parents=True)
    for link in ('out/link', 'out/a/link'):
        (tmp_path / link).symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(ValueError, match='is a link'):
        store.copy_out(FileRef(name, REF.size_bytes, REF.sha256), tmp_path / 'out')
    assert not list((tmp_path / 'elsewhere').iterdir())


# ---- starting again


def test_end_in_the_middle_of_a_note_leaves_the_former_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, half = BlobStore(tmp_path / 'store', 10**6), ref_of(bytes(3 * CHUNK_BYTES))
    store.begin(half)
    store.note(half, frozenset({0}))

    def cut_off(path: Path, data: bytes) -> int:
        path.open('wb').close()
        raise OSError('killed here')

    with monkeypatch.context() as patch:
        patch.setattr(Path, 'write_bytes', cut_off)
        with pytest.raises(OSError, match='killed here'):
            store.note(half, frozenset({0, 2}))
    assert BlobStore(tmp_path / 'store', 10**6).begin(half) == {0}


def test_restarted_store_knows_its_files_and_what_was_half_fetched(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / 'store', 10**6)
    fetched(store)
    half = ref_of(bytes(3 * CHUNK_BYTES))
    assert store.begin(half) == frozenset()
    store.note(half, frozenset({0, 2}))
    again = BlobStore(tmp_path / 'store', 10**6)
    assert again.has(REF) and again.used_bytes == len(DATA)
    assert again.begin(half) == {0, 2}


@pytest.mark.parametrize('spoil', [b'', b'nonsense', b'swarm-partial-1 ', bytes(100)])
def test_note_that_makes_no_sense_means_that_nothing_is_here(
    tmp_path: Path, spoil: bytes
) -> None:
    store = BlobStore(tmp_path / 'store', 10**6)
    half = ref_of(bytes(3 * CHUNK_BYTES))
    store.begin(half)
    (tmp_path / 'store/partial' / f'{half.sha256}.have').write_bytes(spoil)
    assert store.begin(half) == frozenset()


def test_fetch_of_which_nothing_came_leaves_nothing(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / 'store', 10**6)
    store.begin(REF)
    store.leave(REF, frozenset())
    assert not list((tmp_path / 'store/partial').iterdir()) and not store.shelf.promised


def test_note_without_its_file_means_that_nothing_is_here(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / 'store', 10**6)
    half = ref_of(bytes(3 * CHUNK_BYTES))
    store.begin(half)
    store.leave(half, frozenset({1}))
    (tmp_path / 'store/partial' / half.sha256).unlink()
    assert store.begin(half) == frozenset()


def test_what_a_former_life_left_behind_goes_after_a_day(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / 'store', 10**6)
    half = ref_of(bytes(3 * CHUNK_BYTES))
    store.begin(half)
    store.leave(half, frozenset({1}))
    (tmp_path / 'store/partial/tmpabc').write_text('half an added file')
    partial = tmp_path / 'store/partial'
    BlobStore(tmp_path / 'store', 10**6)
    assert len(list(partial.iterdir())) == 2
    later_ns = time.time_ns() + 25 * 3600 * 10**9
    BlobStore(tmp_path / 'store', 10**6, wall_ns=lambda: later_ns)
    assert not list(partial.iterdir())


def test_store_that_was_just_opened_says_that_it_does_not_know_yet_what_may_go(
    tmp_path: Path,
) -> None:
    first = BlobStore(tmp_path / 'store', 10)
    first.add_file(source(tmp_path, b'0123456789'), 'f')
    again = BlobStore(tmp_path / 'store', 10)
    assert not again.shelf.is_settled
    with pytest.raises(BlobStoreFull, match='which of its files are still needed: try again'):
        again.add_file(source(tmp_path, b'x'), 'g')
    again.sweep(frozenset())
    assert again.shelf.is_settled
    again.add_file(source(tmp_path, b'x'), 'g')


def taken(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file())


def test_what_an_interrupted_fetch_has_left_counts_for_the_quota(tmp_path: Path) -> None:
    """Cached files go for it first; it goes itself where nothing else can."""
    size, store = 2 * CHUNK_BYTES, BlobStore(tmp_path / 'store', 6 * CHUNK_BYTES)
    left = ref_of(b'l' * size, 'left')
    store.begin(left)
    store.write(left.sha256, 0, b'l' * CHUNK_BYTES)
    store.write(left.sha256, CHUNK_BYTES, b'l' * CHUNK_BYTES)
    store.leave(left, frozenset({0, 1}))
    cached = [bytes([65 + number]) * size for number in range(3)]
    for data in cached:
        store.unpin(store.add_file(source(tmp_path, data), 'cached').sha256)
        store.sweep(frozenset())
    assert store.begin(left) == frozenset({0, 1}), 'its own rest is not dropped for it'
    store.leave(left, frozenset({0, 1}))
    assert taken(tmp_path / 'store' / 'blobs') + size <= 6 * CHUNK_BYTES
    for data in cached:
        store.add_file(source(tmp_path, data), 'needed')
    assert not (tmp_path / 'store' / 'partial' / left.sha256).exists()
