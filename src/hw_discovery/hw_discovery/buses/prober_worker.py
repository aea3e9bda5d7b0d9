# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Performs operations, one at a time on each port or bus, on a thread for each of them.

Owns the threads and what stops them. A thread ends when its lane has been idle for a while, so
that ports that come and go leave none behind. Judges no outcome.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol

from hw_discovery.core.prober import Lane
from hw_discovery.core.probing.operation import (
    Operation,
    Outcome,
    SerialAsk,
    SerialListen,
)

_LOG = logging.getLogger(__name__)
IDLE_S = 5.0                 # chosen without data: the next round of a plan mostly comes sooner
CLOSE_WAIT_S = 2.0           # a transfer on a bus that hangs takes the kernel's second
STOPPED = 'stopped'


class PerformsSerial(Protocol):
    """SerialProbe."""

    def perform(
        self, operation: SerialListen | SerialAsk, stop: threading.Event | None = None,
    ) -> Outcome:
        """Return the outcome; ends within 100 ms after `stop` is set."""


class Performs(Protocol):
    """I2cProbe, SpiProbe and everything that answers in milliseconds."""

    def perform(self, operation: Operation) -> Outcome:
        """Return the outcome. Never raises."""


class _Lane:
    def __init__(self) -> None:
        self.todo: queue.SimpleQueue[Operation | None] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.pending = 0             # guarded by the worker's lock
        self.thread: threading.Thread | None = None


class ProberWorker:
    """Call `perform` and `stop` from any one thread; `heard` is called on the lanes' threads."""

    def __init__(
        self, serial: PerformsSerial, buses: Performs, heard: Callable[[Lane, Outcome], None],
        record: Callable[[Outcome], None] = lambda outcome: None, idle_s: float = IDLE_S,
    ) -> None:
        self._serial, self._buses = serial, buses
        self._heard, self._record = heard, record
        self._idle_s = idle_s
        self._lanes: dict[Lane, _Lane] = {}
        self._lock = threading.Lock()
        self._is_closing = False

    def perform(self, lane: Lane, operation: Operation) -> None:
        """Have an operation performed; `heard` is called with its outcome."""
        with self._lock:
            if self._is_closing:
                return
            found = self._lanes.setdefault(lane, _Lane())
            if found.pending == 0:
                found.stop.clear()
            found.pending += 1
            if found.thread is None:
                found.thread = threading.Thread(
                    target=self._run, args=(lane, found), name=f'probe {lane[1]}', daemon=True)
                found.thread.start()
        found.todo.put(operation)

    def stop(self, lanes: tuple[Lane, ...]) -> None:
        """End what runs there; it is heard as failed. Returns at once."""
        with self._lock:
            for lane in lanes:
                if lane in self._lanes:
                    self._lanes[lane].stop.set()

    def close(self) -> bool:
        """Stop everything and join the threads; False: a transfer still blocks one."""
        with self._lock:
            self._is_closing = True
            lanes = list(self._lanes.values())
            for lane in lanes:
                lane.stop.set()
                lane.todo.put(None)
        end = time.monotonic() + CLOSE_WAIT_S
        for lane in lanes:
            if lane.thread is not None:
                lane.thread.join(max(0.0, end - time.monotonic()))
        return not any(lane.thread is not None and lane.thread.is_alive() for lane in lanes)

    def _run(self, name: Lane, lane: _Lane) -> None:
        while True:
            operation: Operation | None = None
            with contextlib.suppress(queue.Empty):
                operation = lane.todo.get(timeout=self._idle_s)
            if operation is None:
                with self._lock:
                    if self._is_closing or lane.pending == 0:
                        self._lanes.pop(name, None)
                        return
                continue
            outcome = self._outcome(operation, lane.stop)
            with self._lock:
                lane.pending -= 1
                if self._is_closing:
                    return
            self._tell(name, outcome)

    def _outcome(self, operation: Operation, stop: threading.Event) -> Outcome:
        if stop.is_set():
            return Outcome(operation, error='failed', detail=STOPPED, at_ns=time.monotonic_ns())
        try:
            if isinstance(operation, SerialListen | SerialAsk):
                return self._serial.perform(operation, stop)
            return self._buses.perform(operation)
        except Exception as error:   # a process edge: a library may raise what it likes
            _LOG.exception('an operation failed')
            return Outcome(operation, error='failed', detail=repr(error)[:200],
                           at_ns=time.monotonic_ns())

    def _tell(self, name: Lane, outcome: Outcome) -> None:
        try:
            if outcome.detail != STOPPED:
                self._record(outcome)
        except Exception:            # a full disk must not end probing
            _LOG.exception('recording failed')
        self._heard(name, outcome)
