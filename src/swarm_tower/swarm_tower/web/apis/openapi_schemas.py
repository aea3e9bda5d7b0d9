# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What openapi_api.py serves, as OpenAPI describes it. Owns words and schemas."""

from __future__ import annotations

from swarm_tower.web.apis import openapi

PATHS = {
    '/api/v1/openapi.json': {
        'get': openapi.operation(
            'This document.', {200: {'type': 'object', 'required': ['openapi', 'paths']}},
            tag='about',
        ),
    },
}
