# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""RoboClaw's answer to the request of its version. Source: RoboClaw user manual, command 21."""

import re
from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc16_xmodem
from hw_discovery.core.protocols.decoder import Cut, Decoder, Found, printable

_TEXT_BYTES_MAX = 48
_VERSION = re.compile(rb'(?:USB )?Robo[Cc]law [ -~]{1,40}\n?\0')
_SO_FAR = re.compile(rb'[ -~]*\n?\Z')
_ADDRESSES = range(0x80, 0x88)
_GET_VERSION = 21


class Roboclaw(Decoder):
    """Text ended by 0, CRC-16 over question and answer. kind: 'version'."""

    name: ClassVar[str] = 'roboclaw'
    starts: ClassVar[bytes] = b'UR'
    frame_bytes_max: ClassVar[int] = _TEXT_BYTES_MAX + 2
    # Nine fixed characters, the CRC for one of eight addresses.
    chance: ClassVar[float] = 2 * 256.0 ** -9 * 8 * 2 ** -16

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        window = data[at:at + self.frame_bytes_max]
        found = _VERSION.match(window)
        if found is None:
            may_come = _SO_FAR.match(window) and len(window) < _TEXT_BYTES_MAX
            return Cut.MORE if may_come else Cut.NOTHING
        check = window[found.end():found.end() + 2]
        if len(check) < 2:
            return Cut.MORE
        for address in _ADDRESSES:
            asked = bytes((address, _GET_VERSION))
            if crc16_xmodem(asked + found.group()) == int.from_bytes(check, 'big'):
                return self._frame('version', found.group() + check, (
                    ('version', printable(found.group())), ('address', f'0x{address:02X}')))
        return Cut.NOTHING
