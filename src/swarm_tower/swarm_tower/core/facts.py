# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the tower can hear, as plain values. Owns the shapes; knows neither ROS nor JSON.

Enumerations arrive as words ('follower', 'done'), unknown figures as None, and every text and
list is already cut to size: that is the duty of whoever makes these values from messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

ROBOT_ID = re.compile(r'^[A-Za-z][A-Za-z0-9_]{0,63}\Z')
ROBOTS_MAX = 64
ENDED = frozenset({'done', 'failed', 'expired', 'cancelled', 'quarantined'})


@dataclass(frozen=True)
class Figures:
    """Control signals of one robot, each within [0..1]."""

    arousal: float | None
    curiosity: float | None
    confidence: float | None
    stability: float | None
    pressure: float | None


@dataclass(frozen=True)
class Beacon:
    """One heartbeat."""

    robot_id: str
    incarnation: int
    role: str
    term: int
    leader: str
    commit_index: int
    applied_index: int
    mode: str
    mode_epoch: int
    emergency_epoch: int
    cpu_permille: int | None
    running_jobs: int
    held_jobs: int
    queued_work_ms: int
    figures: Figures | None
    emergency_active: bool = False
    local_mode: str = ''
    battery_permille: int | None = None


@dataclass(frozen=True)
class Member:
    """One robot as the log has it."""

    robot_id: str
    voter: bool
    incarnation: int
    phase: str
    job_slots: int
    capabilities: tuple[str, ...]


@dataclass(frozen=True)
class Mode:
    """The mode in force and why."""

    log_index: int
    mode: str
    mode_epoch: int
    reason: str
    overridden: bool
    policy_mode: str
    override_owner: str
    override_reason: str
    override_expires_ms: int | None


@dataclass(frozen=True)
class JobCounts:
    """Jobs by phase, over all that the swarm still keeps; waiting is the phase submitted."""

    waiting: int
    leased: int
    running: int
    done: int
    failed: int
    expired: int
    cancelled: int
    quarantined: int

    @property
    def total(self) -> int:
        """Return how many jobs the swarm keeps."""
        return int(self.live + sum(getattr(self, phase) for phase in ENDED))

    @property
    def live(self) -> int:
        """Return how many jobs have not ended."""
        return self.waiting + self.leased + self.running

    def with_ended_of(self, other: JobCounts) -> JobCounts:
        """Return these counts with the other's for the phases that ended."""
        return replace(self, **{phase: getattr(other, phase) for phase in ENDED})


@dataclass(frozen=True)
class SwarmState:
    """The read model that a leader publishes."""

    sender: str
    log_index: int
    term: int
    leader: str
    commit_index: int
    voters: int
    quorum: int
    voters_heard: int
    members: tuple[Member, ...]
    mode: Mode
    jobs: JobCounts


@dataclass(frozen=True)
class OutputFile:
    """A file that a job left behind."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Job:
    """One job as the log has it. Times are Unix milliseconds."""

    job_id: str
    origin: str
    kind: str
    argv: tuple[str, ...]
    labels: tuple[str, ...]
    requires: tuple[str, ...]
    priority: int
    effects: str
    timeout_ms: int
    attempts_max: int
    phase: str
    attempt: int
    token: int
    robot_id: str
    compute_unit: str
    parent: str
    progress_permille: int
    progress_text: str
    result: str
    failures: int
    losses: int
    moves: int
    retries: int
    deadline_ms: int  # 0 = never
    not_before_ms: int  # it waits until then; 0 = it does not
    exit_code: int | None
    outputs: tuple[OutputFile, ...]
    outputs_delivered: bool
    reason: str
    submitted_ms: int
    changed_ms: int
    run_ms: int


@dataclass(frozen=True)
class JobUpdates:
    """Jobs as they were after log_index entries."""

    log_index: int
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class JobListing:
    """The newest jobs of the swarm: what is not in it and not newer is no longer kept.

    One that is not complete says nothing about jobs older than those in it.
    """

    log_index: int
    job_ids: frozenset[str]
    complete: bool


@dataclass(frozen=True)
class Event:
    """Something that happened. stamp_ms is Unix time by the sender; None = the tower saw it."""

    sender: str
    incarnation: int
    sequence: int
    stamp_ms: int | None
    log_index: int
    kind: str
    severity: str
    subject: str
    text: str
    cause: str
    attributes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Consciousness:
    """The swarm's aggregate of the robots' control signals."""

    sender: str
    term: int
    arousal: float | None
    stability: float | None
    pressure: float | None
    robots: int
    spread: float | None
    worst_robot: str


@dataclass(frozen=True)
class Evidence:
    """Why a device is believed to be what it is."""

    source: str
    location: str
    seen: str
    says: str


@dataclass(frozen=True)
class Device:
    """One device that a robot believes it has."""

    device_id: str
    bus: str
    phase: str
    generation: int
    verdict: str
    confidence: float | None
    name: str
    vendor_id: str
    product_id: str
    serial: str
    driver: str
    device_path: str
    sysfs_path: str
    parent_id: str
    alternatives: tuple[str, ...]
    capabilities: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    kind: str = ''
    state: str = ''
    claimed_by: str = ''
    fault: str = ''
    topics: tuple[str, ...] = ()
    frame_id: str = ''


@dataclass(frozen=True)
class ComputeUnit:
    """A processor that jobs can be sent to; 0 and '' mean unknown."""

    unit_id: str
    kind: str
    model: str
    cores: int
    memory_bytes: int


@dataclass(frozen=True)
class Inventory:
    """Everything that one robot believes it has."""

    robot_id: str
    revision: int
    devices: tuple[Device, ...]
    compute_units: tuple[ComputeUnit, ...]
    cpu_cores: int
    memory_bytes: int
    machine: str
    model: str
    notices: tuple[str, ...]


class Told:
    """A fact for one of the sections; each kind is a frozen dataclass beside its section."""

    __slots__ = ()


@dataclass(frozen=True)
class Ignored:
    """Something was heard and not used: 'swarm', 'protocol' or 'robot_id', and its value."""

    why: str
    value: str


Fact = (
    Beacon
    | SwarmState
    | Mode
    | JobUpdates
    | JobListing
    | Event
    | Consciousness
    | Inventory
    | Told
    | Ignored
)
