# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Services about one device: explain it, claim it, release it, allow it to be asked.

A claim is a lease of the swarm where a coordinator runs here, and one of this robot alone where
none does. Everything runs on the executor's thread; waiting is done by awaiting.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from swarm_msgs.srv import (
    AcquireLease,
    AllowProbe,
    ClaimDevice,
    ExplainDevice,
    ReleaseDevice,
    ReleaseLease,
    RenewLease,
)

from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.catalogue.suggest import Spoken, suggest
from hw_discovery.core.claim import consequence, lease_name, refusal
from hw_discovery.core.device import HardwareDevice
from hw_discovery.core.explanation import (
    find,
    launch_fragment,
    lines_of,
    needs_stanza,
    obstacles,
)
from hw_discovery.core.hardware import ClaimEnded, ClaimTaken, ConsentGiven, Event, TellPlaces
from hw_discovery.core.inventory import Snapshot
from hw_discovery.core.places import PlaceSeen, names_of
from hw_discovery.core.probed import below
from hw_discovery.core.probing.consent import Grant, OperationClass, place_key
from hw_discovery.ros import conversions

ANSWER_S = 6.0               # of the swarm: an election takes seconds
EXPIRY_MS_MAX = 86_400_000   # a consent is for work at hand, a day at most
TEXT_CHARACTERS_MAX = 512
_STEADY = Clock(clock_type=ClockType.STEADY_TIME)
_NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class _Held:
    claimant: str
    token: int


class DeviceServices:
    """`now`: what is believed and where it is; `post` takes events for the core."""

    def __init__(
        self, node: Node, robot_id: str, catalogue: Catalogue, post: Callable[[Event], None],
        now: Callable[[], tuple[Snapshot, TellPlaces]], group: CallbackGroup,
    ) -> None:
        self._node, self._robot_id, self._catalogue = node, robot_id, catalogue
        self._post, self._now, self._group = post, now, group
        self._held: dict[str, _Held] = {}
        self._asked = 0
        self._clients = {name: node.create_client(kind, name, callback_group=group)
                         for kind, name in ((AcquireLease, 'acquire_lease'),
                                            (RenewLease, 'renew_lease'),
                                            (ReleaseLease, 'release_lease'))}
        self._services = [node.create_service(kind, name, callback, callback_group=group)
                          for kind, name, callback in (
            (ExplainDevice, 'explain_device', self._on_explain),
            (ClaimDevice, 'claim_device', self._on_claim),
            (ReleaseDevice, 'release_device', self._on_release),
            (AllowProbe, 'allow_probe', self._on_allow))]

    # ---- explain

    def _on_explain(
        self, request: ExplainDevice.Request, response: ExplainDevice.Response,
    ) -> ExplainDevice.Response:
        snapshot, told = self._now()
        device = find(snapshot.devices, request.device[:TEXT_CHARACTERS_MAX])
        if isinstance(device, str):
            response.code, response.reason = response.REFUSED, device
            return response
        asked_of = {device.device_id, device.parent_id}
        verdicts = tuple(
            one for key in sorted(asked_of) for one in told.verdicts.get(key, ())
            if device.device_id == key or _concerns(one.place, device))
        places = tuple(one for one in told.seen if one.device_id == device.device_id)
        response.code = response.FOUND
        response.device = conversions.device_to_msg(device)
        response.lines = list(lines_of(device, verdicts, places))
        entry = self._catalogue.by_id(device.catalogue_id)
        if entry is not None:
            response.launch_fragment = launch_fragment(
                entry, device, told.places.get(device.device_id),
                told.bauds.get(device.device_id, 0), device.frame_id or device.kind)
        elif needs_stanza(device):
            spoken = next((Spoken(one.baud) for one in verdicts if one.baud), None)
            response.catalogue_stanza = suggest(device, spoken)
        response.notices = [*snapshot.notices, *obstacles(verdicts)]
        return response

    # ---- claims

    async def _on_claim(
        self, request: ClaimDevice.Request, response: ClaimDevice.Response,
    ) -> ClaimDevice.Response:
        device = find(self._now()[0].devices, request.device[:TEXT_CHARACTERS_MAX])
        why = device if isinstance(device, str) else refusal(
            device, request.claimant, request.generation, request.ttl_ms)
        if isinstance(device, str) or why:
            response.code, response.reason = response.REFUSED, why
            return response
        code, why, token = await self._leased(device, request.claimant, request.ttl_ms)
        response.code, response.reason, response.token = code, why, token
        if code != response.GRANTED:
            return response
        again = find(self._now()[0].devices, device.device_id)
        why = again if isinstance(again, str) else refusal(
            again, request.claimant, device.generation, request.ttl_ms)
        if why:                      # it was unplugged while the swarm was asked
            await self._unleased(device.device_id, token)
            response.code, response.reason = response.REFUSED, why
            return response
        self._held[device.device_id] = _Held(request.claimant, token)
        self._post(ClaimTaken(device.device_id, device.generation, request.claimant,
                              time.monotonic_ns() + request.ttl_ms * _NS_PER_MS))
        response.reason = consequence(again) if not isinstance(again, str) else ''
        response.device_id, response.generation = device.device_id, device.generation
        response.ttl_ms = request.ttl_ms
        return response

    async def _leased(
        self, device: HardwareDevice, claimant: str, ttl_ms: int,
    ) -> tuple[int, str, int]:
        """Return code, reason and token; a token of 0 where no swarm can be asked."""
        kinds = ClaimDevice.Response
        if not self._clients['acquire_lease'].service_is_ready():
            return kinds.GRANTED, '', 0
        resource = lease_name(self._robot_id, device.device_id)
        held = self._held.get(device.device_id)
        if held is not None and held.claimant == claimant and held.token:
            renewed = await self._call('renew_lease', RenewLease.Request(
                resource=resource, token=held.token, ttl_ms=ttl_ms))
            if renewed is not None and renewed.code == renewed.RENEWED:
                return kinds.GRANTED, '', held.token
        self._asked += 1
        answer = await self._call('acquire_lease', AcquireLease.Request(
            resource=resource, holder=claimant, ttl_ms=ttl_ms,
            idempotency_key=f'{os.getpid()}-{time.time_ns()}-{self._asked}'))
        if answer is None:
            return kinds.UNAVAILABLE, 'the coordinator of this robot did not answer', 0
        codes = {answer.GRANTED: kinds.GRANTED, answer.REFUSED: kinds.REFUSED}
        return codes.get(answer.code, kinds.UNAVAILABLE), answer.reason, answer.lease.token

    async def _on_release(
        self, request: ReleaseDevice.Request, response: ReleaseDevice.Response,
    ) -> ReleaseDevice.Response:
        device = find(self._now()[0].devices, request.device[:TEXT_CHARACTERS_MAX])
        if isinstance(device, str):
            response.code, response.reason = response.REFUSED, device
            return response
        if device.claimed_by != request.claimant:
            response.code = response.REFUSED
            response.reason = (f'{device.device_id} is held by '
                               f'{device.claimed_by or "nobody"}, not {request.claimant}')
            return response
        held = self._held.pop(device.device_id, None)
        if held is not None and held.token:
            await self._unleased(device.device_id, held.token)
        self._post(ClaimEnded(device.device_id, request.claimant))
        response.code = response.RELEASED
        return response

    async def _unleased(self, device_id: str, token: int) -> None:
        """Give the lease back; where nobody answers it ends by itself."""
        if token:
            await self._call('release_lease', ReleaseLease.Request(
                resource=lease_name(self._robot_id, device_id), token=token))

    async def _call(self, name: str, request: Any) -> Any:
        """Return the answer, or None if none came in time."""
        client = self._clients[name]
        if not client.service_is_ready():
            return None
        if hasattr(request, 'expiry_ms'):
            request.expiry_ms = round(ANSWER_S * 1000)
        future: Future[Any] = Future(executor=self._node.executor)

        def done(answer: Any) -> None:
            if not future.done():
                future.set_result(answer)

        asked = client.call_async(request)
        asked.add_done_callback(lambda one: done(one.result()))
        timer = self._node.create_timer(
            ANSWER_S, lambda: done(None), callback_group=self._group, clock=_STEADY)
        try:
            return await future
        finally:
            self._node.destroy_timer(timer)

    # ---- consent

    def _on_allow(
        self, request: AllowProbe.Request, response: AllowProbe.Response,
    ) -> AllowProbe.Response:
        try:
            seen = self._place(request.place[:TEXT_CHARACTERS_MAX])
            operation = _operation(request.operation)
            self._check(request, seen)
        except ValueError as error:
            response.code, response.reason = response.REFUSED, str(error)
            return response
        until_ns = time.monotonic_ns() + request.expiry_ms * _NS_PER_MS
        grant = Grant(place_key(seen.place), request.entry_id, operation, until_ns)
        self._node.get_logger().warning(
            f'{request.owner} allows {operation.value} for {request.entry_id} at {grant.place} '
            f'for {request.expiry_ms / 1000:g} s: {request.reason[:200]}')
        self._post(ConsentGiven(grant))
        response.code, response.place = response.ACCEPTED, grant.place
        return response

    def _place(self, text: str) -> PlaceSeen:
        places = self._now()[1].seen
        fits = [one for one in places if text and text in (*names_of(one.place), one.device_id)]
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise ValueError(f'{text!r} has {len(fits)} places; name one, e.g. '
                             f'{names_of(fits[0].place)[-1]}')
        known = ', '.join(names_of(one.place)[1] for one in places[:6]) or 'none'
        raise ValueError(f'no place is called {text!r}; known are: {known}')

    def _check(self, request: AllowProbe.Request, seen: PlaceSeen) -> None:
        if seen.refusal:
            raise ValueError(f'{place_key(seen.place)} is not asked at all: {seen.refusal}')
        if self._catalogue.by_id(request.entry_id) is None:
            raise ValueError(f'entry_id: the catalogue has no {request.entry_id[:80]!r}')
        if request.expiry_ms > EXPIRY_MS_MAX:
            raise ValueError(f'expiry_ms: expected at most {EXPIRY_MS_MAX} (a day)')
        if not request.reason.strip() or not request.owner.strip():
            raise ValueError('expected an owner and a reason: who is sure, and why')


def _operation(text: str) -> OperationClass:
    try:
        return OperationClass(text)
    except ValueError:
        known = ', '.join(one.value for one in OperationClass)
        raise ValueError(f'operation: expected one of {known}; given: {text[:80]!r}') from None


def _concerns(place: Any, device: HardwareDevice) -> bool:
    return bool(device.sysfs_path == f'{place.path}/{below(place)}')
