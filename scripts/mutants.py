#!/usr/bin/env python3
# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Puts faults into the core, one at a time, and says which test notices each.

The faults are the table in tests/mutation/. Each is put into a copy of the package; the tests that
it names run first, and if they notice nothing, all tests of the core. Exit code 0: every fault was
noticed; 1: one was not; 2: nothing was learned, because the tests fail without a fault or a fault
no longer fits the code.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests'))

from mutation import MUTANTS  # noqa: E402
from mutation.mutant import Mutant, StaleMutant, check, mutated  # noqa: E402

# A healthy run of the named tests takes a few seconds and one of all about half a minute: these
# are for faults that make a test wait or turn for ever. Chosen without data.
NAMED_LIMIT_S = 90.0
ALL_LIMIT_S = 300.0

# What the tests of the core do without, of what lies in a checkout.
NOT_COPIED = ('.*', '__pycache__', 'build', 'install', 'log')


class Fate(Enum):
    KILLED = 'killed'
    TIMED_OUT = 'timed out'  # counts as noticed, but a test that fails is better
    SURVIVED = 'SURVIVED'
    BROKEN = 'BROKEN'  # could not be tried: the fault stops the tests from being collected


@dataclass(frozen=True)
class Verdict:
    fate: Fate
    by: str = ''  # the test that failed, or what went wrong
    seconds: float = 0.0
    named: bool = True  # noticed by the tests that the mutant names


@dataclass(frozen=True)
class Checkout:
    """What is copied, and which tests are all tests of the core."""

    root: Path
    package: str
    everything: tuple[str, ...]  # below the package's test folder

    @property
    def sources(self) -> Path:
        return Path('src') / self.package

    def check(self, mutants: Sequence[Mutant]) -> list[str]:
        """What is wrong with the table, one line each."""
        problems = [
            f'{name}: {count} mutants have this name'
            for name, count in Counter(mutant.name for mutant in mutants).items()
            if count > 1
        ]
        here = self.root / self.sources
        for mutant in mutants:
            try:
                check(mutant, here / self.package, here / 'test')
            except StaleMutant as stale:
                problems.append(str(stale))
        return problems


SWARM_COORDINATOR = Checkout(
    ROOT, 'swarm_coordinator', ('raft', 'core', 'storage', 'sim/test_simulation.py')
)


class Copy:
    """A copy of the checkout in which faults are tried, one after the other."""

    def __init__(self, checkout: Checkout, folder: Path) -> None:
        self._checkout = checkout
        self._folder = folder.resolve()
        self._report = self._folder.with_suffix('.report')
        self._output = self._folder.with_suffix('.output')
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()
        shutil.copytree(
            checkout.root, self._folder, ignore=shutil.ignore_patterns(*NOT_COPIED)
        )

    def run(self, tests: Sequence[str], limit_s: float) -> Verdict:
        """SURVIVED: every test passed, with the copy and nothing but the copy imported."""
        began = time.monotonic()
        self._report.unlink(missing_ok=True)
        paths = [str(self._checkout.sources / 'test' / test) for test in tests]
        code = self._pytest(paths, limit_s)
        seconds = time.monotonic() - began
        said = self._report.read_text().splitlines() if self._report.exists() else []
        for word, fate in (
            ('foreign', Fate.BROKEN), ('error', Fate.BROKEN), ('failed', Fate.KILLED)
        ):
            found = [line for line in said if line.split()[0] == word]
            if found:
                by = found[0] if fate is Fate.BROKEN else found[0].removeprefix('failed ')
                return Verdict(fate, by, seconds)
        if code is None:
            return Verdict(Fate.TIMED_OUT, f'no end within {limit_s:.0f} s', seconds)
        if code != 0:
            return Verdict(Fate.BROKEN, f'pytest ended with {code}: {self._last_words()}', seconds)
        return Verdict(Fate.SURVIVED, '', seconds)

    def try_out(self, mutant: Mutant) -> Verdict:
        with self._put_in(mutant):
            verdict = self.run(mutant.tests, NAMED_LIMIT_S)
            if verdict.fate is not Fate.SURVIVED:
                return verdict
            wider = self.run(self._checkout.everything, ALL_LIMIT_S)
        return Verdict(wider.fate, wider.by, verdict.seconds + wider.seconds, named=False)

    @contextmanager
    def _put_in(self, mutant: Mutant) -> Iterator[None]:
        path = self._folder / self._checkout.sources / self._checkout.package / mutant.file
        # Python notices a changed file by its size and the second of its change.
        compiled = Path(importlib.util.cache_from_source(str(path)))
        healthy = path.read_text()
        path.write_text(mutated(mutant, healthy))
        compiled.unlink(missing_ok=True)
        try:
            yield
        finally:
            path.write_text(healthy)
            compiled.unlink(missing_ok=True)

    def _pytest(self, paths: Sequence[str], limit_s: float) -> int | None:
        command = [sys.executable, '-m', 'pytest', '-x', '-q', '--no-header', '--durations=0']
        command += ['-p', 'mutation.guard', '-p', 'hypothesispytest', '--hypothesis-seed=0']
        command += paths
        with self._output.open('wb') as output:
            with self._lock:
                if self._closed:
                    raise InterruptedError('the gate was stopped')
                process = self._process = subprocess.Popen(
                    command, cwd=self._folder, env=self._environment(), stdin=subprocess.DEVNULL,
                    stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                )
            try:
                return process.wait(limit_s)
            except subprocess.TimeoutExpired:
                return None
            finally:
                _end(process)

    def close(self) -> None:
        """Ends the tests that run, from another thread; no others are begun."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                _end(self._process)

    def _environment(self) -> dict[str, str]:
        first = [str(self._folder / self._checkout.sources), str(ROOT / 'tests')]
        path = os.pathsep.join([*first, *filter(None, [os.environ.get('PYTHONPATH')])])
        return {
            **os.environ,
            'PYTHONPATH': path,
            # The same run again is the same run. What ROS adds to pytest is not needed here.
            'PYTHONHASHSEED': '0',
            'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1',
            'MUTANTS_COPY': str(self._folder),
            'MUTANTS_PACKAGE': self._checkout.package,
            'MUTANTS_REPORT': str(self._report),
        }

    def _last_words(self) -> str:
        lines = self._output.read_text(errors='replace').strip().splitlines()
        return ' | '.join(lines[-3:])


def _end(process: subprocess.Popen[bytes]) -> None:
    """With whatever it started: it leads a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Gate:
    """Shares the mutants out among `jobs` copies. `say` gets every line as it is known."""

    def __init__(self, checkout: Checkout, jobs: int, say: Callable[[str], None]) -> None:
        self._checkout = checkout
        self._jobs = jobs
        self._say = say
        self._lock = threading.Lock()
        self._free: queue.Queue[Copy] = queue.Queue()

    def run(self, mutants: Sequence[Mutant]) -> dict[str, Verdict] | None:
        """What became of each mutant; None if the tests fail without any."""
        with tempfile.TemporaryDirectory(prefix='mutants-') as folder:
            copies = [
                Copy(self._checkout, Path(folder) / f'copy{number}')
                for number in range(self._jobs)
            ]
            self._free = queue.Queue()
            for copy in copies:
                self._free.put(copy)
            pool = ThreadPoolExecutor(len(copies))
            try:
                return self._try_all(pool, mutants) if self._healthy(pool, mutants) else None
            finally:
                # Also when somebody stops it: the tests are processes of their own.
                pool.shutdown(wait=False, cancel_futures=True)
                for copy in copies:
                    copy.close()
                pool.shutdown()

    @contextmanager
    def _copy(self) -> Iterator[Copy]:
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)

    def _healthy(self, pool: ThreadPoolExecutor, mutants: Sequence[Mutant]) -> bool:
        named = {test.partition('::')[0] for mutant in mutants for test in mutant.tests}
        everything = self._checkout.everything
        beside = [
            test for test in sorted(named)
            if not any(Path(test).is_relative_to(one) for one in everything)
        ]

        def run(test: str) -> Verdict:
            with self._copy() as copy:
                return copy.run((test,), ALL_LIMIT_S)

        began = time.monotonic()
        for verdict in pool.map(run, [*everything, *beside]):
            if verdict.fate is not Fate.SURVIVED:
                self._say(f'without any fault a test fails: {verdict.by}')
                return False
        self._say(f'without a fault all tests pass ({time.monotonic() - began:.0f} s)')
        return True

    def _try_all(
        self, pool: ThreadPoolExecutor, mutants: Sequence[Mutant]
    ) -> dict[str, Verdict]:
        verdicts: dict[str, Verdict] = {}

        def try_one(mutant: Mutant) -> None:
            with self._copy() as copy:
                verdict = copy.try_out(mutant)
            with self._lock:
                verdicts[mutant.name] = verdict
                self._say(f'[{len(verdicts):3}/{len(mutants)}] {line(mutant, verdict)}')

        for done in [pool.submit(try_one, mutant) for mutant in mutants]:
            done.result()
        return {mutant.name: verdicts[mutant.name] for mutant in mutants}


def line(mutant: Mutant, verdict: Verdict) -> str:
    by = verdict.by.rpartition('/test/')[2] or verdict.by
    if verdict.fate is Fate.KILLED:
        by = f'by {by}' if verdict.named else f'by {by} (which it does not name)'
    return f'{verdict.fate.value:9} {verdict.seconds:5.1f} s  {mutant.name:58} {by}'.rstrip()


def summary(verdicts: dict[str, Verdict], seconds: float) -> list[str]:
    fates = Counter(verdict.fate for verdict in verdicts.values())
    counts = ', '.join(f'{fates[fate]} {fate.value.lower()}' for fate in Fate if fates[fate])
    killers = Counter(
        verdict.by.partition('::')[0].rpartition('/test/')[2]
        for verdict in verdicts.values()
        if verdict.fate is Fate.KILLED
    )
    lines = ['', *(f'{count:4} by {killer}' for killer, count in killers.most_common())]
    lines.append(f'{len(verdicts)} faults in {seconds:.0f} s: {counts}')
    for name, verdict in verdicts.items():
        if verdict.fate is Fate.SURVIVED:
            lines.append(f'no test notices: {name}')
        elif verdict.fate is Fate.BROKEN:
            lines.append(f'could not be tried: {name}: {verdict.by}')
    return lines


def chosen(mutants: Sequence[Mutant], only: Sequence[str]) -> list[Mutant]:
    """Those whose name contains one of `only`; all without. Raises ValueError with the names."""
    found = [one for one in mutants if not only or any(part in one.name for part in only)]
    if not found:
        names = '\n  '.join(mutant.name for mutant in mutants)
        raise ValueError(f'--only {" ".join(only)}: expected part of one of\n  {names}')
    return found


def gate(
    checkout: Checkout, mutants: Sequence[Mutant], jobs: int, say: Callable[[str], None]
) -> int:
    """The exit code."""
    problems = checkout.check(mutants)
    if problems:
        for problem in problems:
            say(problem)
        return 2
    began = time.monotonic()
    verdicts = Gate(checkout, jobs, say).run(mutants)
    if verdicts is None:
        return 2
    for text in summary(verdicts, time.monotonic() - began):
        say(text)
    bad = {verdict.fate for verdict in verdicts.values()} & {Fate.SURVIVED, Fate.BROKEN}
    return 1 if bad else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog='mutants', description=__doc__.splitlines()[0])
    parser.add_argument('--list', action='store_true', help='name the faults and try none')
    parser.add_argument('--only', action='append', default=[], metavar='PART',
                        help='only faults whose name contains this; may be repeated')
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1,
                        help='how many are tried at a time (default: one per processor)')
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        mutants = chosen(MUTANTS, options.only)
    except ValueError as error:
        parser.error(str(error))
    if options.jobs < 1:
        parser.error(f'--jobs {options.jobs}: expected at least 1')
    if options.list:
        for mutant in mutants:
            print(f'{mutant.file:32} {mutant.name}')
        return 0
    return gate(SWARM_COORDINATOR, mutants, options.jobs, lambda text: print(text, flush=True))


if __name__ == '__main__':
    sys.exit(main())
