# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What every driver is. Knows no device.

Made and closed on the executor's thread, where its publishers are made and destroyed; `run` has
a thread of its own and is the only place that touches the device. So a device that blocks keeps
nobody waiting but itself.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from hw_discovery.core.device import HardwareDevice
from hw_discovery.core.probing.operation import Place
from hw_discovery.drivers.naming import device_name, frame_id, is_ros_name
from hw_discovery.drivers.parameters import ParameterFault, Parameters, text

# Best effort, as sensor data is elsewhere in ROS: a late reading is worth less than the next.
SENSOR_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)

RATE_READINGS = 16           # a rate is told over so many


class Driver:
    """A device as topics under sensors/<name>/. `run` returns when told to stop, or raises."""

    FAMILY = 'device'        # first word of the name

    def __init__(
        self, node: Node, device: HardwareDevice, place: Place | None, parameters: Parameters,
        robot_id: str = '',
    ) -> None:
        self.node = node
        self.device = device
        self.place = place
        self.parameters = parameters
        self.name = self._name_of(device, parameters)
        self.frame_id = text(parameters, 'frame_id', '') or frame_id(robot_id, self.name)
        self.stopping = threading.Event()
        self.on_works: Callable[[], None] = lambda: None
        self._is_working = False
        self._good_ns: deque[int] = deque(maxlen=RATE_READINGS)
        self._made: list[tuple[Callable[[Any], Any], Any]] = []

    def _name_of(self, device: HardwareDevice, parameters: Parameters) -> str:
        name = text(parameters, 'name', '') or device_name(device.device_id, self.FAMILY)
        if not is_ros_name(name):
            raise ParameterFault(
                f'name: expected letters, digits and single _, first a letter; given: {name!r}')
        return name

    def run(self) -> None:
        """Talk to the device until `stopping` is set; raise DriverFault or OSError if it fails."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Wake `run` from a call that waits. Called from another thread, after `stopping`."""

    def set_emergency(self, is_on: bool) -> None:
        """Hear of the emergency stop; sensors go on."""

    def close(self) -> None:
        """Ask the thread to end. Returns at once."""
        self.stopping.set()
        self.cancel()

    def destroy(self) -> None:
        """Take the topics away; only after the thread has ended."""
        for destroy, made in reversed(self._made):
            destroy(made)
        self._made.clear()

    def works(self) -> None:
        """Say that a good reading came; cheap to call for every reading."""
        self._good_ns.append(time.monotonic_ns())
        if not self._is_working:
            self._is_working = True
            self.on_works()

    @property
    def topics(self) -> tuple[str, ...]:
        """Full names of what it publishes, takes and serves."""
        return tuple(made.srv_name if hasattr(made, 'srv_name') else made.topic_name
                     for _, made in self._made)

    @property
    def last_good_ns(self) -> int | None:
        """When the last good reading came, monotonic; None = none yet."""
        return self._good_ns[-1] if self._good_ns else None

    @property
    def rate_hz(self) -> float:
        """Good readings a second, over the last ones; 0.0 = not known."""
        good = tuple(self._good_ns)
        return (len(good) - 1) * 1e9 / (good[-1] - good[0]) if good and good[-1] > good[0] else 0.0

    def publisher(self, kind: type, topic: str, qos: QoSProfile | int = SENSOR_QOS) -> Any:
        """Return a publisher on sensors/<name>/<topic>."""
        made = self.node.create_publisher(kind, f'sensors/{self.name}/{topic}', qos)
        self._made.append((self.node.destroy_publisher, made))
        return made

    def subscription(
        self, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile | int = 10,
    ) -> None:
        """Subscribe to sensors/<name>/<topic>; the callback runs on the executor's thread."""
        made = self.node.create_subscription(
            kind, f'sensors/{self.name}/{topic}', callback, qos)
        self._made.append((self.node.destroy_subscription, made))

    def service(self, kind: type, topic: str, callback: Callable[[Any, Any], Any]) -> None:
        """Serve sensors/<name>/<topic>."""
        made = self.node.create_service(kind, f'sensors/{self.name}/{topic}', callback)
        self._made.append((self.node.destroy_service, made))

    def header(self) -> Header:
        """Return a header of now in the device's frame."""
        return Header(stamp=self.node.get_clock().now().to_msg(), frame_id=self.frame_id)
