# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Stepper drivers: a Grbl controller, and a TMC2209 on one wire."""

import re
import struct

from fakes.pty_line import FakeDevice

_REAL_TIME_HARMS = {
    0x18: 'reset', 0x21: 'feed hold', 0x7E: 'resume', 0x84: 'door', 0x85: 'jog cancel',
    0xA0: 'flood coolant toggled', 0xA1: 'mist coolant toggled',
    **{code: 'override' for code in range(0x90, 0x9F)}}
_BANNER = b"\r\nGrbl 1.1h ['$' for help]\r\n"
_WORD = re.compile(r'([A-Z])(-?\d+(?:\.\d*)?)')


class FakeGrbl(FakeDevice):
    """Says its banner when opened, as an Uno does, that DTR resets. position_mm: where it is;
    moves are done at once. harms: real-time commands but '?'. lines: the commands it took."""

    def __init__(self, *, banner_at_open: bool = True) -> None:
        super().__init__()
        self.position_mm = {'X': 0.0, 'Y': 0.0, 'Z': 0.0}
        self.phase = 'Idle'
        self.lines: list[str] = []
        self._banner_at_open, self._line, self._relative = banner_at_open, '', False

    def opened(self) -> bytes:
        """Reset by DTR."""
        return _BANNER if self._banner_at_open else b''

    def heard(self, data: bytes) -> bytes:
        """Take real-time bytes out of the stream, then whole lines."""
        answer = b''
        for byte in data:
            if byte == 0x3F:
                answer += self._status()
            elif byte in _REAL_TIME_HARMS:
                self.harms.append(_REAL_TIME_HARMS[byte])
                answer += self._real_time(byte)
            elif byte in (0x0A, 0x0D):
                answer += self._taken(self._line.strip())
                self._line = ''
            elif byte < 0x80:
                self._line += chr(byte)
        return answer

    def _real_time(self, byte: int) -> bytes:
        if byte == 0x18:
            self._line, self.phase = '', 'Idle'
            return _BANNER
        self.phase = {0x21: 'Hold:0', 0x7E: 'Idle'}.get(byte, self.phase)
        return b''

    def _status(self) -> bytes:
        x, y, z = self.position_mm.values()
        return f'<{self.phase}|MPos:{x:.3f},{y:.3f},{z:.3f}|FS:0,0>\r\n'.encode()

    def _taken(self, line: str) -> bytes:
        if not line:
            return b''
        self.lines.append(line)
        if line == '$I':
            return b'[VER:1.1h.20190825:]\r\n[OPT:V,15,128]\r\nok\r\n'
        if line == '$$':
            return b'$100=250.000\r\n$110=500.000\r\n$130=200.000\r\nok\r\n'
        if line.startswith('$'):
            return self._move(line[3:]) if line.startswith('$J=') else b'error:3\r\n'
        return self._move(line)

    def _move(self, text: str) -> bytes:
        words = _WORD.findall(text.upper().replace(' ', ''))
        if not words:
            return b'error:1\r\n'
        numbers = [float(value) for letter, value in words if letter == 'G']
        if 90 in numbers or 91 in numbers:
            self._relative = 91 in numbers
        for letter, value in words:
            if letter in self.position_mm:
                start = self.position_mm[letter] if self._relative else 0.0
                self.position_mm[letter] = start + float(value)
        return b'ok\r\n'


class FakeTmc2209(FakeDevice):
    """Hears its own sender: what is asked comes back first. registers by number. harms: a
    VACTUAL that is not zero, which turns the motor."""

    def __init__(self, node: int = 0, *, echo: bool = True) -> None:
        super().__init__()
        self.registers = {0x00: 0x101, 0x01: 0x1, 0x02: 0, 0x06: 0x2100_0001, 0x6F: 0x8000_0000}
        self._node, self._echo, self._held = node, echo, b''

    def heard(self, data: bytes) -> bytes:
        """Answer reads, take writes."""
        answer = data if self._echo else b''
        self._held += data
        while len(self._held) >= 4:
            is_write = bool(self._held[2] & 0x80)
            size = 8 if is_write else 4
            if self._held[0] & 0x0F != 0x05:
                self._held = self._held[1:]
                continue
            if len(self._held) < size:
                break
            asked, self._held = self._held[:size], self._held[size:]
            if asked[1] == self._node and tmc_crc(asked[:-1]) == asked[-1]:
                answer += self._written(asked) if is_write else self._read(asked[2])
        return answer

    def quiet(self) -> bytes:
        """Forget half a datagram, as the chip does after a pause."""
        self._held = b''
        return b''

    def _read(self, register: int) -> bytes:
        body = b'\x05\xff' + bytes((register,)) + struct.pack(
            '>I', self.registers.get(register, 0))
        return body + bytes((tmc_crc(body),))

    def _written(self, asked: bytes) -> bytes:
        register, value = asked[2] & 0x7F, int.from_bytes(asked[3:7], 'big')
        self.registers[register] = value
        self.registers[0x02] = (self.registers[0x02] + 1) & 0xFF     # IFCNT
        if register == 0x22 and value:
            self.harms.append(f'VACTUAL {value}: the motor turns')
        return b''


def tmc_crc(data: bytes) -> int:
    """Return the CRC as chapter 4.2 of the TMC2209 datasheet computes it, bit by bit."""
    crc = 0
    for byte in data:
        for bit in range(8):
            crc = (crc << 1 ^ (7 if crc >> 7 ^ byte >> bit & 1 else 0)) & 0xFF
    return crc
