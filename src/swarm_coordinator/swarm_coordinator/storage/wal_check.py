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
PAGE_BYTES = frozenset(1 << power for power in range(9, 17))
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
    if len(content) < HEADER.size + FRAME_HEADER.size + min(PAGE_BYTES):
        return None  # torn when it was made: its head is synced before the first frame is written
    return _damage_in(content)


def _damage_in(content: bytes) -> str | None:
    magic, _, page_bytes, _, *salts, first, second = HEADER.unpack_from(content)
    if magic not in (MAGIC_LITTLE, MAGIC_BIG) or page_bytes not in PAGE_BYTES:
        return 'the head of the write-ahead log is damaged'
    order = '<' if magic == MAGIC_LITTLE else '>'
    sums = _sums(order, content[: HEADER.size - 8], (0, 0))
    if sums != (first, second):
        if _torn_when_begun_anew(content, order, page_bytes) or not _ends_any(content, page_bytes):
            return None
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


def _ends_any(content: bytes, page_bytes: int) -> bool:
    """Whether any frame ends a transaction. Without one nothing in it was ever acknowledged, and
    sqlite writes a new head over it at once."""
    frame_bytes = FRAME_HEADER.size + page_bytes
    starts = range(HEADER.size, len(content) - frame_bytes + 1, frame_bytes)
    return any(FRAME_HEADER.unpack_from(content, start)[1] for start in starts)


def _torn_when_begun_anew(content: bytes, order: str, page_bytes: int) -> bool:
    """Whether the head is the beginning of a new one and the end of the one before.

    sqlite writes a new head over the old one once all frames are in the database and synced: the
    power may go within these bytes, and then no frame matters. The old head can be told from the
    first frame, whose checksum continues the old head's; the new one counts two of its fields up.
    """
    if len(content) < HEADER.size + FRAME_HEADER.size + page_bytes:
        return False
    head, counted = content[: HEADER.size], HEADER.unpack_from(content)[3]
    _, _, *salts, first, second = FRAME_HEADER.unpack_from(content, HEADER.size)
    frame = content[HEADER.size : HEADER.size + 8]
    page = content[HEADER.size + FRAME_HEADER.size :][:page_bytes]
    for count in (counted, counted - 1):
        count &= 0xFFFFFFFF
        old = head[:12] + struct.pack('>3I', count, *salts)
        sums = _sums(order, old, (0, 0))
        old += struct.pack('>2I', *sums)
        new = head[:12] + struct.pack('>2I', (count + 1) & 0xFFFFFFFF, (salts[0] + 1) & 0xFFFFFFFF)
        new += head[len(new) :]  # the rest of it is random
        cut = any(head == new[:at] + old[at:] for at in range(12, HEADER.size))
        if cut and _sums(order, page, _sums(order, frame, sums)) == (first, second):
            return True
    return False


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
