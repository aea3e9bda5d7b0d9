# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which function applies which command: owns the table that the rule modules enter themselves in.

A rule is `rule(command, state, done)`: it changes `state` and says in `done` what it did. It
reads nothing else: no clock, no float, no set order, no local configuration.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import INTEGER_MAX
from swarm_coordinator.core.replicated.state import ReplicatedState

MS = 1_000_000
Rule = Callable[[Any, ReplicatedState, Applied], None]
Some = TypeVar('Some', bound=Rule)

RULES: dict[type, Rule] = {}


def rule(kind: type) -> Callable[[Some], Some]:
    """Enter the decorated function as the rule for commands of this type."""

    def enter(function: Some) -> Some:
        assert kind not in RULES, f'two rules for {kind.__name__}'
        RULES[kind] = function
        return function

    return enter


def after(stamp_ns: int, duration_ms: int) -> int:
    """The stamp `duration_ms` later. Held to 64 bits, which is what a snapshot and messages can
    hold, whatever a command asks for."""
    return max(-INTEGER_MAX, min(INTEGER_MAX, stamp_ns + duration_ms * MS))
