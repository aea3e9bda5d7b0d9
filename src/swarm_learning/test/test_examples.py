# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the examples: they do what they say."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType

import pytest
from mind_samples import network

from swarm_learning.core.agents.checkpoint import agent_from
from swarm_learning.core.observation import Mode
from swarm_learning.storage import archive

pytest.importorskip('gymnasium')
EXAMPLES = Path(__file__).resolve().parents[1] / 'examples'


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f'{name}.py')
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_example_trains_keeps_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = example('train_agent').main
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


@pytest.mark.parametrize(('mode', 'phase'), [(Mode.RECOVERY, 'active'), (Mode.EXPLORE, 'shadow')])
def test_an_exported_network_takes_over_only_where_it_is_worth_it(
    mode: Mode, phase: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of the example but the training, which needs torch."""
    ppo = example('train_ppo')
    monkeypatch.setattr(ppo, 'trained', lambda name, steps, seed: network(mode))
    whole = ppo.world
    monkeypatch.setattr(ppo, 'world', lambda name: type(whole(name))(decisions=50))
    reward = ppo.main(['--out', str(tmp_path / 'policy'), '--decisions', '2500'])
    said = capsys.readouterr().out
    assert archive.load(tmp_path / 'policy').sha256 in said and f'{reward:.3f}' in said
    assert f'version 2: {phase}' in said, said
