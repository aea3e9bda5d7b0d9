# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the form in which a continual learner is kept: a plain manifest and arrays, so that a
learner that comes back goes on exactly as one that never stopped. Refuses to know files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from .chance import generator_from
from .context import Context, Planning
from .continual import ContinualLearner
from .continual_config import ContinualConfig
from .evidence import whole
from .model import Floats, Transition, Undo, WorldModel, checked
from .recognition import Cusum

SCHEMA = 1
Arrays = dict[str, NDArray[np.generic]]


def manifest_of(learner: ContinualLearner) -> dict[str, object]:
    """What arrays cannot say; plain JSON."""
    return {
        'schema': SCHEMA, 'kind': 'contexts', 'config': learner.config.document(),
        'contexts': [[context.number, context.used] for context in learner.library.contexts],
        'opened': learner.library.opened, 'steps': learner.steps, 'frozen': learner.frozen,
        'current': learner.current, 'settled': learner.settled,
        'generator': learner.generator.bit_generator.state,
    }


def arrays_of(learner: ContinualLearner) -> Arrays:
    kept: Arrays = {f'all.{name}': array for name, array in learner.everything.arrays().items()}
    for context in learner.library.contexts:
        kept |= {f'c{context.number}.{name}': array for name, array in context.arrays().items()}
    kept['pending'] = _steps(learner.pending)
    kept['window'] = _steps(learner.window)
    kept['taken'] = np.array(
        [[at, *step, *undo[:6], undo.row is not None] for at, step, undo in learner.taken],
        np.float64).reshape(len(learner.taken), 13)
    rows = [undo.row for _, _, undo in learner.taken if undo.row is not None]
    kept['taken_rows'] = np.array(rows, np.float32).reshape(len(rows), learner.config.states + 1)
    kept['alarms'] = np.array(
        [[0, *learner.alarm.document()],
         *([number, *cusum.document()] for number, cusum in sorted(learner.rivals.items()))],
        np.float64)
    kept['patience'] = np.array(
        sorted(learner.patience.items()), np.float64).reshape(len(learner.patience), 2)
    kept['sums'] = np.array([*learner.block, *learner.rewards])
    return {name: array.copy() for name, array in kept.items()}


def learner_from(
    manifest: Mapping[str, object], arrays: Mapping[str, NDArray[np.generic]]
) -> ContinualLearner:
    """Raises ValueError that says what was expected."""
    if manifest.get('schema') != SCHEMA or manifest.get('kind') != 'contexts':
        raise ValueError(f"expected kind 'contexts' of schema {SCHEMA}, found "
                         f'{manifest.get("kind")!r} of {manifest.get("schema")!r}')
    config = _config(manifest.get('config'))
    learner = ContinualLearner(config, generator_from(manifest.get('generator')))
    sizes = (config.states, config.actions)
    learner.everything = WorldModel.from_arrays(*sizes, _under(arrays, 'all.'))
    listed = manifest.get('contexts')
    if not isinstance(listed, list) or len(listed) > config.contexts_max:
        raise ValueError(f'contexts: expected a list of at most {config.contexts_max}')
    planning = Planning(
        config.discount, config.hope_visits, config.warm_visits, config.warm_hope)
    for one in listed:
        number, used = _pair(one)
        learner.library.contexts.append(Context.from_arrays(
            number, used, sizes, planning, _under(arrays, f'c{number}.')))
    learner.library.opened = whole(manifest, 'opened')
    learner.steps = whole(manifest, 'steps')
    learner.frozen = manifest.get('frozen') is True
    learner.settled = manifest.get('settled') is True
    learner.current = whole(manifest, 'current')
    _restore_pending(learner, arrays)
    _check(learner)
    return learner


def _restore_pending(
    learner: ContinualLearner, arrays: Mapping[str, NDArray[np.generic]]
) -> None:
    most = learner.config.undo_max_steps
    learner.pending.extend(_transitions(arrays, 'pending', most, learner))
    learner.window = _transitions(arrays, 'window', learner.config.window_max_steps, learner)
    rows = _table(arrays, 'taken_rows', learner.config.states + 1, most).astype(np.float32)
    row = 0
    for line in _table(arrays, 'taken', 13, most):
        step = _step(line[1:6], learner)
        kept = None
        if line[12]:
            if row >= len(rows):
                raise ValueError('taken_rows: expected one for each step that needs it')
            kept, row = rows[row].copy(), row + 1
        pair = step.state * learner.config.actions + step.action
        mean, squares, pooled, freedom = map(float, line[8:12])
        undo = Undo(pair, learner.everything.column(step), mean, squares, pooled, freedom, kept)
        learner.taken.append((int(line[0]), step, undo))
    for number, total, since in _table(arrays, 'alarms', 3, 65):
        cusum = Cusum(float(total), int(since))
        if number:
            learner.rivals[int(number)] = cusum
        else:
            learner.alarm = cusum
    for number, tried in _table(arrays, 'patience', 2, 64):
        learner.patience[int(number)] = int(tried)
    sums = [float(value) for value in checked(arrays, 'sums', (6,))]
    learner.block, learner.rewards = sums[:3], sums[3:]


def _check(learner: ContinualLearner) -> None:
    numbers = [context.number for context in learner.library.contexts]
    try:
        learner.library.check_invariants()
    except AssertionError as error:
        raise ValueError(f'contexts: expected each once, in order: {error}') from None
    if numbers and learner.current not in numbers:
        raise ValueError(f'current={learner.current}: expected one of {numbers}')
    if not numbers and (learner.current or learner.settled):
        raise ValueError('current: expected 0 without contexts')


def _config(document: object) -> ContinualConfig:
    if not isinstance(document, Mapping):
        raise ValueError('config: expected an object')
    known = {each.name for each in fields(ContinualConfig)}
    if set(document) != known:
        raise ValueError(f'config: expected {sorted(known)}, found {sorted(document)}')
    return ContinualConfig(**document)


def _under(
    arrays: Mapping[str, NDArray[np.generic]], prefix: str
) -> dict[str, NDArray[np.generic]]:
    return {name[len(prefix):]: array for name, array in arrays.items()
            if name.startswith(prefix)}


def _steps(steps: Iterable[Transition]) -> Floats:
    return np.array([list(map(float, step)) for step in steps], np.float64).reshape(-1, 5)


def _table(
    arrays: Mapping[str, NDArray[np.generic]], name: str, width: int, most: int
) -> Floats:
    array = arrays.get(name)
    if array is None or array.ndim != 2 or len(array) > most:
        raise ValueError(f'{name}: expected at most {most} rows of {width}')
    return checked(arrays, name, (len(array), width))


def _transitions(
    arrays: Mapping[str, NDArray[np.generic]], name: str, most: int, learner: ContinualLearner
) -> list[Transition]:
    return [_step(line, learner) for line in _table(arrays, name, 5, most)]


def _step(line: Sequence[float] | Floats, learner: ContinualLearner) -> Transition:
    step = Transition(int(line[0]), int(line[1]), float(line[2]), int(line[3]), bool(line[4]))
    learner.check_step(step)
    return step


def _pair(one: object) -> tuple[int, int]:
    if not isinstance(one, (list, tuple)) or len(one) != 2:
        raise ValueError('contexts: expected pairs of number and step of last use')
    document = {'number': one[0], 'used': one[1]}
    return whole(document, 'number'), whole(document, 'used')
