# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The real server on a real port: who may ask, limits, and a browser that never reads."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from swarm_facts import beacon, event
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.websocket import websocket_connect

from swarm_tower.config import TowerConfig
from swarm_tower.core.view import SwarmView
from swarm_tower.web import server
from swarm_tower.web.hub import Hub
from swarm_tower.web.thread import WebThread

WAIT_S = 10


class Site:
    def __init__(self, folder: Path, **parameters: Any) -> None:
        self.config = TowerConfig(
            tower_port=0, window_ms=10, tower_tokens=str(folder / 'tokens.json'), **parameters
        )
        view = SwarmView('swarm', 7, 1500, 5000)
        self.hub = Hub(view, 10, time.monotonic_ns, time.time_ns, queue_capacity=8)
        self.sockets = server.bind(self.config)
        for listening in self.sockets:  # accepted sockets inherit it: a small kernel buffer
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.web = WebThread(self.config, self.hub, sockets=self.sockets)
        self.host = f'127.0.0.1:{self.web.port}'

    def get(self, path: str, **headers: str) -> HTTPResponse:
        async def ask() -> HTTPResponse:
            request = HTTPRequest(f'http://{self.host}{path}', headers=headers)
            return await AsyncHTTPClient().fetch(request, raise_error=False)

        return asyncio.run(ask())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.web.close()


def test_page_comes_with_a_policy_that_allows_this_tower_only(site: Site) -> None:
    answer = site.get('/')
    assert answer.code == 200 and b'Swarm tower' in answer.body
    policy = answer.headers['Content-Security-Policy']
    assert "default-src 'none'" in policy and 'unsafe' not in policy
    assert answer.headers['X-Content-Type-Options'] == 'nosniff'


@pytest.mark.parametrize(
    'asset', sorted(str(p.relative_to(server.STATIC)) for p in server.STATIC.rglob('*.*'))
)
def test_every_asset_is_served_with_its_type_and_names_no_other_site(
    site: Site, asset: str
) -> None:
    answer = site.get(f'/{asset}')
    assert answer.code == 200
    assert answer.headers['Content-Type'] == server.CONTENT_TYPES[Path(asset).suffix]
    text = answer.body.decode().replace('http://www.w3.org/2000/svg', '')
    text = text.replace('https://github.com/leeoniya/uPlot', '')  # says whose it is
    assert '//cdn' not in text and 'http://' not in text and 'https://' not in text
    assert 'innerHTML' not in text and 'insertAdjacentHTML' not in text


@pytest.mark.parametrize(
    'path',
    ['/../config.py', '/%2e%2e/server.py', '/views/../../server.py', '/x', '/views/', '//x'],
)
def test_nothing_outside_the_assets_is_served(site: Site, path: str) -> None:
    assert site.get(path).code in (403, 404)


@pytest.mark.parametrize('path', ['/', '/api/v1/state', '/api/v1/events', '/healthz', '/ws', '/x'])
@pytest.mark.parametrize('host', ['evil.example', 'evil.example:8080', '127.0.0.1.evil.example'])
def test_foreign_host_name_is_refused_everywhere(site: Site, path: str, host: str) -> None:
    assert site.get(path, Host=host).code == 421


def test_host_name_on_the_list_is_served(site: Site) -> None:
    assert site.get('/healthz', Host='localhost:8080').code == 200


def test_configured_host_name_is_served(tmp_path: Path) -> None:
    site = Site(tmp_path, tower_allowed_hosts=('Tower.local',))
    try:
        assert site.get('/healthz', Host='tower.local').code == 200
        assert site.get('/healthz', Host='localhost').code == 421
    finally:
        site.web.close()


def test_request_from_another_site_is_refused(site: Site) -> None:
    assert site.get('/api/v1/state', Origin='http://evil.example').code == 403
    assert site.get('/api/v1/state', Origin=f'http://{site.host}').code == 200


@pytest.mark.parametrize('path', ['/api/v1/state', '/ws', '/'])
def test_nothing_can_be_written(site: Site, path: str) -> None:
    async def post() -> int:
        request = HTTPRequest(f'http://{site.host}{path}', method='POST', body='{}')
        return (await AsyncHTTPClient().fetch(request, raise_error=False)).code

    assert asyncio.run(post()) == 405


def test_state_and_health_are_json(site: Site) -> None:
    site.hub.fold([beacon()])
    state = json.loads(site.get('/api/v1/state').body)
    assert state['swarm']['leader']['leader'] == 'robot_a'
    assert json.loads(site.get('/healthz').body) == {'ok': True, 'clients': 0}


def test_events_are_paged_by_number(site: Site) -> None:
    site.hub.fold([event(f'e{i}') for i in range(5)])
    page = json.loads(site.get('/api/v1/events?since=2&limit=2').body)
    assert [e['text'] for e in page['events']] == ['e2', 'e3'] and page['last_seq'] == 5
    assert site.get('/api/v1/events?since=-1').code == 400
    assert site.get('/api/v1/events?limit=999999').code == 400
    assert site.get('/api/v1/events?since=x').code == 400


def socket_request(site: Site, **headers: str) -> HTTPRequest:
    return HTTPRequest(f'ws://{site.host}/ws', headers=headers)


@pytest.mark.parametrize(
    ('headers', 'code'),
    [
        ({'Origin': 'http://evil.example'}, 403),
        ({'Origin': 'null'}, 403),
        ({'Host': 'evil.example', 'Origin': 'http://evil.example'}, 421),
    ],
)
def test_socket_of_another_site_is_refused(
    site: Site, headers: dict[str, str], code: int
) -> None:
    async def connect() -> None:
        await websocket_connect(socket_request(site, **headers))

    with pytest.raises(HTTPClientError) as caught:
        asyncio.run(connect())
    assert caught.value.code == code


def test_socket_sends_a_snapshot_and_then_changes(site: Site) -> None:
    async def watch() -> list[dict[str, Any]]:
        origin = f'http://{site.host}'
        connection = await websocket_connect(socket_request(site, Origin=origin))
        first = json.loads(await asyncio.wait_for(connection.read_message(), WAIT_S))
        site.hub.fold([beacon()])
        second = json.loads(await asyncio.wait_for(connection.read_message(), WAIT_S))
        connection.close()
        return [first, second]

    first, second = asyncio.run(watch())
    assert first['type'] == 'snapshot' and first['robots'] == {}
    assert second['type'] == 'delta' and second['robots']['robot_a']['role'] == 'leader'


@pytest.mark.parametrize('message', ['{"command": "stop"}', 'x' * 10_000])
def test_socket_that_sends_anything_is_closed(site: Site, message: str) -> None:
    async def send() -> object:
        connection = await websocket_connect(socket_request(site))
        await asyncio.wait_for(connection.read_message(), WAIT_S)
        await connection.write_message(message)
        return await asyncio.wait_for(connection.read_message(), WAIT_S)

    assert asyncio.run(send()) is None
    assert site.get('/healthz').code == 200


def test_more_browsers_than_allowed_are_refused(tmp_path: Path) -> None:
    site = Site(tmp_path, clients_max=1)

    async def two() -> int:
        first = await websocket_connect(socket_request(site))
        await asyncio.wait_for(first.read_message(), WAIT_S)
        try:
            await websocket_connect(socket_request(site))
        except HTTPClientError as error:
            return error.code
        finally:
            first.close()
        return 0

    try:
        assert asyncio.run(two()) == 503
    finally:
        site.web.close()


def deaf_socket(site: Site) -> socket.socket:
    """A browser that shakes hands and then never reads."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    plug.settimeout(WAIT_S)
    plug.connect(('127.0.0.1', site.web.port))
    key = base64.b64encode(os.urandom(16)).decode()
    plug.sendall(
        f'GET /ws HTTP/1.1\r\nHost: {site.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
        f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n'.encode()
    )
    assert b'101' in plug.recv(12)
    return plug


def wait_until(true: Any, what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline, f'did not come true: {what}'


def read_frames(plug: socket.socket) -> Iterator[dict[str, Any]]:
    stream = plug.makefile('rb')
    while line := stream.readline():
        if line == b'\r\n':
            break
    while head := stream.read(2):
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(stream.read(2 if size == 126 else 8), 'big')
        body = stream.read(size)
        if head[0] & 0x0F == 1:
            yield json.loads(body)


def test_deaf_browser_costs_bounded_memory_and_gets_a_snapshot_when_it_reads(site: Site) -> None:
    plug = deaf_socket(site)
    wait_until(lambda: site.hub.client_count == 1, 'the browser has joined')
    (client,) = site.hub._clients
    number = 0
    while client.queue.dropped == 0:
        number += 1
        assert number < 3000, 'the queue never overflowed'
        sent = site.hub.deltas_sent
        site.hub.fold([event(f'{number}: ' + 'x' * 400)])
        wait_until(lambda sent=sent: site.hub.deltas_sent > sent, 'the change was flushed')
        assert len(client.queue) <= 8
    assert site.get('/healthz').code == 200  # the others are served as before
    after_loss = None
    for frame in read_frames(plug):
        if frame['type'] == 'snapshot' and frame['dropped']:
            after_loss = frame
            break
    plug.close()
    assert after_loss is not None and after_loss['dropped'] >= 9
    assert after_loss['events'][-1]['text'].startswith(f'{number}: ')
    wait_until(lambda: site.hub.client_count == 0, 'the browser has left')


def test_port_in_use_is_told_with_number_and_parameter(site: Site) -> None:
    config = TowerConfig(tower_port=site.web.port)
    with pytest.raises(ValueError, match=rf'tower_port.*{site.web.port}'):
        server.bind(config)


def test_close_ends_the_thread_even_with_browsers_connected_and_twice(tmp_path: Path) -> None:
    site = Site(tmp_path)
    plug = deaf_socket(site)
    wait_until(lambda: site.hub.client_count == 1, 'the browser has joined')
    site.web.close()
    site.web.close()
    assert not site.web._thread.is_alive()
    plug.close()
    again = server.bind(TowerConfig(tower_port=site.web.port))
    for listening in again:
        listening.close()
