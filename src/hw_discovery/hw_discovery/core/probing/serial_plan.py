# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Questions to one serial port: listening, and the requests of the catalogue.

Owns: what heard bytes and replies weigh. The weight of frames is what random bytes would hardly
give (protocols, strength.py); of a text or prefix the same, by its length and the number of
places where it could have begun. A copy of what was sent is no answer.
"""

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hw_discovery.core.catalogue.entry import DeviceEntry, SerialRequest
from hw_discovery.core.device import Observation
from hw_discovery.core.probing.evidence import CONTRADICTION_BITS, Evidence
from hw_discovery.core.probing.operation import (
    Operation,
    Outcome,
    SerialAsk,
    SerialListen,
    SerialPlace,
)
from hw_discovery.core.probing.question import Tier
from hw_discovery.core.protocols import without_echo

# Bits per character of matched text: letters of a fixed word are not free to differ, but a
# pattern leaves choices. Chosen between the 8 of fixed bytes and the ~1 of English.
TEXT_CHARACTER_BITS = 4.0
# No evidence of one observation weighs more; keeps arithmetic and claims in bounds.
OBSERVATION_BITS_MAX = 48.0
# A pattern of bytes without a checksum, however often it is found.
PATTERN_BITS_MAX = 6.0
# Enough for any frame of the catalogue; a fast stream ends the listening early.
LISTEN_BYTES_MAX = 4096
# Whatever a bus hands over, no more is searched.
JUDGED_BYTES_MAX = 16384
UNIT_FIELDS = ('serial', 'uuid')
UNIT_CHARACTERS_MAX = 64
ONCE_MAX = 64                # more than there are protocols
LISTEN_WORTH_BITS = 24.0
# What is collected of a reply whose length nobody knows.
ENOUGH_BYTES = 16384
# From here on an answer is no accident.
ANSWERED_BITS = 20.0
REQUEST_WORTH_BITS = 40.0


class FoundFrame(Protocol):
    """What is used of a frame."""

    @property
    def data(self) -> bytes:
        """The whole frame."""

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """What it says of the device."""


class FoundFrames(Protocol):
    """What is used of a match."""

    @property
    def frames(self) -> Sequence[FoundFrame]:
        """Frames with a right checksum."""

    @property
    def false_probability(self) -> float:
        """How likely random bytes would give as many."""


# Name of a protocol and bytes in, frames out; None = there is no decoder of this name.
Protocols = Callable[[str, bytes], FoundFrames | None]


def once(protocols: Protocols) -> Protocols:
    """Return the same, which decodes the same bytes once: a dozen entries speak NMEA."""
    return functools.lru_cache(maxsize=ONCE_MAX)(protocols)


def place_bits(length_bits: float, heard_bytes: int) -> float:
    """Return what remains of a find when it could have begun at any of the heard bytes."""
    return max(0.0, min(OBSERVATION_BITS_MAX, length_bits - math.log2(max(1, heard_bytes))))


def text_bits(pattern: re.Pattern[bytes], data: bytes) -> float:
    """Return what the longest match of a text weighs; 0.0 = it is not there."""
    found = max((len(item.group()) for item in pattern.finditer(data)), default=0)
    return place_bits(TEXT_CHARACTER_BITS * found, len(data)) if found else 0.0


def frame_bits(found: FoundFrames) -> float:
    """Return what frames weigh against chance."""
    if found.false_probability <= 0.0:
        return OBSERVATION_BITS_MAX
    return min(OBSERVATION_BITS_MAX, -math.log2(found.false_probability))


def fits_fields(entry: DeviceEntry, found: FoundFrames) -> bool:
    """Tell whether frames say what the entry's facts want of their fields ('frame_fields')."""
    wanted = dict(entry.facts).get('frame_fields', {})
    if not isinstance(wanted, Mapping) or not wanted:
        return True
    said = {pair for frame in found.frames for pair in frame.fields}
    names = {name for name, _ in said}
    return all((name, str(value)) in said for name, value in wanted.items() if name in names)


def seen_bytes(data: bytes) -> str:
    """Return the start of what was heard for people."""
    start = data[:24]
    if start and all(byte in b'\r\n\t' or 0x20 <= byte < 0x7F for byte in start):
        return repr(data[:48].decode('ascii', 'replace'))
    return f'0x{start.hex()}' if data else 'nothing'


@dataclass(frozen=True, slots=True)
class ListenQuestion:
    """Listen at one baud for everybody who speaks unasked."""

    place: SerialPlace
    baud: int
    line_format: str
    listen_ms: int
    about: Mapping[str, float]
    protocols: Protocols
    tier: Tier = Tier.INERT
    caution: str = ''

    @property
    def key(self) -> str:
        """Name it by the line."""
        return f'listen at {self.baud} {self.line_format}'

    @property
    def operations(self) -> tuple[Operation, ...]:
        """One listening."""
        return (SerialListen(self.place, self.baud, self.line_format, self.listen_ms,
                             LISTEN_BYTES_MAX),)

    @property
    def cost_ms(self) -> float:
        """As long as it listens."""
        return float(self.listen_ms)

    def judge(self, outcomes: Sequence[Outcome],
              entries: Sequence[DeviceEntry]) -> list[Evidence]:
        """Weigh what was heard for everybody who speaks so."""
        data = outcomes[0].data[:JUDGED_BYTES_MAX]
        found: list[Evidence] = []
        if not data:
            return found
        protocols = once(self.protocols)
        for entry in entries:
            bits, says = self._weigh(entry, data, protocols)
            if bits > 0:
                passive = entry.serial.passive if entry.serial is not None else None
                frame = passive.frame if passive is not None else ''
                found.append(Evidence(
                    entry.id, self.key, bits, self._heard(data, says), baud=self.baud,
                    unit=unit_of(frame, data, protocols)))
        return found + self._more_than_generic(found, data, entries)

    def _heard(self, data: bytes, says: str) -> Observation:
        return Observation(source='listening', location=f'{self.place.device} at {self.baud}',
                           seen=f'heard {seen_bytes(data)}', says=says)

    def _more_than_generic(self, found: Sequence[Evidence], data: bytes,
                           entries: Sequence[DeviceEntry]) -> list[Evidence]:
        """Rule out the entry for any receiver when a maker's own protocol was heard as well."""
        sure = {item.entry_id for item in found if item.bits >= ANSWERED_BITS}
        heard = [entry for entry in entries if entry.id in sure]
        return [Evidence(generic.id, f'{self.key} (more)', CONTRADICTION_BITS,
                         self._heard(data, f'more than {generic.model} says'))
                for generic in heard if is_generic(generic, entries)
                and any(other.kind == generic.kind and not is_generic(other, entries)
                        for other in heard)]

    def _weigh(
        self, entry: DeviceEntry, data: bytes, protocols: Protocols,
    ) -> tuple[float, str]:
        passive = entry.serial.passive if entry.serial is not None else None
        if passive is None:
            return 0.0, ''
        text = text_bits(passive.regex, data) if passive.regex is not None else 0.0
        if passive.frame:
            found = protocols(passive.frame, data)
            if found is not None:
                if not found.frames or not fits_fields(entry, found):
                    return 0.0, ''
                if passive.regex is not None and not text and passive.pattern is None:
                    return 0.0, ''
                return frame_bits(found), (
                    f'{len(found.frames)} {passive.frame} frames, as {entry.model} speaks')
        if text:
            return text, f'text as of {entry.model}'
        if passive.pattern is not None and not passive.frame:
            count = len(passive.pattern.findall(data))
            return (min(PATTERN_BITS_MAX, float(count)),
                    f'{count} times the bytes that begin frames of {entry.model}')
        return 0.0, ''


@dataclass(frozen=True, slots=True)
class AskQuestion:
    """Send one request of one entry at one baud."""

    place: SerialPlace
    baud: int
    line_format: str
    request: SerialRequest
    about: Mapping[str, float]
    protocols: Protocols
    caution: str = ''
    tier: Tier = Tier.INERT

    @property
    def key(self) -> str:
        """Name it by the bytes: entries that share a request share the question."""
        return f'ask {self.request.tx.hex()} at {self.baud} {self.line_format}'

    @property
    def operations(self) -> tuple[Operation, ...]:
        """One request."""
        return (SerialAsk(self.place, self.baud, self.line_format, self.request.tx,
                          self.request.timeout_ms, self.request.reply_bytes or ENOUGH_BYTES),)

    @property
    def cost_ms(self) -> float:
        """As long as it waits at most."""
        return float(self.request.timeout_ms)

    def judge(self, outcomes: Sequence[Outcome],
              entries: Sequence[DeviceEntry]) -> list[Evidence]:
        """Weigh the reply for everybody who has this request."""
        heard = outcomes[0].data[:JUDGED_BYTES_MAX]
        found = []
        protocols = once(self.protocols)
        for entry in entries:
            for request in requests_of(entry, self.request.tx):
                data = answer_in(heard, request, protocols)
                bits = reply_bits(entry, request, data, protocols)
                unit = unit_of(self.request.reply_frame, data, protocols) if bits > 0 else ''
                if bits > 0:
                    found.append(self._evidence(
                        entry, bits, data, f'as {entry.model} answers', unit))
                if bits >= ANSWERED_BITS:
                    found += [self._evidence(other, CONTRADICTION_BITS, data,
                                             f'{other.model} answers no requests', unit)
                              for other in entries
                              if is_mute(other) and other.kind == entry.kind]
        return found

    def _evidence(
        self, entry: DeviceEntry, bits: float, data: bytes, says: str, unit: str,
    ) -> Evidence:
        return Evidence(entry.id, self.key, bits, Observation(
            source='request', location=f'{self.place.device} at {self.baud}',
            seen=f'{seen_bytes(self.request.tx)} was answered by {seen_bytes(data)}',
            says=says), unit=unit, baud=self.baud)


def unit_of(protocol: str, data: bytes, protocols: Protocols) -> str:
    """Return the number of this very unit from its frames; '' = they say none."""
    found = protocols(protocol, data) if protocol else None
    if found is None:
        return ''
    said = [value for frame in found.frames for name, value in frame.fields
            if name in UNIT_FIELDS and value]
    return said[0][:UNIT_CHARACTERS_MAX] if said else ''


def is_generic(entry: DeviceEntry, entries: Sequence[DeviceEntry]) -> bool:
    """Tell whether it stands for anything that speaks a protocol which others of its kind,
    named in the catalogue, speak too (NMEA)."""
    def frame(one: DeviceEntry) -> str:
        return one.serial.passive.frame if one.serial and one.serial.passive else ''
    return is_mute(entry) and any(
        other.id != entry.id and other.kind == entry.kind and frame(other) == frame(entry)
        for other in entries)


def is_mute(entry: DeviceEntry) -> bool:
    """Tell whether it stands for devices that only speak, such as any NMEA receiver: a maker's
    own protocol in answer to a request shows that it is more than that."""
    return (entry.serial is not None and entry.serial.passive is not None
            and not entry.serial.requests)


def answer_in(heard: bytes, request: SerialRequest, protocols: Protocols) -> bytes:
    """Return what was heard without the echo of a half-duplex line, but where the request is
    the beginning of a longer frame: such protocols (SCIP) repeat it in their answer."""
    found = protocols(request.reply_frame, heard) if request.reply_frame else None
    if found is not None and any(
            len(frame.data) > len(request.tx) and frame.data.startswith(request.tx)
            for frame in found.frames):
        return heard
    return without_echo(request.tx, heard)


def requests_of(entry: DeviceEntry, tx: bytes) -> list[SerialRequest]:
    """Return the entry's requests with these bytes."""
    if entry.serial is None or entry.never_probe:
        return []
    return [request for request in entry.serial.requests if request.tx == tx]


def reply_bits(entry: DeviceEntry, request: SerialRequest, data: bytes,
               protocols: Protocols) -> float:
    """Return what a reply weighs; 0.0 when it is not what the entry would answer."""
    weights: list[float] = []
    if request.reply_prefix:
        if request.reply_prefix not in data:
            return 0.0
        at = data.index(request.reply_prefix)
        weights.append(place_bits(8.0 * len(request.reply_prefix), at + 1))
    if request.reply_regex is not None:
        text = text_bits(request.reply_regex, data)
        if not text:
            return 0.0
        weights.append(text)
    if request.reply_frame:
        found = protocols(request.reply_frame, data)
        if found is not None:
            if not found.frames or not fits_fields(entry, found):
                return 0.0
            weights.append(frame_bits(found))
    return max(weights, default=0.0)
