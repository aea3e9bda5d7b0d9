# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Until when a robot may keep a job that it holds."""

from __future__ import annotations

import pytest
from coordinator_samples import R1, spec

from swarm_coordinator.core.held_job import LIVE, OCCUPYING, UNSTARTED, HeldJob, Stage


def held(stage: Stage, lease_until_ns: int) -> HeldJob:
    return HeldJob(
        'j1', 1, 7, R1, spec(), '', ttl_ns=100, taken_ns=50, lease_until_ns=lease_until_ns,
        stage=stage,
    )


@pytest.mark.parametrize('stage', Stage)
def test_only_what_was_not_begun_waits_for_its_first_renewal(stage: Stage) -> None:
    assert held(stage, 50).given_up_ns == (150 if stage in UNSTARTED else 50)
    assert held(stage, 170).given_up_ns == 170, 'a longer lease is used up by all'


def test_what_may_have_a_process_takes_a_slot() -> None:
    assert LIVE < OCCUPYING and not LIVE & UNSTARTED
