# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The life of a job as spans: waiting, leased, running, once for each attempt. Owns which changes
make a span and which jobs are traced; knows nothing of OpenTelemetry.

Times are those of the log (Unix milliseconds). A phase that was over before anybody could tell
of it has no span; nothing is made up for it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from swarm_tower.core.facts import ENDED, Job

TRACKS_MAX = 4096
STEPS_MAX = 64
NAMES = {'submitted': 'waiting'}


@dataclass(frozen=True)
class Step:
    """One phase of one attempt."""

    name: str
    robot_id: str
    attempt: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Trace:
    """A life that is over."""

    job: Job
    start_ms: int
    end_ms: int
    steps: tuple[Step, ...]

    @property
    def failed(self) -> bool:
        """Tell whether it ended without what was wanted."""
        return self.job.phase != 'done'


@dataclass
class _Track:
    start_ms: int
    job: Job
    since_ms: int
    steps: list[Step]


class JobTracks:
    """Jobs that ended before `started_ms` are of the past and are not told again."""

    def __init__(self, started_ms: int, tracks_max: int = TRACKS_MAX) -> None:
        self._started_ms = started_ms
        self._max = tracks_max
        self._open: OrderedDict[str, _Track] = OrderedDict()
        self._over: OrderedDict[str, int] = OrderedDict()  # job_id -> when it ended

    def take(self, job: Job) -> Trace | None:
        """Take what the log says of a job now; return its life when it has ended."""
        over_ms = self._over.get(job.job_id)
        if over_ms is not None and job.changed_ms <= over_ms:
            return None
        track = self._open.get(job.job_id)
        if track is None:
            track = self._begin(job, over_ms)
        elif job.changed_ms < track.job.changed_ms:
            return None
        else:
            self._go_on(track, job)
        if job.phase not in ENDED:
            return None
        del self._open[job.job_id]
        self._remember(job)
        if over_ms is None and job.changed_ms < self._started_ms:
            return None
        return Trace(job, track.start_ms, job.changed_ms, tuple(track.steps))

    def _begin(self, job: Job, over_ms: int | None) -> _Track:
        """One that is tried again after it had ended begins a new life."""
        start_ms = job.submitted_ms if over_ms is None else over_ms
        track = _Track(start_ms, job, job.changed_ms, [])
        self._open[job.job_id] = track
        if len(self._open) > self._max:
            self._open.popitem(last=False)
        return track

    def _go_on(self, track: _Track, job: Job) -> None:
        before = track.job
        track.job = job
        now = (job.phase, job.attempt, job.robot_id)
        if now == (before.phase, before.attempt, before.robot_id):
            return
        if len(track.steps) < STEPS_MAX:
            name = NAMES.get(before.phase, before.phase)
            track.steps.append(
                Step(name, before.robot_id, before.attempt, track.since_ms, job.changed_ms)
            )
        track.since_ms = job.changed_ms

    def _remember(self, job: Job) -> None:
        self._over[job.job_id] = job.changed_ms
        self._over.move_to_end(job.job_id)
        if len(self._over) > self._max:
            self._over.popitem(last=False)
