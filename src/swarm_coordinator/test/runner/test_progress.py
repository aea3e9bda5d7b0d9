# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The protocol in which jobs say how far they are, and what it does with garbage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.runner.progress import (
    INTERVAL_NS,
    LINE_BYTES_MAX,
    STDOUT_PREFIX,
    TEXT_CHARS_MAX,
    Lines,
    Marked,
    Meter,
    Said,
    Update,
    parse,
)


@pytest.mark.parametrize(
    ('line', 'expected'),
    [
        (b'progress 0.42 copying', Said(420, 'copying')),
        (b'progress 42% copying the map', Said(420, 'copying the map')),
        (b'progress 1', Said(1000, '')),
        (b'progress 0', Said(0, '')),
        (b'  progress 100%\r', Said(1000, '')),
        (b'progress 5e-1', Said(500, '')),
        (b'progress 1.0004 done', Said(1000, 'done')),
        (b'note waiting for the arm', Said(None, 'waiting for the arm')),
        (b'note', Said(None, '')),
        (b'note \x1b[31mred\x07\tand  wide', Said(None, '[31mred and wide')),
        ('note größer'.encode(), Said(None, 'größer')),
        (b'note \xff\xfe', Said(None, '��')),
    ],
)
def test_line_of_the_protocol_is_understood(line: bytes, expected: Said) -> None:
    assert parse(line) == expected


@pytest.mark.parametrize(
    'line',
    [b'', b'   ', b'progress', b'progress half', b'progress nan', b'progress inf', b'progress -1',
     b'progress 42', b'progress 101%', b'progress 1_0%', b'progress 0x1', b'PROGRESS 0.1',
     b'progressed 0.1', b'progress %', b'progress ' + b'1' * 4000, b'\x00\xff'],
)
def test_what_is_no_line_of_the_protocol_is_left_out(line: bytes) -> None:
    assert parse(line) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_borne_and_give_at_most_a_short_printable_text(line: bytes) -> None:
    said = parse(line)
    if said is not None:
        assert said.permille is None or 0 <= said.permille <= 1000
        assert len(said.text) <= TEXT_CHARS_MAX and said.text.isprintable()


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


LINE = st.sampled_from([
    b'note a', b'progress 0.5 x', b'', b'##swarm note b', b'##swarm progress 10% y', b'##swar',
    b'##', b'x##swarm note no', b'##swarm ', b'#' * 20, b'x' * LINE_BYTES_MAX,
    b'x' * (LINE_BYTES_MAX + 1), b'##swarm ' + b'y' * LINE_BYTES_MAX, b'##swarm \xff',
])


@given(st.lists(LINE), st.lists(st.integers(1, 5000)))
def test_lines_are_the_same_however_the_stream_is_cut(
    lines: list[bytes], sizes: list[int]
) -> None:
    data = b''.join(line + b'\n' for line in lines)
    found = Lines()
    assert [line for piece in cut(data, sizes) for line in found.feed(piece)] == [
        line for line in lines if len(line) <= LINE_BYTES_MAX
    ]
    assert found.dropped == sum(len(line) > LINE_BYTES_MAX for line in lines)


@given(st.lists(LINE), st.lists(st.integers(1, 5000)))
def test_marked_lines_of_stdout_are_found_however_it_is_cut(
    lines: list[bytes], sizes: list[int]
) -> None:
    data = b''.join(line + b'\n' for line in lines)
    marked = Marked()
    assert [line for piece in cut(data, sizes) for line in marked.feed(piece)] == [
        line.removeprefix(STDOUT_PREFIX)
        for line in lines
        if line.startswith(STDOUT_PREFIX) and len(line) <= LINE_BYTES_MAX
    ]


def test_line_without_end_takes_no_memory() -> None:
    lines, marked = Lines(), Marked()
    for _ in range(100):
        assert lines.feed(b'x' * 60_000) == []
        assert marked.feed(b'##swarm ' + b'x' * 60_000) == []
        assert len(lines._rest) <= LINE_BYTES_MAX and len(marked._begun) <= LINE_BYTES_MAX
    assert lines.feed(b'x\nnote a\n') == [b'note a'] and lines.dropped == 1
    assert marked.feed(b'x\n##swarm note a\n') == [b'note a']


def test_of_a_flood_only_the_newest_lines_are_looked_at() -> None:
    flood = b''.join(b'note %d\n' % number for number in range(5000))
    lines = Lines()
    found = lines.feed(flood)
    assert len(found) == lines.lines_max and found[-1] == b'note 4999'
    assert lines.dropped == 5000 - lines.lines_max


def test_only_a_few_updates_are_passed_on_and_none_of_them_is_old() -> None:
    meter = Meter()
    assert meter.due_ns() is None and meter.take(0) is None
    meter.hear([b'progress 0.1 a'])
    assert meter.take(5) == Update(100, 'a', 1)
    meter.hear([b'progress 0.2 b', b'garbage', b'progress 0.3'])
    assert meter.due_ns() == 5 + INTERVAL_NS
    assert meter.take(4 + INTERVAL_NS) is None
    assert meter.take(5 + INTERVAL_NS) == Update(300, 'b', 3)
    assert meter.due_ns() is None and meter.unknown == 1


def test_job_that_says_the_same_again_is_known_to_be_alive() -> None:
    meter = Meter()
    meter.hear([b'progress 0.1 a'])
    assert meter.take(0) == Update(100, 'a', 1)
    meter.hear([b'progress 0.1 a'])
    assert meter.take(INTERVAL_NS) == Update(100, 'a', 2)
