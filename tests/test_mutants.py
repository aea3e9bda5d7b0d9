# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The mutation gate can fail: every fault fits the code, and one that no test notices is named."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from mutation import MUTANTS
from mutation.mutant import Edit, Mutant, StaleMutant, fault, mutated

ROOT = Path(__file__).resolve().parent.parent

SUMS = """
def twice(number: int) -> int:
    # Not by addition.
    return number * 2
"""
TEST_SUMS = """
from sums.sums import twice


def test_twice_three_is_six() -> None:
    assert twice(3) == 6
"""
WRONG = fault('three instead of two', 'sums.py', 'number * 2', 'number * 3', 'test_sums.py')
HARMLESS = fault('comment', 'sums.py', '# Not by addition.', '# By faith.', 'test_sums.py')
HANGS = fault('no end', 'sums.py', 'return number * 2', 'while True: pass', 'test_sums.py')
UNLOADABLE = fault('raises', 'sums.py', 'def twice(', "raise OSError('x')\ndef twice(",
                   'test_sums.py')


@pytest.fixture(scope='module')
def runner() -> ModuleType:
    """scripts/mutants.py, which is no module of a package."""
    spec = importlib.util.spec_from_file_location('mutants_script', ROOT / 'scripts/mutants.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one package of one function and its test."""
    monkeypatch.setenv('PYTEST_DISABLE_PLUGIN_AUTOLOAD', '1')  # none is needed; they load slowly
    package = tmp_path / 'src' / 'sums' / 'sums'
    package.mkdir(parents=True)
    (package / '__init__.py').write_text('')
    (package / 'sums.py').write_text(SUMS)
    (package.parent / 'test').mkdir()
    (package.parent / 'test' / 'test_sums.py').write_text(TEST_SUMS)
    (tmp_path / 'pytest.ini').write_text('[pytest]\naddopts = --import-mode=importlib\n')
    return tmp_path


def tried(runner: ModuleType, tree: Path, *mutants: Mutant) -> tuple[int, str]:
    said: list[str] = []
    code = runner.gate(runner.Checkout(tree, 'sums', ('test_sums.py',)), mutants, 1, said.append)
    return code, '\n'.join(said)


def test_every_fault_fits_the_code_as_it_is(runner: ModuleType) -> None:
    assert runner.SWARM_COORDINATOR.check(MUTANTS) == []


def test_there_are_enough_faults_to_mean_something() -> None:
    assert len(MUTANTS) >= 40


def test_noticed_fault_is_reported_with_its_test_and_survivor_fails_the_gate(
    runner: ModuleType, tree: Path
) -> None:
    code, said = tried(runner, tree, WRONG, HARMLESS)
    assert code == 1
    assert 'three instead of two' in said
    assert 'by test_sums.py::test_twice_three_is_six' in said
    assert 'no test notices: comment' in said
    assert 'no test notices: three' not in said


def test_gate_passes_where_every_fault_is_noticed(runner: ModuleType, tree: Path) -> None:
    code, said = tried(runner, tree, WRONG)
    assert code == 0, said
    assert (tree / 'src/sums/sums/sums.py').read_text() == SUMS, 'only copies are changed'


def test_fault_that_makes_the_tests_hang_counts_as_timed_out(
    runner: ModuleType, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, 'NAMED_LIMIT_S', 3.0)
    code, said = tried(runner, tree, HANGS)
    assert code == 0
    assert '1 timed out' in said


def test_fault_that_cannot_be_imported_proves_nothing(runner: ModuleType, tree: Path) -> None:
    code, said = tried(runner, tree, UNLOADABLE)
    assert code == 1
    assert 'could not be tried: raises' in said


def test_nothing_is_tried_where_tests_fail_without_a_fault(
    runner: ModuleType, tree: Path
) -> None:
    (tree / 'src/sums/sums/sums.py').write_text(SUMS.replace('* 2', '* 2 + 1'))
    code, said = tried(runner, tree, WRONG)
    assert code == 2
    assert said == (
        'without any fault a test fails: '
        'src/sums/test/test_sums.py::test_twice_three_is_six'
    )


def test_package_that_is_not_the_copy_is_noticed(
    runner: ModuleType, tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Otherwise every fault would survive, or be noticed by chance."""
    elsewhere = tmp_path_factory.mktemp('elsewhere') / 'sums'
    elsewhere.mkdir()
    (elsewhere / '__init__.py').write_text('')
    (elsewhere / 'sums.py').write_text(SUMS)
    (tree / 'pytest.ini').write_text(
        f'[pytest]\naddopts = --import-mode=importlib\npythonpath = {elsewhere.parent}\n'
    )
    code, said = tried(runner, tree, WRONG)
    assert code == 2
    assert f'foreign {elsewhere}' in said


@pytest.mark.parametrize(
    ('mutant', 'problem'),
    [
        (fault('a', 'sums.py', 'no such text', '', 'test_sums.py'), 'it is there 0 times'),
        (fault('a', 'sums.py', 'number', 'n', 'test_sums.py'), 'it is there 2 times'),
        (fault('a', 'sums.py', 'return ', 'return (', 'test_sums.py'), 'does not compile'),
        (fault('a', 'gone.py', 'x', 'y', 'test_sums.py'), 'no file gone.py'),
        (fault('a', 'sums.py', '* 2', '* 3', 'test_gone.py'), 'no test test_gone.py'),
        (fault('a', 'sums.py', '* 2', '* 3', 'test_sums.py::test_x'), 'has no test test_x'),
        (fault('a', 'sums.py', '* 2', '* 3'), 'names no test'),
    ],
)
def test_fault_that_no_longer_fits_the_code_is_an_error_that_says_so(
    runner: ModuleType, tree: Path, mutant: Mutant, problem: str
) -> None:
    code, said = tried(runner, tree, WRONG, mutant)
    assert code == 2
    assert said.startswith('a: ')
    assert problem in said


def test_edits_of_one_fault_are_made_in_order() -> None:
    mutant = Mutant('a', 'x.py', (Edit('a', 'b'), Edit('b', 'c')), ('test_x.py',))
    assert mutated(mutant, 'a') == 'c'
    with pytest.raises(StaleMutant, match='it is there 2 times'):
        mutated(mutant, 'a + b')


def test_two_faults_of_one_name_are_an_error(runner: ModuleType, tree: Path) -> None:
    code, said = tried(runner, tree, WRONG, WRONG)
    assert (code, said) == (2, 'three instead of two: 2 mutants have this name')


def test_choice_that_fits_no_fault_lists_them(runner: ModuleType) -> None:
    with pytest.raises(ValueError, match='expected part of one of\n  three instead of two'):
        runner.chosen([WRONG], ['four'])
    assert runner.chosen([WRONG, HARMLESS], ['three']) == [WRONG]
