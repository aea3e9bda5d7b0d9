# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What commands about robots do: who is there, in which life, and what goes with a life that ends.

What only the robot's own process can use ends with its life: places in queues, services, and job
attempts once that life has ended for certain. Leases do not: their holders are programs that may
outlive it. Refuses to know how a robot is judged; that is the leader's (leadership.py).
"""

from functools import lru_cache

from swarm_coordinator.core.ids import RobotId, checked_name, start_number
from swarm_coordinator.core.leases.lease import refused_label
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import (
    CapabilitySpec,
    ChangeMember,
    HandOver,
    LeaveSwarm,
    MarkRobot,
    RegisterRobot,
)
from swarm_coordinator.core.replicated.event_log import ERROR, INFO, Notable
from swarm_coordinator.core.replicated.job_loss import lose_jobs_of
from swarm_coordinator.core.replicated.lease_rules import drop_waiters_of
from swarm_coordinator.core.replicated.rules import rule
from swarm_coordinator.core.replicated.service_rules import end_services_of
from swarm_coordinator.core.replicated.state import (
    GONE,
    MEMBERS_MAX,
    WISHES_MAX,
    Member,
    ReplicatedState,
)

PROFILE_CHARS_MAX = 64


@lru_cache(maxsize=256)
def _shared(capabilities: tuple[CapabilitySpec, ...]) -> tuple[CapabilitySpec, ...]:
    """One object for robots of the same build."""
    return capabilities


@rule(RegisterRobot)
def _register(command: RegisterRobot, state: ReplicatedState, done: Applied) -> None:
    known = state.members.get(command.robot_id)
    done.refused = _refused(command, known, state)
    if done.refused:
        return
    returned = known is not None and command.incarnation > known.incarnation
    if command.timing_profile:
        state.timing_profile = command.timing_profile
    _enter(command, state)
    done.members = True
    if known is None or returned:
        done.notable.append(
            Notable(
                'robot_returned' if returned else 'robot_joined',
                INFO,
                command.robot_id,
                f'{command.robot_id} {"is back" if returned else "joined"} '
                f'(start {start_number(command.incarnation)})',
            )
        )
    if returned:
        end_life(
            command.robot_id,
            command.incarnation,
            state,
            done,
            f'{command.robot_id} restarted',
        )


def _refused(command: RegisterRobot, known: Member | None, state: ReplicatedState) -> str:
    if known is not None and command.incarnation < known.incarnation:
        return f'incarnation {command.incarnation} is over: {known.incarnation} is known'
    if known is not None and _left(known, command.incarnation):
        return f'{command.robot_id} has left in incarnation {known.incarnation}'
    if known is None and len(state.members) >= MEMBERS_MAX and not _forget_one(state):
        return f'{MEMBERS_MAX} robots are known already'
    return _refused_profile(command, state)


def _left(known: Member, incarnation: int) -> bool:
    """A registration that was overtaken by the robot's own leave must not bring it back."""
    return known.phase is Liveness.LEFT and incarnation == known.incarnation


def _refused_profile(command: RegisterRobot, state: ReplicatedState) -> str:
    """All robots of a swarm time their elections alike. The profile can change once nobody else
    is present: after an orderly end of all robots the first one to return decides."""
    wanted, agreed = command.timing_profile, state.timing_profile
    if not wanted or wanted == agreed:
        return ''
    problem = refused_label('timing_profile', wanted, PROFILE_CHARS_MAX)
    if problem or not agreed:
        return problem
    if all(m.phase in GONE for m in state.members.values() if m.robot_id != command.robot_id):
        return ''
    return (
        f'timing_profile={wanted!r} of {command.robot_id}: expected {agreed!r}, which the swarm '
        'has agreed on; all voters must time their elections alike'
    )


def _forget_one(state: ReplicatedState) -> bool:
    """Make room: the robot that left longest ago is not known any more."""
    left = [m for m in state.members.values() if m.phase is Liveness.LEFT]
    if left:
        oldest = min(left, key=lambda member: (member.changed_index, member.robot_id))
        del state.members[oldest.robot_id]
    return bool(left)


def _enter(command: RegisterRobot, state: ReplicatedState) -> None:
    """Into the table, which is ordered by robot_id."""
    last = next(reversed(state.members), command.robot_id)
    new = command.robot_id not in state.members
    state.members[command.robot_id] = Member(
        robot_id=command.robot_id,
        incarnation=command.incarnation,
        voter=command.voter,
        host=command.host,
        software_version=command.software_version,
        job_slots=command.job_slots,
        capabilities=_shared(command.capabilities),
        changed_index=state.applied_index,
    )
    if new and command.robot_id < last:
        state.members = dict(sorted(state.members.items()))


@rule(MarkRobot)
def _mark(command: MarkRobot, state: ReplicatedState, done: Applied) -> None:
    member = state.members.get(command.robot_id)
    if member is None or member.incarnation != command.incarnation:
        done.refused = f'{command.robot_id} is not known in incarnation {command.incarnation}'
        return
    if member.phase is command.phase:
        return
    if member.phase is Liveness.LEFT:
        # Its silence says nothing; only a new life brings it back.
        done.refused = f'{command.robot_id} has left in incarnation {member.incarnation}'
        return
    before, member.phase = member.phase, command.phase
    member.changed_index = state.applied_index
    done.members = True
    if command.phase is Liveness.DEAD:
        _bury(member, state, done)
    elif command.phase is Liveness.LEFT:
        _leave(member, state, done)
    elif before is Liveness.DEAD:
        done.notable.append(
            Notable('robot_heard', INFO, command.robot_id, f'{command.robot_id} is heard again')
        )


def _bury(member: Member, state: ReplicatedState, done: Applied) -> None:
    """What only it could use goes at once. Its jobs and its leases stay until their time is over:
    it, or the program that holds the lease, may be at work where nobody hears it."""
    name = member.robot_id
    held = len(state.held_by(name))
    done.notable.append(
        Notable(
            'robot_dead', ERROR, name, f'{name} is dead to the swarm; it held {held} jobs'
        )
    )
    drop_waiters_of(name, member.incarnation + 1, state, done)
    end_services_of(name, member.incarnation + 1, state, done, f'{name} is dead')


@rule(LeaveSwarm)
def _leave_swarm(command: LeaveSwarm, state: ReplicatedState, done: Applied) -> None:
    member = state.members.get(command.robot_id)
    if member is None or member.incarnation != command.incarnation:
        done.refused = f'{command.robot_id} is not known in incarnation {command.incarnation}'
        return
    if member.phase is Liveness.LEFT:
        done.duplicate = True
        return
    member.phase = Liveness.LEFT
    member.changed_index = state.applied_index
    done.members = True
    _leave(member, state, done)


def _leave(member: Member, state: ReplicatedState, done: Applied) -> None:
    name = member.robot_id
    done.notable.append(Notable('robot_left', INFO, name, f'{name} left in good order'))
    end_life(name, member.incarnation + 1, state, done, f'{name} left')


def end_life(
    robot_id: RobotId, incarnation_below: int, state: ReplicatedState, done: Applied, why: str
) -> None:
    """Lives of the robot before `incarnation_below` are over, and with them what only they could
    use."""
    lose_jobs_of(robot_id, incarnation_below, state, done, why)
    drop_waiters_of(robot_id, incarnation_below, state, done)
    end_services_of(robot_id, incarnation_below, state, done, why)


@rule(ChangeMember)
def _wish(command: ChangeMember, state: ReplicatedState, done: Applied) -> None:
    try:
        robot = RobotId(checked_name(command.robot_id, 'robot_id'))
    except ValueError as error:
        done.refused = str(error)
        return
    if robot not in state.wishes and len(state.wishes) >= WISHES_MAX:
        done.refused = f'operators have decided about {WISHES_MAX} robots already'
        return
    state.wishes[robot] = command.change
    done.members = True
    text = f'an operator wants {robot} to {command.change.value}'
    done.notable.append(Notable('member_wished', INFO, robot, text))


@rule(HandOver)
def _hand_over(command: HandOver, state: ReplicatedState, done: Applied) -> None:
    """Nothing of the state changes: the leader acts on it."""
    to = command.to or 'the fittest'
    done.notable.append(
        Notable('leadership_asked', INFO, command.to or '', f'leadership is to go to {to}')
    )
