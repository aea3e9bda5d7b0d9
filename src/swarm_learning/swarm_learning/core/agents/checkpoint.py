# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the form in which an agent is kept, a manifest and arrays, and the way back; refuses to
know files.

    archive.save(folder, manifest_of(agent), arrays_of(agent))          # at the edge
    kept = archive.load(folder)
    agent = agent_from(kept.manifest, kept.arrays, random.Random())

An agent that was kept with its replay goes on exactly as if it had never stopped: the position in
its source of chance, sums that wait and plans are kept too. What comes back is checked as input
from a stranger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import randomness, states
from .agent import TabularAgent
from .config import AgentConfig
from .randomness import Randomness
from .replay import Transition
from .returns import Step
from .schema import Arrays, Migration, need, upgraded

KIND = 'tabular_agent'
SCHEMA = 1
MIGRATIONS: dict[int, Migration] = {}
COUNT_MAX = 2**53
NO_MASK = -1  # in place of the number of a mask: all actions are allowed


def manifest_of(
    agent: TabularAgent, parent: str = '', metrics: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """parent: SHA-256 of the archive that this one was trained from, '' = none. metrics: finite
    figures by name, for whoever chooses among versions."""
    return {
        'kind': KIND,
        'schema': SCHEMA,
        'config': agent.config.document(),
        'parent': parent,
        'metrics': dict(metrics or {}),
        'steps': agent.steps,
        'episodes': agent.episodes,
        'frozen': agent.frozen,
        'with_replay': agent.replay is not None,
    }


def arrays_of(agent: TabularAgent, with_replay: bool = True) -> dict[str, NDArray[Any]]:
    """Tables float64 and int64 [states, actions], and all that decides how it goes on.

    with_replay False leaves out what is replayed: smaller, but then the agent does not go on
    exactly as it would have. Raises ValueError for states that would not come back equal.
    """
    shape = (len(agent.values), agent.config.actions)
    arrays = {
        'values': np.array(agent.values, np.float64).reshape(shape),
        'visits': np.array(agent.visits, np.int64).reshape(shape),
        **states.arrays_of(agent.states),
        **randomness.state_arrays(agent.rng),
        **_waiting(agent),
    }
    if agent.config.double:
        arrays['second'] = np.array(agent.second, np.float64).reshape(shape)
    if agent.drift is not None:
        arrays['drift'] = np.array(agent.drift.numbers(), np.float64)
    if agent.replay is not None:
        kept = agent.replay.kept if with_replay else []
        arrays.update(_transitions(kept, agent.config.actions))
        arrays['replay_next'] = np.array([agent.replay.next if with_replay else 0], np.int64)
        arrays['replay_priorities'] = np.array(
            agent.replay.priorities() if with_replay else [], np.float64)
    return arrays


def agent_from(manifest: Mapping[str, Any], arrays: Arrays, rng: Randomness) -> TabularAgent:
    """The agent that was kept; rng goes on where its source of chance was. Raises ValueError that
    says what was expected; then rng is untouched."""
    manifest, arrays = upgraded(manifest, arrays, KIND, SCHEMA, MIGRATIONS)
    agent = TabularAgent(AgentConfig.from_document(manifest.get('config')), rng)
    agent.steps = _count(manifest, 'steps')
    agent.episodes = _count(manifest, 'episodes')
    if not isinstance(manifest.get('frozen'), bool):
        raise ValueError('frozen: expected true or false')
    _restore_tables(agent, arrays)
    _restore_waiting(agent, arrays)
    if agent.drift is not None:
        agent.drift.restore(need(arrays, 'drift', np.float64, (4,)).tolist())
    if agent.replay is not None:
        _restore_replay(agent, arrays)
    agent.frozen = manifest['frozen']
    words = need(arrays, 'rng_words', np.uint32, (randomness.WORDS,))
    randomness.set_state(rng, words, need(arrays, 'rng_gauss', np.float64,
                                          (1 if _length(arrays, 'rng_gauss') else 0,)))
    return agent


def _length(arrays: Arrays, name: str) -> int:
    """Rows of an array whose number nothing else says."""
    shape = arrays[name].shape if name in arrays else ()
    if not shape:
        raise ValueError(f'{name}: expected rows')
    return int(shape[0])


def _count(manifest: Mapping[str, Any], name: str) -> int:
    value = manifest.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < COUNT_MAX:
        raise ValueError(f'{name}: expected a whole number of at least 0, found {value!r}')
    return value


def _restore_tables(agent: TabularAgent, arrays: Arrays) -> None:
    missing = [name for name in ('states_text', 'states_end') if name not in arrays]
    if missing:
        raise ValueError(f'arrays: expected {missing}')
    found = states.states_from(arrays['states_text'], arrays['states_end'],
                               agent.config.states_max)
    shape = (len(found), agent.config.actions)
    agent.states = {state: row for row, state in enumerate(found)}
    agent.values = need(arrays, 'values', np.float64, shape).tolist()
    visits = need(arrays, 'visits', np.int64, shape)
    if visits.size and not 0 <= visits.min() <= visits.max() < COUNT_MAX:
        raise ValueError('visits: expected counts of at least 0')
    agent.visits = visits.tolist()
    if agent.config.double:
        agent.second = need(arrays, 'second', np.float64, shape).tolist()


def _waiting(agent: TabularAgent) -> dict[str, NDArray[Any]]:
    """Steps whose n-step sum is not complete, the plan of SARSA, and where the last step led."""
    steps = agent.returns.waiting
    reached, allowed = agent.reached or (-1, None)
    return {
        'waiting': np.array([(s.state, s.action) for s in steps], np.int64).reshape(-1, 2),
        'waiting_rewards': np.array([s.reward for s in steps], np.float64),
        'planned': np.array(agent.planned or (), np.int64),
        'reached': np.array([reached], np.int64),
        'reached_mask': _mask_row(allowed, agent.config.actions),
    }


def _restore_waiting(agent: TabularAgent, arrays: Arrays) -> None:
    count = _length(arrays, 'waiting')
    if count >= agent.config.n_step:
        raise ValueError(f'waiting: expected fewer than {agent.config.n_step} steps')
    steps = need(arrays, 'waiting', np.int64, (count, 2))
    rewards = need(arrays, 'waiting_rewards', np.float64, (count,)).tolist()
    planned = need(arrays, 'planned', np.int64, (2 if _length(arrays, 'planned') else 0,))
    rows = [*steps.tolist(), *planned.reshape(-1, 2).tolist()]
    _check_rows(agent, [row[0] for row in rows], [row[1] for row in rows])
    agent.returns.waiting = [
        Step(state, action, reward)
        for (state, action), reward in zip(steps.tolist(), rewards, strict=True)]
    agent.planned = (rows[-1][0], rows[-1][1]) if planned.size else None
    reached = int(need(arrays, 'reached', np.int64, (1,))[0])
    mask = need(arrays, 'reached_mask', np.bool_, (agent.config.actions,))
    if reached >= 0:
        _check_rows(agent, [reached], [0])
        agent.reached = reached, agent.allowed(mask)
    elif count:
        raise ValueError('reached: expected the state that the last waiting step led to')


def _mask_row(allowed: Sequence[int] | None, actions: int) -> NDArray[np.bool_]:
    row = np.full(actions, allowed is None)
    if allowed is not None:
        row[list(allowed)] = True
    return row


def _transitions(kept: Sequence[Transition], actions: int) -> dict[str, NDArray[Any]]:
    """Masks are kept once each, by number."""
    numbers: dict[tuple[int, ...], int] = {}
    whole = [(at, action, to, NO_MASK if allowed is None
              else numbers.setdefault(allowed, len(numbers)))
             for at, action, _, to, _, allowed in kept]
    parts = [(reward, discount) for _, _, reward, _, discount, _ in kept]
    masks = [_mask_row(allowed, actions) for allowed in numbers]
    return {
        'replay': np.array(whole, np.int64).reshape(-1, 4),
        'replay_returns': np.array(parts, np.float64).reshape(-1, 2),
        'replay_masks': np.array(masks, np.bool_).reshape(-1, actions),
    }


def _restore_replay(agent: TabularAgent, arrays: Arrays) -> None:
    assert agent.replay is not None
    count = _length(arrays, 'replay')
    whole = need(arrays, 'replay', np.int64, (count, 4))
    parts = need(arrays, 'replay_returns', np.float64, (count, 2))
    shape = (_length(arrays, 'replay_masks'), agent.config.actions)
    masks = need(arrays, 'replay_masks', np.bool_, shape)
    if count and not 0.0 <= parts[:, 1].min() <= parts[:, 1].max() <= 1.0:
        raise ValueError('replay_returns: expected discounts in [0, 1]')
    if count and not NO_MASK <= whole[:, 3].min() <= whole[:, 3].max() < len(masks):
        raise ValueError('replay: expected masks that are there')
    allowed = {number: agent.allowed(mask) for number, mask in enumerate(masks)}
    _check_rows(agent, whole[:, 0].tolist() + whole[:, 2].tolist(), whole[:, 1].tolist())
    kept: list[Transition] = [
        (at, action, reward, to, discount, allowed.get(number))
        for (at, action, to, number), (reward, discount)
        in zip(whole.tolist(), parts.tolist(), strict=True)]
    place = int(need(arrays, 'replay_next', np.int64, (1,))[0])
    shape_of = (_length(arrays, 'replay_priorities'),)
    priorities = need(arrays, 'replay_priorities', np.float64, shape_of).tolist()
    agent.replay.restore(kept, place, priorities)


def _check_rows(agent: TabularAgent, rows: Sequence[int], actions: Sequence[int]) -> None:
    if rows and not 0 <= min(rows) <= max(rows) < len(agent.values):
        raise ValueError(f'expected states below {len(agent.values)}')
    if actions and not 0 <= min(actions) <= max(actions) < agent.config.actions:
        raise ValueError(f'expected actions below {agent.config.actions}')
