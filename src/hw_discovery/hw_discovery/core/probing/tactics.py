# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What differs between buses when a place is probed, and who could be at a place.

Owns: the interface between the planner and the buses' own rules, and the choice by place.
"""

from collections.abc import Sequence
from typing import Protocol

from hw_discovery.core.catalogue.bus_rules import BusRules
from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.probing.consent import Hints
from hw_discovery.core.probing.evidence import Evidence, Hypotheses
from hw_discovery.core.probing.harm import HazardBook
from hw_discovery.core.probing.i2c_tactics import I2cTactics
from hw_discovery.core.probing.operation import I2cPlace, Outcome, Place, SpiPlace
from hw_discovery.core.probing.question import Question
from hw_discovery.core.probing.serial_plan import Protocols
from hw_discovery.core.probing.serial_tactics import SerialTactics
from hw_discovery.core.probing.spi_plan import SpiTactics
from hw_discovery.core.probing.verdict import PlaceState
from hw_discovery.core.protocols import PROTOCOLS, Match, match

__all__ = ['Knowledge', 'Protocols', 'Tactics', 'find_frames', 'tactics_for']


class Knowledge(HazardBook, Protocol):
    """What is used of the catalogue."""

    @property
    def entries(self) -> Sequence[DeviceEntry]:
        """All of them."""

    @property
    def bus_rules(self) -> BusRules:
        """Rules of whole buses."""

    def of_i2c_address(self, address: int) -> Sequence[DeviceEntry]:
        """Return who can sit at an address."""

    def of_spi(self) -> Sequence[DeviceEntry]:
        """Return who can hang on a chip select."""


class Tactics(Protocol):
    """What differs between buses."""

    @property
    def entries(self) -> Sequence[DeviceEntry]:
        """Everything that the place could hold."""

    @property
    def bits_min(self) -> float:
        """Bits of own words without which nothing is identified here."""

    @property
    def confirms_all(self) -> bool:
        """Whether all questions about a device are asked before it is named, or only those
        that can refute it."""

    @property
    def rounds_max(self) -> int | None:
        """How often everything is asked; None = for ever, rarely in the end."""

    def first_evidence(self) -> list[Evidence]:
        """What is known without asking."""

    def parts(self) -> Sequence[str]:
        """Entries of which this place shows only a part."""

    def questions(self, hypotheses: Hypotheses, state: PlaceState,
                  answered: frozenset[str], age_ms: int) -> list[Question]:
        """All that could be asked now; `answered`: keys of this round;
        `age_ms`: how long the place has been known, at least."""

    def is_complete(self, entry_id: str, answered: frozenset[str]) -> bool:
        """Tell whether everything was asked without which an entry is not named."""

    def place_rule(self, question: Question) -> str:
        """Return the rule of the place against the question, '' = none."""

    def after(self, question: Question, hypotheses: Hypotheses, answered: frozenset[str],
              round_number: int) -> list[Evidence]:
        """Return what follows from answers beyond the question's own judgement."""

    def round_over(self, hypotheses: Hypotheses, answered: frozenset[str],
                   round_number: int) -> list[Evidence]:
        """Return what follows from everything having been asked; it is kept."""

    def state_after(self, question: Question, outcomes: Sequence[Outcome],
                    state: PlaceState) -> PlaceState:
        """Return whether somebody is there."""


def tactics_for(place: Place, hints: Hints, catalogue: Knowledge,
                protocols: Protocols) -> Tactics:
    """Return the rules of the place's bus with everything that could be there."""
    if isinstance(place, I2cPlace):
        return I2cTactics(place, catalogue.of_i2c_address(place.address), hints,
                          catalogue.bus_rules.i2c.forbids(place.address))
    if isinstance(place, SpiPlace):
        return SpiTactics(place, catalogue.of_spi(), hints)
    return SerialTactics(place, catalogue.entries, hints, protocols)


def find_frames(name: str, data: bytes) -> Match | None:
    """Return what the decoder of this name finds; None = there is none."""
    return match(name, data) if name in PROTOCOLS else None
