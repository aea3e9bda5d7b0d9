# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The Tornado application: the page, the socket, and where everything else hangs. Owns limits and
what is sent to whom. Knows nothing of ROS.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

import tornado.httpserver
import tornado.iostream
import tornado.netutil
import tornado.web
import tornado.websocket

from swarm_tower.config import TowerConfig
from swarm_tower.web.apis import ROUTES
from swarm_tower.web.gate import Bucket
from swarm_tower.web.guard import Guarded, origin_matches
from swarm_tower.web.hub import Client
from swarm_tower.web.site import Site

STATIC = Path(__file__).parent / 'static'
BODY_BYTES_MAX = 64 * 1024
HEADER_BYTES_MAX = 16 * 1024
MESSAGE_BYTES_MAX = 4096
PING_S = 30
READ_BYTES_MAX = 256 * 1024  # that wait in the tower, of one connection
IDLE_S = 60
BODY_S = 20  # for a whole body to arrive
SPARE_CONNECTIONS = 64  # beside the sockets of pages: assets, the API, and who has gone silent
PINGS_AT_ONCE, PINGS_PER_S = 10, 1.0
CONTENT_TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.json': 'application/json; charset=utf-8',
    '.svg': 'image/svg+xml',
}


class _Page(Guarded, tornado.web.StaticFileHandler):
    """The assets that were shipped with the package."""

    def initialize(self, site: Site) -> None:  # type: ignore[override]
        Guarded.initialize(self, site)
        tornado.web.StaticFileHandler.initialize(self, str(STATIC), 'index.html')

    def get_content_type(self) -> str:
        suffix = Path(self.absolute_path or '').suffix
        return CONTENT_TYPES.get(suffix, 'application/octet-stream')

    def set_extra_headers(self, path: str) -> None:
        self.set_header('Cache-Control', 'no-cache')  # a new tower version shows at once


class _Missing(Guarded):
    def prepare(self) -> None:
        super().prepare()
        raise tornado.web.HTTPError(404, reason='No such page')


class _Socket(Guarded, tornado.websocket.WebSocketHandler):
    """Sends a snapshot, then deltas. Takes nothing."""

    client: Client | None = None
    _pings: Bucket | None = None
    _sender: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        super().prepare()
        if self.site.hub.client_count >= self.site.config.clients_max:
            raise tornado.web.HTTPError(503, reason='Too many browsers (clients_max)')

    def check_origin(self, origin: str) -> bool:
        return origin_matches(origin, self.request.host)

    def open(self, *_: str, **__: str) -> None:
        self.set_nodelay(True)
        self.client = self.site.hub.join()
        self._sender = asyncio.ensure_future(self._send_all(self.client))

    async def _send_all(self, client: Client) -> None:
        """One message at a time: what is not yet out waits in the bounded queue, not here."""
        closed = (tornado.websocket.WebSocketClosedError, tornado.iostream.StreamClosedError)
        with contextlib.suppress(*closed):
            while self.client is client:
                message = self.site.hub.next_message(client)
                if message is None:
                    await client.wake.wait()
                else:
                    await self.write_message(message)

    def on_message(self, message: str | bytes) -> None:
        self.close(1008, 'this tower takes no commands')

    def on_ping(self, data: bytes) -> None:
        """Each is answered: who only sends them and never reads would make the tower hold that."""
        now_s = asyncio.get_running_loop().time()
        self._pings = self._pings or Bucket(PINGS_AT_ONCE, PINGS_PER_S, now_s)
        stream = None if self.ws_connection is None else self.ws_connection.stream
        if not self._pings.take(now_s) and stream is not None:
            stream.close()

    def on_close(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            self.site.hub.leave(client)
        if self._sender is not None:
            self._sender.cancel()


def make_application(site: Site) -> tornado.web.Application:
    """Return the application with all its routes."""
    common: dict[str, Any] = {'site': site}
    return tornado.web.Application(
        [
            (r'/ws', _Socket, common),
            *((pattern, handler, common) for pattern, handler in ROUTES),
            (r'/((?:[a-z_]+/){0,2}[A-Za-z0-9_.-]+\.(?:html|css|js|svg|json)|)', _Page, common),
        ],
        default_handler_class=_Missing,
        default_handler_args=common,
        compress_response=True,  # the page is a third of its size then; nothing in it is secret
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


class _Server(tornado.httpserver.HTTPServer):
    """With a bound on connections: each costs a file, and a process has few of them."""

    connections_max = 0
    _connected = 0

    def handle_stream(self, stream: Any, address: Any) -> None:
        if self._connected >= self.connections_max:
            stream.close()
            return
        self._connected += 1
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        self._connected -= 1
        super().on_close(server_conn)


def make_http_server(site: Site, idle_s: float = IDLE_S) -> tornado.httpserver.HTTPServer:
    """Return the server with its limits; call inside the loop that is to serve."""
    server = _Server(
        make_application(site),
        max_body_size=BODY_BYTES_MAX,
        max_header_size=HEADER_BYTES_MAX,
        max_buffer_size=READ_BYTES_MAX,
        idle_connection_timeout=idle_s,
        body_timeout=BODY_S,
    )
    server.connections_max = site.config.clients_max + SPARE_CONNECTIONS
    return server
