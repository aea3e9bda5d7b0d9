# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Slamtec RPLIDAR of the A series on a serial port: asked who it is before it is made to turn."""

import contextlib
import time
from collections.abc import Iterable
from typing import Any

from hw_discovery.drivers.fault import DriverFault
from hw_discovery.drivers.lidar import rplidar as protocol
from hw_discovery.drivers.lidar.revolution import Point
from hw_discovery.drivers.lidar.scanner import ScannerDriver
from hw_discovery.drivers.parameters import integer
from hw_discovery.drivers.serial_line import SerialLine

ANSWER_S = 1.0               # the protocol's own limit for an answer
STOP_S = 0.02                # LR001: wait at least 1 ms after STOP; the buffers empty meanwhile
_HEARD_BYTES_MAX = 65536     # while it waits for an answer


class RplidarDriver(ScannerDriver):
    """A1 at 5.5 Hz: about 360 points a turn in standard scan; A2 at 10 Hz about 400 to 800."""

    RANGE_M = (0.15, 12.0)
    EXTRA_PARAMETERS = ('motor_pwm',)

    def __init__(self, *made_with: Any, **named: Any) -> None:
        super().__init__(*made_with, **named)
        # 660 of 1023 is the speed that Slamtec's own driver sets.
        self._motor_pwm = integer(
            self.parameters, 'motor_pwm', 660, 1, protocol.MOTOR_PWM_MAX)
        self._nodes = protocol.NodeStream()
        self._is_turning = False

    def begin(self, line: SerialLine) -> None:
        """Stop what it does, check what and how it is, then turn and scan."""
        line.write(protocol.STOP)
        self.stopping.wait(STOP_S)
        self._asked(line, protocol.GET_INFO, protocol.INFO_HEAD, protocol.INFO_BYTES)
        health = protocol.health_of(self._asked(
            line, protocol.GET_HEALTH, protocol.HEALTH_HEAD, protocol.HEALTH_BYTES))
        if health.level >= protocol.HEALTH_ERROR:
            line.write(protocol.RESET)
            raise DriverFault(
                f'the scanner protects itself (error 0x{health.code:04x}); it was reset')
        if self.stopping.is_set():
            return
        self._is_turning = True
        line.set_dtr(False)          # A1: its motor turns while DTR is off
        line.write(protocol.motor_request(self._motor_pwm))
        line.write(protocol.SCAN)
        rest = self._heard(line, protocol.SCAN_HEAD, 0)
        self._turns.feed(self._nodes.feed(rest))

    def end(self, line: SerialLine) -> None:
        """Stop scanning and turning."""
        if self._is_turning:
            with contextlib.suppress(DriverFault):
                line.write(protocol.STOP)
                line.write(protocol.motor_request(0))
                line.set_dtr(True)

    def points(self, data: bytes) -> Iterable[Point]:
        """Return the points of these bytes."""
        return self._nodes.feed(data)

    def rejected_bytes(self) -> int:
        """Return how many bytes were no measurement."""
        return self._nodes.rejected_bytes

    def _asked(self, line: SerialLine, request: bytes, head: bytes, size: int) -> bytes:
        line.write(request)
        return self._heard(line, head, size)[:size]

    def _heard(self, line: SerialLine, head: bytes, size: int) -> bytes:
        """Return what follows an answer's head, at least `size` bytes."""
        heard = b''
        end_s = time.monotonic() + ANSWER_S
        while protocol.answer_in(heard, head, size) is None:
            left_s = end_s - time.monotonic()
            if left_s <= 0 or self.stopping.is_set() or len(heard) > _HEARD_BYTES_MAX:
                raise DriverFault(
                    f'expected an answer {head.hex(" ")}; heard {len(heard)} bytes: '
                    f'{heard[:16].hex(" ") or "none"}')
            heard += line.read(left_s)
        return heard[heard.find(head) + len(head):]
