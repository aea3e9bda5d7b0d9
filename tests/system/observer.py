# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Speaks for a test on one host: hears that host's robot over loopback and asks it.

    python observer.py SWARM_ID

A host that is cut off can still be asked this way. JSON lines in:
    {"id": 1, "service": "/r1/submit_job", "request": {...}, "within_s": 10, "once": false}
    {"listen": "/swarm/emergency", "kind": "Emergency"}
and out:
    {"beacon": {...}}  {"event": {...}}  {"id": 1, "answer": {...}}  {"id": 1, "silent": true}
    {"topic": "/swarm/emergency", "message": {...}}
Ends with its input.
"""

import importlib
import json
import queue
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile
from swarm_msgs import msg, srv

from swarm_coordinator.cli.client import SwarmClient
from swarm_coordinator.ros.topics import TOPICS

AGAIN_S = 1.0  # a reply is lost where the robot has not discovered the asker (ros2/ros2#1253)
SPIN_S = 0.02


def plain(value: Any) -> Any:
    """A message as dicts, lists and numbers."""
    if hasattr(value, 'get_fields_and_field_types'):
        return {name: plain(getattr(value, name)) for name in value.get_fields_and_field_types()}
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, bytes):
        return value.decode('latin-1')
    if hasattr(value, 'tolist'):
        return value.tolist()
    return [plain(item) for item in value]


def fill(message: Any, values: dict[str, Any]) -> Any:
    for name, value in values.items():
        if isinstance(value, dict):
            fill(getattr(message, name), value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            element = element_kind(message, name)
            setattr(message, name, [fill(element(), one) for one in value])
        else:
            setattr(message, name, value)
    return message


def element_kind(message: Any, name: str) -> Any:
    """The type of the messages in a list: 'sequence<swarm_msgs/ExecWork, 1>'."""
    told = message.get_fields_and_field_types()[name]
    package, _, kind = told.removeprefix('sequence<').rstrip('>').split(',')[0].partition('/')
    return getattr(importlib.import_module(f'{package}.msg'), kind)


def service_kind(service: str) -> Any:
    return getattr(srv, ''.join(part.title() for part in service.rsplit('/', 1)[-1].split('_')))


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


@dataclass
class Question:
    number: int
    client: Any
    request: Any
    end_s: float
    once: bool  # a repetition could be carried out after the first one was answered
    again_s: float = 0.0
    futures: list[Any] = field(default_factory=list)

    def settled(self, now_s: float) -> bool:
        for future in self.futures:
            if future.done():
                say(id=self.number, answer=plain(future.result()))
                return True
        if now_s >= self.end_s:
            say(id=self.number, silent=True)
            return True
        if now_s >= self.again_s and self.client.service_is_ready():
            self.again_s = self.end_s if self.once else now_s + AGAIN_S
            self.futures.append(self.client.call_async(self.request))
        return False


class Observer:
    def __init__(self, client: SwarmClient, swarm_id: str) -> None:
        self._client, self._swarm_id = client, swarm_id
        self._clients: dict[str, Any] = {}
        self._questions: list[Question] = []
        self._inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._open = True
        self._hear('/swarm/heartbeat', 'beacon')
        self._hear('/swarm/events', 'event')

    def _hear(self, name: str, label: str) -> None:
        def heard(message: Any) -> None:
            if message.envelope.swarm_id == self._swarm_id:
                say(**{label: plain(message)})

        topic = TOPICS[name]
        qos = QoSProfile(
            depth=100, reliability=topic.qos.reliability, durability=topic.qos.durability
        )
        self._client.node.create_subscription(topic.kind, name, heard, qos)

    def _read(self) -> None:
        for line in sys.stdin:
            self._inbox.put(line)
        self._open = False

    def run(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()
        say(ready=True)
        while self._open:
            self._client.spin_until(lambda: not self._inbox.empty(), SPIN_S)
            while not self._inbox.empty():
                self._take(json.loads(self._inbox.get()))
            now_s = time.monotonic()
            self._questions = [one for one in self._questions if not one.settled(now_s)]

    def _take(self, order: dict[str, Any]) -> None:
        if 'listen' in order:
            self._listen(order['listen'], getattr(msg, order['kind']))
            return
        kind, name = service_kind(order['service']), order['service']
        if name not in self._clients:
            self._clients[name] = self._client.node.create_client(kind, name)
        request = fill(kind.Request(), order['request'])
        end_s = time.monotonic() + order['within_s']
        self._questions.append(
            Question(order['id'], self._clients[name], request, end_s, order['once'])
        )

    def _listen(self, name: str, kind: type) -> None:
        qos = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._client.node.create_subscription(
            kind, name, lambda message: say(topic=name, message=plain(message)), qos
        )


def main() -> None:
    with SwarmClient(name='observer') as client:
        Observer(client, sys.argv[1]).run()


if __name__ == '__main__':
    main()
