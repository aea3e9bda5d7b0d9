# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What file_api.py serves, as OpenAPI describes it. Owns words and schemas."""

from __future__ import annotations

from swarm_tower.web.apis.file_api import COUNTS, USES
from swarm_tower.web.apis.openapi import an_object, list_of, operation, query, text, whole

PATHS = {
    '/api/v1/files': {
        'get': operation(
            'Files that a robot has stored, longest unused first.',
            {200: an_object({
                'files': list_of({'type': 'object'}),
                **{name: whole() for name in COUNTS},
                'answered_by': text(),
            })},
            parameters=(
                query('robot', "Whose; empty = the leader's.", text()),
                query('sha256', 'Those that begin with this.', text()),
                query('uses', f'Some of {", ".join(USES)}, with commas between.', text()),
                query('after', 'Go on after this sha256.', text()),
            ),
            errors=(400, 503),
            tag='files',
        ),
    },
}
