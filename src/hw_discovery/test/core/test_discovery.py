# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When discovery looks, what it tells, and in which order. Time is an argument."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hw_discovery.core.device import BusKind, DevicePhase
from hw_discovery.core.discovery import (
    SCAN_RETRY_NS,
    AnswerRescan,
    Cause,
    Discovery,
    Effect,
    NoticeAdded,
    RescanAsked,
    ScanFailed,
    ScanFinished,
    Started,
    StartScan,
    TellChange,
    TellInventory,
    TimePassed,
    UeventSeen,
    UeventsLost,
    WakeAt,
)
from hw_discovery.core.host import HostFacts
from hw_discovery.core.inventory import ChangeKind
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.scan import BlindSpot, Scan

Nodes = Callable[..., list[KernelNode]]
MS = 1_000_000
PATH = '/devices/pci0000:00/0000:00:14.0/usb1/1-2'
EMPTY = ScanFinished(Scan(()))
I2C_BLIND = BlindSpot(frozenset({BusKind.I2C}), 'i2c: no')
SERIAL = frozenset({BusKind.SERIAL})


@pytest.fixture
def begun(discovery: Discovery) -> Discovery:
    discovery.handle(Started(), 0)
    discovery.handle(EMPTY, 0)
    return discovery


def changes(effects: tuple[Effect, ...]) -> list[ChangeKind]:
    return [e.change.kind for e in effects if isinstance(e, TellChange)]


def test_discovery_begins_with_a_scan(discovery: Discovery) -> None:
    assert discovery.handle(Started(), 0) == (StartScan(),)


def test_even_an_empty_first_inventory_is_told(discovery: Discovery) -> None:
    discovery.handle(Started(), 0)
    effects = discovery.handle(EMPTY, 0)
    assert [type(e) for e in effects] == [TellInventory]


def test_changes_are_told_before_the_inventory_that_contains_them(
    discovery: Discovery, make_usb_nodes: Nodes,
) -> None:
    discovery.handle(Started(), 0)
    effects = discovery.handle(ScanFinished(Scan(tuple(make_usb_nodes()))), 0)
    assert [type(e) for e in effects] == [TellChange, TellChange, TellInventory]
    told = effects[-1]
    assert isinstance(told, TellInventory)
    assert told.snapshot.revision == 2
    port = told.snapshot.devices[1]
    assert port.parent_id == told.snapshot.devices[0].device_id == 'usb:10c4:ea60:LIDAR17'


def test_a_burst_of_events_leads_to_one_scan_after_quiet(begun: Discovery) -> None:
    for at_ms in (0, 100, 250):
        effects = begun.handle(UeventSeen('add', PATH), at_ms * MS)
        assert effects == (WakeAt((at_ms + 300) * MS),)
    assert begun.handle(TimePassed(), 549 * MS) == (WakeAt(550 * MS),)
    assert begun.handle(TimePassed(), 550 * MS) == (StartScan(),)
    begun.handle(EMPTY, 560 * MS)
    assert begun.handle(TimePassed(), 10_000 * MS) == ()


def test_events_without_end_cannot_put_off_the_scan_for_ever(begun: Discovery) -> None:
    for at_ms in range(0, 2000, 100):
        effects = begun.handle(UeventSeen('change', PATH), at_ms * MS)
    assert effects == (WakeAt(2000 * MS),)


def test_lost_events_lead_to_a_scan(begun: Discovery) -> None:
    assert begun.handle(UeventsLost(), 0) == (WakeAt(300 * MS),)


def test_a_replug_within_the_debounce_is_a_new_generation(
    begun: Discovery, make_usb_nodes: Nodes,
) -> None:
    seen = ScanFinished(Scan(tuple(make_usb_nodes(tty=''))))
    begun.handle(RescanAsked(1), 0)
    begun.handle(seen, 0)
    begun.handle(UeventSeen('remove', PATH), 0)
    begun.handle(UeventSeen('add', PATH), 1)
    begun.handle(TimePassed(), 400 * MS)
    assert changes(begun.handle(seen, 400 * MS)) == [ChangeKind.VANISHED, ChangeKind.RETURNED]


def test_an_event_during_a_scan_leads_to_another(begun: Discovery) -> None:
    begun.handle(RescanAsked(1), 0)
    begun.handle(UeventSeen('add', PATH), 1)
    assert WakeAt(300 * MS + 1) in begun.handle(EMPTY, 2)


def test_a_rescan_is_answered_after_a_scan_that_began_after_it(begun: Discovery) -> None:
    assert begun.handle(RescanAsked(1), 0) == (StartScan(),)
    assert begun.handle(RescanAsked(2), 0) == ()
    first = begun.handle(EMPTY, 0)
    assert [e.ticket for e in first if isinstance(e, AnswerRescan)] == [1]
    assert first[-1] == StartScan()
    second = begun.handle(EMPTY, 0)
    assert [e.ticket for e in second if isinstance(e, AnswerRescan)] == [2]


def test_the_answer_counts_what_came_and_went(begun: Discovery, make_usb_nodes: Nodes) -> None:
    begun.handle(RescanAsked(1), 0)
    came = begun.handle(ScanFinished(Scan(tuple(make_usb_nodes()))), 0)[-1]
    assert came == AnswerRescan(1, revision=2, appeared=2, vanished=0, notices=())
    begun.handle(RescanAsked(2), 0)
    went = begun.handle(ScanFinished(Scan((), blind_spots=(I2C_BLIND,))), 0)[-1]
    assert went == AnswerRescan(2, revision=4, appeared=0, vanished=2, notices=('i2c: no',))


def test_a_scan_without_news_tells_nothing(begun: Discovery) -> None:
    begun.handle(UeventSeen('add', PATH), 0)
    begun.handle(TimePassed(), 300 * MS)
    assert begun.handle(EMPTY, 300 * MS) == ()


def test_a_failed_scan_loses_no_device_answers_and_is_tried_again(
    begun: Discovery, make_usb_nodes: Nodes,
) -> None:
    begun.handle(RescanAsked(1), 0)
    begun.handle(ScanFinished(Scan(tuple(make_usb_nodes()))), 0)
    begun.handle(RescanAsked(2), 0)
    effects = begun.handle(ScanFailed('I/O error'), 5)
    assert changes(effects) == []
    answer = next(e for e in effects if isinstance(e, AnswerRescan))
    assert answer.notices == ('a scan failed and will be tried again: I/O error',)
    assert effects[-1] == WakeAt(5 + SCAN_RETRY_NS)
    assert all(device.is_present for device in begun.snapshot.devices)


def test_a_remove_seen_before_a_failed_scan_is_not_forgotten(
    begun: Discovery, make_usb_nodes: Nodes,
) -> None:
    seen = ScanFinished(Scan(tuple(make_usb_nodes(tty=''))))
    begun.handle(RescanAsked(1), 0)
    begun.handle(seen, 0)
    begun.handle(UeventSeen('remove', PATH), 0)
    begun.handle(TimePassed(), 400 * MS)
    begun.handle(ScanFailed('x'), 400 * MS)
    begun.handle(RescanAsked(2), 500 * MS)
    assert ChangeKind.RETURNED in changes(begun.handle(seen, 500 * MS))


def test_notices_are_told_once_and_stay(begun: Discovery) -> None:
    told, = begun.handle(NoticeAdded('no udev'), 0)
    assert isinstance(told, TellInventory)
    assert told.snapshot.notices == ('no udev',)
    assert begun.handle(NoticeAdded('no udev'), 1) == ()
    begun.handle(RescanAsked(1), 2)
    assert begun.handle(EMPTY, 2)[-1] == AnswerRescan(1, 0, 0, 0, ('no udev',))


def test_the_processor_and_the_memory_are_in_the_inventory(begun: Discovery) -> None:
    host = HostFacts(4, 'Cortex-A76', 8 << 30, 'aarch64', 'Some Board')
    begun.handle(RescanAsked(1), 0)
    begun.handle(ScanFinished(replace(EMPTY.scan, host=host)), 0)
    snapshot = begun.snapshot
    assert [d.device_id for d in snapshot.devices] == ['platform:cpu', 'platform:memory']
    assert (snapshot.compute_units[0].cores, snapshot.host) == (4, host)


def test_a_blind_scan_keeps_what_was_believed(begun: Discovery, make_usb_nodes: Nodes) -> None:
    begun.handle(RescanAsked(1), 0)
    begun.handle(ScanFinished(Scan(tuple(make_usb_nodes()))), 0)
    begun.handle(RescanAsked(2), 0)
    blind = Scan((), blind_spots=(BlindSpot(SERIAL | {BusKind.USB}, 'no'),))
    assert changes(begun.handle(ScanFinished(blind), 0)) == []


def causes(effects: tuple[Effect, ...]) -> set[Cause]:
    return {e.cause for e in effects if isinstance(e, TellChange)}


def test_changes_of_the_first_scan_are_caused_by_the_start(
    discovery: Discovery, make_usb_nodes: Nodes,
) -> None:
    discovery.handle(Started(), 0)
    assert causes(discovery.handle(ScanFinished(Scan(tuple(make_usb_nodes()))), 0)) == {
        Cause.START}


def test_changes_carry_what_led_to_the_scan_that_found_them(
    begun: Discovery, make_usb_nodes: Nodes,
) -> None:
    full = ScanFinished(Scan(tuple(make_usb_nodes())))
    begun.handle(UeventSeen('add', PATH), 0)
    begun.handle(TimePassed(), 300 * MS)
    assert causes(begun.handle(full, 300 * MS)) == {Cause.NETLINK}
    begun.handle(RescanAsked(1), 400 * MS)
    assert causes(begun.handle(EMPTY, 400 * MS)) == {Cause.RESCAN}
    begun.handle(RescanAsked(2), 500 * MS)
    begun.handle(ScanFailed('x'), 500 * MS)
    assert begun.handle(TimePassed(), 500 * MS + SCAN_RETRY_NS) == (StartScan(),)
    assert causes(begun.handle(full, 500 * MS + SCAN_RETRY_NS)) == {Cause.RETRY}


def test_a_rescan_of_some_buses_looks_at_those_and_leaves_the_others(
    begun: Discovery, make_usb_nodes: Nodes,
) -> None:
    begun.handle(RescanAsked(1), 0)
    begun.handle(ScanFinished(Scan((
        *make_usb_nodes(), KernelNode('net', '/devices/platform/eth/net/eth0')))), 0)
    assert begun.handle(RescanAsked(2, SERIAL), 0) == (StartScan(SERIAL),)
    effects = begun.handle(ScanFinished(Scan(tuple(make_usb_nodes(tty='')))), 0)
    assert changes(effects) == [ChangeKind.VANISHED]
    assert {d.bus for d in begun.snapshot.devices if d.is_present} == {
        BusKind.USB, BusKind.NETWORK}


def test_rescans_that_wait_together_are_served_by_one_scan_of_all_their_buses(
    begun: Discovery,
) -> None:
    begun.handle(RescanAsked(1), 0)
    begun.handle(RescanAsked(2, SERIAL), 0)
    begun.handle(RescanAsked(3, frozenset({BusKind.I2C})), 0)
    assert begun.handle(EMPTY, 0)[-1] == StartScan(SERIAL | {BusKind.I2C})
    begun.handle(RescanAsked(4, SERIAL), 0)
    begun.handle(RescanAsked(5), 0)
    assert begun.handle(EMPTY, 0)[-1] == StartScan()


def test_a_rescan_of_some_buses_does_not_use_up_what_the_kernel_said_of_others(
    begun: Discovery, make_usb_nodes: Nodes,
) -> None:
    seen = ScanFinished(Scan(tuple(make_usb_nodes(tty=''))))
    begun.handle(RescanAsked(1), 0)
    begun.handle(seen, 0)
    begun.handle(UeventSeen('remove', PATH), 0)
    begun.handle(RescanAsked(2, SERIAL), 1)
    assert WakeAt(300 * MS) in begun.handle(seen, 2)
    assert begun.handle(TimePassed(), 300 * MS) == (StartScan(),)
    effects = begun.handle(seen, 300 * MS)
    assert changes(effects) == [ChangeKind.VANISHED, ChangeKind.RETURNED]
    begun.handle(RescanAsked(3), 400 * MS)
    assert changes(begun.handle(seen, 400 * MS)) == [], 'one removal is one generation'


def test_a_rescan_of_some_buses_keeps_the_host_its_units_and_the_other_notices(
    begun: Discovery,
) -> None:
    pci = '/devices/pci0000:00/0000:01:00.0'
    gpu = (KernelNode('pci', pci, attributes={'class': '0x030000', 'vendor': '0x1002'}),
           KernelNode('drm', f'{pci}/drm/renderD128'))
    begun.handle(RescanAsked(1), 0)
    begun.handle(ScanFinished(Scan(gpu, HostFacts(4, 'X'), (I2C_BLIND,))), 0)
    before = begun.snapshot
    assert [u.device_id for u in before.compute_units] == [
        'platform:cpu', before.devices[0].device_id]
    begun.handle(RescanAsked(2, SERIAL), 0)
    assert [type(e) for e in begun.handle(EMPTY, 0)] == [AnswerRescan]
    assert begun.snapshot == before
    begun.handle(RescanAsked(3, frozenset({BusKind.I2C})), 0)
    begun.handle(EMPTY, 0)
    assert begun.snapshot.notices == ()


def test_a_processor_that_vanishes_is_no_compute_unit_any_more(begun: Discovery) -> None:
    begun.handle(RescanAsked(1), 0)
    begun.handle(ScanFinished(Scan((), HostFacts(4, 'X'))), 0)
    assert [u.unit_id for u in begun.snapshot.compute_units] == ['cpu0']
    begun.handle(RescanAsked(2), 0)
    begun.handle(EMPTY, 0)
    assert begun.snapshot.compute_units == ()
    assert [d.phase for d in begun.snapshot.devices] == [DevicePhase.LOST]
