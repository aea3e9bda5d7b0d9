# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Needs with constraints, offers of the catalogue, claims, and what explanations say."""

from dataclasses import replace

import pytest

from hw_discovery.catalogue_files import bundled
from hw_discovery.core.capability import Requirement, negotiate
from hw_discovery.core.claim import lease_name, refusal
from hw_discovery.core.device import (
    BusKind,
    Capability,
    DevicePhase,
    HardwareDevice,
    Property,
    Verdict,
)
from hw_discovery.core.explanation import find, launch_fragment
from hw_discovery.core.inventory import Snapshot
from hw_discovery.core.offers import offers_of
from hw_discovery.core.places import ProbePolicy, places_of
from hw_discovery.core.probing.operation import I2cPlace, SerialPlace

CATALOGUE = bundled()
IMU = CATALOGUE.by_id('imu_mpu6050')
assert IMU is not None


def device(key: str = 'imu1', **fields: object) -> HardwareDevice:
    assert IMU is not None
    made = HardwareDevice(
        key, BusKind.I2C, DevicePhase.IDENTIFIED, 1, Verdict.IDENTIFIED, 0.98, 'an IMU',
        capabilities=offers_of(IMU), sysfs_path=f'/devices/{key}')
    return replace(made, **fields)  # type: ignore[arg-type]


def asked(*needs: Requirement, devices: tuple[HardwareDevice, ...] = (device(),)) -> str:
    agreement = negotiate(Snapshot(devices=devices), needs)
    return ';'.join(agreement.misses) or ','.join(agreement.chosen_ids)


def need(*properties: Property, ros_type: str = '') -> Requirement:
    return Requirement('sensor:imu', ros_type=ros_type, properties=properties)


@pytest.mark.parametrize(('wanted', 'said'), [
    (need(), 'imu1'),
    (need(Property('rate', minimum=100, unit='Hz')), 'imu1'),
    (need(Property('rate', minimum=5000, unit='Hz')), 'imu1 has a rate of at most 1000 Hz'),
    (need(Property('rate', minimum=100, unit='kHz')), "has its rate in 'Hz', not 'kHz'"),
    (need(Property('angular_velocity', minimum=30, unit='rad/s')), 'imu1'),
    (need(Property('angular_velocity', minimum=90, unit='rad/s')), 'at most 34.907 rad/s'),
    (need(Property('smell', minimum=1)), 'imu1 does not say its smell'),
    (need(Property('color', choices=('red',))), 'does not say its color'),
    (need(ros_type='sensor_msgs/msg/Imu'), 'imu1'),
    (need(ros_type='sensor_msgs/msg/Image'), 'gives sensor_msgs/msg/Imu, not'),
    (need(Property('rate', minimum=float('nan'))), 'finite limits'),
])
def test_a_need_is_met_or_its_shortfall_is_said(wanted: Requirement, said: str) -> None:
    assert said in asked(wanted)


def test_words_must_have_one_in_common() -> None:
    camera = device('cam', capabilities=(Capability('sensor:camera', properties=(
        Property('pixel_format', choices=('YUYV', 'MJPG')),)),))
    fits = Requirement('sensor:camera', properties=(
        Property('pixel_format', choices=('MJPG', 'H264')),))
    assert asked(fits, devices=(camera,)) == 'cam'
    not_fits = replace(fits, properties=(Property('pixel_format', choices=('H264',)),))
    assert 'has YUYV, MJPG as pixel_format, not H264' in asked(not_fits, devices=(camera,))


def test_two_needs_take_two_devices_and_the_third_misses() -> None:
    both = (device('a'), device('b'))
    agreement = negotiate(Snapshot(devices=both), [need(), need(), need()])
    assert sorted(agreement.chosen_ids) == ['', 'a', 'b'] and len(agreement.misses) == 1


def test_what_our_driver_holds_serves_all_and_what_a_client_holds_nobody() -> None:
    driven = device(phase=DevicePhase.CLAIMED, claimed_by='driver:imu_1')
    assert asked(need(), devices=(driven,)) == 'imu1'
    held = device(phase=DevicePhase.CLAIMED, claimed_by='mapper')
    assert 'claimed by mapper' in asked(need(), devices=(held,))
    ill = device(phase=DevicePhase.FAULTY, fault='frozen')
    assert 'faulty (frozen)' in asked(need(), devices=(ill,))


@pytest.mark.parametrize(('fields', 'request_', 'said'), [
    ({}, ('mapper', 0, 5000), ''),
    ({}, ('mapper', 1, 5000), ''),
    ({}, ('mapper', 2, 5000), 'attachment 1, not 2'),
    ({}, ('', 0, 5000), 'claimant'),
    ({}, ('x' * 65, 0, 5000), 'claimant'),
    ({}, ('mapper', 0, 999), 'ttl_ms'),
    ({'phase': DevicePhase.LOST}, ('mapper', 0, 5000), 'lost'),
    ({'phase': DevicePhase.FAULTY, 'fault': 'frozen'}, ('mapper', 0, 5000), 'frozen'),
    ({'phase': DevicePhase.CLAIMED, 'claimed_by': 'other'}, ('mapper', 0, 5000), 'other'),
    ({'phase': DevicePhase.CLAIMED, 'claimed_by': 'mapper'}, ('mapper', 0, 5000), ''),
    ({'phase': DevicePhase.CLAIMED, 'claimed_by': 'driver:x'}, ('mapper', 0, 5000), ''),
    ({'phase': DevicePhase.APPEARED}, ('mapper', 0, 5000), 'not identified'),
])
def test_a_claim_is_granted_or_refused_with_the_reason(
    fields: dict[str, object], request_: tuple[str, int, int], said: str,
) -> None:
    why = refusal(device(**fields), *request_)
    assert said in why and bool(said) == bool(why)


def test_lease_names_fit_the_swarm_and_keep_devices_apart() -> None:
    assert lease_name('r1', 'usb:10c4:ea60/x') == 'device:r1/usb:10c4:ea60/x'
    names = {lease_name('r1', one) for one in ('a@b', 'a#b', 'a_b', 'x' * 300, 'x' * 301)}
    assert len(names) == 5 and all(len(name) <= 128 for name in names)


def test_a_device_is_found_by_id_path_and_part_or_the_reason_is_said() -> None:
    port = device('port', device_path='/dev/ttyUSB0', sysfs_path='/a')
    below = device('port/gps', device_path='/dev/ttyUSB0', sysfs_path='/a/b', name='u-blox')
    everything = (port, below)
    assert find(everything, 'port') is port
    assert find(everything, '/dev/ttyUSB0') is below
    assert find(everything, 'blox') is below
    assert 'fits 2 devices' in str(find(everything, 'por'))
    assert 'no device' in str(find(everything, 'zz')) and 'expected' in str(find(everything, ''))


def test_a_launch_fragment_is_filled_in_and_escaped() -> None:
    entry = CATALOGUE.by_id('gps_nmea')
    assert entry is not None and entry.drivers
    text = launch_fragment(
        entry, device(device_path='/dev/tty"<x>'), SerialPlace('/dev/ttyUSB0'), 38400, 'gps')
    assert 'value="38400"' in text and '&quot;&lt;x&gt;' in text and '{' not in text


def adapter(**fields: object) -> HardwareDevice:
    return device('i2c', name='I2C adapter bcm2835 (i2c@7e804000)', device_path='/dev/i2c-1',
                  capabilities=(), **fields)


def test_addresses_of_allowed_adapters_are_places_and_owned_ones_are_not() -> None:
    client = HardwareDevice(
        'i2c/0x68', BusKind.I2C, DevicePhase.IDENTIFIED, 1, Verdict.IDENTIFIED, 0.7, 'rtc',
        driver='rtc-ds1307', sysfs_path='/devices/i2c/1-0068', parent_id='i2c')
    seen = places_of((adapter(), client), (), CATALOGUE, ProbePolicy())
    refused = {s.place.address: s.refusal for s in seen
               if isinstance(s.place, I2cPlace) and s.refusal}
    assert 'rtc-ds1307' in refused[0x68] and len(seen) > 40
    never = places_of((adapter(),), (), CATALOGUE, ProbePolicy(never=('i2c-1',)))
    assert all('never' in s.refusal for s in never)


@pytest.mark.parametrize(('name', 'allow', 'asked_'), [
    ('SMBus I801 adapter at efa0', ('*',), False), ('DPDDC-A', ('*',), False),
    ('some adapter', (), False), ('some adapter', ('i2c-1',), True)])
def test_adapters_of_memory_and_displays_are_never_asked(
    name: str, allow: tuple[str, ...], asked_: bool,
) -> None:
    one = replace(adapter(), name=f'I2C adapter {name}')
    seen = places_of((one,), (), CATALOGUE, ProbePolicy(i2c=allow))
    assert seen and all(bool(s.refusal) != asked_ for s in seen)


def test_board_uarts_are_not_opened_unless_somebody_says_so() -> None:
    uart = HardwareDevice('u', BusKind.SERIAL, DevicePhase.APPEARED, 1, Verdict.UNKNOWN, 0.0, 'u',
                          device_path='/dev/ttyAMA0', sysfs_path='/devices/u')
    usb_only = ProbePolicy(serial=('/dev/ttyUSB*',))
    (seen,) = places_of((uart,), (), CATALOGUE, usb_only)
    assert 'probe_serial' in seen.refusal
    declared = replace(usb_only, declared={'/dev/ttyAMA0': ('gps',)})
    (seen,) = places_of((uart,), (), CATALOGUE, declared)
    assert not seen.refusal
