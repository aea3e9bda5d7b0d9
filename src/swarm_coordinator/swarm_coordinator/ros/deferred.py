# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Service callbacks that wait: owns answering a request later than its callback returns.

rclpy runs a coroutine that awaits a pending future in a busy loop: one request that waits for the
log took 35 % of a shared core, and the interpreter's lock with it, for as long as it waited. Here
a callback returns at once; its coroutine goes on when what it waits for is there, and the response
goes out then. Everything happens on the executor's thread.
"""

import inspect
import traceback
from collections.abc import Callable, Collection, Coroutine, Generator
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile

# Of 32 requests at once rclpy's default of 10 lost 22.
REQUESTS_KEPT = 128

Callback = Callable[[Any, Any], Coroutine[Any, Any, Any]]


class Promise:
    """A value that comes later. Complete and await it on the executor's thread only."""

    def __init__(self) -> None:
        self._done = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._waiting: list[Callable[[], None]] = []

    def done(self) -> bool:
        return self._done

    def set_result(self, value: Any) -> None:
        self._result = value
        self._complete()

    def set_exception(self, error: BaseException) -> None:
        self._error = error
        self._complete()

    def _complete(self) -> None:
        assert not self._done, 'a promise is kept once'
        self._done = True
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            go_on()

    def when_done(self, go_on: Callable[[], None]) -> None:
        if self._done:
            go_on()
        else:
            self._waiting.append(go_on)

    def __await__(self) -> Generator['Promise', None, Any]:
        while not self._done:
            yield self
        if self._error is not None:
            raise self._error
        return self._result


class Watchers:
    """Who waits for the next change of something, by its name.

    put  hands a call to the executor's thread
    """

    def __init__(self, put: Callable[[Callable[[], None]], None]) -> None:
        self._put = put
        self._waiting: dict[str, list[Promise]] = {}

    def next_change(self, name: str) -> Promise:
        promise = Promise()
        self._waiting.setdefault(name, []).append(promise)
        return promise

    def changed(self, names: Collection[str]) -> None:
        """From any thread."""
        if self._waiting and names:
            self._put(lambda: self._wake(names))

    def _wake(self, names: Collection[str]) -> None:
        for name in names:
            for promise in self._waiting.pop(name, []):
                if not promise.done():  # whoever waited may have given up
                    promise.set_result(None)


def steady_timer(node: Node, period_s: float, callback: Callable[[], None]) -> Any:
    """A timer by the monotonic clock. A node's own clock is the wall clock, and a timer on it
    does not fire for an hour when that is set back by an hour."""
    return node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))


def run(coroutine: Coroutine[Any, Any, Any], ended: Callable[[Any], None]) -> None:
    """Run `coroutine`, which awaits promises only, as far as it comes; `ended` gets its value.

    It must not raise: there is nobody left who could be told.
    """

    def go_on() -> None:
        try:
            promise = coroutine.send(None)
        except StopIteration as end:
            ended(end.value)
        else:
            promise.when_done(go_on)

    go_on()


def serve(
    node: Node, kind: Any, name: str, callback: Callback, group: CallbackGroup
) -> None:
    """Offer a service whose `callback` is a coroutine. Its faults are logged, and answered by
    `code` UNAVAILABLE where there is one."""
    assert inspect.iscoroutinefunction(callback)
    ended: set[int] = set()  # by id of the response, which `waiting` or rclpy keeps alive
    waiting: dict[int, tuple[Any, Any]] = {}

    def begin(request: Any, response: Any) -> Any:
        key = id(response)

        def finish(_: Any) -> None:
            if key in waiting:
                send(*waiting.pop(key))
            else:
                ended.add(key)

        run(_guarded(node, name, callback, request, response), finish)
        return response

    def send_when_ended(response: Any, header: Any) -> None:
        key = id(response)
        if key in ended:
            ended.discard(key)
            send(response, header)
        else:
            waiting[key] = (response, header)

    service = node.create_service(
        kind, name, begin, qos_profile=QoSProfile(depth=REQUESTS_KEPT), callback_group=group
    )
    send = service.send_response
    service.send_response = send_when_ended


async def _guarded(
    node: Node, name: str, callback: Callback, request: Any, response: Any
) -> None:
    try:
        await callback(request, response)
    except Exception as error:  # the process edge: no request may end the robot
        node.get_logger().error(f'{name} failed:\n{traceback.format_exc()}')
        if hasattr(response, 'code'):
            response.code = response.UNAVAILABLE
            response.reason = f'a fault of this robot, written to its log: {error!r}'[:500]
