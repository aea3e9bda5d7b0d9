# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How one I2C address is probed.

Owns: who could be there, presence first, the addresses that are never asked blindly, and the
control of an 8-bit identity.
"""

from collections.abc import Sequence
from dataclasses import replace

from hw_discovery.core.catalogue.bus_rules import ForbiddenRange, Unless
from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.probing.consent import Hints, fits
from hw_discovery.core.probing.evidence import CONTRADICTION_BITS, Evidence, Hypotheses
from hw_discovery.core.probing.i2c_plan import (
    PresenceQuestion,
    RegisterQuestion,
    control_question,
    is_part_at,
    is_read_fully,
    questions_of,
)
from hw_discovery.core.probing.operation import I2cBareRead, I2cPlace, Outcome
from hw_discovery.core.probing.question import Question
from hw_discovery.core.probing.verdict import PlaceState


class I2cTactics:
    """`entries`: of the catalogue at this address. `forbidden`: the bus rules about it."""

    # One 8-bit identity of up to four accepted values.
    bits_min = 6.0
    confirms_all = True
    rounds_max: int | None = None

    def __init__(self, place: I2cPlace, entries: Sequence[DeviceEntry],
                 hints: Hints, forbidden: Sequence[ForbiddenRange]) -> None:
        self._place = place
        self._forbidden = forbidden
        self._hints = hints
        self.entries: Sequence[DeviceEntry] = tuple(
            entry for entry in entries
            if not hints.declared or fits(entry, hints.declared))

    def first_evidence(self) -> list[Evidence]:
        """Nothing is known of an address before it is asked."""
        return []

    def parts(self) -> Sequence[str]:
        """Chips with a second address of their own."""
        return [entry.id for entry in self.entries if is_part_at(entry, self._place.address)]

    def questions(self, hypotheses: Hypotheses, state: PlaceState,
                  answered: frozenset[str], age_ms: int) -> list[Question]:
        """Presence alone first, unless the device is remembered; then everything."""
        if state is not PlaceState.PRESENT and not self._hints.remembered:
            return [PresenceQuestion(self._place)]
        found = [self._quick(item) for item in questions_of(self._place, self.entries, age_ms)]
        top = next(iter(hypotheses.ranked()), '')
        if top and hypotheses.direct_bits(top) > 0:
            entry = next(entry for entry in self.entries if entry.id == top)
            control = control_question(self._place, entry)
            if control is not None:
                found.append(control)
        return found

    def _quick(self, question: Question) -> Question:
        if self._hints.remembered in question.about and isinstance(question, RegisterQuestion):
            return replace(question, reads=1)
        return question

    def is_complete(self, entry_id: str, answered: frozenset[str]) -> bool:
        """One of several registers is not enough: all of them must fit."""
        return any(entry.id == entry_id
                   and is_read_fully(entry, self._place.address, answered)
                   for entry in self.entries)

    def place_rule(self, question: Question) -> str:
        """Refuse the addresses that are never asked blindly, unless somebody declared it."""
        only_bare = all(isinstance(operation, I2cBareRead) for operation in question.operations)
        for rule in self._forbidden:
            if (rule.bare_read and only_bare) or self._is_lifted(rule.unless):
                continue
            return f'0x{self._place.address:02x} is not asked blindly: {rule.why}'
        return ''

    def _is_lifted(self, unless: Unless) -> bool:
        if unless is Unless.ALLOWED_BUS:
            return self._hints.allowed_bus or bool(self._hints.declared)
        return unless is Unless.DECLARED and bool(self._hints.declared)

    def after(self, question: Question, hypotheses: Hypotheses, answered: frozenset[str],
              round_number: int) -> list[Evidence]:
        """Rule out whom one of its registers fits and another one does not: a hidden identity
        (banks, suspend) hides all of it."""
        found = []
        for entry in self.entries:
            if entry.i2c is None or entry.i2c.fingerprint or entry.id not in question.about:
                continue
            items = [item for item in hypotheses.of(entry.id) if item.direct]
            wrong = [item for item in items if item.bits < 0]
            if wrong and any(item.bits > 0 for item in items):
                found.append(Evidence(entry.id, 'only a part fits', CONTRADICTION_BITS,
                                      wrong[0].observation))
        return found

    def round_over(self, hypotheses: Hypotheses, answered: frozenset[str],
                   round_number: int) -> list[Evidence]:
        """Nothing follows."""
        return []

    def state_after(self, question: Question, outcomes: Sequence[Outcome],
                    state: PlaceState) -> PlaceState:
        """Whoever acknowledges is present."""
        return PlaceState.PRESENT
