# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Lets targets begin with the samples of the packages' own tests, outside of pytest too."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
for _package in ('hw_discovery', 'swarm_coordinator', 'swarm_learning', 'swarm_tower'):
    _folder = str(ROOT / 'src' / _package / 'test')
    if _folder not in sys.path:
        sys.path.append(_folder)


@functools.cache
def scratch() -> Path:
    """A folder of this process, gone with it; small files are written there again and again."""
    import atexit
    import shutil
    import tempfile
    shared = Path('/dev/shm')
    folder = tempfile.mkdtemp(prefix='swarm-fuzz-', dir=shared if shared.is_dir() else None)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def digest(value: Any) -> str:
    """Of anything JSON can hold after `repr` of the rest: equal states have equal digests."""
    text = json.dumps(value, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()


def config_files() -> list[Path]:
    return sorted((ROOT / 'config').glob('*.yaml'))
