# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who shall follow the log and who shall vote: owns the steps from the membership that is to the
one that is wanted.

What is wanted stands in the replicated state (an operator's word about a robot, and who has
registered), so that a new leader goes on where the last one stopped. Raft decides whether a step
may be taken now; a step that may not is asked for again.
"""

from collections.abc import Iterator

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.raft import (
    AddNonVoter,
    Change,
    Demote,
    Membership,
    Promote,
    RaftCore,
    Refused,
    Remove,
    admissions,
)
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import MemberChange
from swarm_coordinator.core.replicated.state import ReplicatedState


def is_reached(change: MemberChange, robot: RobotId, membership: Membership) -> bool:
    if change is MemberChange.PROMOTE:
        return robot in membership.voter_ids
    if change is MemberChange.DEMOTE:
        return robot in membership.non_voter_ids
    is_member = robot in membership.voter_ids or robot in membership.non_voter_ids
    return is_member is (change is MemberChange.ADD)


def reshape(raft: RaftCore, state: ReplicatedState, stamp_ns: int) -> Refused | None:
    """Propose the next step, if there is one. Call when leading, an entry of the own term applied.

    The refusal of Raft is for people: whatever it says, the step is tried again.
    """
    for step in _steps(raft, state):
        answer = raft.propose_change(step, stamp_ns)
        return answer if isinstance(answer, Refused) else None
    return None


def _steps(raft: RaftCore, state: ReplicatedState) -> Iterator[tuple[Change, ...]]:
    """Raft's own first (lost disks, founders that came late, robots that registered), then what
    operators want; each a change that touches at most one voter."""
    excluded = {r for r, change in state.wishes.items() if change is MemberChange.REMOVE}
    wanted = [
        robot_id
        for robot_id, member in state.members.items()
        if member.phase is not Liveness.LEFT and robot_id not in excluded
    ]
    due = tuple(change for change in admissions(raft, wanted) if change.robot not in excluded)
    if due:
        yield due
    for robot, wish in state.wishes.items():
        if (step := _towards(wish, robot, raft)) is not None:
            yield (step,)


def _towards(wish: MemberChange, robot: RobotId, raft: RaftCore) -> Change | None:
    members = raft.membership
    if is_reached(wish, robot, members):
        return None
    if wish is MemberChange.REMOVE:
        return Remove(robot)
    if wish is MemberChange.DEMOTE:
        return Demote(robot) if robot in members.voter_ids else _adding(robot, raft)
    if wish is MemberChange.PROMOTE and robot in members.non_voter_ids:
        return Promote(robot)
    return _adding(robot, raft)


def _adding(robot: RobotId, raft: RaftCore) -> Change | None:
    """None: it is not heard, so its disk is not known."""
    for stranger, storage_id in raft.strangers:
        if stranger == robot:
            return AddNonVoter(robot, storage_id)
    return None
