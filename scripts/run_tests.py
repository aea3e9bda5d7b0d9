#!/usr/bin/env python3
# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests in parts at the same time, one pytest each: `run_tests.py [PYTEST ARGUMENTS]`.

Tests of whole systems mostly wait for robots, the others mostly compute. What the parts say is
shown one after the other, the first one while it runs, and what failed again at the end. With a
path among the arguments there is one pytest, for that path. What each part said stays in
build/tests/.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / 'build' / 'tests'
LOOK_S = 0.1
END_S = 60.0  # what tests may take to clear up after Ctrl-C
TALKS = ('--pdb', '--trace', '--collect-only', '--help', '--version')
NOTHING_RAN = 5  # of pytest: no test was selected


@dataclass
class Part:
    """One pytest. `command` is given what to select."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def path(self) -> Path:
        return FOLDER / f'{self.name}.txt'

    def start(self) -> None:
        with open(self.path, 'wb') as output:
            self.process = subprocess.Popen(
                self.command, env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT,
            )

    @property
    def code(self) -> int | None:
        return None if self.process is None else self.process.poll()

    def pieces(self) -> Iterator[bytes]:
        """What it says, until it has ended."""
        with open(self.path, 'rb') as output:
            while True:
                over = self.code is not None
                if piece := output.read():
                    yield piece
                elif over:
                    return
                else:
                    time.sleep(LOOK_S)

    def last_words(self) -> list[str]:
        """What failed, and the sum."""
        lines = self.path.read_text(errors='replace').splitlines()
        failed = [line for line in lines if line.startswith(('FAILED ', 'ERROR '))]
        return [*failed, *lines[-1:]]


def selections(tests: Sequence[str]) -> dict[str, list[str]]:
    """What each part is made of; the first one is shown while it runs."""
    return {
        'others': [*tests, '--ignore=tests/system'],
        'system': ['tests/system'],
    }


def for_one_pytest(arguments: Sequence[str]) -> bool:
    """They name a path, or somebody wants to talk to it."""
    return any(
        one in TALKS or (not one.startswith('-') and (ROOT / one.split('::')[0]).exists())
        for one in arguments
    )


def verdict(codes: Sequence[int]) -> int:
    """0 only if nothing failed and something ran."""
    failed = [code for code in codes if code not in (0, NOTHING_RAN)]
    if failed:
        return failed[0] if failed[0] > 0 else 1
    return 0 if 0 in codes else NOTHING_RAN


class ToldToEnd(BaseException):
    """By a signal that the parts have not had: Ctrl-C goes to all of a terminal's processes."""


def interrupt(parts: Sequence[Part]) -> None:
    """As Ctrl-C does. Not twice: pytest would leave what it is clearing up."""
    for part in parts:
        if part.process is not None and part.process.poll() is None:
            part.process.send_signal(signal.SIGINT)


def end(parts: Sequence[Part]) -> None:
    limit_s = time.monotonic() + END_S
    for part in parts:
        if part.process is None:
            continue
        try:
            part.process.wait(max(0.0, limit_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            part.process.kill()
            part.process.wait()


def run(parts: Sequence[Part], write: Callable[[bytes], object]) -> int:
    """Run all of them; returns the exit code of the whole."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        for part in parts:
            part.start()
        for part in parts:
            write(f'\n===== {part.name}: {shlex.join(part.command[1:])}\n'.encode())
            for piece in part.pieces():
                write(piece)
    except KeyboardInterrupt:
        raise
    except BaseException:
        interrupt(parts)
        raise
    finally:
        end(parts)
    codes = [part.process.returncode for part in parts if part.process is not None]
    for part, code in zip(parts, codes, strict=True):
        words = '\n  '.join(part.last_words())
        write(f'\n===== {part.name} ended with {code}\n  {words}\n'.encode())
    return verdict(codes)


def hear_signals() -> None:
    """SIGINT too, which a shell has a job in the background ignore, and its children after it."""
    signal.signal(signal.SIGTERM, told_to_end)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def told_to_end(number: int, frame: FrameType | None) -> None:
    raise ToldToEnd


def show(piece: bytes) -> None:
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def testpaths() -> list[str]:
    text = (ROOT / 'pytest.ini').read_text()
    line = next(line for line in text.splitlines() if line.startswith('testpaths'))
    return line.partition('=')[2].split()


def main(arguments: Sequence[str]) -> int:
    pytest = [sys.executable, '-m', 'pytest', *arguments]
    os.chdir(ROOT)
    if for_one_pytest(arguments):
        os.execv(pytest[0], pytest)
    from swarm_coordinator.local_swarm import Domain

    if sys.stdout.isatty():
        pytest.append('--color=yes')
    hear_signals()
    with contextlib.ExitStack() as stack:
        parts = []
        for name, selected in selections(testpaths()).items():
            domain = stack.enter_context(contextlib.closing(Domain()))
            own = [f'--override-ini=cache_dir=build/pytest_cache/{name}', *selected]
            parts.append(Part(name, [*pytest, *own], {'ROS_DOMAIN_ID': str(domain.number)}))
        try:
            return run(parts, show)
        except (KeyboardInterrupt, ToldToEnd):
            print('\ninterrupted', file=sys.stderr)
            return 130


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
