# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Nothing but ros/ imports rclpy or messages; the core imports nothing but itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'swarm_tower'
PURE = {
    'swarm_tower', '__future__', 'bisect', 'collections', 'copy', 'dataclasses', 'itertools',
    'math', 're', 'typing',
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or '')
    return found


@pytest.mark.parametrize('path', sorted((PACKAGE / 'core').glob('*.py')), ids=lambda p: p.name)
def test_core_imports_no_clock_io_or_thread(path: Path) -> None:
    assert {name.split('.')[0] for name in imports(path)} <= PURE
    edges = ('swarm_tower.web', 'swarm_tower.ros')
    assert not any(name.startswith(edges) for name in imports(path))


@pytest.mark.parametrize('path', sorted((PACKAGE / 'web').rglob('*.py')), ids=lambda p: p.name)
def test_web_knows_nothing_of_ros(path: Path) -> None:
    roots = {name.split('.')[0] for name in imports(path)}
    assert not roots & {'rclpy', 'swarm_msgs', 'rosidl_runtime_py'}
    assert not any(name.startswith('swarm_tower.ros') for name in imports(path))
