# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One measured figure beside what it is held against, and how a list of them is shown.

Owns the judgement `met` and the form of table and JSON. Refuses to measure anything.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

AT_MOST, AT_LEAST = 'at most', 'at least'


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `ours` is the median of the runs. `peer` is the same figure of something comparable, measured
    in the same way on the same machine, or a limit that nature or a document sets; None where
    there is none. `target` with `better` says what is promised: 'at most' or 'at least'. `note`
    is what has to be known beside the figure, such as what the peer guarantees.
    """

    what: str
    unit: str
    ours: float
    min: float
    max: float
    runs: int
    peer: float | None = None
    peer_name: str = ''
    target: float | None = None
    better: str = AT_MOST
    note: str = ''

    def __post_init__(self) -> None:
        if self.better not in (AT_MOST, AT_LEAST):
            raise ValueError(f'better={self.better!r}: expected {AT_MOST!r} or {AT_LEAST!r}')
        if self.runs < 1:
            raise ValueError(f'{self.what}: runs={self.runs}, expected at least 1')
        if not self.min <= self.ours <= self.max:
            raise ValueError(f'{self.what}: {self.ours} is not within {self.min} to {self.max}')

    @property
    def ratio(self) -> float | None:
        """Ours per peer's; below 1 is better for 'at most', above 1 for 'at least'."""
        return self.ours / self.peer if self.peer else None

    @property
    def met(self) -> bool | None:
        """None: nothing was promised."""
        if self.target is None:
            return None
        return self.ours <= self.target if self.better == AT_MOST else self.ours >= self.target

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), 'ratio': self.ratio, 'met': self.met}


def row(
    what: str,
    unit: str,
    samples: Sequence[float],
    *,
    peer: Sequence[float] | float | None = None,
    peer_name: str = '',
    target: float | None = None,
    better: str = AT_MOST,
    note: str = '',
) -> Row:
    """A Row from the figure of each run. Raises ValueError without any run."""
    if not samples:
        raise ValueError(f'{what}: no run gave a figure')
    if peer is not None and not isinstance(peer, (int, float)):
        peer = statistics.median(peer)
    return Row(
        what=what,
        unit=unit,
        ours=statistics.median(samples),
        min=min(samples),
        max=max(samples),
        runs=len(samples),
        peer=peer,
        peer_name=peer_name,
        target=target,
        better=better,
        note=note,
    )


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` of them do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def tail(
    what: str,
    unit: str,
    samples: Sequence[float],
    percent: float,
    *,
    peer: Sequence[float] | None = None,
    peer_name: str = '',
    target: float | None = None,
    note: str = '',
) -> Row:
    """As row(), of a percentile: 99 of fewer than 100 runs is their maximum."""
    return Row(
        what=what,
        unit=unit,
        ours=percentile(samples, percent),
        min=min(samples),
        max=max(samples),
        runs=len(samples),
        peer=percentile(peer, percent) if peer else None,
        peer_name=peer_name,
        target=target,
        note=note,
    )


HEADS = ('what', 'ours', 'min..max', 'runs', 'peer or limit', 'ratio', 'target', 'met', 'note')


def number(value: float | None) -> str:
    """Three significant digits, thousands in full."""
    if value is None:
        return '-'
    return f'{value:.0f}' if abs(value) >= 1000 else f'{value:.3g}'


def _cells(one: Row) -> tuple[str, ...]:
    unit = f' {one.unit}' if one.unit else ''
    name = f' ({one.peer_name})' if one.peer_name else ''
    target = '-' if one.target is None else f'{one.better} {number(one.target)}{unit}'
    return (
        one.what,
        f'{number(one.ours)}{unit}',
        f'{number(one.min)}..{number(one.max)}',
        str(one.runs),
        '-' if one.peer is None else f'{number(one.peer)}{unit}{name}',
        '-' if one.ratio is None else f'{number(one.ratio)}x',
        target,
        {True: 'yes', False: 'NO', None: '-'}[one.met],
        one.note,
    )


def table(rows: Sequence[Row]) -> str:
    lines = [HEADS, *(_cells(one) for one in rows)]
    if not any(one.note for one in rows):
        lines = [line[:-1] for line in lines]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    made = ['  '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines]
    made.insert(1, '  '.join('-' * width for width in widths))
    return '\n'.join(made)
