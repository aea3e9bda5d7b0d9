# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What drivers of actuators share: arm, command, watch the silence, stop.

Callbacks only change the Motion, under a lock. The driver's own thread asks it in every cycle
and is the only one that touches the device; so a stop reaches the device within one cycle, and
whatever ends the thread leaves the device told to be still, if it can still be told.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from hw_discovery.core.device import HardwareDevice
from hw_discovery.core.probing.operation import Place
from hw_discovery.drivers.driver import Driver
from hw_discovery.drivers.motion import Joint, Motion, Timing, TrajectoryPoint
from hw_discovery.drivers.parameters import (
    ParameterFault,
    Parameters,
    integer,
    known_only,
    names,
    number,
    numbers,
)

LIMITS = ('joints', 'position_min', 'position_max', 'velocity_max', 'acceleration_max',
          'command_timeout_ms', 'cycle_hz')
_LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Only the newest command counts, and none that was sent before we listened.
_COMMANDS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
TELL_S = 0.1                 # joint states go out so often
STOP_ATTEMPTS = 3            # of telling a device to be still: worth more than one try


class ActuatorDriver(Driver):
    """Serves <name>/arm, takes <name>/joint_trajectory and <name>/command (positions in the
    order of the joints), publishes <name>/joint_states and <name>/armed."""

    KNOWN: tuple[str, ...] = ()
    CYCLE_HZ = 50.0
    POSITION = (-0.785, 0.785)
    VELOCITY_MAX = 3.0
    ACCELERATION_MAX = 20.0

    def __init__(
        self, node: Node, device: HardwareDevice, place: Place | None, parameters: Parameters,
        robot_id: str = '',
    ) -> None:
        super().__init__(node, device, place, parameters, robot_id)
        known_only(parameters, ('name', 'frame_id', *LIMITS, *self.KNOWN))
        timeout_ms = integer(parameters, 'command_timeout_ms', 500, 50, 60_000)
        self._motion = Motion(
            self._limited(self.joint_names()), Timing(command_ns=timeout_ms * 1_000_000))
        self._cycle_s = 1.0 / number(parameters, 'cycle_hz', self.CYCLE_HZ, 1.0, 200.0)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._was_armed = False
        self._told_s = 0.0
        self._states_out = self.publisher(JointState, 'joint_states')
        self._armed_out = self.publisher(Bool, 'armed', _LATCHED)
        self._armed_out.publish(Bool(data=False))
        self.service(SetBool, 'arm', self._on_arm)
        self.subscription(JointTrajectory, 'joint_trajectory', self._on_trajectory, _COMMANDS)
        self.subscription(Float64MultiArray, 'command', self._on_positions, _COMMANDS)

    # ---- what a device must say and do; all but joint_names on the driver's thread

    def joint_names(self) -> Sequence[str]:
        """Return the joints if the user names none."""
        raise NotImplementedError

    def open(self) -> None:
        """Reach the device and make sure that it is what it should be, and still."""
        raise NotImplementedError

    def enable(self) -> None:
        """Make it ready to move; it must not move by that. Raise DriverFault if it cannot."""
        raise NotImplementedError

    def apply(self, positions: Sequence[float | None]) -> None:
        """Set positions; None = leave it alone."""
        raise NotImplementedError

    def disable(self) -> None:
        """Stop it and make it inert."""
        raise NotImplementedError

    def measured(self) -> Sequence[float | None]:
        """Return where the joints are; None = nobody knows."""
        raise NotImplementedError

    def may_arm(self) -> str:
        """Return '' or why it cannot be armed now; called on the executor's thread."""
        return ''

    def stop_because(self, why: str) -> None:
        """Disarm at the next cycle; for a device that refuses without being broken."""
        with self._lock:
            self._motion.disarm(why)

    def close_device(self) -> None:
        """Give the device back. Must not raise."""

    # ---- the driver's thread

    def run(self) -> None:
        """Control until told to stop; whatever happens, end with the device told to be still."""
        try:
            self.open()
            self.works()
            while not self.stopping.is_set():
                began_s = time.monotonic()
                self._cycle(began_s)
                self._wake.wait(max(0.0, self._cycle_s - (time.monotonic() - began_s)))
                self._wake.clear()
        except Exception as error:
            self._make_inert(f'the driver failed: {error}')
            raise
        finally:
            self._make_inert('the driver was closed')
            self.close_device()

    def _cycle(self, now_s: float) -> None:
        is_due = now_s - self._told_s >= TELL_S
        measured = self.measured() if is_due or not self._was_armed else None
        with self._lock:
            if measured is not None:
                self._motion.feedback(measured)
            positions = self._motion.step(time.monotonic_ns())
            is_armed = self._motion.is_armed
        if is_armed and not self._was_armed:
            self._was_armed = True       # before it is true: a failure half-way disables too
            self.enable()
            self._tell_armed(True)
        elif not is_armed and self._was_armed:
            self._make_inert('')
        elif is_armed and any(position is not None for position in positions):
            self.apply(positions)
        if is_due and measured is not None:
            self._told_s = now_s
            self.works()
            self._tell_states(measured)

    def _make_inert(self, why: str) -> None:
        with self._lock:
            self._motion.disarm(why)
            told = self._motion.disarmed_because
        if not self._was_armed:
            return
        self._was_armed = False
        self._tell_armed(False)
        self.node.get_logger().info(f'{self.name}: disarmed: {told}')
        for attempt in range(1, STOP_ATTEMPTS + 1):
            try:
                self.disable()
                return
            except Exception as error:  # a library's too: the port must still be closed
                if attempt == STOP_ATTEMPTS:
                    self.node.get_logger().error(
                        f'{self.name}: it could not be told to be still: {error}')

    def _tell_armed(self, is_armed: bool) -> None:
        self._armed_out.publish(Bool(data=is_armed))

    def _tell_states(self, measured: Sequence[float | None]) -> None:
        known = [(joint.name, position)
                 for joint, position in zip(self._motion.joints, measured, strict=True)
                 if position is not None]
        if known:
            self._states_out.publish(JointState(
                header=self.header(), name=[name for name, _ in known],
                position=[position for _, position in known]))

    # ---- the executor's thread

    def cancel(self) -> None:
        """Disarm and wake the thread."""
        with self._lock:
            self._motion.close()
        self._wake.set()

    def set_emergency(self, is_on: bool) -> None:
        """Disarm at once; the end of the emergency arms nothing."""
        with self._lock:
            self._motion.set_emergency(is_on)
        self._wake.set()

    def _on_arm(self, request: Any, response: Any) -> Any:
        refusal = ''
        if request.data:
            refusal = self.may_arm() if self._is_working else 'the device does not work yet'
        with self._lock:
            if not request.data:
                self._motion.disarm('it was asked to')
            elif not refusal:
                refusal = self._motion.arm(time.monotonic_ns())
        self._wake.set()
        response.success, response.message = not refusal, refusal
        return response

    def _on_trajectory(self, said: Any) -> None:
        now_ns = time.monotonic_ns()
        stamp = said.header.stamp
        sent_ns = None
        if stamp.sec or stamp.nanosec:
            age_ns = (self.node.get_clock().now() - Time.from_msg(stamp)).nanoseconds
            sent_ns = now_ns - age_ns
        points = [TrajectoryPoint(
            tuple(point.positions),
            point.time_from_start.sec * 1_000_000_000 + point.time_from_start.nanosec)
            for point in said.points]
        self._commanded(list(said.joint_names), points, now_ns, sent_ns)

    def _on_positions(self, said: Any) -> None:
        self._commanded([joint.name for joint in self._motion.joints],
                        [TrajectoryPoint(tuple(said.data), 0)], time.monotonic_ns(), None)

    def _commanded(
        self, joints: list[str], points: list[TrajectoryPoint], now_ns: int, sent_ns: int | None,
    ) -> None:
        with self._lock:
            refusal = self._motion.command(joints, points, now_ns, sent_ns)
        if refusal:
            self.node.get_logger().warning(
                f'{self.name}: a command was refused: {refusal}', throttle_duration_sec=1.0)

    # ---- limits

    def _limited(self, default: Sequence[str]) -> list[Joint]:
        given = self.parameters
        joints = names(given, 'joints', default)
        if len(joints) != len(default):
            raise ParameterFault(f'joints: expected {len(default)} names; given: {len(joints)}')
        count = len(joints)
        low = numbers(given, 'position_min', (self.POSITION[0],) * count, -1e4, 1e4, count)
        high = numbers(given, 'position_max', (self.POSITION[1],) * count, -1e4, 1e4, count)
        fast = numbers(given, 'velocity_max', (self.VELOCITY_MAX,) * count, 1e-6, 1e4, count)
        hard = numbers(
            given, 'acceleration_max', (self.ACCELERATION_MAX,) * count, 1e-6, 1e5, count)
        try:
            return [Joint(*row) for row in zip(joints, low, high, fast, hard, strict=True)]
        except ValueError as error:
            raise ParameterFault(str(error)) from error
