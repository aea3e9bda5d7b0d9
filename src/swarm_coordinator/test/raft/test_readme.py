# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What core/raft/README.md says is so: its program runs, and it leaves no reason out."""

from __future__ import annotations

import re
from pathlib import Path

import swarm_coordinator.core.raft as raft
from swarm_coordinator.core.raft import RefusalReason

SOURCE = Path(__file__).parents[2] / 'swarm_coordinator' / 'core' / 'raft'
README = (SOURCE / 'README.md').read_text()


def test_program_of_the_readme_replicates_a_command(capsys) -> None:
    (program,) = [
        block for block in re.findall(r'```python\n(.*?)```', README, re.DOTALL)
        if 'import random' in block
    ]
    names: dict[str, object] = {}
    exec(compile(program, 'README.md', 'exec'), names)
    assert capsys.readouterr().out.count("[b'open the gate']") == 3
    code = [line for line in program.splitlines() if line.strip()]
    assert len(code) <= 50


def test_readme_names_every_reason_to_refuse() -> None:
    assert set(re.findall(r'^\| `([A-Z_]+)` \|', README, re.MULTILINE)) == set(
        RefusalReason.__members__
    )


def test_readme_names_nothing_that_is_not_there() -> None:
    for name in re.findall(r'`([a-z_]+)\(', README):
        assert hasattr(raft.RaftCore, name) or hasattr(raft, name), name
    for name in re.findall(r'`([A-Z][a-z]+[A-Za-z]*)[`(]', README):
        known = hasattr(raft, name) or name in ('ValueError', 'None')
        assert known, name


def test_everything_that_is_exported_exists() -> None:
    for name in raft.__all__:
        assert getattr(raft, name) is not None


def test_core_imports_nothing_but_the_standard_library_and_itself() -> None:
    for path in SOURCE.glob('*.py'):
        for line in re.findall(r'^(?:from|import) (\S+)', path.read_text(), re.MULTILINE):
            own = line.startswith(('swarm_coordinator.core.raft', 'swarm_coordinator.core.ids'))
            assert own or line.split('.')[0] in STANDARD, f'{path.name} imports {line}'


STANDARD = {
    '__future__', 'bisect', 'collections', 'dataclasses', 'enum', 'functools', 'hashlib', 'json',
    'random', 'typing',
}
