# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A client of a service of a robot that encrypts: what it asks only that robot can read, what it
answers is proven.

Owns the way to an answer: to be introduced to the process that offers the service, to ask, and to
ask once more, by itself, where another process has taken its place. What proves nothing is no
answer: it is said in the log, and whoever waits asks again or gives up, as for a lost one. Used
like rclpy's Client. Keys are for security/request_cipher.py.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.task import Future
from swarm_msgs import srv

from swarm_coordinator.core.identity.concealed import SUFFIX
from swarm_coordinator.core.identity.concealed_request import (
    BODY_BYTES_MAX,
    REASON_CHARS_MAX,
    Answered,
    Introduction,
    robot_of,
)
from swarm_coordinator.core.identity.sealed import to_decode
from swarm_coordinator.ros.request_guard import Signer
from swarm_coordinator.security.callers import NoCaller

if TYPE_CHECKING:  # it loads what only that level needs
    from swarm_coordinator.security.request_cipher import Asking, Question

Response = srv.AskConcealed.Response
SENT_MAX = 4  # of one request: who is there, it, and both again after a restart
PENDING_MAX = 1024  # then those asked first are forgotten
# Of diagnostics: who answers so is not believed.
UNPROVEN = 'answer of a service that proves nothing'


def concealed_client(
    node: Node,
    make: Callable[..., Any],
    kind: Any,
    name: str,
    signer: Signer,
    asking: Asking,
    unproven: Callable[[str, str], None] = lambda reason, robot: None,
    **options: Any,
) -> ConcealedClient:
    """`make` is rclpy's create_client()."""
    service = node.resolve_service_name(name)
    inner = make(srv.AskConcealed, service + SUFFIX, **options)
    return ConcealedClient(node, kind, service, inner, signer, asking, unproven)


class _Request:
    """One call: what is asked, with whose keys, and how often it was sent."""

    def __init__(self, text: bytes, keys: Any, future: Future[Any]) -> None:
        self.text, self.keys, self.future = text, keys, future
        self.sent = 0


class ConcealedClient:
    """`client` asks AskConcealed; `unproven(reason, robot)` hears of answers that prove
    nothing."""

    def __init__(
        self,
        node: Node,
        kind: Any,
        service: str,
        client: Any,
        signer: Signer,
        asking: Asking,
        unproven: Callable[[str, str], None] = lambda reason, robot: None,
    ) -> None:
        self._node, self._client, self._signer, self._asking = node, client, signer, asking
        self._unproven = unproven
        self.srv_type, self.srv_name, self._robot = kind, service, robot_of(service)
        self._lock = threading.Lock()
        self._pending: OrderedDict[Future[Any], Any] = OrderedDict()  # and what is waited for

    @property
    def inner(self) -> Any:
        """rclpy's, which the node is to destroy."""
        return self._client

    @property
    def service_name(self) -> str:
        return str(self.srv_name)

    def service_is_ready(self) -> bool:
        return bool(self._client.service_is_ready())

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        return bool(self._client.wait_for_service(timeout_sec))

    def remove_pending_request(self, future: Future[Any]) -> None:
        with self._lock:
            inner = self._pending.pop(future, None)
        if inner is not None:
            self._client.remove_pending_request(inner)

    def call_async(self, request: Any) -> Future[Any]:
        """Raises NoCaller where there are no keys to know the robot by."""
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f'expected {self.srv_type.Request}, got {type(request)}')
        keys = self._signer.keys(self._robot)
        if keys is None:
            raise NoCaller(
                f'{self._robot} encrypts: who asks it needs keys of its swarm (swarmctl keys '
                'request, --keys DIR)'
            )
        asked = _Request(bytes(serialize_message(request)), keys, Future())
        with self._lock:
            self._pending[asked.future] = None
        asked.future.add_done_callback(self.remove_pending_request)
        while len(self._pending) > PENDING_MAX:
            self.remove_pending_request(next(iter(self._pending)))
        self._go_on(asked)
        return asked.future

    def _go_on(self, asked: _Request) -> None:
        met = self._asking.met(self.srv_name)
        if met is not None and asked.keys.refusal_of(met.certificate, time.time()) is not None:
            met = None  # it may have a newer one
        question = None
        if met is not None:
            text = self._signed(asked)
            if len(text) > BODY_BYTES_MAX:
                raise ValueError(f'request of {len(text)} bytes: at most {BODY_BYTES_MAX}')
            question = self._asking.sealed(self.srv_name, met, text)
        asked.sent += 1
        inner = self._client.call_async(_outer(question))
        with self._lock:
            if asked.future not in self._pending:  # nobody waits any more
                self._client.remove_pending_request(inner)
                return
            self._pending[asked.future] = inner
        inner.add_done_callback(lambda one: self._came(asked, question, one))

    def _signed(self, asked: _Request) -> bytes:
        """Anew each time: nobody knows whether the last one was had."""
        request = deserialize_message(asked.text, self.srv_type.Request)
        kind = self.srv_type.__name__
        self._signer.sign_with(asked.keys, self.srv_name, kind, request)
        return bytes(serialize_message(request))

    def _came(self, asked: _Request, question: Question | None, inner: Any) -> None:
        if inner.cancelled() or asked.future.done():
            return
        try:
            response = inner.result()
            if response.code == Response.ANSWERED and question is not None:
                answer = self._answer(question, response)
            else:
                self._meet(asked, question, response)
                self._go_on(asked)
                return
        except Exception as error:  # of rclpy too, whatever a stranger has made up
            self._unproven(UNPROVEN, self._robot)
            self._node.get_logger().warning(
                f'{self.srv_name}: not taken for an answer: {error}', throttle_duration_sec=2.0
            )
            return
        asked.future.set_result(answer)

    def _answer(self, question: Question, response: Any) -> Any:
        text = question.opened(Answered(response.number, bytes(response.body)))
        return deserialize_message(to_decode(text), self.srv_type.Response)

    def _meet(self, asked: _Request, question: Question | None, response: Any) -> None:
        """Who it is that has not opened the request. Raises ValueError where there is no use in
        asking again."""
        introduction = Introduction(
            response.life, bytes(response.exchange_key), bytes(response.certificate),
            bytes(response.signature),
        )
        known = None if question is None else question.met.introduction
        if introduction == known or asked.sent >= SENT_MAX:
            reason = str(response.reason)[:REASON_CHARS_MAX]
            raise ValueError(f'refused without proof: {reason or "it was not opened"}')
        self._asking.meet(self.srv_name, introduction, asked.keys, time.time())


def _outer(question: Question | None) -> Any:
    """With no question: who is there?"""
    outer = srv.AskConcealed.Request()
    if question is not None:
        asked = question.asked
        outer.life, outer.number = asked.life, asked.number
        outer.exchange_key, outer.body = array('B', asked.exchange_key), array('B', asked.body)
    return outer
