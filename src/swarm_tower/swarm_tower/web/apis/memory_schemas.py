# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What memory_api.py serves, as OpenAPI describes it. Owns words and schemas."""

from __future__ import annotations

from swarm_tower.web.apis.memory_api import EXEMPLARS_MAX
from swarm_tower.web.apis.openapi import an_object, list_of, operation, query, text, whole

PATHS = {
    '/api/v1/memory': {
        'get': operation(
            'What the memory of the swarm says of a window.',
            {200: an_object({
                'begin_ms': whole('Of what the summaries really cover, Unix ms.'),
                'end_ms': whole(),
                'edge_ms': whole('By so much the edges are rounded at most.'),
                'blocks': {}, 'events': {}, 'robots': {}, 'answered_by': {},
                'channels': {},
                'counts': {'type': 'object', 'additionalProperties': whole()},
                'exemplars': list_of({'type': 'object'}),
            })},
            parameters=(
                query('robot', "Whose memory is asked; empty = the leader's.", text()),
                query('whose', 'Whose past; empty = of the whole swarm.', text()),
                query('channels', 'Names with commas between; empty = all.', text()),
                query('begin_ms', 'Unix ms; 0 = the oldest.', whole(minimum=0)),
                query('end_ms', 'Unix ms; 0 = now.', whole(minimum=0)),
                query('quantiles', 'Numbers from 0 to 1 with commas between.', text()),
                query('kind', 'Remarkable events of this kind only.', text()),
                query('exemplars', 'At most so many.', whole(minimum=0, maximum=EXEMPLARS_MAX)),
            ),
            errors=(400, 503),
            tag='mind',
        ),
    },
}
