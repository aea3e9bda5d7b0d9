# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A Dynamixel 2.0 bus of several servos: ping, read, write, sync write."""

import struct

from fakes.known_bytes import bitwise_crc
from fakes.pty_line import FakeDevice

_BROADCAST = 0xFE
_PING, _READ, _WRITE, _SYNC_READ, _SYNC_WRITE = 0x01, 0x02, 0x03, 0x82, 0x83
_HARMFUL = {0x06: 'factory reset', 0x08: 'reboot'}
_TORQUE_ENABLE, _GOAL_POSITION, _PRESENT_POSITION = 64, 116, 132
_TABLE_BYTES = 1024


class FakeDynamixelBus(FakeDevice):
    """servos: model number by id. tables: the control table of each; a goal is reached at
    once while its torque is on. harms: factory resets and reboots."""

    def __init__(self, servos: dict[int, int] | None = None, firmware: int = 45) -> None:
        super().__init__()
        self.tables: dict[int, bytearray] = {}
        self._held = b''
        for number, model in (servos or {1: 1020}).items():
            table = bytearray(_TABLE_BYTES)
            struct.pack_into('<H', table, 0, model)
            table[6], table[7] = firmware, number
            struct.pack_into('<i', table, _PRESENT_POSITION, 2048)
            self.tables[number] = table

    def heard(self, data: bytes) -> bytes:
        """Answer every whole packet."""
        self._held += data
        answer = b''
        while True:
            at = self._held.find(b'\xff\xff\xfd\x00')
            if at < 0 or len(self._held) < at + 7:
                return answer
            size = 7 + int.from_bytes(self._held[at + 5:at + 7], 'little')
            packet = self._held[at:at + size]
            if len(packet) < size:
                return answer
            self._held = self._held[at + size:]
            if bitwise_crc(packet[:-2], 0x8005, 16) == int.from_bytes(packet[-2:], 'little'):
                answer += self._answered(packet[4], packet[7], packet[8:-2])

    def _answered(self, number: int, instruction: int, parameters: bytes) -> bytes:
        if instruction in _HARMFUL:
            self.harms.append(f'{_HARMFUL[instruction]} of {number}')
        if instruction == _SYNC_WRITE:
            self._sync_write(parameters)
            return b''
        if instruction == _SYNC_READ:
            address, size = struct.unpack_from('<HH', parameters)
            return b''.join(_status(n, bytes(self.tables[n][address:address + size]))
                            for n in parameters[4:] if n in self.tables)
        asked = sorted(self.tables) if number == _BROADCAST else [number]
        return b''.join(self._one(n, instruction, parameters, number == _BROADCAST)
                        for n in asked if n in self.tables)

    def _one(self, number: int, instruction: int, parameters: bytes, is_all: bool) -> bytes:
        table = self.tables[number]
        if instruction == _PING:
            return _status(number, bytes((table[0], table[1], table[6])))
        if instruction == _READ and len(parameters) == 4 and not is_all:
            address, size = struct.unpack('<HH', parameters)
            return _status(number, bytes(table[address:address + size]))
        if instruction == _WRITE and len(parameters) > 2:
            self._write(number, int.from_bytes(parameters[:2], 'little'), parameters[2:])
            return b'' if is_all else _status(number, b'')
        return b''

    def _sync_write(self, parameters: bytes) -> None:
        address, size = struct.unpack_from('<HH', parameters)
        for at in range(4, len(parameters) - size, size + 1):
            if parameters[at] in self.tables:
                self._write(parameters[at], address, parameters[at + 1:at + 1 + size])

    def _write(self, number: int, address: int, data: bytes) -> None:
        table = self.tables[number]
        table[address:address + len(data)] = data
        if address == _GOAL_POSITION and table[_TORQUE_ENABLE]:
            table[_PRESENT_POSITION:_PRESENT_POSITION + 4] = table[
                _GOAL_POSITION:_GOAL_POSITION + 4]


def _status(number: int, parameters: bytes) -> bytes:
    body = (b'\xff\xff\xfd\x00' + bytes((number,))
            + struct.pack('<HBB', len(parameters) + 4, 0x55, 0) + parameters)
    return body + bitwise_crc(body, 0x8005, 16).to_bytes(2, 'little')
