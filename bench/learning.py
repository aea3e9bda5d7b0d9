# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Everything that is claimed of learning, one after the other: the measurements agents, modes,
routing, reputation, memory, regimes, continual and learner.

Each is a measurement of its own, with baselines and targets; see its file. Over at least 20 seeds:
the interquartile mean with its 95 % bootstrap interval and the least of the seeds.

What a part gave is kept in build/bench/learning/<part>.json, with a digest of the code that was
measured. A run that was broken off goes on where it stopped: a part is measured again once
swarm_learning or the measurements have changed, or when its file is deleted.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import swarm_learning
from bench.run import FOLDER, RESULTS
from bench.table import Row

PARTS = (
    'agents', 'modes', 'routing', 'reputation', 'memory', 'regimes', 'continual', 'learner',
)
KEPT = RESULTS / 'learning'


def measure(quick: bool) -> list[Row]:
    code, rows = digest_of_code(), []
    for name in PARTS:
        found = kept(name, quick, code, KEPT)
        if found is None:
            print(f'{name} ...', flush=True)
            began_s = time.monotonic()
            found = importlib.import_module(f'bench.{name}').measure(quick)
            keep(name, quick, code, found, KEPT)
            print(f'{name}: {time.monotonic() - began_s:.0f} s', flush=True)
        else:
            print(f'{name}: as kept in {KEPT / name}.json', flush=True)
        rows += [replace(one, what=f'{name}: {one.what}') for one in found]
    return rows


def digest_of_code() -> str:
    """Of all that a figure depends on, but the libraries."""
    learner = Path(swarm_learning.__file__).parent
    files = [path for folder in (FOLDER, learner) for path in folder.rglob('*')
             if path.suffix in ('.py', '.npz', '.json') and not path.name.startswith('test_')]
    whole = hashlib.sha256()
    for path in sorted(files):
        whole.update(path.name.encode() + b'\0' + path.read_bytes())
    return whole.hexdigest()


def keep(name: str, quick: bool, code: str, rows: list[Row], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f'{name}.part'
    part.write_text(json.dumps(
        {'code': code, 'quick': quick, 'rows': [asdict(one) for one in rows]}, indent=1) + '\n')
    part.replace(folder / f'{name}.json')


def kept(name: str, quick: bool, code: str, folder: Path) -> list[Row] | None:
    """Rows of the same code and kind of run; None = there are none."""
    try:
        told = json.loads((folder / f'{name}.json').read_text())
        same = (told['code'], told['quick']) == (code, quick)
        return [Row(**one) for one in told['rows']] if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
