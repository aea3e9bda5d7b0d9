# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The only thread that touches the core: waits for events, performs scans, hands effects out.

It sleeps in poll() on the kernel's socket and on a pipe that wakes it; nothing is polled in
time. Knows neither ROS nor what an effect means to the world.
"""

import contextlib
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from hw_discovery.core.device import BusKind
from hw_discovery.core.discovery import Event as KernelEvent
from hw_discovery.core.discovery import (
    NoticeAdded,
    ScanFailed,
    ScanFinished,
    Started,
    StartScan,
    TimePassed,
    UeventSeen,
    WakeAt,
)
from hw_discovery.core.hardware import Effect, Event
from hw_discovery.core.scan import Scan

_LOG = logging.getLogger(__name__)
_NS_PER_MS = 1_000_000


class UeventSource(Protocol):
    """A descriptor to wait for, and the events behind it."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there are events."""

    def drain(self) -> Sequence[KernelEvent]:
        """Return what is there without waiting."""


class Core(Protocol):
    """What decides: a Hardware, or a Discovery alone."""

    def handle(self, event: Any, now_ns: int) -> tuple[Any, ...]:
        """Take one event and return what must be done."""


class LookedAfter(Protocol):
    """Ports that no event tells of."""

    def changed(self) -> Sequence[str]:
        """Return what came or went since it was last asked."""


class DiscoveryWorker:
    """Runs a Hardware, or a Discovery alone, on a thread of its own."""

    def __init__(
        self, discovery: Core, scan: Callable[[frozenset[BusKind]], Scan],
        uevents: UeventSource | None, deliver: Callable[[Effect], None],
        look_after: LookedAfter | None = None, look_ms: int = 250,
    ) -> None:
        """Take the parts; deliver is called on this worker's thread and must not block.

        scan: looks at these buses; at all, if none are named. look_after: asked every look_ms.
        """
        self._look_after = look_after
        self._look_ms = look_ms
        self._discovery = discovery
        self._scan = scan
        self._uevents = uevents
        self._deliver = deliver
        self._inbox: deque[Event] = deque([Started()])
        self._due_ns: int | None = None
        self._is_closing = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._closing_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name='hw_discovery', daemon=True)

    def start(self) -> None:
        """Begin with a first scan."""
        self._thread.start()

    def post(self, event: Event) -> None:
        """Hand an event to the core, from any thread."""
        self._inbox.append(event)
        self._wake()

    def close(self, timeout_s: float = 5.0) -> bool:
        """Stop and join the thread. False: a scan still blocks, and its thread was left."""
        self._is_closing = True
        self._wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False             # the thread may still use the pipe: leave it open
        with self._closing_lock:
            if self._wake_write >= 0:
                os.close(self._wake_read)
                os.close(self._wake_write)
                self._wake_read = self._wake_write = -1
        return True

    def _wake(self) -> None:
        with self._closing_lock:
            if self._wake_write < 0:
                return
            with contextlib.suppress(BlockingIOError):       # full: it will wake anyway
                os.write(self._wake_write, b'.')

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        if self._uevents is not None:
            poller.register(self._uevents.fileno(), select.POLLIN)
        while not self._is_closing:
            try:
                self._turn(poller)
            except Exception as error:       # a process edge: one bad event must not end it
                _LOG.exception('hardware discovery met an error and goes on')
                self._inbox.append(NoticeAdded(f'an error was met: {error!r}'[:200]))

    def _turn(self, poller: select.poll) -> None:
        ready = {fd for fd, _ in poller.poll(self._wait_ms())}
        if self._look_after is not None:
            self._inbox.extend(UeventSeen('change', path) for path in self._look_after.changed())
        if self._wake_read in ready:
            self._empty_pipe()
        if self._uevents is not None and self._uevents.fileno() in ready:
            self._read_uevents(poller)
        if self._due_ns is not None and time.monotonic_ns() >= self._due_ns:
            self._due_ns = None
            self._inbox.append(TimePassed())
        while self._inbox and not self._is_closing:
            self._handle(self._inbox.popleft())

    def _wait_ms(self) -> float | None:
        if self._inbox:
            return 0
        look_ms = self._look_ms if self._look_after is not None else None
        if self._due_ns is None:
            return look_ms
        # One more, because poll rounds down and would return before the time has come.
        due_ms = max(0, (self._due_ns - time.monotonic_ns()) // _NS_PER_MS + 1)
        return due_ms if look_ms is None else min(due_ms, look_ms)

    def _empty_pipe(self) -> None:
        try:
            while os.read(self._wake_read, 4096):
                pass
        except BlockingIOError:
            pass

    def _read_uevents(self, poller: select.poll) -> None:
        assert self._uevents is not None
        try:
            self._inbox.extend(self._uevents.drain())
        except OSError as error:
            # A socket that fails stays readable: without this the loop would spin.
            poller.unregister(self._uevents.fileno())
            self._uevents = None
            self._inbox.append(NoticeAdded(f'hot-plug is no longer followed: {error}'))

    def _handle(self, event: Event) -> None:
        for effect in self._discovery.handle(event, time.monotonic_ns()):
            if isinstance(effect, StartScan):
                self._inbox.appendleft(self._look(effect.buses))
            elif isinstance(effect, WakeAt):
                self._due_ns = effect.at_ns
            else:
                self._deliver(effect)

    def _look(self, buses: frozenset[BusKind]) -> Event:
        try:
            return ScanFinished(self._scan(buses))
        except Exception as error:           # a process edge: a driver's file may do anything
            _LOG.exception('the scan failed')
            return ScanFailed(repr(error)[:200])
