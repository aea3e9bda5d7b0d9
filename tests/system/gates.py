# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs that wait for a file that the test makes, and that leave a trace of each run."""

from pathlib import Path
from typing import Any

from swarm_msgs import msg

# $0 is the gate.
WAIT = 'while [ ! -e "$0" ]; do sleep 0.05; done'


def gated(gate: Path, script: str = ':', before: str = ':', shell: tuple[str, ...] = ('sh',)
          ) -> list[str]:
    """Does `before`, waits for the gate, does `script`."""
    return [*shell, '-c', f'{before}; {WAIT}; {script}', str(gate)]


def exec_spec(argv: list[str], **fields: Any) -> msg.JobSpec:
    return msg.JobSpec(kind='exec', exec=[msg.ExecWork(argv=argv)], **fields)


def words(path: Path) -> list[str]:
    """What runs have left there."""
    return path.read_text().split() if path.exists() else []
