# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about archives of learned arrays."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.storage import archive
from swarm_learning.storage.archive import ArchiveRefused, decode, encode, load, save

MANIFEST: dict[str, Any] = {'schema': 1, 'config': {'alpha': 0.1, 'name': 'ä'}, 'parent': ''}


def arrays() -> dict[str, archive.Array]:
    return {
        'q': np.array([[0.1, -0.0], [np.nan, np.inf]]),
        'visits': np.arange(6, dtype=np.int64).reshape(2, 3),
        'mask': np.array([True, False]),
        'names': np.array(['calm', 'panic']),
        'empty': np.zeros((0, 4), np.float32),
        'one': np.array(7, np.uint32),
    }


def same(left: dict[str, archive.Array], right: dict[str, archive.Array]) -> bool:
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype and left[name].shape == right[name].shape
        and left[name].tobytes() == right[name].tobytes() for name in left)


def test_what_was_saved_comes_back_bit_for_bit(tmp_path: Path) -> None:
    sha256 = save(tmp_path / 'a', MANIFEST, arrays())
    found = load(tmp_path / 'a')
    assert found.manifest == MANIFEST
    assert same(found.arrays, arrays())
    assert found.sha256 == sha256
    found.arrays['q'][0, 0] = 1.0  # writable


def test_equal_content_has_equal_bytes_whatever_the_order_it_came_in() -> None:
    turned = dict(reversed(arrays().items()))
    assert encode(MANIFEST, arrays()) == encode(dict(reversed(MANIFEST.items())), turned)


def test_numpy_itself_reads_the_arrays(tmp_path: Path) -> None:
    save(tmp_path, MANIFEST, arrays())
    (path,) = tmp_path.glob('*.npz')
    with np.load(path, allow_pickle=False) as file:
        assert same(dict(file.items()), arrays())


def test_any_single_changed_byte_is_refused() -> None:
    head, body = encode(MANIFEST, arrays())
    for place in range(len(head)):
        for flip in (1, 0x20, 0x80):
            bad = head[:place] + bytes([head[place] ^ flip]) + head[place + 1:]
            with pytest.raises(ArchiveRefused):
                decode(bad, body)
    for place in range(len(body)):
        bad = body[:place] + bytes([body[place] ^ 1]) + body[place + 1:]
        with pytest.raises(ArchiveRefused, match='hash'):
            decode(head, bad)


def test_a_missing_or_added_byte_is_refused() -> None:
    head, body = encode(MANIFEST, arrays())
    for bad in ((head[:-1], body), (head + b' ', body), (head, body[:-1]), (head, body + b'0'),
                (b'', body), (head, b'')):
        with pytest.raises(ArchiveRefused):
            decode(*bad)


@given(st.binary(max_size=200), st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_noise_is_refused_and_never_crashes(head: bytes, body: bytes) -> None:
    with pytest.raises(ArchiveRefused):
        decode(head, body)
    with pytest.raises(ArchiveRefused):
        archive.from_bytes(archive.BLOB_MAGIC + head + body)


def test_an_archive_travels_as_one_piece() -> None:
    raw = archive.to_bytes(MANIFEST, arrays())
    found = archive.from_bytes(raw)
    assert found.manifest == MANIFEST
    assert same(found.arrays, arrays())
    for place in range(len(raw)):
        with pytest.raises(ArchiveRefused):
            archive.from_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1:])


@pytest.mark.parametrize('manifest', [
    {'x': float('nan')}, {'x': float('inf')}, {1: 'x'}, {'x': np.arange(2)}, {'x': b'raw'},
    {'x': {'y': [{2: 3}]}}, {'x': {1, 2}}, {'x': 'y' * archive.MANIFEST_BYTES_MAX},
])
def test_a_manifest_that_would_not_come_back_is_refused(manifest: Any) -> None:
    with pytest.raises(ArchiveRefused, match=r'manifest.*expected'):
        encode(manifest, {})


@pytest.mark.parametrize(('name', 'array'), [
    ('q', np.array([object()])), ('q', [1.0]), ('../q', np.zeros(1)), ('', np.zeros(1)),
    ('q', np.zeros(1, 'datetime64[s]')), ('q', np.zeros(1, [('a', 'f8')])),
    ('q', np.zeros((1,) * 9)),
])
def test_an_array_that_would_need_pickle_or_a_path_is_refused(name: str, array: Any) -> None:
    with pytest.raises(ArchiveRefused, match='expected'):
        encode({}, {name: array})


def test_too_many_bytes_are_refused_on_both_ways(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused, match='at most 7 bytes'):
        save(tmp_path, {}, {'q': np.zeros(1)}, arrays_bytes_max=7)
    assert list(tmp_path.iterdir()) == []
    save(tmp_path, {}, {'q': np.zeros(archive.MANIFEST_BYTES_MAX)})
    with pytest.raises(ArchiveRefused, match='at most 7 bytes'):
        load(tmp_path, arrays_bytes_max=7)


def test_a_header_that_promises_more_than_there_is_takes_no_memory() -> None:
    head, body = encode({}, {'q': np.zeros(4)})
    content = json.loads(head)['content']
    entry = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        entry, {'descr': '<f8', 'fortran_order': False, 'shape': (10**15,)})
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, 'w') as file:
        file.writestr('q.npy', entry.getvalue())
    content['arrays_sha256'] = archive._sha256(raw.getvalue())
    with pytest.raises(ArchiveRefused, match='got 0 bytes'):
        decode(archive._sealed(content), raw.getvalue())


def test_a_compressed_zip_is_refused() -> None:
    content = json.loads(encode({}, {})[0])['content']
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, 'w', zipfile.ZIP_DEFLATED) as file:
        file.writestr('q.npy', b'0' * 100_000)
    content['arrays_sha256'] = archive._sha256(raw.getvalue())
    with pytest.raises(ArchiveRefused, match='without compression'):
        decode(archive._sealed(content), raw.getvalue())


def test_a_later_format_is_refused_with_its_number() -> None:
    content = json.loads(encode({}, {})[0])['content']
    content['format'] = 2
    with pytest.raises(ArchiveRefused, match='expected format 1, found 2'):
        decode(archive._sealed(content), b'')


def test_a_folder_without_an_archive_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path)


def test_a_refusal_names_the_folder(tmp_path: Path) -> None:
    save(tmp_path, MANIFEST, arrays())
    (path,) = tmp_path.glob('*.npz')
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArchiveRefused, match=tmp_path.name):
        load(tmp_path)
    path.unlink()
    with pytest.raises(ArchiveRefused, match='missing'):
        load(tmp_path)


def test_a_reader_survives_a_writer_that_replaces_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, {'version': 1}, {'q': np.zeros(3)})
    real = archive._read

    def interrupted(path: Path, bytes_max: int) -> bytes:
        if path.suffix == '.npz' and load_calls.pop(0):
            save(tmp_path, {'version': 2}, {'q': np.ones(3)})
        return real(path, bytes_max)

    load_calls = [True, False]
    monkeypatch.setattr(archive, '_read', interrupted)
    assert load(tmp_path).manifest == {'version': 2}


@pytest.mark.parametrize('failing', range(1, 5))
def test_a_crash_at_any_step_leaves_the_old_or_the_new_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    save(tmp_path, {'version': 1}, {'q': np.zeros(3)})
    steps = [0]

    def step(real: Any) -> Any:
        def taken(*arguments: Any) -> Any:
            steps[0] += 1
            if steps[0] == failing:
                raise OSError('the power went off')
            return real(*arguments)
        return taken

    with monkeypatch.context() as patch:
        patch.setattr(os, 'replace', step(os.replace))
        patch.setattr(os, 'fsync', step(os.fsync))
        with pytest.raises(OSError, match='power'):
            save(tmp_path, {'version': 2}, {'q': np.ones(3)})
    found = load(tmp_path)
    assert (found.manifest['version'], found.arrays['q'][0]) in ((1, 0.0), (2, 1.0))
    save(tmp_path, {'version': 3}, {'q': np.ones(3)})
    assert load(tmp_path).manifest == {'version': 3}
    assert len(list(tmp_path.iterdir())) == 2
