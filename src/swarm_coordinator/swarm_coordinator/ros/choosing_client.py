# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A client of a service of a robot whose level of security is not known before.

Owns which of its two services is asked. The encrypted one wherever it is offered: who is there has
to prove itself. The readable one only by somebody without keys, or of a robot that has proven to
only sign, or where that was asked for. So nobody is brought to ask in the clear by being told so.
Used like rclpy's Client.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy.task import Future

from swarm_coordinator.core.identity.concealed import SUFFIX
from swarm_coordinator.core.identity.concealed_request import robot_of
from swarm_coordinator.launch_plan import SECURITY
from swarm_coordinator.ros.concealed_client import ConcealedClient, concealed_client
from swarm_coordinator.ros.request_guard import Keys, signing
from swarm_coordinator.security.callers import NoCaller

if TYPE_CHECKING:
    from swarm_coordinator.ros.asking_node import AskingNode
    from swarm_coordinator.ros.heard_levels import HeardLevels

LOOK_S = 0.02
# For cards and certificates, which are latched, to come; then whoever asks is told what is wrong.
PATIENCE_S = 6.0
WAITING_MAX = 64  # requests that wait for a proof; then those asked first are forgotten
WAITING_S = 30.0  # who asks has given up by then, or asked again


class ChoosingClient:
    """`make` is rclpy's create_client(), `options` are for it."""

    def __init__(
        self,
        node: AskingNode,
        kind: Any,
        name: str,
        make: Callable[..., Any],
        options: dict[str, Any],
        levels: HeardLevels | None,
    ) -> None:
        self._node, self._make, self._options, self._levels = node, make, options, levels
        self.srv_type, self.srv_name = kind, node.resolve_service_name(name)
        self._robot = robot_of(self.srv_name)
        self._lock = threading.RLock()
        self._concealed: ConcealedClient | None = None
        self._plain: Any = None
        self._keys: Keys | None = None  # of whoever asked last
        self._waiting: OrderedDict[Future[Any], tuple[Any, float]] = OrderedDict()
        self._under_way: dict[Future[Any], tuple[Any, Any]] = {}

    @property
    def service_name(self) -> str:
        return self.srv_name

    @property
    def inner(self) -> list[Any]:
        """rclpy's, which the node is to destroy."""
        concealed = [] if self._concealed is None else [self._concealed.inner]
        return concealed + ([] if self._plain is None else [self._plain])

    # ---- which

    def _chosen(self) -> Any:
        """The client of what is offered; None where nothing is, or nothing that may be asked."""
        with self._lock:
            if self._concealed is not None and self._concealed.service_is_ready():
                return self._concealed
            if self._node.count_services(self.srv_name + SUFFIX):
                if self._concealed is None:
                    self._concealed = concealed_client(
                        self._node, self._make, self.srv_type, self.srv_name,
                        self._node.signer, self._node.asking, **self._options,
                    )
                return self._concealed
            if self._node.lowest == 'sign_encrypt':
                return None
            if self._plain is None:
                plain = self._make(self.srv_type, self.srv_name, **self._options)
                self._plain = signing(plain, self._node, self._node.signer)
            return self._plain

    def _trouble(self, keys: Keys) -> str:
        """Why the readable service must not be asked now; '' = it may."""
        if self._levels is None or self._levels.proven(self._robot, keys) == 'sign':
            return ''
        return self._unproven(self._levels.trouble(self._robot))

    def _unproven(self, why: str) -> str:
        return (
            f'{self._robot} does not prove that it has security: sign, so it is not asked in the '
            f'clear: {why}. To ask all the same: SWARM_SECURITY=off'
        )

    def _may_ask(self, chosen: Any) -> bool:
        """Waits for nothing."""
        if chosen is None or chosen is self._concealed or self._levels is None:
            return chosen is not None
        keys = self._node.signer.keys(self._robot)
        if keys is None:
            raise NoCaller(self._unproven('the keys here are not of its swarm'))
        self._keys = keys
        return not self._trouble(keys)

    # ---- as of rclpy

    def service_is_ready(self) -> bool:
        chosen = self._chosen()
        return chosen is not None and bool(chosen.service_is_ready())

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        end_s = time.monotonic() + (float('inf') if timeout_sec is None else timeout_sec)
        while not self.service_is_ready():
            if not self._node.context.ok() or time.monotonic() >= end_s:
                return False
            time.sleep(LOOK_S)
        return True

    def call_async(self, request: Any) -> Future[Any]:
        """Raises NoCaller where nobody can ask, and says what to do."""
        chosen = self._chosen()
        if self._may_ask(chosen):
            future: Future[Any] = chosen.call_async(request)
            return future
        future, now_s = Future(), time.monotonic()
        with self._lock:
            began_s = next(iter(self._waiting.values()))[1] if self._waiting else now_s
            if now_s - began_s > PATIENCE_S:
                self._waiting.clear()
                trouble = self._trouble(self._keys) if self._keys is not None else ''
                raise NoCaller(trouble or f'{self.srv_name} is not offered encrypted')
            self._waiting[future] = request, now_s
            if len(self._waiting) > WAITING_MAX:
                self._waiting.popitem(last=False)
        return future

    def remove_pending_request(self, future: Future[Any]) -> None:
        with self._lock:
            self._waiting.pop(future, None)
            client, inner = self._under_way.pop(future, (None, None))
        for one in (client,) if client is not None else self._clients():
            one.remove_pending_request(future if inner is None else inner)

    def _clients(self) -> list[Any]:
        return [one for one in (self._concealed, self._plain) if one is not None]

    def go_on(self) -> None:
        """Something was heard: what waits may be asked now. In the executor's thread, where keys
        cannot be looked for: that may wait for messages."""
        if not self._waiting:
            return
        chosen = self._chosen()
        plain = chosen is not self._concealed
        if chosen is None or (plain and (self._keys is None or self._trouble(self._keys))):
            return
        with self._lock:
            waiting = list(self._waiting.items())
            self._waiting.clear()
        for future, (request, at_s) in waiting:
            if time.monotonic() - at_s < WAITING_S:
                self._ask(chosen, future, request)

    def _ask(self, chosen: Any, future: Future[Any], request: Any) -> None:
        try:
            inner = chosen.call_async(request)
        except NoCaller as error:
            self._node.get_logger().warning(str(error), throttle_duration_sec=2.0)
            return
        with self._lock:
            self._under_way[future] = chosen, inner

        def came(one: Any) -> None:
            with self._lock:
                self._under_way.pop(future, None)
            if not future.done() and not one.cancelled():
                future.set_result(one.result())

        inner.add_done_callback(came)


def lowest_level(given: str, has_keys: Callable[[], bool]) -> str:
    """At which robots are asked: what was given, else by whether there are keys. Raises ValueError
    for another word than those of `security`."""
    if not given:
        return 'sign' if has_keys() else 'off'
    if given not in SECURITY:
        raise ValueError(f'SWARM_SECURITY={given[:64]!r}: expected one of {", ".join(SECURITY)}')
    return given
