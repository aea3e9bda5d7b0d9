# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal: tables, progress bars, times. Owns the look, knows no messages."""

import os
import sys
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns padded to their widest cell, two spaces between."""
    cells = [list(header), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    return '\n'.join(
        '  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def bar(done: int, total: int, width: int = 30) -> str:
    """'[######----] 60 % 6/10'."""
    share = done / total if total else 1.0
    full = int(share * width)
    return f'[{"#" * full}{"-" * (width - full)}] {share:4.0%} {done}/{total}'


def age(seconds: float) -> str:
    """'0.4 s', '12 s', '3 min', '5 h'."""
    if seconds < 10:
        return f'{seconds:.1f} s'
    if seconds < 120:
        return f'{seconds:.0f} s'
    if seconds < 7200:
        return f'{seconds / 60:.0f} min'
    return f'{seconds / 3600:.0f} h'


def size(octets: float) -> str:
    for unit in ('B', 'KiB', 'MiB', 'GiB'):
        if octets < 1024 or unit == 'GiB':
            return f'{octets:.0f} {unit}' if unit == 'B' else f'{octets:.1f} {unit}'
        octets /= 1024
    raise AssertionError('unreachable')


class StatusLine:
    """One line that is rewritten in place on a terminal, and left out elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._shown = False

    def show(self, text: str) -> None:
        if self._live:
            width = os.get_terminal_size().columns - 1
            print(f'\r\x1b[K{text[:width]}', end='', flush=True)
            self._shown = True

    def print(self, text: str) -> None:
        """A line above the status line."""
        print(f'\r\x1b[K{text}' if self._shown else text, flush=True)

    def end(self) -> None:
        if self._shown:
            print(flush=True)
            self._shown = False
