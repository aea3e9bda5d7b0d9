# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A driven actuator on a pty and a commander; the device behind it runs in a thread."""

import os
import select
import threading
from collections.abc import Callable
from typing import Any

from std_msgs.msg import Bool, Float64MultiArray
from std_srvs.srv import SetBool

from hw_discovery.core.probing.operation import I2cPlace
from hw_discovery.drivers.manager import Drivable

TOPIC = '/r1/sensors/arm'


class PtyDevice:
    """Calls `answer(bytes)` for what comes and `idle()` now and then."""

    def __init__(self, port: Any) -> None:
        self.port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if select.select([self.port.master], [], [], 0.005)[0]:
                    self.answer(os.read(self.port.master, 4096))
                self.idle()
            except (OSError, ValueError):
                return

    def answer(self, data: bytes) -> None:
        raise NotImplementedError

    def idle(self) -> None:
        pass

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5.0)


class Bench:
    """Drives `driver` at a place and commands it; `place`: a path, or an address on a bus."""

    def __init__(self, robot: Any, make_device: Callable[..., Any], driver: str,
                 place: str | I2cPlace, parameters: dict[str, Any]) -> None:
        self.robot, self.make_device = robot, make_device
        self.driver, self.place = driver, place
        self.parameters = {'name': 'arm', **parameters}
        robot.make_host()
        self.command_out = robot.asker.create_publisher(Float64MultiArray, f'{TOPIC}/command', 1)
        self.armed: list[Any] = robot.listen(Bool, f'{TOPIC}/armed')

    def device(self, generation: int) -> Any:
        return self.make_device(generation=generation, device_path=self.place)

    def drive(self, generation: int = 1, **parameters: Any) -> None:
        at = self.place if isinstance(self.place, I2cPlace) else None
        self.robot.update(Drivable(
            self.device(generation), self.driver, at, {**self.parameters, **parameters}))
        self.until(lambda: self.command_out.get_subscription_count() == 1)

    def until(self, condition: Callable[[], Any]) -> None:
        for _ in range(1500):
            if condition():
                return
            with self.robot.news:
                self.robot.news.wait(0.01)
        raise AssertionError(('it did not come to pass', self.robot.faults))

    def arm(self, is_on: bool = True) -> Any:
        return self.robot.call(SetBool, f'{TOPIC}/arm', SetBool.Request(data=is_on))

    def armed_for_good(self) -> None:
        self.until(lambda: self.arm().success)

    def send(self, *positions: float) -> None:
        self.command_out.publish(Float64MultiArray(data=positions))
