# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Servos on a PCA9685. Which servo hangs on which channel nobody can ask: the user says it."""

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from hw_discovery.drivers.actuator import ActuatorDriver
from hw_discovery.drivers.fault import DriverFault
from hw_discovery.drivers.i2c_line import I2cLine, I2cTransport, i2c_place
from hw_discovery.drivers.parameters import ParameterFault, number, numbers
from hw_discovery.drivers.servo import pca9685 as chip

CHECK_S = 0.5                # how often it is made sure that the chip kept its setting


class Pca9685Driver(ActuatorDriver):
    """Without pulses until armed, and without pulses again when disarmed: a servo then holds
    nothing. Position_min and _max belong to pulse_min_us and _max_us."""

    FAMILY = 'servo'
    KNOWN = ('channels', 'pulse_min_us', 'pulse_max_us', 'frequency_hz')
    OPEN: ClassVar[Callable[[int], I2cTransport]] = I2cLine
    _bus: I2cTransport | None = None

    def joint_names(self) -> Sequence[str]:
        """Return a name for each channel that the user named."""
        given = numbers(self.parameters, 'channels', (), 0, chip.CHANNELS - 1)
        if any(channel != int(channel) for channel in given) or len(set(given)) != len(given):
            raise ParameterFault('channels: expected different whole numbers from 0 to 15')
        self._channels = [int(channel) for channel in given]
        count = len(self._channels)
        # 1 to 2 ms is what every servo takes; wider is the user's knowledge.
        low = numbers(self.parameters, 'pulse_min_us', (1000.0,) * count, 300, 3000, count)
        high = numbers(self.parameters, 'pulse_max_us', (2000.0,) * count, 300, 3000, count)
        self._pulses = [chip.PulseRange(*pair) for pair in zip(low, high, strict=True)]
        self._frequency_hz = number(self.parameters, 'frequency_hz', 50.0, 40.0, 333.0)
        if any(width >= 1e6 / self._frequency_hz for width in (*low, *high)):
            raise ParameterFault(
                f'pulse_max_us: expected less than a period of {1e6 / self._frequency_hz:g} us')
        self._address = i2c_place(self.place).address
        self._checked_s = 0.0
        return [f'{self.name}_{channel}' for channel in self._channels]

    def open(self) -> None:
        """Make sure of the chip by reading, then take all pulses away and set the rate."""
        self._bus = type(self).OPEN(i2c_place(self.place).bus)
        register, expected = chip.FINGERPRINT
        found = self._bus.read(self._address, register, len(expected))
        if found != expected:
            raise DriverFault(
                f'address 0x{self._address:02x}: expected the sub-addresses {expected.hex(" ")} '
                f'of a PCA9685; read: {found.hex(" ")}')
        for register, value in (
                (chip.ALL_OFF_HIGH, chip.FULL_OFF), (chip.MODE1, chip.MODE1_SLEEP),
                (chip.PRE_SCALE, chip.prescale(self._frequency_hz)),
                (chip.MODE2, chip.MODE2_TOTEM_POLE), (chip.MODE1, chip.MODE1_RUN)):
            self._bus.write(self._address, register, bytes((value,)))

    def enable(self) -> None:
        """Nothing: pulses begin with the first command."""

    def apply(self, positions: Sequence[float | None]) -> None:
        """Set the pulse of each commanded channel."""
        assert self._bus is not None
        rows = zip(self._channels, self._pulses, self._motion.joints, positions, strict=True)
        for channel, pulse, joint, position in rows:
            if position is not None:
                width_us = pulse.width_us(position, joint.minimum, joint.maximum)
                self._bus.write(self._address, chip.channel_register(channel),
                                chip.pulse_bytes(width_us, self._frequency_hz))

    def disable(self) -> None:
        """Take all pulses away."""
        if self._bus is not None:
            self._bus.write(self._address, chip.ALL_OFF_HIGH, bytes((chip.FULL_OFF,)))

    def measured(self) -> Sequence[float | None]:
        """Return nothing known: these servos do not say. Make sure that the chip is there."""
        now_s = time.monotonic()
        if self._bus is not None and now_s - self._checked_s >= CHECK_S:
            self._checked_s = now_s
            rate = self._bus.read(self._address, chip.PRE_SCALE, 1)[0]
            mode = self._bus.read(self._address, chip.MODE1, 1)[0]
            # Bit 7 says only that it may be restarted.
            if rate != chip.prescale(self._frequency_hz) or mode & 0x7F != chip.MODE1_RUN:
                raise DriverFault('PCA9685: it was reset or set by another program')
        return [None] * len(self._channels)

    def close_device(self) -> None:
        """Close the bus."""
        if self._bus is not None:
            self._bus.close()
            self._bus = None
