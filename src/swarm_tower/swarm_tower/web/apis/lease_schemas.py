# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What lease_api.py serves, as OpenAPI describes it. Owns words and schemas."""

from __future__ import annotations

from typing import Any

from swarm_tower.web.apis.openapi import an_object, list_of, operation, query, text, whole


def _answer(name: str) -> dict[str, Any]:
    return an_object({
        name: list_of({'type': 'object'}), 'found': whole('Count of all.'),
        'log_index': whole('How far the copy of the log is.'), 'answered_by': text(),
    })


_ROBOT = query('robot', 'Who is asked; empty = the leader.', text())
PATHS = {
    '/api/v1/leases': {
        'get': operation(
            'Resources that somebody holds, and who waits.',
            {200: _answer('leases')},
            parameters=(query('resource', 'This one only.', text()), _ROBOT),
            errors=(400, 503),
            tag='registry',
        ),
    },
    '/api/v1/services': {
        'get': operation(
            'Services that robots offer.',
            {200: _answer('services')},
            parameters=(
                query('name', 'This one only.', text()),
                query('of', 'Of this robot only.', text()),
                query('where', 'Conditions on the metadata, as in floor >= 2.', text()),
                _ROBOT,
            ),
            errors=(400, 503),
            tag='registry',
        ),
    },
}
