# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How long Raft waits, in ticks, and the profiles that give a tick its length.

Owns the relations between heartbeat and election timeout. Refuses to know a clock: whoever
calls RaftCore.tick() does so every `tick_ms`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RaftTiming:
    """Raft counts ticks; the caller decides how long a tick is.

    heartbeat_ticks             leader silence a follower should normally see
    election_timeout_ticks_min  lower bound of the randomised election timeout, and how long a
                                voter that heard a leader refuses to vote (thesis section 4.2.3)
    election_timeout_ticks_max  upper bound; the spread is what prevents split votes
    """

    heartbeat_ticks: int
    election_timeout_ticks_min: int
    election_timeout_ticks_max: int

    def __post_init__(self) -> None:
        if self.heartbeat_ticks < 1:
            raise ValueError(f'heartbeat_ticks={self.heartbeat_ticks} must be at least 1')
        if self.election_timeout_ticks_min <= 2 * self.heartbeat_ticks:
            raise ValueError(
                f'election_timeout_ticks_min={self.election_timeout_ticks_min} must exceed two '
                f'heartbeats of {self.heartbeat_ticks} ticks, or one lost packet on Wi-Fi starts '
                'an election'
            )
        if self.election_timeout_ticks_max <= self.election_timeout_ticks_min:
            raise ValueError(
                f'election_timeout_ticks_max={self.election_timeout_ticks_max} must exceed '
                f'election_timeout_ticks_min={self.election_timeout_ticks_min}, or every vote '
                'is split'
            )


@dataclass(frozen=True)
class TimingProfile:
    """A named set of times in milliseconds; all voters of a swarm must use the same one."""

    name: str
    tick_ms: int
    heartbeat_ms: int
    election_timeout_ms_min: int
    election_timeout_ms_max: int

    def __post_init__(self) -> None:
        if self.tick_ms < 1:
            raise ValueError(f'tick_ms={self.tick_ms} must be at least 1')
        for field in ('heartbeat_ms', 'election_timeout_ms_min', 'election_timeout_ms_max'):
            value = getattr(self, field)
            if value % self.tick_ms:
                raise ValueError(f'{field}={value} must be a multiple of tick_ms={self.tick_ms}')
        _ = self.timing

    @property
    def timing(self) -> RaftTiming:
        return RaftTiming(
            heartbeat_ticks=self.heartbeat_ms // self.tick_ms,
            election_timeout_ticks_min=self.election_timeout_ms_min // self.tick_ms,
            election_timeout_ticks_max=self.election_timeout_ms_max // self.tick_ms,
        )


# A tick is half a heartbeat period: a finer one costs wake-ups and gains nothing. Simulated with
# 2000 leader crashes each at `wifi` (sim/failover.py), ticks of 50, 25 and 20 ms gave medians of
# 635, 650 and 655 ms with 3 voters and 575, 585 and 590 ms with 5, worst cases of 2160, 2145 and
# 2240 ms, and 1665, 1640 and 1510 ms: the phases of the robots' ticks spread the timeouts enough.
PROFILES: dict[str, TimingProfile] = {
    profile.name: profile
    for profile in (
        TimingProfile('wired', 25, 50, 250, 500),
        TimingProfile('wifi', 50, 100, 500, 1000),
        TimingProfile('mesh', 100, 200, 1000, 2000),
        TimingProfile('congested', 250, 500, 2000, 4000),
    )
}
