# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""`make build` where something is missing says what and how, before it does anything."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ('g++', 'gcc', 'make', 'git', 'xz')


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing built."""
    for name in ('scripts', 'requirements', 'src'):
        shutil.copytree(ROOT / name, tmp_path / 'tree' / name,
                        ignore=shutil.ignore_patterns('__pycache__'))
    return tmp_path / 'tree'


def run_setup(checkout: Path, tools: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    folder = checkout.parent / 'bin'
    folder.mkdir()
    for tool in tools:
        (folder / tool).symlink_to(shutil.which(tool) or '/bin/true')
    return subprocess.run(
        [sys.base_prefix + '/bin/python3', checkout / 'scripts' / 'setup.py'],
        env={'PATH': str(folder), 'HOME': str(checkout.parent)},
        capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ('tool', 'package'), [('g++', 'g++'), ('make', 'make'), ('git', 'git'), ('xz', 'xz-utils')]
)
def test_missing_tool_is_named_with_the_command_that_installs_it(
    checkout: Path, tool: str, package: str
) -> None:
    done = run_setup(checkout, tuple(name for name in TOOLS if name != tool))
    assert done.returncode == 1
    assert f'missing: {tool}\n' in done.stderr
    assert done.stderr.endswith(f'sudo apt-get install {package}\n')


def test_nothing_is_made_where_a_tool_is_missing(checkout: Path) -> None:
    run_setup(checkout, ())
    assert not (checkout / '.venv').exists()
    assert not (checkout / 'build').exists()


def processor_s() -> float:
    """What the processes that have ended took, however busy the machine is."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_second_run_takes_no_noticeable_time() -> None:
    if not (ROOT / 'build' / 'workspace.stamp').exists():
        pytest.skip('not here: this workspace was not built by make')
    best = 1e9
    for _ in range(3):
        before = processor_s()
        subprocess.run([sys.base_prefix + '/bin/python3', ROOT / 'scripts' / 'setup.py'],
                       timeout=600, check=True)
        best = min(best, processor_s() - before)
    assert best < 0.3
