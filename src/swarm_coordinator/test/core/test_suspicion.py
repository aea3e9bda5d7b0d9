# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Silence becomes a belief, in periods of the heartbeat."""

from __future__ import annotations

import pytest
from coordinator_samples import R1, R2

from swarm_coordinator.core.registry.suspicion import Liveness, Suspicion

PERIOD_NS = 100


@pytest.mark.parametrize(
    ('silence_ns', 'phase'),
    [
        (0, Liveness.HEALTHY), (399, Liveness.HEALTHY), (400, Liveness.SLOW),
        (999, Liveness.SLOW), (1000, Liveness.SUSPECT), (2499, Liveness.SUSPECT),
        (2500, Liveness.DEAD), (10**15, Liveness.DEAD),
    ],
)
def test_phase_follows_the_silence(silence_ns: int, phase: Liveness) -> None:
    subject = Suspicion(PERIOD_NS)
    subject.hear(R1, 50)
    assert subject.phase_of(R1, 50 + silence_ns) is phase


def test_nothing_is_believed_of_a_robot_that_was_never_heard() -> None:
    assert Suspicion(PERIOD_NS).phase_of(R1, 10**9) is None
    assert Suspicion(PERIOD_NS).silence_ns(R1, 10**9) is None


def test_one_beacon_is_enough_to_be_healthy_again() -> None:
    subject = Suspicion(PERIOD_NS)
    subject.hear(R1, 0)
    assert subject.phase_of(R1, 10**6) is Liveness.DEAD
    subject.hear(R1, 10**6)
    assert subject.phase_of(R1, 10**6) is Liveness.HEALTHY


def test_new_leader_counts_the_unheard_from_now_and_the_heard_as_before() -> None:
    subject = Suspicion(PERIOD_NS)
    subject.hear(R1, 0)
    subject.begin([R1, R2], 2500)
    assert subject.phase_of(R1, 2500) is Liveness.DEAD
    assert subject.phase_of(R2, 2500) is Liveness.HEALTHY
    assert subject.phase_of(R2, 5000) is Liveness.DEAD
