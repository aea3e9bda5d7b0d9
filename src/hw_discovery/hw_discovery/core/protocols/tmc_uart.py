# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Answers of Trinamic TMC2208/2209/2225/2226 over UART. Source: TMC2209 datasheet, chapter 4."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc8_tmc
from hw_discovery.core.protocols.decoder import Cut, Decoder, Found

_FRAME_BYTES = 8
_IOIN = 0x06


class TmcUart(Decoder):
    """05 FF, register, 32 bits, CRC-8. kind: 'reply'. Requests, which come back as an echo on
    one wire, are not taken: they prove nothing."""

    name: ClassVar[str] = 'tmc_uart'
    starts: ClassVar[bytes] = b'\x05'
    frame_bytes_max: ClassVar[int] = _FRAME_BYTES
    chance: ClassVar[float] = 2 ** -16 * 2 ** -1 * 2 ** -8

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        frame = data[at:at + _FRAME_BYTES]
        if not b'\x05\xff'.startswith(frame[:2]) or (len(frame) > 2 and frame[2] & 0x80):
            return Cut.NOTHING
        if len(frame) < _FRAME_BYTES:
            return Cut.MORE
        if crc8_tmc(frame[:-1]) != frame[-1]:
            return Cut.NOTHING
        fields = [('register', f'0x{frame[2]:02X}'), ('value', f'0x{frame[3:7].hex().upper()}')]
        if frame[2] == _IOIN:
            fields.append(('version', f'0x{frame[3]:02X}'))
        return self._frame('reply', frame, tuple(fields))
