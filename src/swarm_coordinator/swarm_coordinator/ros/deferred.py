# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Service callbacks that wait: owns answering a request later than its callback returns.

rclpy runs a coroutine that awaits a pending future in a busy loop: one request that waits for the
log took 35 % of a shared core, and the interpreter's lock with it, for as long as it waited. Here
a callback returns at once; its coroutine goes on when what it waits for is there, and the response
goes out then. Everything happens on the executor's thread.
"""

import inspect
import time
import traceback
from collections.abc import Callable, Collection, Coroutine, Generator
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile

from swarm_coordinator.ros.concealed_service import offered

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

    def next_of(self, names: Collection[str]) -> Promise:
        """Of the next change of any of them; `forget` it afterwards."""
        promise = Promise()
        for name in names:
            self._waiting.setdefault(name, []).append(promise)
        return promise

    def forget(self, names: Collection[str], promise: Promise) -> None:
        for name in names:
            if promise in (waiting := self._waiting.get(name, [])):
                waiting.remove(promise)
                if not waiting:
                    del self._waiting[name]

    def changed(self, names: Collection[str]) -> None:
        """From any thread."""
        if self._waiting and names:
            self._put(lambda: self._wake(names))

    def _wake(self, names: Collection[str]) -> None:
        for name in names:
            for promise in self._waiting.pop(name, []):
                if not promise.done():  # whoever waited may have given up
                    promise.set_result(None)


class Alarms:
    """Keeps promises when their time has come, at most LOOK_S late. Use on the executor's thread.
    The timer runs only while there is something to wait for."""

    LOOK_S = 0.05

    def __init__(self, node: Node) -> None:
        self._due: dict[Promise, float] = {}
        self._timer = steady_timer(node, self.LOOK_S, self._look)
        self._timer.cancel()

    def after(self, seconds: float) -> Promise:
        promise = Promise()
        self.keep_by(promise, time.monotonic() + seconds)
        return promise

    def keep_by(self, promise: Promise, at_s: float) -> None:
        """Keep it at that time (monotonic), if nobody has by then."""
        if not self._due:
            self._timer.reset()
        self._due[promise] = at_s

    def _look(self) -> None:
        now_s = time.monotonic()
        for promise, at_s in list(self._due.items()):
            if promise.done():
                del self._due[promise]
            elif now_s >= at_s:
                del self._due[promise]
                promise.set_result(None)
        if not self._due:
            self._timer.cancel()


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
    named = name

    async def guarded(request: Any, response: Any) -> Any:
        await _guarded(node, named, callback, request, response)
        return response

    kind, name, answer = offered(node, kind, name, guarded)
    ended: set[int] = set()  # by id of the response, which `waiting` or rclpy keeps alive
    waiting: dict[int, tuple[Any, Any]] = {}

    def begin(request: Any, response: Any) -> Any:
        key = id(response)

        def finish(_: Any) -> None:
            if key in waiting:
                send(*waiting.pop(key))
            else:
                ended.add(key)

        run(_guarded(node, named, answer, request, response), finish)
        return response

    def send_when_ended(response: Any, header: Any) -> None:
        key = id(response)
        if key in ended:
            ended.discard(key)
            send(response, header)
        else:
            waiting[key] = (response, header)

    begin.is_checked = True  # type: ignore[attr-defined]
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
