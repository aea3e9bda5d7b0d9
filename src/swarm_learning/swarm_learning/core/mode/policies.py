# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how policies from outside take part in choosing the mode: they are asked beside the table
of the controller, and one that has earned it is followed. Refuses to know files and messages.

Version 1 is always the controller's own table. Whatever a version says has passed the same shield:
it chooses among what the controller's decision does not mask.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from ..policies.judgement import ShelfConfig
from ..policies.policy import Arrays, Mask, Policy
from ..policies.practice import Decided, Practice, policy_from
from ..policies.shelf import Accepted, Command, Effect, Load, PolicyShelf, Refused
from ..policies.version import PolicyVersion
from .buckets import MODE_INDEX, MODES
from .view import ModeDecision, ModeView

NAME = 'mode'
OWN = 1
INPUTS = 3 + len(MODES)  # arousal, stability, pressure, and which mode is in force
SOURCE = "the learner's own table"
Floats: TypeAlias = 'np.ndarray[tuple[int, ...], np.dtype[np.float64]]'


class OwnTable:
    """The controller as a policy of the shelf: it says what the controller has just decided."""

    kind = 'table'
    actions = len(MODES)

    def __init__(self) -> None:
        self.decision: ModeDecision | None = None

    def act(self, observation: object, mask: Mask | None = None) -> tuple[int, Floats]:
        if self.decision is None:
            raise ValueError('the controller has not decided yet')
        values = np.full(self.actions, -np.inf)
        for one in self.decision.values:
            if not one.masked:
                values[MODE_INDEX[one.mode]] = one.value
        return MODE_INDEX[self.decision.mode], values

    def manifest(self) -> dict[str, object]:
        raise ValueError('it is kept with the controller')

    def arrays(self) -> Arrays:
        raise ValueError('it is kept with the controller')


@dataclass
class _Open:
    """A decision whose reward has not come yet."""

    decided: Decided
    action: int
    chance: float


class ModePolicies:
    """The shelf of the mode with its policies in memory."""

    def __init__(self, seed: int, shelf: PolicyShelf | None = None) -> None:
        self.shelf = shelf or _new_shelf(seed)
        self._own = OwnTable()
        self._practice = Practice(self.shelf, len(MODES))
        self._practice.bring(OWN, self._own)
        self._open: _Open | None = None
        self._moved: list[Effect] = []

    @classmethod
    def restored(cls, document: object, seed: int) -> ModePolicies:
        """From ShelfDocument; the policies are brought one by one. Raises ValueError."""
        shelf = PolicyShelf.from_document(document, ShelfConfig())
        if shelf.name != NAME or OWN not in shelf.versions:
            raise ValueError(f'expected the shelf {NAME!r} with version {OWN}')
        return cls(seed, shelf)

    def bring(self, version: int, policy: Policy) -> None:
        """A policy that was read from its file. Raises ValueError for one that cannot choose
        modes."""
        checked(policy)
        self._practice.bring(version, policy)

    def missing(self) -> tuple[int, ...]:
        """Versions whose files are to be read."""
        return self._practice.missing()

    def lost(self, version: int, reason: str) -> None:
        """A version's file cannot be used."""
        self._moved.extend(self.shelf.lost(version, reason))

    def load(self, policy: Policy, command: Load) -> Accepted | Refused:
        """A new version, as a shadow."""
        try:
            checked(policy)
        except ValueError as error:
            return Refused(str(error))
        answer = self.handle(command)
        if isinstance(answer, Accepted):
            self._practice.bring(answer.version.version, policy)
        return answer

    def handle(self, command: Command) -> Accepted | Refused:
        """As PolicyShelf.handle; the own table stays."""
        number = getattr(command, 'version', 0)
        if number == OWN and type(command).__name__ == 'Remove':
            return Refused(f'version {OWN} is {SOURCE}: it stays')
        answer = self.shelf.handle(command)
        if isinstance(answer, Accepted):
            self._moved.extend(answer.effects)
        return answer

    def decide(self, decision: ModeDecision, view: ModeView) -> ModeDecision:
        """The decision to propose, given the controller's. Call it once for each new one."""
        self._own.decision = decision
        mask = np.array([not one.masked for one in decision.values])
        own = MODE_INDEX[decision.mode]
        decided, effects = self._practice.decide(observation(view), mask, own)
        self._moved.extend(effects)
        if decided.version in (0, OWN) or not mask[decided.action]:
            self._open = _Open(decided, own, 1.0)
            return decision
        self._open = _Open(decided, decided.action, 1.0)
        version = self.shelf.versions[decided.version]
        mode = MODES[decided.action]
        runner_up = decision.mode if mode is not decision.mode else decision.runner_up
        return replace(
            decision, mode=mode, explored=False, runner_up=runner_up,
            reason=f'{NAME}@{version.version} ({version.phase.label}) chooses {mode.value}; the '
                   f'table would choose {decision.mode.value}: {decision.reason}')

    def rewarded(self, reward: float, learns: bool) -> None:
        """What came of the last decision."""
        opened, self._open = self._open, None
        if opened is not None and learns:
            self._moved.extend(self._practice.note(
                opened.decided, opened.action, opened.chance, reward))

    def take_moves(self) -> tuple[Effect, ...]:
        """What happened to versions since the last call."""
        moved, self._moved = tuple(self._moved), []
        return moved

    def listed(self) -> tuple[PolicyVersion, ...]:
        """Newest first."""
        return self.shelf.listed()

    def followed(self) -> int:
        """Version behind the last decision."""
        return self._open.decided.version if self._open is not None else OWN


def observation(view: ModeView) -> Floats:
    """What a network sees: INPUTS figures in [0, 1], as sim.envs.mode_env has them."""
    in_force = [float(mode is view.mode) for mode in MODES]
    figures = [view.arousal, view.stability, view.pressure]
    return np.array([*np.clip(np.nan_to_num(figures, nan=0.5), 0.0, 1.0), *in_force])


def checked(policy: Policy) -> None:
    """Raises ValueError for a policy that cannot choose modes."""
    if policy.actions != len(MODES):
        raise ValueError(f'expected {len(MODES)} actions, the modes '
                         f'{", ".join(mode.value for mode in MODES)}; it has {policy.actions}')
    even = np.full(INPUTS, 1.0 / INPUTS)
    try:
        policy.act(even, np.ones(len(MODES), dtype=np.bool_))
    except ValueError as error:
        raise ValueError(f'expected a policy of {INPUTS} inputs (arousal, stability, pressure '
                         f'and the mode in force): {error}') from None


def _new_shelf(seed: int) -> PolicyShelf:
    shelf = PolicyShelf(NAME, ShelfConfig(), seed)
    sha256 = hashlib.sha256(SOURCE.encode()).hexdigest()
    answer = shelf.handle(Load('table', sha256, SOURCE, 'learner', 'it was here first'))
    assert isinstance(answer, Accepted) and answer.version.version == OWN
    return shelf


__all__ = ['INPUTS', 'NAME', 'OWN', 'ModePolicies', 'checked', 'observation', 'policy_from']
