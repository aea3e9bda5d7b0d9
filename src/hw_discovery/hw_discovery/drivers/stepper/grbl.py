# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What grbl 1.1 says and how it is asked to jog. Pure, bounded, never raises.

Source: grbl 1.1 documentation, "interface" (real-time commands, status reports, errors) and
"jogging" ($J=, jog cancel). Only jogs are ever sent: they alone can be cancelled without losing
the position, and change nothing of the parser's state.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

STATUS = b'?'
JOG_CANCEL = b'\x85'
FEED_HOLD = b'!'
LINE_BYTES_MAX = 256         # its own buffer is 80; status reports with all fields are longer
AXES = 'xyzabc'
_STATUS = re.compile(r'<([A-Za-z]+)(?::\d+)?((?:\|[^|<>]*)*)>')


@dataclass(frozen=True, slots=True)
class Status:
    """`machine_mm` () = not told in this report."""

    phase: str               # Idle, Run, Hold, Jog, Alarm, Door, Check, Home, Sleep
    machine_mm: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A line was taken."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A line was not taken; `code` of grbl's list of errors."""

    code: int


@dataclass(frozen=True, slots=True)
class Alarmed:
    """Motion was stopped; the position may be lost."""

    code: int


@dataclass(frozen=True, slots=True)
class Restarted:
    """The controller began anew; what it was doing is gone."""

    banner: str


Said = Status | Accepted | Refused | Alarmed | Restarted

# Those a jog can meet.
ERRORS = {8: 'it is not idle', 9: 'it is locked by an alarm',
          15: 'the target is beyond its travel', 16: 'the jog is malformed',
          22: 'no feed rate', 33: 'the target is invalid'}


class GrblStream:
    """Feed bytes, get what was said."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._work_offset: tuple[float, ...] = ()

    def feed(self, data: bytes) -> list[Said]:
        """Return what these bytes complete; lines that mean nothing here are left out."""
        said = []
        self._buffer += data
        while (end := self._buffer.find(b'\n')) >= 0:
            line = bytes(self._buffer[:min(end, LINE_BYTES_MAX)])
            del self._buffer[:end + 1]
            understood = self._understood(line.decode('ascii', 'replace').strip())
            if understood is not None:
                said.append(understood)
        if len(self._buffer) > LINE_BYTES_MAX:
            self._buffer.clear()
        return said

    def _understood(self, line: str) -> Said | None:
        if line == 'ok':
            return Accepted()
        if line.startswith('Grbl '):
            return Restarted(line)
        for word, kind in (('error:', Refused), ('ALARM:', Alarmed)):
            if line.startswith(word) and line[len(word):].isdecimal():
                return kind(int(line[len(word):]))
        match = _STATUS.fullmatch(line)
        return self._status(match.group(1), match.group(2)) if match else None

    def _status(self, phase: str, rest: str) -> Status:
        fields = dict(field.split(':', 1) for field in rest.split('|') if ':' in field)
        self._work_offset = _numbers(fields.get('WCO', '')) or self._work_offset
        machine = _numbers(fields.get('MPos', ''))
        work = _numbers(fields.get('WPos', ''))
        # With $10=0 it tells work positions, and their offset only now and then.
        if not machine and work and len(work) == len(self._work_offset):
            machine = tuple(a + b for a, b in zip(work, self._work_offset, strict=True))
        return Status(phase, machine)


def jog(axes: Sequence[str], targets_mm: Sequence[float], feed_mm_min: float) -> bytes:
    """Return a jog to machine coordinates (G53) in mm (G21)."""
    assert axes and feed_mm_min > 0
    words = ''.join(f'{axis.upper()}{target:.3f}'
                    for axis, target in zip(axes, targets_mm, strict=True))
    return f'$J=G53G90G21{words}F{max(feed_mm_min, 1.0):.1f}\n'.encode('ascii')


def _numbers(text: str) -> tuple[float, ...]:
    try:
        read = tuple(float(word) for word in text.split(',')) if text else ()
    except ValueError:
        return ()
    return read if all(map(math.isfinite, read)) else ()
