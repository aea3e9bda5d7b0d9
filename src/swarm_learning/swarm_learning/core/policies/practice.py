# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the policies of one shelf as they run: the one that is followed decides, shadows are asked
beside it. Refuses to know files; a policy that fails is reported, never followed blindly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model import Floats
from .network import NetworkPolicy
from .policy import SCHEMA, Mask, Policy, TablePolicy
from .shelf import Effect, Forget, PolicyShelf, Result

KINDS: Mapping[str, type[TablePolicy] | type[NetworkPolicy]] = {
    'table': TablePolicy, 'network': NetworkPolicy}


@dataclass(frozen=True)
class Decided:
    """One decision. `version` 0 = no policy could say anything, and `action` is the fallback."""

    version: int
    action: int
    values: Floats
    asked: Mapping[int, int]


class Practice:
    """A shelf with its policies in memory."""

    def __init__(self, shelf: PolicyShelf, actions: int) -> None:
        self.shelf = shelf
        self.actions = actions
        self._policies: dict[int, Policy] = {}

    def bring(self, version: int, policy: Policy) -> None:
        """Raises ValueError for a policy of other actions."""
        if policy.actions != self.actions:
            raise ValueError(
                f'version {version}: expected {self.actions} actions, has {policy.actions}')
        self._policies[version] = policy

    def missing(self) -> tuple[int, ...]:
        """Versions that are on the shelf and not in memory."""
        return tuple(sorted(set(self.shelf.versions) - set(self._policies)))

    def decide(
        self, observation: object, mask: Mask | None = None, fallback: int = 0
    ) -> tuple[Decided, tuple[Effect, ...]]:
        """Ask whose turn it is, and the shadows. A policy that cannot answer leaves the shelf."""
        turn = self.shelf.turn()
        effects: tuple[Effect, ...] = ()
        answers: dict[int, tuple[int, Floats]] = {}
        for number in sorted({turn.followed, *turn.asked} - {0}):
            try:
                answers[number] = self._policies[number].act(observation, mask)
            except KeyError:
                effects += self._lost(number, 'it is not in memory')
            except ValueError as error:
                effects += self._lost(number, str(error))
        asked = {number: answers[number][0] for number in turn.asked if number in answers}
        if turn.followed not in answers:
            nothing: Floats = np.full(self.actions, -np.inf)
            return Decided(0, fallback, nothing, asked), effects
        action, values = answers[turn.followed]
        return Decided(turn.followed, action, values, asked), effects

    def note(
        self, decided: Decided, action: int, chance: float, reward: float
    ) -> tuple[Effect, ...]:
        """What came of a decision; `action` was done, with that chance (exploration included).
        Raises ValueError as PolicyShelf.note does."""
        effects = self.shelf.note(
            Result(decided.version, action, chance, reward, decided.asked))
        for effect in effects:
            if isinstance(effect, Forget):
                self._policies.pop(effect.version, None)
        return effects

    def _lost(self, number: int, reason: str) -> tuple[Effect, ...]:
        self._policies.pop(number, None)
        return self.shelf.lost(number, reason)


def policy_from(
    manifest: Mapping[str, object], arrays: Mapping[str, NDArray[np.generic]]
) -> Policy:
    """A policy of either kind from its archive. Raises ValueError that says what was expected."""
    schema, kind = manifest.get('schema'), manifest.get('kind')
    if schema != SCHEMA:
        raise ValueError(f'schema: expected {SCHEMA}, found {schema!r}')
    form = KINDS.get(str(kind))
    if form is None:
        raise ValueError(f'kind: expected one of {", ".join(KINDS)}, found {kind!r}')
    return form.from_archive(manifest, arrays)
