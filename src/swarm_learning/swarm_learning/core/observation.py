# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what the learner can be told: facts with "unknown" as None; refuses to know messages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mode(Enum):
    """Behaviours that a swarm can choose."""

    NORMAL = 'normal'
    EXPLORE = 'explore'
    CONSERVE = 'conserve'
    DEFENSIVE = 'defensive'
    HYPERFOCUS = 'hyperfocus'
    RECOVERY = 'recovery'
    MAINTENANCE = 'maintenance'


class Ending(Enum):
    """How an attempt at a job ended."""

    DONE = 'done'
    FAILED = 'failed'
    TIMED_OUT = 'timed out'
    LEASE_EXPIRED = 'lease expired'
    CANCELLED = 'cancelled'
    REFUSED = 'refused'
    STOLEN = 'stolen'


@dataclass(frozen=True)
class Figures:
    """The five control signals of one robot, each in [0, 1]."""

    arousal: float
    curiosity: float
    confidence: float
    stability: float
    pressure: float

    def values(self) -> tuple[float, float, float, float, float]:
        return (self.arousal, self.curiosity, self.confidence, self.stability, self.pressure)


@dataclass(frozen=True)
class LocalState:
    """What a robot knows of itself. Shares are in [0, 1]; None = unknown."""

    robot_id: str
    cpu_load: float | None = None
    memory_used: float | None = None
    battery_charge: float | None = None
    job_slots: int = 1
    running_jobs: int = 0
    held_jobs: int = 0
    queued_work_ms: int = 0
    swarm_waiting_jobs: int = 0
    faults: int = 0
    leader_changes: int = 0
    tick_late_ms_max: int = 0
    leader: str = ''
    mode: Mode | None = None
    sensors: int = 0
    sensors_failing: int = 0


@dataclass(frozen=True)
class Beacon:
    """The figures that a robot last sent, and when they were heard (monotonic ns here)."""

    robot_id: str
    figures: Figures
    age_ms: int | None
    heard_ns: int


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended; the only feedback that the learner gets. program: '' = none."""

    job_id: str
    attempt: int
    kind: str
    robot_id: str
    ending: Ending | None
    run_ms: int
    program: str = ''


@dataclass(frozen=True)
class SwarmState:
    """Who leads, and how many robots take part."""

    term: int
    log_index: int
    leader: str
    robots_present: int


@dataclass(frozen=True)
class Tick:
    """Time has gone by."""


@dataclass(frozen=True)
class Closing:
    """The learner is about to be stopped."""


Event = LocalState | Beacon | Outcome | SwarmState | Tick | Closing
