# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the reading of a controller's manifest; refuses to know files.

A manifest may come from another robot or version, so everything in it is checked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..hexadecimal import from_hex
from ..observation import Mode
from .buckets import CELLS, MODES, Level
from .chance import Chance
from .doubt import Doubt
from .drift import Drift
from .experience import Array
from .reward import Window
from .view import ModeDecision, ModeValue

if TYPE_CHECKING:
    from .controller import ModeController

COUNT_MAX = 1 << 53
TEXT_MAX = 1000


def fill(
    controller: ModeController, manifest: Mapping[str, Any], arrays: Mapping[str, Array],
    same_life: bool,
) -> None:
    """Set everything but the experience. Raises ValueError that says what was expected."""
    from .controller import RECENT, SCHEMA, Past
    if manifest.get('schema') != SCHEMA:
        raise ValueError(f'schema: expected {SCHEMA}, found {manifest.get("schema")!r}')
    if manifest.get('modes') != [mode.value for mode in MODES]:
        raise ValueError(f'modes: expected {[mode.value for mode in MODES]}, '
                         f'found {manifest.get("modes")!r}')
    try:
        controller._chance = Chance(int(_text(manifest['chance']), 16))
        controller.frozen = _flag(manifest['frozen'])
        controller._decisions = _count(manifest['decisions'])
        controller._explored = _count(manifest['explored'])
        controller._since_drift = _count(manifest['since_drift'])
        controller._drift = Drift.from_document(manifest['drift'])
        doubt = manifest.get('doubt')   # earlier versions had none
        if doubt is not None:
            controller._doubt = Doubt.restored(
                doubt, arrays, controller.config.experience, controller.config.reward)
        past = list(manifest['past'])
        if len(past) > RECENT or controller._explored > controller._decisions:
            raise ValueError(f'expected at most {RECENT} past decisions and no more explored '
                             'than made')
        controller._past.extend(
            Past(_number(r), _flag(s), _count(e)) for r, s, e in past)
        if same_life:
            _go_on(controller, manifest)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f'manifest of a mode controller: expected all its fields, found '
                         f'{type(error).__name__}: {error}') from error


def _go_on(controller: ModeController, manifest: Mapping[str, Any]) -> None:
    b = controller._buckets
    for bucket, level in zip((b.arousal, b.stability, b.pressure), manifest['levels'],
                             strict=True):
        bucket.level = None if level is None else Level(level)
    controller._choice = _choice(manifest['choice'])
    controller._pending = _pending(manifest['pending'])


def _pending(one: Mapping[str, Any] | None) -> Any:
    from .controller import Pending
    if one is None:
        return None
    held = {Mode(name): _count(ns) for name, ns in one['mode_ns'].items()}
    stability, pressure, off = (_number(value) for value in one['sums'])
    window = Window(_count(one['elapsed_ns']), _count(one['seen_ns']), stability, pressure, off,
                    held or None)
    cell = _count(one['cell'])
    if cell >= CELLS:
        raise ValueError(f'cell: expected 0..{CELLS - 1}, found {cell}')
    return Pending(cell, Mode(one['in_force']), _flag(one['teaches']), window)


def _choice(one: Mapping[str, Any] | None) -> ModeDecision | None:
    if one is None:
        return None
    values = tuple(
        ModeValue(mode, _number(value), _count(visits), _text(masked))
        for mode, (value, visits, masked) in zip(MODES, one['values'], strict=True))
    mode, runner_up = Mode(one['mode']), Mode(one['runner_up'])
    if mode not in MODES or runner_up not in MODES:
        raise ValueError('choice: expected modes that can be learned')
    return ModeDecision(
        mode=mode, confidence=_number(one['confidence']), reason=_text(one['reason']),
        state=_text(one['state']), values=values, runner_up=runner_up,
        explored=_flag(one['explored']))


def _number(text: Any) -> float:
    value = from_hex(_text(text))
    if not math.isfinite(value):
        raise ValueError(f'expected a finite number, found {text!r}')
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= COUNT_MAX:
        raise ValueError(f'expected a count, found {value!r}')
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f'expected true or false, found {value!r}')
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise ValueError(f'expected a short text, found {value!r}')
    return value
