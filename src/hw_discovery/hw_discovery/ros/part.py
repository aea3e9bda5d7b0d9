# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The part a robot process loads: publishers and services around a DiscoveryWorker.

Everything ROS happens on the executor's thread. The worker puts its effects on a queue and
triggers a guard condition; nothing here waits for it.
"""

from collections import deque
from collections.abc import Iterable
from pathlib import Path

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future
from swarm_msgs.msg import HardwareEvent, HardwareInventory
from swarm_msgs.srv import ListDevices, Negotiate, Rescan

from hw_discovery.buses.host_scan import HostScanner
from hw_discovery.buses.worker import DiscoveryWorker
from hw_discovery.config import Config
from hw_discovery.core.capability import negotiate, select
from hw_discovery.core.device import BusKind
from hw_discovery.core.discovery import (
    AnswerRescan,
    Discovery,
    Effect,
    NoticeAdded,
    RescanAsked,
    TellChange,
    TellInventory,
)
from hw_discovery.core.inventory import Snapshot
from hw_discovery.core.request import bus_notices
from hw_discovery.ros import conversions

RESCANS_WAITING_MAX = 32     # a client that asks in a loop must not pile up answers to come
_NS_PER_MS = 1_000_000
STEADY = Clock(clock_type=ClockType.STEADY_TIME)  # the wall clock may be set back
_LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_EVENTS = QoSProfile(
    depth=50, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)


class HardwareDiscovery:
    """What PART.create returns; close() ends its thread."""

    def __init__(self, node: Node, config: Config) -> None:
        self._node = node
        self._config = config
        self._robot_id = config.robot_id
        self._snapshot = Snapshot(notices=('the first scan has not ended yet',))
        self._looked_at: frozenset[BusKind] = frozenset()
        self._effects: deque[Effect] = deque()
        self._waiting: dict[int, Future[AnswerRescan]] = {}
        self._last_ticket = 0
        self._errors = 0
        self._is_closed = False
        # Reentrant: a rescan that waits must not keep the answer from being delivered. All
        # callbacks run on one thread, so nothing is entered twice at once.
        self._group = ReentrantCallbackGroup()
        self._inventory_out = node.create_publisher(
            HardwareInventory, 'hardware/inventory', _LATCHED)
        self._events_out = node.create_publisher(HardwareEvent, 'hardware/events', _EVENTS)
        # What the worker finds before anybody spins this node is told once somebody does.
        self._first_drain = node.create_timer(
            0.0, self._drain_first, self._group, clock=STEADY
        )
        self._services = [
            node.create_service(kind, name, callback, callback_group=self._group)
            for kind, name, callback in (
                (Rescan, 'rescan', self._on_rescan),
                (ListDevices, 'list_devices', self._on_list_devices),
                (Negotiate, 'negotiate', self._on_negotiate))]
        self._worker = self._started_worker()

    def close(self) -> None:
        """Stop and join the worker, and answer whoever still waits. Never raises."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if not self._worker.close():
                self._node.get_logger().warning(
                    'a scan still blocks on a driver; its thread was left behind')
            for ticket in list(self._waiting):
                self._answer(self._unfinished(ticket, 'hardware discovery is closing'))
        except Exception as error:
            self._count('closing', error)

    def _started_worker(self) -> DiscoveryWorker:
        config = self._config
        scanner = HostScanner(config.buses, Path(config.sysfs_root), Path(config.proc_root))
        self._looked_at = scanner.kinds
        uevents = scanner.follow() if config.follow_hotplug else None
        worker = DiscoveryWorker(
            Discovery(config.debounce_ms * _NS_PER_MS, config.debounce_max_ms * _NS_PER_MS,
                      config.lost_devices_max),
            scanner.scan, uevents, self._deliver)
        for text in scanner.notices:
            worker.post(NoticeAdded(text))
        worker.start()
        return worker

    def _deliver(self, effect: Effect) -> None:
        """Run on the worker's thread."""
        if self._is_closed:
            return
        self._effects.append(effect)
        # A task, because not every executor supports guard conditions.
        if (executor := self._node.executor) is not None:
            executor.create_task(self._drain)

    def _drain_first(self) -> None:
        self._first_drain.cancel()
        self._drain()

    def _drain(self) -> None:
        while self._effects:
            effect = self._effects.popleft()
            try:
                self._perform(effect)
            except Exception as error:
                self._count(type(effect).__name__, error)

    def _perform(self, effect: Effect) -> None:
        stamp = self._node.get_clock().now().to_msg()
        if isinstance(effect, TellChange):
            self._events_out.publish(
                conversions.change_to_msg(effect, self._robot_id, stamp))
        elif isinstance(effect, TellInventory):
            self._snapshot = effect.snapshot
            self._inventory_out.publish(
                conversions.snapshot_to_msg(effect.snapshot, self._robot_id, stamp))
        elif isinstance(effect, AnswerRescan):
            self._answer(effect)

    def _answer(self, answer: AnswerRescan) -> None:
        future = self._waiting.pop(answer.ticket, None)
        if future is not None:
            future.set_result(answer)

    def _unfinished(self, ticket: int, *why: str) -> AnswerRescan:
        return AnswerRescan(ticket, self._snapshot.revision, 0, 0, why)

    def _bus_notices(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return bus_notices(conversions.buses_from_msg(numbers),
                           conversions.unknown_bus_numbers(numbers), self._looked_at)

    async def _on_rescan(
        self, request: Rescan.Request, response: Rescan.Response,
    ) -> Rescan.Response:
        """Look again and answer afterwards; at the named buses, or at all if none is named."""
        notices = self._bus_notices(request.buses)
        buses = self._looked_at.intersection(conversions.buses_from_msg(request.buses))
        if request.buses and not buses:
            answer = self._unfinished(0)
        elif len(self._waiting) >= RESCANS_WAITING_MAX:
            answer = self._unfinished(
                0, f'{RESCANS_WAITING_MAX} rescans are waiting already; none was added')
        else:
            answer = await self._rescanned(buses)
        response.revision = answer.revision
        response.appeared = answer.appeared
        response.vanished = answer.vanished
        response.notices = [*notices, *answer.notices]
        return response

    async def _rescanned(self, buses: frozenset[BusKind]) -> AnswerRescan:
        self._last_ticket += 1
        ticket = self._last_ticket
        future: Future[AnswerRescan] = Future(executor=self._node.executor)
        self._waiting[ticket] = future
        timer = self._node.create_timer(
            self._config.rescan_answer_ms / 1000.0, lambda: self._answer(self._unfinished(
                ticket, 'the scan goes on; its findings will be published')),
            callback_group=self._group, clock=STEADY)
        self._worker.post(RescanAsked(ticket, buses))
        try:
            answer = await future
            assert answer is not None
            return answer
        finally:
            self._node.destroy_timer(timer)

    def _on_list_devices(
        self, request: ListDevices.Request, response: ListDevices.Response,
    ) -> ListDevices.Response:
        devices = select(
            self._snapshot, conversions.buses_from_msg(request.buses), request.capability,
            request.include_lost)
        response.revision = self._snapshot.revision
        response.devices = [conversions.device_to_msg(device) for device in devices]
        response.notices = [*self._bus_notices(request.buses), *self._snapshot.notices]
        return response

    def _on_negotiate(
        self, request: Negotiate.Request, response: Negotiate.Response,
    ) -> Negotiate.Response:
        agreement = negotiate(self._snapshot, [
            conversions.requirement_from_msg(need) for need in request.requirements])
        response.satisfied = agreement.satisfied
        response.chosen = [conversions.device_to_msg(device) for device in agreement.chosen]
        response.misses = list(agreement.misses)
        response.notices = list(self._snapshot.notices)
        return response

    def _count(self, doing: str, error: Exception) -> None:
        self._errors += 1
        self._node.get_logger().error(f'{doing} failed (error {self._errors}): {error!r}')


class HardwareDiscoveryPart:
    """Entry point of the group swarm.parts."""

    node_name: str = 'hw_discovery'
    config_type: type[Config] = Config

    def create(self, node: Node, config: Config) -> HardwareDiscovery:
        """Start discovery on a node; the caller spins it and closes what is returned."""
        return HardwareDiscovery(node, config)


PART = HardwareDiscoveryPart()
