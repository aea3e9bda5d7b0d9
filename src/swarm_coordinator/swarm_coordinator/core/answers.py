# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What those are told who asked this robot for something: owns the words, and what is refused
before it is tried. Refuses to know how a request gets into the log.
"""

from dataclasses import dataclass

from swarm_coordinator.core.events import Answer, Request
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import COMMAND_BYTES_MAX, Issued, encode

HEAD_BYTES = 256  # numbers in the head of a command that are not known yet


@dataclass(frozen=True)
class RequestTag:
    """The answer to this request is awaited."""

    request_id: int


def refusal(request: Request, robot_id: RobotId, full: bool) -> Answer | None:
    """None: it may be tried. `full`: as many as can wait for the log already do."""
    if full:
        return Answer(request.request_id, unavailable='too many requests wait for the log')
    size = len(encode(Issued(robot_id, 0, 0, 0, request.command)))
    most = COMMAND_BYTES_MAX - HEAD_BYTES
    if size <= most:
        return None
    return Answer(
        request.request_id,
        refused=f'the request takes {size} bytes in the log, at most {most} are accepted',
    )


def too_many_reads(request_id: int) -> Answer:
    return Answer(request_id, unavailable='too many reads wait for the leader')


def decided(request_id: int, applied: Applied, index: int) -> Answer:
    """What the log says, at `index`."""
    return Answer(
        request_id,
        index,
        applied.value,
        applied.duplicate,
        applied.refused,
        lease=applied.lease,
    )


def unseen(request_id: int) -> Answer:
    why = 'it is in the log, its answer is not: ask again under the same key'
    return Answer(request_id, unavailable=why)


def not_in_time(request_id: int, leader: RobotId | None) -> Answer:
    if leader is None:
        return Answer(request_id, unavailable='no leader: too few voters can be reached')
    return Answer(request_id, unavailable=f'leader {leader} did not commit it in time')
