# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What commands about the registry of services do."""

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.registry.services import (
    SERVICES_MAX,
    SERVICES_PER_ROBOT_MAX,
    Service,
    pack,
    refused_service,
)
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import RegisterService, UnregisterService
from swarm_coordinator.core.replicated.event_log import INFO, WARN, Notable
from swarm_coordinator.core.replicated.rules import after, rule
from swarm_coordinator.core.replicated.state import ReplicatedState


@rule(RegisterService)
def _register(command: RegisterService, state: ReplicatedState, done: Applied) -> None:
    done.refused = _refused(command, state)
    if done.refused:
        return
    member = state.members[command.robot_id]
    service = Service(
        command.name,
        command.interface_type,
        command.address,
        member.robot_id,  # the one string of it, not ten thousand
        command.incarnation,
        state.applied_index,
        after(state.stamp_ns, command.ttl_ms) if command.ttl_ms else 0,
        command.ttl_ms,
        pack(command.metadata),
    )
    known = command.name in state.services.of(command.robot_id)
    if not state.services.put(service):
        return
    done.services = True
    done.notable.append(
        Notable(
            'service_registered',
            INFO,
            command.name,
            f'{command.robot_id} {"changed" if known else "offers"} {command.name}',
            attributes=(('robot_id', command.robot_id),),
        )
    )


def _refused(command: RegisterService, state: ReplicatedState) -> str:
    problem = refused_service(
        command.name,
        command.interface_type,
        command.address,
        command.metadata,
        command.ttl_ms,
    )
    if problem:
        return problem
    if not state.present(command.robot_id, command.incarnation):
        return (
            f'{command.robot_id} is not present in incarnation {command.incarnation}: '
            'it must be registered and heard'
        )
    own = state.services.of(command.robot_id)
    if command.name in own:
        return ''
    if len(own) >= SERVICES_PER_ROBOT_MAX:
        return f'{command.robot_id} offers {SERVICES_PER_ROBOT_MAX} services already'
    if state.services.count >= SERVICES_MAX:
        return f'{SERVICES_MAX} services are registered already'
    return ''


@rule(UnregisterService)
def _unregister(command: UnregisterService, state: ReplicatedState, done: Applied) -> None:
    service = state.services.of(command.robot_id).get(command.name)
    if service is None:
        done.refused = f'{command.robot_id} offers no service {command.name[:80]!r}'
        return
    _end(service, state, done, INFO, 'it was taken back')


def expire_services(state: ReplicatedState, done: Applied) -> None:
    for service in state.services.pop_ended(state.stamp_ns):
        _end(service, state, done, WARN, 'it was not renewed')


def end_services_of(
    robot_id: RobotId, incarnation_below: int, state: ReplicatedState, done: Applied, why: str
) -> None:
    """Lives of the robot before `incarnation_below` are over, and what they offered."""
    for service in list(state.services.of(robot_id).values()):
        if service.incarnation < incarnation_below:
            _end(service, state, done, WARN, why)


def _end(
    service: Service, state: ReplicatedState, done: Applied, severity: str, why: str
) -> None:
    state.services.remove(service)
    done.services = True
    done.notable.append(
        Notable(
            'service_gone',
            severity,
            service.name,
            f'{service.robot_id} does not offer {service.name} any more: {why}',
            attributes=(('robot_id', service.robot_id),),
        )
    )
