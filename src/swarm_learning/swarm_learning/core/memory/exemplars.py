# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns which single events are kept whole, and how salient one is; refuses to know blocks.

Keeping the first few of a total order that depends on nothing but the exemplar itself is
associative and commutative: which of two events is kept never depends on who met it first.
Incidents outrank routine. Among routine events the order is drawn by weight, as in P. S.
Efraimidis and P. G. Spirakis, "Weighted random sampling with a reservoir", 2006; the draw is a
hash of the event, so that a restored robot draws the same.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass

INCIDENT = 0.5              # salience from which an event is an incident; below it is routine
INCIDENTS_MAX = 8           # kept in one block
ROUTINE_MAX = 2             # kept in one block: a taste of what was normal
BEST_MAX = 48               # kept of a whole life; of 40 incidents the 20 first must stay
KIND_MAX_BYTES = 48
SUBJECT_MAX_BYTES = 64
TEXT_MAX_BYTES = 160
SEVERITY_MAX = 2            # SwarmEvent: 0 info, 1 warning, 2 error


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One event that was kept whole. salience: [0, 1], a value that float32 holds."""

    stamp_ns: int
    kind: str
    subject: str
    salience: float
    text: str

    @property
    def order(self) -> tuple[float, bytes]:
        """Most salient first; ties fall by a hash, which favours nobody."""
        identity = repr((self.stamp_ns, self.kind, self.subject, self.text)).encode()
        return -self.salience, hashlib.blake2b(identity, digest_size=8).digest()


def kept(exemplars: Iterable[Exemplar]) -> tuple[Exemplar, ...]:
    """Those of one block that stay: a few incidents and fewer routine events."""
    ordered = sorted(exemplars, key=lambda one: one.order)
    incidents = [one for one in ordered if one.salience >= INCIDENT]
    routine = [one for one in ordered if one.salience < INCIDENT]
    return tuple(incidents[:INCIDENTS_MAX] + routine[:ROUTINE_MAX])


def better(known: tuple[Exemplar, ...], one: Exemplar) -> tuple[Exemplar, ...]:
    """best() of what is known and one more; most events are not salient enough to look on."""
    if len(known) >= BEST_MAX and one.salience < known[-1].salience:
        return known
    return best((*known, one))


def best(exemplars: Iterable[Exemplar]) -> tuple[Exemplar, ...]:
    """Those of a whole life that stay, most salient first; the same event counts once."""
    return tuple(sorted(set(exemplars), key=lambda one: one.order)[:BEST_MAX])


def salience_of(severity: int, surprise: float, seen: int, draw: float) -> float:
    """Salience of an event.

    severity as in SwarmEvent; surprise in [0, 1]; seen: how many of its kind came before; draw:
    even in (0, 1). From a warning on, or if very surprising, it is an incident: 0.5 + half of
    (0.5 severity + 0.25 surprise + 0.25 rarity). Else routine: half of draw**(1/weight), with
    weight 0.1 + surprise + rarity. Weights were chosen without data.
    """
    rarity = (1.0 + seen) ** -0.5
    if severity > 0 or surprise >= 0.8:
        share = 0.5 * severity / SEVERITY_MAX + 0.25 * surprise + 0.25 * rarity
        return float32(INCIDENT + 0.5 * share)
    below = INCIDENT * draw ** (1.0 / (0.1 + surprise + rarity))
    return min(float32(below), float32(0.4999))


def draw_of(life: int, sequence: int) -> float:
    """An even number in (0, 1) for the sequence-th event of a life."""
    digest = hashlib.blake2b(struct.pack('<QQ', life, sequence), digest_size=8).digest()
    return (int.from_bytes(digest, 'little') + 0.5) / 2.0 ** 64


def float32(value: float) -> float:
    """The nearest value that a float32 holds, as messages carry it."""
    return float(struct.unpack('<f', struct.pack('<f', value))[0])


def cut(text: str, bytes_max: int) -> str:
    """The text, shortened to so many bytes of UTF-8 at a whole character."""
    raw = text.encode('utf-8', 'replace')
    return raw[:bytes_max].decode('utf-8', 'ignore')
