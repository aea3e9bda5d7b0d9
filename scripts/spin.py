#!/usr/bin/env python3
# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Checks the Promela model of elections and membership changes in every order of events.

Looks at all states within stated bounds: the protocol must keep its promises there, and each of
the known mistakes, switched on by a macro, must be found. Exit code 0 only if every verdict is the
expected one, 2 if a tool is missing. Owns bounds and verdicts; the rules are in the model.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / 'src' / 'swarm_coordinator' / 'spin' / 'raft_membership.pml'
FOLDER = ROOT / 'build' / 'spin'
TOOLS = {'spin': 'spin', 'gcc': 'gcc'}  # command -> Debian package
MEMORY_MB = 5500
RUN_S = 900.0
DEPTH_MAX = 100_000

# What pan prints of a failed assertion -> the promise of the paper's Figure 3 that it is.
PROMISES = (
    ('leader[', 'election safety'),
    ('length[', 'leader completeness'),
    ('truth[', 'state machine safety'),
    ('same', 'log matching'),
)


@dataclass(frozen=True)
class Bounds:
    """All runs with so many servers (some of them voters at first), terms, entries in a log and
    membership changes."""

    servers: int
    first_voters: int
    terms: int
    entries: int
    changes: int

    def __str__(self) -> str:
        return (
            f'{self.servers} servers, {self.first_voters} voters at first, {self.terms} terms, '
            f'{self.entries} entries, {self.changes} changes'
        )

    def macros(self) -> list[str]:
        mask = (1 << self.first_voters) - 1
        return [
            f'-DSERVERS={self.servers}', f'-DFIRST_VOTERS={mask}', f'-DTERMS={self.terms}',
            f'-DENTRIES={self.entries}', f'-DCHANGES={self.changes}',
        ]


@dataclass(frozen=True)
class Check:
    bounds: Bounds
    mistake: str = ''  # macro of the model; '' = the protocol as it should be
    quick: bool = True


@dataclass(frozen=True)
class Verdict:
    states: int
    seconds: float
    memory_mb: float
    complete: bool
    violated: str  # a promise, or ''

    def agrees_with(self, check: Check) -> bool:
        return bool(self.violated) if check.mistake else self.complete and not self.violated


SMALL = Bounds(3, 3, 3, 4, 2)
CHECKS = (
    Check(SMALL),
    Check(Bounds(4, 4, 3, 3, 2)),
    Check(Bounds(4, 3, 2, 4, 3)),
    Check(Bounds(3, 3, 4, 4, 1)),
    Check(Bounds(4, 4, 3, 4, 2), quick=False),
    Check(Bounds(4, 3, 3, 4, 2), quick=False),
    # Ongaro 2015: needs two removals by two leaders, so four servers.
    Check(Bounds(4, 4, 3, 3, 2), 'NO_2015_RULE'),
    Check(SMALL, 'TWO_PENDING'),
    # Of three, one other vote is a majority by itself: no harm in counting it twice.
    Check(Bounds(4, 4, 2, 3, 0), 'VOTE_COUNT_INT'),
    Check(SMALL, 'VOTE_NOT_DURABLE'),
    Check(SMALL, 'WIPED_DISK_VOTES'),
    Check(SMALL, 'NO_LOG_CHECK'),
    Check(SMALL, 'TRUNCATE_ALWAYS'),
    # Figure 8 of the paper needs a fourth term.
    Check(Bounds(3, 3, 4, 4, 0), 'COMMIT_OLD_TERM'),
)
MISTAKES = tuple(check.mistake for check in CHECKS if check.mistake)


class ToolFailed(Exception):
    """spin, gcc or pan did not do what was asked; the text says which and how it ended."""


def call(command: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=RUN_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ToolFailed(f'{" ".join(command)}: not done after {RUN_S:.0f} s') from None
    said = done.stdout + done.stderr
    if done.returncode != 0:
        raise ToolFailed(f'{" ".join(command)}: exit code {done.returncode}\n{said[-2000:]}')
    return said


def verifier(folder: Path, macros: list[str], options: Sequence[str]) -> Path:
    """Build pan in `folder`; `options` choose how it searches."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(MODEL, folder / MODEL.name)
    call(['spin', *macros, '-a', MODEL.name], folder)
    call(
        ['gcc', '-O2', '-w', '-DSAFETY', '-DNOREDUCE', '-DVECTORSZ=1024',
         f'-DMEMLIM={MEMORY_MB}', *options, '-o', 'pan', 'pan.c'],
        folder,
    )
    return folder / 'pan'


def look(check: Check, folder: Path) -> Verdict:
    macros = check.bounds.macros() + ([f'-D{check.mistake}'] if check.mistake else [])
    pan = verifier(folder, macros, ['-DCOLLAPSE'])
    began = time.monotonic()
    said = call([str(pan), f'-m{DEPTH_MAX}', '-w24'], folder)
    return verdict_of(said, time.monotonic() - began)


def verdict_of(said: str, seconds: float) -> Verdict:
    """Read what pan printed. Raises ToolFailed if it looks like no search at all."""
    states = re.search(r'([\d.e+]+) states, stored', said)
    memory = re.search(r'([\d.]+)\s+total actual memory usage', said)
    errors = re.search(r'errors: (\d+)', said)
    if states is None or memory is None or errors is None:
        raise ToolFailed(f'pan said no verdict:\n{said[-2000:]}')
    incomplete = 'Search not completed' in said or 'max search depth too small' in said
    return Verdict(
        int(float(states[1])),
        seconds,
        float(memory[1]),
        not incomplete,
        promise_of(said) if int(errors[1]) else '',
    )


def promise_of(said: str) -> str:
    found = re.search(r'^pan:\d*:? ?(.*)', said, re.MULTILINE)
    text = found[1] if found else 'unknown'
    if 'assertion violated' not in text:
        return text
    return next((promise for sign, promise in PROMISES if sign in text), text)


def story(mistake: str, folder: Path) -> str:
    """The shortest way to a violation, as the model's servers tell it."""
    check = next(check for check in CHECKS if check.mistake == mistake)
    macros = [*check.bounds.macros(), f'-D{mistake}']
    pan = verifier(folder, macros, ['-DBFS'])
    promise = verdict_of(call([str(pan), '-w24'], folder), 0.0).violated
    told = subprocess.run(
        ['spin', '-T', '-t', *macros, MODEL.name],
        cwd=folder, capture_output=True, text=True, timeout=RUN_S, check=False,
    ).stdout
    return '\n'.join([*named(told.splitlines()), f'violated: {promise}'])


def named(told: Sequence[str]) -> Iterator[str]:
    """The steps that the model printed, with servers called r1, r2 ...: it numbers them anew
    after every step."""
    names = ['r1', 'r2', 'r3', 'r4']
    for line in told:
        if exchanged := re.match(r'\s*exchange #(\d) #(\d)', line):
            one, other = int(exchanged[1]), int(exchanged[2])
            names[one], names[other] = names[other], names[one]
        elif re.match(r'\s*#\d ', line):
            line = re.sub(r'#(\d)', lambda found: names[int(found[1])], line.strip())
            yield re.sub(r'\{(\w)\}', lambda found: _set_of(int(found[1], 16), names), line)


def _set_of(mask: int, names: Sequence[str]) -> str:
    return ' '.join(sorted(name for bit, name in enumerate(names) if mask >> bit & 1))


def row(check: Check, verdict: Verdict) -> str:
    expected = 'violation' if check.mistake else 'holds'
    got = verdict.violated or ('holds' if verdict.complete else 'NOT COMPLETE')
    return (
        f'{"ok" if verdict.agrees_with(check) else "WRONG":5} '
        f'{check.mistake or "protocol":17} {str(check.bounds):66} '
        f'expected {expected:9} got {got:21} {verdict.states:>10,} states '
        f'{verdict.seconds:6.1f} s {verdict.memory_mb:6.0f} MB'
    )


def check_all(checks: Sequence[Check]) -> int:
    wrong = 0
    for number, check in enumerate(checks, 1):
        folder = FOLDER / f'{number}-{check.mistake.lower() or "protocol"}'
        verdict = look(check, folder)
        print(row(check, verdict), flush=True)
        if verdict.agrees_with(check):
            shutil.rmtree(folder)
            continue
        wrong += 1
        print(f'      kept for a look: {folder.relative_to(ROOT)}', flush=True)
    print(f'{len(checks) - wrong} of {len(checks)} verdicts as expected')
    return 1 if wrong else 0


def missing_tools() -> list[str]:
    return [package for command, package in TOOLS.items() if shutil.which(command) is None]


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='spin.py', description=__doc__.splitlines()[0])
    parser.add_argument('--quick', action='store_true', help='leave out the two largest searches')
    parser.add_argument(
        '--story', choices=MISTAKES, help='print the shortest way in which this mistake does harm'
    )
    options = parser.parse_args(args)
    missing = missing_tools()
    if missing:
        names = ' '.join(missing)
        print(f'{names} missing: apt-get install {names}', file=sys.stderr)
        return 2
    try:
        if options.story:
            print(story(options.story, FOLDER / 'story'))
            return 0
        return check_all([check for check in CHECKS if check.quick or not options.quick])
    except ToolFailed as error:
        print(f'spin.py: {error}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
