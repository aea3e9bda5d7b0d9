# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the canonical bytes of a block and its digest; refuses to know who keeps them.

The same content has the same bytes whoever merged it: names ascend, bins ascend. Kept deflated;
the digest is of the bytes before that, because deflate's output may differ between versions.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Collection

from .block import PARTS, Block, BlockKey, Channel
from .exemplars import Exemplar
from .sketch import Sketch

FORMAT = 1
BYTES_MAX = 256 * 1024      # of one block before deflating: 32 channels of 512 bins are 100 KiB
# Strings that nearly every block holds; deflate then refers to them. Append only at the front.
COMMON = (b'leader_electedrobot_deadmode_changedjob_reissuedfaultjob:donejob:failedjob:timed out'
          b'confidencecuriositymemory_usedtick_late_msgoodputbatterypressurestabilityarousal'
          b'queue_msrun_ms:execrun_ms:pythonrun_mscpusample')


class Writer:
    """Appends numbers and strings."""

    def __init__(self) -> None:
        self.out = bytearray()

    def number(self, value: int) -> None:
        """An integer of at least 0, seven bits a byte, lowest first."""
        if value < 0x80:
            self.out.append(value)
            return
        while value > 0x7F:
            self.out.append(value & 0x7F | 0x80)
            value >>= 7
        self.out.append(value)

    def signed(self, value: int) -> None:
        self.number(value << 1 if value >= 0 else (-value << 1) - 1)

    def raw(self, content: bytes) -> None:
        self.number(len(content))
        self.out += content

    def text(self, content: str) -> None:
        self.raw(content.encode())

    def float32(self, value: float) -> None:
        self.out += struct.pack('<f', value)

    def float64(self, value: float) -> None:
        self.out += struct.pack('<d', value)


class Reader:
    """Reads them back. Raises ValueError where the bytes end too early."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def number(self) -> int:
        value = shift = 0
        while True:
            if self.at >= len(self.content) or shift > 448:
                raise ValueError('expected more bytes of a number')
            byte = self.content[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def signed(self) -> int:
        value = self.number()
        return -(value + 1 >> 1) if value & 1 else value >> 1

    def take(self, size: int) -> bytes:
        if size > len(self.content) - self.at:
            raise ValueError(f'expected {size} more bytes')
        self.at += size
        return self.content[self.at - size:self.at]

    def raw(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        return self.raw().decode()

    def float32(self) -> float:
        return float(struct.unpack('<f', self.take(4))[0])

    def float64(self) -> float:
        return float(struct.unpack('<d', self.take(8))[0])

    @property
    def more(self) -> bool:
        return self.at < len(self.content)

    def end(self) -> None:
        if self.at != len(self.content):
            raise ValueError(f'expected an end, found {len(self.content) - self.at} more bytes')


def canonical(block: Block) -> bytes:
    writer = Writer()
    writer.number(FORMAT)
    writer.text(block.key.robot_id)
    writer.number(block.key.life)
    writer.number(block.key.begin_ns)
    writer.number(block.key.level)
    writer.number(len(block.counts))
    for kind in sorted(block.counts):
        writer.text(kind)
        writer.number(block.counts[kind])
    writer.number(len(block.exemplars))
    for exemplar in block.exemplars:
        write_exemplar(writer, exemplar)
    writer.number(len(block.channels))
    for name in sorted(block.channels):
        writer.text(name)
        writer.raw(_channel(block.channels[name]))
    return bytes(writer.out)


def digest_of(block: Block) -> str:
    return hashlib.sha256(canonical(block)).hexdigest()


def pack(block: Block) -> bytes:
    """The form in which blocks are kept in memory and on disk: with their parts."""
    return deflated(plain(block))


def plain(block: Block) -> bytes:
    """The same before it is deflated."""
    return canonical(block) + _parts(block)


def says_the_same(one: bytes, other: bytes) -> bool:
    """Whether others would be told the same of two packed blocks."""
    return one == other or canonical(unpack(one)) == canonical(unpack(other))


def unpack(content: bytes, names: Collection[str] = ()) -> Block:
    """The block of what pack() made; names: only these channels, () = all.

    Raises ValueError for what pack() never makes.
    """
    return unpack_plain(inflated(content), names)


def unpack_plain(content: bytes, names: Collection[str] = ()) -> Block:
    """The same of what plain() or canonical() made."""
    reader = Reader(content)
    if reader.number() != FORMAT:
        raise ValueError(f'format: expected {FORMAT}')
    block = Block(BlockKey(reader.text(), reader.number(), reader.number(), reader.number()))
    block.counts = {reader.text(): reader.number() for _ in range(reader.number())}
    block.exemplars = tuple(read_exemplar(reader) for _ in range(reader.number()))
    found = [(reader.text(), reader.raw()) for _ in range(reader.number())]
    for name, channel in found:
        if not names or name in names:
            block.channels[name] = _channel_from(Reader(channel))
    if reader.more:
        for name, _ in found:
            content = reader.raw()
            if name in block.channels:
                _take_parts(Reader(content), block.channels[name])
    reader.end()
    return block


def deflated(content: bytes) -> bytes:
    machine = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, COMMON)
    return machine.compress(content) + machine.flush()


def inflated(content: bytes) -> bytes:
    """Raises ValueError for what is not deflated, cut off, or too large."""
    machine = zlib.decompressobj(-15, COMMON)
    try:
        whole = machine.decompress(content, BYTES_MAX)
    except zlib.error as error:
        raise ValueError(f'expected deflated bytes: {error}') from None
    if not machine.eof or machine.unused_data:
        raise ValueError(f'expected one deflated stream of at most {BYTES_MAX} bytes')
    return whole


def write_exemplar(writer: Writer, exemplar: Exemplar) -> None:
    writer.number(exemplar.stamp_ns)
    writer.text(exemplar.kind)
    writer.text(exemplar.subject)
    writer.float32(exemplar.salience)
    writer.text(exemplar.text)


def read_exemplar(reader: Reader) -> Exemplar:
    return Exemplar(reader.number(), reader.text(), reader.text(), reader.float32(),
                    reader.text())


def _channel(channel: Channel) -> bytes:
    writer = Writer()
    for number in (channel.n, channel.total, channel.squares, channel.low, channel.high,
                   channel.sketch.zeros, len(channel.sketch.bins)):
        writer.number(number)
    before, out = 0, writer.out
    for index in sorted(channel.sketch.bins):
        step, count = index - before, channel.sketch.bins[index]
        before = index
        if 0 < step < 64 and count < 128:       # nearly all; one byte each
            out.append(step << 1)
            out.append(count)
        else:
            writer.signed(step)
            writer.number(count)
    return bytes(out)


def _parts(block: Block) -> bytes:
    """The last part is what the others leave of the whole."""
    writer = Writer()
    if any(channel.parts for channel in block.channels.values()):
        for name in sorted(block.channels):
            numbers = Writer()
            for n, total in block.channels[name].parts[:-1]:
                numbers.number(n)
                numbers.number(total)
            writer.raw(bytes(numbers.out))
    return bytes(writer.out)


def _take_parts(reader: Reader, channel: Channel) -> None:
    if not reader.more:
        return
    first = [(reader.number(), reader.number()) for _ in range(PARTS - 1)]
    reader.end()
    n = channel.n - sum(n for n, _ in first)
    if n < 0:
        raise ValueError(f'parts: expected at most {channel.n} values')
    total = channel.total - sum(total for _, total in first)
    channel.parts = (*first, (n, max(0, total)))


def _channel_from(reader: Reader) -> Channel:
    n, total, squares, low, high, zeros = (reader.number() for _ in range(6))
    bins, index, content = {}, 0, reader.content
    for _ in range(reader.number()):
        at = reader.at
        if at + 1 < len(content) and content[at] < 128 and content[at + 1] < 128:
            reader.at = at + 2
            step = content[at]
            index += -(step + 1 >> 1) if step & 1 else step >> 1
            bins[index] = content[at + 1]
        else:
            index += reader.signed()
            bins[index] = reader.number()
    reader.end()
    return Channel(n, total, squares, low, high, Sketch(zeros, bins))
