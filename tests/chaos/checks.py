# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What must hold at the end: pure, complaints as sentences, none = in order.

Owns the promises; refuses to know how what it judges was gathered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from swarm_coordinator.core.raft import Entry, EntryKind
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.apply import apply_command, apply_noop
from swarm_coordinator.core.replicated.command import (
    Issued,
    MalformedCommand,
    ReportJobs,
    decode,
)
from swarm_coordinator.core.replicated.state import ReplicatedState

SHOWN = 5
# Chosen after runs: a life begins with what it learns of the others, and Python's heap has steps.
WARM_UP_S = 20.0
LIFE_S = 60.0  # shorter lives tell nothing
MEMORY_KB_PER_MIN = 3072
MEMORY_KB_MIN = 16 * 1024  # the log grows to its first snapshot, and the list of jobs to its bound
DESCRIPTORS_MORE = 16
THREADS_MORE = 8


def _some(names: Iterable[object]) -> str:
    found = [str(name) for name in names]
    more = f' and {len(found) - SHOWN} more' if len(found) > SHOWN else ''
    return ', '.join(found[:SHOWN]) + more


def lost(accepted: Collection[str], done: Mapping[str, Collection[str]]) -> list[str]:
    """`done`: what each robot knows to be done."""
    complaints = []
    for robot, known in sorted(done.items()):
        if missing := sorted(set(accepted) - set(known)):
            complaints.append(f'{len(missing)} accepted jobs are not done at {robot}: '
                              f'{_some(missing)}')
    return complaints


def accepted_twice(completions: Mapping[str, Mapping[str, int]]) -> list[str]:
    """`completions`: how often each robot's log accepts the completion of each job."""
    return [
        f'completed more than once at {robot}: {_some(twice)}'
        for robot, counts in sorted(completions.items())
        if (twice := sorted(job for job, count in counts.items() if count > 1))
    ]


def one_leader(led: Mapping[int, Collection[str]]) -> list[str]:
    """`led`: who said that it leads, by term."""
    complaints = [
        f'term {term} was led by {_some(sorted(robots))}'
        for term, robots in sorted(led.items())
        if len(robots) > 1
    ]
    return complaints if led else ['nobody ever led']


def one_history(logs: Mapping[str, Sequence[Entry]]) -> list[str]:
    """Committed entries by robot, compared where two have the same index."""
    known: dict[int, tuple[str, Entry]] = {}
    complaints = []
    for robot, entries in sorted(logs.items()):
        for entry in entries:
            other, before = known.setdefault(entry.index, (robot, entry))
            if before != entry:
                complaints.append(f'entry {entry.index} differs at {other} and {robot}')
                break
    return complaints


@dataclass(frozen=True)
class Holding:
    """A lease from the entry that granted it to the one that ended it; None: it goes on."""

    resource: str
    token: int
    holder: str
    from_index: int
    to_index: int | None


def holdings(
    entries: Sequence[Entry], state: ReplicatedState | None = None
) -> list[Holding]:
    """Replayed by the rules that robots apply: who held what from which entry to which one.
    `state` is that before the first entry."""
    state = ReplicatedState() if state is None else state
    open_: dict[str, Holding] = {}
    found: list[Holding] = []
    for entry in entries:
        _apply(state, entry)
        held = state.leases.held
        for resource in [name for name, one in open_.items()
                         if name not in held or held[name].token != one.token]:
            one = open_.pop(resource)
            found.append(Holding(resource, one.token, one.holder, one.from_index, entry.index))
        for resource, lease in held.items():
            if resource not in open_:
                open_[resource] = Holding(
                    resource, lease.token, lease.holder, entry.index, None)
    return [*found, *open_.values()]


def _apply(state: ReplicatedState, entry: Entry) -> Applied:
    issued = _issued(entry)
    if issued is not None:
        return apply_command(state, entry.index, entry.term, entry.stamp_ns, issued)
    apply_noop(state, entry.index, entry.term, entry.stamp_ns)
    return Applied()


def _issued(entry: Entry) -> Issued | None:
    if entry.kind is not EntryKind.COMMAND:
        return None
    try:
        return decode(entry.data)
    except MalformedCommand:
        return None


def spoken_for(entries: Sequence[Entry]) -> list[str]:
    """Reports that changed a job which another robot held: of a member that lies."""
    state, complaints = ReplicatedState(), []
    for entry in entries:
        issued, holders = _issued(entry), {}
        if issued is not None and isinstance(issued.command, ReportJobs):
            holders = {
                report.job_id: state.jobs[report.job_id].robot_id
                for report in issued.command.reports if report.job_id in state.jobs
            }
        done = _apply(state, entry)
        complaints += [
            f'{done.by} spoke of {job}, which {holder} held, at entry {entry.index}'
            for job, holder in holders.items() if job in done.jobs and holder != done.by
        ]
    return complaints


def crashed(ended: Iterable[tuple[str, int, str]]) -> list[str]:
    """`ended`: processes that ended by themselves, with their codes and last words. A robot that
    ends because it must says why and ends with 2; -1 stands for one that was ended."""
    return [
        f'{name} ended with code {code}: {words[:200]}'
        for name, code, words in ended if code not in (0, 2, -1)
    ]


def exclusive(held: Iterable[Holding]) -> list[str]:
    """No two at a time, and tokens only grow."""
    by_resource: dict[str, list[Holding]] = {}
    for one in held:
        by_resource.setdefault(one.resource, []).append(one)
    complaints = []
    for resource, each in sorted(by_resource.items()):
        each.sort(key=lambda one: one.from_index)
        for one, after in pairwise(each):
            if one.to_index is None or after.from_index < one.to_index:
                complaints.append(f'{resource}: {one.holder} and {after.holder} at entry '
                                  f'{after.from_index}')
            if after.token <= one.token:
                complaints.append(f'{resource}: token {after.token} after {one.token}')
    return complaints


def told_once(tokens: Mapping[int, Collection[str]]) -> list[str]:
    """`tokens`: who was told to hold the resource under each token."""
    return [
        f'token {token} was given to {_some(sorted(holders))}'
        for token, holders in sorted(tokens.items())
        if len(holders) > 1
    ]


@dataclass(frozen=True)
class Use:
    """What one process had at one moment."""

    at_s: float
    resident_kb: int
    descriptors: int
    threads: int


def flat(uses: Mapping[tuple[str, int], Sequence[Use]]) -> list[str]:
    """By robot and process: the last third of a life is compared with the first one."""
    complaints = []
    for (robot, pid), all_uses in sorted(uses.items()):
        life = [use for use in all_uses if use.at_s - all_uses[0].at_s >= WARM_UP_S]
        if not life or life[-1].at_s - life[0].at_s < LIFE_S:
            continue
        third = max(1, len(life) // 3)
        early, late = life[:third], life[-third:]
        minutes = (life[-1].at_s - life[0].at_s) * 2 / 3 / 60
        limits = {
            'resident_kb': max(MEMORY_KB_MIN, MEMORY_KB_PER_MIN * minutes),
            'descriptors': DESCRIPTORS_MORE, 'threads': THREADS_MORE,
        }
        for what, limit in limits.items():
            before = median(getattr(use, what) for use in early)
            after = median(getattr(use, what) for use in late)
            if after - before > limit:
                complaints.append(f'{robot} (process {pid}): {what} grew from {before:.0f} to '
                                  f'{after:.0f} in {minutes:.1f} min')
    return complaints
