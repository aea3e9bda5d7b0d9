# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Tells a torn end of a write-ahead log from damage in its middle.

sqlite takes the first frame with a wrong checksum for the end and drops the rest without a word:
right for a transaction that a crash cut short, wrong for acknowledged ones behind a flipped bit.
Every commit is synced before the next one is written (synchronous=FULL), so frames behind a
complete later transaction prove that the bad frame was once whole. Owns that proof; the format is
https://www.sqlite.org/fileformat2.html#walformat.
"""

from __future__ import annotations

import struct
from pathlib import Path

HEADER = struct.Struct('>8I')
FRAME_HEADER = struct.Struct('>6I')
MAGIC_LITTLE, MAGIC_BIG = 0x377F0682, 0x377F0683
PAGE_BYTES_MAX = 65536
WAL_BYTES_MAX = 512 * 1024 * 1024  # far above what one checkpoint and one transaction need

Sums = tuple[int, int]


def wal_damage(path: Path) -> str | None:
    """What is wrong with the write-ahead log file `path`, or None: nothing that matters.

    Raises OSError if it cannot be read; a file that is not there is in order.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    if size > WAL_BYTES_MAX:
        return f'{size} bytes of write-ahead log; expected at most {WAL_BYTES_MAX}'
    content = path.read_bytes()
    if not any(content):
        return None  # never written, or not one byte of it arrived
    if len(content) < HEADER.size:
        return None  # torn when it was made: no frame was ever in it
    return _damage_in(content)


def _damage_in(content: bytes) -> str | None:
    magic, _, page_bytes, _, *salts, first, second = HEADER.unpack_from(content)
    if magic not in (MAGIC_LITTLE, MAGIC_BIG) or not 512 <= page_bytes <= PAGE_BYTES_MAX:
        return 'the head of the write-ahead log is damaged'
    order = '<' if magic == MAGIC_LITTLE else '>'
    sums = _sums(order, content[: HEADER.size - 8], (0, 0))
    if sums != (first, second):
        return 'the head of the write-ahead log is damaged'
    frame_bytes = FRAME_HEADER.size + page_bytes
    starts = range(HEADER.size, len(content) - frame_bytes + 1, frame_bytes)
    for number, start in enumerate(starts):
        head = FRAME_HEADER.unpack_from(content, start)
        if [*head[2:4]] == salts:
            page = content[start + FRAME_HEADER.size : start + frame_bytes]
            sums = _sums(order, page, _sums(order, content[start : start + 8], sums))
            if sums == head[4:6]:
                continue
        if _later_transaction(content, starts[number:], salts):
            return f'frame {number + 1} of the write-ahead log is damaged, and later ones are not'
        return None
    return None


def _later_transaction(content: bytes, starts: range, salts: list[int]) -> bool:
    """Whether frames of this write-ahead log follow the end of a transaction."""
    ended = False
    for start in starts:
        _, pages_after_commit, *head = FRAME_HEADER.unpack_from(content, start)
        if head[:2] != salts:
            continue  # of an earlier use of the file, or damaged itself
        if ended:
            return True
        ended = pages_after_commit != 0
    return False


def _sums(order: str, block: bytes, sums: Sums) -> Sums:
    first, second = sums
    words = struct.unpack(f'{order}{len(block) // 4}I', block)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
