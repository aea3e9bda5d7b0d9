# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What every policy can do: say an action and what all actions are worth to it. Owns the policy
that is a table, and how any policy becomes a manifest with arrays and back; refuses to know
files. A network is in network.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .model import Floats, checked

SCHEMA = 1
BYTES_MAX = 4 * 1024 * 1024  # of the arrays of one policy: it is copied between robots
ACTIONS_MAX = 1024

Mask = NDArray[np.bool_]
Arrays = dict[str, NDArray[np.generic]]


class Policy(Protocol):
    """Both kinds. `act` has no side effects and no randomness: equal in, equal out."""

    kind: str
    actions: int

    def act(self, observation: object, mask: Mask | None = None) -> tuple[int, Floats]:
        """(action, values): the values of forbidden actions are -inf, ties go to the lowest
        action. What values mean differs: worth in a table, logarithms of chances in a network.

        Raises ValueError for an observation or a mask that is not this policy's.
        """

    def manifest(self) -> dict[str, object]: ...

    def arrays(self) -> Arrays: ...


class TablePolicy:
    """values: shape (states, actions). An observation is the number of a state."""

    kind = 'table'

    def __init__(self, values: Floats) -> None:
        if values.ndim != 2 or not values.size or values.shape[1] > ACTIONS_MAX:
            raise ValueError(f'values: expected states x actions, got {values.shape}')
        if values.nbytes > BYTES_MAX or not np.isfinite(values).all():
            raise ValueError(f'values: expected finite numbers, at most {BYTES_MAX} bytes')
        self.values = values.astype(np.float64)
        self.states, self.actions = values.shape

    def act(self, observation: object, mask: Mask | None = None) -> tuple[int, Floats]:
        state = observation
        if isinstance(state, bool) or not isinstance(state, (int, np.integer)) or not (
                0 <= int(state) < self.states):
            raise ValueError(f'observation={state!r}: expected 0 to {self.states - 1}')
        return best_of(self.values[int(state)].copy(), mask)

    def manifest(self) -> dict[str, object]:
        return {'schema': SCHEMA, 'kind': self.kind, 'states': self.states,
                'actions': self.actions}

    def arrays(self) -> Arrays:
        return {'values': self.values}

    @classmethod
    def from_archive(
        cls, manifest: Mapping[str, object], arrays: Mapping[str, NDArray[np.generic]]
    ) -> TablePolicy:
        """Raises ValueError that says what was expected."""
        shape = (count(manifest, 'states', 1 << 20), count(manifest, 'actions', ACTIONS_MAX))
        return cls(checked(arrays, 'values', shape))


def best_of(values: Floats, mask: Mask | None) -> tuple[int, Floats]:
    """The best allowed action and the values with -inf elsewhere. Raises ValueError."""
    if mask is not None:
        taken = np.asarray(mask)
        if taken.shape != values.shape or taken.dtype.kind not in 'biu' or not taken.any():
            raise ValueError(f'mask: expected {values.size} booleans, at least one of them true')
        values[~taken.astype(np.bool_)] = -np.inf
    return int(values.argmax()), values


def count(manifest: Mapping[str, object], key: str, most: int, least: int = 1) -> int:
    """A whole number of a manifest. Raises ValueError."""
    value = manifest.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f'{key}: expected a whole number from {least} to {most}, '
                         f'found {value!r}')
    return value
