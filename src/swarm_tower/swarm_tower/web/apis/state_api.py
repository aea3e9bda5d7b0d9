# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The picture and its events, read-only."""

from __future__ import annotations

from swarm_tower.web.guard import JsonHandler

EVENTS_PAGE_MAX = 500


class State(JsonHandler):
    def get(self) -> None:
        self.answer(self.site.hub.state())


class Events(JsonHandler):
    def get(self) -> None:
        since = self.number('since', 0, 2**53)
        limit = self.number('limit', EVENTS_PAGE_MAX, EVENTS_PAGE_MAX)
        page = self.site.hub.events_since(since, limit)
        self.answer({'events': page.rows, 'last_seq': page.last_seq, 'missed': page.missed})


class Health(JsonHandler):
    def get(self) -> None:
        self.answer({'ok': True, 'clients': self.site.hub.client_count})


ROUTES = (
    (r'/api/v1/state', State),
    (r'/api/v1/events', Events),
    (r'/healthz', Health),
)
