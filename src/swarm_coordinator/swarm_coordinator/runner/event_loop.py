# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One thread that waits for many descriptors and times: owns the waiting, knows nothing of jobs.

Not asyncio: what the runner does per event is a read and a few lines, and a task and a future for
each would cost more than that.
"""

import contextlib
import heapq
import itertools
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

Call = Callable[[], None]
READABLE = select.EPOLLIN
WRITABLE = select.EPOLLOUT


@dataclass(order=True)
class Timer:
    due_s: float
    number: int
    call: Call | None = field(compare=False)

    def cancel(self) -> None:
        self.call = None


class EventLoop:
    """`call` from any thread; everything else only from what the loop calls."""

    def __init__(self, name: str, log: logging.Logger) -> None:
        self._log = log
        self._epoll = select.epoll()
        self._calls: deque[Call] = deque()
        self._watched: dict[int, Call] = {}
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._awake = False
        self._closing = False
        self._lock = threading.Lock()
        self.watch(self._wake_read, self._woken)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Returns when the loop has ended; what was not called by then never is."""
        self._closing = True
        self.call(lambda: None)
        self._thread.join()
        with self._lock:
            self._awake = True  # nobody writes to a descriptor that is gone
            self._epoll.close()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def call(self, call: Call) -> None:
        self._calls.append(call)
        with self._lock:
            if self._awake:
                return
            self._awake = True
            os.write(self._wake_write, b'.')

    def later(self, delay_s: float, call: Call) -> Timer:
        timer = Timer(time.monotonic() + delay_s, next(self._numbers), call)
        heapq.heappush(self._timers, timer)
        return timer

    def watch(self, descriptor: int, ready: Call, events: int = READABLE) -> None:
        """Have `ready` called while the descriptor is (readable). Once each turn."""
        self._watched[descriptor] = ready
        self._epoll.register(descriptor, events)

    def mute(self, descriptor: int) -> None:
        """Leave it unread for now; `listen` takes it up again."""
        if descriptor in self._watched:
            self._epoll.modify(descriptor, 0)

    def listen(self, descriptor: int) -> None:
        if descriptor in self._watched:
            self._epoll.modify(descriptor, READABLE)

    def unwatch(self, descriptor: int) -> None:
        """Before the descriptor is closed."""
        if self._watched.pop(descriptor, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(descriptor)

    # ---- the thread

    def _run(self) -> None:
        while not self._closing:
            for descriptor, _ in self._epoll.poll(self._wait_s()):
                ready = self._watched.get(descriptor)
                if ready is not None:
                    self._guarded(ready)
            self._run_calls()
            self._run_timers()

    def _wait_s(self) -> float:
        if not self._timers:
            return -1.0
        return max(0.0, self._timers[0].due_s - time.monotonic())

    def _woken(self) -> None:
        os.read(self._wake_read, 4096)
        with self._lock:
            self._awake = False

    def _run_calls(self) -> None:
        for _ in range(len(self._calls)):
            self._guarded(self._calls.popleft())

    def _run_timers(self) -> None:
        now_s = time.monotonic()
        while self._timers and self._timers[0].due_s <= now_s:
            call = heapq.heappop(self._timers).call
            if call is not None:
                self._guarded(call)

    def _guarded(self, call: Call) -> None:
        try:
            call()
        except Exception:  # the edge of this thread: one broken job must not end the others
            self._log.exception('the runner failed at one step')
