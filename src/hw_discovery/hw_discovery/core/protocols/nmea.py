# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""NMEA 0183 sentences with their checksum. Source: gpsd.io NMEA revealed; NMEA 0183 v4.10."""

import re
from typing import ClassVar

from hw_discovery.core.protocols.checksum import xor8
from hw_discovery.core.protocols.decoder import Cut, Decoder, Found

_ADDRESS = re.compile(rb'[$!]([A-Z][A-Z0-9]{2,9})[,*]')
_ADDRESS_START = re.compile(rb'[$!]([A-Z][A-Z0-9]{0,9})?\Z')
# The standard says 82; proprietary sentences of u-blox and Trimble are longer.
_SENTENCE_BYTES_MAX = 256


class Nmea(Decoder):
    """$ADDRESS,field,...*HH and an end of line. kind: 'GGA', or all of 'PUBX', 'PMTK705'."""

    name: ClassVar[str] = 'nmea'
    starts: ClassVar[bytes] = b'$!'
    frame_bytes_max: ClassVar[int] = _SENTENCE_BYTES_MAX
    # Start, three characters of address, printable fields of any length, the star, two hex
    # digits (in two cases), a line feed.
    chance: ClassVar[float] = (
        2 / 256 * 26 / 256 * (36 / 256) ** 2 * 256 / (256 - 95) / 256 * 4 / 65536 * 1.01 / 256)

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        window = data[at:at + _SENTENCE_BYTES_MAX]
        address = _ADDRESS.match(window)
        if address is None:
            return Cut.MORE if _ADDRESS_START.match(window) else Cut.NOTHING
        star = _end_of_text(window, address.end() - 1)
        if star >= len(window):
            return Cut.MORE
        if window[star] != 0x2A:
            return Cut.NOTHING
        tail = window[star + 1:star + 5]
        if len(tail) >= 2 and not _is_right(window[1:star], tail[:2]):
            return Cut.NOTHING
        end_bytes = _line_end_bytes(tail[2:])
        if end_bytes is None:
            return Cut.MORE
        if not end_bytes:
            return Cut.NOTHING
        return self._made(window[:star + 3 + end_bytes], address.group(1).decode())

    def _made(self, sentence: bytes, address: str) -> Found:
        if address[0] == 'P' or len(address) != 5:
            return self._frame(address, sentence, (('address', address),))
        return self._frame(address[2:], sentence, (
            ('address', address), ('talker', address[:2])))


def _end_of_text(window: bytes, at: int) -> int:
    """Return where printable text without a star or a new start ends."""
    while at < len(window) and 0x20 <= window[at] < 0x7F and window[at] not in b'*$':
        at += 1
    return at


def _is_right(text: bytes, digits: bytes) -> bool:
    return f'{xor8(text):02X}'.encode() == digits.upper()


def _line_end_bytes(tail: bytes) -> int | None:
    """Return how long the end of line is; 0: there is none; None: not yet known."""
    if tail[:1] == b'\n':
        return 1
    if tail[:2] == b'\r\n':
        return 2
    return None if tail in (b'', b'\r') else 0
