# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who may import whom, read from the source: core is pure, edges know no ROS, packages are apart.

Walks every import statement, also those inside functions.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ('hw_discovery', 'swarm_coordinator', 'swarm_learning', 'swarm_tower')

# Clock, input and output, threads, other processes, surprises. `random` is judged apart.
IMPURE = frozenset({
    'asyncio', 'concurrent', 'ctypes', 'fcntl', 'glob', 'importlib', 'io', 'logging', 'mmap',
    'multiprocessing', 'os', 'pickle', 'platform', 'queue', 'sched', 'secrets', 'select',
    'selectors', 'shelve', 'shutil', 'signal', 'socket', 'socketserver', 'sqlite3', 'ssl',
    'subprocess', 'sys', 'tempfile', 'threading', 'time', 'urllib', 'http', 'uuid', 'warnings',
})
IMPURE_CALLS = frozenset({'open', 'print', 'input', 'eval', 'exec', 'compile', '__import__'})
ROS = frozenset({
    'rclpy', 'swarm_msgs', 'std_msgs', 'sensor_msgs', 'diagnostic_msgs', 'builtin_interfaces',
    'rcl_interfaces', 'action_msgs', 'unique_identifier_msgs', 'geometry_msgs',
    'visualization_msgs', 'lifecycle_msgs', 'launch', 'launch_ros', 'ament_index_python',
    'std_srvs', 'trajectory_msgs',
})
# Drivers publish what they read; all else in their folder is for laptops without ROS too.
PUBLISHING = re.compile(
    r'drivers/(.*/)?(driver|\w+_driver|scanner|actuator|host|sensor_topics)\.py')
NUMERIC = {'swarm_learning': frozenset({'numpy'})}
BANNED = frozenset({'pickle', 'marshal', 'shelve'})


@dataclass(frozen=True)
class Import:
    file: str
    line: int
    name: str  # dotted, e.g. swarm_coordinator.core.raft

    @property
    def top(self) -> str:
        return self.name.partition('.')[0]

    def __str__(self) -> str:
        return f'{self.file}:{self.line} imports {self.name}'


def sources(package: str, layer: str = '') -> list[Path]:
    folder = ROOT / 'src' / package / package / layer
    return sorted(folder.rglob('*.py')) if folder.is_dir() else []


def layer_of(file: Path, package: str) -> str:
    """'core', 'ros', another folder's name, or '' for a file of the package itself."""
    inside = file.relative_to(ROOT / 'src' / package / package)
    return inside.parts[0] if len(inside.parts) > 1 else ''


def module_of(file: Path) -> list[str]:
    relative = file.relative_to(ROOT / 'src').with_suffix('')
    return list(relative.parts[1:])


def imports(file: Path) -> Iterator[Import]:
    where = str(file.relative_to(ROOT))
    for node in ast.walk(ast.parse(file.read_text(), where)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(where, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                parents = module_of(file)[: -node.level]
                base = '.'.join([*parents, base] if base else parents)
            for alias in node.names:
                yield Import(where, node.lineno, f'{base}.{alias.name}')


def edges(package: str) -> list[Path]:
    """Neither core nor ROS nor a driver's publishing part.

    The command line is a process of its own, above ros/.
    """
    above = ('core', 'ros', 'cli')
    return [file for file in sources(package)
            if layer_of(file, package) not in above
            and not PUBLISHING.fullmatch(str(file.relative_to(ROOT / 'src' / package / package)))]


def core_breach(found: Import, package: str) -> bool:
    if found.top == package:
        return not f'{found.name}.'.startswith(f'{package}.core.')
    if found.top in NUMERIC.get(package, ()):
        return False
    return found.top in IMPURE or found.top not in sys.stdlib_module_names


@pytest.mark.parametrize('package', PACKAGES)
def test_core_imports_only_pure_standard_library_and_core(package: str) -> None:
    found = [one for file in sources(package, 'core') for one in imports(file)]
    assert found, f'{package}: nothing was looked at'
    assert not [str(one) for one in found if core_breach(one, package)]


@pytest.mark.parametrize('package', PACKAGES)
def test_core_calls_nothing_that_reads_writes_or_evaluates(package: str) -> None:
    breaches = [
        f'{file.relative_to(ROOT)}:{node.lineno} calls {node.func.id}()'
        for file in sources(package, 'core')
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in IMPURE_CALLS
    ]
    assert not breaches


@pytest.mark.parametrize('package', PACKAGES)
def test_core_takes_randomness_as_a_seeded_argument(package: str) -> None:
    """random.Random may be named or built from a seed; the module's hidden state may not be."""
    breaches = []
    for file in sources(package, 'core'):
        where = file.relative_to(ROOT)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == 'random':
                wrong = [alias.name for alias in node.names if alias.name != 'Random']
                breaches += [f'{where}:{node.lineno} from random import {name}' for name in wrong]
            elif (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == 'random'
                and node.attr != 'Random'
            ):
                breaches.append(f'{where}:{node.lineno} random.{node.attr}')
            elif isinstance(node, ast.Call) and not node.args and not node.keywords:
                name = ast.unparse(node.func)
                if name in ('Random', 'random.Random'):
                    breaches.append(f'{where}:{node.lineno} {name}() without a seed')
    assert not breaches


@pytest.mark.parametrize('package', PACKAGES)
def test_edges_import_no_ros(package: str) -> None:
    found = [one for file in edges(package) for one in imports(file)]
    assert not [str(one) for one in found if one.top in ROS]


@pytest.mark.parametrize('package', PACKAGES)
def test_edges_do_not_import_the_ros_folder(package: str) -> None:
    found = [one for file in edges(package) for one in imports(file)]
    assert not [str(one) for one in found if f'{one.name}.'.startswith(f'{package}.ros.')]


def test_security_knows_files_and_core_but_nothing_of_ros_jobs_or_messages() -> None:
    found = [one for file in sources('swarm_coordinator', 'security') for one in imports(file)]
    allowed = ('core.identity.', 'core.ids.', 'security.', 'storage.files.')
    ours = tuple(f'swarm_coordinator.{name}' for name in allowed)
    assert found, 'nothing was looked at'
    assert not [
        str(one)
        for one in found
        if (one.top == 'swarm_coordinator' and not f'{one.name}.'.startswith(ours))
        or (one.top not in sys.stdlib_module_names | {'swarm_coordinator', 'cryptography'})
    ]


def test_one_file_alone_calls_the_library_of_keys() -> None:
    """Which calls the oldest supported version has is then to be known in one place."""
    files = [file for package in PACKAGES for file in sources(package)]
    found = {one.file for file in files for one in imports(file) if one.top == 'cryptography'}
    assert found == {'src/swarm_coordinator/swarm_coordinator/security/keys.py'}


@pytest.mark.parametrize('package', PACKAGES)
def test_packages_do_not_import_one_another(package: str) -> None:
    others = set(PACKAGES) - {package}
    files = sorted((ROOT / 'src' / package).rglob('*.py'))
    found = [one for file in files for one in imports(file)]
    assert not [str(one) for one in found if one.top in others]


def test_nothing_unpickles() -> None:
    found = [
        one
        for folder in ('src', 'scripts', 'bench')
        for file in sorted((ROOT / folder).rglob('*.py'))
        for one in imports_anywhere(file)
    ]
    assert not [str(one) for one in found if one.top in BANNED]


def imports_anywhere(file: Path) -> Iterator[Import]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (Import(str(file), node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield Import(str(file), node.lineno, node.module or '')


@pytest.mark.parametrize(
    ('statement', 'breach'),
    [
        ('import time', True),
        ('from os import path', True),
        ('import rclpy.node', True),
        ('from swarm_msgs.msg import Vote', True),
        ('import numpy', True),
        ('from swarm_coordinator.storage import log_store', True),
        ('from ..ros import conversions', True),
        ('def f():\n    import socket', True),
        ('import dataclasses', False),
        ('from swarm_coordinator.core.raft import log', False),
        ('from . import log', False),
    ],
)
def test_the_rule_for_core_tells_apart(statement: str, breach: bool, tmp_path: Path) -> None:
    """The walk itself must be able to fail."""
    file = ROOT / 'src/swarm_coordinator/swarm_coordinator/core/example.py'

    class Example(type(file)):  # type: ignore[misc]
        def read_text(self, *_: object, **__: object) -> str:
            return statement

    found = list(imports(Example(file)))
    assert found
    assert any(core_breach(one, 'swarm_coordinator') for one in found) is breach


def test_numpy_belongs_to_the_core_of_learning_alone() -> None:
    assert core_breach(Import('x', 1, 'numpy'), 'hw_discovery')
    assert not core_breach(Import('x', 1, 'numpy'), 'swarm_learning')
