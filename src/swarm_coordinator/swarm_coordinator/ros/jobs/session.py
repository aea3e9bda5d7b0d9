# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A short life in the ROS graph for one job: owns the node, its executor and their end.

Refuses to know what the job does. The executor never runs on its own: the job spins it, so that
nothing happens between two lines of a job that it did not wait for. It is the single-threaded
one: the events executor of Kilted raises SystemError for callbacks that want to know when a
message was sent.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from swarm_coordinator.runner.jobs.assignment import Stop

SPIN_S = 0.02  # bounds how late a signal or the end of a recording is seen


class Session:
    """A context manager; `node` is in `namespace`. Every wait ends where `stop` asks to."""

    def __init__(self, name: str, namespace: str, stop: Stop) -> None:
        self._name, self._namespace = name, namespace
        self._stop = stop
        self.node: Any = None

    def __enter__(self) -> 'Session':
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        try:
            self.node = Node(
                self._name,
                namespace=self._namespace,
                use_global_arguments=False,
                enable_rosout=False,
                start_parameter_services=False,
            )
            self._executor = SingleThreadedExecutor()
            self._executor.add_node(self.node)
        except BaseException:
            rclpy.try_shutdown()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()

    def resolve(self, name: str) -> str:
        """The absolute form of `name`, below the namespace where it is relative."""
        return name if name.startswith('/') else f'{self._namespace.rstrip("/")}/{name}'

    def spin(self) -> None:
        """Let callbacks run for a moment."""
        self._executor.spin_once(timeout_sec=SPIN_S)

    def wait(self, seconds: float, done: Callable[[], bool]) -> bool:
        """Spin until `done`; False where `seconds` went by before. Raises Ended."""
        end_s = time.monotonic() + seconds
        while not done():
            self._stop.check()
            if time.monotonic() >= end_s:
                return False
            self.spin()
        return True
