# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A fault written by hand: owns what is changed where, and that it still applies.

A mutant is a claim about the tests: with this line wrong, one of them fails. Refuses to know how
tests are run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class StaleMutant(Exception):
    """The code has moved on: the text to be broken is not there exactly once."""


@dataclass(frozen=True)
class Edit:
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """`file` below the package's folder, `tests` below its test folder. `edits` in order."""

    name: str  # what is broken, as a sentence without a full stop
    file: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]  # files, folders or file::test: they must notice it


def fault(name: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    """The usual mutant: one text replaced in one place."""
    return Mutant(name, file, (Edit(old, new),), tests)


def mutated(mutant: Mutant, source: str) -> str:
    """`source` with the fault in it. Raises StaleMutant, also if the fault is no Python."""
    for edit in mutant.edits:
        count = source.count(edit.old)
        if count != 1:
            raise StaleMutant(
                f'{mutant.name}: expected this text once in {mutant.file}, it is there {count} '
                f'times. Rewrite the mutant for the code as it is now:\n{edit.old}'
            )
        source = source.replace(edit.old, edit.new)
    try:
        compile(source, mutant.file, 'exec', dont_inherit=True)
    except SyntaxError as error:
        raise StaleMutant(f'{mutant.name}: the fault does not compile: {error}') from error
    return source


def check(mutant: Mutant, package: Path, tests: Path) -> None:
    """Raises StaleMutant unless the fault applies to the package and its tests exist."""
    path = package / mutant.file
    if not path.is_file():
        raise StaleMutant(f'{mutant.name}: there is no file {mutant.file}')
    if not mutant.tests:
        raise StaleMutant(f'{mutant.name}: names no test that must notice it')
    for test in mutant.tests:
        file, _, function = test.partition('::')
        if not (tests / file).exists():
            raise StaleMutant(f'{mutant.name}: there is no test {file}')
        if function and f'def {function.partition("[")[0]}(' not in (tests / file).read_text():
            raise StaleMutant(f'{mutant.name}: {file} has no test {function}')
    mutated(mutant, path.read_text())
