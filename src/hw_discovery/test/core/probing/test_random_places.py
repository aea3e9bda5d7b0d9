# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Random register maps and random streams are never taken for a device.

A map that by chance holds the whole signature of an entry shows what the entry would show; the
claim is that nothing else is ever named. PROBING_TRIALS sets how many are tried.
"""

import os
import random

import pytest
from simulated_devices import RandomI2c
from simulated_probing import CATALOGUE, probe

from hw_discovery.core.device import Verdict
from hw_discovery.core.probing.consent import Hints
from hw_discovery.core.probing.i2c_plan import identity_at
from hw_discovery.core.probing.operation import (
    I2cPlace,
    Operation,
    Outcome,
    SerialListen,
    SerialPlace,
)
from hw_discovery.core.probing.serial_plan import frame_bits
from hw_discovery.core.protocols import PROTOCOLS, match

# The 10,000 of the acceptance test in parts that fit a unit test; more by the environment.
TRIALS = int(os.environ.get('PROBING_TRIALS', '10000'))
ADDRESSES = sorted({address for entry in CATALOGUE.entries if entry.i2c is not None
                    for address in entry.i2c.addresses})
PARTS = 5


def holds_whole_signature(chip: RandomI2c, entry_id: str, address: int) -> bool:
    """Tell it from the catalogue and the map, without the planner."""
    entry = CATALOGUE.by_id(entry_id)
    assert entry is not None
    lines = identity_at(entry, address)
    return bool(lines) and all(chip.holds(line) for line in lines)


@pytest.mark.parametrize('part', range(PARTS))
def test_a_random_register_map_is_nobody_whose_signature_it_lacks(part: int) -> None:
    by_chance = 0
    for seed in range(part, TRIALS, PARTS):
        address = ADDRESSES[seed % len(ADDRESSES)]
        chip = RandomI2c(seed)
        verdict, _ = probe(I2cPlace(1, address), chip, rounds=1)
        if verdict.verdict is not Verdict.IDENTIFIED:
            continue
        by_chance += 1
        assert holds_whole_signature(chip, verdict.entry_id, address), (seed, verdict)
        assert verdict.confidence < 0.99
    # One 8-bit identity of 25 at 0x68 is met by one map in ten, of all addresses far fewer.
    assert by_chance < 0.03 * TRIALS / PARTS + 5


def test_a_chip_that_answers_another_value_each_time_is_nobody() -> None:
    for seed in range(TRIALS // 10):
        address = ADDRESSES[seed % len(ADDRESSES)]
        chip = RandomI2c(seed * 8 + 1, noisy=True)
        verdict, _ = probe(I2cPlace(1, address), chip, rounds=1)
        assert verdict.verdict is not Verdict.IDENTIFIED, (seed, verdict)


class RandomStream:
    """A device that nobody knows talks without a pause at every baud, and ignores questions."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def perform(self, operation: Operation) -> Outcome:
        size = 1024 if isinstance(operation, SerialListen) else 64
        return Outcome(operation, self._random.randbytes(size))


def test_random_bytes_at_every_baud_identify_nobody() -> None:
    usb = [('10c4', 'ea60'), ('1a86', '7523'), ('0403', '6001'), ('0483', '5740'), ('', '')]
    streams, seed = 0, 0
    while streams < TRIALS // 5:
        seed += 1
        place = SerialPlace('/dev/ttyUSB0', '/sys/x', *usb[seed % len(usb)])
        verdict, operations = probe(
            place, RandomStream(seed), Hints(no_loose_actuators=True), rounds=1)
        streams += len(operations)
        assert verdict.verdict is not Verdict.IDENTIFIED, (seed, verdict)


@pytest.mark.parametrize('name', sorted(PROTOCOLS))
def test_random_streams_weigh_less_than_identification_needs(name: str) -> None:
    """All streams against all decoders: what a plan would hear at the right baud."""
    for seed in range(TRIALS // 10):
        data = random.Random(seed).randbytes(400)
        assert frame_bits(match(name, data)) < 20.0, (name, seed)
