# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What drivers of turning scanners share: whole turns become sensors/<name>/scan."""

import math
import time
from collections.abc import Iterable

from rclpy.node import Node
from sensor_msgs.msg import LaserScan

from hw_discovery.core.device import HardwareDevice
from hw_discovery.core.probing.operation import Place
from hw_discovery.drivers.driver import Driver
from hw_discovery.drivers.fault import DriverFault
from hw_discovery.drivers.lidar.revolution import Geometry, Point, Revolutions, scan_of
from hw_discovery.drivers.parameters import Parameters, flag, integer, known_only, number
from hw_discovery.drivers.serial_line import SerialLine, serial_path

PARAMETERS = ('name', 'frame_id', 'baud', 'beams', 'range_min_m', 'range_max_m',
              'angle_offset_rad', 'upside_down', 'silence_ms')


class ScannerDriver(Driver):
    """Publishes turns; a subclass says how bytes become points."""

    FAMILY = 'lidar'
    BAUD = 115200
    BEAMS = 360
    RANGE_M = (0.05, 12.0)
    EXTRA_PARAMETERS: tuple[str, ...] = ()

    def __init__(
        self, node: Node, device: HardwareDevice, place: Place | None, parameters: Parameters,
        robot_id: str = '',
    ) -> None:
        super().__init__(node, device, place, parameters, robot_id)
        known_only(parameters, PARAMETERS + self.EXTRA_PARAMETERS)
        self._path = serial_path(device, place)
        self._baud = integer(parameters, 'baud', self.BAUD, 1200, 4_000_000)
        self._geometry = Geometry(
            integer(parameters, 'beams', self.BEAMS, 8, 10_000),
            number(parameters, 'range_min_m', self.RANGE_M[0], 0.0, 100.0),
            number(parameters, 'range_max_m', self.RANGE_M[1], 0.1, 1000.0),
            number(parameters, 'angle_offset_rad', 0.0, -2 * math.pi, 2 * math.pi),
            flag(parameters, 'upside_down', False))
        # Some turns: a scanner that spins up takes up to two seconds.
        self._silence_s = integer(parameters, 'silence_ms', 4000, 100, 600_000) / 1000.0
        self._turns = Revolutions()
        self._last_turn_s: float | None = None
        self._line: SerialLine | None = None
        self._scan_out = self.publisher(LaserScan, 'scan')

    def run(self) -> None:
        """Start, read until told to stop, bring to rest."""
        with SerialLine(self._path, self._baud) as line:
            self._line = line
            if self.stopping.is_set():
                return
            try:
                self.begin(line)
                self._stream(line)
            finally:
                self.end(line)

    def begin(self, line: SerialLine) -> None:
        """Make the scanner send."""

    def end(self, line: SerialLine) -> None:
        """Bring the scanner to rest; the port may be gone. Must not raise."""

    def points(self, data: bytes) -> Iterable[Point]:
        """Return the points that these bytes complete."""
        raise NotImplementedError

    def rejected_bytes(self) -> int:
        """Return how many bytes were no measurement."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Wake the reader."""
        if self._line is not None:
            self._line.cancel()

    def _stream(self, line: SerialLine) -> None:
        turned_s = time.monotonic()
        while not self.stopping.is_set():
            turns = self._turns.feed(self.points(line.read(self._silence_s / 4)))
            now_s = time.monotonic()
            for turn in turns:
                turned_s = now_s
                self.works()
                self._publish(turn, now_s)
            if now_s - turned_s > self._silence_s:
                raise DriverFault(
                    f'{self._path} at {self._baud} Bd: no whole turn for {self._silence_s:g} s; '
                    f'{self.rejected_bytes()} bytes were no measurement')

    def _publish(self, turn: tuple[Point, ...], now_s: float) -> None:
        scan = scan_of(turn, self._geometry)
        geometry = self._geometry
        took_s = now_s - self._last_turn_s if self._last_turn_s is not None else 0.0
        self._last_turn_s = now_s
        each_s = took_s / geometry.beams
        self._scan_out.publish(LaserScan(
            header=self.header(), angle_min=-math.pi,
            angle_max=-math.pi + geometry.increment_rad * (geometry.beams - 1),
            angle_increment=geometry.increment_rad, scan_time=took_s,
            # The first index is the last that was measured, unless it hangs upside down.
            time_increment=each_s if geometry.is_upside_down else -each_s,
            range_min=geometry.range_min_m, range_max=geometry.range_max_m,
            ranges=scan.ranges_m, intensities=scan.intensities))
