# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Observations weighed for and against every entry that a place could hold.

Owns: evidence as values, and the hypotheses they act on, among them `something unknown`.
Refuses to know buses and operations.

The weight of a piece of evidence is in bits: log2 of how much more likely the observation is
under that entry than under a device that nobody knows. An 8-bit identity register that holds
the expected value weighs 8 bits, one of three accepted values 8 - log2(3). An entry that says
nothing of what was looked at is as surprised as the unknown one: 0 bits.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hw_discovery.core.catalogue.entry import Confidence, DeviceEntry
from hw_discovery.core.device import Observation

UNKNOWN_ID = 'something unknown'
# Before anything was seen, something unknown counts as much as four entries. Chosen without
# data: one 8-bit identity then gives at most 256 / (256 + 4) = 0.985.
UNKNOWN_PRIOR_BITS = 2.0
# A wrong value in an identity register that is known to be readable.
CONTRADICTION_BITS = -10.0
# From here on one piece of evidence rules out, whatever supports.
RULES_OUT_BITS = -8.0
# A device that should have spoken and did not: cables, bauds and boot times make it weaker than
# a contradiction; two rounds of silence rule out.
SILENCE_BITS = -4.0
CONFIDENCE_MAX = {Confidence.VERIFIED: 0.99, Confidence.MEDIUM: 0.97,
                  Confidence.UNVERIFIED: 0.9}
# Nothing but a shared id, an address or an acknowledge speaks for it.
CONFIDENCE_MAX_INDIRECT = 0.5
# A chip of several dies of which one was seen.
CONFIDENCE_MAX_PART = 0.8


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation's weight for one entry. The same question asked again replaces it.

    direct: the device's own words (register, frame, unique id), not an id that others share.
    unit: number of this very unit, as its protocol says it. baud: at which it was heard.
    """

    entry_id: str
    question: str
    bits: float
    observation: Observation
    direct: bool = True
    unit: str = ''
    baud: int = 0


class Hypotheses:
    """Entries that a place could hold and what speaks for and against each."""

    def __init__(self, entries: Iterable[DeviceEntry]) -> None:
        self._entries = {entry.id: entry
                         for entry in sorted(entries, key=lambda entry: entry.id)}
        self._evidence: dict[str, dict[str, Evidence]] = {key: {} for key in self._entries}
        self._parts: set[str] = set()
        self._bits: dict[str, float] = {}  # worked out once after each observation
        self._shares: dict[str, float] = {}
        self._possible: tuple[DeviceEntry, ...] | None = None

    @property
    def entries(self) -> tuple[DeviceEntry, ...]:
        """All entries, possible or not, in the order of their ids."""
        return tuple(self._entries.values())

    @property
    def possible(self) -> tuple[DeviceEntry, ...]:
        """Entries that nothing has ruled out."""
        if self._possible is None:
            self._possible = tuple(
                entry for key, entry in self._entries.items() if self.is_possible(key))
        return self._possible

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All evidence, entry by entry, in the order in which it came."""
        return tuple(item for items in self._evidence.values() for item in items.values())

    def learn(self, evidence: Iterable[Evidence]) -> None:
        """Take evidence in; a later answer to the same question replaces the earlier one."""
        for item in evidence:
            if item.entry_id in self._entries:
                self._evidence[item.entry_id][item.question] = item
                self._bits.pop(item.entry_id, None)
                self._shares.clear()
                self._possible = None

    def mark_part(self, entry_id: str) -> None:
        """Say that this place shows only a part of a chip with several addresses."""
        self._parts.add(entry_id)

    def is_part(self, entry_id: str) -> bool:
        """Tell whether the place shows only a part of this chip."""
        return entry_id in self._parts

    def of(self, entry_id: str) -> tuple[Evidence, ...]:
        """Return what concerns one entry."""
        return tuple(self._evidence.get(entry_id, {}).values())

    def is_possible(self, entry_id: str) -> bool:
        """Tell whether neither one contradiction nor all doubts together rule it out."""
        return entry_id in self._entries and self.bits(entry_id) > RULES_OUT_BITS

    def bits(self, entry_id: str) -> float:
        """Return the balance of the evidence; what is ruled out gets nothing for its support,
        and is at RULES_OUT_BITS or below."""
        if entry_id not in self._bits:
            weights = [item.bits for item in self._evidence[entry_id].values()]
            against = sum(bits for bits in weights if bits < 0)
            support = sum(bits for bits in weights if bits > 0)
            self._bits[entry_id] = against if against <= RULES_OUT_BITS else against + support
        return self._bits[entry_id]

    def direct_bits(self, entry_id: str) -> float:
        """Return what the device's own words say for it."""
        return sum(item.bits for item in self.of(entry_id) if item.direct and item.bits > 0)

    def share(self, entry_id: str) -> float:
        """Return the part of all belief that is on this entry (or UNKNOWN_ID), 0..1."""
        if not self._shares:
            highest = max([UNKNOWN_PRIOR_BITS, *(self.bits(key) for key in self._entries)])
            weights = {key: 2.0 ** (self.bits(key) - highest) for key in self._entries}
            weights[UNKNOWN_ID] = 2.0 ** (UNKNOWN_PRIOR_BITS - highest)
            total = float(sum(weights.values()))
            self._shares = {key: float(weight) / total for key, weight in weights.items()}
        return self._shares[entry_id]

    def confidence(self, entry_id: str) -> float:
        """Return the share, limited by what can honestly be claimed from such evidence."""
        limit = CONFIDENCE_MAX[self._entries[entry_id].confidence]
        if self.direct_bits(entry_id) <= 0:
            limit = min(limit, CONFIDENCE_MAX_INDIRECT)
        if entry_id in self._parts:
            limit = min(limit, CONFIDENCE_MAX_PART)
        return min(limit, self.share(entry_id))

    def ranked(self) -> tuple[str, ...]:
        """Return the possible entries, the likeliest first, ties by id."""
        return tuple(sorted((entry.id for entry in self.possible),
                            key=lambda key: (-self.bits(key), key)))
