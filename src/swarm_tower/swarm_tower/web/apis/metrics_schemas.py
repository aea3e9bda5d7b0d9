# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What metrics_api.py serves, as OpenAPI describes it. Owns words and schemas."""

from __future__ import annotations

from swarm_tower.web.apis.openapi import an_object, operation, text

READINESS = an_object({
    'ready': {'type': 'boolean'},
    'missing': text('What is missing and what to look at; empty = nothing.'),
})
PATHS = {
    '/metrics': {
        'get': operation(
            'All metrics in the text format of Prometheus.',
            {200: text('See docs/METRICS.md.')},
            media='text/plain',
            tag='about',
        ),
    },
    '/readyz': {
        'get': operation(
            'Whether a robot was heard and the tower still listens.',
            {200: READINESS, 503: READINESS},
            tag='about',
        ),
    },
}
