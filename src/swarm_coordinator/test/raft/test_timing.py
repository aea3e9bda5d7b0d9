# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Timing profiles refuse combinations that cannot work."""

from __future__ import annotations

import dataclasses

import pytest

from swarm_coordinator.core.raft import PROFILES, RaftTiming, TimingProfile


@pytest.mark.parametrize(
    ('ticks', 'consequence'),
    [
        ((0, 10, 20), 'at least 1'),
        ((2, 4, 20), 'one lost packet'),
        ((2, 10, 10), 'split'),
    ],
)
def test_bad_combination_is_refused_with_its_consequence(ticks, consequence) -> None:
    with pytest.raises(ValueError, match=consequence):
        RaftTiming(*ticks)


def test_profile_times_must_be_whole_ticks() -> None:
    with pytest.raises(ValueError, match='heartbeat_ms=100 must be a multiple of tick_ms=30'):
        TimingProfile('odd', 30, 100, 500, 1000)


def test_profiles_have_the_published_times() -> None:
    times = {
        name: (p.heartbeat_ms, p.election_timeout_ms_min, p.election_timeout_ms_max)
        for name, p in PROFILES.items()
    }
    assert times == {
        'wired': (50, 250, 500),
        'wifi': (100, 500, 1000),
        'mesh': (200, 1000, 2000),
        'congested': (500, 2000, 4000),
    }


def test_profile_and_its_ticks_agree() -> None:
    for profile in PROFILES.values():
        timing = profile.timing
        assert timing.heartbeat_ticks * profile.tick_ms == profile.heartbeat_ms
        finer = dataclasses.replace(profile, tick_ms=profile.heartbeat_ms // 10)
        assert finer.timing.heartbeat_ticks == 10
