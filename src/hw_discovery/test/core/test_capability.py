# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Needs are met by distinct devices, or missed with a sentence."""

import math
from dataclasses import replace

import pytest

from hw_discovery.core.capability import (
    REQUIREMENTS_MAX,
    Requirement,
    negotiate,
    select,
)
from hw_discovery.core.device import BusKind, Capability, DevicePhase, HardwareDevice, Verdict
from hw_discovery.core.inventory import Snapshot

CAM = HardwareDevice(
    'cam1', BusKind.VIDEO, DevicePhase.IDENTIFIED, 1, Verdict.IDENTIFIED, 0.7, 'Cam',
    capabilities=(Capability('sensor:camera'),))
CAM2 = replace(CAM, device_id='cam2', confidence=0.9)
LOST = replace(CAM, device_id='cam3', phase=DevicePhase.LOST)
CPU = replace(CAM, device_id='platform:cpu', bus=BusKind.PLATFORM,
              capabilities=(Capability('compute:cpu', 4.0, 'count'),))
RAM = replace(CPU, device_id='platform:memory', capabilities=(
    Capability('memory:ram', 8e9, 'B'),))


def snapshot(*devices: HardwareDevice) -> Snapshot:
    return Snapshot(1, devices)


def test_the_surest_device_is_chosen() -> None:
    agreement = negotiate(snapshot(CAM, CAM2), [Requirement('sensor:camera')])
    assert agreement.satisfied
    assert agreement.chosen == (CAM2,)


def test_two_needs_of_a_camera_need_two_cameras() -> None:
    needs = [Requirement('sensor:camera')] * 2
    assert negotiate(snapshot(CAM, CAM2), needs).chosen == (CAM2, CAM)
    one = negotiate(snapshot(CAM), needs)
    assert (len(one.chosen), len(one.misses)) == (1, 1)
    assert 'at most 0' in one.misses[0]


def test_a_lost_device_meets_nothing_but_is_named() -> None:
    agreement = negotiate(snapshot(LOST), [Requirement('sensor:camera')])
    assert agreement.misses == ('sensor:camera: no device offers it; cam3 did and vanished',)


@pytest.mark.parametrize('phase', [DevicePhase.CLAIMED, DevicePhase.FAULTY])
def test_a_device_in_use_or_faulty_is_missed_with_its_phase(phase: DevicePhase) -> None:
    agreement = negotiate(snapshot(replace(CAM, phase=phase)), [Requirement('sensor:camera')])
    assert agreement.misses == (f'sensor:camera: cam1 offers it, but is {phase.value}',)


def test_cores_and_memory_are_shared_out_until_used_up() -> None:
    needs = [Requirement('compute:cpu', 3.0, 'count'), Requirement('memory:ram', 4e9, 'B'),
             Requirement('compute:cpu', 2.0, 'count')]
    agreement = negotiate(snapshot(CPU, RAM), needs)
    assert agreement.chosen == (CPU, RAM)
    assert agreement.misses == (
        'compute:cpu: needs 2 count, but at most 1 count is free on one device',)


def test_another_unit_is_missed_with_the_offered_one() -> None:
    agreement = negotiate(snapshot(RAM), [Requirement('memory:ram', 1.0, 'GiB')])
    assert agreement.misses == ("memory:ram: asked for in 'GiB', but offered in 'B'",)


@pytest.mark.parametrize('amount', [0.0, -1.0, math.nan, math.inf])
def test_an_amount_that_is_none_is_refused(amount: float) -> None:
    miss, = negotiate(snapshot(CAM), [Requirement('sensor:camera', amount)]).misses
    assert 'expected an amount above 0' in miss


def test_a_nameless_need_is_refused() -> None:
    assert 'without a name' in negotiate(snapshot(CAM), [Requirement('')]).misses[0]


def test_too_many_needs_are_refused_as_a_whole() -> None:
    agreement = negotiate(snapshot(CAM), [Requirement('x')] * (REQUIREMENTS_MAX + 1))
    assert (agreement.chosen, len(agreement.misses)) == ((), 1)


def test_no_needs_are_met() -> None:
    assert negotiate(snapshot(), []).satisfied


def test_selection_leaves_lost_devices_out_unless_asked() -> None:
    assert select(snapshot(CAM, LOST)) == (CAM,)
    assert select(snapshot(CAM, LOST), include_lost=True) == (CAM, LOST)


def test_selection_is_by_bus_and_capability() -> None:
    assert select(snapshot(CAM, CPU), buses=[BusKind.PLATFORM]) == (CPU,)
    assert select(snapshot(CAM, CPU), capability='sensor:camera') == (CAM,)
