# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns learned arrays in a folder: an .npz and a JSON manifest that seals it; refuses to know
what was learned.

    <folder>/manifest.json          {"sha256": ..., "content": {...}}, canonical byte for byte
    <folder>/arrays-<sha256>.npz    a plain zip of .npy files, not compressed, no pickle

The manifest is replaced last, and as a whole: after a crash the folder holds the old archive or
the new one. Every byte of both files is covered by a hash. An archive may have been copied from
another robot, so sizes are checked before anything is allocated. One writer; readers may come at
any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .durable import make_folder, replace_file, sync_folder

FORMAT = 1
MANIFEST_NAME = 'manifest.json'
# A table of a million states and 8 actions has 64 MB; models of the swarm have far less than 1.
ARRAYS_BYTES_MAX = 64 * 1024 * 1024
MANIFEST_BYTES_MAX = 1024 * 1024
ARRAYS_MAX = 256
DEPTH_MAX = 32
DIMENSIONS_MAX = 8
KINDS = 'biufcSU'  # numbers and fixed-width strings; objects would need pickle
BLOB_MAGIC = b'swarm-learning-archive-1\n'
READ_TRIES = 3  # a writer may replace the archive between our two reads

Array = NDArray[Any]
_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_.-]{0,99}')


class ArchiveRefused(ValueError):
    """An archive that cannot be used or written; `where` is the file or part, `reason` says what
    was expected."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f'{where}: {reason}')
        self.where = where
        self.reason = reason


@dataclass(frozen=True)
class Archive:
    """What was saved. `sha256` names exactly these bytes; use it as `parent` of what follows."""

    manifest: dict[str, Any]
    arrays: dict[str, Array]
    sha256: str


def save(
    folder: str | os.PathLike[str],
    manifest: Mapping[str, object],
    arrays: Mapping[str, Array],
    arrays_bytes_max: int = ARRAYS_BYTES_MAX,
) -> str:
    """Replace the archive in this folder, durably; returns its SHA-256.

    manifest: what JSON can hold exactly (finite numbers, text keys). arrays: numbers, truth
    values or fixed-width strings of any shape. Raises ArchiveRefused (a ValueError) where they
    would not come back as they are or are too large, OSError if the disk refuses; the archive
    that was there is then still whole.
    """
    head, body = encode(manifest, arrays, arrays_bytes_max)
    target = Path(folder).expanduser()
    make_folder(target)
    name = _file_name(_sha256(body))
    for file, raw in ((name, body), (MANIFEST_NAME, head)):
        replace_file(target / file, raw, target / f'{file}.new')
        sync_folder(target)  # each: a manifest whose arrays are lost is none
    _remove_others(target, name)
    return _sha256(head)


def load(
    folder: str | os.PathLike[str], arrays_bytes_max: int = ARRAYS_BYTES_MAX
) -> Archive:
    """Read and check everything. Raises FileNotFoundError where there is no archive,
    ArchiveRefused (a ValueError) that says what is wrong with one, OSError of the disk."""
    target = Path(folder).expanduser()
    for attempt in range(READ_TRIES):
        head = _read(target / MANIFEST_NAME, MANIFEST_BYTES_MAX)
        path = target / _file_name(_content(head)['arrays_sha256'])
        try:
            body = _read(path, arrays_bytes_max)
        except FileNotFoundError:
            if attempt + 1 < READ_TRIES:
                continue
            raise ArchiveRefused(str(path), 'the manifest names it, but it is missing') from None
        try:
            return decode(head, body, arrays_bytes_max)
        except ArchiveRefused as error:
            raise ArchiveRefused(f'{target}: {error.where}', error.reason) from None
    raise AssertionError('the last try returns or raises')


def to_bytes(manifest: Mapping[str, object], arrays: Mapping[str, Array]) -> bytes:
    """The archive as one piece, to be sent. Raises ArchiveRefused as save does."""
    head, body = encode(manifest, arrays)
    return b''.join((BLOB_MAGIC, len(head).to_bytes(4, 'big'), head, body))


def from_bytes(raw: bytes, arrays_bytes_max: int = ARRAYS_BYTES_MAX) -> Archive:
    """Inverse of to_bytes. Raises ArchiveRefused."""
    start = len(BLOB_MAGIC) + 4
    if raw[: len(BLOB_MAGIC)] != BLOB_MAGIC or len(raw) < start:
        raise ArchiveRefused('archive', f'expected bytes that begin with {BLOB_MAGIC!r}')
    end = start + int.from_bytes(raw[len(BLOB_MAGIC):start], 'big')
    return decode(raw[start:end], raw[end:], arrays_bytes_max)


def encode(
    manifest: Mapping[str, object],
    arrays: Mapping[str, Array],
    arrays_bytes_max: int = ARRAYS_BYTES_MAX,
) -> tuple[bytes, bytes]:
    """Bytes of manifest and arrays; equal content gives equal bytes. Raises ArchiveRefused."""
    if not isinstance(manifest, Mapping):
        raise ArchiveRefused('manifest', f'expected an object, got {type(manifest).__name__}')
    _check_plain(manifest, 'manifest', 0)
    ordered = {name: _checked(name, arrays[name]) for name in sorted(arrays, key=str)}
    if len(ordered) > ARRAYS_MAX:
        raise ArchiveRefused('arrays', f'expected at most {ARRAYS_MAX}, got {len(ordered)}')
    total = sum(array.nbytes for array in ordered.values())
    if total > arrays_bytes_max:
        raise ArchiveRefused('arrays', f'expected at most {arrays_bytes_max} bytes, got {total}')
    body = _zipped(ordered)
    content = {
        'format': FORMAT,
        'arrays_sha256': _sha256(body),
        'arrays': {name: _described(array) for name, array in ordered.items()},
        'manifest': manifest,
    }
    head = _sealed(content)
    if len(head) > MANIFEST_BYTES_MAX:
        raise ArchiveRefused('manifest', f'expected at most {MANIFEST_BYTES_MAX} bytes, '
                                         f'got {len(head)}')
    return head, body


def decode(head: bytes, body: bytes, arrays_bytes_max: int = ARRAYS_BYTES_MAX) -> Archive:
    """Inverse of encode. Raises ArchiveRefused that says what is wrong."""
    content = _content(head)
    if len(body) > arrays_bytes_max + MANIFEST_BYTES_MAX:
        raise ArchiveRefused('arrays', f'expected at most {arrays_bytes_max} bytes')
    if _sha256(body) != content['arrays_sha256']:
        raise ArchiveRefused('arrays', 'their hash is not the one in the manifest')
    arrays = _unzipped(body)
    if {name: _described(array) for name, array in arrays.items()} != content['arrays']:
        raise ArchiveRefused('arrays', 'they are not those that the manifest lists')
    return Archive(content['manifest'], arrays, _sha256(head))


def _content(head: bytes) -> dict[str, Any]:
    """What the manifest file says, its seal checked."""
    if len(head) > MANIFEST_BYTES_MAX:
        raise ArchiveRefused('manifest', f'expected at most {MANIFEST_BYTES_MAX} bytes')
    try:
        document = json.loads(head)
    except (ValueError, RecursionError) as error:
        raise ArchiveRefused('manifest', f'expected JSON: {error}') from None
    content = document.get('content') if isinstance(document, dict) else None
    if not isinstance(content, dict):
        raise ArchiveRefused('manifest', 'expected an object with sha256 and content')
    if content.get('format') != FORMAT:
        raise ArchiveRefused('manifest', f'expected format {FORMAT}, '
                                         f'found {content.get("format")!r}')
    try:
        whole = _sealed(content) == head
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise ArchiveRefused('manifest', 'the checksum does not match the content')
    sha256, listed = content.get('arrays_sha256'), content.get('arrays')
    if not isinstance(sha256, str) or not re.fullmatch('[0-9a-f]{64}', sha256):
        raise ArchiveRefused('manifest', 'arrays_sha256: expected 64 hexadecimal digits')
    if not isinstance(listed, dict) or not isinstance(content.get('manifest'), dict):
        raise ArchiveRefused('manifest', 'expected objects as arrays and manifest')
    return content


def _sealed(content: Mapping[str, object]) -> bytes:
    """Canonical, so that the seal covers every byte of the file, spaces included."""
    inner = json.dumps(content, sort_keys=True, separators=(',', ':'), allow_nan=False)
    document = {'sha256': _sha256(inner.encode()), 'content': content}
    return json.dumps(document, sort_keys=True, allow_nan=False, indent=1).encode() + b'\n'


def _check_plain(value: object, where: str, depth: int) -> None:
    """Refuse what JSON would change on the way: other keys than text, NaN, other types."""
    if depth > DEPTH_MAX:
        raise ArchiveRefused(where, f'expected at most {DEPTH_MAX} levels')
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ArchiveRefused(where, f'expected text as key, got {key!r}')
            _check_plain(inner, f'{where}.{key}', depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _check_plain(inner, f'{where}[{index}]', depth + 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ArchiveRefused(where, f'expected a finite number, got {value!r}')
    elif value is not None and not isinstance(value, (str, int)):
        raise ArchiveRefused(where, f'expected plain JSON, got {type(value).__name__}')


def _checked(name: str, array: Array) -> Array:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ArchiveRefused(f'array {name!r}', f'expected a name like {_NAME.pattern}')
    if not isinstance(array, np.ndarray):
        raise ArchiveRefused(f'array {name!r}', f'expected an ndarray, got {type(array).__name__}')
    if array.dtype.kind not in KINDS or array.dtype.hasobject:
        raise ArchiveRefused(f'array {name!r}', f'expected a dtype of kind {KINDS}, '
                                                f'got {array.dtype}')
    if array.ndim > DIMENSIONS_MAX:
        raise ArchiveRefused(f'array {name!r}', f'expected at most {DIMENSIONS_MAX} dimensions')
    row_major: Array = array.copy(order='C')  # ascontiguousarray would make a single value a row
    return row_major


def _described(array: Array) -> dict[str, object]:
    return {'dtype': array.dtype.str, 'shape': list(array.shape),
            'sha256': _sha256(array.tobytes())}


def _zipped(arrays: Mapping[str, Array]) -> bytes:
    """An .npz that np.load reads; ours is always equal for equal arrays (no times in it)."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, 'w', zipfile.ZIP_STORED) as file:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, array, version=(1, 0), allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f'{name}.npy'), entry.getvalue())
    return raw.getvalue()


def _unzipped(body: bytes) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as file:
            entries = file.infolist()
            if len(entries) > ARRAYS_MAX:
                raise ArchiveRefused('arrays', f'expected at most {ARRAYS_MAX}')
            if any(one.compress_type != zipfile.ZIP_STORED for one in entries):
                raise ArchiveRefused('arrays', 'expected a zip without compression')
            if sum(one.file_size for one in entries) > len(body):
                raise ArchiveRefused('arrays', 'the entries say more bytes than there are')
            return {one.filename[:-4]: _array(one.filename, file.read(one)) for one in entries}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveRefused('arrays', f'expected an .npz: {error}') from None


def _array(name: str, raw: bytes) -> Array:
    """One .npy. Its size is checked before memory is taken for it."""
    where = f'array {name!r}'
    if not name.endswith('.npy') or not _NAME.fullmatch(name[:-4]):
        raise ArchiveRefused(where, 'expected <name>.npy')
    file = io.BytesIO(raw)
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ArchiveRefused(where, 'expected version 1.0 of the format')
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    except ArchiveRefused:
        raise
    except Exception as error:  # numpy raises what its parser of literals raises
        raise ArchiveRefused(where, f'expected a .npy header: {error}') from None
    data = raw[file.tell():]
    if fortran or dtype.hasobject or dtype.kind not in KINDS or len(shape) > DIMENSIONS_MAX:
        raise ArchiveRefused(where, f'expected rows of a dtype of kind {KINDS}, got {dtype}')
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ArchiveRefused(where, f'expected {shape} of {dtype}, got {len(data)} bytes')
    if not data:
        return np.zeros(shape, dtype)
    array: Array = np.frombuffer(bytearray(data), dtype).reshape(shape)
    return array


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _file_name(sha256: str) -> str:
    return f'arrays-{sha256}.npz'


def _read(path: Path, bytes_max: int) -> bytes:
    limit = bytes_max + MANIFEST_BYTES_MAX  # headers and names of the arrays
    with path.open('rb') as file:
        raw = file.read(limit + 1)
    if len(raw) > limit:
        raise ArchiveRefused(str(path), f'expected at most {bytes_max} bytes')
    return raw


def _remove_others(folder: Path, kept: str) -> None:
    """What an older archive or a crash left; failing here loses nothing."""
    for path in sorted(folder.glob('arrays-*.npz*')):
        if path.name != kept:
            with contextlib.suppress(OSError):
                path.unlink()
