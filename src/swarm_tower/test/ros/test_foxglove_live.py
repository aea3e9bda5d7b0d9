# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The live server for Foxglove, seen by a client that speaks its protocol over a real socket."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')
sys.path.insert(0, str(Path(__file__).parent))

from rclpy.serialization import deserialize_message  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from swarm_msgs.msg import HardwareInventory, Heartbeat, SwarmState  # noqa: E402
from tornado.httpclient import HTTPClientError  # noqa: E402
from tornado.websocket import WebSocketClientConnection, websocket_connect  # noqa: E402

from swarm_tower import foxglove_live  # noqa: E402

SDK = 'not here: the extra [foxglove] (pip install foxglove-sdk)'
PROTOCOL = 'foxglove.sdk.v1'
MESSAGE_DATA = 1
HEADER_BYTES = 1 + 4 + 8


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        return int(taken.getsockname()[1])


class Client:
    """A viewer. It lives in the test's thread: `pump` lets it take what has come."""

    def __init__(self, port: int, protocol: str = PROTOCOL) -> None:
        self.loop = asyncio.new_event_loop()
        self.channels: dict[str, dict[str, Any]] = {}
        self.got: dict[str, list[bytes]] = {}
        self.closed = False
        self._socket: WebSocketClientConnection = self.loop.run_until_complete(
            self._connect(port, protocol)
        )

    async def _connect(self, port: int, protocol: str) -> WebSocketClientConnection:
        return await websocket_connect(
            f'ws://127.0.0.1:{port}', subprotocols=[protocol], on_message_callback=self._take
        )

    def _take(self, message: str | bytes | None) -> None:
        if message is None:
            self.closed = True
        elif isinstance(message, str):
            self._obey(json.loads(message))
        elif message[0] == MESSAGE_DATA:
            channel = int.from_bytes(message[1:5], 'little')
            topic = next(t for t, one in self.channels.items() if one['id'] == channel)
            self.got.setdefault(topic, []).append(message[HEADER_BYTES:])

    def _obey(self, said: dict[str, Any]) -> None:
        if said['op'] == 'advertise':
            self.channels.update({one['topic']: one for one in said['channels']})
        elif said['op'] == 'unadvertise':
            gone = set(said['channelIds'])
            self.channels = {t: one for t, one in self.channels.items() if one['id'] not in gone}

    def say(self, op: str, topic: str) -> None:
        number = self.channels[topic]['id']
        subscription = {'id': number, 'channelId': number}
        self._socket.write_message(json.dumps({
            'op': op, 'subscriptions': [subscription], 'subscriptionIds': [number],
            'channelIds': [number],
        }))
        self.pump()

    def pump(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(0.01))

    def close(self) -> None:
        self._socket.close()
        self.pump()
        self.loop.close()


@pytest.fixture
def port() -> int:
    pytest.importorskip('foxglove', reason=SDK)
    return free_port()


@pytest.fixture
def air(port: int) -> Iterator[OnAir]:
    made = OnAir(foxglove_port=port)
    yield made
    made.close()


@pytest.fixture
def viewer(air: OnAir, port: int) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def connect(**given: Any) -> Client:
        made.append(Client(port, **given))
        return made[-1]

    yield connect
    for client in made:
        client.close()


def until(air: OnAir, client: Client, true: Callable[[], Any], what: str) -> Any:
    def look() -> Any:
        client.pump()
        return true()

    return air.until(look, what)


def heard(air: OnAir, topic: str) -> int:
    """How many subscriptions there are, those of the page included."""
    return len(air.tower_node.get_subscriptions_info_by_topic(topic))


def test_a_viewer_sees_messages_and_their_definition(air: OnAir, viewer: Any) -> None:
    client = viewer()
    until(air, client, lambda: '/swarm/heartbeat' in client.channels, 'the offer')
    offered = client.channels['/swarm/heartbeat']
    assert (offered['schemaName'], offered['schemaEncoding'], offered['encoding']) == (
        'swarm_msgs/msg/Heartbeat', 'ros2msg', 'cdr'
    )
    assert 'MSG: swarm_msgs/Envelope' in offered['schema']
    client.say('subscribe', '/swarm/heartbeat')
    until(air, client, lambda: client.got.get('/swarm/heartbeat'), 'a beacon')
    beacon = deserialize_message(client.got['/swarm/heartbeat'][0], Heartbeat)
    assert beacon.envelope.swarm_id == 'swarm'
    assert set(client.got) == {'/swarm/heartbeat'}


def test_what_is_latched_reaches_every_newcomer(air: OnAir, viewer: Any) -> None:
    air.swarm.publish_state()
    for _ in range(2):
        client = viewer()
        until(air, client, lambda: '/swarm/state' in client.channels, 'the offer')  # noqa: B023
        client.say('subscribe', '/swarm/state')
        got = until(air, client, lambda: client.got.get('/swarm/state'), 'the state')  # noqa: B023
        assert deserialize_message(got[0], SwarmState).envelope.swarm_id == 'swarm'


def test_topics_of_robots_come_with_them(air: OnAir, viewer: Any) -> None:
    client = viewer()
    topic = '/robot_b/hardware/inventory'
    until(air, client, lambda: topic in client.channels, 'the offer')
    air.swarm.publish_inventory('robot_b')
    client.say('subscribe', topic)
    got = until(air, client, lambda: client.got.get(topic), 'the inventory')
    assert deserialize_message(got[0], HardwareInventory).robot_id == 'robot_b'


def test_nothing_is_heard_for_nobody(air: OnAir, viewer: Any) -> None:
    before = heard(air, '/swarm/heartbeat')
    client = viewer()
    until(air, client, lambda: '/swarm/heartbeat' in client.channels, 'the offer')
    assert heard(air, '/swarm/heartbeat') == before
    client.say('subscribe', '/swarm/heartbeat')
    until(air, client, lambda: heard(air, '/swarm/heartbeat') == before + 1, 'it is heard')
    client.say('unsubscribe', '/swarm/heartbeat')
    until(air, client, lambda: heard(air, '/swarm/heartbeat') == before, 'it is let go')


def test_a_viewer_that_vanishes_is_forgotten(air: OnAir, viewer: Any, port: int) -> None:
    before = heard(air, '/swarm/heartbeat')
    client = Client(port)
    until(air, client, lambda: '/swarm/heartbeat' in client.channels, 'the offer')
    client.say('subscribe', '/swarm/heartbeat')
    until(air, client, lambda: heard(air, '/swarm/heartbeat') == before + 1, 'it is heard')
    client.close()
    air.until(lambda: heard(air, '/swarm/heartbeat') == before, 'it is let go')


def test_an_old_protocol_is_refused(viewer: Any) -> None:
    with pytest.raises(HTTPClientError, match='400'):
        viewer(protocol='foxglove.websocket.v1')


def test_garbage_ends_nothing(air: OnAir, viewer: Any) -> None:
    rude = viewer()
    for garbage in ('{', '[]', '{"op": "subscribe"}', '{"op": "unknown"}', b'', b'\xff' * 64):
        if not rude.closed:
            rude._socket.write_message(garbage, binary=isinstance(garbage, bytes))
            rude.pump()
    client = viewer()
    until(air, client, lambda: '/swarm/heartbeat' in client.channels, 'the offer')
    client.say('subscribe', '/swarm/heartbeat')
    until(air, client, lambda: client.got.get('/swarm/heartbeat'), 'a beacon')


def test_a_taken_port_leaves_the_tower_alive(port: int, capfd: Any) -> None:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', port))
        taken.listen()
        air = OnAir(foxglove_port=port)
        try:
            air.until(lambda: air.state()['robots'], 'the page')
        finally:
            air.close()
    assert f'127.0.0.1:{port} cannot be served' in capfd.readouterr().err


def test_without_the_sdk_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'foxglove', None)
    with pytest.raises(foxglove_live.Unavailable, match='pip install foxglove-sdk'):
        foxglove_live.LiveServer('x', '127.0.0.1', 1, foxglove_live.Audience(lambda: None))
