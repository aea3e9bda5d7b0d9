# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import swarm_learning

ROOT = Path(swarm_learning.__file__).parent
FORBIDDEN = {
    'core': {'rclpy', 'swarm_msgs', 'builtin_interfaces', 'time', 'os', 'io', 'pathlib',
             'threading', 'queue', 'socket', 'json', 'random', 'storage', 'ros'},
    'storage': {'rclpy', 'swarm_msgs', 'builtin_interfaces', 'time', 'core', 'ros'},
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or '').split('.')[0])
    return names


@pytest.mark.parametrize('layer', sorted(FORBIDDEN))
def test_a_layer_imports_nothing_that_it_must_not_know(layer: str) -> None:
    files = sorted((ROOT / layer).glob('**/*.py'))
    assert files
    for path in files:
        assert not imported(path) & FORBIDDEN[layer], path


def test_the_core_costs_no_heavy_import() -> None:
    code = ('import sys, swarm_learning.core.learner; '
            "print([m for m in ('scipy', 'gymnasium', 'torch', 'asyncio') if m in sys.modules])")
    found = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                           check=True, cwd=ROOT.parent, timeout=30)
    assert found.stdout.strip() == '[]'
