# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How a node of a robot offers a service: to whom it may concern only, and with sign_encrypt so
that nobody else can read what is asked and answered.

Owns where that happens: in the making of services, for every type whose request begins with a
credential. Where a robot encrypts, such a service is offered as AskConcealed on a name beside,
instead of its own; only the stop stays readable, for whoever has no keys. Who may ask is for
request_guard.py, keys are for security/request_cipher.py.
"""

from __future__ import annotations

import functools
import inspect
import time
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from swarm_msgs import srv

from swarm_coordinator.core.identity.concealed import SUFFIX
from swarm_coordinator.core.identity.concealed_request import (
    REASON_CHARS_MAX,
    Asked,
    ConcealedReason,
    Introduction,
    NotOpened,
)
from swarm_coordinator.core.identity.policy import STOP
from swarm_coordinator.core.identity.sealed import to_decode
from swarm_coordinator.ros.request_guard import RequestGuard, has_credential, request_guard_of

if TYPE_CHECKING:  # it loads what only that level needs
    from swarm_coordinator.security.request_cipher import Answering, Opened

Callback = Callable[..., Any]
Response = srv.AskConcealed.Response


def is_concealed(kind: Any) -> bool:
    """Whether a robot that encrypts offers services of this type encrypted only."""
    return has_credential(kind.Request) and kind.__name__ != STOP


def offered(node: Node, kind: Any, name: str, callback: Callback) -> tuple[Any, str, Callback]:
    """Type, name and callback of a service as this node is to offer it; themselves where security
    is off, or for what was offered so before."""
    requests = request_guard_of(node)
    if requests is None or getattr(callback, 'is_checked', False):
        return kind, name, callback
    if requests.answering is None or not is_concealed(kind):
        return kind, name, requests.checked(node, kind, name, callback)
    service = node.resolve_service_name(name)
    opening = _Opening(node, service, kind, callback, requests, requests.answering)
    return srv.AskConcealed, service + SUFFIX, opening.callback()


def introduce(response: Any, introduction: Introduction) -> None:
    """Write it into an answer that has nothing else."""
    response.code, response.life = Response.INTRODUCED, introduction.life
    response.exchange_key = array('B', introduction.exchange_key)
    response.certificate = array('B', introduction.certificate)
    response.signature = array('B', introduction.signature)


class _Opening:
    """Opens requests of one service and closes its answers."""

    def __init__(
        self, node: Node, service: str, kind: Any, callback: Callback, requests: RequestGuard,
        answering: Answering,
    ) -> None:
        self._node, self._service, self._kind = node, service, kind
        self._callback, self._requests, self._answering = callback, requests, answering

    def callback(self) -> Callback:
        if inspect.iscoroutinefunction(self._callback):

            @functools.wraps(self._callback)
            async def later(outer: Any, response: Any) -> Any:
                found = self._open(outer, response)
                if found is None:
                    return response
                opened, request, inner, refused = found
                if not refused:
                    inner = await self._callback(request, inner)
                return self._close(opened, inner, response)

            return later

        def at_once(outer: Any, response: Any) -> Any:
            found = self._open(outer, response)
            if found is None:
                return response
            opened, request, inner, refused = found
            if not refused:
                inner = self._callback(request, inner)
            return self._close(opened, inner, response)

        return at_once

    def _open(self, outer: Any, response: Any) -> tuple[Opened, Any, Any, bool] | None:
        """The request, a response, and whether that is a refusal already; None where it is not
        opened, and `response` says why."""
        asked = Asked(outer.life, bytes(outer.exchange_key), outer.number, bytes(outer.body))
        try:
            opened = self._answering.opened(self._service, asked, time.monotonic_ns())
            if opened is None:
                self._introduced(response, Response.INTRODUCED, '')
                return None
            request = self._decoded(opened)
        except NotOpened as error:
            self._node.get_logger().warning(
                f'{self._service}: {error.reason.value}: {error}', throttle_duration_sec=10.0
            )
            self._introduced(response, Response.REFUSED, str(error))
            return None
        inner = self._kind.Response()
        refused = self._requests.refuses(self._node, self._service, self._kind, request, inner)
        if not refused and request.credential.caller:
            self._answering.proven(opened)
        return opened, request, inner, refused

    def _decoded(self, opened: Opened) -> Any:
        try:
            return deserialize_message(to_decode(opened.request), self._kind.Request)
        except Exception as error:  # what rclpy raises depends on the middleware
            why = NotOpened(ConcealedReason.MALFORMED, f'no {self._kind.__name__}: {error}')
            self._answering.refused(self._service, why)
            raise why from None

    def _introduced(self, response: Any, code: int, reason: str) -> None:
        introduce(response, self._answering.introduction)
        response.code, response.reason = code, reason[:REASON_CHARS_MAX]

    def _close(self, opened: Opened, inner: Any, response: Any) -> Any:
        text = bytes(serialize_message(inner))
        answered = self._answering.sealed(self._service, opened, text)
        response.code, response.number = Response.ANSWERED, answered.number
        response.body = array('B', answered.body)
        return response
