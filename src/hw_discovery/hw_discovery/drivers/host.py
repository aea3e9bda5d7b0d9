# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs drivers as the manager decides: a thread for each, everything else on the executor.

A thread puts what it has to say on a queue and gives the executor a task, so that the manager
is touched by one thread only.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer

from hw_discovery.drivers.driver import Driver
from hw_discovery.drivers.fault import DriverFault
from hw_discovery.drivers.manager import (
    Closing,
    Drivable,
    DriverEnded,
    DriverManager,
    DriverWorks,
    Effect,
    Event,
    InventoryChanged,
    RestartTiming,
    StartDriver,
    StopDriver,
    TellFault,
    TimePassed,
)
from hw_discovery.drivers.parameters import ParameterFault
from hw_discovery.drivers.registry import DRIVERS, driver_class

CLOSE_WAIT_S = 3.0           # for all threads together; a thread that blocks is left behind
_STEADY = Clock(clock_type=ClockType.STEADY_TIME)

DriverMaker = Callable[[Drivable], Driver]


@dataclass
class _Running:
    driver: Driver
    thread: threading.Thread


class DriverHost:
    """Call `update` with what could be driven after every change of the inventory.

    `on_fault(device_id, text)` and `on_recovered(device_id)` are called on the executor's thread,
    as is `on_claims(device_ids)` whenever the devices that are held by a driver change.
    """

    def __init__(
        self, node: Node, robot_id: str, on_fault: Callable[[str, str], None],
        on_recovered: Callable[[str], None] = lambda device_id: None,
        on_claims: Callable[[frozenset[str]], None] = lambda device_ids: None,
        timing: RestartTiming | None = None, make: DriverMaker | None = None,
        drivers: Collection[str] = tuple(DRIVERS),
    ) -> None:
        self._node = node
        self._robot_id = robot_id
        self._on_fault = on_fault
        self._on_recovered = on_recovered
        self._on_claims = on_claims
        self._make = make or self._made_from_registry
        self._manager = DriverManager(timing, drivers)
        self._running: dict[tuple[str, int], _Running] = {}
        self._events: deque[Event] = deque()
        self._claims: frozenset[str] = frozenset()
        self._is_emergency = False
        self._is_closed = False
        self._is_handling = False
        self._timer: Timer | None = None
        self._group = ReentrantCallbackGroup()

    def update(self, drivable: Collection[Drivable]) -> None:
        """Tell what could be driven now; on the executor's thread."""
        self._post(InventoryChanged(tuple(drivable)))
        self._drain()

    def set_emergency(self, is_on: bool) -> None:
        """Disarm every actuator at once and keep it so; on the executor's thread."""
        self._is_emergency = is_on
        for running in self._running.values():
            running.driver.set_emergency(is_on)

    def drivers(self) -> tuple[Driver, ...]:
        """Return the drivers that run, in order of their names."""
        return tuple(sorted((r.driver for r in self._running.values()), key=lambda d: d.name))

    def close(self) -> None:
        """Stop all drivers and wait a little for them. Never raises."""
        if self._is_closed:
            return
        self._post(Closing())
        self._drain()
        self._is_closed = True
        end = time.monotonic() + CLOSE_WAIT_S
        for running in list(self._running.values()):
            running.thread.join(max(0.0, end - time.monotonic()))
            if running.thread.is_alive():
                self._node.get_logger().warning(
                    f'{running.driver.name} blocks; its thread was left behind')
            else:
                self._guarded('destroying topics', running.driver.destroy)
        self._running.clear()
        self._cancel_timer()

    def _post(self, event: Event) -> None:
        self._events.append(event)

    def _post_from_thread(self, event: Event) -> None:
        self._events.append(event)
        # A task, because not every executor supports guard conditions.
        executor = self._node.executor
        if not self._is_closed and executor is not None:
            self._guarded('waking the executor', lambda: executor.create_task(self._drain))

    def _drain(self) -> None:
        if self._is_handling or self._is_closed:
            return
        self._is_handling = True
        try:
            while self._events:
                event = self._events.popleft()
                self._forget_ended(event)
                for effect in self._manager.handle(event, time.monotonic_ns()):
                    self._perform(effect)
        finally:
            self._is_handling = False
        self._tell_claims()
        self._set_timer()

    def _forget_ended(self, event: Event) -> None:
        if isinstance(event, DriverEnded):
            running = self._running.pop((event.device_id, event.generation), None)
            if running is not None:
                self._guarded('destroying topics', running.driver.destroy)

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, StartDriver):
            self._start(effect.drivable)
        elif isinstance(effect, StopDriver):
            running = self._running.get((effect.device_id, effect.generation))
            if running is not None:
                self._guarded('closing a driver', running.driver.close)
        elif isinstance(effect, TellFault):
            self._node.get_logger().warning(f'{effect.device_id}: {effect.text}')
            self._guarded('on_fault', lambda: self._on_fault(effect.device_id, effect.text))
        else:
            self._guarded('on_recovered', lambda: self._on_recovered(effect.device_id))

    def _start(self, drivable: Drivable) -> None:
        key = (drivable.device.device_id, drivable.device.generation)
        try:
            driver = self._make(drivable)
        except Exception as error:  # a driver that cannot be made is a fault of its device
            self._post(DriverEnded(*key, reason=_told(error)))
            return
        driver.on_works = lambda: self._post_from_thread(DriverWorks(*key))
        driver.set_emergency(self._is_emergency)
        thread = threading.Thread(
            target=self._run, args=(driver, key), name=f'driver {driver.name}', daemon=True)
        self._running[key] = _Running(driver, thread)
        thread.start()

    def _run(self, driver: Driver, key: tuple[str, int]) -> None:
        reason = ''
        try:
            driver.run()
            if not driver.stopping.is_set():
                reason = 'the driver ended by itself'
        except Exception as error:  # whatever a driver meets is a fault of its device
            reason = _told(error)
        self._post_from_thread(DriverEnded(*key, reason=reason))

    def _made_from_registry(self, drivable: Drivable) -> Driver:
        kind = driver_class(drivable.driver)
        return kind(self._node, drivable.device, drivable.place, drivable.parameters,
                    self._robot_id)

    def _tell_claims(self) -> None:
        claims = self._manager.claimed
        if claims != self._claims:
            self._claims = claims
            self._guarded('on_claims', lambda: self._on_claims(claims))

    def _set_timer(self) -> None:
        self._cancel_timer()
        due_ns = self._manager.next_due_ns()
        if due_ns is not None and not self._is_closed:
            wait_s = max(0.001, (due_ns - time.monotonic_ns()) / 1e9)
            self._timer = self._node.create_timer(
                wait_s, self._on_timer, callback_group=self._group, clock=_STEADY)

    def _on_timer(self) -> None:
        self._post(TimePassed())
        self._drain()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None

    def _guarded(self, doing: str, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:  # one device must not stop the others
            self._node.get_logger().error(f'{doing} failed: {error!r}')


def _told(error: Exception) -> str:
    if isinstance(error, DriverFault | ParameterFault):
        return str(error)
    return f'{type(error).__name__}: {error}'
