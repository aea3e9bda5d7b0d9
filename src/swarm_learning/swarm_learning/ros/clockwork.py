# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The learner's time: the machine's steady clock, or the time of a simulation where the parameter
`use_sim_time` says so. Owns that it never goes back and that its ticks come in that time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter

STEADY = Clock(clock_type=ClockType.STEADY_TIME)  # the wall clock may be set back
SIM_TIME = 'use_sim_time'


class Clockwork:
    """Calls `tick` every period, in whatever time the node is in now.

    A simulation that is paused pauses it; one that begins anew, or is switched on or off, goes on
    where the last tick was: time that nobody can know of does not count.
    """

    def __init__(self, node: Node, period_s: float, tick: Callable[[], None]) -> None:
        self._node = node
        self._period_s = period_s
        self._tick = tick
        self._simulated = _is_simulated(node)
        self._offset_ns = 0
        self._last_ns = self._raw_ns()
        self._timer: Any = self._made_timer()
        node.add_post_set_parameters_callback(self._parameters_set)

    def now_ns(self) -> int:
        """Monotonic; means nothing beyond this object."""
        now_ns = self._raw_ns() + self._offset_ns
        if now_ns < self._last_ns:
            self._offset_ns += self._last_ns - now_ns
            now_ns = self._last_ns
        self._last_ns = now_ns
        return now_ns

    def close(self) -> None:
        """No more ticks."""
        self._node.remove_post_set_parameters_callback(self._parameters_set)
        self._end_timer()

    def _raw_ns(self) -> int:
        if self._simulated:
            return int(self._node.get_clock().now().nanoseconds)
        return time.monotonic_ns()

    def _made_timer(self) -> Any:
        clock = self._node.get_clock() if self._simulated else STEADY
        return self._node.create_timer(self._period_s, self._tick, clock=clock)

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._node.destroy_timer(self._timer)
            self._timer = None

    def _parameters_set(self, parameters: list[Parameter[Any]]) -> None:
        simulated = _is_simulated(self._node)
        if all(one.name != SIM_TIME for one in parameters) or simulated == self._simulated:
            return
        before_ns = self.now_ns()
        self._simulated = simulated
        self._offset_ns = before_ns - self._raw_ns()
        self._end_timer()
        self._timer = self._made_timer()


def _is_simulated(node: Node) -> bool:
    return node.has_parameter(SIM_TIME) and bool(node.get_parameter(SIM_TIME).value)
