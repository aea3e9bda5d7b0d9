# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What explain_api.py serves, as OpenAPI describes it. Owns words and schemas."""

from __future__ import annotations

from swarm_tower.web.apis.explain_api import SUBJECTS
from swarm_tower.web.apis.openapi import an_object, list_of, operation, query, text

PATHS = {
    '/api/v1/explain': {
        'get': operation(
            'Why a learner says what it says.',
            {200: an_object({'lines': list_of(text()), 'answered_by': text()})},
            parameters=(
                query('subject', 'What about.', text(enum=list(SUBJECTS)), required=True),
                query('id', 'route: task/robot[/unit]; reputation: a robot; else empty.', text()),
                query('robot', "Whose learner; empty = the leader's.", text()),
            ),
            errors=(400, 404, 503),
            tag='mind',
        ),
    },
}
