# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Asks robots through their services, for handlers that live in another thread. Owns clients,
deadlines, and how many questions may be under way.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from rclpy.client import Client
from rclpy.node import Node
from swarm_msgs import srv

from swarm_tower.core.facts import ROBOT_ID
from swarm_tower.ros.plain import fill, plain_of
from swarm_tower.web.hub import Hub
from swarm_tower.web.site import Refused, Unreachable

CLIENTS_MAX = 64    # then the one that was used longest ago goes
UNDER_WAY_MAX = 64  # questions at the same time
OFFERED_S = 1.0     # for a service to be discovered
LOOK_S = 0.05
TIMEOUT_S_MAX = 120.0
_SERVICE = re.compile(r'[a-z][a-z0-9_]{0,63}\Z')


def service_kind(service: str) -> Any:
    """Return the type of a robot's service: submit_job -> SubmitJob. Raises Refused."""
    name = ''.join(word.capitalize() for word in service.split('_'))
    kind = getattr(srv, name, None) if _SERVICE.match(service) else None
    if kind is None:
        raise Refused(f'{service[:80]!r} is no service of a robot')
    return kind


def _request(kind: Any, fields: dict[str, Any]) -> Any:
    """Raises Refused."""
    try:
        return fill(kind.Request(), fields)
    except ValueError as error:
        raise Refused(str(error)) from None


class RobotAsker:
    """`ask` runs in the loop of the web server, all else in the executor's thread."""

    def __init__(self, node: Node, hub: Hub) -> None:
        self._node = node
        self._hub = hub
        # A node of a robot process with security signs, and knows the policy of its robot.
        self._make = getattr(node, 'create_operator_client', node.create_client)
        self._role_refusal = getattr(node, 'role_refusal', None)
        self._clients: OrderedDict[tuple[str, str], Client] = OrderedDict()
        self._under_way = 0
        self._closed = False

    def close(self) -> None:
        """Drop all clients; questions under way run into their deadlines."""
        self._closed = True
        while self._clients:
            self._node.destroy_client(self._clients.popitem()[1])

    def refusal(self, role: str, service: str, fields: dict[str, Any]) -> str:
        """See site.Robots."""
        if self._role_refusal is None:
            return ''
        kind = service_kind(service)
        return str(self._role_refusal(role, kind.__name__, _request(kind, fields)))

    async def ask(
        self, robot_id: str, service: str, fields: dict[str, Any], timeout_s: float = 5.0
    ) -> dict[str, Any]:
        """See site.Robots."""
        kind = service_kind(service)
        request = _request(kind, fields)
        robot = robot_id or self._any_robot()
        if not ROBOT_ID.match(robot):
            raise Refused(f'{robot[:80]!r} is no name of a robot')
        if self._under_way >= UNDER_WAY_MAX:
            raise Unreachable(f'{UNDER_WAY_MAX} questions are under way already')
        self._under_way += 1
        try:
            limit_s = min(timeout_s, TIMEOUT_S_MAX)
            answer = await self._answer(kind, robot, service, request, limit_s)
        finally:
            self._under_way -= 1
        found: dict[str, Any] = plain_of(answer)
        return {**found, 'answered_by': robot}

    def _any_robot(self) -> str:
        robots: list[str] = self._hub.ask(lambda view, now: view.robots_to_ask(now))
        if not robots:
            raise Unreachable('no robot is heard')
        return robots[0]

    async def _answer(
        self, kind: Any, robot: str, service: str, request: Any, timeout_s: float
    ) -> Any:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        asked: list[Any] = []

        def settle(result: Any, error: Exception | None) -> None:
            if not done.done():
                done.set_exception(error) if error is not None else done.set_result(result)

        def from_executor(result: Any, error: Exception | None) -> None:
            try:
                loop.call_soon_threadsafe(settle, result, error)
            except RuntimeError:
                return  # the web server has ended

        def start() -> None:
            """In the executor's thread."""
            try:
                client = self._client(kind, robot, service)
                future = client.call_async(request)
                asked.append((client, future))
                future.add_done_callback(answered)
            except Exception as error:
                from_executor(None, error)

        def answered(future: Any) -> None:
            if future.cancelled():
                return
            try:
                from_executor(future.result(), None)
            except Exception as error:
                from_executor(None, Unreachable(f'/{robot}/{service}: {error}'))

        def forget() -> None:
            """In the executor's thread."""
            for client, future in asked:
                if not future.done():
                    client.remove_pending_request(future)
                    future.cancel()

        await self._offered(kind, robot, service, min(OFFERED_S, timeout_s))
        self._in_executor(start)
        try:
            return await asyncio.wait_for(done, timeout_s)
        except asyncio.TimeoutError:
            self._in_executor(forget)
            raise Unreachable(
                f'/{robot}/{service} did not answer within {timeout_s:.0f} s'
            ) from None

    async def _offered(self, kind: Any, robot: str, service: str, limit_s: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + limit_s
        while True:
            look: asyncio.Future[bool] = loop.create_future()

            def tell(ready: bool, look: asyncio.Future[bool] = look) -> None:
                if not look.done():
                    look.set_result(ready)

            def see(tell: Callable[[bool], None] = tell) -> None:
                ready = not self._closed and self._client(kind, robot, service).service_is_ready()
                loop.call_soon_threadsafe(tell, ready)

            self._in_executor(see)
            try:
                offered = await asyncio.wait_for(look, limit_s + 1.0)
            except asyncio.TimeoutError:
                raise Unreachable('this tower is held up; ask again') from None
            if offered:
                return
            if loop.time() >= until:
                raise Unreachable(f'{robot} offers no {service} (any more)')
            await asyncio.sleep(LOOK_S)

    def _client(self, kind: Any, robot: str, service: str) -> Client:
        key = (robot, service)
        client = self._clients.pop(key, None)
        if client is None:
            client = self._make(kind, f'/{robot}/{service}')
        self._clients[key] = client
        while len(self._clients) > CLIENTS_MAX:
            self._node.destroy_client(self._clients.popitem(last=False)[1])
        return client

    def _in_executor(self, work: Any) -> None:
        executor = self._node.executor
        if executor is None or self._closed:
            raise Unreachable('this tower is ending')
        executor.create_task(work)
