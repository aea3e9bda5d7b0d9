# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Handlers that pass a question on to a robot. Owns how its answer becomes one of the tower."""

from __future__ import annotations

import re
from typing import Any

import tornado.web

from swarm_tower.core.facts import ROBOT_ID
from swarm_tower.web.guard import JsonHandler
from swarm_tower.web.site import Refused, Unreachable

OK, REFUSED = 0, 1
TEXT_MAX = 200
TIMEOUT_S = 6.0


class AskHandler(JsonHandler):
    """`asked` answers by itself where there is no good answer; then it returns None."""

    async def asked(
        self, robot: str, service: str, fields: dict[str, Any], refused: int = 400
    ) -> dict[str, Any] | None:
        """Return what the robot said. `refused`: the status when it did not want to."""
        try:
            found = await self.site.robots.ask(robot, service, fields, TIMEOUT_S)
        except Unreachable as unreachable:
            self.answer({'error': str(unreachable)}, 503)
            return None
        except Refused as wrong:
            self.answer({'error': str(wrong)}, 400)
            return None
        code = found.get('code', OK)
        if code == OK:
            return found
        reason = found.get('reason') or 'no reason was given'
        self.answer({'error': str(reason)}, refused if code == REFUSED else 503)
        return None

    def words(self, name: str, most: int = TEXT_MAX) -> str:
        """Return a query argument of at most so many characters; answers 400 otherwise."""
        text: str = self.get_query_argument(name, '')
        if len(text) > most or not text.isprintable():
            raise tornado.web.HTTPError(400, reason=f'{name}: expected at most {most} characters')
        return text

    def robot(self, name: str = 'robot') -> str:
        """Return a query argument that names a robot, or ''; answers 400 otherwise."""
        text: str = self.get_query_argument(name, '')
        if text and not ROBOT_ID.match(text):
            raise tornado.web.HTTPError(400, reason=f'{name}: expected the id of a robot')
        return text

    def listed(self, name: str, most: int) -> list[str]:
        """Return the parts of a query argument between commas; answers 400 otherwise."""
        parts = [one.strip() for one in self.words(name, 1000).split(',') if one.strip()]
        if len(parts) > most:
            raise tornado.web.HTTPError(400, reason=f'{name}: expected at most {most} of them')
        return parts

    def signed(self, name: str, default: int, low: int, high: int) -> int:
        """Return a query argument that may be negative; answers 400 otherwise."""
        text = self.get_query_argument(name, str(default))
        if not re.fullmatch('-?[0-9]{1,16}', text) or not low <= int(text) <= high:
            raise tornado.web.HTTPError(400, reason=f'{name}: expected {low} to {high}')
        return int(text)
