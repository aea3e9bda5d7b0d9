# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Scans, questions, claims and faults together: the lifecycle of a device. No IO, made-up time."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fakes.gps import FakeGps

from hw_discovery.catalogue_files import bundled
from hw_discovery.core.device import BusKind, DevicePhase, HardwareDevice, Verdict
from hw_discovery.core.discovery import (
    ScanFinished,
    Started,
    TellChange,
    TellInventory,
    TimePassed,
    UeventSeen,
    WakeAt,
)
from hw_discovery.core.hardware import (
    ClaimEnded,
    ClaimTaken,
    DeviceFailed,
    DeviceRecovered,
    Driven,
    DriversChanged,
    Effect,
    Event,
    Hardware,
    InterlockChanged,
    OutcomeHeard,
    TellPlaces,
)
from hw_discovery.core.inventory import ChangeKind
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.places import ProbePolicy
from hw_discovery.core.prober import Perform, StopPerforming
from hw_discovery.core.probing.consent import Interlock
from hw_discovery.core.probing.operation import Outcome, SerialListen
from hw_discovery.core.scan import Scan

MS = 1_000_000
CATALOGUE = bundled()
Nodes = Callable[..., list[KernelNode]]


class World:
    """A host with some nodes and a receiver behind each port that speaks."""

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self.nodes: list[KernelNode] = []
        self.speaks = True
        self.now_ns = 0
        self.changes: list[TellChange] = []
        self.stopped: list[StopPerforming] = []
        self.places: TellPlaces | None = None
        self.wake_ns: int | None = None
        self.performs = True
        self.waiting: list[Perform] = []
        gps = FakeGps(ubx=False)
        self._said = b''.join(gps.says() for _ in range(8))

    def tell(self, event: Event) -> None:
        todo: list[Event] = [event]
        while todo:
            effects = self.hardware.handle(todo.pop(0), self.now_ns)
            self.hardware.check_invariants()
            for effect in effects:
                todo += self._take(effect)

    def _take(self, effect: Effect) -> list[Event]:
        if isinstance(effect, TellChange):
            self.changes.append(effect)
        elif isinstance(effect, TellPlaces):
            self.places = effect
        elif isinstance(effect, WakeAt):
            self.wake_ns = effect.at_ns
        elif isinstance(effect, StopPerforming):
            self.stopped.append(effect)
        elif isinstance(effect, Perform) and not self.performs:
            self.waiting.append(effect)
        elif isinstance(effect, Perform):
            self.now_ns += MS
            return [self.outcome(effect)]
        elif type(effect).__name__ == 'StartScan':
            return [ScanFinished(Scan(tuple(self.nodes)))]
        return []

    def outcome(self, asked: Perform) -> OutcomeHeard:
        listens = isinstance(asked.operation, SerialListen)
        return OutcomeHeard(asked.lane, Outcome(
            asked.operation, self._said if listens and self.speaks else b'',
            at_ns=self.now_ns))

    def plug(self, nodes: list[KernelNode], action: str = 'add') -> None:
        self.nodes = nodes
        self.tell(UeventSeen(action, nodes[0].sysfs_path if nodes else '/devices/x'))
        self.now_ns += 1000 * MS
        self.tell(TimePassed())

    def devices(self) -> dict[str, HardwareDevice]:
        return {d.device_id: d for d in self.hardware.snapshot.devices}

    @property
    def gps(self) -> HardwareDevice:
        return next(d for d in self.devices().values() if d.kind == 'gps')


@pytest.fixture
def world() -> Iterator[World]:
    policy = ProbePolicy(serial=('/dev/tty*',), declared={
        '/dev/ttyUSB0': ('gps',), '/dev/ttyUSB1': ('gps',)})
    made = World(Hardware(20 * MS, 200 * MS, 8, CATALOGUE, policy))
    made.tell(Started())
    yield made
    made.hardware.check_invariants()


def test_a_plugged_receiver_goes_through_its_lifecycle(
    world: World, make_usb_nodes: Nodes,
) -> None:
    world.plug(make_usb_nodes())
    gps = world.gps
    assert (gps.phase, gps.generation, gps.bus) == (
        DevicePhase.IDENTIFIED, 1, BusKind.SERIAL)
    port = world.devices()[gps.parent_id]
    phases = [c.change.device.phase for c in world.changes
              if c.change.device.device_id == port.device_id]
    assert DevicePhase.PROBING in phases
    assert port.verdict is Verdict.IDENTIFIED, 'what was ambiguous is resolved by what is behind'
    assert world.devices()[port.parent_id].verdict is Verdict.IDENTIFIED
    assert gps.device_id.startswith('usb:10c4:ea60:LIDAR17/'), 'by the serial of its adapter'
    assert world.places is not None and world.places.places[gps.device_id].device == '/dev/ttyUSB0'


def test_what_is_unplugged_is_lost_with_all_that_hung_on_it_and_returns_anew(
    world: World, make_usb_nodes: Nodes,
) -> None:
    world.plug(make_usb_nodes())
    gps_id = world.gps.device_id
    world.plug([], 'remove')
    assert world.gps.phase is DevicePhase.LOST
    world.changes.clear()
    world.plug(make_usb_nodes(devnum='6', port='1-3'))
    assert (world.gps.device_id, world.gps.generation) == (gps_id, 2)
    assert ChangeKind.RETURNED in [
        c.change.kind for c in world.changes if c.change.device.device_id == gps_id]


def test_a_replug_too_fast_to_be_seen_missing_is_another_attachment(
    world: World, make_usb_nodes: Nodes,
) -> None:
    world.plug(make_usb_nodes())
    world.plug(make_usb_nodes(devnum='6'), 'remove')
    assert (world.gps.generation, world.gps.phase) == (2, DevicePhase.IDENTIFIED)


def test_scans_in_between_leave_what_was_found_by_asking(
    world: World, make_usb_nodes: Nodes,
) -> None:
    world.plug(make_usb_nodes())
    before = world.devices()
    world.plug(make_usb_nodes(), 'change')
    assert world.devices() == before


def test_twins_without_serials_are_kept_apart_by_port(
    world: World, make_usb_nodes: Nodes,
) -> None:
    world.plug([*make_usb_nodes(serial='', port='1-2', tty='ttyUSB0'),
                *make_usb_nodes(serial='', port='1-3', tty='ttyUSB1', devnum='9')])
    found = sorted(d.device_id for d in world.devices().values() if d.kind == 'gps')
    assert len(found) == 2 and '-2/' in found[0] and '-3/' in found[1]


def test_a_claim_is_of_one_attachment_and_ends_with_its_time(
    world: World, make_usb_nodes: Nodes,
) -> None:
    world.plug(make_usb_nodes())
    gps_id = world.gps.device_id
    world.tell(ClaimTaken(gps_id, 2, 'mapper', 10**15))
    assert world.gps.claimed_by == '', 'another attachment was meant'
    until_ns = world.now_ns + 5000 * MS
    world.tell(ClaimTaken(gps_id, 1, 'mapper', until_ns))
    assert (world.gps.phase, world.gps.claimed_by) == (DevicePhase.CLAIMED, 'mapper')
    assert world.wake_ns == until_ns
    world.tell(ClaimEnded(gps_id, 'somebody else'))
    assert world.gps.claimed_by == 'mapper'
    world.now_ns = until_ns
    world.tell(TimePassed())
    assert (world.gps.phase, world.gps.claimed_by) == (DevicePhase.IDENTIFIED, '')
    world.tell(ClaimTaken(gps_id, 1, 'mapper', world.now_ns + 10**12))
    world.plug([], 'remove')
    world.plug(make_usb_nodes(devnum='7'))
    assert (world.gps.generation, world.gps.claimed_by) == (2, ''), (
        'nothing is carried over', world.devices().values())


def test_a_driver_holds_fails_recovers_and_gives_way_to_a_client(
    world: World, make_usb_nodes: Nodes,
) -> None:
    world.plug(make_usb_nodes())
    gps_id = world.gps.device_id
    driven = DriversChanged({gps_id: Driven('gps_1', ('/r1/sensors/gps_1/fix',), 'r1/gps_1')})
    world.tell(driven)
    assert world.gps.claimed_by == 'driver:gps_1' and world.gps.topics == (
        '/r1/sensors/gps_1/fix',)
    world.tell(DeviceFailed(gps_id, 'nothing heard for 5 s'))
    world.tell(DriversChanged({}))
    assert (world.gps.phase, world.gps.fault, world.gps.claimed_by) == (
        DevicePhase.FAULTY, 'nothing heard for 5 s', '')
    world.tell(driven)
    assert world.gps.phase is DevicePhase.FAULTY, 'it is tried again, and not well yet'
    world.tell(DeviceRecovered(gps_id))
    assert (world.gps.phase, world.gps.fault) == (DevicePhase.CLAIMED, '')
    world.tell(ClaimTaken(gps_id, 1, 'mapper', world.now_ns + 10**12))
    assert world.gps.claimed_by == 'mapper'
    world.tell(DriversChanged({}))
    assert (world.gps.claimed_by, world.gps.topics) == ('mapper', ())


def test_an_interlock_stops_what_runs_and_enumeration_goes_on(
    world: World, make_usb_nodes: Nodes,
) -> None:
    world.performs = False
    world.plug(make_usb_nodes())
    (asked,) = world.waiting
    world.tell(InterlockChanged(Interlock(emergency=True)))
    assert [s.lanes for s in world.stopped] == [(asked.lane,)]
    world.tell(world.outcome(asked))
    assert not [d for d in world.devices().values() if d.kind == 'gps']
    world.plug([*make_usb_nodes(), *make_usb_nodes(
        serial='OTHER99', port='1-3', tty='ttyUSB1', devnum='9')])
    assert len([d for d in world.devices().values() if d.bus is BusKind.SERIAL]) == 2
    assert world.waiting == [asked], 'nothing was asked meanwhile'
    world.performs = True
    world.tell(InterlockChanged(Interlock()))
    assert len([d for d in world.devices().values() if d.kind == 'gps']) == 2


def test_a_silent_port_stays_a_port(world: World, make_usb_nodes: Nodes) -> None:
    world.speaks = False
    world.plug(make_usb_nodes())
    assert not [d for d in world.devices().values() if d.kind]
    port = next(d for d in world.devices().values() if d.bus is BusKind.SERIAL)
    assert port.phase is DevicePhase.APPEARED


def test_a_bootloader_is_the_same_device_in_another_state(
    world: World, make_usb_nodes: Nodes,
) -> None:
    entry = next(e for e in CATALOGUE.entries if e.usb and e.usb.bootloader_ids
                 and e.usb.proof.value in ('unique', 'vendor_unique')
                 and all(len(CATALOGUE.of_usb(b.vendor, b.product)) == 1
                         for b in e.usb.bootloader_ids[:1])
                 and e.usb.ids[0].product != '*')
    assert entry.usb is not None
    usual, sleeping = entry.usb.ids[0], entry.usb.bootloader_ids[0]
    world.plug(make_usb_nodes(ids=(usual.vendor, usual.product), serial='A1B2C3', tty=''))
    (device,) = [d for d in world.devices().values() if d.bus is BusKind.USB]
    if not device.catalogue_id:
        pytest.skip(f'{entry.id} needs its strings')
    world.plug([], 'remove')
    world.plug(make_usb_nodes(
        ids=(sleeping.vendor, sleeping.product), serial='', tty='', devnum='8'))
    again = world.devices()[device.device_id]
    assert (again.state, again.generation) == ('bootloader', 2)
    world.plug(make_usb_nodes(
        ids=(usual.vendor, usual.product), serial='A1B2C3', tty='', devnum='9'))
    last = world.devices()[device.device_id]
    assert (last.state, last.generation, len(world.devices())) == ('', 3, 1)


def test_the_inventory_is_told_after_the_changes_and_once(
    world: World, make_usb_nodes: Nodes,
) -> None:
    world.nodes = make_usb_nodes()
    world.hardware.handle(UeventSeen('add', '/devices/x'), world.now_ns)
    effects: tuple[Any, ...] = world.hardware.handle(TimePassed(), world.now_ns + 1000 * MS)
    assert [type(e).__name__ for e in effects][:1] == ['StartScan']
    effects = world.hardware.handle(ScanFinished(Scan(tuple(world.nodes))), world.now_ns)
    kinds = [type(e).__name__ for e in effects]
    assert kinds.count('TellInventory') == 1
    told = next(e for e in effects if isinstance(e, TellInventory))
    assert kinds.index('TellInventory') > max(
        i for i, kind in enumerate(kinds) if kind == 'TellChange')
    assert told.snapshot.revision == max(
        e.change.revision for e in effects if isinstance(e, TellChange))
    assert kinds.index('TellInventory') < kinds.index('Perform')
