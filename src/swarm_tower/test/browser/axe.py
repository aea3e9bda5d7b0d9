# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""axe-core (MPL-2.0), a checker of accessibility: fetched for tests, no part of the product."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

VERSION = '4.14.1'
FOLDER = Path(__file__).parents[4] / 'build' / 'axe'
FETCH_S = 60


def source() -> str:
    """Return the script; skips the test where it cannot be had."""
    file = FOLDER / VERSION / 'node_modules' / 'axe-core' / 'axe.min.js'
    trouble = '' if file.exists() else fetch(file.parents[2])
    if trouble:
        pytest.skip(trouble)
    return file.read_text()


@cache
def fetch(folder: Path) -> str:
    """Try once in a run, because without a network it takes a minute; '' = it is there."""
    npm = shutil.which('npm')
    if npm is None:
        return 'missing: npm (fetches axe-core): apt-get install npm'
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, 'install', '--prefix', str(folder), '--ignore-scripts', '--no-audit',
               '--no-fund', '--no-save', f'axe-core@{VERSION}']
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_S,
                              check=False)
    except subprocess.TimeoutExpired:
        return 'not here: npm reaches no registry to fetch axe-core from'
    if done.returncode:
        return f'not here: npm could not fetch axe-core: {done.stderr.strip()[-200:]}'
    return ''
