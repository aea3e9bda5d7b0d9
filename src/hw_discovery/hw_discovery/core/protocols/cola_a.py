# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""SICK CoLa A telegrams. No checksum: fixed text stands for it. Source: SICK telegram listing."""

import re
from typing import ClassVar

from hw_discovery.core.protocols.decoder import Cut, Decoder, Found, printable

_TELEGRAM_BYTES_MAX = 1024
_ANSWER = re.compile(rb'\x02s(RA|WA|AN|EA|SN|MA|FA) ([ -~]{1,1000})\x03')
_SO_FAR = re.compile(rb'\x02(s([RWAESMF]([AN]( [ -~]{0,1000})?)?)?)?\Z')


class ColaA(Decoder):
    """02, command, text, 03. kind: 'sRA', 'sFA', ..."""

    name: ClassVar[str] = 'cola_a'
    starts: ClassVar[bytes] = b'\x02'
    frame_bytes_max: ClassVar[int] = _TELEGRAM_BYTES_MAX
    # Start, 's', one of seven commands, a space, text of any length, the end.
    chance: ClassVar[float] = 2 ** -16 * 7 * 2 ** -16 * 2 ** -8 * 256 / (256 - 95) * 2 ** -8

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        window = data[at:at + _TELEGRAM_BYTES_MAX]
        found = _ANSWER.match(window)
        if found is None:
            is_start = _SO_FAR.match(window) and len(window) < _TELEGRAM_BYTES_MAX
            return Cut.MORE if is_start else Cut.NOTHING
        name, _, rest = found.group(2).partition(b' ')
        return self._frame('s' + found.group(1).decode(), found.group(), (
            ('name', printable(name)), ('value', printable(rest))))
