# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal."""

from __future__ import annotations

import pytest

from swarm_coordinator.cli import tables


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_without_spaces() -> None:
    shown = tables.table(('a', 'long'), [('xyz', 1), ('', 'w')])
    assert shown.splitlines() == ['a    long', 'xyz  1', '     w']


def test_table_without_rows_is_its_header() -> None:
    assert tables.table(('a', 'b'), []) == 'a  b'


def test_row_of_another_length_is_an_error_and_not_cut() -> None:
    with pytest.raises((ValueError, IndexError)):
        tables.table(('a', 'b'), [('x',)])


@pytest.mark.parametrize(
    ('done', 'total', 'shown'),
    [(0, 4, '[----]   0% 0/4'), (1, 4, '[#---]  25% 1/4'), (4, 4, '[####] 100% 4/4'),
     (0, 0, '[####] 100% 0/0')],
)
def test_bar_is_full_exactly_when_all_is_done(done: int, total: int, shown: str) -> None:
    assert tables.bar(done, total, width=4) == shown


@pytest.mark.parametrize(
    ('seconds', 'shown'),
    [(0.44, '0.4 s'), (9.9, '9.9 s'), (12.3, '12 s'), (119, '119 s'), (120, '2 min'),
     (7199, '120 min'), (7200, '2 h')],
)
def test_age_has_the_unit_that_people_expect(seconds: float, shown: str) -> None:
    assert tables.age(seconds) == shown


@pytest.mark.parametrize(
    ('octets', 'shown'),
    [(0, '0 B'), (1023, '1023 B'), (1024, '1.0 KiB'), (1536, '1.5 KiB'), (1024**2, '1.0 MiB'),
     (1024**3, '1.0 GiB'), (5000 * 1024**3, '5000.0 GiB')],
)
def test_size_has_the_unit_that_fits(octets: float, shown: str) -> None:
    assert tables.size(octets) == shown


def test_live_lines_are_left_out_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = tables.Live()
    live.show(['50 %', 'more'])
    live.print('job done')
    live.end()
    assert capsys.readouterr().out == 'job done\n'


def test_live_lines_are_drawn_anew_where_they_were(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('COLUMNS', '12')
    monkeypatch.setenv('LINES', '24')
    live = tables.Live()
    live.is_live = True
    live.show(['one', 'two is far too long'])
    live.print('job done')
    live.show(['three'])
    live.end()
    up = '\r\x1b[1A\x1b[J'
    assert capsys.readouterr().out == f'one\ntwo is far…{up}job done\nthree\r\x1b[J'


def test_a_table_that_is_too_wide_is_cut_where_it_may_be() -> None:
    shown = tables.table(('job', 'work'), [('r1-1', 'a long line of words')], 20, ('work',))
    assert shown.splitlines() == ['job   work', 'r1-1  a long line o…']
    kept = tables.table(('job', 'work'), [('r1-1', 'a long line of words')], 4, ('work',))
    assert kept.splitlines()[1] == 'r1-1  a long …', 'some of it stays readable'


def test_what_would_spoil_a_terminal_is_not_printed() -> None:
    assert tables.one_line('a\nb\x1b[2Jc') == 'a b?[2Jc'


@pytest.mark.parametrize(
    ('ms', 'shown'), [(7, '7 ms'), (100, '0.10 s'), (9999, '10.00 s'), (180_000, '3 min')]
)
def test_duration_has_the_unit_that_people_expect(ms: int, shown: str) -> None:
    assert tables.duration(ms) == shown
