# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hokuyo SCIP 2 answers to VV, PP, II and QT. Source: Hokuyo, SCIP 2.0 communication protocol."""

import re
from typing import ClassVar

from hw_discovery.core.protocols.decoder import Cut, Decoder, Found, printable
from hw_discovery.core.protocols.sized import Fields

_ANSWER_BYTES_MAX = 1024
_TEXT = re.compile(rb'[\n -~]*')
_HEAD = re.compile(rb'(VV|PP|II|QT)[^\n]{0,16}\n([0-9A-Z]{2})(.)')
_NAMES = {'VEND': 'vendor', 'PROD': 'product', 'FIRM': 'firmware', 'PROT': 'protocol',
          'SERI': 'serial', 'MODL': 'model'}


class Scip(Decoder):
    """Echo, status with its sum, lines with theirs, an empty line. kind: 'VV', ..."""

    name: ClassVar[str] = 'scip'
    starts: ClassVar[bytes] = b'VPIQ'
    frame_bytes_max: ClassVar[int] = _ANSWER_BYTES_MAX
    # Echo, line end, status with its sum, two line ends.
    chance: ClassVar[float] = 4 * 2 ** -16 * 1.6 * 2 ** -8 * (36 / 256) ** 2 * 2 ** -8 * 2 ** -16

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        text = _TEXT.match(data, at, at + _ANSWER_BYTES_MAX)
        assert text is not None          # it matches nothing as well
        whole, end, _ = text.group().partition(b'\n\n')
        if not end:
            is_open = text.end() == len(data) and len(whole) < _ANSWER_BYTES_MAX
            return Cut.MORE if is_open else Cut.NOTHING
        head = _HEAD.match(whole)
        if head is None or _sum(head.group(2)) != head.group(3):
            return Cut.NOTHING
        lines = whole[head.end() + 1:].split(b'\n') if whole[head.end():] else []
        if not all(_is_right(line) for line in lines):
            return Cut.NOTHING
        fields: Fields = (('status', head.group(2).decode()),)
        return self._frame(head.group(1).decode(), whole + end, fields + _named(lines))


def _sum(text: bytes) -> bytes:
    return bytes(((sum(text) & 0x3F) + 0x30,))


def _is_right(line: bytes) -> bool:
    """The last character is the sum; firmware differs in whether the ';' counts."""
    text, check = line[:-1], line[-1:]
    return len(line) > 1 and check in (_sum(text), _sum(text.removesuffix(b';')))


def _named(lines: list[bytes]) -> Fields:
    named = []
    for line in lines:
        key, separator, value = printable(line[:-1]).rstrip(';').partition(':')
        if separator and key in _NAMES:
            named.append((_NAMES[key], value.strip()))
    return tuple(named)
