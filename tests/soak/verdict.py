# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What hours of work may change and what not: pure, complaints as sentences, none = in order.

Owns the bounds. Growth is a slope by Theil and Sen (the median of the slopes between all pairs of
moments), which a few odd moments do not bend; pairs are of one process, because a robot that was
killed begins anew. Refuses to know how what it judges was gathered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

TENTHS = 10
HOUR_S = 3600.0
WARM_UP_SHARE = 0.1     # of the run, at most WARM_UP_S_MAX; of each process
WARM_UP_S_MAX = 600.0
PAIRS_MAX = 100_000     # per process: what is beyond is thinned out
LIFE_MOMENTS_MIN = 10   # shorter lives tell nothing

# Chosen after runs. The heap of Python has steps of some MiB, and the log grows to its first
# snapshot, whatever the length of a run.
MEMORY_KB_MAX = 32 * 1024
# What a robot keeps of a job that has ended: it forgets the oldest beyond so many.
JOB_KB = 5.0
JOBS_KEPT_MAX = 10_000
DESCRIPTORS_MAX = 8
THREADS_MAX = 8
PERIOD_SHARE_MAX = 0.05   # by how much the median of a tenth may differ from that of the run
# By how much the 99th percentile may grow over the run; and no more than what lies between the
# quartiles of its tenths, of which a steady growth is twice as much: what else a machine does.
LATE_MS_MAX = 100.0
BEACONS_MIN = 100         # fewer in a tenth tell nothing


@dataclass(frozen=True)
class Moment:
    """What one process took at one moment of the run."""

    at_s: float
    resident_kb: int
    descriptors: int
    threads: int


Lives = Mapping[tuple[str, int], Sequence[Moment]]  # by robot and process


@dataclass(frozen=True)
class Quota:
    """What a part of a robot's folder may take."""

    part: str
    limit_bytes: int


@dataclass
class Tenth:
    """What a tenth of the run brought. `periods_ms`: times between beacons by their senders'
    clocks, by robot; `disk`: the most that each part of any robot's disk took, in bytes."""

    done: int = 0
    failovers_ms: list[int] = field(default_factory=list)
    periods_ms: dict[str, list[int]] = field(default_factory=dict)
    disk: dict[str, int] = field(default_factory=dict)

    def all_periods(self) -> list[int]:
        return sorted(one for each in self.periods_ms.values() for one in each)


def _thinned(life: Sequence[Moment]) -> Sequence[Moment]:
    step = 1
    while (len(life) // step) ** 2 > 2 * PAIRS_MAX:
        step += 1
    return life[::step]


def _slopes(life: Sequence[Moment], what: str) -> Iterator[float]:
    for at, one in enumerate(life):
        for other in life[at + 1:]:
            if other.at_s > one.at_s:
                rise = getattr(other, what) - getattr(one, what)
                yield rise / (other.at_s - one.at_s)


def settled(life: Sequence[Moment], run_s: float) -> Sequence[Moment]:
    """Without the time in which a process warms up."""
    warm_s = min(WARM_UP_SHARE * run_s, WARM_UP_S_MAX)
    return [one for one in life if one.at_s - life[0].at_s >= warm_s]


@dataclass(frozen=True)
class Growth:
    """Of a robot over all its lives that were long enough. `per_s` of what was measured; `span_s`
    is the time that its longest such life was watched."""

    robot: str
    what: str
    per_s: float
    span_s: float

    @property
    def total(self) -> float:
        return self.per_s * self.span_s


def growths(lives: Lives, run_s: float) -> list[Growth]:
    found = []
    for robot in sorted({robot for robot, _ in lives}):
        each = [settled(life, run_s) for (name, _), life in lives.items() if name == robot]
        each = [_thinned(life) for life in each if len(life) >= LIFE_MOMENTS_MIN]
        if not each:
            continue
        span_s = max(life[-1].at_s - life[0].at_s for life in each)
        for what in ('resident_kb', 'descriptors', 'threads'):
            slopes = [slope for life in each for slope in _slopes(life, what)]
            found.append(Growth(robot, what, median(slopes), span_s))
    return found


def memory_kb_max(jobs: int) -> float:
    """How much a robot may grow in which so many jobs ended since the run began."""
    return MEMORY_KB_MAX + JOB_KB * min(jobs, JOBS_KEPT_MAX)


def flat(grown: Sequence[Growth], jobs: int) -> list[str]:
    limits = {
        'resident_kb': memory_kb_max(jobs), 'descriptors': DESCRIPTORS_MAX, 'threads': THREADS_MAX,
    }
    return [
        f'{one.robot}: {one.what} grows by {one.per_s * HOUR_S:.1f} an hour, {one.total:.0f} in '
        f'{one.span_s / 60:.0f} minutes; at most {limits[one.what]:.0f} is in order'
        for one in grown if one.total > limits[one.what]
    ]


def measured(grown: Sequence[Growth], robots: Sequence[str]) -> list[str]:
    """Where nothing can be said of any of them, they must not pass for flat."""
    if set(robots) & {one.robot for one in grown}:
        return []
    return [f'no life of {" or ".join(sorted(robots))} was long enough to be measured']


def within(tenths: Sequence[Tenth], quotas: Sequence[Quota]) -> list[str]:
    complaints = []
    for quota in quotas:
        most = max((tenth.disk.get(quota.part, 0) for tenth in tenths), default=0)
        if most > quota.limit_bytes:
            complaints.append(
                f'{quota.part} took {most} bytes of the disk, its limit is {quota.limit_bytes}')
    return complaints


def percentile(ordered: Sequence[int], share: float) -> float:
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))])


def between_quartiles(values: Sequence[float]) -> float:
    if len(values) < 4:
        return 0.0
    low, _, high = quantiles(values, n=4)
    return high - low


def punctual(tenths: Sequence[Tenth]) -> list[str]:
    """No drift of the heartbeat period: neither of its median nor of its 99th percentile."""
    complaints = []
    heard = {
        number: periods for number, tenth in enumerate(tenths, 1)
        if len(periods := tenth.all_periods()) >= BEACONS_MIN
    }
    if not heard:
        return ['too few beacons were heard to say anything of their period']
    usual = median(median(periods) for periods in heard.values())
    for number, periods in heard.items():
        if abs(median(periods) - usual) > PERIOD_SHARE_MAX * usual:
            complaints.append(
                f'the median of the heartbeat period was {median(periods):.0f} ms in tenth '
                f'{number}, {usual:.0f} ms else')
    late = sorted(heard.items())
    slopes = [
        (percentile(later, 0.99) - percentile(one, 0.99)) / (at_later - at)
        for place, (at, one) in enumerate(late) for at_later, later in late[place + 1:]
    ]
    each_ms = [percentile(periods, 0.99) for _, periods in late]
    limit_ms = max(LATE_MS_MAX, between_quartiles(each_ms))
    if slopes and (grown_ms := median(slopes) * (late[-1][0] - late[0][0])) > limit_ms:
        complaints.append(
            f'the 99th percentile of the heartbeat period grew by {grown_ms:.0f} ms over the run; '
            f'at most {limit_ms:.0f} ms is in order')
    return complaints


def kept(accepted: Mapping[str, str], completions: Mapping[str, int]) -> list[str]:
    """`accepted`: our jobs with what became of them, '' = verified; `completions`: how often the
    log accepted the completion of each job."""
    complaints = [
        f'{job}: {what}' for job, what in sorted(accepted.items()) if what
    ]
    complaints += [
        f'{job}: verified, and its completion is not in the log'
        for job in sorted(accepted) if not accepted[job] and not completions.get(job)
    ]
    complaints += [
        f'{job}: completed {count} times in the log'
        for job, count in sorted(completions.items()) if count > 1
    ]
    return complaints
