# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""An inertial chip on I2C as data_raw, mag and temperature."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import ClassVar

from geometry_msgs.msg import Vector3
from rclpy.node import Node
from sensor_msgs.msg import Imu, MagneticField, Temperature

from hw_discovery.core.device import HardwareDevice
from hw_discovery.core.probing.operation import Place
from hw_discovery.drivers.driver import Driver
from hw_discovery.drivers.fault import DriverFault
from hw_discovery.drivers.i2c_line import I2cLine, I2cTransport, i2c_place
from hw_discovery.drivers.imu import magnetometer as mag
from hw_discovery.drivers.imu.chip import (
    CHIPS,
    FROZEN_BURSTS,
    Chip,
    Sample,
    Setting,
    Write,
    candidates,
    judge,
    setting_of,
    weighs_half,
)
from hw_discovery.drivers.parameters import Parameters, integer, known_only, number, text

PARAMETERS = ('name', 'frame_id', 'chip', 'rate_hz', 'accel_range_g', 'gyro_range_dps')
CHECK_S = 1.0                # how often the ranges are read back
SENSELESS_MAX = 10           # readings in a row: one may be taken while the chip writes


class ImuDriver(Driver):
    """Publishes sensors/<name>/data_raw (no orientation), mag where there is one, temperature."""

    FAMILY = 'imu'
    OPEN: ClassVar[Callable[[int], I2cTransport]] = I2cLine

    def __init__(
        self, node: Node, device: HardwareDevice, place: Place | None, parameters: Parameters,
        robot_id: str = '',
    ) -> None:
        super().__init__(node, device, place, parameters, robot_id)
        known_only(parameters, PARAMETERS)
        self._at = i2c_place(place)
        self._chip_name = text(parameters, 'chip', '', ('', *(chip.name for chip in CHIPS)))
        # The chips are set to 200 Hz or a little more; a slower bus reads every second one.
        self._period_s = 1.0 / number(parameters, 'rate_hz', 100.0, 1.0, 200.0)
        # Wide enough for wheels over kerbs and a turn by hand; chosen, not measured.
        self._accel_g = integer(parameters, 'accel_range_g', 8, 1, 64)
        self._gyro_dps = integer(parameters, 'gyro_range_dps', 1000, 1, 4000)
        self._imu_out = self.publisher(Imu, 'data_raw')
        self._mag_out = self.publisher(MagneticField, 'mag')
        self._temperature_out = self.publisher(Temperature, 'temperature')
        self._bursts: deque[bytes] = deque(maxlen=FROZEN_BURSTS)
        self._samples: deque[Sample] = deque(maxlen=FROZEN_BURSTS)
        self._senseless = 0

    def run(self) -> None:
        """Identify, set up, read until told to stop."""
        bus = type(self).OPEN(self._at.bus)
        try:
            setting = setting_of(self._identified(bus), self._accel_g, self._gyro_dps)
            self._write(bus, self._at.address, setting.writes())
            compass = self._compass(bus, setting.chip)
            self._stream(bus, setting, compass)
        finally:
            bus.close()

    def _identified(self, bus: I2cTransport) -> Chip:
        """Read identity registers only; a chip that is not sure is not written to."""
        seen: dict[int, int] = {}
        for chip in candidates(self._at.address, self._chip_name):
            register = chip.identity_register
            if register not in seen:
                seen[register] = bus.read(self._at.address, register, 1)[0]
            if seen[register] in chip.identities:
                return chip
        told = ', '.join(f'0x{r:02x} reads 0x{v:02x}' for r, v in seen.items()) or 'nothing read'
        names = ', '.join(chip.name for chip in CHIPS)
        raise DriverFault(f'address 0x{self._at.address:02x} is none of {names}: {told}')

    def _write(self, bus: I2cTransport, address: int, writes: Iterable[Write]) -> None:
        for write in writes:
            bus.write(address, write.register, bytes((write.value,)))
            if write.wait_ms and self.stopping.wait(write.wait_ms / 1000.0):
                return

    def _compass(
        self, bus: I2cTransport, chip: Chip,
    ) -> tuple[mag.Magnetometer, tuple[float, ...]] | None:
        inner = mag.MAGNETOMETERS.get(chip.magnetometer)
        if inner is None:
            return None
        try:
            self._write(bus, self._at.address, (inner.bypass,))
            for register, value in inner.identity:
                if bus.read(mag.ADDRESS, register, 1)[0] != value:
                    return None
            factors: tuple[float, ...] = (1.0, 1.0, 1.0)
            if inner.adjust is not None:
                self._write(bus, mag.ADDRESS, inner.adjust[:1])
                factors = mag.adjustment(bus.read(mag.ADDRESS, mag.FUSE_ROM, 3))
                self._write(bus, mag.ADDRESS, inner.adjust[1:])
            self._write(bus, mag.ADDRESS, inner.start)
        except DriverFault as fault:
            self.node.get_logger().warning(f'{self.name}: no magnetometer: {fault}')
            return None
        return inner, factors

    def _stream(
        self, bus: I2cTransport, setting: Setting,
        compass: tuple[mag.Magnetometer, tuple[float, ...]] | None,
    ) -> None:
        due_s = time.monotonic()
        check_s = due_s + CHECK_S
        while not self.stopping.is_set():
            self._read(bus, setting, compass)
            now_s = time.monotonic()
            if now_s >= check_s:
                self._check(bus, setting)
                check_s = now_s + CHECK_S
            # What was missed is left out, not caught up with.
            due_s = max(due_s + self._period_s, now_s)
            self.stopping.wait(due_s - now_s)

    def _read(
        self, bus: I2cTransport, setting: Setting,
        compass: tuple[mag.Magnetometer, tuple[float, ...]] | None,
    ) -> None:
        burst = bus.read(self._at.address, *setting.chip.burst)
        self._bursts.append(burst)
        why_not = judge(self._bursts)
        if why_not:
            self._senseless += 1
            if self._senseless >= SENSELESS_MAX:
                raise DriverFault(f'{setting.chip.name}: {why_not}')
            return
        self._senseless = 0
        self.works()
        self._tell(setting, burst)
        if compass is not None:
            inner, factors = compass
            field = inner.decode(bus.read(mag.ADDRESS, inner.status, inner.size), factors)
            if field is not None:
                self._mag_out.publish(MagneticField(
                    header=self.header(), magnetic_field=_vector(field)))

    def _check(self, bus: I2cTransport, setting: Setting) -> None:
        """A chip that lost power starts again with other ranges and would give wrong numbers."""
        chip, address = setting.chip, self._at.address
        identity = bus.read(address, chip.identity_register, 1)[0]
        if identity not in chip.identities:
            raise DriverFault(f'{chip.name}: its identity now reads 0x{identity:02x}')
        if chip.setup_bank is not None and chip.bank_select is not None:
            self._write(bus, address, (chip.setup_bank,))
        found = {register: bus.read(address, register, 1)[0]
                 for register, _ in setting.ranges()}
        if chip.bank_select is not None:
            self._write(bus, address, (chip.bank_select,))
        for register, value in setting.ranges():
            if found[register] != value:
                raise DriverFault(
                    f'{chip.name}: it was reset: register 0x{register:02x} was set to '
                    f'0x{value:02x} and reads 0x{found[register]:02x}')
        register, size, _, _ = chip.temperature
        self._temperature_out.publish(Temperature(
            header=self.header(),
            temperature=setting.temperature_c(bus.read(address, register, size))))

    def _tell(self, setting: Setting, burst: bytes) -> None:
        sample = setting.decode(burst)
        self._samples.append(sample)
        if weighs_half(setting.chip, self._samples):
            raise DriverFault('it measures half of gravity at rest: an LSM6DSO32; set the '
                              "driver's parameter chip=lsm6dso32")
        accel, gyro = setting.variances()
        self._imu_out.publish(Imu(
            header=self.header(), linear_acceleration=_vector(sample.acceleration_mps2),
            angular_velocity=_vector(sample.rate_rps),
            # -1 first: no orientation, as sensor_msgs/Imu says.
            orientation_covariance=(-1.0, *(0.0,) * 8),
            linear_acceleration_covariance=_diagonal(accel),
            angular_velocity_covariance=_diagonal(gyro)))


def _vector(values: tuple[float, float, float]) -> Vector3:
    return Vector3(x=values[0], y=values[1], z=values[2])


def _diagonal(variance: float) -> tuple[float, ...]:
    return (variance, 0.0, 0.0, 0.0, variance, 0.0, 0.0, 0.0, variance)
