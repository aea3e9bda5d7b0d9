# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A MAVLink autopilot, a Betaflight board, a VESC, and a Sabertooth."""

import struct

from fakes.known_bytes import KNOWN, bitwise_crc
from fakes.pty_line import FakeDevice

_VESC_ASKED = bytes.fromhex('020100000003')


class FakeAutopilot(FakeDevice):
    """Heartbeats of MAVLink 2, or 1. autopilot: 3 ArduPilot, 12 PX4."""

    def __init__(
        self, autopilot: int = 3, vehicle: int = 2, *, version: int = 2, period_ms: int = 100,
    ) -> None:
        super().__init__()
        self.period_ms = period_ms
        self._autopilot, self._vehicle, self._version = autopilot, vehicle, version
        self._sequence = 0

    def says(self) -> bytes:
        """One heartbeat of a vehicle that is not armed."""
        payload = struct.pack('<IBBBBB', 0, self._vehicle, self._autopilot, 81, 3, 3)
        self._sequence = (self._sequence + 1) & 0xFF
        head = bytes((len(payload), self._sequence, 1, 1, 0))
        if self._version == 2:
            head = bytes((len(payload), 0, 0, self._sequence, 1, 1, 0, 0, 0))
        crc = _mavlink_crc(head + payload + b'\x32')
        return bytes((0xFD if self._version == 2 else 0xFE,)) + head + payload + struct.pack(
            '<H', crc)


def _mavlink_crc(data: bytes) -> int:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc


class FakeFlightController(FakeDevice):
    """Betaflight, disarmed: answers MSP. harms: what opens its CLI or its bootloader outside
    of an MSP frame: 02 at once, '#' or 'R' as the last byte before silence."""

    _ANSWERS = {1: b'\x00\x01\x2e', 2: b'BTFL', 3: b'\x04\x05\x01', 4: b'S405\0\0'}

    def __init__(self, variant: bytes = b'BTFL') -> None:
        super().__init__()
        self._answers = {**self._ANSWERS, 2: variant}
        self._frame = b''
        self._last_outside = 0

    def heard(self, data: bytes) -> bytes:
        """Answer MSP 1 requests; watch what comes outside of them."""
        return b''.join(self._byte(byte) for byte in data)

    def quiet(self) -> bytes:
        """Silence makes a command of a lone last byte."""
        if self._last_outside == 0x52:
            self.harms.append('rebooted to the bootloader')
        elif self._last_outside == 0x23:
            self.harms.append('CLI opened, arming blocked')
        self._last_outside = 0
        return b''

    def _byte(self, byte: int) -> bytes:
        self._last_outside = 0
        if not self._frame and byte != 0x24:
            return self._outside(byte)
        self._frame += bytes((byte,))
        if len(self._frame) == 2 and byte != 0x4D or len(self._frame) == 3 and byte != 0x3C:
            self._frame = b''
            return self._outside(byte)
        if len(self._frame) < 5 or len(self._frame) < 6 + self._frame[3]:
            return b''
        command, self._frame = self._frame[4], b''
        payload = self._answers.get(command)
        if payload is None:
            return _msp(b'!', command, b'')
        return _msp(b'>', command, payload)

    def _outside(self, byte: int) -> bytes:
        self._last_outside = byte
        if byte == 0x02:
            self.harms.append('CLI opened at once, arming blocked')
        return b''


def _msp(direction: bytes, command: int, payload: bytes) -> bytes:
    body = bytes((len(payload), command)) + payload
    check = 0
    for byte in body:
        check ^= byte
    return b'$M' + direction + body + bytes((check,))


class FakeVesc(FakeDevice):
    """Answers COMM_FW_VERSION. harms: commands that set a motor (5 to 9 of commands.c)."""

    def __init__(self) -> None:
        super().__init__()
        self._held = b''

    def heard(self, data: bytes) -> bytes:
        """Answer whole short packets."""
        self._held += data
        answer = b''
        while (at := self._held.find(2)) >= 0:
            self._held = self._held[at:]
            size = self._held[1] + 5 if len(self._held) > 1 else 1 << 16
            packet = self._held[:size]
            if len(packet) < size:
                break
            payload = packet[2:-3]
            crc = int.from_bytes(packet[-3:-1], 'big')
            if packet[-1] != 3 or bitwise_crc(payload, 0x1021, 16) != crc:
                self._held = self._held[1:]      # as packet.c: the next byte may be a start
                continue
            self._held = self._held[size:]
            if packet == _VESC_ASKED:
                answer += KNOWN['vesc'][0][0]
            elif payload and 5 <= payload[0] <= 9:
                self.harms.append(f'motor command {payload[0]}')
        return answer

    def quiet(self) -> bytes:
        """Forget half a packet."""
        self._held = b''
        return b''


class FakeSabertooth(FakeDevice):
    """Simplified serial: never answers, and every byte but 0 drives a motor."""

    def heard(self, data: bytes) -> bytes:
        """Record what moved."""
        self.harms += [f'motor {1 + (byte > 127)} driven by {byte:02X}' for byte in data if byte]
        return b''
