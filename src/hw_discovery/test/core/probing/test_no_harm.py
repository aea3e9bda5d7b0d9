# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""No operation that the planner emits harms a device that is still possible, or present."""

import random

import pytest
from simulated_devices import SimulatedBus, SimulatedI2c, SimulatedSpi
from simulated_probing import CATALOGUE, harm_to, run
from simulated_serial import SimulatedSerial

from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.catalogue.hazards import Hazard, Severity
from hw_discovery.core.device import BusKind
from hw_discovery.core.probing.consent import Hints
from hw_discovery.core.probing.harm import refusal
from hw_discovery.core.probing.operation import (
    I2cPlace,
    I2cRead,
    Operation,
    Outcome,
    Place,
    SerialAsk,
    SerialListen,
    SerialPlace,
    SpiPlace,
)
from hw_discovery.core.probing.planner import Finished, Plan, Wait

REFUSED = [hazard for hazard in CATALOGUE.hazards
           if hazard.severity >= Severity.STATE and not hazard.when.opens_port]
ALL = tuple(entry.id for entry in CATALOGUE.entries)
CP2102 = ('10c4', 'ea60')


def victims(hazard: Hazard) -> list[DeviceEntry]:
    return [entry for entry in CATALOGUE.entries if hazard.concerns(entry)]


def places_of(entry: DeviceEntry, hazard: Hazard) -> list[Place]:
    """Return where the victim can be, together with everybody who can be there too."""
    if hazard.when.bus is BusKind.I2C and entry.i2c is not None:
        return [I2cPlace(1, address) for address in entry.i2c.addresses]
    if hazard.when.bus is BusKind.SPI and entry.spi is not None:
        return [SpiPlace(0, 0)]
    if hazard.when.bus is BusKind.SERIAL and entry.serial is not None:
        ids = [CP2102, ('1a86', '7523'), ('0403', '6014'), ('0483', '5740'), ('', '')]
        if entry.usb is not None:
            ids += [(one.vendor, one.product) for one in entry.usb.ids]
        return [SerialPlace('/dev/ttyUSB0', '/sys/x', *one) for one in ids]
    return []


class Mute:
    """Acknowledges and is heard by nobody: rules nothing out by an answer."""

    def perform(self, operation: Operation) -> Outcome:
        if isinstance(operation, SerialAsk | SerialListen):
            return Outcome(operation)
        return Outcome(operation, error='failed')


def watched(plan: Plan, device: object, hazard: Hazard, rounds: int) -> None:
    """Run a plan and look at every operation while the victim is possible by the plan itself."""
    now_ns = 0
    while plan.rounds < rounds:
        step = plan.next(now_ns)
        if isinstance(step, Finished):
            return
        if isinstance(step, Wait):
            now_ns = step.until_ns
            continue
        out = {item.entry_id for item in plan.verdict_now().ruled_out}
        possible = [entry for entry in plan.candidates if entry.id not in out]
        assert not (hazard.happens(step) and any(hazard.concerns(e) for e in possible)), step
        plan.heard(device.perform(step))  # type: ignore[attr-defined]


@pytest.mark.parametrize('hazard', REFUSED, ids=lambda hazard: hazard.id)
def test_the_harmful_operation_is_never_emitted_while_the_victim_is_possible(
        hazard: Hazard) -> None:
    tried = 0
    for entry in victims(hazard):
        for place in places_of(entry, hazard):
            for hints, rounds in ((Hints(allowed_bus=True, no_loose_actuators=True), 2),
                                  (Hints(declared=ALL), 1)):
                watched(Plan(place, hints, CATALOGUE), Mute(), hazard, rounds)
                tried += 1
    assert tried or hazard.targets.always or hazard.id in ONLY_ELSEWHERE


# Victims that have no place of the bus the hazard is on in the catalogue.
ONLY_ELSEWHERE: set[str] = set()


@pytest.mark.parametrize('hazard', [one for one in REFUSED if one.when.bus is BusKind.SERIAL
                                    and one.when.any_tx], ids=lambda hazard: hazard.id)
def test_a_victim_of_any_byte_is_never_sent_one(hazard: Hazard) -> None:
    for entry in victims(hazard):
        for usb in (CP2102, ('1a86', '7523'), ('0403', '6001'), ('', '')):
            device = SimulatedSerial(entry)
            run(Plan(SerialPlace('/dev/ttyUSB0', '/s', *usb), Hints(), CATALOGUE), device, 3)
            assert not device.sent


def test_a_refusal_names_the_victim_and_the_effect() -> None:
    entry = CATALOGUE.by_id('gpio_pcf8574')
    assert entry is not None
    reason = refusal(I2cRead(I2cPlace(1, 0x20), 0x00, 8, 1), (entry,), CATALOGUE)
    assert 'gpio_pcf8574 is not ruled out' in reason
    assert 'relays and motor enables switch' in reason


@pytest.mark.parametrize('seed', range(40))
def test_for_random_devices_on_a_bus_nothing_harms_anybody_present(seed: int) -> None:
    chance = random.Random(seed)
    chips: dict[int, SimulatedI2c] = {}
    for entry in chance.sample([e for e in CATALOGUE.entries if e.i2c is not None], 25):
        assert entry.i2c is not None
        address = chance.choice(entry.i2c.addresses)
        chips.setdefault(address, SimulatedI2c(entry, address, chance.randrange(3)))
    bus = SimulatedBus(dict(chips))
    for address in range(0x03, 0x78):
        plan = Plan(I2cPlace(1, address), Hints(allowed_bus=True), CATALOGUE)
        operations = run(plan, bus, 2)
        if address in chips:
            assert not harm_to([chips[address].entry], operations)
            assert not chips[address].writes


@pytest.mark.parametrize('seed', range(60))
def test_for_a_random_device_on_a_port_nothing_harms_it(seed: int) -> None:
    chance = random.Random(seed)
    entry = chance.choice(CATALOGUE.of_serial())
    assert entry.serial is not None
    device = SimulatedSerial(entry, chance.choice(entry.serial.bauds),
                             is_talking=chance.random() < 0.5, echoes=chance.random() < 0.3)
    usb = chance.choice([CP2102, ('1a86', '7523'), ('0403', '6001'), ('', '')])
    if entry.usb is not None and chance.random() < 0.5:
        one = chance.choice(entry.usb.ids)
        usb = one.vendor, one.product
    plan = Plan(SerialPlace('/dev/ttyUSB0', '/sys/x', *usb), Hints(), CATALOGUE)
    assert not harm_to([entry], run(plan, device, 3))


@pytest.mark.parametrize('seed', range(40))
def test_for_a_random_chip_on_a_chip_select_nothing_writes_to_it(seed: int) -> None:
    chance = random.Random(seed)
    entries = CATALOGUE.of_spi()
    chip = SimulatedSpi(chance.choice(entries))
    declared = {chip.entry.id, *(entry.id for entry in chance.sample(entries, 5))}
    run(Plan(SpiPlace(0, 0), Hints(declared=tuple(sorted(declared))), CATALOGUE), chip, 3)
    assert not chip.writes
