# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin for the runs of the mutation gate: what was imported, and which test failed.

Loaded with `-p mutation.guard`. Reads MUTANTS_COPY (the folder that the package must come from)
and MUTANTS_REPORT (the file that gets one line: `failed <test>`, `error <test or file>` or
`foreign <file>`). Nothing is written where every test passed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

COPY = Path(os.environ['MUTANTS_COPY'])
REPORT = Path(os.environ['MUTANTS_REPORT'])


def say(word: str, what: str) -> None:
    with REPORT.open('a') as file:
        file.write(f'{word} {what}\n')


def foreign_modules(package: str) -> list[str]:
    """Files of the package that were imported from elsewhere than the copy."""
    files = [
        str(module.__file__)
        for name, module in list(sys.modules.items())
        if name.split('.')[0] == package and getattr(module, '__file__', None)
    ]
    return [file for file in files if not Path(file).resolve().is_relative_to(COPY)]


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        say('error', report.nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        say('failed', report.nodeid)


def pytest_sessionfinish() -> None:
    for file in foreign_modules(os.environ['MUTANTS_PACKAGE']):
        say('foreign', file)
