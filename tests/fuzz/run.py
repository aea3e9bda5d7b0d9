# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Tries decoders: `python -m tests.fuzz.run`.

    --target NAME FILE...     these inputs, one line each
    --minutes 10              all targets in turn (`make fuzz MINUTES=10`), or those of --target
    --list                    what there is

Each target runs in a process of its own (worker.py), because what is looked for may end it. With
atheris (pip install atheris; x86-64) the search is guided by coverage; without it, by the
structure of the inputs alone. Owns the time of each target, what is kept, and the table at the
end. What was found lies in build/fuzz/<target>/, with the command that shows it again; interesting
inputs go into tests/fuzz/corpus/ with --keep.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from .keeping import keep
from .target import FOLDER, Target, file_name
from .targets import TARGETS

ROOT = FOLDER.parent.parent
WORK = ROOT / 'build' / 'fuzz'
START_S = 60.0  # what a worker may take to begin and to end, beside its time
KEEP_S = 5.0  # for choosing what of one target is kept
FOUND_MAX = 5  # faults of one target, after which it is left for the next


@dataclass
class Row:
    """What came of one target."""

    name: str
    seconds: float = 0.0
    runs: int = 0
    features: int = 0  # edges and values compared, as libFuzzer counts them; 0: not measured
    corpus: int = 0
    findings: list[str] = field(default_factory=list)


def has_atheris() -> bool:
    return importlib.util.find_spec('atheris') is not None


def try_files(target: Target, files: list[Path]) -> int:
    """0 when each was taken or refused with a declared error."""
    code = 0
    for path in files:
        data = path.read_bytes()
        try:
            said = 'taken' if target.accepts(data) else 'refused'
        except Exception as error:
            said, code = f'FAULT: {type(error).__name__}: {error}'[:300], 1
            if len(files) == 1:
                raise
        print(f'{path}: {said}')
    return code


def fuzz(target: Target, seconds: float, seed: int, guided: bool) -> Row:
    """One target for so long, in as many processes as its faults end."""
    row = Row(target.name)
    folder = WORK / target.name
    corpus, faults = folder / 'corpus', folder / 'faults'
    shutil.rmtree(folder, ignore_errors=True)
    for each in (corpus, faults):
        each.mkdir(parents=True)
    for data in (*target.seeds, *target.corpus().values()):
        if not data.startswith(b'fault-'):
            (corpus / file_name(data)).write_bytes(data)
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 1 and len(row.findings) < FOUND_MAX:
        _one_process(target, row, folder, max(2.0, left), seed + len(row.findings), guided)
    row.seconds = seconds - max(0.0, until - time.monotonic())
    row.corpus = len(list(corpus.iterdir()))
    return row


def _one_process(
    target: Target, row: Row, folder: Path, seconds: float, seed: int, guided: bool
) -> None:
    command = [
        sys.executable, '-m', 'tests.fuzz.worker', target.name, str(folder), f'{seconds:.0f}',
        str(seed), 'guided' if guided else 'mutated',
    ]
    with open(folder / 'log.txt', 'ab') as log:
        begin = log.tell()
        try:
            code = subprocess.run(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=ROOT,
                timeout=seconds + START_S + target.seconds_max, env=_environment(target),
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    said = (folder / 'log.txt').read_bytes()[begin:]
    row.runs += max(map(int, re.findall(rb'(?m)^#(\d+)\s', said)), default=0)
    row.features = max(map(int, re.findall(rb' ft: (\d+)', said)), default=row.features)
    known = {Path(one).name for one in row.findings}
    new = [one for one in sorted((folder / 'faults').iterdir()) if one.name not in known]
    if code != 0 and not new:  # it ended without saying so: what it tried last is kept
        last = folder / 'last'
        if last.exists():
            data = last.read_bytes()
            new = [folder / 'faults' / file_name(data, finding=True)]
            new[0].write_bytes(data)
    row.findings += [str(one) for one in new]
    if code != 0 and not new:
        row.findings.append(f'ended with {code}: see {folder}/log.txt')


def _environment(target: Target) -> dict[str, str]:
    return {**os.environ, 'SWARM_FUZZ_COVERS': ','.join(target.covers)}


def table(rows: list[Row], guided: bool) -> str:
    width = max(len(row.name) for row in rows)
    lines = [f'{"target":{width}} {"s":>5} {"runs":>9} {"runs/s":>7} {"features":>8} '
             f'{"corpus":>6}  findings']
    for row in rows:
        rate = row.runs / row.seconds if row.seconds else 0
        lines.append(
            f'{row.name:{width}} {row.seconds:5.0f} {row.runs:9d} {rate:7.0f} '
            f'{row.features or "-":>8} {row.corpus:6d}  {len(row.findings) or "-"}')
    total = sum(row.seconds for row in rows)
    lines.append(
        f'{len(rows)} targets, {sum(row.runs for row in rows)} runs in {total / 60:.1f} minutes, '
        f'{"guided by coverage" if guided else "mutations without coverage"}, '
        f'{sum(len(row.findings) for row in rows)} findings')
    return '\n'.join(lines)


def keep_all(names: list[str]) -> None:
    for name in names:
        found = {path.read_bytes() for path in (WORK / name / 'corpus').glob('*')}
        if found:
            print(f'{name}: {keep(TARGETS[name], found, KEEP_S)} files kept', flush=True)


def campaign(names: list[str], minutes: float, seed: int, keeping: bool) -> int:
    guided = has_atheris()
    if not guided:
        print('atheris is not installed: inputs are mutated without coverage to guide them. On '
              'x86-64: pip install atheris', file=sys.stderr)
    rows: list[Row] = []
    try:
        for at, name in enumerate(names):
            left = minutes * 60 - sum(row.seconds for row in rows)
            rows.append(fuzz(TARGETS[name], left / (len(names) - at), seed, guided))
            print(f'{name}: {rows[-1].runs} runs', *rows[-1].findings, sep='\n  ', flush=True)
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
    if not rows:
        return 130
    if keeping:
        keep_all([row.name for row in rows])
    print(table(rows, guided))
    for row in rows:
        for finding in row.findings:
            print(f'\n{row.name}: python -m tests.fuzz.run --target {row.name} {finding}')
    return 1 if any(row.findings for row in rows) else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='python -m tests.fuzz.run', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--target', action='append', choices=sorted(TARGETS), metavar='NAME')
    parser.add_argument('--minutes', type=float, default=10.0)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--keep', action='store_true', help='renew tests/fuzz/corpus')
    parser.add_argument('--keep-found', action='store_true',
                        help='the same of the last run, without another')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('files', nargs='*', type=Path)
    given = parser.parse_args(arguments)
    if given.list:
        print('\n'.join(TARGETS))
        return 0
    if given.files:
        if len(given.target or ()) != 1:
            parser.error('expected one --target for the files')
        return try_files(TARGETS[given.target[0]], given.files)
    os.chdir(ROOT)
    if given.keep_found:
        keep_all(given.target or list(TARGETS))
        return 0
    return campaign(given.target or list(TARGETS), given.minutes, given.seed, given.keep)


if __name__ == '__main__':
    sys.exit(main())
