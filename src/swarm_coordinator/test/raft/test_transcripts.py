# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The scripts in testdata/ happen as recorded. After a change that is meant, record them again
and read the diff:

    RECORD=1 python -m pytest src/swarm_coordinator/test/raft/test_transcripts.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from raft.transcript import replayed

SCRIPTS = sorted((Path(__file__).parent / 'testdata').glob('*.txt'))


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda path: path.stem)
def test_script_happens_as_recorded(path: Path) -> None:
    now = replayed(path)
    if os.environ.get('RECORD') == '1':
        path.write_text(now)
    assert now == path.read_text()


def test_scripts_do_not_depend_on_the_hash_seed() -> None:
    code = (
        'import sys; from pathlib import Path; from raft.transcript import replayed\n'
        'for path in sys.argv[1:]: print(replayed(Path(path)))'
    )
    paths = [str(path) for path in SCRIPTS]
    folders = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    printed = {
        subprocess.run(
            [sys.executable, '-c', code, *paths], capture_output=True, text=True, check=True,
            env={**os.environ, 'PYTHONHASHSEED': seed, 'PYTHONPATH': folders},
        ).stdout
        for seed in ('1', '2')
    }
    assert len(printed) == 1 and len(SCRIPTS) >= 15
