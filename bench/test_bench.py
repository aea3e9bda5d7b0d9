# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The harness of the measurements, without measuring."""

from __future__ import annotations

import importlib
import json
import sys
import types
from pathlib import Path

import pytest

from bench import learning, run
from bench.table import AT_LEAST, AT_MOST, Row, number, percentile, row, table, tail


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A measurement called `example` that gives two rows; `measure` can be replaced."""
    module = types.ModuleType('bench.example', 'Counts nothing, slowly.\n\nMore about it.')
    module.measure = lambda quick: [  # type: ignore[attr-defined]
        row('wait', 'ms', [3.0, 1.0, 2.0], peer=[4.0, 4.0], peer_name='other', target=5.0),
        row('runs', '', [1.0 if quick else 9.0]),
    ]
    monkeypatch.setitem(sys.modules, 'bench.example', module)
    monkeypatch.setattr(run, 'names', lambda: ['example'])
    return module


def test_row_is_the_median_with_its_spread() -> None:
    made = row('wait', 'ms', [3.0, 1.0, 2.0], peer=[8.0, 2.0, 4.0])
    assert (made.ours, made.min, made.max, made.runs) == (2.0, 1.0, 3.0, 3)
    assert made.peer == 4.0
    assert made.ratio == 0.5


def test_row_without_a_run_is_refused() -> None:
    with pytest.raises(ValueError, match='no run'):
        row('wait', 'ms', [])


def test_figure_outside_its_own_spread_is_refused() -> None:
    with pytest.raises(ValueError, match='not within'):
        Row('wait', 'ms', ours=5.0, min=1.0, max=2.0, runs=2)


@pytest.mark.parametrize(
    ('ours', 'target', 'better', 'met'),
    [
        (5.0, 5.0, AT_MOST, True),
        (5.1, 5.0, AT_MOST, False),
        (5.0, 5.0, AT_LEAST, True),
        (4.9, 5.0, AT_LEAST, False),
        (4.9, None, AT_LEAST, None),
    ],
)
def test_target_is_met_in_its_direction(
    ours: float, target: float | None, better: str, met: bool | None
) -> None:
    assert row('x', 's', [ours], target=target, better=better).met is met


def test_unknown_direction_is_refused() -> None:
    with pytest.raises(ValueError, match='at least'):
        row('x', 's', [1.0], better='less')


def test_ratio_to_a_peer_of_zero_is_none() -> None:
    assert row('x', 's', [1.0], peer=0.0).ratio is None


@pytest.mark.parametrize(
    ('count', 'percent', 'expected'), [(100, 99, 99.0), (10, 99, 10.0), (1, 50, 1.0), (4, 50, 2.0)]
)
def test_percentile_is_a_sample_that_was_measured(
    count: int, percent: float, expected: float
) -> None:
    assert percentile([float(one) for one in range(count, 0, -1)], percent) == expected


def test_tail_is_compared_with_the_tail_of_the_peer() -> None:
    made = tail('wait', 'ms', [1.0, 2.0, 9.0], 99, peer=[3.0, 1.0], target=8.0)
    assert (made.ours, made.peer, made.ratio, made.runs, made.met) == (9.0, 3.0, 3.0, 3, False)


def test_missed_target_stands_out_in_the_table() -> None:
    lines = table([row('wait', 'ms', [9.0], target=5.0, peer=3, peer_name='other')]).splitlines()
    assert lines[0].startswith('what') and len(lines) == 3
    assert lines[2].endswith('NO')
    assert '3 ms (other)' in lines[2] and '3x' in lines[2] and 'at most 5 ms' in lines[2]


@pytest.mark.parametrize(
    ('value', 'shown'),
    [(None, '-'), (0.012345, '0.0123'), (12.345, '12.3'), (123456.7, '123457'), (0.0, '0')],
)
def test_numbers_are_shown_with_three_digits(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_result_is_printed_and_written(
    example: types.ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(['example', '--quick'], tmp_path) == 0
    printed = capsys.readouterr().out
    assert 'Counts nothing, slowly.' in printed and 'wait' in printed
    wait, runs = json.loads((tmp_path / 'example.json').read_text())
    wanted = {'what', 'unit', 'ours', 'peer', 'ratio', 'target', 'met', 'runs', 'min', 'max'}
    assert wanted <= set(wait)
    assert (wait['ours'], wait['ratio'], wait['met']) == (2.0, 0.5, True)
    assert runs['met'] is None and runs['ours'] == 1.0
    assert [file.name for file in tmp_path.iterdir()] == ['example.json']


def test_without_quick_the_measurement_is_long(
    example: types.ModuleType, tmp_path: Path
) -> None:
    run.main(['example'], tmp_path)
    assert json.loads((tmp_path / 'example.json').read_text())[1]['ours'] == 9.0


@pytest.mark.parametrize('arguments', [['nonsense'], []])
def test_unknown_name_lists_the_valid_ones_with_exit_2(
    example: types.ModuleType,
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run.main(arguments, tmp_path) == 2
    assert 'make bench NAME=example' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_measurement_that_returns_no_rows_is_an_error(
    example: types.ModuleType, tmp_path: Path
) -> None:
    example.measure = lambda quick: []  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match='no rows'):
        run.main(['example'], tmp_path)


def test_harness_and_tests_are_no_measurements(tmp_path: Path) -> None:
    (tmp_path / 'peers').mkdir()
    for name in ('run', 'table', '__init__', 'test_x', '_shared', 'election'):
        (tmp_path / f'{name}.py').touch()
    assert run.names(tmp_path) == ['election']


@pytest.mark.parametrize('name', run.names() or ['table'])
def test_every_measurement_can_be_imported_and_says_how_it_measures(name: str) -> None:
    module = importlib.import_module(f'bench.{name}')
    assert run.summary(module.__doc__)
    assert name == 'table' or callable(module.measure)


def test_a_part_of_learning_is_kept_until_the_code_changes(tmp_path: Path) -> None:
    rows = [row('wait', 'ms', [3.0, 1.0, 2.0], peer=4.0, target=5.0, note='why')]
    assert learning.kept('modes', False, 'a', tmp_path) is None
    learning.keep('modes', False, 'a', rows, tmp_path)
    assert learning.kept('modes', False, 'a', tmp_path) == rows
    assert learning.kept('modes', True, 'a', tmp_path) is None
    assert learning.kept('modes', False, 'b', tmp_path) is None
    (tmp_path / 'modes.json').write_text('{"code": "a", "quick": false, "rows": [{"what": 1}]}')
    assert learning.kept('modes', False, 'a', tmp_path) is None
