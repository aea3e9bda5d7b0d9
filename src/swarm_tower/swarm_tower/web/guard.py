# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What every answer of the tower has in common: who may ask (Host, Origin), headers, errors.

Knows nothing of ROS and of what is asked.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import tornado.web

from swarm_tower.config import TowerConfig
from swarm_tower.web.hub import encode
from swarm_tower.web.site import Site

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


class Guarded(tornado.web.RequestHandler):
    """Base of all handlers."""

    site: Site

    def initialize(self, site: Site) -> None:
        self.site = site

    def set_default_headers(self) -> None:
        host = self.request.host
        self.set_header('Content-Security-Policy', policy(host if HOST.match(host) else ''))
        self.set_header('X-Content-Type-Options', 'nosniff')
        self.set_header('Referrer-Policy', 'no-referrer')
        self.set_header('Cross-Origin-Resource-Policy', 'same-origin')
        self.set_header('Cross-Origin-Opener-Policy', 'same-origin')
        self.clear_header('Server')

    def prepare(self) -> None:
        host = self.request.headers.get('Host', '')  # request.host makes one up where none is
        if not host_allowed(host, self.site.allowed):
            reason = 'Host not allowed; name it in the parameter tower_allowed_hosts'
            raise tornado.web.HTTPError(421, reason=reason)
        origin = self.request.headers.get('Origin')
        if origin is not None and not origin_matches(origin, host):
            raise tornado.web.HTTPError(403, reason='Origin is another site')

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish({'error': self._reason, 'status': status_code})


class JsonHandler(Guarded):
    """Answers with an object."""

    def prepare(self) -> None:
        super().prepare()
        reads = self.request.method == 'GET'  # commands are counted for themselves
        if reads and not self.site.gate.may_read(self.request.remote_ip or ''):
            raise tornado.web.HTTPError(429, reason='Too many questions at once; wait a second')

    def answer(self, content: dict[str, Any], status: int = 200) -> None:
        """Send it; nothing that the tower says may be kept by anybody on the way."""
        self.set_status(status)
        self.set_header('Content-Type', 'application/json; charset=utf-8')
        self.set_header('Cache-Control', 'no-store')
        self.finish(encode(content))

    def number(self, name: str, default: int, most: int) -> int:
        """Return a query argument, 0 to most; answers 400 otherwise."""
        text = self.get_query_argument(name, str(default))
        if not re.fullmatch('[0-9]{1,16}', text) or int(text) > most:
            raise tornado.web.HTTPError(400, reason=f'{name}: expected 0 to {most}')
        return int(text)
