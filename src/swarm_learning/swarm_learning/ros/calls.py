# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Calls of this robot's coordinator that never wait: owns deadlines, repetition and timers of the
learner's calls; refuses to know what is asked.

Answers come back in the node's executor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

STEADY = Clock(clock_type=ClockType.STEADY_TIME)
POLL_S = 0.2     # between looks at how far the coordinator is with a file
CALL_S = 15.0    # an answer that did not come by then does not come

Then = Callable[[Any], None]
Failed = Callable[[str], None]


class Calls:
    """`close` ends everything that is under way; nothing comes back afterwards."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._timers: set[Any] = set()
        self._closed = False

    def close(self) -> None:
        self._closed = True
        for timer in list(self._timers):
            self._end(timer)

    def call(self, client: Any, request: Any, then: Then, failed: Failed) -> None:
        """Exactly one of `then` with the answer and `failed` with a sentence is called."""
        if not client.service_is_ready():
            failed(f'no coordinator offers {client.srv_name}')
            return
        future = client.call_async(request)
        over = self.after(CALL_S, lambda: _give_up(future, client))

        def answered(done: Any) -> None:
            self._end(over)
            if self._closed:
                return
            if done.cancelled() or done.result() is None:
                failed(f'{client.srv_name} did not answer')
            else:
                then(done.result())

        future.add_done_callback(answered)

    def until_ended(self, client: Any, request: Any, then: Then, failed: Failed) -> None:
        """Ask again and again how far it is; for services that answer with `ended`."""
        def answered(response: Any) -> None:
            if response.code != response.ACCEPTED:
                failed(response.reason)
            elif response.ended:
                then(response)
            else:
                self.after(POLL_S, partial(self.until_ended, client, request, then, failed))

        self.call(client, request, answered, failed)

    def after(self, delay_s: float, then: Callable[[], None]) -> Any:
        def due() -> None:
            self._end(timer)
            then()

        timer = self._node.create_timer(delay_s, due, clock=STEADY)
        self._timers.add(timer)
        return timer

    def _end(self, timer: Any) -> None:
        if timer in self._timers:
            self._timers.discard(timer)
            timer.cancel()
            self._node.destroy_timer(timer)


def _give_up(future: Any, client: Any) -> None:
    if not future.done():
        client.remove_pending_request(future)
        future.cancel()
