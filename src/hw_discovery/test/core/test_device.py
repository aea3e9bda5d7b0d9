# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The lifecycle of a device is its table and nothing else."""

import itertools

import pytest

from hw_discovery.core.device import (
    DEVICE_TRANSITIONS,
    DeviceEvent,
    DevicePhase,
    InvalidTransition,
    next_phase,
)

EVERY_PAIR = list(itertools.product(DevicePhase, DeviceEvent))


@pytest.mark.parametrize(('phase', 'event'), EVERY_PAIR)
def test_a_pair_is_either_in_the_table_or_refused_with_the_alternatives(
    phase: DevicePhase, event: DeviceEvent,
) -> None:
    if (phase, event) in DEVICE_TRANSITIONS:
        assert next_phase(phase, event) is DEVICE_TRANSITIONS[phase, event]
        return
    with pytest.raises(InvalidTransition) as refused:
        next_phase(phase, event)
    assert (refused.value.phase, refused.value.event) == (phase, event)
    for allowed in (e for p, e in DEVICE_TRANSITIONS if p is phase):
        assert allowed.value in str(refused.value)


@pytest.mark.parametrize('phase', [p for p in DevicePhase if p is not DevicePhase.LOST])
def test_every_present_device_can_vanish(phase: DevicePhase) -> None:
    assert next_phase(phase, DeviceEvent.VANISHED) is DevicePhase.LOST


def test_a_lost_device_accepts_nothing_but_its_return() -> None:
    assert [e for p, e in DEVICE_TRANSITIONS if p is DevicePhase.LOST] == [DeviceEvent.RETURNED]


def test_a_returned_device_is_not_claimed_even_if_it_was() -> None:
    lost = next_phase(DevicePhase.CLAIMED, DeviceEvent.VANISHED)
    assert next_phase(lost, DeviceEvent.RETURNED) is DevicePhase.APPEARED
