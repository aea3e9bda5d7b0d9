# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A grbl 1.1 controller: its axes as joints in m, moved by short jogs only.

Each cycle sends at most one jog of one cycle's length, and few wait in the controller: if the
cable goes, it stops by itself after them.
"""

import math
import time
from collections.abc import Sequence

from hw_discovery.drivers.actuator import ActuatorDriver
from hw_discovery.drivers.fault import DriverFault
from hw_discovery.drivers.parameters import ParameterFault, integer, names
from hw_discovery.drivers.serial_line import SerialLine, serial_path
from hw_discovery.drivers.stepper import grbl

START_S = 4.0                # opening the port restarts an Uno: its bootloader waits two seconds
ANSWER_S = 0.5               # a status report takes some ms
UNANSWERED_MAX = 3           # jogs; each is one cycle long
STILL_S = 1.0                # a jog must have been braked by then
STEP_MM = 0.001              # less is nothing to go for


class GrblDriver(ActuatorDriver):
    """Never unlocks, homes, resets or resumes: `$X`, `$H`, 0x18 and `~` are the operator's."""

    FAMILY = 'stepper'
    KNOWN = ('axes', 'baud')
    CYCLE_HZ = 10.0
    # Small and slow: what lies within reach only the user knows.
    POSITION = (-0.05, 0.05)
    VELOCITY_MAX = 0.01
    ACCELERATION_MAX = 0.05
    _line: SerialLine | None = None
    _phase = ''

    def joint_names(self) -> Sequence[str]:
        """Return the axes."""
        self._axes = names(self.parameters, 'axes', ('x', 'y', 'z'))
        if not self._axes or any(axis not in tuple(grbl.AXES) for axis in self._axes):
            raise ParameterFault(f'axes: expected some of {", ".join(grbl.AXES)}')
        self._baud = integer(self.parameters, 'baud', 115200, 1200, 4_000_000)
        self._path = serial_path(self.device, self.place)
        self._said = grbl.GrblStream()
        self._machine_m: tuple[float | None, ...] = (None,) * len(self._axes)
        self._unanswered = 0
        self._sent_m: tuple[float, ...] | None = None
        return [f'{self.name}_{axis}' for axis in self._axes]

    def open(self) -> None:
        """Wait until it tells how it is; nothing else is sent."""
        self._line = SerialLine(self._path, self._baud)
        end_s = time.monotonic() + START_S
        while not self._phase and not self.stopping.is_set():
            if time.monotonic() > end_s:
                raise DriverFault(
                    f'{self._path} at {self._baud} Bd: expected a status report of grbl 1.1')
            self._poll()

    def enable(self) -> None:
        """Nothing: its motors are its own business."""
        self._sent_m, self._unanswered = None, 0

    def may_arm(self) -> str:
        """Refuse while it is doing something or locked."""
        if self._phase != 'Idle':
            return f'the controller is {self._phase or "silent"}; expected Idle'
        if any(position is None for position in self._machine_m):
            return 'the controller does not tell where all the axes are'
        return ''

    def apply(self, positions: Sequence[float | None]) -> None:
        """Send one short jog to where the axes should be now."""
        if self._unanswered >= UNANSWERED_MAX:
            return
        here = self._sent_m or tuple(p if p is not None else 0.0 for p in self._machine_m)
        target = tuple(h if p is None else p for h, p in zip(here, positions, strict=True))
        far_mm = math.dist(here, target) * 1000.0
        if far_mm < STEP_MM:
            return
        moved = [at for at, position in enumerate(positions) if position is not None]
        assert self._line is not None
        self._line.write(grbl.jog(
            [self._axes[at] for at in moved], [target[at] * 1000.0 for at in moved],
            far_mm / self._cycle_s * 60.0))
        self._unanswered += 1
        self._sent_m = target

    def disable(self) -> None:
        """Cancel the jog and make sure that it stands still."""
        if self._line is None:
            return
        self._line.write(grbl.JOG_CANCEL)
        self._sent_m = None
        end_s = time.monotonic() + STILL_S
        while True:
            self._poll()
            if self._phase != 'Jog':
                return
            if time.monotonic() > end_s:
                self._line.write(grbl.FEED_HOLD)
                raise DriverFault('it still moves after its jog was cancelled; feed hold was sent')

    def measured(self) -> Sequence[float | None]:
        """Return the machine's position as told just now."""
        self._poll()
        return self._machine_m

    def close_device(self) -> None:
        """Close the port."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _poll(self) -> None:
        assert self._line is not None
        self._line.write(grbl.STATUS)
        end_s = time.monotonic() + ANSWER_S
        while (left_s := end_s - time.monotonic()) > 0:
            said = self._said.feed(self._line.read(left_s))
            for item in said:
                self._on_said(item)
            if any(isinstance(item, grbl.Status) for item in said):
                return
        if self._phase:
            raise DriverFault(f'{self._path}: no status report within {ANSWER_S:g} s')

    def _on_said(self, said: grbl.Said) -> None:
        if isinstance(said, grbl.Accepted):
            self._unanswered = max(0, self._unanswered - 1)
        elif isinstance(said, grbl.Refused):
            why = grbl.ERRORS.get(said.code, 'see its list of errors')
            self.stop_because(f'the controller refused a jog: error {said.code}, {why}')
        elif isinstance(said, grbl.Alarmed):
            self.stop_because(f'the controller raised alarm {said.code}')
        elif isinstance(said, grbl.Restarted):
            self.stop_because('the controller was restarted: its position may be lost')
        else:
            self._on_status(said)

    def _on_status(self, status: grbl.Status) -> None:
        self._phase = status.phase
        places = [grbl.AXES.index(axis) for axis in self._axes]
        if status.machine_mm:
            self._machine_m = tuple(
                status.machine_mm[at] / 1000.0 if at < len(status.machine_mm) else None
                for at in places)
        if status.phase not in ('Idle', 'Jog'):
            self.stop_because(f'the controller is {status.phase}')
