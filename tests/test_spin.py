# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The runner of the model checker: its verdicts, and one search of each kind if spin is here."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAID = """
(Spin Version 6.5.2 -- 6 December 2019)
State-vector 124 byte, depth reached 83, errors: 0
   214048 states, stored
  208.347	total actual memory usage
"""


@pytest.fixture(scope='module')
def spin() -> ModuleType:
    spec = importlib.util.spec_from_file_location('spin_runner', ROOT / 'scripts' / 'spin.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_complete_search_without_errors_holds(spin: ModuleType) -> None:
    verdict = spin.verdict_of(SAID, 1.0)
    assert (verdict.states, verdict.complete, verdict.violated) == (214048, True, '')
    assert verdict.agrees_with(spin.Check(spin.SMALL))
    assert not verdict.agrees_with(spin.Check(spin.SMALL, 'NO_LOG_CHECK'))


@pytest.mark.parametrize(
    ('line', 'promise'),
    [
        ('pan:1: assertion violated (leader[term[me]]==0) (at depth 21)', 'election safety'),
        ('pan:1: assertion violated ((length[me]>=at)&&(log[at]==truth[(at-1)])) (at depth 2)',
         'leader completeness'),
        ('pan:1: assertion violated (log[(at-1)]==truth[(at-1)]) (at depth 2)',
         'state machine safety'),
        ('pan:1: assertion violated (same||(log[at]>>4)) (at depth 2)', 'log matching'),
        ('pan:1: invalid end state (at depth 2)', 'invalid end state (at depth 2)'),
    ],
)
def test_violation_is_named_after_the_promise(spin: ModuleType, line: str, promise: str) -> None:
    verdict = spin.verdict_of(f'{line}\n' + SAID.replace('errors: 0', 'errors: 1'), 1.0)
    assert verdict.violated == promise
    assert not verdict.agrees_with(spin.Check(spin.SMALL))


@pytest.mark.parametrize(
    'warning', ['Warning: Search not completed', 'error: max search depth too small']
)
def test_search_that_was_cut_short_proves_nothing(spin: ModuleType, warning: str) -> None:
    assert not spin.verdict_of(warning + SAID, 1.0).agrees_with(spin.Check(spin.SMALL))


def test_silence_is_no_verdict(spin: ModuleType) -> None:
    with pytest.raises(spin.ToolFailed):
        spin.verdict_of('Segmentation fault', 1.0)


def test_missing_tool_is_named_with_its_package(
    spin: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv('PATH', '')
    assert spin.main([]) == 2
    assert 'apt-get install spin gcc' in capsys.readouterr().err


def test_every_mistake_is_a_macro_of_the_model(spin: ModuleType) -> None:
    model = spin.MODEL.read_text()
    for mistake in spin.MISTAKES:
        assert mistake in model


def test_small_searches_say_what_is_expected(
    spin: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which('spin') is None:
        pytest.skip('spin is missing: apt-get install spin')
    tiny = spin.Bounds(3, 3, 2, 3, 1)
    for check in (spin.Check(tiny), spin.Check(spin.SMALL, 'VOTE_NOT_DURABLE')):
        assert spin.look(check, tmp_path / 'spin').agrees_with(check), check
