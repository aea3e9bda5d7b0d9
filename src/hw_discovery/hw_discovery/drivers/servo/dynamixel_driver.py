# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Dynamixel X servos on a serial bus, through ROBOTIS' own SDK.

Until armed they are only read: torque stays as it was found, since taking it away can drop an
arm. Each servo's own bus watchdog stops it if this program or the cable goes.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from dynamixel_sdk import (
    COMM_RX_CORRUPT,
    COMM_RX_TIMEOUT,
    COMM_SUCCESS,
    GroupSyncWrite,
    PacketHandler,
    PortHandler,
)

from hw_discovery.drivers.actuator import ActuatorDriver
from hw_discovery.drivers.fault import DeviceGone, DriverFault
from hw_discovery.drivers.parameters import ParameterFault, flag, integer, numbers
from hw_discovery.drivers.serial_line import serial_path
from hw_discovery.drivers.servo import dynamixel as table

ID_MAX = 252
WATCHDOG_MS = 200            # ten cycles of control
TRIES = 3                    # one packet lost or late must not take the torque away, nor leave it


class DynamixelDriver(ActuatorDriver):
    """`ids`: of the servos on the bus. Torque goes when disarmed, unless hold_on_disarm."""

    FAMILY = 'servo'
    KNOWN = ('ids', 'baud', 'hold_on_disarm')
    POSITION = (-3.1, 3.1)
    _port: Any = None

    def joint_names(self) -> Sequence[str]:
        """Return a name for each id."""
        given = numbers(self.parameters, 'ids', (), 0, ID_MAX)
        if any(number != int(number) for number in given) or len(set(given)) != len(given):
            raise ParameterFault(f'ids: expected different whole numbers from 0 to {ID_MAX}')
        self._ids = [int(number) for number in given]
        self._baud = integer(self.parameters, 'baud', 57600, 1200, 4_500_000)
        self._holds = flag(self.parameters, 'hold_on_disarm', False)
        self._path = serial_path(self.device, self.place)
        self._sdk = PacketHandler(2.0)
        return [f'{self.name}_{number}' for number in self._ids]

    def open(self) -> None:
        """Open the bus and make sure of every servo by reading."""
        outside = [joint.name for joint in self._motion.joints
                   if joint.minimum < self.POSITION[0] or joint.maximum > self.POSITION[1]]
        if outside:
            raise DriverFault(f'{", ".join(outside)}: expected limits within +-3.1 rad')
        port = PortHandler(self._path)
        try:
            if not port.setBaudRate(self._baud):
                raise DriverFault(f'{self._path}: {self._baud} Bd cannot be set')
            self._port = port
            port.ser.exclusive = True
        except OSError as error:
            raise DeviceGone(f'{self._path} cannot be opened: {error}') from error
        for number in self._ids:
            self._make_sure_of(number)

    def _make_sure_of(self, number: int) -> None:
        model = self._asked(number, lambda: self._sdk.ping(self._port, number))
        if model not in table.X_SERIES:
            raise DriverFault(
                f'servo {number} is model {model}; expected one of the X series')
        mode = self._read(number, table.OPERATING_MODE, 1)
        if mode != table.POSITION_MODE:
            raise DriverFault(f'servo {number} is in operating mode {mode}; expected '
                              f'{table.POSITION_MODE} (position)')
        self._complain(number)

    def _complain(self, number: int) -> None:
        error = table.hardware_error(self._read(number, table.HARDWARE_ERROR, 1))
        if error:
            raise DriverFault(f'servo {number} reports {error}')

    def enable(self) -> None:
        """Torque on where it stands: the goal is first set to the present position."""
        for number in self._ids:
            self._complain(number)
            present = self._read(number, table.PRESENT_POSITION, 4)
            if not 0 <= present < table.TICKS:
                raise DriverFault(f'servo {number} stands outside of its turn ({present})')
            self._write(number, table.BUS_WATCHDOG, 1, 0)
            self._write(number, table.GOAL_POSITION, 4, present)
            self._write(number, table.TORQUE_ENABLE, 1, 1)
            self._write(number, table.BUS_WATCHDOG, 1, WATCHDOG_MS // table.WATCHDOG_UNIT_MS)

    def apply(self, positions: Sequence[float | None]) -> None:
        """Send all goals in one packet."""
        goals = GroupSyncWrite(self._port, self._sdk, table.GOAL_POSITION, 4)
        for number, position in zip(self._ids, positions, strict=True):
            if position is not None:
                goals.addParam(number, list(table.ticks_of(position).to_bytes(4, 'little')))
        result = goals.txPacket()
        if result != COMM_SUCCESS:
            raise DriverFault(f'{self._path}: {self._sdk.getTxRxResult(result)}')

    def disable(self) -> None:
        """Stop every servo, also if one of them does not answer."""
        first: Exception | None = None
        for number in self._ids if self._port is not None else ():
            try:
                self._write(number, table.BUS_WATCHDOG, 1, 0)
                present = self._read(number, table.PRESENT_POSITION, 4)
                if 0 <= present < table.TICKS:
                    self._write(number, table.GOAL_POSITION, 4, present)
                if not self._holds:
                    self._write(number, table.TORQUE_ENABLE, 1, 0)
            except Exception as error:  # the next servo must be stopped all the same
                first = first or error
        if first is not None:
            raise first

    def measured(self) -> Sequence[float | None]:
        """Return where the servos are."""
        return [table.position_of(self._read(number, table.PRESENT_POSITION, 4))
                for number in self._ids]

    def close_device(self) -> None:
        """Close the port."""
        if self._port is not None:
            with contextlib.suppress(OSError):
                self._port.closePort()
            self._port = None

    def _read(self, number: int, register: int, size: int) -> int:
        ask = self._sdk.read1ByteTxRx if size == 1 else self._sdk.read4ByteTxRx
        return self._asked(number, lambda: ask(self._port, number, register))

    def _asked(self, number: int, ask: Callable[[], tuple[int, int, int]]) -> int:
        """The SDK waits 34 ms for an answer, which a busy machine may take to notice it."""
        for _ in range(TRIES - 1):
            answer = ask()
            if answer[1] not in (COMM_RX_TIMEOUT, COMM_RX_CORRUPT):
                return self._checked(number, answer)
        return self._checked(number, ask())

    def _write(self, number: int, register: int, size: int, value: int) -> None:
        tell = self._sdk.write1ByteTxRx if size == 1 else self._sdk.write4ByteTxRx
        self._asked(number, lambda: (0, *tell(self._port, number, register, value)))

    def _checked(self, number: int, answer: tuple[int, int, int]) -> int:
        value, result, error = answer
        if result != COMM_SUCCESS:
            raise DriverFault(f'servo {number}: {self._sdk.getTxRxResult(result)}')
        # 0x80 alone points to the hardware error register, which is read apart.
        if error & 0x7F:
            raise DriverFault(f'servo {number}: {self._sdk.getRxPacketError(error)}')
        return value
