# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what the learner can be told: facts with "unknown" as None; refuses to know messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .inheritance import Recorded


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
    """The figures that a robot last sent, and when they were heard (monotonic ns here).

    queued_work_ms: estimated work that it holds and has not done.
    """

    robot_id: str
    figures: Figures
    age_ms: int | None
    heard_ns: int
    queued_work_ms: int = 0


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended, by the log; the only feedback that the learner gets.

    program, compute_unit   '' = none
    stamp_ns, log_index     of the entry that ended it
    origin                  robot that the job came from
    thief, victim           of one that was stolen
    bytes_out               of its outputs
    """

    job_id: str
    attempt: int
    kind: str
    robot_id: str
    ending: Ending | None
    run_ms: int
    program: str = ''
    compute_unit: str = ''
    origin: str = ''
    queue_ms: int = 0
    log_index: int = 0
    stamp_ns: int = 0
    thief: str = ''
    victim: str = ''
    bytes_out: int = 0


@dataclass(frozen=True)
class SwarmState:
    """Who leads, who takes part, and how the swarm stands by its log.

    stamp_ns          of the last entry that this view contains
    mode, mode_epoch  in force; overridden: an operator decides it
    slots             job slots by robot, of those that are present
    batteries_low     share of low batteries among the robots that have a gauge
    checkpoint        the learned file that the log names; None = there is none
    """

    term: int
    log_index: int
    leader: str
    robots_present: int
    stamp_ns: int = 0
    mode: Mode | None = None
    mode_epoch: int = 0
    overridden: bool = False
    emergency: bool = False
    slots: Mapping[str, int] = field(default_factory=dict)
    jobs_waiting: int = 0
    jobs_held: int = 0
    batteries_low: float = 0.0
    checkpoint: Recorded | None = None


@dataclass(frozen=True)
class Tick:
    """Time has gone by. unix_ns: this robot's wall clock; 0 = not told."""

    unix_ns: int = 0


@dataclass(frozen=True)
class Closing:
    """The learner is about to be stopped."""
