# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The Tornado application. Owns who may ask (Host, Origin, limits) and what is sent to whom.

Read-only: no request changes anything. Knows nothing of ROS.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tornado.httpserver
import tornado.iostream
import tornado.netutil
import tornado.web
import tornado.websocket

from swarm_tower.config import TowerConfig
from swarm_tower.web.hub import Client, Hub, encode

LOG = logging.getLogger('swarm_tower.web')
STATIC = Path(__file__).parent / 'static'
BODY_BYTES_MAX = 64 * 1024
HEADER_BYTES_MAX = 16 * 1024
MESSAGE_BYTES_MAX = 4096
EVENTS_PAGE_MAX = 500
PING_S = 30
CONTENT_TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml',
}
HOST = re.compile(r'^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?\Z')


def host_allowed(host: str, allowed: frozenset[str]) -> bool:
    """Tell whether a Host header names this tower (guards against DNS rebinding)."""
    match = HOST.match(host)
    return match is not None and match.group(1).lower() in allowed


def origin_matches(origin: str, host: str) -> bool:
    """Tell whether a page of this Origin was served under this Host."""
    parts = urlsplit(origin)
    return parts.scheme in ('http', 'https') and parts.netloc.lower() == host.lower()


def allowed_hosts(config: TowerConfig) -> frozenset[str]:
    """Return the names under which the tower answers."""
    own = f'[{config.tower_host}]' if ':' in config.tower_host else config.tower_host
    return frozenset(name.lower() for name in (own, *config.tower_allowed_hosts))


def policy(host: str) -> str:
    """Return the content security policy: nothing from anywhere but this tower."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' ws://{host} wss://{host}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class _Guarded(tornado.web.RequestHandler):
    """Checks and headers common to all answers."""

    hub: Hub
    allowed: frozenset[str]

    def initialize(self, hub: Hub, allowed: frozenset[str]) -> None:
        self.hub = hub
        self.allowed = allowed

    def set_default_headers(self) -> None:
        host = self.request.host
        self.set_header('Content-Security-Policy', policy(host if HOST.match(host) else ''))
        self.set_header('X-Content-Type-Options', 'nosniff')
        self.set_header('Referrer-Policy', 'no-referrer')
        self.set_header('Cross-Origin-Resource-Policy', 'same-origin')
        self.clear_header('Server')

    def prepare(self) -> None:
        host = self.request.host
        if not host_allowed(host, self.allowed):
            reason = 'Host not allowed; name it in the parameter tower_allowed_hosts'
            raise tornado.web.HTTPError(421, reason=reason)
        origin = self.request.headers.get('Origin')
        if origin is not None and not origin_matches(origin, host):
            raise tornado.web.HTTPError(403, reason='Origin is another site')

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish({'error': self._reason, 'status': status_code})


class _Page(_Guarded, tornado.web.StaticFileHandler):
    """The assets that were shipped with the package."""

    def initialize(self, hub: Hub, allowed: frozenset[str]) -> None:  # type: ignore[override]
        _Guarded.initialize(self, hub, allowed)
        tornado.web.StaticFileHandler.initialize(self, str(STATIC), 'index.html')

    def get_content_type(self) -> str:
        suffix = Path(self.absolute_path or '').suffix
        return CONTENT_TYPES.get(suffix, 'application/octet-stream')

    def set_extra_headers(self, path: str) -> None:
        self.set_header('Cache-Control', 'no-cache')  # a new tower version shows at once


class _Json(_Guarded):
    def answer(self, content: dict[str, Any]) -> None:
        self.set_header('Content-Type', 'application/json; charset=utf-8')
        self.set_header('Cache-Control', 'no-store')
        self.finish(encode(content))


class _State(_Json):
    def get(self) -> None:
        self.answer(self.hub.state())


class _Events(_Json):
    def get(self) -> None:
        since = self._number('since', 0, 2**53)
        limit = self._number('limit', EVENTS_PAGE_MAX, EVENTS_PAGE_MAX)
        page = self.hub.events_since(since, limit)
        self.answer({'events': page.rows, 'last_seq': page.last_seq, 'missed': page.missed})

    def _number(self, name: str, default: int, most: int) -> int:
        text = self.get_query_argument(name, str(default))
        if not re.fullmatch('[0-9]{1,16}', text) or int(text) > most:
            raise tornado.web.HTTPError(400, reason=f'{name}: expected 0 to {most}')
        return int(text)


class _Health(_Json):
    def get(self) -> None:
        self.answer({'ok': True, 'clients': self.hub.client_count})


class _Missing(_Guarded):
    def prepare(self) -> None:
        super().prepare()
        raise tornado.web.HTTPError(404, reason='No such page')


class _Socket(_Guarded, tornado.websocket.WebSocketHandler):
    """Sends a snapshot, then deltas. Takes nothing."""

    client: Client | None = None
    _sender: asyncio.Task[None] | None = None

    def initialize(  # type: ignore[override]
        self, hub: Hub, allowed: frozenset[str], clients_max: int
    ) -> None:
        _Guarded.initialize(self, hub, allowed)
        self.clients_max = clients_max

    def prepare(self) -> None:
        super().prepare()
        if self.hub.client_count >= self.clients_max:
            raise tornado.web.HTTPError(503, reason='Too many browsers (clients_max)')

    def check_origin(self, origin: str) -> bool:
        return origin_matches(origin, self.request.host)

    def open(self, *_: str, **__: str) -> None:
        self.set_nodelay(True)
        self.client = self.hub.join()
        self._sender = asyncio.ensure_future(self._send_all(self.client))

    async def _send_all(self, client: Client) -> None:
        """One message at a time: what is not yet out waits in the bounded queue, not here."""
        closed = (tornado.websocket.WebSocketClosedError, tornado.iostream.StreamClosedError)
        with contextlib.suppress(*closed):
            while self.client is client:
                message = self.hub.next_message(client)
                if message is None:
                    await client.wake.wait()
                else:
                    await self.write_message(message)

    def on_message(self, message: str | bytes) -> None:
        self.close(1008, 'this tower takes no commands')

    def on_close(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            self.hub.leave(client)
        if self._sender is not None:
            self._sender.cancel()


def make_application(config: TowerConfig, hub: Hub) -> tornado.web.Application:
    """Return the application with all its routes."""
    common: dict[str, Any] = {'hub': hub, 'allowed': allowed_hosts(config)}
    return tornado.web.Application(
        [
            (r'/ws', _Socket, {**common, 'clients_max': config.clients_max}),
            (r'/api/v1/state', _State, common),
            (r'/api/v1/events', _Events, common),
            (r'/healthz', _Health, common),
            (r'/((?:views/)?[a-z_]+\.(?:html|css|js|svg)|)', _Page, common),
        ],
        default_handler_class=_Missing,
        default_handler_args=common,
        websocket_ping_interval=PING_S,
        websocket_max_message_size=MESSAGE_BYTES_MAX,
        log_function=lambda handler: None,
    )


def bind(config: TowerConfig) -> list[socket.socket]:
    """Return listening sockets, or raise ValueError naming address, port and parameter."""
    try:
        return tornado.netutil.bind_sockets(config.tower_port, config.tower_host, backlog=64)
    except OSError as error:
        raise ValueError(
            f'tower_port: cannot listen on {config.tower_host} port {config.tower_port} '
            f'({error.strerror or error}); another tower may run here, choose another '
            'tower_port or tower_host'
        ) from error


def make_http_server(config: TowerConfig, hub: Hub) -> tornado.httpserver.HTTPServer:
    """Return the server with its size limits; call inside the loop that is to serve."""
    return tornado.httpserver.HTTPServer(
        make_application(config, hub),
        max_body_size=BODY_BYTES_MAX,
        max_header_size=HEADER_BYTES_MAX,
        idle_connection_timeout=60,
    )
