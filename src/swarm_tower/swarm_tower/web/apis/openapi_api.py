# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""GET /api/v1/openapi.json: the tower describes what it tells and takes."""

from __future__ import annotations

from swarm_tower.web.guard import JsonHandler


class Description(JsonHandler):
    """Loaded and made when it is asked for: all routes are known by then."""

    def get(self) -> None:
        from swarm_tower.web.apis import ROUTES, openapi

        self.answer(openapi.document(ROUTES))


ROUTES = ((r'/api/v1/openapi\.json', Description),)
