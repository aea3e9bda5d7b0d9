# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Clients that mean no good, on raw sockets: what they get, and that others are served as before.

What ordinary clients are refused is in test_server.py and test_command_api.py.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import json
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from swarm_facts import beacon, event, job

from swarm_tower.config import TowerConfig
from swarm_tower.core import facts
from swarm_tower.core.view import SwarmView
from swarm_tower.web import gate, server, thread
from swarm_tower.web.hub import Hub
from swarm_tower.web.thread import WebThread

WAIT_S = 20
TOKEN = 'right' * 6
MIB = 2**20


class Robots:
    """Says yes to everything and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(
        self, robot_id: str, service: str, fields: dict[str, Any], timeout_s: float = 5.0
    ) -> dict[str, Any]:
        self.asked.append(service)
        return {'code': 0}

    def refusal(self, role: str, service: str, fields: dict[str, Any]) -> str:
        return ''


class Site:
    def __init__(self, folder: Path, window_ms: int = 10, **parameters: Any) -> None:
        tokens = folder / 'tokens.json'
        rows = [{'name': 'ada', 'role': 'operator', 'token': TOKEN}]
        tokens.write_text(json.dumps({'tokens': rows}))
        tokens.chmod(0o600)
        config = TowerConfig(
            tower_port=0, window_ms=window_ms, tower_tokens=str(tokens), **parameters
        )
        view = SwarmView('swarm', 7, 60_000, 120_000)  # a robot that is told once stays live
        self.hub = Hub(view, window_ms, time.monotonic_ns, time.time_ns)
        self.robots = Robots()
        sockets = server.bind(config)
        for listening in sockets:  # accepted sockets inherit it: a small kernel buffer
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.web = WebThread(config, self.hub, self.robots, sockets)
        self.host = f'127.0.0.1:{self.web.port}'

    def plug(self, text: str | bytes = '') -> socket.socket:
        """A connection on which this was said, as far as the tower listened."""
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.settimeout(WAIT_S)
        plug.connect(('127.0.0.1', self.web.port))
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            plug.sendall(text.encode('latin-1') if isinstance(text, str) else text)
        return plug

    def ask(self, text: str | bytes) -> Answer:
        with self.plug(text) as plug:
            return answer_of(plug)

    def get(self, path: str, *headers: str, method: str = 'GET') -> Answer:
        lines = [f'{method} {path} HTTP/1.1', f'Host: {self.host}', 'Connection: close', *headers]
        return self.ask('\r\n'.join([*lines, '', '']))

    def post(self, name: str, body: Any, *headers: str) -> Answer:
        raw = json.dumps(body)
        return self.ask('\r\n'.join([
            f'POST /api/v1/commands/{name} HTTP/1.1', f'Host: {self.host}', 'Connection: close',
            'Content-Type: application/json', f'Content-Length: {len(raw)}', *headers, '', raw,
        ]))

    def web_socket(self) -> socket.socket:
        key = base64.b64encode(os.urandom(16)).decode()
        plug = self.plug(
            f'GET /ws HTTP/1.1\r\nHost: {self.host}\r\nUpgrade: websocket\r\n'
            f'Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n'
        )
        assert b'101' in plug.recv(12)
        return plug

    def still_serves(self) -> None:
        assert self.get('/healthz').status == 200


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


def answer_of(plug: socket.socket) -> Answer:
    """What comes until the other side ends it; status 0 = nothing."""
    raw = b''
    try:
        while piece := plug.recv(65536):
            raw += piece
    except ConnectionResetError:
        pass
    head, _, body = raw.partition(b'\r\n\r\n')
    first, *lines = head.decode('latin-1').split('\r\n')
    headers = dict(line.split(': ', 1) for line in lines if ': ' in line)
    return Answer(int(first.split()[1]) if first else 0, headers, body)


def closed(plug: socket.socket) -> bool:
    """Wait until the tower hangs up, whatever it says before."""
    try:
        while plug.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def frame(payload: bytes, opcode: int = 1, final: bool = True, size: int | None = None) -> bytes:
    """A masked frame; `size` = what it claims to be."""
    said = len(payload) if size is None else size
    head = bytes([(0x80 if final else 0) | opcode])
    if said < 126:
        head += bytes([0x80 | said])
    elif said < 2**16:
        head += bytes([0x80 | 126]) + said.to_bytes(2, 'big')
    else:
        head += bytes([0x80 | 127]) + said.to_bytes(8, 'big')
    return head + bytes(4) + payload


def until(true: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline, f'did not come true: {what}'
        time.sleep(0.002)


def resident_bytes() -> int:
    gc.collect()
    with open('/proc/self/statm') as statm:
        return int(statm.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.web.close()


# -- who may ask at all

@pytest.mark.parametrize('host', [
    'evil.example', '127.0.0.1.evil.example', 'evil.example:80', '127.0.0.1@evil.example',
    '127.0.0.1, evil.example', '[::1', 'localhost/', '127.0.0.1:80:80', '', 'LOCALHOST.',
])
def test_name_that_was_rebound_to_this_machine_is_turned_away(site: Site, host: str) -> None:
    answer = site.ask(
        f'GET /api/v1/state HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n')
    assert answer.status in (400, 421) and b'swarm_id' not in answer.body


def test_request_without_a_host_name_is_turned_away(site: Site) -> None:
    assert site.ask('GET /api/v1/state HTTP/1.0\r\n\r\n').status in (400, 421)


def test_two_host_names_are_no_host_name(site: Site) -> None:
    answer = site.ask(
        f'GET /api/v1/state HTTP/1.1\r\nHost: {site.host}\r\nHost: evil.example\r\n'
        'Connection: close\r\n\r\n')
    assert answer.status in (400, 421)


@pytest.mark.parametrize('origin', [
    'http://evil.example', 'null', 'https://127.0.0.1:1', 'file://', 'http://127.0.0.1:99999',
    'http://HOST.evil.example', 'http://evil.example#HOST', 'http://x@HOST', 'javascript:HOST',
])
def test_command_of_another_site_is_turned_away_even_with_the_token(
    site: Site, origin: str
) -> None:
    named = origin.replace('HOST', site.host)
    answer = site.post(
        'rescan', {'robot': 'r1'}, f'Origin: {named}', f'Authorization: Bearer {TOKEN}')
    assert answer.status == 403 and not site.robots.asked


def test_preflight_of_another_site_allows_nothing(site: Site) -> None:
    answer = site.get(
        '/api/v1/commands/emergency', 'Origin: http://evil.example',
        'Access-Control-Request-Method: POST', method='OPTIONS')
    assert answer.status in (403, 405)
    assert not [name for name in answer.headers if name.startswith('Access-Control')]


# -- tokens

def test_flood_of_wrong_tokens_is_slowed_down_and_keeps_nobody_from_stopping(site: Site) -> None:
    right = f'Authorization: Bearer {TOKEN}'
    assert site.post('rescan', {'robot': 'r1'}, right).status == 200
    seen = [
        site.post('rescan', {'robot': 'r1'}, f'Authorization: Bearer {n:032}').status
        for n in range(60)
    ]
    assert seen[0] == 401 and set(seen) == {401, 429} and seen.count(429) > 40
    assert site.post('emergency', {'reason': 'smoke'}, right).status == 503  # no robot is heard
    site.hub.fold([beacon()])
    assert site.post('emergency', {'reason': 'smoke'}, right).status == 200


def test_flood_of_commands_does_not_delay_a_stop(site: Site) -> None:
    site.hub.fold([beacon()])
    right = f'Authorization: Bearer {TOKEN}'
    seen: list[int] = []

    def refused() -> bool:
        seen.append(site.post('rescan', {'robot': 'r1'}, right).status)
        return seen[-1] == 429

    until(refused, 'a flood is slowed down')
    assert seen.count(200) >= 20 and set(seen) == {200, 429}
    assert site.post('emergency', {'reason': 'smoke'}, right).status == 200


def test_flood_of_questions_is_slowed_down_and_delays_no_stop(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, 'READS_PER_S', 1.0)
    site.hub.fold([beacon()])
    request = f'GET /api/v1/state HTTP/1.1\r\nHost: {site.host}\r\n\r\n'
    last = f'GET /healthz HTTP/1.1\r\nHost: {site.host}\r\nConnection: close\r\n\r\n'
    found = b''
    with site.plug() as plug:
        said = (request * 1000 + last).encode()
        sending = threading.Thread(target=plug.sendall, args=(said,))
        sending.start()
        while piece := plug.recv(65536):
            found += piece
        sending.join()
    assert found.count(b'HTTP/1.1 429') > 300 and found.count(b'HTTP/1.1 200') >= 300
    right = f'Authorization: Bearer {TOKEN}'
    assert site.post('emergency', {'reason': 'smoke'}, right).status == 200
    assert site.get('/').status == 200  # the page itself


@pytest.mark.parametrize('header', [
    'Authorization: Bearer', 'Authorization: Bearer  ', 'Authorization: Basic ' + TOKEN,
    'Authorization: ' + TOKEN, 'Authorization: Bearer ' + TOKEN[:-1], 'Cookie: token=' + TOKEN,
    'X-Token: ' + TOKEN, 'Authorization: Bearer ' + 'x' * 8000,
])
def test_token_counts_only_as_it_is_and_where_it_belongs(site: Site, header: str) -> None:
    assert site.post('rescan', {'robot': 'r1'}, header).status == 401
    assert site.get(f'/api/v1/commands?token={TOKEN}').status == 200
    assert not site.robots.asked


# -- requests that are no requests

@pytest.mark.parametrize('path', [
    '/../gate.py', '/..%2fgate.py', '/%2e%2e/%2e%2e/etc/passwd', '/views/..%5c..%5cgate.py',
    '/....//gate.py', '/%00', '/app.js%00.html', '/views//app.js', '//etc/passwd',
    '/static/../app.js', 'http://evil.example/', '/app.js/', '/%c0%ae%c0%ae/gate.py',
    '/.hidden.js', '/views/.js', '/' + 'a/' * 2000, '/api/v1/../../gate.py',
])
def test_nothing_outside_the_assets_is_served(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status in (0, 400, 403, 404) and b'import' not in answer.body


@pytest.mark.parametrize(('method', 'path'), [
    ('POST', '/api/v1/state'), ('PUT', '/api/v1/commands/emergency'), ('HEAD', '/api/v1/state'),
    ('GET', '/api/v1/commands/emergency'), ('DELETE', '/'), ('TRACE', '/'), ('FOO', '/'),
    ('CONNECT', '/'), ('POST', '/api/v1/commands'), ('POST', '/ws'), ('PATCH', '/app.js'),
    ('get', '/api/v1/state'),
])
def test_method_that_does_not_belong_there_does_nothing(
    site: Site, method: str, path: str
) -> None:
    answer = site.get(
        path, 'X-HTTP-Method-Override: POST', 'Content-Length: 0',
        f'Authorization: Bearer {TOKEN}', method=method)
    assert answer.status in (400, 405) and not site.robots.asked


@pytest.mark.parametrize('text', [
    b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', b'\r\n\r\n\r\n\r\n', b'GET\r\n\r\n',
    b'GET / HTTP/9.9\r\n\r\n', b'\x00' * 3000 + b'\r\n\r\n', b'GET / HTTP/1.1\r\nHost\r\n\r\n',
    b'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked'
    b'\r\n\r\n0\r\n\r\n',
    b'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab',
    b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ' + b'y' * 100_000 + b'\r\n\r\n',
])
def test_what_is_no_request_ends_the_connection(site: Site, text: bytes) -> None:
    with site.plug(text) as plug:
        with contextlib.suppress(OSError):  # it may have been cut off already
            plug.shutdown(socket.SHUT_WR)
        assert answer_of(plug).status in (0, 400)
    site.still_serves()


@pytest.mark.parametrize('path', [
    '/%0d%0aX-Injected:%20yes', '/api/v1/events?since=1%0d%0aX-Injected:%20yes',
    '/api/v1/commands/a%0d%0aX-Injected:%20yes',
])
def test_no_header_comes_out_of_a_path(site: Site, path: str) -> None:
    answer = site.get(path, 'X-Forwarded-Host: evil.example', 'Referer: a%0d%0ab')
    assert answer.status in (400, 404) and 'X-Injected' not in answer.headers


@pytest.mark.parametrize(('path', 'headers', 'status'), [
    ('/', [], 200), ('/app.js', [], 200), ('/api/v1/state', [], 200), ('/nothing', [], 404),
    ('/api/v1/events?since=x', [], 400), ('/api/v1/state', ['Origin: http://evil.example'], 403),
    ('/api/v1/commands', ['Authorization: Bearer wrong'], 401), ('/ws', [], 400),
    ('/api/v1/commands/emergency', [], 405),
])
def test_every_answer_carries_the_security_headers(
    site: Site, path: str, headers: list[str], status: int
) -> None:
    answer = site.get(path, *headers)
    assert answer.status == status
    policy = answer.headers['Content-Security-Policy']
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy
    assert 'unsafe' not in policy and '*' not in policy
    assert answer.headers['X-Content-Type-Options'] == 'nosniff'
    assert answer.headers['Referrer-Policy'] == 'no-referrer'
    assert answer.headers['Cross-Origin-Resource-Policy'] == 'same-origin'
    assert answer.headers['Cross-Origin-Opener-Policy'] == 'same-origin'
    assert 'Server' not in answer.headers and 'Set-Cookie' not in answer.headers
    assert 'Access-Control-Allow-Origin' not in answer.headers


# -- too much

def test_body_larger_than_allowed_is_refused_before_it_is_read(site: Site) -> None:
    head = (
        f'POST /api/v1/commands/override HTTP/1.1\r\nHost: {site.host}\r\n'
        'Content-Type: application/json\r\n'
    )
    with site.plug(f'{head}Content-Length: {10 * 2**30}\r\n\r\n') as plug:
        assert answer_of(plug).status in (0, 400, 413)
    chunk = b'8000\r\n' + b'x' * 0x8000 + b'\r\n'
    chunked = f'{head}Transfer-Encoding: chunked\r\n\r\n'
    with site.plug(chunked) as plug, pytest.raises(OSError):
        for _ in range(1000):
            plug.sendall(chunk)
    site.still_serves()


@pytest.mark.parametrize('sent', [
    frame(b'x' * 5000), frame(b'', size=2**40), frame(b'x' * 3000, final=False) * 3,
    frame(b'x', opcode=3), frame(b'\xff\xfe'), frame(b'x' * 200, opcode=9),
    b'\xf1\x80\x00\x00\x00\x00',
])
def test_frame_that_is_too_large_or_wrong_ends_the_socket(site: Site, sent: bytes) -> None:
    with site.web_socket() as plug:
        plug.sendall(sent)
        assert closed(plug)
    until(lambda: site.hub.client_count == 0, 'the socket is forgotten')
    site.still_serves()


def test_flood_of_pings_from_one_that_never_reads_ends_the_socket(site: Site) -> None:
    with site.web_socket() as plug, pytest.raises((ConnectionResetError, BrokenPipeError)):
        for _ in range(200_000):
            plug.sendall(frame(b'p' * 125, opcode=9) * 10)
    until(lambda: site.hub.client_count == 0, 'the socket is forgotten')


def test_silent_connections_are_bounded_and_do_not_keep_anybody_out(tmp_path: Path) -> None:
    site = Site(tmp_path, clients_max=40)  # with the spare ones: 104 connections
    files_before = len(os.listdir('/proc/self/fd'))
    try:
        idle = [site.plug() for _ in range(100)]
        site.still_serves()
        with site.web_socket() as seeing:
            assert seeing.recv(2)
        more = [site.plug() for _ in range(100)]
        until(lambda: sum(over(plug) for plug in more) >= 90, 'those too many are hung up on')
        until(
            lambda: len(os.listdir('/proc/self/fd')) - files_before <= 200 + 104 + 8,
            'files are bounded',
        )
        for plug in (*idle, *more):
            plug.close()
        until(lambda: site.get('/healthz').status == 200, 'there is room again')
    finally:
        site.web.close()


def over(plug: socket.socket) -> bool:
    """Whether the tower has hung up, without waiting."""
    plug.settimeout(0.0)
    try:
        return plug.recv(1) == b''
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_headers_that_drip_in_are_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = server.make_http_server
    monkeypatch.setattr(thread, 'make_http_server', lambda site: made(site, idle_s=0.5))
    site = Site(tmp_path)
    try:
        plugs = [site.plug(f'GET / HTTP/1.1\r\nHost: {site.host}\r\n') for _ in range(20)]
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.05):
                for plug in plugs:
                    try:
                        plug.send(b'X: y\r\n')
                    except OSError:
                        continue

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert all(closed(plug) for plug in plugs)
        finally:
            stop.set()
            dripping.join()
        site.still_serves()
    finally:
        site.web.close()
    assert server.IDLE_S <= 60 and server.BODY_S <= 60


def test_body_that_drips_in_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, 'BODY_S', 0.3)
    site = Site(tmp_path)
    try:
        head = f'POST /api/v1/commands/override HTTP/1.1\r\nHost: {site.host}\r\n'
        with site.plug(f'{head}Content-Length: 100\r\n\r\n{{') as plug:
            assert closed(plug)
        site.still_serves()
    finally:
        site.web.close()


# -- much to tell

def busy_picture(number: int) -> list[facts.Fact]:
    """What fifty robots tell in a tenth of a second, each time otherwise."""
    robots = [
        beacon(f'robot_{n:02}', 'robot_00', applied_index=number, cpu_permille=number % 1000,
               running_jobs=number % 7)
        for n in range(50)
    ]
    text = f'{number}: ' + 'x' * 300
    changed = job(f'job-{number % 300}', 'running', progress_text=text, changed_ms=number)
    return [*robots, event(text), facts.JobUpdates(number, (changed,))]


def test_one_that_never_reads_costs_bounded_memory_over_minutes_of_news(site: Site) -> None:
    """3000 windows of 100 ms, told as quickly as it goes; then it reads, and is told the end."""
    with site.web_socket() as plug:
        until(lambda: site.hub.client_count == 1, 'the browser has joined')
        (client,) = site.hub._clients
        most, size_at = 0, {}
        for number in range(3000):
            site.hub.fold(busy_picture(number))
            if number % 5 == 0:
                sent = site.hub.deltas_sent
                until(lambda sent=sent: site.hub.deltas_sent > sent, 'it was told on')
            waiting = list(client.queue._waiting)
            most = max(most, sum(len(one) for one in waiting))
            assert len(waiting) <= 32
            if number in (1000, 2999):
                size_at[number] = resident_bytes()
        assert site.hub.deltas_sent > 500 and client.queue.dropped > 32
        assert most < 4 * MIB
        assert size_at[2999] - size_at[1000] < 8 * MIB  # flat, once the tables are full
        site.still_serves()
        for told in messages(plug):
            if told['type'] == 'snapshot' and told.get('dropped'):
                assert told['events'][-1]['text'].startswith('2999: ')
                break
        else:
            raise AssertionError('no snapshot took the place of what was missed')


def messages(plug: socket.socket) -> Iterator[dict[str, Any]]:
    stream = plug.makefile('rb')
    while stream.readline() not in (b'\r\n', b''):
        pass
    while head := stream.read(2):
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(stream.read(2 if size == 126 else 8), 'big')
        body = stream.read(size)
        if head[0] & 0x0F == 1:
            yield json.loads(body)


def test_ten_thousand_events_a_second_leave_memory_flat_and_browsers_served(
    tmp_path: Path,
) -> None:
    """As many as 10,000 a second bring in ten seconds; each window tells the newest."""
    site = Site(tmp_path, window_ms=100)
    try:
        plugs = [site.web_socket() for _ in range(5)]
        told: list[deque[dict[str, Any]]] = [deque(maxlen=1) for _ in plugs]
        readers = [
            threading.Thread(target=lambda n=n: told[n].extend(read_to(plugs[n], 'last')))
            for n in range(5)
        ]
        for reader in readers:
            reader.start()
        until(lambda: site.hub.client_count == 5, 'all have joined')
        size_at = {}
        for number in range(100):
            site.hub.fold([event(f'{number}/{n} ' + 'y' * 80) for n in range(1000)])
            if number in (30, 99):
                size_at[number] = resident_bytes()
        site.still_serves()
        site.hub.fold([event('last')])
        for reader in readers:
            reader.join(WAIT_S)
            assert not reader.is_alive()
        assert all(rows[-1]['text'] == 'last' for rows in told)
        assert size_at[99] - size_at[30] < 24 * MIB  # 70,000 events that were kept are some 70 MiB
        assert site.hub.ask(lambda view, now: view.events_since(0, 5)).missed > 98_000
    finally:
        for plug in plugs:
            plug.close()
        site.web.close()


def read_to(plug: socket.socket, text: str) -> Iterator[dict[str, Any]]:
    """Events until the one with this text."""
    for message in messages(plug):
        for row in message.get('events', []):
            yield row
            if row['text'] == text:
                return
