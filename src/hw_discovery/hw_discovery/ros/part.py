# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The part a robot process loads: publishers and services around a DiscoveryWorker.

Everything ROS happens on the executor's thread. The worker puts its effects on a queue and
gives the executor a task; nothing here waits for it.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future
from swarm_msgs.msg import HardwareEvent, HardwareInventory
from swarm_msgs.srv import ListDevices, Negotiate, Rescan

from hw_discovery import memory_file
from hw_discovery.buses.adapters import AdapterRules, DeniedAdapters
from hw_discovery.buses.announced import AnnouncedDevices
from hw_discovery.buses.camera_formats import CameraFormats
from hw_discovery.buses.declared_ports import DeclaredPorts
from hw_discovery.buses.host_scan import HostScanner
from hw_discovery.buses.i2c_probe import I2cProbe
from hw_discovery.buses.performer import Performers
from hw_discovery.buses.prober_worker import ProberWorker
from hw_discovery.buses.serial_probe import SerialProbe
from hw_discovery.buses.spi_probe import SpiProbe
from hw_discovery.buses.transcript import RecordingUevents, TranscriptWriter, recording_scan
from hw_discovery.buses.transcript_json import Mask
from hw_discovery.buses.worker import DiscoveryWorker
from hw_discovery.catalogue_files import load
from hw_discovery.config import Config
from hw_discovery.core.capability import negotiate, select
from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.device import BusKind
from hw_discovery.core.discovery import (
    AnswerRescan,
    NoticeAdded,
    RescanAsked,
    TellChange,
    TellInventory,
    UeventSeen,
)
from hw_discovery.core.explanation import obstacles
from hw_discovery.core.hardware import (
    Effect,
    Event,
    Hardware,
    InterlockChanged,
    KeepMemory,
    OutcomeHeard,
    TellPlaces,
)
from hw_discovery.core.inventory import Snapshot
from hw_discovery.core.places import ProbePolicy
from hw_discovery.core.prober import Lane, Perform, StopPerforming
from hw_discovery.core.probing.consent import Interlock
from hw_discovery.core.probing.operation import I2cBareRead, I2cRead, Outcome, SpiExchange
from hw_discovery.core.request import bus_notices
from hw_discovery.core.scan import Scan
from hw_discovery.ros import conversions
from hw_discovery.ros.device_services import DeviceServices
from hw_discovery.ros.driver_side import DriverSide
from hw_discovery.ros.interlock import InterlockListener

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
        self._places = TellPlaces({}, {}, {}, (), ())
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
        self._catalogue, problems = _catalogue(config)
        self._record: IO[str] | None = None
        self._writer = self._opened_transcript()
        self._serial = SerialProbe()
        self._announced = AnnouncedDevices()
        self._asking = self._made_asking()
        self._interlock = InterlockListener(
            node, config.swarm_id, self._on_interlock, self._group)
        self._devices = DeviceServices(
            node, config.robot_id, self._catalogue, self._post,
            lambda: (self._snapshot, self._places), self._group)
        self._drivers = DriverSide(
            node, config, self._catalogue, self._post, self._interlock.follow)
        self._worker = self._made_worker(problems)
        self._worker.start()         # last: from here on effects come

    @property
    def is_armed(self) -> bool:
        """The robot, or a driver of an actuator, was heard to be armed."""
        return self._interlock.interlock.armed

    def close(self) -> None:
        """Stop and join the worker, and answer whoever still waits. Never raises."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._serial.close()
            self._announced.close()
            self._drivers.close()
            if not self._asking.close():
                self._node.get_logger().warning(
                    'a bus still blocks; its thread was left behind')
            if not self._worker.close():
                self._node.get_logger().warning(
                    'a scan still blocks on a driver; its thread was left behind')
            if self._record is not None:
                self._record.close()
            for ticket in list(self._waiting):
                self._answer(self._unfinished(ticket, 'hardware discovery is closing'))
        except Exception as error:
            self._count('closing', error)

    def _post(self, event: Event) -> None:
        self._worker.post(event)

    def _made_worker(self, problems: tuple[str, ...]) -> DiscoveryWorker:
        config = self._config
        declared = DeclaredPorts(config.serial_ports)
        scanner = HostScanner(
            config.buses, Path(config.sysfs_root), Path(config.proc_root), declared,
            CameraFormats() if config.probe else None,
            self._announced if config.mdns_services else None)
        self._looked_at = scanner.kinds
        uevents = scanner.follow() if config.follow_hotplug else None
        scan: Callable[[frozenset[BusKind]], Scan] = scanner.scan
        if self._writer is not None:
            scan = recording_scan(scan, self._writer)
            uevents = RecordingUevents(uevents, self._writer) if uevents is not None else None
        memory, forgotten = memory_file.read(
            config.memory_file, {entry.id for entry in self._catalogue.entries},
        ) if config.memory_file else ({}, '')
        hardware = Hardware(
            config.debounce_ms * _NS_PER_MS, config.debounce_max_ms * _NS_PER_MS,
            config.lost_devices_max, self._catalogue, _policy(config), memory)
        worker = DiscoveryWorker(
            hardware, scan, uevents, self._deliver, declared if declared else None)
        if config.mdns_services:
            why_not = self._announced.open(
                config.mdns_services, config.mdns_interfaces,
                lambda path: worker.post(UeventSeen('change', path)))
            problems += (why_not,) if why_not else ()
        for text in (*scanner.notices, *problems, *((forgotten,) if forgotten else ())):
            worker.post(NoticeAdded(text))
        return worker

    def _made_asking(self) -> ProberWorker:
        rules = self._catalogue.bus_rules.i2c
        # Which adapters are asked is decided by core/places.py; what is denied here is so in
        # any case.
        i2c = I2cProbe(AdapterRules(('*',), tuple(
            DeniedAdapters(pattern, 'the catalogue denies it')
            for pattern in rules.deny_adapters)))
        spi = SpiProbe()
        return ProberWorker(
            self._serial, Performers({I2cBareRead: i2c, I2cRead: i2c, SpiExchange: spi}),
            self._heard, self._writer.outcome if self._writer is not None else _nothing)

    def _opened_transcript(self) -> TranscriptWriter | None:
        path = self._config.record_transcript
        if not path:
            return None
        try:
            self._record = open(path, 'w', encoding='utf-8')  # noqa: SIM115  closed by close()
        except OSError as error:
            self._node.get_logger().error(f'record_transcript: {path}: {error.strerror}')
            return None
        return TranscriptWriter(self._record, Mask(os.urandom(16)))

    def _heard(self, lane: Lane, outcome: Outcome) -> None:
        """On a lane's thread."""
        self._worker.post(OutcomeHeard(lane, outcome))

    def _on_interlock(self, interlock: Interlock) -> None:
        """Told first, then stopped: an outcome of what was stopped comes after the news."""
        if interlock.reason:
            self._post(InterlockChanged(interlock))
            self._serial.cancel()
        else:
            self._serial.resume()
            self._post(InterlockChanged(interlock))
        self._drivers.set_emergency(interlock.emergency)

    def _deliver(self, effect: Effect) -> None:
        """On the worker's thread."""
        if self._is_closed:
            return
        if isinstance(effect, Perform):
            self._asking.perform(effect.lane, effect.operation)
            return
        if isinstance(effect, StopPerforming):
            self._asking.stop(effect.lanes)
            return
        if isinstance(effect, KeepMemory):
            why = memory_file.write(
                self._config.memory_file, effect.memory) if self._config.memory_file else ''
            if why:
                self._worker.post(NoticeAdded(why))
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
            self._drivers.update(self._snapshot, self._places)
        elif isinstance(effect, TellPlaces):
            self._places = effect
            self._drivers.update(self._snapshot, self._places)
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
        response.notices = [*self._bus_notices(request.buses), *self._notices()]
        return response

    def _on_negotiate(
        self, request: Negotiate.Request, response: Negotiate.Response,
    ) -> Negotiate.Response:
        agreement = negotiate(self._snapshot, [
            conversions.requirement_from_msg(need) for need in request.requirements])
        response.satisfied = agreement.satisfied
        response.chosen = [conversions.device_to_msg(device) for device in agreement.chosen]
        response.chosen_ids = list(agreement.chosen_ids)
        response.misses = list(agreement.misses)
        response.notices = self._notices()
        return response

    def _notices(self) -> list[str]:
        """Return what could not be looked at, and what could not be asked."""
        verdicts = [one for group in self._places.verdicts.values() for one in group]
        return [*self._snapshot.notices, *obstacles(verdicts)]

    def _count(self, doing: str, error: Exception) -> None:
        self._errors += 1
        self._node.get_logger().error(f'{doing} failed (error {self._errors}): {error!r}')


def _nothing(outcome: Outcome) -> None:
    """Nothing is recorded."""


def _policy(config: Config) -> ProbePolicy:
    if not config.probe:
        return ProbePolicy(never=('*',))
    return ProbePolicy(
        (*config.probe_serial, *config.serial_ports), config.probe_i2c, config.probe_spi,
        config.never_probe, config.serial_ports_to_ask, config.declared_places())


def _catalogue(config: Config) -> tuple[Catalogue, tuple[str, ...]]:
    """Return the catalogue, and what was wrong in files; those are left out."""
    loaded = load([Path(name) for name in config.catalogue_files])
    return loaded.catalogue, tuple(f'catalogue: {problem}'[:300] for problem in loaded.problems)


class HardwareDiscoveryPart:
    """Entry point of the group swarm.parts."""

    node_name: str = 'hw_discovery'
    config_type: type[Config] = Config

    def create(self, node: Node, config: Config) -> HardwareDiscovery:
        """Start discovery on a node; the caller spins it and closes what is returned."""
        return HardwareDiscovery(node, config)


PART = HardwareDiscoveryPart()
