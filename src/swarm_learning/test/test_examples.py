# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the examples: they do what they say."""

from __future__ import annotations

import random
import runpy
from pathlib import Path

import pytest

from swarm_learning.core.agents.checkpoint import agent_from
from swarm_learning.storage import archive

pytest.importorskip('gymnasium')
EXAMPLES = Path(__file__).resolve().parents[1] / 'examples'


def test_the_example_trains_keeps_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = runpy.run_path(str(EXAMPLES / 'train_agent.py'))['main']
    options = ['--folder', str(tmp_path / 'agent'), '--steps', '8000']
    main(options)
    first = archive.load(tmp_path / 'agent')
    mean = main(options)
    second = archive.load(tmp_path / 'agent')
    said = capsys.readouterr().out
    assert f'goes on after {first.manifest["steps"]} steps' in said
    assert second.manifest['parent'] == first.sha256
    assert second.manifest['metrics'] == {'return_mean': mean}
    assert agent_from(second.manifest, second.arrays, random.Random()).steps >= 16_000
    assert mean > 0.5
