# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a planner may ask of a place: questions with their operations, cost and judgement.

A question is a value with a pure `judge`: the same outcomes give the same evidence. Questions
decide neither whether nor when they are asked: that is the planner's.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Protocol

from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.probing.evidence import Evidence
from hw_discovery.core.probing.operation import Operation, Outcome


class Tier(IntEnum):
    """Order of asking: nothing of a later tier while an earlier one has something to ask."""

    PASSIVE = 0  # sends nothing, or one bare read
    INERT = 1  # changes nothing on any device that is still possible
    LAST = 2  # tests without an identity, or that need an operator's consent


class Question(Protocol):
    """`about`: bits that a fitting answer is worth, by entry id. `caution`: rule of caution that
    an operator can lift by a grant for one of `about`; '' = none."""

    @property
    def key(self) -> str:
        """Name of the question, the same in every round."""

    @property
    def tier(self) -> Tier:
        """When it is asked."""

    @property
    def about(self) -> Mapping[str, float]:
        """Whom it asks for."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What is performed, in this order."""

    @property
    def cost_ms(self) -> float:
        """How long it takes at most."""

    @property
    def caution(self) -> str:
        """Why it is not asked without a grant."""

    def judge(self, outcomes: Sequence[Outcome],
              entries: Sequence[DeviceEntry]) -> list[Evidence]:
        """Return what the outcomes, as many as operations, say of the entries."""
