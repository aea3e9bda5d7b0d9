# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""SwarmView: folds what was heard into a JSON-able picture and its changes.

Owns what is believed and what has been published of it; knows no clock (time is an argument, in
monotonic nanoseconds), no threads, no ROS and no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from swarm_tower.core.facts import (
    Beacon,
    Consciousness,
    Event,
    Fact,
    Ignored,
    Inventory,
    JobCounts,
    JobListing,
    JobUpdates,
    Mode,
    SwarmState,
    Told,
)
from swarm_tower.core.history import EventHistory, Page
from swarm_tower.core.jobs import JOBS_MAX, JobBoard
from swarm_tower.core.leadership import Quorum, Verdict, judge_leader
from swarm_tower.core.robots import NS_PER_MS, RobotBoard
from swarm_tower.core.section import Section
from swarm_tower.core.sections import make_sections

Json = dict[str, Any]

EVENTS_IN_SNAPSHOT = 300
EVENTS_IN_DELTA = 200
IGNORED_VALUES_MAX = 8
NEW_LOG_AFTER_MS = 10_000  # a leader repeats its state every 2 s; five of them missing means gone
NEWS = {
    'heard': ('robot_heard', 'info', 'heard for the first time'),
    'back': ('robot_back', 'info', 'heard again'),
    'restarted': ('robot_restarted', 'warn', 'has restarted'),
    'lost': ('robot_unheard', 'warn', 'no longer heard by the tower'),
}


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Json:
    """Return the fields of `after` that are new or differ; a field gone is None."""
    changes = {k: v for k, v in after.items() if k not in before or before[k] != v}
    changes.update({k: None for k in before if k not in after})
    return changes


class SwarmView:
    """The picture. `delta` moves what is published; `snapshot` repeats what is published."""

    def __init__(
        self,
        swarm_id: str,
        domain_id: int,
        stale_after_ms: int,
        lost_after_ms: int,
        started_ns: int = 0,
        sections: Iterable[Section] | None = None,
        reach: Mapping[str, str] | None = None,
    ) -> None:
        self._about: Json = {
            **(reach or {}),
            'swarm_id': swarm_id,
            'domain_id': domain_id,
            'started_ms': started_ns // NS_PER_MS,
            'stale_after_ms': stale_after_ms,
            'lost_after_ms': lost_after_ms,
        }
        self._lost_ns = lost_after_ms * NS_PER_MS
        self._robots = RobotBoard(stale_after_ms, lost_after_ms)
        self._jobs = JobBoard()
        self._history = EventHistory()
        self._state: SwarmState | None = None
        self._state_ns = 0
        self._mode: Mode | None = None
        self._consciousness: Json | None = None
        self._hardware: dict[str, Json] = {}
        self._ignored: dict[str, set[str]] = {}
        self._sections = list(make_sections() if sections is None else sections)
        self._takers: dict[type[Told], list[Section]] = {}
        for one in self._sections:
            for kind in one.takes:
                self._takers.setdefault(kind, []).append(one)
        self._published = _nothing_published()
        self._published_seq = 0
        self.revision = 0

    # -- taking facts

    def fold(self, fact: Fact, now_ns: int) -> None:
        """Take one fact, heard now."""
        if isinstance(fact, Beacon):
            self._fold_beacon(fact, now_ns)
        elif isinstance(fact, SwarmState):
            self._fold_state(fact, now_ns)
        elif isinstance(fact, Mode):
            self._fold_mode(fact)
        elif isinstance(fact, JobUpdates):
            self._jobs.update(fact)
        elif isinstance(fact, JobListing):
            self._jobs.settle(fact)
        elif isinstance(fact, Event):
            self._history.add(fact, now_ns // NS_PER_MS)
        elif isinstance(fact, Consciousness):
            self._fold_consciousness(fact, now_ns)
        elif isinstance(fact, Inventory):
            self._hardware[fact.robot_id] = {**asdict(fact), 'heard_ms': now_ns // NS_PER_MS}
        elif isinstance(fact, Told):
            for section in self._takers[type(fact)]:
                section.fold(fact, now_ns)
        else:
            self._fold_ignored(fact)

    def age(self, now_ns: int) -> None:
        """Bring presence up to now and note robots that have gone silent."""
        for robot_id in self._robots.age(now_ns):
            self._note('lost', robot_id, now_ns)
        for section in self._sections:
            section.age(now_ns)

    def _fold_beacon(self, beacon: Beacon, now_ns: int) -> None:
        news = self._robots.hear(beacon, now_ns)
        if news:
            self._note(news, beacon.robot_id, now_ns)

    def _fold_state(self, state: SwarmState, now_ns: int) -> None:
        held = self._state
        if held is not None and (state.log_index, state.term) < (held.log_index, held.term):
            if now_ns - self._state_ns < NEW_LOG_AFTER_MS * NS_PER_MS:
                return
            self._begin_new_log(state, now_ns)
        self._state, self._state_ns = state, now_ns
        self._robots.set_members(state.members)
        self._fold_mode(state.mode)

    def _begin_new_log(self, state: SwarmState, now_ns: int) -> None:
        """The swarm was set up anew: what the old log said no longer counts."""
        self._jobs.clear()
        self._mode = None
        text = f'the log went back to index {state.log_index}: the swarm was set up anew'
        self._tower_event('log_restarted', 'warn', state.sender, text, now_ns)

    def _fold_mode(self, mode: Mode) -> None:
        if self._mode is None or mode.log_index >= self._mode.log_index:
            self._mode = mode

    def _fold_consciousness(self, told: Consciousness, now_ns: int) -> None:
        held, now_ms = self._consciousness, now_ns // NS_PER_MS
        fresh = held is not None and now_ms - held['heard_ms'] < NEW_LOG_AFTER_MS
        if held is not None and fresh and told.term < held['term']:
            return  # a former leader's last word
        self._consciousness = {**asdict(told), 'heard_ms': now_ms}

    def _fold_ignored(self, ignored: Ignored) -> None:
        values = self._ignored.setdefault(ignored.why, set())
        if len(values) < IGNORED_VALUES_MAX:
            values.add(ignored.value)

    def _note(self, news: str, robot_id: str, now_ns: int) -> None:
        kind, severity, text = NEWS[news]
        self._tower_event(kind, severity, robot_id, f'{robot_id} {text}', now_ns)

    def _tower_event(
        self, kind: str, severity: str, subject: str, text: str, now_ns: int
    ) -> None:
        event = Event('tower', 0, 0, None, 0, kind, severity, subject, text, '', ())
        self._history.add(event, now_ns // NS_PER_MS)

    # -- questions from the edges

    def heard_ids(self) -> list[str]:
        """Return the robots whose own topics are worth a subscription."""
        return self._robots.heard_ids()

    def robots_to_ask(self, now_ns: int) -> list[str]:
        """Return the robots that are heard now, the leader first."""
        leader = self._verdict(now_ns)[0].leader
        return sorted(self._robots.fresh_ids(now_ns), key=lambda r: (r != leader, r))

    def wanted_counts(self) -> JobCounts | None:
        """Return the job counts of the newest swarm state."""
        return None if self._state is None else self._state.jobs

    def held_counts(self) -> JobCounts:
        """Return the counts of the jobs held here, for comparison with the wanted ones.

        What there is no room for cannot be compared: there the wanted counts come back. The
        first to be left out are jobs that have ended.
        """
        wanted, held = self.wanted_counts(), self._jobs.counts()
        if wanted is None or wanted.total <= JOBS_MAX:
            return held
        return wanted if wanted.live > JOBS_MAX else held.with_ended_of(wanted)

    def events_since(self, seq: int, limit: int) -> Page:
        """Return events after a number, oldest first."""
        return self._history.since(seq, limit)

    def section(self, name: str) -> Section:
        """Return a section by its name; StopIteration = there is none."""
        return next(one for one in self._sections if one.name == name)

    def picture(self, now_ns: int) -> Json:
        """Return what is believed now, published or not, for those that draw or count it."""
        return {
            'swarm': self._swarm_fields(now_ns),
            'robots': self._robots.rows(now_ns),
            'jobs': self._jobs.rows(),
            'consciousness': self._consciousness,
            'revision': self.revision,
            'last_seq': self._history.last_seq,
        }

    def settled(self) -> list[Any]:
        """Return parts that are replaced and never changed in place: a copy may share them."""
        events = self._history.newest(self._history.last_seq).rows
        return [*self._jobs.rows(), *events, *self._hardware.values()]

    # -- publishing

    def delta(self, now_ns: int) -> Json | None:
        """Return what changed since the last call, or None; moves the revision on."""
        changes: Json = {}
        self._publish_fields(changes, 'swarm', self._swarm_fields(now_ns))
        self._publish_fields(changes, 'consciousness', self._consciousness or {})
        self._publish_robots(changes, now_ns)
        self._publish_jobs(changes)
        self._publish_hardware(changes)
        self._publish_events(changes)
        self._publish_sections(changes)
        if not changes:
            return None
        self.revision += 1
        return {'revision': self.revision, **changes}

    def snapshot(self) -> Json:
        """Return everything that all deltas up to now have told, as one delta from nothing."""
        page = self._history.newest(EVENTS_IN_SNAPSHOT)
        return {
            'revision': self.revision,
            **{name: dict(section) for name, section in self._published.items()},
            'events': [r for r in page.rows if r['seq'] <= self._published_seq],
            'sections': {one.name: one.published() for one in self._sections},
        }

    def _publish_fields(self, changes: Json, section: str, fields: Json) -> None:
        changed = changed_fields(self._published[section], fields)
        if changed:
            changes[section] = changed
            self._published[section] = fields

    def _publish_robots(self, changes: Json, now_ns: int) -> None:
        rows = self._robots.rows(now_ns)
        before = self._published['robots']
        changed: Json = {}
        for robot_id, row in rows.items():
            fields = changed_fields(before.get(robot_id, {}), row)
            if fields:
                changed[robot_id] = fields
        changed.update({robot_id: None for robot_id in before if robot_id not in rows})
        if changed:
            changes['robots'] = changed
            self._published['robots'] = rows

    def _publish_jobs(self, changes: Json) -> None:
        changed = self._jobs.take_changes()
        published = self._published['jobs']
        for job_id, row in changed.items():
            if row is None:
                published.pop(job_id, None)
            else:
                published[job_id] = row
        if changed:
            changes['jobs'] = changed

    def _publish_hardware(self, changes: Json) -> None:
        shown = set(self._robots.heard_ids())
        before = self._published['hardware']
        now = {robot_id: inv for robot_id, inv in self._hardware.items() if robot_id in shown}
        self._hardware = now
        changed: Json = {r: inv for r, inv in now.items() if before.get(r) is not inv}
        changed.update({r: None for r in before if r not in now})
        if changed:
            changes['hardware'] = changed
            self._published['hardware'] = dict(now)

    def _publish_events(self, changes: Json) -> None:
        new = self._history.last_seq - self._published_seq
        page = self._history.newest(min(new, EVENTS_IN_DELTA))
        if page.rows:
            changes['events'] = page.rows
        self._published_seq = page.last_seq

    def _publish_sections(self, changes: Json) -> None:
        told = {one.name: rows for one in self._sections if (rows := one.changes())}
        if told:
            changes['sections'] = told

    # -- the header

    def _swarm_fields(self, now_ns: int) -> Json:
        verdict, quorum = self._verdict(now_ns)
        heard_ns = self._robots.last_heard_ns()
        state, counts = self._state, self.wanted_counts() or self._jobs.counts()
        return {
            **self._about,
            'leader': asdict(verdict),
            'quorum': asdict(quorum),
            'commit_index': self._commit_index(now_ns),
            'mode': None if self._mode is None else asdict(self._mode),
            'jobs': asdict(counts),
            'jobs_from': 'listing' if state is None else state.sender,
            'jobs_dropped': max(0, counts.total - JOBS_MAX),
            'state_heard_ms': None if state is None else _seconds_ms(self._state_ns),
            'heard_ms': None if heard_ns is None else _seconds_ms(heard_ns),
            'robots_refused': self._robots.refused,
            'ignored': {why: sorted(values) for why, values in sorted(self._ignored.items())},
        }

    def _commit_index(self, now_ns: int) -> int:
        known = 0 if self._state is None else self._state.commit_index
        return max(known, self._robots.commit_index(now_ns))

    def _verdict(self, now_ns: int) -> tuple[Verdict, Quorum]:
        quorum = self._quorum(now_ns)
        return judge_leader(self._robots.opinions(now_ns), quorum), quorum

    def _quorum(self, now_ns: int) -> Quorum:
        """The leader's own count while it reports; after that what the tower hears itself."""
        state = self._state
        if state is None:
            return Quorum(0, 0, 0, 'tower')
        sender_heard = self._robots.presence(state.sender, now_ns) == 'fresh'
        if sender_heard and now_ns - self._state_ns < self._lost_ns:
            return Quorum(state.voters, state.quorum, state.voters_heard, state.sender)
        _, heard = self._robots.voters_heard(now_ns)
        return Quorum(state.voters, state.quorum, heard, 'tower')


def _nothing_published() -> dict[str, Json]:
    return {'swarm': {}, 'robots': {}, 'jobs': {}, 'hardware': {}, 'consciousness': {}}


def _seconds_ms(ns: int) -> int:
    """Whole seconds in milliseconds: the page needs no more, and fewer changes are sent."""
    return ns // NS_PER_MS // 1000 * 1000
