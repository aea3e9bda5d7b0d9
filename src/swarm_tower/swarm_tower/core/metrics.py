# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The picture as metrics: the table of all families, and their values. Owns names, units and
labels; docs/METRICS.md and the dashboard are held against the table by tests.

Base units and suffixes are those of Prometheus. `robot` is the only label whose values are not
fixed, and robots are bounded. What is not known has no sample: a missing line is not a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from swarm_tower.core.facts import JobCounts
from swarm_tower.core.health_tree import RANK
from swarm_tower.core.outcomes import LIMITS_S, Histogram, OutcomeTally

GAUGE, COUNTER, HISTOGRAM = 'gauge', 'counter', 'histogram'
PRESENCES = ('fresh', 'stale', 'lost', 'unheard')
ROLES = ('follower', 'pre_candidate', 'candidate', 'leader', 'non_voter')
FIGURES = ('arousal', 'curiosity', 'confidence', 'stability', 'pressure')
SWARM_FIGURES = ('arousal', 'stability', 'pressure', 'spread')
PHASES = tuple(JobCounts.__dataclass_fields__)
NO_LEADER_KINDS = ('agreed', 'partial', 'no_leader', 'no_quorum', 'split', 'silent', 'unheard')
MS_PER_S = 1000.0
PERMILLE = 1000.0

Labels = tuple[tuple[str, str], ...]
Samples = Iterable[tuple[Labels, float | None]]


@dataclass(frozen=True)
class Facts:
    """What metrics are made of. Times in milliseconds on the tower's two clocks."""

    picture: Mapping[str, Any]
    diagnostics: Mapping[tuple[str, str], int]
    outcomes: OutcomeTally
    clients: int
    deltas: int
    feed_age_s: float
    mono_ms: int
    wall_ms: int
    modes: tuple[str, ...]

    @property
    def swarm(self) -> Mapping[str, Any]:
        """The header of the picture."""
        found: Mapping[str, Any] = self.picture['swarm']
        return found

    @property
    def robots(self) -> Mapping[str, Mapping[str, Any]]:
        """The robots of the picture."""
        found: Mapping[str, Mapping[str, Any]] = self.picture['robots']
        return found


@dataclass(frozen=True)
class Family:
    """One metric. `samples` gives labels and values; of a histogram, labels and Histogram."""

    name: str
    kind: str
    help: str
    samples: Callable[[Facts], Iterable[tuple[Labels, Any]]] = field(compare=False)


def _one(value: Callable[[Facts], float | None]) -> Callable[[Facts], Samples]:
    return lambda facts: [((), value(facts))]


def _each(value: Callable[[Mapping[str, Any], Facts], float | None]) -> Callable[[Facts], Samples]:
    """A sample of each robot; only what its newest beacon said, so none of a lost one."""
    return lambda facts: [
        ((('robot', robot_id),), value(row, facts))
        for robot_id, row in facts.robots.items()
    ]


def _beacon(name: str, unit: float = 1.0) -> Callable[[Facts], Samples]:
    def value(row: Mapping[str, Any], facts: Facts) -> float | None:
        told = row.get(name)
        return None if told is None or row['presence'] != 'fresh' else told / unit

    return _each(value)


def _words(label: str, words: Iterable[str], now: Callable[[Facts], str | None]) -> Any:
    """1 for the word that holds, 0 for the others; nothing while none is known."""
    listed = tuple(words)

    def samples(facts: Facts) -> Samples:
        held = now(facts)
        if held is None:
            return []
        return [(((label, word),), float(word == held)) for word in listed]

    return samples


def _about(facts: Facts) -> Samples:
    swarm = facts.swarm
    return [((('swarm', swarm['swarm_id']), ('domain', str(swarm['domain_id']))), 1.0)]


def _presences(facts: Facts) -> Samples:
    found = [row['presence'] for row in facts.robots.values()]
    return [((('presence', word),), float(found.count(word))) for word in PRESENCES]


def _heard_age(row: Mapping[str, Any], facts: Facts) -> float | None:
    heard = row['heard_ms']
    return None if heard is None else max(0.0, (facts.mono_ms - heard) / MS_PER_S)


def _leads(row: Mapping[str, Any], facts: Facts) -> float:
    return float(row['robot_id'] == facts.swarm['leader']['leader'])


def _figures(facts: Facts) -> Samples:
    for robot_id, row in facts.robots.items():
        told = row.get('figures') if row['presence'] == 'fresh' else None
        for name in FIGURES:
            yield (('robot', robot_id), ('figure', name)), None if told is None else told[name]


def _swarm_figures(facts: Facts) -> Samples:
    told = facts.picture['consciousness'] or {}
    return [((('figure', name),), told.get(name)) for name in SWARM_FIGURES]


def _jobs(facts: Facts) -> Samples:
    counts = facts.swarm['jobs']
    return [((('phase', phase),), float(counts[phase])) for phase in PHASES]


def _oldest_waiting(facts: Facts) -> float | None:
    waiting = [
        row['submitted_ms'] for row in facts.picture['jobs'] if row['phase'] == 'submitted'
    ]
    return max(0.0, (facts.wall_ms - min(waiting)) / MS_PER_S) if waiting else 0.0


def _mode(facts: Facts) -> str | None:
    mode = facts.swarm['mode']
    return None if mode is None else str(mode['mode'])


def _overridden(facts: Facts) -> float | None:
    mode = facts.swarm['mode']
    return None if mode is None else float(mode['overridden'])


def _diagnostics(facts: Facts) -> Samples:
    robots = sorted({robot for robot, _ in facts.diagnostics})
    return [
        ((('robot', robot), ('level', level)), float(facts.diagnostics.get((robot, level), 0)))
        for robot in robots
        for level in RANK
    ]


def _attempts(facts: Facts) -> Samples:
    known = facts.outcomes.attempts
    words = ('done', 'failed', 'timed_out', 'lease_expired', 'cancelled', 'refused', 'stolen',
             'unknown')
    return [((('outcome', word),), float(known.get(word, 0))) for word in words]


def _quorum(name: str) -> Callable[[Facts], float | None]:
    def value(facts: Facts) -> float | None:
        quorum = facts.swarm['quorum']
        return float(quorum[name]) if quorum['quorum'] else None

    return value


FAMILIES: tuple[Family, ...] = (
    Family('swarm_tower_info', GAUGE, 'Always 1; the labels say which swarm is watched.', _about),
    Family('swarm_robots', GAUGE, 'Robots by how well the tower hears them.', _presences),
    Family('swarm_robot_up', GAUGE, '1 while the tower hears the robot, else 0.',
           _each(lambda row, f: float(row['presence'] == 'fresh'))),
    Family('swarm_robot_heard_age_seconds', GAUGE, 'Time since the last beacon of a robot.',
           _each(_heard_age)),
    Family('swarm_robot_leads', GAUGE, '1 for the robot that leads by all that is heard, else 0.',
           _each(_leads)),
    Family('swarm_robot_stopped', GAUGE, '1 while the robot obeys an emergency stop.',
           _beacon('emergency_active')),
    Family('swarm_robot_cpu_ratio', GAUGE, 'Busy share of all cores of a robot, 0 to 1.',
           _beacon('cpu_permille', PERMILLE)),
    Family('swarm_robot_battery_ratio', GAUGE, 'Charge of the battery of a robot, 0 to 1.',
           _beacon('battery_permille', PERMILLE)),
    Family('swarm_robot_running_jobs', GAUGE, 'Jobs that run on a robot.',
           _beacon('running_jobs')),
    Family('swarm_robot_held_jobs', GAUGE, 'Jobs granted to a robot and not ended.',
           _beacon('held_jobs')),
    Family('swarm_robot_queued_work_seconds', GAUGE, 'Estimated work held and not done.',
           _beacon('queued_work_ms', MS_PER_S)),
    Family('swarm_robot_applied_index', GAUGE, 'Last log entry that a robot has applied.',
           _beacon('applied_index')),
    Family('swarm_robot_figure_ratio', GAUGE, "A robot's control signals, 0 to 1.", _figures),
    Family('swarm_robot_diagnostics', GAUGE, 'Tasks on /diagnostics by robot and level.',
           _diagnostics),
    Family('swarm_leader_known', GAUGE, '1 while the robots that are heard agree on a leader.',
           _one(lambda f: float(bool(f.swarm['leader']['leader'])))),
    Family('swarm_leadership', GAUGE, '1 for what the robots say of leadership, 0 for the rest.',
           _words('verdict', NO_LEADER_KINDS, lambda f: str(f.swarm['leader']['kind']))),
    Family('swarm_term', GAUGE, 'Highest Raft term among the robots that are heard.',
           _one(lambda f: float(f.swarm['leader']['term']))),
    Family('swarm_commit_index', GAUGE, 'Last log entry known to be committed.',
           _one(lambda f: float(f.swarm['commit_index']))),
    Family('swarm_voters', GAUGE, 'Members with a vote.', _one(_quorum('voters'))),
    Family('swarm_voters_heard', GAUGE, 'Voters that are heard.', _one(_quorum('voters_heard'))),
    Family('swarm_quorum_votes', GAUGE, 'Votes that are needed.', _one(_quorum('quorum'))),
    Family('swarm_mode', GAUGE, '1 for the mode in force, 0 for the others.',
           lambda f: _words('mode', f.modes, _mode)(f)),
    Family('swarm_mode_overridden', GAUGE, '1 while a person has set the mode.',
           _one(_overridden)),
    Family('swarm_figure_ratio', GAUGE, "The swarm's control signals, 0 to 1.", _swarm_figures),
    Family('swarm_jobs', GAUGE, 'Jobs that the swarm keeps, by phase.', _jobs),
    Family('swarm_job_oldest_waiting_seconds', GAUGE,
           'Age of the oldest job that waits, by the clock of the tower; 0 = none waits.',
           _one(_oldest_waiting)),
    Family('swarm_job_attempts_total', COUNTER, 'Attempts that ended while the tower listened.',
           _attempts),
    Family('swarm_job_run_seconds', HISTOGRAM, 'Run times of these attempts.',
           lambda f: [((), f.outcomes.run_s)]),
    Family('swarm_job_queue_seconds', HISTOGRAM, 'Time from submission (or re-issue) to grant.',
           lambda f: [((), f.outcomes.queue_s)]),
    Family('swarm_events_total', COUNTER, 'Events that the tower has heard or made.',
           _one(lambda f: float(f.picture['last_seq']))),
    Family('swarm_tower_browsers', GAUGE, 'Browsers that are connected.',
           _one(lambda f: float(f.clients))),
    Family('swarm_tower_deltas_total', COUNTER, 'Changes of the picture that were encoded.',
           _one(lambda f: float(f.deltas))),
    Family('swarm_tower_feed_age_seconds', GAUGE,
           'Time since the thread that hears the swarm last gave a sign; about 1 or less.',
           _one(lambda f: f.feed_age_s)),
    Family('swarm_tower_uptime_seconds', GAUGE, 'Time since the tower started.',
           _one(lambda f: (f.mono_ms - f.swarm['started_ms']) / MS_PER_S)),
)


def exposition(facts: Facts) -> str:
    """Return all of it in the text format of Prometheus, version 0.0.4."""
    lines: list[str] = []
    for family in FAMILIES:
        lines.append(f'# HELP {family.name} {family.help}')
        lines.append(f'# TYPE {family.name} {family.kind}')
        for labels, value in family.samples(facts):
            if isinstance(value, Histogram):
                lines += _histogram(family.name, value)
            elif value is not None:
                lines.append(f'{family.name}{_shown(labels)} {_number(value)}')
    return '\n'.join([*lines, ''])


def _histogram(name: str, held: Histogram) -> Iterable[str]:
    below = 0
    for limit, count in zip((*LIMITS_S, None), held.counts, strict=True):
        below += count
        shown = '+Inf' if limit is None else _number(limit)
        yield f'{name}_bucket{{le="{shown}"}} {below}'
    yield f'{name}_sum {_number(held.total)}'
    yield f'{name}_count {below}'


def _shown(labels: Labels) -> str:
    if not labels:
        return ''
    return '{' + ','.join(f'{key}="{_escaped(value)}"' for key, value in labels) + '}'


def _escaped(value: str) -> str:
    return value.replace('\\', r'\\').replace('"', r'\"').replace('\n', r'\n')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
