# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the evidence of one place allows to be said.

Owns: the step from hypotheses to a verdict with its confidence, the alternatives that are not
excluded, what was ruled out by what, and what was not tried and why.
"""

from dataclasses import dataclass
from enum import Enum

from hw_discovery.core.device import Observation, Verdict
from hw_discovery.core.probing.evidence import UNKNOWN_ID, Hypotheses
from hw_discovery.core.probing.operation import Place

# The share of belief from which on a device is named. With the prior of something unknown, one
# 8-bit identity of one accepted value passes and a 4-bit one does not.
IDENTIFIED_FROM = 0.9
# However alone an entry stands, too little of its own words leaves it below.
CONFIDENCE_MAX_AMBIGUOUS = 0.89
# Alternatives of an identified device below this share are not worth a line.
ALTERNATIVE_FROM = 0.001


class PlaceState(Enum):
    """What is known of a place apart from who is there."""

    NOT_ASKED = 'not asked'
    SILENT = 'silent'  # asked, nothing came
    ABSENT = 'absent'  # nobody acknowledged
    PRESENT = 'present'
    BUSY = 'busy'  # a driver or a process owns it
    DENIED = 'denied'
    GONE = 'gone'
    FAILED = 'failed'


@dataclass(frozen=True, slots=True)
class Alternative:
    """An entry (or UNKNOWN_ID) that nothing excludes, and its share of the belief."""

    entry_id: str
    share: float


@dataclass(frozen=True, slots=True)
class RuledOut:
    """An entry that cannot be there, and the observation that says so."""

    entry_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotTried:
    """A question that was not asked, for whom, and why."""

    question: str
    about: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ProbeVerdict:
    """`entry_id`: the likeliest entry, '' when nothing speaks for any. `alternatives`: others
    that are not excluded, the likeliest first. `bits`: what its own words weigh.
    `unit_serial`: number of this unit by its protocol, '' = it says none. `baud`: at which it
    answered, 0 = not a serial port.
    `is_part`: one address of a chip that has several; `same_as`: the place that stands for the
    whole device, where this one is only another face of it."""

    place: Place
    state: PlaceState
    verdict: Verdict
    confidence: float
    entry_id: str = ''
    name: str = ''
    bits: float = 0.0
    unit_serial: str = ''
    baud: int = 0
    is_part: bool = False
    same_as: Place | None = None
    alternatives: tuple[Alternative, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    not_tried: tuple[NotTried, ...] = ()
    evidence: tuple[Observation, ...] = ()
    detail: str = ''


def decide(place: Place, state: PlaceState, hypotheses: Hypotheses, bits_min: float,
           not_tried: tuple[NotTried, ...] = (), detail: str = '') -> ProbeVerdict:
    """Judge a place. `bits_min`: own words below this never identify, however few others there
    are: on a stream of thousands of bytes short patterns occur by chance."""
    ranked = hypotheses.ranked()
    entries = {entry.id: entry for entry in hypotheses.entries}
    ruled_out = tuple(RuledOut(entry.id, _why_out(hypotheses, entry.id))
                      for entry in hypotheses.entries if not hypotheses.is_possible(entry.id))
    seen = state is PlaceState.PRESENT or any(item.bits > 0 for item in hypotheses.evidence)
    if not ranked or not seen:
        others = tuple(Alternative(key, hypotheses.share(key)) for key in ranked)
        return ProbeVerdict(place, state, Verdict.UNKNOWN, 0.0, alternatives=others,
                            ruled_out=ruled_out, not_tried=not_tried, detail=detail,
                            evidence=_told(hypotheses, ''))
    top = ranked[0]
    confidence = hypotheses.confidence(top)
    identified = (confidence >= IDENTIFIED_FROM and hypotheses.direct_bits(top) >= bits_min
                  and hypotheses.bits(top) > 0)
    shares = [Alternative(key, hypotheses.share(key)) for key in (*ranked[1:], UNKNOWN_ID)]
    shares.sort(key=lambda item: (-item.share, item.entry_id))
    if identified:
        shares = [item for item in shares if item.share >= ALTERNATIVE_FROM]
    else:
        confidence = min(confidence, CONFIDENCE_MAX_AMBIGUOUS)
    return ProbeVerdict(
        place, state, Verdict.IDENTIFIED if identified else Verdict.AMBIGUOUS, confidence,
        entry_id=top, name=entries[top].title,
        bits=hypotheses.direct_bits(top), unit_serial=_unit(hypotheses, top),
        baud=_baud(hypotheses, top), is_part=hypotheses.is_part(top),
        alternatives=tuple(shares), ruled_out=ruled_out, not_tried=not_tried,
        evidence=_told(hypotheses, top), detail=detail)


def _unit(hypotheses: Hypotheses, entry_id: str) -> str:
    units = [item.unit for item in hypotheses.of(entry_id) if item.unit and item.bits > 0]
    return units[-1] if units else ''


def _baud(hypotheses: Hypotheses, entry_id: str) -> int:
    bauds = [item.baud for item in hypotheses.of(entry_id) if item.baud and item.bits > 0]
    return bauds[-1] if bauds else 0


def _why_out(hypotheses: Hypotheses, entry_id: str) -> str:
    against = [item for item in hypotheses.of(entry_id) if item.bits < 0]
    worst = min(against, key=lambda item: item.bits)
    return f'{worst.observation.seen}: {worst.observation.says}'


def _told(hypotheses: Hypotheses, top: str) -> tuple[Observation, ...]:
    """Return what was seen, once each: for the likeliest entry first, then what else supports."""
    items = [item for item in hypotheses.evidence if item.entry_id == top]
    items += [item for item in hypotheses.evidence if item.entry_id != top and item.bits > 0]
    return tuple(dict.fromkeys(item.observation for item in items))
