# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the translation between messages and the collective memory; decides nothing.

What a peer sends is checked in full before it becomes a block: sizes, order, numbers, digest.
Each from_msg raises ValueError that says what was expected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from swarm_msgs.msg import (
    Envelope,
    MemoryBlock,
    MemoryBlocks,
    MemoryChannel,
    MemoryExemplar,
    MemoryStatistics,
)
from swarm_msgs.srv import QueryMemory

from ..core.memory.block import (
    CHANNELS_MAX,
    COUNTED_MAX,
    LEVEL_MAX,
    Block,
    BlockKey,
    Channel,
    check_block,
    width_ns,
)
from ..core.memory.exemplars import (
    INCIDENTS_MAX,
    KIND_MAX_BYTES,
    ROUTINE_MAX,
    SUBJECT_MAX_BYTES,
    TEXT_MAX_BYTES,
    Exemplar,
)
from ..core.memory.gossip import BLOCKS_MAX, HAVE_MAX, Parcel, Span
from ..core.memory.packing import digest_of
from ..core.memory.query import EXEMPLARS_MAX, Answer, Question, Statistics
from ..core.memory.sketch import BINS_MAX, INDEX_MAX, INDEX_MIN, Sketch
from ..core.memory.units import (
    UNIT_BITS,
    exact_units,
    squared_value_of,
    value_of,
)

DIGEST_CHARACTERS = 64
SPAN_CHARACTERS_MAX = 200


def parcel_to_msg(parcel: Parcel, envelope: Envelope) -> MemoryBlocks:
    return MemoryBlocks(
        envelope=envelope, blocks=[block_to_msg(block) for block in parcel.blocks],
        have=[f'{one.robot_id}/{one.life}/{one.begin_ns}/{one.end_ns}' for one in parcel.have])


def parcel_from_msg(msg: MemoryBlocks) -> tuple[Parcel, tuple[str, ...]]:
    """The parcel without what is malformed, and what that was."""
    _at_most('blocks', msg.blocks, BLOCKS_MAX)
    _at_most('have', msg.have, HAVE_MAX)
    blocks, have, problems = [], [], []
    for block in msg.blocks:
        try:
            blocks.append(block_from_msg(block))
        except ValueError as error:
            problems.append(f'block of {block.robot_id[:64]!r}: {error}')
    for text in msg.have:
        try:
            have.append(_span(text))
        except ValueError as error:
            problems.append(f'have: {error}')
    return Parcel(msg.envelope.sender, tuple(blocks), tuple(have)), tuple(problems)


def block_to_msg(block: Block) -> MemoryBlock:
    """A closed block: one that was not closed may hold sums that a float64 does not."""
    kinds = sorted(block.counts)
    return MemoryBlock(
        robot_id=block.key.robot_id, life=block.key.life, begin_ns=block.key.begin_ns,
        end_ns=block.key.end_ns, level=block.key.level,
        channels=[_channel_to_msg(name, block.channels[name]) for name in sorted(block.channels)],
        counted=kinds, counts=[block.counts[kind] for kind in kinds],
        exemplars=[exemplar_to_msg(one) for one in block.exemplars], digest=digest_of(block))


def block_from_msg(msg: MemoryBlock) -> Block:
    _expect(msg.begin_ns < msg.end_ns, 'begin_ns', f'less than end_ns {msg.end_ns}')
    _expect(msg.level <= LEVEL_MAX, 'level', f'at most {LEVEL_MAX}')
    _expect(msg.end_ns - msg.begin_ns == width_ns(msg.level), 'end_ns',
            f'begin_ns + {width_ns(msg.level)} at level {msg.level}')
    _at_most('channels', msg.channels, CHANNELS_MAX)
    _at_most('counted', msg.counted, COUNTED_MAX)
    _at_most('exemplars', msg.exemplars, INCIDENTS_MAX + ROUTINE_MAX)
    _expect(len(msg.counts) == len(msg.counted), 'counts', f'{len(msg.counted)} of them')
    _ascending('counted', msg.counted)
    _ascending('channels', [channel.name for channel in msg.channels])
    block = Block(BlockKey(msg.robot_id, msg.life, msg.begin_ns, msg.level))
    block.counts = dict(zip(msg.counted, map(int, msg.counts), strict=True))
    block.channels = {one.name: _channel_from_msg(one) for one in msg.channels}
    block.exemplars = tuple(exemplar_from_msg(one) for one in msg.exemplars)
    check_block(block)
    _expect(len(msg.digest) == DIGEST_CHARACTERS and msg.digest == digest_of(block), 'digest',
            'SHA-256 of the canonical form')
    return block


def exemplar_to_msg(exemplar: Exemplar) -> MemoryExemplar:
    return MemoryExemplar(stamp_ns=exemplar.stamp_ns, kind=exemplar.kind,
                          subject=exemplar.subject, salience=exemplar.salience,
                          text=exemplar.text)


def exemplar_from_msg(msg: MemoryExemplar) -> Exemplar:
    for name, text, limit in (('kind', msg.kind, KIND_MAX_BYTES),
                              ('subject', msg.subject, SUBJECT_MAX_BYTES),
                              ('text', msg.text, TEXT_MAX_BYTES)):
        _expect(len(text.encode()) <= limit, name, f'at most {limit} bytes')
    _expect(math.isfinite(msg.salience), 'salience', 'a share')
    return Exemplar(msg.stamp_ns, msg.kind, msg.subject, msg.salience, msg.text)


def question_from_request(request: QueryMemory.Request) -> Question:
    return Question(
        robot_id=request.robot_id, channels=tuple(request.channels), begin_ns=request.begin_ns,
        end_ns=request.end_ns, quantiles=tuple(map(float, request.quantiles)), kind=request.kind,
        exemplars_max=min(EXEMPLARS_MAX, request.exemplars_max))


def answer_to_response(answer: Answer) -> QueryMemory.Response:
    return QueryMemory.Response(
        code=QueryMemory.Response.ACCEPTED, begin_ns=answer.begin_ns, end_ns=answer.end_ns,
        edge_ns=answer.edge_ns, blocks=answer.blocks, events=answer.events,
        channels=[_statistics_to_msg(one) for one in answer.channels],
        counted=[kind for kind, _ in answer.counts], counts=[n for _, n in answer.counts],
        exemplars=[exemplar_to_msg(one) for one in answer.exemplars],
        robots=list(answer.robots))


def refusal_to_response(reason: str, unavailable: bool = False) -> QueryMemory.Response:
    code = QueryMemory.Response.UNAVAILABLE if unavailable else QueryMemory.Response.REFUSED
    return QueryMemory.Response(code=code, reason=reason)


def _statistics_to_msg(one: Statistics) -> MemoryStatistics:
    return MemoryStatistics(
        channel=one.channel, n=one.n, mean=one.mean, deviation=one.deviation, min=one.min,
        max=one.max, quantiles=list(one.quantiles), quantile_error=one.quantile_error)


def _channel_to_msg(name: str, channel: Channel) -> MemoryChannel:
    indices = sorted(channel.sketch.bins)
    return MemoryChannel(
        name=name, n=channel.n, sum=value_of(channel.total),
        sum_squares=squared_value_of(channel.squares), min=value_of(channel.low),
        max=value_of(channel.high), bins=indices,
        bin_counts=[channel.sketch.bins[index] for index in indices], zeros=channel.sketch.zeros)


def _channel_from_msg(msg: MemoryChannel) -> Channel:
    name = msg.name[:48]
    _at_most(f'{name}.bins', msg.bins, BINS_MAX)
    _expect(len(msg.bins) == len(msg.bin_counts), f'{name}.bin_counts', f'{len(msg.bins)} of them')
    indices = [int(index) for index in msg.bins]
    _ascending(f'{name}.bins', indices)
    in_range = not indices or (indices[0] >= INDEX_MIN and indices[-1] <= INDEX_MAX)
    _expect(in_range, f'{name}.bins', f'indices from {INDEX_MIN} to {INDEX_MAX}')
    return Channel(
        msg.n, exact_units(msg.sum, f'{name}.sum'),
        exact_units(msg.sum_squares, f'{name}.sum_squares', 2 * UNIT_BITS),
        exact_units(msg.min, f'{name}.min'), exact_units(msg.max, f'{name}.max'),
        Sketch(msg.zeros, dict(zip(indices, map(int, msg.bin_counts), strict=True))))


def _span(text: str) -> Span:
    """Robot ids may hold a slash; the numbers do not."""
    _expect(len(text) <= SPAN_CHARACTERS_MAX, 'window',
            f'at most {SPAN_CHARACTERS_MAX} characters')
    parts = text.rsplit('/', 3)
    numbers = parts[1:]
    if len(parts) != 4 or not all(one.isascii() and one.isdigit() for one in numbers):
        raise ValueError(f'expected robot_id/life/begin_ns/end_ns, got {text[:80]!r}')
    life, begin_ns, end_ns = (int(one) for one in numbers)
    _expect(begin_ns <= end_ns < 1 << 63, 'window', 'begin_ns up to end_ns')
    return Span(parts[0], life, begin_ns, end_ns)


def _ascending(what: str, items: Sequence[object]) -> None:
    pairs = zip(items, items[1:], strict=False)
    _expect(all(a < b for a, b in pairs), what, 'each once, ascending')  # type: ignore[operator]


def _at_most(what: str, items: Sequence[object], limit: int) -> None:
    _expect(len(items) <= limit, what, f'at most {limit}')


def _expect(holds: bool, what: str, expected: str) -> None:
    if not holds:
        raise ValueError(f'{what}: expected {expected}')
