# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What can be asked of the tower beside the page itself. Owns the list of the modules, each with
ROUTES: pairs of a pattern and a handler made from guard.Guarded. What describes them stands beside
each as PATHS of <noun>_schemas.py; see openapi.py."""

from __future__ import annotations

from swarm_tower.web.apis import (
    command_api,
    explain_api,
    file_api,
    job_api,
    lease_api,
    memory_api,
    metrics_api,
    openapi_api,
    recording_api,
    robot_api,
    state_api,
)
from swarm_tower.web.guard import Guarded

ROUTES: tuple[tuple[str, type[Guarded]], ...] = (
    *state_api.ROUTES,
    *command_api.ROUTES,
    *memory_api.ROUTES,
    *explain_api.ROUTES,
    *job_api.ROUTES,
    *lease_api.ROUTES,
    *file_api.ROUTES,
    *robot_api.ROUTES,
    *metrics_api.ROUTES,
    *openapi_api.ROUTES,
    *recording_api.ROUTES,
)
