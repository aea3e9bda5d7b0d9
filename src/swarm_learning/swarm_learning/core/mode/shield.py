# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns which modes may be proposed and when to explore; refuses to know values.

It is asked before and after exploration and for the best next value, so that nothing is learned
from a choice that could not be made. Recovery and defensive are permitted where something calls
for caution: a calm swarm that rests from work it could do is of no use to anybody, and its figures
do not show that.
"""

from __future__ import annotations

import math

from ..observation import Mode
from ..regimes.snapshot import Regime
from .buckets import MODES, Level, Situation, stability_level
from .view import ModeView

SAFE = (Mode.DEFENSIVE, Mode.RECOVERY)
RISKY = (Mode.EXPLORE, Mode.HYPERFOCUS)
CALM = 'nothing calls for caution'


def emergency(view: ModeView) -> str:
    """Why only a safe mode may be proposed, at once; '' = no emergency."""
    if view.estop:
        return 'emergency stop'
    if view.leaderless:
        return 'no leader'
    return 'low battery' if view.battery_low else ''


def risk(view: ModeView, stability: Level) -> str:
    """Why modes that take risks may not be proposed; '' = they may."""
    if view.humans_near:
        return 'humans near'
    if not math.isfinite(view.stability):
        return 'unknown stability'
    if stability is Level.LOW:
        return 'low stability'
    return 'panic' if view.regime is Regime.PANIC else ''


def masks(view: ModeView, situation: Situation) -> tuple[str, ...]:
    """Why each of MODES may not be proposed; '' = it may."""
    alarm, risky = emergency(view), risk(view, situation.stability)
    caution = bool(alarm or risky or view.regime is Regime.THRASH or troubled(situation.cell))
    return tuple(_mask(mode, alarm, risky, caution, situation.pressure) for mode in MODES)


def _mask(mode: Mode, alarm: str, risky: str, caution: bool, pressure: Level) -> str:
    if mode in SAFE:
        return '' if caution else CALM
    return alarm or (risky if mode in RISKY else '') or pointless(mode, pressure)


def pointless(mode: Mode, pressure: Level) -> str:
    """Why a mode is not what it is for while so much work waits; '' = it may be."""
    if mode is Mode.HYPERFOCUS and pressure is Level.LOW:
        return 'hardly any work waits'
    return 'much work waits' if mode is Mode.EXPLORE and pressure is Level.HIGH else ''


def troubled(cell: int) -> bool:
    """Whether the buckets call for caution: low stability, or no firm ground under high arousal or
    pressure."""
    arousal, stability, pressure = cell // 9, cell // 3 % 3, cell % 3
    if stability == Level.LOW:
        return True
    return stability == Level.MEDIUM and Level.HIGH in (arousal, pressure)


def may_explore(view: ModeView, situation: Situation) -> bool:
    """Whether a mode may be tried to learn. Not amid thrashing: it would add to it."""
    return not (emergency(view) or risk(view, situation.stability)
                or view.regime is Regime.THRASH) and view.can_change


def cell_masks(cell: int) -> tuple[bool, ...]:
    """Whether each of MODES is permitted by the buckets alone, for planning ahead."""
    low, caution = stability_level(cell) is Level.LOW, troubled(cell)
    return tuple(
        (caution or mode not in SAFE) and not (low and mode in RISKY)
        and not pointless(mode, Level(cell % 3)) for mode in MODES)
