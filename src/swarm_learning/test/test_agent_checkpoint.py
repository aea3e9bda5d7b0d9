# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about agents that are kept and resumed."""

from __future__ import annotations

import json
import random
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agent_kinds import KINDS, agent
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.agents import checkpoint, states
from swarm_learning.core.agents.agent import TabularAgent
from swarm_learning.core.agents.checkpoint import agent_from, arrays_of, manifest_of
from swarm_learning.core.agents.config import AgentConfig, Replay
from swarm_learning.storage import archive

Kept = tuple[dict[str, Any], dict[str, archive.Array]]


def lived(one: TabularAgent, world: random.Random, steps: int) -> list[int]:
    """A life of odd episodes with masks; returns what was done."""
    done, state = [], world.randrange(6)
    for _ in range(steps):
        mask = [True, world.random() < 0.7, True, world.random() < 0.7]
        action = one.choose(('dock', state), mask)
        after = world.randrange(6)
        next_mask = [True, True, world.random() < 0.5, True] if world.random() < 0.8 else None
        one.learn(('dock', state), action, world.random() - (action == state), ('dock', after),
                  world.random() < 0.05, world.random() < 0.05, next_mask)
        done.append(action)
        state = after
    one.check_invariants()
    return done


def kept(one: TabularAgent) -> Kept:
    return manifest_of(one, 'ab' * 32, {'iqm': 0.5}), arrays_of(one)


def bits(one: TabularAgent) -> bytes:
    return archive.to_bytes(*kept(one))


def through_a_file(one: TabularAgent, folder: Path) -> TabularAgent:
    archive.save(folder, *kept(one))
    found = archive.load(folder)
    return agent_from(found.manifest, found.arrays, random.Random(12345))


@pytest.mark.parametrize('kind', sorted(KINDS))
@pytest.mark.parametrize('stop', [0, 2, 137])
def test_a_resumed_life_is_the_uninterrupted_one_bit_for_bit(
    kind: str, stop: int, tmp_path: Path
) -> None:
    whole, halved = agent(4, **KINDS[kind]), agent(4, **KINDS[kind])
    world, same_world = random.Random(5), random.Random(5)
    lived(whole, world, stop)
    lived(halved, same_world, stop)
    resumed = through_a_file(halved, tmp_path)
    assert bits(resumed) == bits(halved) == bits(whole)
    assert lived(resumed, same_world, 300) == lived(whole, world, 300)
    assert bits(resumed) == bits(whole)


def test_numbers_of_numpy_do_not_get_into_the_tables() -> None:
    one, other = agent(4, n_step=2), agent(4, n_step=2)
    for kind in (np.float32, np.float64, np.int64, int):
        one.learn(np.int64(1), np.int64(2), kind(1), np.int64(3), np.bool_(False))
        other.learn(1, 2, 1.0, 3, False)
    assert {type(value) for row in one.values for value in row} == {float}
    assert bits(one) == bits(other)


def test_the_mask_of_where_the_last_step_led_is_kept() -> None:
    one = agent(4, n_step=3)
    one.learn(0, 0, 0.0, 1, False, next_mask=[0, 1, 1, 0])
    back = agent_from(*kept(one), random.Random())
    assert back.reached == one.reached == (1, (1, 2))


def test_a_frozen_agent_comes_back_frozen(tmp_path: Path) -> None:
    one = agent(4)
    lived(one, random.Random(1), 20)
    one.freeze(True)
    assert through_a_file(one, tmp_path).frozen


def test_the_manifest_tells_what_it_is(tmp_path: Path) -> None:
    sha256 = archive.save(tmp_path, *kept(agent(4)))
    manifest = archive.load(tmp_path).manifest
    assert manifest['kind'] == 'tabular_agent'
    assert manifest['schema'] == checkpoint.SCHEMA
    assert manifest['parent'] == 'ab' * 32
    assert manifest['metrics'] == {'iqm': 0.5}
    assert AgentConfig.from_document(manifest['config']) == agent(4).config
    assert len(sha256) == 64


def test_replay_may_be_left_out() -> None:
    one = agent(4, replay=Replay(capacity=500, prioritised=True))
    lived(one, random.Random(1), 400)
    small = arrays_of(one, with_replay=False)
    assert sum(a.nbytes for a in small.values()) < 5000 < sum(
        a.nbytes for a in arrays_of(one).values())
    back = agent_from(manifest_of(one), small, random.Random())
    assert (back.values, len(back.replay or ())) == (one.values, 0)
    lived(back, random.Random(2), 50)


@pytest.mark.parametrize('kind', sorted(KINDS))
def test_a_configuration_survives_json(kind: str) -> None:
    config = agent(4, **KINDS[kind]).config
    assert AgentConfig.from_document(json.loads(json.dumps(config.document()))) == config


@pytest.mark.parametrize(('change', 'message'), [
    ({'actions': 2.0}, 'actions: expected int'), ({'actions': True}, 'expected int'),
    ({'discount': '1'}, 'expected float'), ({'double': 1}, 'expected bool'),
    ({'added': 1}, 'expected the fields'), ({'rate': 3}, 'rate: expected the fields'),
    ({'algorithm': 'none'}, 'none'), ({'algorithm': 3}, '3'), ({'replay': []}, 'replay'),
    ({'exploration': None}, 'exploration'), ({'actions': -1}, 'actions=-1'),
    ({'initial_value': 10 ** 400}, 'initial_value'),
    ({'reward_abs_max': -10 ** 400}, 'reward_abs_max'),
])
def test_a_strange_configuration_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AgentConfig.from_document({**agent(4).config.document(), **change})


@pytest.mark.parametrize(('change', 'message'), [
    ({'schema': 0}, 'schema: expected 1 to 1, found 0'), ({'schema': 2}, 'found 2'),
    ({'schema': None}, 'found None'), ({'kind': 'mode_controller'}, "expected 'tabular_agent'"),
    ({'steps': -1}, 'steps'), ({'steps': 1.5}, 'steps'), ({'episodes': True}, 'episodes'),
    ({'frozen': 0}, 'frozen'), ({'config': None}, 'config'),
])
def test_a_strange_manifest_is_refused(change: dict[str, Any], message: str) -> None:
    manifest, arrays = kept(agent(4))
    with pytest.raises(ValueError, match=message):
        agent_from({**manifest, **change}, arrays, random.Random())


def test_an_older_schema_is_migrated_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    one = agent(4)
    lived(one, random.Random(1), 50)
    manifest, arrays = kept(one)
    arrays['table'] = arrays.pop('values')
    manifest['schema'] = -1

    def renamed(manifest: dict[str, Any], arrays: dict[str, archive.Array]) -> Kept:
        arrays['values'] = arrays.pop('table')
        return manifest, arrays

    with pytest.raises(ValueError, match='schema: expected 1 to 1, found -1'):
        agent_from(manifest, arrays, random.Random())
    monkeypatch.setitem(checkpoint.MIGRATIONS, -1, renamed)
    with pytest.raises(ValueError, match='0 cannot be migrated'):
        agent_from(manifest, arrays, random.Random())
    monkeypatch.setitem(checkpoint.MIGRATIONS, 0, lambda manifest, arrays: (manifest, arrays))
    assert bits(agent_from(manifest, arrays, random.Random())) == bits(one)
    assert manifest['schema'] == -1  # what was given is left as it was


def test_an_agent_that_was_kept_with_schema_1_goes_on_as_it_would_have() -> None:
    found = archive.load(Path(__file__).parent / 'data' / 'agent_schema_1')
    one = agent_from(found.manifest, found.arrays, random.Random())
    one.check_invariants()
    assert one.values_of(('room', 2)) == [2.1399797540531944, 3.0939017847416, 1.943632403424024]
    assert [one.choose(('room', n % 4)) for n in range(12)] == [0, 0, 1, 1, 2, 0, 2, 2, 2, 2, 2, 0]


ALL = {'double': True, 'n_step': 3, 'replay': Replay(capacity=30, prioritised=True)}


def broken() -> list[tuple[str, Any]]:
    """(array, what it is replaced by)."""
    one = agent(4, **ALL)
    lived(one, random.Random(3), 60)
    arrays = arrays_of(one)
    cases: list[tuple[str, Any]] = [(name, None) for name in sorted(arrays)]
    for name, array in sorted(arrays.items()):
        cases += [(name, array.astype(np.float32)), (name, np.array(1)),
                  (name, np.concatenate([array, array]) if array.size else np.zeros((1, 7)))]
        if array.dtype.kind == 'f' and array.size:
            cases.append((name, np.full_like(array, np.nan)))
    for name, value in (('replay', 99), ('replay', -5), ('waiting', 99), ('visits', -1),
                        ('replay_next', 30), ('replay_priorities', -1.0), ('replay_returns', 2.0),
                        ('states_end', 0), ('rng_words', 0)):
        cases.append((name, np.full_like(arrays[name], value)))
    return cases


@pytest.mark.parametrize('number', range(0, len(broken()), 4))
def test_strange_arrays_are_refused_and_leave_chance_alone(number: int) -> None:
    one = agent(4, **ALL)
    lived(one, random.Random(3), 60)
    for name, array in broken()[number:number + 4]:
        manifest, arrays = kept(one)
        arrays.pop(name)
        if array is not None:
            arrays[name] = array
        rng = random.Random(1)
        before = rng.getstate()
        if name in ('planned', 'replay_masks', 'rng_gauss') and array is not None:
            continue  # may be another valid one
        with pytest.raises(ValueError):
            agent_from(manifest, arrays, rng)
        assert rng.getstate() == before


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text('aä€🤖:,019\n', max_size=8),
    st.binary(max_size=8), st.floats(allow_nan=False))
state_values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=4)


@given(state_values)
@settings(max_examples=60, deadline=None)
def test_any_plain_state_comes_back_equal(state: Hashable) -> None:
    back = states.state_of(states.text_of(state))
    assert back == state
    assert type(back) is type(state)


@given(st.text('bfinsty0123:,.x-', max_size=30))
@settings(max_examples=100, deadline=None)
def test_text_that_is_no_state_is_refused(text: str) -> None:
    try:
        state = states.state_of(text)
    except ValueError:
        return
    assert states.state_of(states.text_of(state)) == state


def test_states_of_numpy_are_kept_as_plain_ones() -> None:
    assert states.state_of(states.text_of((np.int64(3), np.bool_(True)))) == (3, True)


def test_a_state_that_cannot_come_back_is_refused_when_it_is_kept() -> None:
    one = agent(4)
    one.learn(frozenset(), 0, 0.0, 1, False)
    with pytest.raises(ValueError, match='frozenset'):
        arrays_of(one)
