# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Services of a robot for leases, the registry, events, members and emergencies.

As services.py: checks requests, turns them into commands, answers when the log has them. Any robot
answers; what needs the leader is forwarded.
"""

import time
import uuid
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from swarm_msgs import msg, srv

from swarm_coordinator.config import CoordinatorConfig
from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.emergency import Raised
from swarm_coordinator.core.events import Answer
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.leases.lease import ClaimPhase, Lease
from swarm_coordinator.core.membership_goals import is_reached
from swarm_coordinator.core.raft import VOTERS_MAX
from swarm_coordinator.core.registry.services import find
from swarm_coordinator.core.registry.where import MalformedWhere
from swarm_coordinator.core.replicated.command import (
    AcquireLease,
    CancelWait,
    ChangeMember,
    ClearEmergency,
    HandOver,
    MemberChange,
    RecordEvent,
    RegisterService,
    ReleaseLease,
    RenewLease,
    UnregisterService,
)
from swarm_coordinator.core.replicated.event_log import Notable, replay
from swarm_coordinator.core.replicated.event_rules import refused_event
from swarm_coordinator.ros import conversions
from swarm_coordinator.ros.clients import Clients
from swarm_coordinator.ros.deferred import Promise, Watchers, serve, steady_timer
from swarm_coordinator.ros.engine import Handover
from swarm_coordinator.ros.requests import EXPIRY_MS_DEFAULT, answer_code
from swarm_coordinator.ros.views import Views

MS = 1_000_000
# A wait whose time is over is ended by the leader's entry; this is for when there is none.
WAIT_GRACE_MS = 3_000
MEMBERS = '#members'  # no name of a resource
_GONE = Answer(0)


def lease_over(answer: Answer, now: msg.Lease) -> str:
    """Why the lease that `answer` gives is over already; '' = it is the one that is held `now`. An
    answer that comes late must not hand out the lease of whoever came next."""
    given = answer.lease
    if given is None or given.token == now.token:
        return ''
    return f'the lease under token {given.token} is over'


class CoordinationServices:
    """Made once per coordinator node. Callbacks are coroutines in the node's executor."""

    def __init__(
        self,
        node: Node,
        config: CoordinatorConfig,
        clients: Clients,
        views: Views,
        handover: Handover,
        group: CallbackGroup,
    ) -> None:
        self._node = node
        self._robot_id = RobotId(config.robot_id)
        self._clients = clients
        self._views = views
        self._watchers = Watchers(handover.put)  # of resources, and of MEMBERS
        for kind, name, callback in (
            (srv.AcquireLease, 'acquire_lease', self._acquire),
            (srv.RenewLease, 'renew_lease', self._renew),
            (srv.ReleaseLease, 'release_lease', self._release),
            (srv.ListLeases, 'list_leases', self._list_leases),
            (srv.RegisterService, 'register_service', self._register),
            (srv.UnregisterService, 'unregister_service', self._unregister),
            (srv.FindService, 'find_service', self._find),
            (srv.PublishEvent, 'publish_event', self._publish),
            (srv.ReplayEvents, 'replay_events', self._replay),
            (srv.ChangeMember, 'change_member', self._change_member),
            (srv.TransferLeadership, 'transfer_leadership', self._transfer),
            (srv.RaiseEmergency, 'raise_emergency', self._raise_emergency),
            (srv.ClearEmergency, 'clear_emergency', self._clear_emergency),
        ):
            serve(node, kind, name, callback, group)

    def leases_changed(self, resources: list[str]) -> None:
        """From the coordinator's thread: wake whoever waits for one of these."""
        self._watchers.changed(resources)

    def members_changed(self) -> None:
        """The same, for whoever waits for members or the leader."""
        self._watchers.changed([MEMBERS])

    # ---- leases

    async def _acquire(self, request: Any, response: Any) -> Any:
        key = request.idempotency_key or uuid.uuid4().hex
        incarnation = await self._clients.look(lambda core: core.identity.incarnation)
        command = AcquireLease(
            resource=request.resource,
            holder=request.holder or self._robot_id,
            robot_id=self._robot_id,
            incarnation=incarnation,
            ttl_ms=request.ttl_ms,
            wait_ms=request.wait_ms,
            key=key,
        )
        expiry_ms = EXPIRY_MS_DEFAULT + request.wait_ms
        answer = await self._clients.request(command, expiry_ms)
        while answer.lease is not None and answer.lease.phase is ClaimPhase.WAITING:
            # Asked for before the claim is looked at: a grant in between is not missed.
            changed = self._watchers.next_change(request.resource)
            answer = await self._clients.look(lambda core: _claim(core, command)) or _GONE
            if answer.lease is None or answer.lease.phase is not ClaimPhase.WAITING:
                break
            if not await self._news(changed, answer.lease.remaining_ms + WAIT_GRACE_MS):
                cancel = CancelWait(command.resource, command.holder, self._robot_id, key)
                await self._clients.request(cancel, EXPIRY_MS_DEFAULT)
        if answer is _GONE:
            answer = Answer(
                0, refused=f'{request.resource} was not free within {request.wait_ms} ms'
            )
        return await self._lease_answer(answer, response, response.GRANTED, request.resource)

    async def _news(self, changed: Promise, wait_ms: int) -> bool:
        """False: nothing happened in that time."""
        timer = steady_timer(self._node, max(wait_ms, 1) / 1000, lambda: _give_up(changed))
        try:
            return not isinstance(await changed, TimeoutError)
        finally:
            self._node.destroy_timer(timer)

    async def _renew(self, request: Any, response: Any) -> Any:
        command = RenewLease(request.resource, request.token, request.ttl_ms)
        answer = await self._clients.request(command, request.expiry_ms)
        return await self._lease_answer(answer, response, response.RENEWED, request.resource)

    async def _lease_answer(
        self, answer: Answer, response: Any, good: int, resource: str
    ) -> Any:
        response.code, response.reason = answer_code(answer, response, good)
        if not answer.unavailable:
            lease = await self._clients.look(lambda core: _lease(core, resource))
            response.lease = lease or msg.Lease(resource=resource)
            if response.code == good and (over := lease_over(answer, response.lease)):
                response.code, response.reason = response.REFUSED, over
        return response

    async def _release(self, request: Any, response: Any) -> Any:
        command = ReleaseLease(request.resource, request.token)
        answer = await self._clients.request(command, request.expiry_ms)
        response.code, response.reason = answer_code(answer, response, response.RELEASED)
        return response

    async def _list_leases(self, request: Any, response: Any) -> Any:
        def collect(core: Coordinator) -> tuple[int, list[msg.Lease]]:
            held = core.state.leases.held
            names = [request.resource] if request.resource else list(held)
            found = [conversions.lease_to_msg(held[name]) for name in names if name in held]
            return core.state.applied_index, found

        answer = await self._read(request.linearizable)
        response.code, response.reason = answer_code(answer, response)
        if not answer.unavailable:
            response.log_index, response.leases = await self._clients.look(collect)
        return response

    async def _read(self, linearizable: bool) -> Answer:
        """Wait until what is read here misses nothing that was confirmed before the question."""
        if not linearizable:
            return Answer(0)
        return await self._clients.read(EXPIRY_MS_DEFAULT)

    # ---- registry

    async def _register(self, request: Any, response: Any) -> Any:
        entry = request.service
        if entry.robot_id not in ('', self._robot_id):
            return _refused(
                response,
                f'robot_id={entry.robot_id!r}: {self._robot_id} registers its own services only; '
                f'ask {entry.robot_id}',
            )
        incarnation = await self._clients.look(lambda core: core.identity.incarnation)
        command = RegisterService(
            name=entry.name,
            interface_type=entry.interface_type,
            address=entry.address,
            robot_id=self._robot_id,
            incarnation=incarnation,
            metadata=_pairs(entry.metadata),
            ttl_ms=request.ttl_ms,
        )
        answer = await self._clients.request(command, request.expiry_ms)
        response.code, response.reason = answer_code(answer, response)
        return response

    async def _unregister(self, request: Any, response: Any) -> Any:
        robot = RobotId(request.robot_id) if request.robot_id else self._robot_id
        answer = await self._clients.request(
            UnregisterService(request.name, robot), request.expiry_ms
        )
        response.code, response.reason = answer_code(answer, response)
        return response

    async def _find(self, request: Any, response: Any) -> Any:
        def collect(core: Coordinator) -> tuple[int, list[msg.ServiceEntry]]:
            found = find(
                core.state,
                name=request.name,
                robot_id=request.robot_id,
                capabilities=tuple(request.capabilities),
                where=request.where,
                metadata=_pairs(request.metadata),
            )
            return core.state.applied_index, [conversions.service_to_msg(one) for one in found]

        answer = await self._read(request.linearizable)
        response.code, response.reason = answer_code(answer, response)
        if answer.unavailable:
            return response
        try:
            response.log_index, response.services = await self._clients.look(collect)
        except MalformedWhere as error:
            return _refused(response, f'where: {error}')
        return response

    # ---- events

    async def _publish(self, request: Any, response: Any) -> Any:
        if request.severity not in conversions.SEVERITY_FROM_MSG:
            return _refused(response, f'severity={request.severity}: expected SEVERITY_* (0 to 2)')
        command = RecordEvent(
            kind=request.kind,
            severity=conversions.SEVERITY_FROM_MSG[request.severity],
            subject=request.subject,
            text=request.text,
            cause=request.cause,
            attributes=_pairs(request.attributes),
            key=request.idempotency_key,
        )
        if request.durable:
            answer = await self._clients.request(command, request.expiry_ms)
            response.code, response.reason = answer_code(answer, response)
            response.log_index = answer.index
            return response
        # What the log would refuse is refused here too: nobody speaks in the log's name.
        if refusal := refused_event(command):
            return _refused(response, refusal)
        notable = Notable(
            command.kind, command.severity, command.subject, command.text, command.cause,
            command.attributes,
        )
        await self._clients.look(
            lambda core: self._views.event(notable, index=0, stamp_ns=time.time_ns())
        )
        return response

    async def _replay(self, request: Any, response: Any) -> Any:
        severity = conversions.SEVERITY_FROM_MSG.get(request.severity_min, 'error')

        def collect(core: Coordinator) -> Any:
            return replay(
                core.state,
                from_index=request.from_index,
                kinds=tuple(request.kinds),
                subjects=tuple(request.subjects),
                severity_min=severity,
                limit=request.limit,
            )

        page = await self._clients.look(collect)
        response.first_index, response.next_index = page.first_index, page.next_index
        response.events = [conversions.event_to_msg(one) for one in page.events]
        return response

    # ---- members and leadership

    async def _change_member(self, request: Any, response: Any) -> Any:
        change = conversions.MEMBER_CHANGE_FROM_MSG.get(request.change)
        if change is None:
            return _refused(response, f'change={request.change}: expected CHANGE_* (0 to 3)')
        robot = RobotId(request.robot_id)
        why = await self._clients.look(lambda core: _hopeless(core, change, robot))
        if why:
            return _refused(response, why)
        expiry_ms = request.expiry_ms or EXPIRY_MS_DEFAULT
        answer = await self._clients.request(ChangeMember(robot, change), expiry_ms)
        response.code, response.reason = answer_code(answer, response)
        if response.code != response.ACCEPTED:
            return response
        reached = await self._until(
            lambda core: is_reached(change, robot, core.membership), expiry_ms
        )
        response.log_index = answer.index
        if not reached:
            response.code = response.UNAVAILABLE
            response.reason = (
                f'the swarm works on it ({robot} is to {change.value}); it has not come to it '
                f'within {expiry_ms} ms'
            )
        return response

    async def _transfer(self, request: Any, response: Any) -> Any:
        to = RobotId(request.to) if request.to else None
        leader, voters = await self._clients.look(
            lambda core: (core.raft.leader, core.membership.voter_ids)
        )
        if to is not None and to not in voters:
            return _refused(response, f'to={to!r}: expected a voter: {", ".join(voters)}')
        expiry_ms = request.expiry_ms or EXPIRY_MS_DEFAULT
        answer = await self._clients.request(HandOver(to), expiry_ms)
        response.code, response.reason = answer_code(answer, response)
        if response.code != response.ACCEPTED:
            return response
        changed = await self._until(lambda core: _leads_now(core, to, leader), expiry_ms)
        response.leader = await self._clients.look(lambda core: core.raft.leader or '')
        if not changed:
            response.code = response.UNAVAILABLE
            response.reason = f'{response.leader or "nobody"} still leads after {expiry_ms} ms'
        return response

    async def _until(self, holds: Callable[[Coordinator], bool], timeout_ms: int) -> bool:
        """Wait until it holds by what this robot has applied; asked again at each change."""
        end_s = time.monotonic() + timeout_ms / 1000
        while True:
            changed = self._watchers.next_change(MEMBERS)
            if await self._clients.look(holds):
                return True
            left_ms = round((end_s - time.monotonic()) * 1000)
            if left_ms <= 0 or not await self._news(changed, left_ms):
                return bool(await self._clients.look(holds))

    # ---- emergency

    async def _raise_emergency(self, request: Any, response: Any) -> Any:
        by = request.raised_by or str(self._robot_id)
        self._clients.post(Raised(by, request.reason))
        response.epoch = await self._clients.look(lambda core: core.emergency.register.epoch)
        return response

    async def _clear_emergency(self, request: Any, response: Any) -> Any:
        why, raised_by = await self._clients.look(
            lambda core: (
                core.emergency.clear_refusal(request.epoch), core.emergency.register.raised_by
            )
        )
        if why:
            return _refused(response, why)
        owner = request.owner or 'operator'
        command = ClearEmergency(request.epoch, owner, request.reason, raised_by)
        answer = await self._clients.request(command, request.expiry_ms)
        response.code, response.reason = answer_code(answer, response)
        return response


def _give_up(promise: Promise) -> None:
    if not promise.done():
        promise.set_result(TimeoutError())


def _refused(response: Any, reason: str) -> Any:
    response.code, response.reason = type(response).REFUSED, reason
    return response


def _claim(core: Coordinator, command: AcquireLease) -> Answer | None:
    """Where a claim stands by this robot's copy of the log; None: it has ended."""
    lease = core.state.leases.claim_of(
        command.resource,
        command.robot_id,
        command.incarnation,
        command.holder,
        command.key,
        core.state.stamp_ns,
    )
    return None if lease is None else Answer(0, index=core.state.applied_index, lease=lease)


def _lease(core: Coordinator, resource: str) -> msg.Lease | None:
    lease: Lease | None = core.state.leases.held.get(resource)
    return None if lease is None else conversions.lease_to_msg(lease)


def _hopeless(core: Coordinator, change: MemberChange, robot: RobotId) -> str:
    """Why a change can never be; '' if it can, now or later."""
    voters = core.membership.voter_ids
    if change in (MemberChange.DEMOTE, MemberChange.REMOVE) and voters == (robot,):
        return f'{robot} is the only voter'
    if change is MemberChange.PROMOTE and robot not in voters and len(voters) >= VOTERS_MAX:
        return f'{len(voters)} voters: at most {VOTERS_MAX} are allowed'
    known = robot in core.state.members or core.membership.storage_of(robot) is not None
    return '' if known else f'robot_id={robot!r} is not known: expected one that has registered'


def _leads_now(core: Coordinator, to: RobotId | None, before: RobotId | None) -> bool:
    leader = core.raft.leader
    return leader is not None and (leader != before if to is None else leader == to)


def _pairs(pairs: Any) -> tuple[tuple[str, str], ...]:
    return tuple((pair.key, pair.value) for pair in pairs)
