# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A GPS receiver on a serial port as fix, vel and time_reference. Listens, sends nothing."""

import time

from geometry_msgs.msg import TwistStamped, Vector3
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import NavSatFix, NavSatStatus, TimeReference

from hw_discovery.core.device import HardwareDevice
from hw_discovery.core.probing.operation import Place
from hw_discovery.drivers.driver import Driver
from hw_discovery.drivers.fault import DriverFault
from hw_discovery.drivers.gps.fix import Fix, GpsState, Reading, UtcTime, Velocity
from hw_discovery.drivers.gps.stream import GpsStream
from hw_discovery.drivers.parameters import Parameters, integer, known_only
from hw_discovery.drivers.serial_line import SerialLine, serial_path

PARAMETERS = ('name', 'frame_id', 'baud', 'silence_ms')


class GpsDriver(Driver):
    """Publishes sensors/<name>/fix, vel (east, north, up) and time_reference."""

    FAMILY = 'gps'

    def __init__(
        self, node: Node, device: HardwareDevice, place: Place | None, parameters: Parameters,
        robot_id: str = '',
    ) -> None:
        super().__init__(node, device, place, parameters, robot_id)
        known_only(parameters, PARAMETERS)
        self._path = serial_path(device, place)
        self._baud = integer(parameters, 'baud', 9600, 1200, 4_000_000)
        # Five times the usual second between fixes.
        self._silence_s = integer(parameters, 'silence_ms', 5000, 100, 600_000) / 1000.0
        self._stream = GpsStream()
        self._state = GpsState()
        self._line: SerialLine | None = None
        self._fix_out = self.publisher(NavSatFix, 'fix')
        self._vel_out = self.publisher(TwistStamped, 'vel')
        self._time_out = self.publisher(TimeReference, 'time_reference')

    def run(self) -> None:
        """Read until told to stop; a receiver that says nothing valid for long is a fault."""
        with SerialLine(self._path, self._baud) as line:
            self._line = line
            if self.stopping.is_set():
                return
            heard_s = time.monotonic()
            while not self.stopping.is_set():
                frames = self._stream.feed(line.read(self._silence_s / 4))
                now_s = time.monotonic()
                if frames:
                    heard_s = now_s
                    self.works()
                elif now_s - heard_s > self._silence_s:
                    raise DriverFault(self._why_silent())
                for frame in frames:
                    for reading in self._state.feed(frame):
                        self._publish(reading)

    def cancel(self) -> None:
        """Wake the reader."""
        if self._line is not None:
            self._line.cancel()

    def _why_silent(self) -> str:
        rejected = self._stream.rejected_bytes
        seen = f'{rejected} bytes that are neither' if rejected else 'nothing at all'
        return (f'{self._path} at {self._baud} Bd: expected NMEA sentences or UBX frames, heard '
                f'{seen} for {self._silence_s:g} s')

    def _publish(self, reading: Reading) -> None:
        if isinstance(reading, Fix):
            self._fix_out.publish(NavSatFix(
                header=self.header(), latitude=reading.latitude_deg,
                longitude=reading.longitude_deg, altitude=reading.altitude_m,
                status=NavSatStatus(status=int(reading.status), service=reading.service),
                position_covariance=reading.covariance_m2,
                position_covariance_type=int(reading.covariance_kind)))
        elif isinstance(reading, Velocity):
            message = TwistStamped(header=self.header())
            message.twist.linear = Vector3(
                x=reading.east_mps, y=reading.north_mps, z=reading.up_mps)
            self._vel_out.publish(message)
        elif isinstance(reading, UtcTime):
            self._time_out.publish(TimeReference(
                header=self.header(), source='gps',
                time_ref=Time(nanoseconds=reading.unix_ns).to_msg()))
