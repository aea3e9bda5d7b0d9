# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Confidence is monotone in the evidence and bounded by what can honestly be claimed."""

import random
from dataclasses import replace

import pytest

from hw_discovery.core.catalogue.entry import Confidence, DeviceEntry
from hw_discovery.core.device import BusKind, Observation
from hw_discovery.core.probing.evidence import (
    CONTRADICTION_BITS,
    UNKNOWN_ID,
    Evidence,
    Hypotheses,
)

SEEN = Observation('register', 'i2c-1 0x68', 'register 0x75 = 0x68', 'as it answers')


def entries(count: int) -> list[DeviceEntry]:
    return [DeviceEntry(f'device_{letter}', 'imu', 'Maker', letter, (BusKind.I2C,),
                        confidence=Confidence.VERIFIED)
            for letter in 'abcdefgh'[:count]]


def believed(*evidence: Evidence, count: int = 4) -> Hypotheses:
    made = Hypotheses(entries(count))
    made.learn(evidence)
    return made


def test_shares_of_all_and_something_unknown_add_up_to_one() -> None:
    made = believed(Evidence('device_a', 'q', 8.0, SEEN))
    total = sum(made.share(entry.id) for entry in made.entries) + made.share(UNKNOWN_ID)
    assert total == pytest.approx(1.0)


@pytest.mark.parametrize('seed', range(50))
def test_support_never_lowers_and_doubt_never_raises_confidence(seed: int) -> None:
    chance = random.Random(seed)
    items = [Evidence(f'device_{chance.choice("abcd")}', f'q{step}',
                      chance.choice([-10.0, -4.0, -1.0, 1.0, 8.0, 16.0]), SEEN,
                      chance.random() < 0.7) for step in range(12)]
    before = believed(*items)
    for own in (0.5, 4.0, 20.0):
        after = believed(*items, Evidence('device_a', 'new', own, SEEN))
        assert after.confidence('device_a') >= before.confidence('device_a')
        assert all(after.confidence(f'device_{other}') <= before.confidence(f'device_{other}')
                   for other in 'bcd')
        worse = believed(*items, Evidence('device_a', 'new', -own, SEEN))
        assert worse.confidence('device_a') <= before.confidence('device_a')
        assert all(worse.confidence(f'device_{other}') >= before.confidence(f'device_{other}')
                   for other in 'bcd')


def test_a_shared_id_alone_is_never_worth_more_than_half() -> None:
    made = believed(Evidence('device_a', 'usb id', 40.0, SEEN, direct=False), count=1)
    assert made.confidence('device_a') == 0.5


def test_certainty_is_never_claimed() -> None:
    made = believed(Evidence('device_a', 'q', 500.0, SEEN))
    assert made.confidence('device_a') == 0.99
    doubtful = [replace(entry, confidence=Confidence.UNVERIFIED) for entry in entries(1)]
    made = Hypotheses(doubtful)
    made.learn([Evidence('device_a', 'q', 500.0, SEEN)])
    assert made.confidence('device_a') == 0.9


def test_one_contradiction_outweighs_all_support() -> None:
    made = believed(Evidence('device_a', 'q', 40.0, SEEN),
                    Evidence('device_a', 'p', CONTRADICTION_BITS, SEEN))
    assert not made.is_possible('device_a')
    assert made.share('device_a') < made.share('device_b')


def test_the_same_question_asked_again_replaces_its_answer() -> None:
    once = believed(Evidence('device_a', 'q', 4.0, SEEN))
    twice = believed(Evidence('device_a', 'q', 4.0, SEEN), Evidence('device_a', 'q', 4.0, SEEN))
    assert once.bits('device_a') == twice.bits('device_a')


def test_evidence_for_an_entry_that_cannot_be_there_is_ignored() -> None:
    made = believed(Evidence('elsewhere', 'q', 40.0, SEEN))
    assert made.evidence == ()
