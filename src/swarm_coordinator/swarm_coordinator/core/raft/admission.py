# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a leader should propose about the robots it hears.

Owns the policy by which seats are claimed, lost disks replaced and votes given back. Refuses to
know why an operator changes the membership: it never adds a robot that was removed, and never
takes a vote from a disk that is still heard.
"""

from __future__ import annotations

from collections.abc import Iterable

from swarm_coordinator.core.raft.core import RaftCore
from swarm_coordinator.core.raft.membership import (
    UNCLAIMED,
    VOTERS_MAX,
    AddNonVoter,
    Change,
    Claim,
    Promote,
)
from swarm_coordinator.core.raft.messages import RobotId


def admissions(core: RaftCore, wanted: Iterable[RobotId] = ()) -> tuple[Change, ...]:
    """For one core.propose_change(); empty = nothing to do, or not now.

    wanted: robots that are to follow the log as soon as they are heard, besides the members.
    """
    if not core.can_change_members():
        return ()
    membership = core.membership
    for robot in membership.returning:
        progress = core.progress_of(robot)
        if progress and progress.caught_up and len(membership.voters) < VOTERS_MAX:
            return (Promote(robot),)
    heard = core.strangers_heard_for(core.timing.heartbeat_ticks)
    voters, wanted = dict(membership.voters), frozenset(wanted)
    additions: list[Change] = []
    for robot, storage_id in heard:
        if voters.get(robot) == UNCLAIMED:
            return (Claim(robot, storage_id),)
        if robot in voters:
            if _is_gone(core, robot):
                return (AddNonVoter(robot, storage_id),)
        elif robot in membership.non_voter_ids:
            if _is_gone(core, robot):
                additions.append(AddNonVoter(robot, storage_id))
        elif robot in wanted:
            additions.append(AddNonVoter(robot, storage_id))
    return tuple(additions)


def _is_gone(core: RaftCore, robot: RobotId) -> bool:
    """Whether the robot was not heard with its former disk for the longest election timeout, and
    has been heard with another one for the shortest: messages may come late, disks do not."""
    silence = core.silence_of(robot)
    limit = core.timing.election_timeout_ticks_max
    if silence is not None and silence < limit:
        return False
    present = core.strangers_heard_for(core.timing.election_timeout_ticks_min)
    return robot in {name for name, _ in present}
