# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""SPI: who is declared is found, who is not is left alone, a floating line is nobody."""

import pytest
from simulated_devices import FloatingSpi, SimulatedSpi
from simulated_probing import CATALOGUE, harm_to, named, probe

from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.device import Verdict
from hw_discovery.core.probing.consent import Hints
from hw_discovery.core.probing.operation import SpiPlace
from hw_discovery.core.probing.verdict import PlaceState

PLACE = SpiPlace(0, 0)
CANNOT_BE_TOLD = {'imu_bno08x': 'packets and three more lines instead of registers'}
# The same version byte; only a ramp register that one of them lacks tells them apart.
TWINS = {'stepper_tmc5130', 'stepper_tmc2130'}


@pytest.mark.parametrize('entry', CATALOGUE.of_spi(), ids=lambda entry: entry.id)
def test_a_declared_chip_is_confirmed(entry: DeviceEntry) -> None:
    assert entry.spi is not None
    for choice in range(max([1, *(len(line.expected) for line in entry.spi.identity)])):
        chip = SimulatedSpi(entry, choice)
        verdict, operations = probe(PLACE, chip, Hints(declared=(entry.id,)), 3)
        assert not chip.writes
        assert not harm_to([entry], operations)
        if entry.id in CANNOT_BE_TOLD:
            assert verdict.verdict is not Verdict.IDENTIFIED
        else:
            assert (verdict.verdict, verdict.entry_id) == (Verdict.IDENTIFIED, entry.id)


@pytest.mark.parametrize('kind', ['barometer', 'stepper'])
def test_a_declared_kind_is_told_apart(kind: str) -> None:
    for entry in CATALOGUE.of_spi():
        if entry.kind != kind:
            continue
        chip = SimulatedSpi(entry)
        verdict, _ = probe(PLACE, chip, Hints(declared=(kind,)), 3)
        assert entry.id in named(verdict)
        assert not chip.writes
        if entry.id in TWINS:
            assert verdict.verdict is Verdict.AMBIGUOUS
            assert named(verdict) >= TWINS
        else:
            assert (verdict.verdict, verdict.entry_id) == (Verdict.IDENTIFIED, entry.id)


@pytest.mark.parametrize('entry', CATALOGUE.of_spi(), ids=lambda entry: entry.id)
def test_an_undeclared_chip_select_is_not_touched(entry: DeviceEntry) -> None:
    chip = SimulatedSpi(entry)
    verdict, operations = probe(PLACE, chip, Hints(), 3)
    assert not operations
    assert verdict.state is PlaceState.NOT_ASKED
    assert 'nothing was declared' in verdict.not_tried[0].reason


def test_chips_that_read_what_others_write_are_not_asked_while_both_are_possible() -> None:
    both = Hints(declared=('imu_adis1647x', 'imu_mpu6500'))
    for entry_id in both.declared:
        entry = CATALOGUE.by_id(entry_id)
        assert entry is not None
        chip = SimulatedSpi(entry)
        verdict, operations = probe(PLACE, chip, both, 3)
        assert not operations
        assert not chip.writes
        assert {item.reason.split(' is not')[0] for item in verdict.not_tried} == set(
            both.declared)


@pytest.mark.parametrize('level', [0x00, 0xFF])
def test_a_floating_line_is_nobody(level: int) -> None:
    for entry in CATALOGUE.of_spi():
        verdict, _ = probe(PLACE, FloatingSpi(level), Hints(declared=(entry.id,)), 3)
        assert verdict.verdict is not Verdict.IDENTIFIED
        assert verdict.state is not PlaceState.PRESENT
