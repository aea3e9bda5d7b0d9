# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs one measurement by name, prints its table and writes build/bench/<name>.json.

    make bench NAME=<name> [QUICK=1]
    python -m bench.run <name> [--quick] [--runs N] [--simulated]

A measurement is a file bench/<name>.py with `measure(quick: bool) -> list[Row]` and a docstring
that says how it measures. Exit codes: 0 measured, whether targets are met or not; 1 the
measurement failed or needs a program that is not installed; 2 there is none of this name, or it
has no number of runs to choose or no simulation.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.peers import Missing
from bench.table import Row, table

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER.parent / 'build' / 'bench'
HARNESS = {'__init__', 'run', 'statistics', 'table'}


def names(folder: Path = FOLDER) -> list[str]:
    return sorted(
        file.stem
        for file in folder.glob('*.py')
        if file.stem not in HARNESS and not file.stem.startswith(('_', 'test_'))
    )


def summary(docstring: str | None) -> str:
    return (docstring or '').strip().partition('\n')[0]


def listing(known: Sequence[str]) -> str:
    if not known:
        return 'there are no measurements yet'
    return '\n'.join(['measurements:', *(f'  make bench NAME={name}' for name in known)])


def machine() -> str:
    load = os.getloadavg()[0]
    return (f'{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, '
            f'load {load:.1f} before')


class NoRuns(ValueError):
    """An option was given that the measurement cannot take."""


def measured(name: str, quick: bool, runs: int = 0, simulated: bool = False) -> list[Row]:
    """The rows. Raises ValueError where the measurement returns something else, NoRuns."""
    module = importlib.import_module(f'bench.{name}')
    chosen = {'runs': runs} if runs else {}
    takes = inspect.signature(module.measure).parameters
    if runs and 'runs' not in takes:
        raise NoRuns(f'{name} has no number of runs to choose: expected no --runs')
    if simulated and 'simulated' not in takes:
        raise NoRuns(f'{name} has no simulation: expected no --simulated')
    if simulated:
        chosen['simulated'] = True
    if runs < 0:
        raise NoRuns(f'--runs {runs}: expected at least 1')
    print(f'{name}: {summary(module.__doc__)}\n({machine()}{", quick" if quick else ""})',
          flush=True)
    rows = list(module.measure(quick, **chosen))
    if not rows or not all(isinstance(one, Row) for one in rows):
        raise ValueError(f'bench/{name}.py: measure() returned no rows')
    return rows


def write(name: str, rows: Sequence[Row], folder: Path) -> Path:
    """Whole or not at all, so that a reader never sees half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f'{name}.json'
    part = file.with_suffix('.part')
    part.write_text(json.dumps([one.as_json() for one in rows], indent=2) + '\n')
    part.replace(file)
    return file


def write_samples(name: str, samples: object, folder: Path = RESULTS) -> None:
    """Every single figure behind the table, for a closer look: <name>_samples.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f'{name}_samples.json').write_text(json.dumps(samples, indent=1) + '\n')


def main(arguments: Sequence[str] | None = None, results: Path = RESULTS) -> int:
    parser = argparse.ArgumentParser(description='Measure ourselves beside peers and limits.')
    parser.add_argument('name', nargs='?', default='')
    parser.add_argument('--quick', action='store_true', help='fewer and shorter runs')
    parser.add_argument('--runs', type=int, default=0, help='runs of each, where it can be chosen')
    parser.add_argument('--simulated', action='store_true', help='in simulated time, where it can')
    options = parser.parse_args(arguments)
    known = names()
    if options.name not in known:
        if options.name:
            print(f'bench: there is no measurement called {options.name!r}', file=sys.stderr)
        print(listing(known), file=sys.stderr)
        return 2
    began = time.monotonic()
    try:
        rows = measured(options.name, options.quick, options.runs, options.simulated)
    except Missing as missing:
        print(f'bench: {missing}', file=sys.stderr)
        return 1
    except NoRuns as error:
        print(f'bench: {error}', file=sys.stderr)
        return 2
    print(f'\n{table(rows)}\n')
    file = write(options.name + '_simulated' * options.simulated, rows, results)
    print(f'{time.monotonic() - began:.0f} s; written to {os.path.relpath(file)}')
    return 0


if __name__ == '__main__':
    from swarm_coordinator.local_swarm import end_as_at_ctrl_c

    end_as_at_ctrl_c()
    sys.exit(main())
