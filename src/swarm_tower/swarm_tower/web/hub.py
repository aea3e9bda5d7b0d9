# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Between the thread that hears and the loop that serves. Owns the lock and the window.

Every change is encoded once for all browsers, at most once per window, and not at all while
nobody watches. Knows neither Tornado nor rclpy.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

from swarm_tower.core.facts import Fact
from swarm_tower.core.history import Page
from swarm_tower.core.view import SwarmView
from swarm_tower.web.client_queue import ClientQueue

NS_PER_MS = 1_000_000
ALIVE_NS = 5_000 * NS_PER_MS  # a silent swarm must not look to the page like a dead tower


def encode(message: dict[str, Any]) -> str:
    """Return compact JSON; a number that JSON does not have is a programming error."""
    return json.dumps(message, separators=(',', ':'), ensure_ascii=False, allow_nan=False)


class Client:
    """One browser: its queue and what wakes the coroutine that sends."""

    def __init__(self, capacity: int) -> None:
        self.queue = ClientQueue(capacity)
        self.wake = asyncio.Event()
        self.wake.set()


class Hub:
    """`fold` and `tick` may be called by any thread, everything else by the serving loop."""

    def __init__(
        self,
        view: SwarmView,
        window_ms: int,
        monotonic_ns: Callable[[], int],
        wall_ns: Callable[[], int],
        queue_capacity: int = 32,
    ) -> None:
        self._view = view
        self._window_s = window_ms / 1000
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self._queue_capacity = queue_capacity
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flush_due = False
        self._clients: set[Client] = set()
        self._sent_ns = 0
        self._ticked_ns = monotonic_ns()
        self.deltas_sent = 0

    # -- from any thread

    def fold(self, facts: Iterable[Fact]) -> None:
        """Take facts that were heard just now."""
        now_ns = self._monotonic_ns()
        with self._lock:
            for fact in facts:
                self._view.fold(fact, now_ns)
        self._ask_for_flush()

    def tick(self) -> None:
        """Let time pass: presence changes without any message."""
        self._ticked_ns = self._monotonic_ns()
        with self._lock:
            self._view.age(self._ticked_ns)
        self._ask_for_flush()

    def ask(self, question: Callable[[SwarmView, int], Any]) -> Any:
        """Return the answer of a quick question to the view."""
        with self._lock:
            return question(self._view, self._monotonic_ns())

    def feed_age_s(self) -> float:
        """Return the seconds since the thread that hears the swarm last gave a sign."""
        return (self._monotonic_ns() - self._ticked_ns) / 1e9

    def wall_ms(self) -> int:
        """Return Unix time as the tower has it."""
        return self._wall_ns() // NS_PER_MS

    def _ask_for_flush(self) -> None:
        loop = self._loop
        if loop is None or self._flush_due or not self._clients:
            return
        self._flush_due = True
        try:
            loop.call_soon_threadsafe(loop.call_later, self._window_s, self.flush)
        except RuntimeError:  # the loop closes just now; nobody is left to tell
            self._loop = None

    # -- from the serving loop

    def attach_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Name the loop that serves; None when it ends."""
        self._loop = loop

    @property
    def client_count(self) -> int:
        """Return how many browsers are connected."""
        return len(self._clients)

    def join(self) -> Client:
        """Add a browser; its first message will be a snapshot."""
        client = Client(self._queue_capacity)
        self._clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """Forget a browser."""
        self._clients.discard(client)
        client.wake.set()

    def flush(self) -> None:
        """Encode what changed, once, and offer it to every browser."""
        self._flush_due = False
        now_ns = self._monotonic_ns()
        with self._lock:
            self._view.age(now_ns)
            delta = self._view.delta(now_ns)
        if delta is not None:
            self.deltas_sent += 1
            self._offer('delta', delta, now_ns)
        elif now_ns - self._sent_ns >= ALIVE_NS:
            self._offer('alive', {}, now_ns)

    def _offer(self, kind: str, content: dict[str, Any], now_ns: int) -> None:
        self._sent_ns = now_ns
        if not self._clients:
            return
        message = encode(self._frame(kind, content))
        for client in self._clients:
            client.queue.offer(message)
            client.wake.set()

    def next_message(self, client: Client) -> str | None:
        """Return what to send to this browser now; None = wait for `wake`."""
        if client.queue.snapshot_due:
            state = self.state()  # flushes first, so later deltas go on from here
            client.queue.snapshot_taken()
            return encode({**state, 'dropped': client.queue.dropped})
        message = client.queue.take()
        if message is None:
            client.wake.clear()
        return message

    def state(self) -> dict[str, Any]:
        """Return the whole picture, up to now."""
        self.flush()
        with self._lock:
            snapshot = self._view.snapshot()
        return self._frame('snapshot', snapshot)

    def events_since(self, seq: int, limit: int) -> Page:
        """Return events after a number, oldest first."""
        with self._lock:
            return self._view.events_since(seq, limit)

    def _frame(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        return {
            'type': kind,
            'mono_ms': self._monotonic_ns() // NS_PER_MS,
            'wall_ms': self._wall_ns() // NS_PER_MS,
            **content,
        }
