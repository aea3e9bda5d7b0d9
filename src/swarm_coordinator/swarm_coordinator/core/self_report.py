# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot says of its own health, task by task: owns when something is a warning, an error
or not known any more.

Of this robot only, and from what it measured itself. A message stays the same while nothing
changes; figures are in the values. Refuses to know ROS and clocks.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

MS = 1_000_000
S = 1_000 * MS
MIB = 1024 * 1024
RECENT_NS = 60 * S  # a warning of something that happened stays so long; chosen without data
LEADERLESS_ERROR_NS = 5 * S  # elections take less than 3 s at the slowest profile
LEADER_CHANGES_WARN = 3  # within RECENT_NS: a swarm that cannot settle
FREE_WARN_MIB = 1024  # chosen without data
FREE_ERROR_MIB = 128  # where jobs are ended to keep the log (runner/disk_guard.py)
BATTERY_WARN_PERMILLE, BATTERY_ERROR_PERMILLE = 200, 100  # chosen without data
NAMED_MAX = 8


class Level(IntEnum):
    """As in diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Report:
    """One task."""

    task: str
    level: Level
    message: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Sensor:
    """A sensor as its robot judges it; state: fresh, stale, faulty or unknown."""

    device_id: str
    state: str
    rate_hz: float
    reason: str


@dataclass(frozen=True)
class Vitals:
    """What was measured. None = it does not know."""

    leader: str
    role: str
    term: int
    voters: int
    voters_heard: int
    leader_changes: int
    tick_late_ms: int
    fsync_ms: int
    heartbeat_ms: int
    election_ms: int
    awareness: int
    disk_free_bytes: int
    job_slots: int
    running_jobs: int
    held_jobs: int
    queued_work_ms: int
    jobs_done: int
    jobs_failed: int
    faults: int
    stopped: bool
    stop_reason: str
    battery_permille: int | None = None
    learner_age_ms: int | None = None  # None = none was ever heard
    sensors: tuple[Sensor, ...] = ()
    devices: int | None = None  # None = no inventory was ever heard
    devices_bad: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    signed: bool = False  # protocol messages are signed and checked
    refused: tuple[tuple[str, int], ...] = ()  # messages refused since the start, by reason
    refused_last: str = ''  # one example, in words
    encrypted: bool = False  # and only members can read them
    key_epoch: int = 0  # how many keys the coordinator's process has had since its start
    key_age_s: int = 0  # of the one it encrypts with
    keys_missing: int = 0  # robots whose messages it could not read lately
    cage: str = ''  # what keeps its jobs and the robot apart: a wall of runner/cage.py
    cage_asked: str = ''  # job_cage
    cage_weak: bool = False  # something is open to jobs
    cage_told: str = ''  # in words, with what is open and why


@dataclass
class _Recent:
    """How much a count has grown within RECENT_NS."""

    seen: deque[tuple[int, int]] = field(default_factory=deque)

    def grown(self, count: int, now_ns: int) -> int:
        self.seen.append((now_ns, count))
        while self.seen[0][0] < now_ns - RECENT_NS:
            self.seen.popleft()
        return count - self.seen[0][1]


class SelfReport:
    """Remembers what happened in the last minute, so that it is seen by who looks now and then."""

    def __init__(self, learner_silent_ms: int) -> None:
        self._learner_silent_ms = learner_silent_ms
        self._changes, self._failed, self._faults = _Recent(), _Recent(), _Recent()
        self._refused = _Recent()
        self._leaderless_ns: int | None = None

    def reports(self, now: Vitals, now_ns: int) -> tuple[Report, ...]:
        """Every task, in a fixed order; called about once a second."""
        return (
            self._leader(now, now_ns),
            _timing(now),
            _storage(now),
            self._jobs(now, now_ns),
            _cage(now),
            self._fault_count(now, now_ns),
            _emergency(now),
            _power(now),
            self._learner(now),
            _sensors(now),
            _hardware(now),
            self._security(now, now_ns),
        )

    def _leader(self, now: Vitals, now_ns: int) -> Report:
        quorum = now.voters // 2 + 1
        changed = self._changes.grown(now.leader_changes, now_ns)
        values = _values(
            leader=now.leader, role=now.role, term=now.term, voters=now.voters, quorum=quorum,
            voters_heard=now.voters_heard, leader_changes=now.leader_changes,
        )
        if now.leader:
            self._leaderless_ns = None
        elif self._leaderless_ns is None:
            self._leaderless_ns = now_ns
        if now.voters_heard < quorum:
            text = f'no quorum: {now.voters_heard} of {now.voters} voters heard, {quorum} needed'
            return Report('leader', Level.ERROR, text, values)
        if self._leaderless_ns is not None:
            long = now_ns - self._leaderless_ns >= LEADERLESS_ERROR_NS
            level = Level.ERROR if long else Level.WARN
            return Report('leader', level, 'no leader is known', values)
        if changed >= LEADER_CHANGES_WARN:
            return Report('leader', Level.WARN, 'the leader changes again and again', values)
        return Report('leader', Level.OK, f'{now.leader} leads', values)

    def _jobs(self, now: Vitals, now_ns: int) -> Report:
        failed = self._failed.grown(now.jobs_failed, now_ns)
        values = _values(
            slots=now.job_slots, running=now.running_jobs, held=now.held_jobs,
            queued_work_ms=now.queued_work_ms, done=now.jobs_done, failed=now.jobs_failed,
        )
        if failed:
            text = f'{failed} failed here in the last minute'
            return Report('jobs', Level.WARN, text, values)
        text = 'takes jobs' if now.job_slots else 'takes no jobs (job_slots is 0)'
        return Report('jobs', Level.OK, text, values)

    def _fault_count(self, now: Vitals, now_ns: int) -> Report:
        grown = self._faults.grown(now.faults, now_ns)
        values = _values(since_start=now.faults)
        if grown:
            text = f'{grown} refused, malformed or late messages in the last minute'
            return Report('faults', Level.WARN, text, values)
        return Report('faults', Level.OK, 'none in the last minute', values)

    def _security(self, now: Vitals, now_ns: int) -> Report:
        values = _values(signed=now.signed, **dict(now.refused), last=now.refused_last)
        if now.encrypted:
            values += _values(
                encrypted=True, key_epoch=now.key_epoch, key_age_s=now.key_age_s,
                keys_missing=now.keys_missing,
            )
        recent = self._refused.grown(sum(count for _, count in now.refused), now_ns)
        if not now.signed:
            text = 'off: whoever reaches this network can command this robot'
            return Report('security', Level.ERROR, text, values)
        if recent:
            text = f'{recent} messages refused lately; {now.refused_last}'
            return Report('security', Level.WARN, text, values)
        text = 'messages are signed and encrypted' if now.encrypted else 'messages are signed'
        return Report('security', Level.OK, text, values)

    def _learner(self, now: Vitals) -> Report:
        age_ms = now.learner_age_ms
        if age_ms is None:
            return Report('learner', Level.OK, 'none runs on this robot')
        values = _values(age_ms=age_ms)
        if age_ms > self._learner_silent_ms:
            return Report('learner', Level.STALE, 'has fallen silent', values)
        return Report('learner', Level.OK, 'is heard', values)


def _values(**figures: object) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in figures.items())


def _timing(now: Vitals) -> Report:
    values = _values(
        tick_late_ms_max=now.tick_late_ms, fsync_ms_max=now.fsync_ms, awareness=now.awareness,
        heartbeat_ms=now.heartbeat_ms, election_timeout_ms_min=now.election_ms,
    )
    worst = max(now.tick_late_ms, now.fsync_ms)
    disk = now.fsync_ms >= now.tick_late_ms
    what = 'the disk takes long' if disk else 'this robot is held up'
    if worst >= now.election_ms:
        return Report('timing', Level.ERROR, f'{what}: others would elect without it', values)
    if now.fsync_ms > now.heartbeat_ms or now.tick_late_ms > now.election_ms // 2:
        return Report('timing', Level.WARN, what, values)
    return Report('timing', Level.OK, 'on time', values)


def _storage(now: Vitals) -> Report:
    free = now.disk_free_bytes // MIB
    values = _values(free_mib=free)
    if free < FREE_ERROR_MIB:
        return Report('storage', Level.ERROR, 'the disk of the log is nearly full', values)
    if free < FREE_WARN_MIB:
        return Report('storage', Level.WARN, 'the disk of the log is filling up', values)
    return Report('storage', Level.OK, 'has room', values)


def _cage(now: Vitals) -> Report:
    """A wall that was asked for is as its people want it; the best that could be had may be
    worse than they know."""
    values = _values(wall=now.cage, job_cage=now.cage_asked)
    if not now.job_slots:
        return Report('cage', Level.OK, 'no jobs here', values)
    if now.cage == 'missing':
        return Report('cage', Level.ERROR, now.cage_told, values)
    level = Level.WARN if now.cage_weak and now.cage_asked == 'auto' else Level.OK
    return Report('cage', level, now.cage_told, values)


def _emergency(now: Vitals) -> Report:
    if now.stopped:
        text = f'stopped: {now.stop_reason or "no reason given"}'
        return Report('emergency', Level.ERROR, text)
    return Report('emergency', Level.OK, 'not stopped')


def _power(now: Vitals) -> Report:
    charge = now.battery_permille
    if charge is None:
        return Report('power', Level.OK, 'no gauge')
    values = _values(charge_percent=charge / 10)
    if charge < BATTERY_ERROR_PERMILLE:
        return Report('power', Level.ERROR, 'the battery is nearly empty', values)
    if charge < BATTERY_WARN_PERMILLE:
        return Report('power', Level.WARN, 'the battery is low', values)
    return Report('power', Level.OK, 'the battery is charged', values)


def _sensors(now: Vitals) -> Report:
    """A fault is an error, old readings are a warning, and a judge that is silent is stale."""
    if not now.sensors:
        return Report('sensors', Level.OK, 'none are read')
    by_state = {
        state: [one for one in now.sensors if one.state == state]
        for state in ('faulty', 'stale', 'unknown', 'fresh')
    }
    listed = [one for ones in by_state.values() for one in ones][: 3 * NAMED_MAX]
    values = _values(sensors=len(now.sensors)) + tuple(
        (one.device_id, f'{one.state} {one.rate_hz:.3g} Hz {one.reason}'.strip())
        for one in listed
    )
    levels = {'faulty': Level.ERROR, 'stale': Level.WARN}
    for state, level in levels.items():
        if by_state[state]:
            text = f'{state}: {_named(one.device_id for one in by_state[state])}'
            return Report('sensors', level, text, values)
    if not by_state['fresh']:
        return Report('sensors', Level.STALE, 'nothing is known of them', values)
    return Report('sensors', Level.OK, 'those that are judged are fresh', values)


def _hardware(now: Vitals) -> Report:
    if now.devices is None:
        return Report('hardware', Level.OK, 'hw_discovery does not run on this robot')
    notices = tuple(
        (f'notice {i + 1}', text) for i, text in enumerate(now.notices[:NAMED_MAX])
    )
    values = _values(devices=now.devices) + notices
    if now.devices_bad:
        text = f'faulty or lost: {_named(now.devices_bad)}'
        return Report('hardware', Level.WARN, text, values)
    return Report('hardware', Level.OK, 'all devices that were found are there', values)


def _named(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f' and {len(listed) - NAMED_MAX} more' if len(listed) > NAMED_MAX else ''
    return ', '.join(listed[:NAMED_MAX]) + more
