# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the mode world as a Gymnasium environment; refuses to know how one learns in it.

One step is one decision: a mode for `dwell` ticks of 1 s. What the shield forbids is listed in
info['action_mask']; a forbidden action is replaced by normal, or defensive where
that is forbidden too, and told in info['refused'].
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from ...core.mode.buckets import MODE_INDEX, MODES
from ...core.observation import Mode
from ..mode_baselines import SWITCH
from ..mode_world import FAMILIES, Array, Cells, ModeWorld, permitted

SAFE, USUAL = MODE_INDEX[Mode.DEFENSIVE], MODE_INDEX[Mode.NORMAL]


class ModeEnv(gymnasium.Env[Array, np.int64]):
    """Choose the swarm's mode.

    Observation: float32 of shape (9,): arousal, stability, pressure, and one figure for each of
    MODES that is 1 for the mode in force; all in [0, 1]. Action: index into MODES. Reward: mean
    over the ticks of stability - pressure - 0.5 |arousal - 0.45|, less 0.05 for a change. Never
    terminated; truncated after `decisions` steps. Raises ValueError on an unknown family.
    """

    metadata: dict[str, Any] = {'render_modes': []}

    def __init__(self, family: str = 'mixed', decisions: int = 200, dwell: int = 10) -> None:
        if family not in FAMILIES:
            raise ValueError(f'family={family!r}: expected one of {", ".join(FAMILIES)}')
        if decisions < 1 or dwell < 1:
            raise ValueError('decisions and dwell: expected at least 1, got '
                             f'{decisions} and {dwell}')
        self.observation_space = spaces.Box(0.0, 1.0, (3 + len(MODES),), np.float32)
        self.action_space = spaces.Discrete(len(MODES))
        self._family, self._decisions, self._dwell = FAMILIES[family], decisions, dwell
        self._begin(0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        self._begin(int(self.np_random.integers(2**31)))
        return self._seen(), self._info(False)

    def step(self, action: np.int64) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        if not self.action_space.contains(action):
            raise ValueError(f'action={action!r}: expected 0..{len(MODES) - 1}')
        mask = self._mask()
        refused = not mask[action]
        instead = USUAL if mask[USUAL] else SAFE
        chosen = np.array([instead if refused else int(action)])
        reward = -SWITCH * float(chosen[0] != self._world.modes[0])
        for _ in range(self._dwell):
            self._world.tick(chosen)
            reward += float(self._world.rewards()[0]) / self._dwell
        self._row = self._cells.settle(*self._world.figures())
        self._steps += 1
        over = self._steps >= self._decisions
        return self._seen(), reward, False, over, self._info(refused)

    def _begin(self, seed: int) -> None:
        self._world, self._cells, self._steps = ModeWorld(self._family, [seed]), Cells(1), 0
        self._row = self._cells.settle(*self._world.figures())

    def _mask(self) -> Array:
        return np.asarray(permitted(self._row, self._world.flag)[0])

    def _seen(self) -> Array:
        in_force = np.eye(len(MODES))[self._world.modes[0]]
        figures = np.concatenate([np.concatenate(self._world.figures()), in_force])
        return np.asarray(np.clip(figures, 0.0, 1.0), dtype=np.float32)

    def _info(self, refused: bool) -> dict[str, Any]:
        return {'action_mask': self._mask().astype(np.int8), 'refused': refused}
