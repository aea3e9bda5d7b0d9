# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""`python tests/cuts [CASE ...] [--quick] [--seed N] [--jobs N]`: cuts power, prints a table.

Each case runs in a process of its own, because the library that records must be loaded first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Cases use what other tests use; pytest.ini names the same folders.
sys.path[:0] = [str(HERE.parent), *map(str, sorted(ROOT.glob('src/*/test')))]

from cuts import journal  # noqa: E402
from cuts.cases import CASES  # noqa: E402
from cuts.engine import FULL, QUICK, Engine, Report  # noqa: E402
from cuts.samples import SAMPLES  # noqa: E402

MEMORY = Path('/dev/shm')  # many small files for a moment; nothing here needs a disk


def scratch_folder() -> str | None:
    return str(MEMORY) if os.access(MEMORY, os.W_OK) else None


def run_here(name: str, quick: bool, seed: int) -> Report:
    """In this process, which must have been started with the library."""
    with tempfile.TemporaryDirectory(prefix='swarm-cuts-', dir=scratch_folder()) as folder:
        case = {**CASES, **SAMPLES}[name]
        return Engine(case, Path(folder), QUICK if quick else FULL, seed).run()


def run_apart(name: str, library: Path, quick: bool, seed: int) -> Report:
    """In a process of its own. Raises RuntimeError with what it said if it broke."""
    command = [sys.executable, str(HERE), name, '--here', '--seed', str(seed)]
    found = subprocess.run(
        [*command, *(['--quick'] if quick else [])], env=journal.environment(library),
        capture_output=True, text=True, check=False,
    )
    if found.returncode:
        raise RuntimeError(f'{name}: ended with {found.returncode}\n{found.stderr[-4000:]}')
    return Report(**json.loads(found.stdout.splitlines()[-1]))


HEAD = """\
| store | operations | calls recorded | disks tried | with a second cut | broken |
| --- | --- | --- | --- | --- | --- |"""


def row(report: Report) -> str:
    return (
        f'| {report.case} | {report.operations} | {report.calls} '
        f'| {report.tried} of {report.possible} | {report.nested} | {len(report.failures)} |'
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog='cuts', description=__doc__)
    known = [*CASES, *SAMPLES, []]
    parser.add_argument('case', nargs='*', choices=known, help='all if none is named')
    parser.add_argument('--quick', action='store_true', help='a seeded choice, for make test')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--here', action='store_true', help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        print(json.dumps(asdict(run_here(asked.case[0], asked.quick, asked.seed))))
        return 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.jobs) as pool:
        library = journal.build(Path(folder))
        runs = pool.map(
            lambda name: run_apart(name, library, asked.quick, asked.seed), asked.case or CASES)
        print(HEAD, flush=True)
        failures = []
        for report in runs:
            print(row(report), flush=True)
            failures += report.failures
    for text in failures:
        print(f'\n{text}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
