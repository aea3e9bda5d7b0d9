# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Appeared, changed, vanished, returned: generations, revisions and what is remembered."""

import random
from collections.abc import Callable

import pytest

from hw_discovery.core.device import BusKind, DevicePhase, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.inventory import ChangeKind, Inventory

Make = Callable[..., Finding]
A, B = '/devices/pci/usb1/1-1', '/devices/pci/usb1/1-2'


def test_a_first_sight_is_appeared_with_generation_one(
    inventory: Inventory, make_finding: Make,
) -> None:
    change, = inventory.update([make_finding(A)])
    assert change.kind is ChangeKind.APPEARED
    assert (change.device.generation, change.revision) == (1, 1)
    assert change.device.phase is DevicePhase.APPEARED


def test_an_identified_device_is_in_phase_identified(
    inventory: Inventory, make_finding: Make,
) -> None:
    change, = inventory.update([make_finding(A, verdict=Verdict.IDENTIFIED)])
    assert change.device.phase is DevicePhase.IDENTIFIED


def test_the_same_sight_again_changes_nothing(inventory: Inventory, make_finding: Make) -> None:
    inventory.update([make_finding(A)])
    assert inventory.update([make_finding(A)]) == ()
    assert inventory.revision == 1


def test_a_vanished_device_stays_as_lost(inventory: Inventory, make_finding: Make) -> None:
    inventory.update([make_finding(A)])
    change, = inventory.update([])
    assert change.kind is ChangeKind.VANISHED
    assert [d.phase for d in inventory.devices] == [DevicePhase.LOST]


def test_a_device_that_comes_back_has_the_next_generation(
    inventory: Inventory, make_finding: Make,
) -> None:
    inventory.update([make_finding(A)])
    inventory.update([])
    change, = inventory.update([make_finding(A)])
    assert (change.kind, change.device.generation) == (ChangeKind.RETURNED, 2)


def test_a_replug_between_two_scans_is_seen_by_the_device_number(
    inventory: Inventory, make_finding: Make,
) -> None:
    inventory.update([make_finding(A, attachment='1.5')])
    gone, back = inventory.update([make_finding(A, attachment='1.6')])
    assert (gone.kind, gone.device.phase) == (ChangeKind.VANISHED, DevicePhase.LOST)
    assert (back.kind, back.device.generation) == (ChangeKind.RETURNED, 2)


def test_a_replug_between_two_scans_is_seen_by_the_remove_event(
    inventory: Inventory, make_finding: Make,
) -> None:
    inventory.update([make_finding(A), make_finding(B)])
    changes = inventory.update([make_finding(A), make_finding(B)], frozenset({A}))
    assert [c.kind for c in changes] == [ChangeKind.VANISHED, ChangeKind.RETURNED]
    assert {d.sysfs_path: d.generation for d in inventory.devices} == {A: 2, B: 1}


def test_new_evidence_is_a_change_and_no_new_attachment(
    inventory: Inventory, make_finding: Make,
) -> None:
    inventory.update([make_finding(A, verdict=Verdict.IDENTIFIED)])
    change, = inventory.update([make_finding(A, driver='cp210x')])
    assert (change.kind, change.device.generation) == (ChangeKind.CHANGED, 1)
    assert change.device.phase is DevicePhase.APPEARED, 'doubt takes the identification back'


def test_absence_on_a_bus_nobody_looked_at_proves_nothing(
    inventory: Inventory, make_finding: Make,
) -> None:
    inventory.update([make_finding(A), make_finding(f'{A}/t', bus=BusKind.SERIAL, nested_id='t'),
                      make_finding(B, bus=BusKind.SERIAL)])
    changes = inventory.update([make_finding(f'{A}/t', bus=BusKind.SERIAL, nested_id='t')],
                               blind_buses=frozenset({BusKind.USB}))
    assert [(c.kind, c.device.sysfs_path) for c in changes] == [(ChangeKind.VANISHED, B)]


def test_children_vanish_before_and_appear_after_their_parent(
    inventory: Inventory, make_finding: Make,
) -> None:
    tree = [make_finding(f'{A}/t', nested_id='t'), make_finding(A)]
    assert [c.device.sysfs_path for c in inventory.update(tree)] == [A, f'{A}/t']
    assert [c.device.sysfs_path for c in inventory.update([])] == [f'{A}/t', A]


def test_only_so_many_lost_devices_are_remembered_and_the_oldest_go_first(
    inventory: Inventory, make_finding: Make,
) -> None:
    for number in range(5):
        inventory.update([make_finding(f'/devices/x/{number}')])
    inventory.update([])
    assert [d.sysfs_path for d in inventory.devices] == [f'/devices/x/{n}' for n in (2, 3, 4)]


def test_forgetting_a_lost_device_orphans_no_child(make_finding: Make) -> None:
    small = Inventory(lost_devices_max=1)
    small.update([make_finding(A), make_finding(f'{A}/t', nested_id='t')])
    small.update([])
    small.check_invariants()
    small.update([make_finding(B)])
    small.update([])
    small.check_invariants()


SERIAL, USB = frozenset({BusKind.SERIAL}), frozenset({BusKind.USB})


def test_only_devices_of_the_asked_buses_are_judged(
    inventory: Inventory, make_finding: Make,
) -> None:
    inventory.update([make_finding(A), make_finding(B, bus=BusKind.SERIAL)])
    changes = inventory.update([], buses=SERIAL)
    assert [(c.kind, c.device.sysfs_path) for c in changes] == [(ChangeKind.VANISHED, B)]
    assert inventory.update([make_finding(B)], buses=SERIAL) == (), 'USB was not asked for'


def test_a_new_device_brings_along_what_it_hangs_on(
    inventory: Inventory, make_finding: Make,
) -> None:
    found = [make_finding(A), make_finding(f'{A}/t', bus=BusKind.SERIAL, nested_id='t'),
             make_finding(B)]
    changes = inventory.update(found, buses=SERIAL)
    assert [c.device.sysfs_path for c in changes] == [A, f'{A}/t']
    inventory.check_invariants()


def test_a_device_that_was_replaced_in_its_port_takes_its_children_with_it(
    inventory: Inventory, make_finding: Make,
) -> None:
    inventory.update([
        make_finding(A, port_id='old'),
        make_finding(f'{A}/t', bus=BusKind.SERIAL, nested_id='t'),
        make_finding(f'{A}/v', bus=BusKind.VIDEO, nested_id='v')])
    changes = inventory.update([
        make_finding(A, port_id='new'),
        make_finding(f'{A}/t', bus=BusKind.SERIAL, nested_id='t')], buses=SERIAL)
    assert [(c.kind, c.device.device_id) for c in changes] == [
        (ChangeKind.VANISHED, 'old/t'), (ChangeKind.VANISHED, 'old/v'),
        (ChangeKind.VANISHED, 'old'), (ChangeKind.APPEARED, 'new'),
        (ChangeKind.APPEARED, 'new/t')]
    inventory.check_invariants()


def test_nothing_stays_on_a_device_that_is_gone_though_its_own_bus_was_blind(
    inventory: Inventory, make_finding: Make,
) -> None:
    tree = [make_finding(A), make_finding(f'{A}/t', bus=BusKind.SERIAL, nested_id='t')]
    for how in ({'blind_buses': SERIAL}, {'buses': USB}):
        inventory.update(tree)
        changes = inventory.update([], **how)
        assert [c.kind for c in changes] == [ChangeKind.VANISHED] * 2
        inventory.check_invariants()


def test_a_remove_event_waits_for_a_scan_of_its_bus(
    inventory: Inventory, make_finding: Make,
) -> None:
    inventory.update([make_finding(A)])
    assert inventory.update([make_finding(A)], frozenset({A}), buses=SERIAL) == ()
    assert [c.kind for c in inventory.update([make_finding(A)], buses=USB)] == [
        ChangeKind.VANISHED, ChangeKind.RETURNED]
    assert inventory.update([make_finding(A)]) == ()


BUSES = (BusKind.USB, BusKind.SERIAL, BusKind.VIDEO)


def random_tree(rng: random.Random, make_finding: Make) -> list[Finding]:
    """Return USB devices in four ports, some behind a hub, some with children."""
    found = []
    for port in ('1', '2', '1/3', '2/4'):
        path = f'/devices/pci/usb1/{port}'
        if '/' in port and not any(f.sysfs_path == path.rpartition('/')[0] for f in found):
            continue
        if rng.random() < 0.3:
            continue
        found.append(make_finding(
            path, port_id=f'{port}:{rng.choice("xy")}', attachment=rng.choice('56'),
            strong_id=rng.choice(('', 'lidar', 'imu'))))
        found += [make_finding(f'{path}/{name}', bus=bus, nested_id=name, port_id=path + name)
                  for name, bus in (('t', BusKind.SERIAL), ('v', BusKind.VIDEO))
                  if rng.random() < 0.6]
    return found


@pytest.mark.parametrize('seed', range(60))
def test_whatever_is_scanned_in_whatever_order_the_inventory_holds_together(
    make_finding: Make, seed: int,
) -> None:
    rng = random.Random(seed)
    inventory = Inventory(lost_devices_max=4)
    for _ in range(30):
        tree = random_tree(rng, make_finding)
        buses = frozenset(rng.sample(BUSES, rng.randint(0, 2)))
        blind = frozenset(rng.sample(BUSES, 1) if rng.random() < 0.3 else ())
        removed = frozenset(f.sysfs_path for f in tree if rng.random() < 0.2)
        # What is looked at holds the devices that others hang on, as a scanner does.
        looked_at = [f for f in tree if (not buses or f.bus in buses or f.bus is BusKind.USB)
                     and f.bus not in blind]
        inventory.update(looked_at, removed, blind, buses)
        inventory.check_invariants()
    inventory.update(tree)
    assert set(inventory.present_ids) == {f.sysfs_path for f in tree}
    assert inventory.update(tree) == ()
