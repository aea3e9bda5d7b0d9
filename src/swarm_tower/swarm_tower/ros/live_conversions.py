# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What single robots say of themselves, and any sensor's message, as facts. Owns what is shown of
a message whose kind is not known beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from swarm_msgs.msg import (
    LearningState,
    LocalConsciousness,
    LocalState,
    PolicyVersion,
    SensorHealth,
    SensorReport,
)

from swarm_tower.core import live
from swarm_tower.ros.conversions import (
    LIST_MAX,
    MODES,
    clip,
    clip_all,
    permille,
    unit_interval,
    word,
    words,
)

FIELDS_MAX = 32
DEPTH_MAX = 4
LISTED_MAX = 4          # longer lists are told by their length and range
SUMMED_MAX = 4096       # numbers of a list that are looked at
SIGNALS = ('arousal', 'curiosity', 'confidence', 'stability', 'pressure')
SENSOR_STATES = words(SensorHealth, 'STATE_')
POLICY_PHASES = words(PolicyVersion, 'PHASE_')
BASES = words(LocalState, 'BATTERY_')


def own_mind(msg: LocalConsciousness) -> live.OwnMind:
    """Take a robot's control signals."""
    figures = {name: unit_interval(getattr(msg, name)) for name in SIGNALS}
    return live.OwnMind(msg.robot_id, figures, clip_all(msg.reasons, 200))


def own_state(msg: LocalState) -> live.OwnState:
    """Take what a robot knows of itself."""
    measured = msg.battery_basis == LocalState.BATTERY_MEASURED
    return live.OwnState(msg.robot_id, {
        'cpu_permille': permille(msg.cpu_load_permille),
        'memory_permille': permille(msg.memory_used_permille),
        'disk_free_bytes': msg.disk_free_bytes,
        'battery': unit_interval(msg.battery_charge) if measured else None,
        'queued_work_ms': msg.queued_work_ms,
        'jobs_done': msg.jobs_done,
        'jobs_failed': msg.jobs_failed,
        'faults': msg.faults,
        'leader_changes': msg.leader_changes,
        'tick_late_ms_max': msg.tick_late_ms_max,
        'fsync_ms_max': msg.fsync_ms_max,
        'mode': word(MODES, msg.mode),
    })


def own_learning(msg: LearningState) -> live.OwnLearning:
    """Take how a learner is doing."""
    kept = msg.checkpoint
    return live.OwnLearning(msg.robot_id, {
        'frozen': msg.frozen,
        'frozen_reason': clip(msg.frozen_reason, 200),
        'outcomes': msg.outcomes,
        'refused': msg.refused,
        'memory_bytes': msg.memory_bytes,
        'memory_blocks': msg.memory_blocks,
        'memory_events': msg.memory_events,
        'tick_us_mean': msg.tick_us_mean,
        'tick_us_max': msg.tick_us_max,
        'checkpoint': f'{clip(kept.name, 64)}@{kept.version}' if kept.version else '',
        'policies': [
            f'{clip(p.name, 64)}@{p.version} {word(POLICY_PHASES, p.phase)}'
            for p in msg.policies[:LIST_MAX]
        ],
    })


def own_sensors(msg: SensorReport) -> live.OwnSensors:
    """Take a robot's judgement of its sensors."""
    return live.OwnSensors(msg.robot_id, tuple(_sensor(one) for one in msg.sensors[:LIST_MAX]))


def _sensor(msg: SensorHealth) -> tuple[str, str, int | None, float | None, str]:
    age = None if msg.age_ms == SensorHealth.UNKNOWN_AGE else msg.age_ms
    rate = round(msg.rate_hz, 2) if math.isfinite(msg.rate_hz) else None
    state = word(SENSOR_STATES, msg.state)
    return clip(msg.device_id, 200), state, age, rate, clip(msg.reason, 200)


def fields_of(msg: Any) -> tuple[tuple[str, Any], ...]:
    """Return what is in a message as (path, number or text), the first FIELDS_MAX."""
    found: list[tuple[str, Any]] = []
    for pair in _walk(msg, '', 0):
        found.append(pair)
        if len(found) >= FIELDS_MAX:
            break
    return tuple(found)


def _walk(msg: Any, where: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name in msg.get_fields_and_field_types():
        if name == 'header' or name.endswith('covariance'):
            continue
        value, path = getattr(msg, name), f'{where}{name}'
        if hasattr(value, 'get_fields_and_field_types'):
            if depth < DEPTH_MAX:
                yield from _walk(value, f'{path}.', depth + 1)
        else:
            yield from _plain(value, path, depth)


def _plain(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, str):
        yield path, clip(value, 80)
    elif isinstance(value, bool | int | float):
        yield path, _number(value)
    elif isinstance(value, bytes | bytearray):
        yield path, f'{len(value)} bytes'
    elif len(value) and hasattr(value[0], 'get_fields_and_field_types'):
        yield path, f'{len(value)} entries'
        if depth < DEPTH_MAX:
            yield from _walk(value[0], f'{path}[0].', depth + 1)
    elif len(value) and isinstance(value[0], str):
        yield path, clip(', '.join(str(v) for v in list(value)[:LISTED_MAX]), 80)
    else:
        yield from _numbers(value, path)


def _numbers(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if len(value) <= LISTED_MAX:
        for place, one in enumerate(value):
            yield f'{path}[{place}]', _number(one)
        return
    yield path, f'{len(value)} numbers'
    finite = [float(v) for v in list(value[:SUMMED_MAX]) if math.isfinite(v)]
    if finite:
        yield f'{path} least', _number(min(finite))
        yield f'{path} mean', _number(sum(finite) / len(finite))
        yield f'{path} most', _number(max(finite))


def _number(value: Any) -> float | int | bool | None:
    if isinstance(value, bool):
        return value
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else float(f'{number:.6g}')
