# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which driver is started and stopped when; time is made up."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hw_discovery.core.device import DevicePhase, HardwareDevice
from hw_discovery.drivers.manager import (
    Closing,
    Drivable,
    DriverEnded,
    DriverManager,
    DriverWorks,
    InventoryChanged,
    RestartTiming,
    StartDriver,
    StopDriver,
    TellFault,
    TellRecovered,
    TimePassed,
)

S = 1_000_000_000
ID = 'serial:gps17'


@pytest.fixture
def manager() -> Iterator[DriverManager]:
    made = DriverManager(drivers=('gps', 'imu'))
    yield made
    made.check_invariants()


@pytest.fixture
def gps(make_device: Callable[..., HardwareDevice]) -> Callable[..., Drivable]:
    def build(driver: str = 'gps', parameters: Any = None, **fields: Any) -> Drivable:
        return Drivable(make_device(**fields), driver, parameters=parameters or {})
    return build


def test_an_identified_device_gets_its_driver_at_once(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    item = gps()
    assert manager.handle(InventoryChanged((item,)), 0) == (StartDriver(item),)
    assert manager.claimed == {ID} and manager.next_due_ns() is None
    assert manager.handle(InventoryChanged((item,)), 1) == (), 'one per device'


@pytest.mark.parametrize('phase', [
    DevicePhase.APPEARED, DevicePhase.PROBING, DevicePhase.CLAIMED, DevicePhase.FAULTY,
    DevicePhase.LOST])
def test_only_an_identified_device_is_driven(
    manager: DriverManager, gps: Callable[..., Drivable], phase: DevicePhase,
) -> None:
    assert manager.handle(InventoryChanged((gps(phase=phase),)), 0) == ()


def test_a_device_stays_driven_while_it_is_called_claimed(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    manager.handle(InventoryChanged((gps(),)), 0)
    assert manager.handle(InventoryChanged((gps(phase=DevicePhase.CLAIMED),)), 1) == ()


def test_a_driver_that_nobody_has_starts_nothing(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    assert manager.handle(InventoryChanged((gps(driver='warp'), )), 0) == ()
    assert manager.handle(InventoryChanged((gps(driver=''), )), 0) == ()


def test_a_device_that_vanished_stops_its_driver_without_a_fault(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    manager.handle(InventoryChanged((gps(),)), 0)
    assert manager.handle(InventoryChanged(()), 1) == (
        StopDriver(ID, 1, 'the device is gone'),)
    assert manager.handle(DriverEnded(ID, 1, 'read failed'), 2) == ()
    assert manager.claimed == frozenset()


def test_a_new_generation_starts_only_after_the_old_driver_ended(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    manager.handle(InventoryChanged((gps(),)), 0)
    again = gps(generation=2)
    assert manager.handle(InventoryChanged((again,)), 1) == (
        StopDriver(ID, 1, 'the device was attached anew'),)
    assert manager.handle(TimePassed(), 2) == ()
    assert manager.handle(DriverEnded(ID, 1), 3) == (StartDriver(again),)


def test_other_parameters_mean_another_driver(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    manager.handle(InventoryChanged((gps(),)), 0)
    assert manager.handle(InventoryChanged((gps(parameters={'baud': 38400}),)), 1)


def test_failures_are_told_and_the_waits_double_up_to_the_limit(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    item, now = gps(), 0
    manager.handle(InventoryChanged((item,)), now)
    waits = []
    for _ in range(9):
        assert manager.handle(DriverEnded(ID, 1, 'no bytes'), now) == (
            TellFault(ID, 1, 'no bytes'),)
        assert manager.claimed == frozenset(), 'a failed device is not held'
        due = manager.next_due_ns()
        assert due is not None
        waits.append((due - now) // S)
        assert manager.handle(TimePassed(), due - 1) == ()
        assert manager.handle(TimePassed(), due) == (StartDriver(item),)
        now = due
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_fault_is_recalled_when_readings_come_and_told_once(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    manager.handle(InventoryChanged((gps(),)), 0)
    assert manager.handle(DriverWorks(ID, 1), 0) == ()
    manager.handle(DriverEnded(ID, 1, 'no bytes'), S)
    manager.handle(TimePassed(), 2 * S)
    assert manager.handle(DriverWorks(ID, 1), 3 * S) == (TellRecovered(ID, 1),)


def test_after_long_good_work_the_first_wait_is_short_again(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    manager.handle(InventoryChanged((gps(),)), 0)
    for _ in range(5):
        manager.handle(DriverEnded(ID, 1, 'x'), manager.next_due_ns() or 0)
        manager.handle(TimePassed(), manager.next_due_ns() or 0)
    manager.handle(DriverWorks(ID, 1), 100 * S)
    manager.handle(DriverEnded(ID, 1, 'x'), 200 * S)
    assert manager.next_due_ns() == 201 * S


def test_a_driver_that_does_not_end_is_told_once_and_never_doubled(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    manager.handle(InventoryChanged((gps(),)), 0)
    manager.handle(InventoryChanged((gps(generation=2),)), 0)
    (fault,) = manager.handle(TimePassed(), 3 * S)
    assert isinstance(fault, TellFault) and 'blocks' in fault.text
    assert manager.handle(TimePassed(), 99 * S) == () and manager.next_due_ns() is None
    (start,) = manager.handle(DriverEnded(ID, 1), 100 * S)
    assert isinstance(start, StartDriver) and start.drivable.device.generation == 2


def test_news_of_an_older_generation_changes_nothing(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    manager.handle(InventoryChanged((gps(generation=2),)), 0)
    assert manager.handle(DriverEnded(ID, 1, 'late'), 1) == ()
    assert manager.handle(DriverWorks(ID, 1), 1) == ()
    assert manager.claimed == {ID}


def test_a_replug_does_not_wait_for_the_back_off(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    manager.handle(InventoryChanged((gps(),)), 0)
    manager.handle(DriverEnded(ID, 1, 'gone'), 1)
    again = gps(generation=2)
    assert manager.handle(InventoryChanged((again,)), 2) == (StartDriver(again),)
    assert manager.handle(DriverWorks(ID, 2), 3) == (TellRecovered(ID, 2),)


def test_closing_stops_all_and_starts_nothing_more(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    manager.handle(InventoryChanged((gps(), gps(driver='imu', device_id='i2c:1:68'))), 0)
    assert {e.device_id for e in manager.handle(Closing(), 1)
            if isinstance(e, StopDriver)} == {ID, 'i2c:1:68'}
    manager.handle(DriverEnded(ID, 1), 2)
    assert manager.handle(InventoryChanged((gps(),)), 3) == ()


def test_an_endless_error_text_is_cut(
    manager: DriverManager, gps: Callable[..., Drivable],
) -> None:
    manager.handle(InventoryChanged((gps(),)), 0)
    (fault,) = manager.handle(DriverEnded(ID, 1, 'x' * 10_000), 1)
    assert isinstance(fault, TellFault) and len(fault.text) == 500


def test_timing_that_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match='first_wait_ns'):
        RestartTiming(first_wait_ns=5, wait_max_ns=4)


@pytest.mark.parametrize('seed', range(20))
def test_whatever_comes_no_device_ever_has_two_drivers(
    gps: Callable[..., Drivable], seed: int,
) -> None:
    rng = random.Random(seed)
    manager = DriverManager(drivers=('gps',))
    running: set[tuple[str, int]] = set()
    now = 0
    for _ in range(300):
        now += rng.randrange(2 * S)
        ids = rng.sample(['a', 'b', 'c'], rng.randrange(4))
        event: Any = rng.choice([
            InventoryChanged(tuple(
                gps(device_id=i, generation=rng.randrange(1, 4)) for i in ids)),
            TimePassed(), *[DriverEnded(*key, 'x') for key in sorted(running)],
            *[DriverWorks(*key) for key in sorted(running)]])
        if isinstance(event, DriverEnded):
            running.discard((event.device_id, event.generation))
        for effect in manager.handle(event, now):
            if isinstance(effect, StartDriver):
                key = (effect.drivable.device.device_id, effect.drivable.device.generation)
                assert key[0] not in {device_id for device_id, _ in running}
                running.add(key)
            elif isinstance(effect, StopDriver):
                assert (effect.device_id, effect.generation) in running
        assert manager.claimed == {device_id for device_id, _ in running}
        manager.check_invariants()
