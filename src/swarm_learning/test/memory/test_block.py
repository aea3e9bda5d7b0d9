# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about blocks: merging, canonical bytes, and what is refused."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_samples import T0, VALUES, block_of, blocks

from swarm_learning.core.memory.block import (
    BASE_NS,
    PARTS,
    Block,
    BlockKey,
    begin_of,
    check_block,
    merged,
)
from swarm_learning.core.memory.exemplars import (
    INCIDENT,
    INCIDENTS_MAX,
    Exemplar,
    draw_of,
    kept,
    salience_of,
)
from swarm_learning.core.memory.packing import (
    canonical,
    digest_of,
    pack,
    says_the_same,
    unpack,
)
from swarm_learning.core.memory.units import rounded, units_of

PARENT = BlockKey('r1', 1, T0, 0).parent()


def joined(left: Block, right: Block) -> Block:
    whole = Block(left.key)
    whole.merge(left)
    whole.merge(right)
    return whole


@given(blocks(), blocks(), blocks())
@settings(max_examples=60, deadline=None)
def test_merging_is_associative_and_commutative_to_the_last_byte(
    a: Block, b: Block, c: Block
) -> None:
    first = canonical(joined(joined(a, b), c))
    assert first == canonical(joined(a, joined(b, c)))
    assert first == canonical(joined(joined(c, a), b))


@given(st.lists(blocks(), min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_a_coarser_block_is_the_same_whoever_makes_it(
    parts: list[Block], rng: random.Random
) -> None:
    digest = digest_of(merged(PARENT, parts))
    rng.shuffle(parts)
    assert digest_of(merged(PARENT, parts)) == digest


@given(st.lists(VALUES, min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_counts_sums_and_extremes_are_those_of_the_values(values: list[float]) -> None:
    units = [units_of(value) for value in values]
    channel = block_of(values).channels['run_ms']
    assert (channel.n, channel.low, channel.high) == (len(units), min(units), max(units))
    assert (channel.total, channel.squares) == (sum(units), sum(one * one for one in units))


def test_mean_and_deviation_are_those_of_the_statistics_module() -> None:
    rng = random.Random(3)
    values = [1e6 + rng.random() for _ in range(500)]   # naive float64 would cancel here
    channel = merged(PARENT, [block_of(values)]).channels['run_ms']
    assert channel.mean == pytest.approx(statistics.fmean(values), rel=1e-12)
    assert channel.deviation == pytest.approx(statistics.pstdev(values), rel=1e-3)


def test_closing_rounds_to_what_a_float64_holds() -> None:
    block = merged(PARENT, [block_of([4e9 + 1 / 3, 2e9 + 1 / 7])])
    channel = block.channels['run_ms']
    assert rounded(channel.squares) == channel.squares
    assert rounded(channel.total) == channel.total


@given(blocks())
@settings(max_examples=60, deadline=None)
def test_a_packed_block_comes_back_as_it_was(block: Block) -> None:
    block.close()
    check_block(block)
    assert unpack(pack(block)) == block
    assert unpack(pack(block), ('arousal',)).channels.keys() <= {'arousal'}


@given(blocks(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_bytes_that_pack_never_makes_are_refused_or_are_another_block(
    block: Block, rng: random.Random
) -> None:
    content = bytearray(pack(block))
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    try:
        found = unpack(bytes(content))
    except ValueError:
        return
    assert canonical(found)


def test_what_deflates_to_too_much_is_refused() -> None:
    bomb = pack(block_of([1.0]))
    import zlib
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = machine.compress(b'\1' * 10_000_000) + machine.flush()
    with pytest.raises(ValueError, match='at most'):
        unpack(bomb)


def test_windows_of_one_life_nest_or_are_apart() -> None:
    rng = random.Random(5)
    keys = [BlockKey('r1', 1, begin_of(T0 + rng.randrange(10**7) * 10**9, level), level)
            for level in range(10) for _ in range(20)]
    for a in keys:
        for b in keys:
            apart = a.end_ns <= b.begin_ns or b.end_ns <= a.begin_ns
            assert apart or a.holds(b) or b.holds(a)


def grown(key: BlockKey, leaves: dict[int, Block], rng: random.Random) -> Block:
    """The block of a window, merged in steps that are drawn by lot."""
    if key.level == 0:
        return leaves[key.begin_ns]
    if rng.random() < 0.3:
        return merged(key, [one for one in leaves.values() if key.holds(one.key)])
    half_ns = BASE_NS << key.level - 1
    return merged(key, [
        grown(BlockKey(key.robot_id, key.life, begin_ns, key.level - 1), leaves, rng)
        for begin_ns in (key.begin_ns, key.begin_ns + half_ns)])


def test_quarters_of_a_coarser_block_are_those_of_its_values_whoever_merged_it() -> None:
    rng = random.Random(8)
    begin_ns = begin_of(T0, 4)
    leaves = {at_ns: block_of([rng.random() for _ in range(rng.randrange(5))], at_ns)
              for at_ns in range(begin_ns, begin_ns + (BASE_NS << 4), BASE_NS)}
    quarters = [[0, 0] for _ in range(PARTS)]
    for at, leaf in enumerate(leaves.values()):
        if 'run_ms' in leaf.channels:
            quarters[at // 4][0] += leaf.channels['run_ms'].n
            quarters[at // 4][1] += leaf.channels['run_ms'].total
    for _ in range(20):
        whole = grown(BlockKey('r1', 1, begin_ns, 4), leaves, rng)
        assert whole.channels['run_ms'].parts == tuple(map(tuple, quarters))
        assert unpack(pack(whole)) == whole
        assert unpack(pack(whole), ('run_ms',)).channels == whole.channels


def test_quarters_stay_with_their_owner() -> None:
    leaves = [block_of([0.5, 0.25 * at], begin_of(T0, 2) + at * BASE_NS) for at in range(4)]
    whole = merged(BlockKey('r1', 1, begin_of(T0, 2), 2), leaves)
    mine, digest = pack(whole), digest_of(whole)
    told = whole.told()
    assert (told.channels['run_ms'].parts, digest_of(told)) == ((), digest)
    assert pack(told) != mine and says_the_same(pack(told), mine)
    told.channels['run_ms'].total += 1
    assert not says_the_same(pack(told), mine)


def test_quarters_that_hold_more_than_the_whole_are_refused() -> None:
    whole = merged(PARENT, [block_of([1.0, 2.0])])
    whole.channels['run_ms'].parts = ((9, 1), (0, 0), (0, 0), (0, 0))
    with pytest.raises(ValueError, match='at most 2'):
        unpack(pack(whole))


def wrong(change: Callable[[Block], object]) -> Block:
    block = block_of([1.0, 2.0, 300.0])
    block.keep((Exemplar(T0 + 5, 'fault', 'r1', 0.75, ''),))
    block.close()
    check_block(block)
    change(block)
    return block


@pytest.mark.parametrize('field, change', [
    ('begin_ns', lambda b: setattr(b, 'key', replace(b.key, begin_ns=T0 + 1))),
    ('begin_ns', lambda b: setattr(b, 'key', replace(b.key, begin_ns=-BASE_NS))),
    ('level', lambda b: setattr(b, 'key', replace(b.key, level=17))),
    ('robot_id', lambda b: setattr(b, 'key', replace(b.key, robot_id=''))),
    ('counts', lambda b: b.counts.update(fault=-1)),
    ('counted', lambda b: b.counts.update({f'k{i}': 1 for i in range(64)})),
    ('channels', lambda b: [b.add_value(f'c{i}', 1.0) for i in range(32)]),
    ('name', lambda b: b.add_value('x' * 49, 1.0)),
    ('run_ms.n', lambda b: setattr(b.channels['run_ms'], 'n', 0)),
    ('run_ms.bins', lambda b: setattr(b.channels['run_ms'], 'n', 4)),
    ('run_ms.sum', lambda b: setattr(b.channels['run_ms'], 'total', 10**13)),
    ('run_ms.sum_squares', lambda b: setattr(b.channels['run_ms'], 'squares', 1)),
    ('run_ms.min', lambda b: setattr(b.channels['run_ms'], 'low', 10**15)),
    ('run_ms.bins', lambda b: setattr(b.channels['run_ms'], 'high', 10**15)),
    ('run_ms.bin_counts', lambda b: b.channels['run_ms'].sketch.bins.update({3: 0})),
    ('run_ms.bins', lambda b: b.channels['run_ms'].sketch.bins.update({900: 1})),
    ('exemplar', lambda b: b.keep((Exemplar(T0 + BASE_NS, 'a', '', 0.5, ''),))),
    ('salience', lambda b: b.keep((Exemplar(T0, 'a', '', 1.5, ''),))),
    ('exemplars', lambda b: setattr(b, 'exemplars', b.exemplars * 9)),
])
def test_a_block_that_no_healthy_peer_makes_is_refused(
    field: str, change: Callable[[Block], object]
) -> None:
    with pytest.raises(ValueError, match=f'^{field}: expected'):
        check_block(wrong(change))


def test_incidents_outrank_routine() -> None:
    routine = [Exemplar(T0 + i, 'job', '', 0.49, '') for i in range(50)]
    incident = Exemplar(T0, 'fault', '', INCIDENT, '')
    assert incident in kept([*routine, incident])


def test_among_incidents_the_most_salient_stay() -> None:
    incidents = [Exemplar(T0 + i, 'fault', '', 0.5 + i / 100, '') for i in range(30)]
    assert kept(incidents) == tuple(incidents[::-1][:INCIDENTS_MAX])


def test_severe_surprising_and_rare_events_are_more_salient() -> None:
    usual = salience_of(1, 0.0, 100, 0.5)
    assert usual < salience_of(2, 0.0, 100, 0.5)
    assert usual < salience_of(1, 0.5, 100, 0.5)
    assert usual < salience_of(1, 0.0, 0, 0.5)
    assert salience_of(0, 0.0, 0, 0.999999) < INCIDENT <= usual
    assert salience_of(0, 0.9, 9, 0.5) >= INCIDENT


def test_routine_events_are_drawn_evenly() -> None:
    draws = [draw_of(7, sequence) for sequence in range(2000)]
    assert statistics.fmean(draws) == pytest.approx(0.5, abs=0.03)
    assert all(0.0 < draw < 1.0 for draw in draws)
