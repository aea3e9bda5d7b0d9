# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Requests of services are signed where they are asked and checked before they are carried out.

Owns where that happens: in the making of clients and services, for every type whose request
begins with a credential, so that no part of a robot and no command can forget it. What to believe
and who may is for core/identity.
"""

from __future__ import annotations

import functools
import inspect
import secrets
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from rclpy.node import Node

from swarm_coordinator.core.identity.certificate import Certificate
from swarm_coordinator.core.identity.concealed_request import robot_of
from swarm_coordinator.core.identity.policy import ANONYMOUS, Caller, Policy, needed
from swarm_coordinator.core.identity.refusal import Refusal
from swarm_coordinator.core.identity.request_bytes import to_sign
from swarm_coordinator.core.identity.request_door import Denied, RequestDoor

if TYPE_CHECKING:  # it loads what only sign_encrypt needs
    from swarm_coordinator.security.request_cipher import Answering, Asking

REFUSED_BY_DEFAULT = 1  # REFUSED of every response but one
REASON_CHARS_MAX = 1000


class Keys(Protocol):
    """What is needed of a keyring."""

    @property
    def encoded(self) -> bytes: ...

    @property
    def certificate(self) -> Certificate: ...

    @property
    def swarm_id(self) -> str: ...

    def refusal_of(self, certificate: Certificate, now_s: float) -> Refusal | None: ...

    def sign(self, data: bytes) -> bytes: ...

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool: ...

    def admit(self, encoded: bytes, now_s: float) -> Certificate: ...


class Signer:
    """Signs requests with the keys that `keys(robot)` finds; None = they go out unsigned.
    `has_keys` tells whether there are any, of whichever swarm. One for a process is enough. Called
    from any thread."""

    def __init__(
        self, keys: Callable[[str], Keys | None], has_keys: Callable[[], bool] = lambda: False
    ) -> None:
        self.keys, self.has_keys = keys, has_keys
        self._lock = threading.Lock()
        self._session = secrets.randbits(63) + 1
        self._sequence = 0

    def sign(self, service: str, kind: str, request: Any) -> None:
        """`service` is its full name: /<robot_id>/..."""
        self.sign_with(self.keys(robot_of(service)), service, kind, request)

    def sign_with(self, keys: Keys | None, service: str, kind: str, request: Any) -> None:
        credential = type(request.credential)()
        request.credential = credential
        if keys is None:
            return
        certificate = keys.certificate
        with self._lock:
            self._sequence += 1
            credential.sequence = self._sequence
        credential.session = self._session
        credential.swarm_id, credential.caller = certificate.swarm_id, certificate.robot_id
        credential.recipient = robot_of(service)
        credential.stamp_ms = time.time_ns() // 1_000_000
        credential.certificate = keys.encoded
        credential.signature = keys.sign(to_sign(service, kind, request))


def signing(client: Any, node: Node, signer: Signer | None) -> Any:
    """A client whose requests are signed, where they begin with a credential."""
    kind = client.srv_type
    if signer is None or not has_credential(kind.Request):
        return client
    service, send = node.resolve_service_name(client.srv_name), client.call_async

    def call_async(request: Any) -> Any:
        signer.sign(service, kind.__name__, request)
        return send(request)

    client.call_async = call_async
    return client


def signing_action(client: Any, node: Node, kind: Any, name: str, signer: Signer | None) -> Any:
    """An action client whose goals are signed, where they begin with a credential."""
    if signer is None or not has_credential(kind.Goal):
        return client
    action, send = node.resolve_service_name(name), client.send_goal_async

    def send_goal_async(goal: Any, *given: Any, **options: Any) -> Any:
        signer.sign(action, kind.__name__, goal)
        return send(goal, *given, **options)

    client.send_goal_async = send_goal_async
    return client


class RequestGuard:
    """One for a robot process. Used by the executor's thread only, but for signing. Where the
    robot encrypts, `answering` opens requests of others, and `asking` closes its own."""

    def __init__(self, swarm_id: str, robot_id: str, keys: Keys, policy: Policy) -> None:
        self._door = RequestDoor(
            swarm_id, robot_id, policy, keys.admit, keys.verify, time.monotonic_ns()
        )
        self.signer = Signer(lambda robot: keys)
        self.operator: Signer | None = None  # of this machine, for the page of a tower
        self.answering: Answering | None = None
        self.asking: Asking | None = None

    @property
    def policy(self) -> Policy:
        return self._door.policy

    def counts(self) -> dict[str, int]:
        """Refused requests by reason, those that occurred only. Called from any thread."""
        found = {reason.value: count for reason, count in dict.copy(self._door.counts).items()}
        if self.answering is not None:
            opening = dict.copy(self.answering.counts)
            found |= {reason.value: count for reason, count in opening.items()}
        return found

    def last(self) -> str:
        return self._door.last or (self.answering.last if self.answering is not None else '')

    def caller_of(self, request: Any) -> Caller:
        """Of a request that was let in."""
        return self._door.caller_of(request.credential, time.time())

    def role_refusal(self, role: str, kind: str, request: Any) -> str:
        """Why somebody of this role, whoever it is, may not ask that; '' if it may."""
        caller = Caller('', frozenset() if role == ANONYMOUS else frozenset((role,)))
        return self.policy.refusal(kind, caller, needed(kind, request))

    def denied(self, service: str, kind: str, request: Any) -> Denied | None:
        """`service` is its full name."""
        found = self._door.check(service, kind, request, time.monotonic_ns(), time.time())
        return found if isinstance(found, Denied) else None

    def refuses(self, node: Node, service: str, kind: Any, request: Any, response: Any) -> bool:
        """Whether a request is not let in; `response` then says why."""
        denied = self.denied(service, kind.__name__, request)
        if denied is None:
            return False
        node.get_logger().warning(
            f'{service}: request of {request.credential.caller[:64] or "somebody"!r} refused, '
            f'{denied.reason.value}: {denied.text}', throttle_duration_sec=10.0,
        )
        refuse(response, denied.text)
        return True

    def checked(
        self, node: Node, kind: Any, name: str, callback: Callable[..., Any]
    ) -> Callable[..., Any]:
        """`callback` of a service, called only for requests that are let in."""
        if not has_credential(kind.Request) or getattr(callback, 'is_checked', False):
            return callback
        service = node.resolve_service_name(name)
        refused = functools.partial(self.refuses, node, service, kind)

        if inspect.iscoroutinefunction(callback):

            @functools.wraps(callback)
            async def later(request: Any, response: Any) -> Any:
                return response if refused(request, response) else await callback(
                    request, response
                )

            later.is_checked = True  # type: ignore[attr-defined]
            return later

        def at_once(request: Any, response: Any) -> Any:
            return response if refused(request, response) else callback(request, response)

        at_once.is_checked = True  # type: ignore[attr-defined]
        return at_once


def refuse(response: Any, reason: str) -> None:
    """Every response of a service with a credential has a code and a reason."""
    response.code = getattr(response, 'REFUSED', REFUSED_BY_DEFAULT)
    response.reason = reason[:REASON_CHARS_MAX]
    if hasattr(response, 'ended'):
        response.ended = True


def has_credential(kind: Any) -> bool:
    """Whether a request or goal begins with one."""
    fields = kind.get_fields_and_field_types()
    return next(iter(fields.values()), '') == 'swarm_msgs/Credential'


def request_guard_of(node: Node) -> RequestGuard | None:
    """None where security is off."""
    guard = getattr(node, 'guard', None)
    return getattr(guard, 'requests', None)


