# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns noting many events at once with numpy, to the same bytes as one by one; refuses to be
imported where only a few events come: it needs numpy.

For replaying recorded runs and for measurements. Batches make no exemplars: what stands out is
noted singly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from .block import BASE_NS, PARTS, SAMPLE, Block, Channel
from .life import Changes, Life, checked_name
from .memory import Effect, Memory
from .ring import Raw
from .sketch import EDGES, INDEX_MIN, ZERO_UNITS
from .units import UNITS_MAX, UNITS_PER_ONE, VALUE_MAX

Integers = npt.NDArray[np.int64]
_EDGES = np.array(EDGES[:-1], dtype=np.int64)   # the last one is above all values
_ABSENT = -1
_LIMB = 21                  # bits; products of two limbs fit int64 for a million values
_MANY = 1 << 20


def note_many(
    memory: Memory,
    stamps_ns: Integers,
    values: Mapping[str, npt.NDArray[np.float64]],
    kinds: Sequence[str] = (SAMPLE,),
    kind_of: Integers | None = None,
) -> tuple[Effect, ...]:
    """Note events in the order of their stamps: shape (n,) for each array; NaN = no figure.

    kind_of: index into kinds of each event; None = all of the first kind. Raises ValueError for
    figures below 0, stamps that fall, or arrays of unequal length; nothing is noted then.
    """
    stamps_ns = np.asarray(stamps_ns, dtype=np.int64)
    n = len(stamps_ns)
    if any(len(array) != n for array in values.values()):
        raise ValueError(f'values: expected arrays of {n} figures')
    if n == 0:
        return ()
    if np.any(np.diff(stamps_ns) < 0) or stamps_ns[0] < max(1, memory.own.last_ns):
        raise ValueError('stamps_ns: expected Unix times that never fall, from the last one on')
    units = {checked_name(name): _units(name, array) for name, array in values.items()}
    changes = Changes()
    life = memory.own
    names = [name for name in sorted(units) if life.remembers(name)]
    codes = np.zeros(n, dtype=np.int64) if kind_of is None else np.asarray(kind_of)
    windows = stamps_ns // BASE_NS
    cuts = np.flatnonzero(np.diff(windows)) + 1
    for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), n], strict=True):
        for begin in range(first, last, _MANY):
            end = min(last, begin + _MANY)
            life.advance(int(stamps_ns[begin]), changes)
            block = life.open_block(life.last_ns)
            quarters = (stamps_ns[begin:end] - block.key.begin_ns) * PARTS // BASE_NS
            for name in names:
                _add(block, name, units[name][begin:end], quarters)
            _count(life, block, kinds, codes[begin:end])
            life.advance(int(stamps_ns[end - 1]), changes)
            life.coarsen(changes, 8)
    _fill_ring(life, stamps_ns, {name: units[name] for name in names}, kinds, codes)
    return memory.saved(changes)


def _units(name: str, array: npt.NDArray[np.float64]) -> Integers:
    absent = np.isnan(array)
    if np.any(array[~absent] < 0.0):
        raise ValueError(f'{name}: expected figures of at least 0, or NaN for none')
    scaled = np.rint(np.minimum(np.where(absent, 0.0, array), VALUE_MAX) * UNITS_PER_ONE)
    units: Integers = np.minimum(scaled.astype(np.int64), UNITS_MAX)
    units[absent] = _ABSENT
    return units


def _add(block: Block, name: str, units: Integers, quarters: Integers) -> None:
    there = units >= 0
    units, quarters = units[there], quarters[there]
    if len(units):
        low, high = int(units.min()), int(units.max())
        total, squares = _sums(units)
        part = Channel(len(units), total, squares, low, high)
        part.sketch.zeros = int(np.count_nonzero(units <= ZERO_UNITS))
        indices = np.searchsorted(_EDGES, units[units > ZERO_UNITS], side='left') + INDEX_MIN
        bins, counts = np.unique(indices, return_counts=True)
        part.sketch.add_bins(dict(zip(bins.tolist(), counts.tolist(), strict=True)))
        channel = block.channel(name)
        known = bool(channel.parts) or channel.n == 0
        channel.merge(part)
        if known:
            channel.parts = channel.parts or ((0, 0),) * PARTS
            for at in np.unique(quarters):
                inside = units[quarters == at]
                channel.add_part(int(at), len(inside), _sums(inside)[0])


def _sums(units: Integers) -> tuple[int, int]:
    """Exact sum and sum of squares: three limbs each, so that nothing overflows."""
    mask = (1 << _LIMB) - 1
    limbs = [units & mask, (units >> _LIMB) & mask, units >> 2 * _LIMB]
    total = sum(int(limb.sum()) << i * _LIMB for i, limb in enumerate(limbs))
    squares = sum(int(np.dot(one, other)) << (i + j) * _LIMB
                  for i, one in enumerate(limbs) for j, other in enumerate(limbs))
    return total, squares


def _count(life: Life, block: Block, kinds: Sequence[str], codes: Integers) -> None:
    # In the order of their first event: who comes first gets one of the names that are counted.
    found, firsts, counts = np.unique(codes, return_index=True, return_counts=True)
    for at in np.argsort(firsts):
        kind = life.registered(kinds[int(found[at])])
        block.count(kind, int(counts[at]))
        life.noted(kind, int(counts[at]))


def _fill_ring(
    life: Life, stamps_ns: Integers, units: Mapping[str, Integers], kinds: Sequence[str],
    codes: Integers,
) -> None:
    first = max(0, len(stamps_ns) - life.ring.events_max)
    if first:
        life.ring.forget(int(stamps_ns[first - 1]) + 1)
    for at in range(first, len(stamps_ns)):
        present = {name: int(array[at]) for name, array in units.items() if array[at] >= 0}
        life.ring.add(Raw(int(stamps_ns[at]), life.registered(kinds[int(codes[at])]), present))
