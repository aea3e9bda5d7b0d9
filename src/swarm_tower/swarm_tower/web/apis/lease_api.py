# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Leases and services as a robot's copy of the log has them, read when somebody asks."""

from __future__ import annotations

from typing import Any

from swarm_tower.web.asking import AskHandler

NS_PER_MS = 1_000_000
ROWS_MAX = 1000


class Leases(AskHandler):
    async def get(self) -> None:
        fields = {'resource': self.words('resource')}
        found = await self.asked(self.robot(), 'list_leases', fields)
        if found is not None:
            self.answer(_told(found, 'leases'))


class Services(AskHandler):
    async def get(self) -> None:
        fields = {
            'name': self.words('name'), 'robot_id': self.robot('of'), 'where': self.words('where'),
        }
        found = await self.asked(self.robot(), 'find_service', fields)
        if found is not None:
            self.answer(_told(found, 'services'))


def _told(found: dict[str, Any], name: str) -> dict[str, Any]:
    rows = found[name]
    return {
        name: [_in_ms(row) for row in rows[:ROWS_MAX]],
        'found': len(rows),
        'log_index': found['log_index'],
        'answered_by': found.get('answered_by', ''),
    }


def _in_ms(row: dict[str, Any]) -> dict[str, Any]:
    """Times in milliseconds, 0 as none: JavaScript has no exact nanoseconds."""
    told = {k: v for k, v in row.items() if not k.endswith('_ns')}
    for key, value in row.items():
        if key.endswith('_ns'):
            told[f'{key[:-3]}_ms'] = value // NS_PER_MS or None
    return told


ROUTES = ((r'/api/v1/leases', Leases), (r'/api/v1/services', Services))
