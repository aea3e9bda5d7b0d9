# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the translation between messages and the collective memory."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_samples import T0, block_of, blocks, history_of, lived

pytest.importorskip('rclpy')

from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from swarm_msgs.msg import Envelope, MemoryBlock, MemoryBlocks  # noqa: E402
from swarm_msgs.srv import QueryMemory  # noqa: E402

from swarm_learning.core.memory.block import BASE_NS, Block, BlockKey, merged  # noqa: E402
from swarm_learning.core.memory.exemplars import Exemplar  # noqa: E402
from swarm_learning.core.memory.gossip import Parcel, Span, wire_bytes  # noqa: E402
from swarm_learning.core.memory.query import Question  # noqa: E402
from swarm_learning.ros import memory_conversions as conversions  # noqa: E402


def over_the_wire(msg: MemoryBlocks) -> MemoryBlocks:
    return deserialize_message(serialize_message(msg), MemoryBlocks)


def sample() -> Block:
    block = block_of([0.0, 1.0, 2.0, 3.7e9, 0.1])
    block.count('sample', 3)
    block.keep((Exemplar(T0 + 5, 'fault', 'r1', 0.75, 'text'),))
    return block.close()


@given(st.lists(blocks(), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_a_block_survives_the_wire_to_the_last_bit(parts: list[Block]) -> None:
    block = merged(BlockKey('r1', 2**64 - 1, T0, 0), parts)
    parcel = Parcel('r1', (block,), (Span('a/b', 7, 0, T0), Span('r1', 2**64 - 1, 5, 5)))
    msg = over_the_wire(conversions.parcel_to_msg(parcel, Envelope(sender='r1')))
    assert conversions.parcel_from_msg(msg) == (parcel, ())


def test_the_size_on_the_wire_is_about_what_is_reckoned() -> None:
    memory = lived(history_of(500, 3))
    for _ in range(3):
        parcel = memory.blocks_to_send(memory.own.last_ns + 10**12)
        if parcel and parcel.blocks:
            break
    assert parcel and parcel.blocks
    sent = len(serialize_message(conversions.parcel_to_msg(parcel, Envelope())))
    assert 0.6 * sent < sum(map(wire_bytes, parcel.blocks)) < 1.5 * sent


@pytest.mark.parametrize('field, change', [
    ('begin_ns', lambda m: setattr(m, 'begin_ns', m.end_ns)),
    ('end_ns', lambda m: setattr(m, 'end_ns', m.end_ns + 1)),
    ('begin_ns', lambda m: [setattr(m, 'begin_ns', m.begin_ns + 1),
                            setattr(m, 'end_ns', m.end_ns + 1)]),
    ('level', lambda m: setattr(m, 'level', 60000)),
    ('robot_id', lambda m: setattr(m, 'robot_id', '')),
    ('channels', lambda m: setattr(m, 'channels', list(m.channels) * 2)),
    ('channels', lambda m: setattr(m, 'channels', list(m.channels) * 33)),
    ('counted', lambda m: setattr(m, 'counted', list(reversed(m.counted)))),
    ('counts', lambda m: m.counts.append(5)),
    ('counts', lambda m: setattr(m, 'counts', [0, 1])),
    ('exemplars', lambda m: setattr(m, 'exemplars', list(m.exemplars) * 11)),
    ('exemplar', lambda m: setattr(m.exemplars[0], 'stamp_ns', m.end_ns)),
    ('salience', lambda m: setattr(m.exemplars[0], 'salience', math.nan)),
    ('salience', lambda m: setattr(m.exemplars[0], 'salience', 2.0)),
    ('text', lambda m: setattr(m.exemplars[0], 'text', 'x' * 161)),
    ('run_ms.n', lambda m: setattr(m.channels[0], 'n', 0)),
    ('run_ms.sum', lambda m: setattr(m.channels[0], 'sum', math.nan)),
    ('run_ms.sum', lambda m: setattr(m.channels[0], 'sum', math.inf)),
    ('run_ms.sum', lambda m: setattr(m.channels[0], 'sum', -1.0)),
    ('run_ms.sum', lambda m: setattr(m.channels[0], 'sum', 1e-12)),
    ('run_ms.sum_squares', lambda m: setattr(m.channels[0], 'sum_squares', 1e300)),
    ('run_ms.min', lambda m: setattr(m.channels[0], 'min', math.nan)),
    ('run_ms.min', lambda m: setattr(m.channels[0], 'min', 4e9)),
    ('run_ms.min', lambda m: setattr(m.channels[0], 'max', 1e12)),
    ('run_ms.bins', lambda m: setattr(m.channels[0], 'bins', list(m.channels[0].bins)[::-1])),
    ('run_ms.bins', lambda m: setattr(m.channels[0], 'bins',
                                      [-(2**31), *list(m.channels[0].bins)[1:]])),
    ('run_ms.bins', lambda m: setattr(m.channels[0], 'bins', list(range(513)))),
    ('run_ms.bin_counts', lambda m: m.channels[0].bin_counts.append(1)),
    ('run_ms.bins', lambda m: setattr(m.channels[0], 'zeros', 2)),
    ('digest', lambda m: setattr(m, 'digest', 'f' * 64)),
    ('digest', lambda m: setattr(m, 'digest', '')),
    ('digest', lambda m: setattr(m, 'life', 2)),
])
def test_a_malformed_block_is_refused_and_the_rest_of_the_parcel_used(
    field: str, change: Callable[[MemoryBlock], object]
) -> None:
    good = block_of([1.0], T0 + BASE_NS).close()
    msg = conversions.parcel_to_msg(Parcel('r1', (sample(), good)), Envelope(sender='r1'))
    assert conversions.parcel_from_msg(msg)[1] == ()
    change(msg.blocks[0])
    parcel, problems = conversions.parcel_from_msg(msg)
    assert parcel.blocks == (good,)
    assert len(problems) == 1 and f': {field}: expected' in problems[0]


@pytest.mark.parametrize('text', [
    '', 'r1', 'r1/1/2', 'r1/1/2/x', 'r1/1/-2/3', 'r1/1/3/2', 'r1/1/1/9' + '9' * 18,
    'r' * 300 + '/1/2/3', 'r1/\N{SUPERSCRIPT TWO}/2/3'])
def test_a_malformed_window_is_left_out_and_named(text: str) -> None:
    msg = MemoryBlocks(have=['r1/1/2/3', text])
    parcel, problems = conversions.parcel_from_msg(msg)
    assert parcel.have == (Span('r1', 1, 2, 3),)
    assert len(problems) == 1 and 'expected' in problems[0]


@pytest.mark.parametrize('msg', [
    MemoryBlocks(blocks=[MemoryBlock()] * 9), MemoryBlocks(have=['a/1/2/3'] * 257)])
def test_a_parcel_that_is_too_large_is_refused(msg: MemoryBlocks) -> None:
    with pytest.raises(ValueError, match='expected at most'):
        conversions.parcel_from_msg(msg)


def test_a_question_and_its_answer_arrive() -> None:
    events = history_of(300, 2)
    memory = lived(events)
    request = QueryMemory.Request(
        robot_id='r1', channels=['arousal'], quantiles=[0.5, 0.25], kind='fault',
        exemplars_max=7, end_ns=events[-1].stamp_ns)
    question = conversions.question_from_request(request)
    assert question == Question('r1', ('arousal',), 0, events[-1].stamp_ns, (0.5, 0.25), 'fault',
                                7)
    answer = memory.query(question, events[-1].stamp_ns)
    response = conversions.answer_to_response(answer)
    assert response.code == QueryMemory.Response.ACCEPTED and response.reason == ''
    assert (response.begin_ns, response.end_ns, response.edge_ns, response.blocks,
            response.events) == (answer.begin_ns, answer.end_ns, answer.edge_ns, answer.blocks,
                                 answer.events)
    told, meant = response.channels[0], answer.channels[0]
    assert (told.channel, told.n, told.mean, told.deviation, told.min, told.max,
            tuple(told.quantiles), told.quantile_error) == (
        meant.channel, meant.n, meant.mean, meant.deviation, meant.min, meant.max,
        meant.quantiles, meant.quantile_error)
    assert list(zip(response.counted, response.counts, strict=True)) == list(answer.counts)
    assert tuple(map(conversions.exemplar_from_msg, response.exemplars)) == answer.exemplars
    assert list(response.robots) == ['r1']


def test_a_question_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match='quantiles'):
        conversions.question_from_request(QueryMemory.Request(quantiles=[math.nan]))
    refused = conversions.refusal_to_response('why')
    assert (refused.code, refused.reason) == (QueryMemory.Response.REFUSED, 'why')
    assert conversions.refusal_to_response('', True).code == QueryMemory.Response.UNAVAILABLE
