# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who performs an operation on a bus. Decides nothing about whether it should be performed."""

from collections.abc import Mapping
from typing import Protocol

from hw_discovery.core.probing.operation import Operation, Outcome


class Performer(Protocol):
    """Does one thing to one place and says what came of it."""

    def perform(self, operation: Operation) -> Outcome:
        """Return the outcome. Blocks for the operation's own time; never raises."""


class Performers:
    """Hands each operation to the performer of its type."""

    def __init__(self, by_type: Mapping[type, Performer]) -> None:
        self._by_type = dict(by_type)

    def perform(self, operation: Operation) -> Outcome:
        """Return the outcome; 'failed' if nobody here performs such operations."""
        performer = self._by_type.get(type(operation))
        if performer is None:
            return Outcome(
                operation, error='failed',
                detail=f'{type(operation).__name__} is not performed by this configuration')
        return performer.perform(operation)
