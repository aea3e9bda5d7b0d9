# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Requests to a robot's services: owns when they are asked again, when they are over, and how the
log's answer is put into a response.

A reply can be lost when the robot has not yet discovered who asks (ros2/ros2#1253), so a request
is repeated; those that change something carry an idempotency key.
"""

import time
from typing import Any

from swarm_coordinator.core.events import Answer

ASK_AGAIN_S = 2.0
EXPIRY_MS_DEFAULT = 10_000  # of the services, where a request names none


class Unavailable(Exception):
    """No answer in time: no robot, no leader or no quorum; the text says what to look at."""


class NotAllowed(Unavailable):
    """The policy of the robot does not give that to whoever asked, or it could not be proven who
    that is; the text says what to do."""


# Types of services whose only refusal is that: what asks them does not look at the code.
ALWAYS_ANSWERED = frozenset({
    'ListDevices', 'ListJobs', 'ListModels', 'ListPolicies', 'ListRoutes', 'Negotiate',
    'RaiseEmergency', 'ReplayEvents', 'Rescan', 'Status', 'WaitJobs',
})


def answered(kind: Any, answer: Any) -> Any:
    """The answer of a service of this type. Raises NotAllowed where nobody would notice it."""
    if kind.__name__ in ALWAYS_ANSWERED and answer.code == answer.REFUSED:
        raise NotAllowed(answer.reason)
    return answer


def expire_with(request: Any, end_s: float) -> None:
    """A copy of a request must not be carried out after the asker was told that it was not.

    `end_s`: when the asker gives up (monotonic)."""
    if hasattr(request, 'expiry_ms'):
        left_ms = max(1, round((end_s - time.monotonic()) * 1000))
        request.expiry_ms = min(request.expiry_ms or EXPIRY_MS_DEFAULT, left_ms)


def answer_code(answer: Answer, kind: Any, good: int | None = None) -> tuple[int, str]:
    """`code` and `reason` of a response; `kind` has the constants, `good` if not ACCEPTED."""
    if answer.unavailable:
        return kind.UNAVAILABLE, answer.unavailable
    if answer.refused:
        return kind.REFUSED, answer.refused
    return kind.ACCEPTED if good is None else good, ''
