# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A tower with clocks around it: the robot process as it ships, which notes when each beacon got
where. Child of bench/tower.py.

    BENCH_STAGES=<file> python -m bench._timed_tower <arguments of a robot>

Lines of JSON, times in milliseconds of the wall clock, as the stamps of the load are:

    ["heard", robot, stamp, called, folded]             one beacon, into the picture
    ["told", revision, flushed, offered, [[robot, stamp], ...]]   one message to the browsers
    ["sent", revision, at]                               when it is given to the socket
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from swarm_msgs.msg import Heartbeat

from swarm_coordinator.ros import robot
from swarm_tower.core.view import SwarmView
from swarm_tower.web.hub import Hub
from swarm_tower.web.server import _Socket

REVISION = re.compile(r'"revision":(\d+)')
Json = dict[str, Any]


def main() -> int:
    notes = Notes(os.environ['BENCH_STAGES'])
    time_subscriptions(notes)
    time_hub(notes)
    time_socket(notes)
    return robot.main()


def now_ms() -> float:
    return time.time_ns() / 1e6


class Notes:
    """Each note is one write of a whole line: two threads make them."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def add(self, *note: Any) -> None:
        os.write(self._file, (json.dumps(note) + '\n').encode())


def time_subscriptions(notes: Notes) -> None:
    """Of beacons: when the callback began, and when the picture had taken it."""
    inner = Node.create_subscription

    def create(node: Node, kind: Any, topic: str, take: Callable[[Any], None], *more: Any,
               **named: Any) -> Any:
        if kind is not Heartbeat:
            return inner(node, kind, topic, take, *more, **named)

        def timed(message: Any) -> None:
            called = now_ms()
            take(message)
            notes.add('heard', message.envelope.sender, message.applied_index,
                      called, now_ms())

        return inner(node, kind, topic, timed, *more, **named)

    Node.create_subscription = create  # type: ignore[method-assign, assignment]


def time_hub(notes: Notes) -> None:
    """Of messages: when the window ended, and when the text of it was ready."""
    inner, offer = SwarmView.delta, Hub._offer
    flushed = [0.0]

    def delta(view: SwarmView, now_ns: int) -> Json | None:
        flushed[0] = now_ms()
        return inner(view, now_ns)

    def offered(hub: Hub, kind: str, content: Json, now_ns: int) -> None:
        offer(hub, kind, content, now_ns)
        shown = [(name, row['applied_index']) for name, row in content.get('robots', {}).items()
                 if row and 'applied_index' in row]
        if shown:
            notes.add('told', content['revision'], flushed[0], now_ms(), shown)

    SwarmView.delta = delta  # type: ignore[method-assign]
    Hub._offer = offered  # type: ignore[method-assign]


def time_socket(notes: Notes) -> None:
    """When a message is given to the socket."""
    inner = _Socket.write_message

    def write(socket: _Socket, message: Any, binary: bool = False) -> Any:
        found = REVISION.search(message[:200])
        if found is not None:
            notes.add('sent', int(found[1]), now_ms())
        return inner(socket, message, binary)

    _Socket.write_message = write  # type: ignore[method-assign]


if __name__ == '__main__':
    sys.exit(main())
