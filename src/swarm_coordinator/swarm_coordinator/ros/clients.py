# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Requests of ROS clients: owns which request waits for which answer.

Service and action callbacks run in the executor, the coordinator on its own thread; a request
goes over as an event and its answer comes back through the Handover.
"""

import itertools
from collections.abc import Callable
from typing import Any

from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.events import Answer, Event, ReadAsked, Request
from swarm_coordinator.core.replicated.command import Command
from swarm_coordinator.ros.deferred import Promise
from swarm_coordinator.ros.engine import Engine, Handover
from swarm_coordinator.ros.requests import EXPIRY_MS_DEFAULT

EXPIRY_MS_MAX = 600_000


class Clients:
    """Call from the executor's thread only, except `answered`."""

    def __init__(self, handover: Handover) -> None:
        self._handover = handover
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Promise] = {}
        self.engine: Engine | None = None

    def request(self, command: Command, expiry_ms: int) -> Promise:
        """A promise of the Answer."""
        assert self.engine is not None
        number = next(self._numbers)
        future = self._waiting[number] = Promise()
        expiry_ms = min(expiry_ms or EXPIRY_MS_DEFAULT, EXPIRY_MS_MAX)
        self.engine.post(Request(number, command, expiry_ms))
        return future

    def read(self, expiry_ms: int) -> Promise:
        """A promise of an Answer: when it comes, what this robot has applied misses nothing that
        was confirmed before."""
        assert self.engine is not None
        number = next(self._numbers)
        future = self._waiting[number] = Promise()
        self.engine.post(ReadAsked(number, expiry_ms))
        return future

    def post(self, event: Event) -> None:
        assert self.engine is not None
        self.engine.post(event)

    def answered(self, answer: Answer) -> None:
        self._handover.put(lambda: self._complete(answer))

    def _complete(self, answer: Answer) -> None:
        future = self._waiting.pop(answer.request_id, None)
        if future is not None:
            future.set_result(answer)

    def look(self, question: Callable[[Coordinator], Any]) -> Promise:
        """A promise of `question(coordinator)`, computed on the coordinator's thread; what it
        raises comes out of the promise."""
        assert self.engine is not None
        future = Promise()

        def ask(coordinator: Coordinator) -> None:
            try:
                result = question(coordinator)
            except Exception as error:  # must not end the coordinator's thread
                self._handover.put(lambda error=error: future.set_exception(error))  # type: ignore[misc]
            else:
                self._handover.put(lambda: future.set_result(result))

        self.engine.ask(ask)
        return future

    def handed(self, start: Callable[[Callable[[Any], None]], None]) -> Promise:
        """A promise of what `start`'s callback is called with, from whichever thread."""
        future = Promise()
        start(lambda value: self._handover.put(lambda: future.set_result(value)))
        return future
