# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A live server for Foxglove and what speaks its protocol (foxglove.sdk.v1). Owns the only import
of the SDK, which is the extra [foxglove] and may be missing, and who wants to see what.

Clients can look and do nothing else. The SDK has threads of its own and a bounded backlog for each
client; one that does not read loses messages, never memory of the tower.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

INSTALL = 'pip install foxglove-sdk (the extra [foxglove])'
BACKLOG = 1024


class Unavailable(RuntimeError):
    """There can be no live server; the text says what to install or to change."""


class Audience:
    """Which topics are being looked at. Called from the server's threads and from ours."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._newcomers = 0
        self._clients: dict[str, int] = {}
        self._newest: dict[str, int] = {}

    def on_subscribe(self, client: Any, channel: Any) -> None:
        """Called by the server: somebody looks at a topic."""
        del client
        with self._lock:
            self._newcomers += 1
            self._newest[channel.topic] = self._newcomers
            self._clients[channel.topic] = self._clients.get(channel.topic, 0) + 1
        self._changed()

    def on_unsubscribe(self, client: Any, channel: Any) -> None:
        """Called by the server: somebody looks away, or is gone."""
        del client
        with self._lock:
            left = self._clients.get(channel.topic, 0) - 1
            if left > 0:
                self._clients[channel.topic] = left
            else:
                self._clients.pop(channel.topic, None)
                self._newest.pop(channel.topic, None)
        self._changed()

    def wanted(self) -> dict[str, int]:
        """Return the topics that somebody looks at, with a number that each newcomer of that
        topic makes larger."""
        with self._lock:
            return dict(self._newest)


class LiveServer:
    """Offers topics and sends what comes. Raises Unavailable where it cannot begin."""

    def __init__(self, name: str, host: str, port: int, audience: Audience) -> None:
        try:
            import foxglove
        except ImportError as error:
            raise Unavailable(f'{error}; install it: {INSTALL}') from error
        self._sdk = foxglove
        self._context = foxglove.Context()
        self._channels: dict[str, Any] = {}
        listener: Any = audience  # has the callbacks of those who only look
        try:
            self._server = foxglove.start_server(
                name=name, host=host, port=port, capabilities=[], server_listener=listener,
                context=self._context, message_backlog_size=BACKLOG,
            )
        except Exception as error:  # of the SDK: it has no class for a port in use
            raise Unavailable(f'{host}:{port} cannot be served: {error}') from error

    @property
    def port(self) -> int:
        """Return the TCP port."""
        return int(self._server.port)

    def offer(self, topic: str, kind: str, definition: bytes) -> None:
        """Let clients see that there is a topic; kind is such as 'swarm_msgs/msg/Heartbeat'."""
        if topic not in self._channels:
            schema = self._sdk.Schema(name=kind, encoding='ros2msg', data=definition)
            self._channels[topic] = self._sdk.Channel(
                topic, schema=schema, message_encoding='cdr', context=self._context
            )

    def withdraw(self, topic: str) -> None:
        """Offer a topic no longer."""
        channel = self._channels.pop(topic, None)
        if channel is not None:
            channel.close()

    def send(self, topic: str, raw: bytes, at_ns: int) -> None:
        """Send a serialised message (CDR) that came at a time of the wall clock."""
        channel = self._channels.get(topic)
        if channel is not None:
            channel.log(raw, log_time=at_ns)

    def close(self) -> None:
        """End the server and its connections."""
        for topic in tuple(self._channels):
            self.withdraw(topic)
        self._server.stop()
