# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One target in a process of its own: `python -m tests.fuzz.worker NAME FOLDER SECONDS SEED HOW`.

HOW: 'guided' by coverage (atheris), or 'mutated' without.
Started by run.py. Owns the limits of the process. Counts on stderr; an input that
breaks the target goes to FOLDER/faults.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import os
import random
import resource
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from .target import Target, file_name, is_product

ADDRESSES_BYTES = 8 << 30  # of the process: what asks for more gets a MemoryError


class Tally:
    """Counts, and remembers what was tried last: the process may end without a word."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = 0
        self._last = os.open(folder / 'last', os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)

    def begin(self, data: bytes) -> None:
        self.runs += 1
        os.pwrite(self._last, data, 0)
        os.ftruncate(self._last, len(data))

    def report(self) -> None:
        """As libFuzzer does, so that one reader suffices."""
        print(f'#{self.runs} DONE', file=sys.stderr, flush=True)

    def fault(self, data: bytes, error: BaseException) -> None:
        path = self.folder / 'faults' / file_name(data, finding=True)
        path.write_bytes(data)
        print(f'FAULT {path}: {type(error).__name__}: {error}'[:400], flush=True)


def place_of(error: BaseException) -> str:
    """Where in the product it came from: two inputs that break the same line are one fault."""
    at, trace = '', error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if is_product(name) or '/fuzz/' in name:
            at = f'{name}:{trace.tb_lineno}'
        trace = trace.tb_next
    return f'{type(error).__name__} {at}'


def mutated(target: Target, folder: Path, seconds: float, seed: int) -> int:
    """Without coverage: inputs that were taken are changed further."""
    tally, rng, seen = Tally(folder), random.Random(seed), set[str]()
    pool = [path.read_bytes() for path in sorted((folder / 'corpus').iterdir())]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data = target.mutate(rng.choice(pool), rng)[: target.bytes_max]
        tally.begin(data)
        faulthandler.dump_traceback_later(target.seconds_max, exit=True)
        try:
            if target.accepts(data) and rng.random() < 0.05 and len(pool) < 1000:
                pool.append(data)
        except Exception as error:
            if (place := place_of(error)) not in seen:
                seen.add(place)
                tally.fault(data, error)
        finally:
            faulthandler.cancel_dump_traceback_later()
    tally.report()
    return 1 if seen else 0


def guided(name: str, folder: Path, seconds: float, seed: int) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris  # type: ignore[import-not-found]

    target = _instrumented(atheris, name)
    tally, seen = Tally(folder), set[str]()

    def once(data: bytes) -> None:
        data = data[: target.bytes_max]
        tally.begin(data)
        try:
            target.accepts(data)
        except Exception as error:
            if (place := place_of(error)) not in seen:
                seen.add(place)
                tally.fault(data, error)

    def change(data: bytes, most: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.4:
            return bytes(atheris.Mutate(data, most))
        return target.mutate(bytes(data), rng)[: min(most, target.bytes_max)]

    corpus = folder / 'corpus'
    options = [
        f'-seed={seed}', f'-max_len={target.bytes_max}', f'-timeout={target.seconds_max}',
        f'-rss_limit_mb={target.memory_mb_max}', f'-artifact_prefix={folder}/faults/fault-',
        f'-max_total_time={seconds:.0f}', str(corpus),
    ]
    atheris.Setup([sys.argv[0], *options], once, custom_mutator=change, internal_libfuzzer=True)
    atheris.Fuzz()


def _instrumented(atheris: ModuleType, name: str) -> Target:
    """The target with branches counted in the modules that it covers. They are imported once to
    find out what the target is, so that process cannot be this one."""
    covers = os.environ['SWARM_FUZZ_COVERS'].split(',')
    with atheris.instrument_imports(include=covers):
        for module in covers:
            with contextlib.suppress(ImportError):
                importlib.import_module(module)
        from .targets import TARGETS
    target = TARGETS[name]
    _ = target.seeds  # what they need is imported before the search begins
    return target


def main(arguments: list[str]) -> int:
    name, folder, seconds, seed, how = arguments
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES_BYTES, ADDRESSES_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    place: Any = Path(folder)
    if how == 'guided':
        guided(name, place, float(seconds), int(seed))
    from .targets import TARGETS
    return mutated(TARGETS[name], place, float(seconds), int(seed))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
