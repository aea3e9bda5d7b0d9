# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Turns a policy trained with Stable-Baselines3 or CleanRL into an archive that robots load.

    python -m swarm_learning.sim.export_sb3 model.zip out/ [--source TEXT]
    python -m swarm_learning.sim.export_sb3 actor.pt out/ --inputs 27 [--form state] \\
        [--activation tanh]

The first form needs the extra [deep] (stable-baselines3 and torch) and takes PPO, A2C, DQN and
sb3-contrib's MaskablePPO with an MlpPolicy and discrete actions. The second takes a state_dict of
a row of Linear layers, as CleanRL's agents have under `actor` or `network`; it needs torch alone.
Robots need neither. Owns the reading of foreign weights; refuses to train.

A model file of either kind may run code when it is opened: export only your own.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.policies.network import FORMS, NetworkPolicy, Observation
from ..storage import archive

# Where the layers of the actor are, by library. The first that is there is taken: the actor's
# layers in order, then the layer of actions.
PREFIXES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ('chances', ('mlp_extractor.policy_net', 'action_net')),  # SB3: PPO, A2C, MaskablePPO
    ('chances', ('action_net',)),  # the same without hidden layers
    ('worths', ('q_net.q_net',)),  # SB3: DQN
    ('chances', ('actor',)),  # CleanRL: PPO
    ('worths', ('network',)),  # CleanRL: DQN
    ('chances', ('',)),  # a bare torch.nn.Sequential
)
SB3_ALGORITHMS = ('PPO', 'A2C', 'DQN')


def network_from_state_dict(
    state: Mapping[str, NDArray[Any]], observation: Observation, activation: str = 'tanh'
) -> NetworkPolicy:
    """state: the arrays of a state_dict, weights of shape (outputs, inputs) as torch keeps them.
    Raises ValueError that says what was expected."""
    for meaning, prefixes in PREFIXES:
        found = [_layers(state, prefix) for prefix in prefixes]
        if all(found):
            layers = [layer for part in found for layer in part]
            weights = [np.asarray(weight, np.float64).T for weight, _ in layers]
            biases = [np.asarray(bias, np.float64) for _, bias in layers]
            return NetworkPolicy(observation, weights, biases, activation, meaning)
    raise ValueError('state_dict: expected Linear layers under one of '
                     f'{", ".join("+".join(parts) or "nothing" for _, parts in PREFIXES)}; '
                     f'found {", ".join(sorted(state)[:20])}')


def network_from_sb3(model: Any) -> NetworkPolicy:
    """A trained model of Stable-Baselines3. Raises ValueError for what robots cannot run."""
    names = {'Tanh': 'tanh', 'ReLU': 'relu', 'Identity': 'identity'}
    activation = names.get(model.policy.activation_fn.__name__)
    if activation is None:
        raise ValueError(f'activation {model.policy.activation_fn.__name__}: expected one of '
                         f'{", ".join(names)}')
    actor = getattr(model.policy, 'q_net', model.policy)  # DQN keeps it one level down
    extractor = type(actor.features_extractor).__name__
    if extractor != 'FlattenExtractor':
        raise ValueError(f'{extractor}: expected an MlpPolicy with a FlattenExtractor')
    if type(model.action_space).__name__ != 'Discrete' or model.action_space.start != 0:
        raise ValueError(f'{model.action_space}: expected Discrete actions from 0')
    state = {name: value.detach().cpu().numpy()
             for name, value in model.policy.state_dict().items()}
    return network_from_state_dict(state, observation_of(model.observation_space), activation)


def observation_of(space: Any) -> Observation:
    """Of a gymnasium space. Raises ValueError for one that robots cannot observe."""
    kind = type(space).__name__
    if kind == 'Box' and len(space.shape) == 1:
        return Observation('numbers', (int(space.shape[0]),))
    if kind == 'Discrete' and space.start == 0:
        return Observation('state', (int(space.n),))
    if kind == 'MultiDiscrete' and space.nvec.ndim == 1:
        return Observation('states', tuple(int(size) for size in space.nvec))
    raise ValueError(f'{space}: expected a Box of one dimension, Discrete or MultiDiscrete')


def write(policy: NetworkPolicy, folder: str | Path, source: str) -> str:
    """Write the archive; returns its SHA-256. Load it on a robot with ChangePolicy."""
    return archive.save(folder, {**policy.manifest(), 'source': source[:200]}, policy.arrays())


def _layers(
    state: Mapping[str, NDArray[Any]], prefix: str
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """(weight, bias) of the Linear layers directly under a prefix, in the order of numbers."""
    start = re.escape(f'{prefix}.') if prefix else ''
    pattern = re.compile(rf'{start}(?:(\d+)\.)?weight')
    numbered = [(int(match.group(1) or 0), name) for name in state
                if (match := pattern.fullmatch(name))]
    found = []
    for _, name in sorted(numbered):
        bias = state.get(f'{name[:-len("weight")]}bias')
        if bias is None or state[name].ndim != 2:
            raise ValueError(f'{name}: expected a Linear layer with a bias')
        found.append((state[name], bias))
    return found


def _from_zip(path: Path) -> NetworkPolicy:
    sb3 = importlib.import_module('stable_baselines3')  # of the extra [deep], only here

    errors = []
    for name in SB3_ALGORITHMS:
        try:
            return network_from_sb3(getattr(sb3, name).load(path, device='cpu'))
        except (AttributeError, TypeError, KeyError, RuntimeError, ValueError) as error:
            errors.append(f'{name}: {error}')
    try:
        contrib = importlib.import_module('sb3_contrib')
    except ImportError:
        raise ValueError(f'{path}: {"; ".join(errors)}') from None
    return network_from_sb3(contrib.MaskablePPO.load(path, device='cpu'))


def _from_state_dict(path: Path, form: str, inputs: list[int], activation: str) -> NetworkPolicy:
    torch = importlib.import_module('torch')  # of the extra [deep], only here

    state = torch.load(path, map_location='cpu', weights_only=True)
    arrays = {name: value.numpy() for name, value in state.items()}
    return network_from_state_dict(arrays, Observation(form, tuple(inputs)), activation)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m swarm_learning.sim.export_sb3',
        description='Turn a trained policy into an archive that robots load.')
    parser.add_argument('model', type=Path, help='model.zip of SB3, or a state_dict (.pt)')
    parser.add_argument('out', type=Path, help='folder of the archive')
    parser.add_argument('--source', default='', help='where it came from, for people')
    parser.add_argument('--inputs', type=int, nargs='+', help='sizes of the observation (.pt)')
    parser.add_argument(
        '--form', choices=FORMS, default='numbers', help='of the observation (.pt)')
    parser.add_argument('--activation', default='tanh', help='between the layers (.pt)')
    options = parser.parse_args(arguments)
    try:
        if options.model.suffix == '.zip':
            policy = _from_zip(options.model)
        elif options.inputs:
            policy = _from_state_dict(
                options.model, options.form, options.inputs, options.activation)
        else:
            raise ValueError('expected --inputs with a state_dict')
        sha256 = write(policy, options.out, options.source or f'export_sb3 {options.model.name}')
    except ImportError as error:
        print(f"{error}: expected the extra [deep]: pip install 'swarm_learning[deep]'",
              file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    widths = [policy.observation.width, *(weight.shape[1] for weight in policy.weights)]
    print(f'{options.out}/{archive.MANIFEST_NAME}: network {"-".join(map(str, widths))}, '
          f'sha256 {sha256}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
