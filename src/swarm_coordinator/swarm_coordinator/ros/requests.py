# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Requests to a robot's services: owns when they are asked again and when they are over.

A reply can be lost when the robot has not yet discovered who asks (ros2/ros2#1253), so a request
is repeated; those that change something carry an idempotency key.
"""

import time
from typing import Any

ASK_AGAIN_S = 2.0
EXPIRY_MS_DEFAULT = 10_000  # of the services, where a request names none


class Unavailable(Exception):
    """No answer in time: no robot, no leader or no quorum; the text says what to look at."""


def expire_with(request: Any, end_s: float) -> None:
    """A copy of a request must not be carried out after the asker was told that it was not.

    `end_s`: when the asker gives up (monotonic)."""
    if hasattr(request, 'expiry_ms'):
        left_ms = max(1, round((end_s - time.monotonic()) * 1000))
        request.expiry_ms = min(request.expiry_ms or EXPIRY_MS_DEFAULT, left_ms)
