# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal: tables, progress bars, times. Owns the look, imports no messages."""

import shutil
import sys
from collections.abc import Sequence
from typing import Any

CUT_MIN = 8  # columns that a cut cell keeps


def terminal_width() -> int:
    """Columns of the terminal; 0 where the text goes elsewhere and is not to be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    width: int | None = None,
    flexible: Sequence[str] = (),
) -> str:
    """Columns padded to their widest cell, two spaces between.

    width     at most so many columns, 0 = any; default: those of the terminal
    flexible  headers of columns that are cut where there is too little room, widest first
    """
    cells = [list(header), *[[one_line(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    width = terminal_width() if width is None else width
    if width and flexible:
        _narrow(widths, width, [header.index(name) for name in flexible], header)
    return '\n'.join(
        '  '.join(
            cut(cell, size).ljust(size) for cell, size in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    )


def _narrow(
    widths: list[int], width: int, columns: Sequence[int], header: Sequence[str]
) -> None:
    over = sum(widths) + 2 * (len(widths) - 1) - width
    while over > 0:
        column = max(columns, key=lambda one: widths[one])
        if widths[column] <= max(len(header[column]), CUT_MIN):
            return
        widths[column] -= 1
        over -= 1


def one_line(value: object) -> str:
    """As text without line ends and control characters, which would spoil a terminal."""
    text = ' '.join(str(value).split()) if '\n' in str(value) else str(value)
    return text if text.isprintable() else ''.join(c if c.isprintable() else '?' for c in text)


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else f'{text[: max(0, width - 1)]}…'


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


def duration(ms: int) -> str:
    """'7 ms', '1.25 s', '3 min'."""
    if ms < 100:
        return f'{ms} ms'
    return f'{ms / 1000:.2f} s' if ms < 10_000 else age(ms / 1000)


class Live:
    """Lines at the bottom that are drawn anew in place on a terminal, and left out elsewhere."""

    def __init__(self) -> None:
        self.is_live = sys.stdout.isatty()
        self._shown = 0

    def show(self, lines: Sequence[str]) -> None:
        if not self.is_live:
            return
        size = shutil.get_terminal_size()
        lines = [cut(line, size.columns - 1) for line in lines[: max(1, size.lines - 1)]]
        print(self._clear() + '\n'.join(lines), end='', flush=True)
        self._shown = len(lines)

    def print(self, text: str) -> None:
        """Lines above, which stay."""
        print(f'{self._clear()}{text}', flush=True)

    def end(self) -> None:
        if self._shown:
            print(self._clear(), end='', flush=True)

    def _clear(self) -> str:
        """Back to where the lines begin, and nothing after it."""
        shown, self._shown = self._shown, 0
        if not shown:
            return ''
        return '\r' + (f'\x1b[{shown - 1}A' if shown > 1 else '') + '\x1b[J'


def work_text(spec: Any) -> str:
    """What a job does, in a few words; `spec` has the fields of swarm_msgs/msg/JobSpec."""
    if spec.exec:
        return ' '.join(spec.exec[0].argv)
    if spec.python:
        return python_text(spec.python[0].callable, spec.python[0].arguments)
    if spec.record:
        return f'record {" ".join(spec.record[0].topics)}'
    if spec.call:
        return f'call {spec.call[0].name}'
    if spec.encode:
        return f'encode {spec.encode[0].codec}'
    return str(spec.kind)


def python_text(function: str, arguments: str) -> str:
    """'pkg.mod:fn(1, "two")' from JSON arguments."""
    inner = arguments[1:-1] if arguments[:1] in ('[', '{') else arguments
    return f'{function}({inner})'
