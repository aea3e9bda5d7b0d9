# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about policies that run: tables, networks from outside, and a shelf in practice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.policies.judgement import ShelfConfig
from swarm_learning.core.policies.network import NetworkPolicy, Observation
from swarm_learning.core.policies.policy import TablePolicy
from swarm_learning.core.policies.practice import Practice, policy_from
from swarm_learning.core.policies.shelf import Forget, Load, PolicyShelf, Promote
from swarm_learning.sim import export_sb3
from swarm_learning.storage import archive

GENERATOR = np.random.default_rng(0)


def sb3_state(inputs: int = 3, actions: int = 2, width: int = 8) -> dict[str, Any]:
    """A state_dict as PPO of Stable-Baselines3 has, without torch."""
    drawn = np.random.default_rng(1).standard_normal
    return {
        'mlp_extractor.policy_net.0.weight': drawn((width, inputs)),
        'mlp_extractor.policy_net.0.bias': drawn(width),
        'mlp_extractor.policy_net.2.weight': drawn((width, width)),
        'mlp_extractor.policy_net.2.bias': drawn(width),
        'mlp_extractor.value_net.0.weight': drawn((width, inputs)),
        'mlp_extractor.value_net.0.bias': drawn(width),
        'action_net.weight': drawn((actions, width)), 'action_net.bias': drawn(actions),
        'value_net.weight': drawn((1, width)), 'value_net.bias': drawn(1)}


def numbers(size: int = 3) -> Observation:
    return Observation('numbers', (size,))


def network() -> NetworkPolicy:
    return export_sb3.network_from_state_dict(sb3_state(), numbers())


def test_a_network_computes_what_its_layers_say() -> None:
    state, seen = sb3_state(), np.array([0.1, -0.5, 2.0])
    hidden = seen
    for layer in (0, 2):
        name = f'mlp_extractor.policy_net.{layer}'
        hidden = np.tanh(state[f'{name}.weight'] @ hidden + state[f'{name}.bias'])
    logits = state['action_net.weight'] @ hidden + state['action_net.bias']
    action, values = network().act(seen)
    assert action == int(logits.argmax())
    assert np.exp(values) == pytest.approx(np.exp(logits) / np.exp(logits).sum())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
       st.lists(st.booleans(), min_size=2, max_size=2).filter(any))
def test_masked_actions_are_never_chosen_and_chances_of_the_rest_sum_to_one(
    seen: list[float], mask: list[bool]
) -> None:
    action, values = network().act(seen, np.array(mask))
    assert mask[action]
    assert float(np.exp(values).sum()) == pytest.approx(1.0)
    assert all((value == -np.inf) == (not allowed)
               for value, allowed in zip(values, mask, strict=True))


@pytest.mark.parametrize('prefix', ['actor.', 'network.', ''])
def test_layers_of_cleanrl_and_of_a_bare_row_are_found(prefix: str) -> None:
    state = {f'{prefix}0.weight': np.ones((4, 3)), f'{prefix}0.bias': np.zeros(4),
             f'{prefix}2.weight': np.ones((2, 4)), f'{prefix}2.bias': np.zeros(2),
             'critic.0.weight': np.ones((9, 9)), 'critic.0.bias': np.zeros(9)}
    policy = export_sb3.network_from_state_dict(state, numbers(), 'relu')
    assert [weight.shape for weight in policy.weights] == [(3, 4), (4, 2)]
    assert policy.meaning == ('worths' if prefix == 'network.' else 'chances')


@pytest.mark.parametrize('spoil', [
    lambda s: s.clear(), lambda s: s.pop('action_net.bias'),
    lambda s: s.update({'action_net.weight': np.ones((2, 5))}),
    lambda s: s.update({'mlp_extractor.policy_net.0.weight': np.ones((8, 3, 3, 3))}),
    lambda s: s.update({'action_net.bias': np.full(2, np.nan)})])
def test_foreign_weights_that_do_not_fit_are_refused(spoil: Any) -> None:
    state = sb3_state()
    spoil(state)
    with pytest.raises(ValueError, match='expected'):
        export_sb3.network_from_state_dict(state, numbers())


def test_states_and_rows_of_states_become_one_input_each() -> None:
    assert Observation('state', (3,)).inputs(2).tolist() == [0, 0, 1]
    assert Observation('states', (2, 3)).inputs([1, 0]).tolist() == [0, 1, 1, 0, 0]
    assert Observation('states', (2, 3)).inputs(np.array([0, 2])).tolist() == [1, 0, 0, 0, 1]
    scaled = Observation('numbers', (2,), np.array([1.0, 0.0]), np.array([2.0, 1e-3]))
    assert scaled.inputs([3.0, 5.0]).tolist() == [1.0, 10.0]


@pytest.mark.parametrize(('form', 'sizes', 'seen'), [
    ('state', (3,), 3), ('state', (3,), -1), ('state', (3,), True), ('state', (3,), 1.0),
    ('states', (2, 3), [0]), ('states', (2, 3), [0, 3]), ('states', (2, 3), 'ab'),
    ('numbers', (2,), [1.0]), ('numbers', (2,), [1.0, np.nan]), ('numbers', (2,), 'ab')])
def test_an_observation_that_is_not_the_policys_is_refused(
    form: str, sizes: tuple[int, ...], seen: object
) -> None:
    with pytest.raises(ValueError, match='expected'):
        Observation(form, sizes).inputs(seen)


@pytest.mark.parametrize('policy', [network(), TablePolicy(GENERATOR.random((6, 3)))])
def test_a_policy_comes_back_from_its_archive_and_decides_the_same(
    policy: NetworkPolicy | TablePolicy
) -> None:
    kept = archive.from_bytes(archive.to_bytes(policy.manifest(), policy.arrays()))
    back = policy_from(kept.manifest, kept.arrays)
    for turn in range(6):
        seen: object = turn if policy.kind == 'table' else [turn, 1.0, -1.0]
        action, values = policy.act(seen)
        assert back.act(seen)[0] == action and np.array_equal(back.act(seen)[1], values)


@pytest.mark.parametrize('spoil', [
    lambda m, a: m.update(schema=2), lambda m, a: m.update(kind='pickle'),
    lambda m, a: m.update(layers=99), lambda m, a: m.update(layers=2),
    lambda m, a: m.update(activation='exec'), lambda m, a: m.update(actions=5),
    lambda m, a: m.update(meaning='x'), lambda m, a: m.update(observation=None),
    lambda m, a: m['observation'].update(sizes=[4]), lambda m, a: m['observation'].update(form=1),
    lambda m, a: m['observation'].update(sizes=[0] * 9), lambda m, a: a.pop('bias_0'),
    lambda m, a: a.update(weight_0=np.zeros((3, 10 ** 6), np.float32)),
    lambda m, a: a.update(weight_1=np.array([['a']])),
    lambda m, a: a.update(input_scale=np.zeros(3)),
])
def test_a_spoiled_network_is_refused_with_a_reason(spoil: Any) -> None:
    policy = network()
    manifest: dict[str, Any] = policy.manifest()
    arrays: dict[str, Any] = dict(policy.arrays())
    spoil(manifest, arrays)
    with pytest.raises(ValueError, match='expected'):
        policy_from(manifest, arrays)


def test_an_export_is_an_archive_that_a_shelf_can_take(tmp_path: Path) -> None:
    sha256 = export_sb3.write(network(), tmp_path / 'out', 'ppo of today')
    kept = archive.load(tmp_path / 'out')
    assert kept.sha256 == sha256 and kept.manifest['source'] == 'ppo of today'
    assert policy_from(kept.manifest, kept.arrays).actions == 2


def test_the_exporter_says_what_it_needs(tmp_path: Path, capsys: Any) -> None:
    assert export_sb3.main([str(tmp_path / 'a.pt'), str(tmp_path / 'out')]) == 1
    assert 'expected --inputs' in capsys.readouterr().err


def test_neither_torch_nor_gymnasium_is_imported_by_default() -> None:
    code = ('import sys, swarm_learning.sim.export_sb3, swarm_learning.core.policies.practice; '
            "print([m for m in ('torch', 'stable_baselines3', 'gymnasium') if m in sys.modules])")
    found = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                           check=True, timeout=60)
    assert found.stdout.strip() == '[]'


# In practice


def practice(versions: int) -> Practice:
    config = ShelfConfig(shadow_min_decisions=0, canary_min_decisions=20)
    made = Practice(PolicyShelf('p', config, np.random.default_rng(0)), 2)
    for number in range(1, versions + 1):
        made.shelf.handle(Load('table', f'{number:064x}', 's', 'me', 'r'))
        made.bring(number, TablePolicy(np.array([[0.0, 1.0]] if number == 1 else [[1.0, 0.0]])))
    return made


def test_the_active_version_decides_and_shadows_are_only_asked() -> None:
    made = practice(3)
    decided, effects = made.decide(0)
    assert (decided.version, decided.action) == (1, 1)
    assert decided.asked == {2: 0, 3: 0} and effects == ()


def test_a_version_that_cannot_answer_leaves_and_the_one_before_decides() -> None:
    made = practice(2)
    for _ in range(2):
        made.shelf.handle(Promote(2, 'me', 'now'))
    made._policies[2] = network()  # expects three numbers, gets a state
    decided, effects = made.decide(0, fallback=1)
    assert (decided.version, decided.action) == (0, 1)
    assert Forget(2) in effects
    assert made.decide(0)[0].version == 1


def test_a_network_is_shadowed_and_promoted_as_a_table_is() -> None:
    config = ShelfConfig(shadow_min_decisions=30, canary_min_decisions=20)
    made = Practice(PolicyShelf('p', config, np.random.default_rng(0)), 2)
    state = {'0.weight': np.eye(2), '0.bias': np.zeros(2)}
    net = export_sb3.network_from_state_dict(state, Observation('state', (2,)), 'identity')
    for number, policy in ((1, TablePolicy(np.eye(2))), (2, net)):
        made.shelf.handle(Load(policy.kind, f'{number:064x}', 's', 'me', 'r'))
        made.bring(number, policy)
    generator = np.random.default_rng(4)
    for turn in range(2000):
        decided, _ = made.decide(turn % 2)
        explored = generator.random() < 0.2
        action = int(generator.integers(2)) if explored else decided.action
        chance = 0.1 + 0.8 * (action == decided.action)
        made.note(decided, action, chance, float(action == turn % 2) + generator.normal() * 0.1)
    assert made.shelf.versions[2].phase.label == 'active'


def test_a_policy_of_other_actions_is_refused() -> None:
    with pytest.raises(ValueError, match='expected 2 actions, has 3'):
        practice(1).bring(1, TablePolicy(np.zeros((1, 3))))
