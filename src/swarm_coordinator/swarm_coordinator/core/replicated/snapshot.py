# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The whole replicated state as bytes: what a snapshot of the log holds.

One JSON object with "v": 1 and exactly the parts of PARTS; things of a kind are rows (rows.py) in
the order of the log. Two robots at the same index give the same bytes. Indexes over the state
(keys, heaps, counts) are not written but made again. Decoding is strict and ends with
`check_invariants()`. Refuses to know Raft: index and term of the snapshot are its business.
"""

import json
from array import array
from collections import deque
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, cast

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Job, JobPhase, counts_of
from swarm_coordinator.core.jobs.papers import Papers, pack_text, papers_from
from swarm_coordinator.core.jobs.queue import JobQueue
from swarm_coordinator.core.jobs.routes import ROUTES_MAX, UINT32_MAX, Route, RouteBook, RouteKey
from swarm_coordinator.core.leases.lease import Lease
from swarm_coordinator.core.leases.lease_book import LeaseBook
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.models import Model
from swarm_coordinator.core.registry.services import Service, ServiceBook
from swarm_coordinator.core.replicated.codec import Malformed
from swarm_coordinator.core.replicated.command import MemberChange
from swarm_coordinator.core.replicated.event_log import SEVERITIES, EventLog, KeptEvent
from swarm_coordinator.core.replicated.rows import items, reader, writer
from swarm_coordinator.core.replicated.state import (
    ClientSession,
    Member,
    Override,
    ReplicatedState,
)

SNAPSHOT_VERSION = 1
# Below the 64 MiB that robots send each other, which count the head of a snapshot as well.
STATE_BYTES_MAX = 63 * 1024 * 1024

NUMBERS = ('applied_index', 'term', 'term_index', 'stamp_ns', 'emergency_cleared_epoch')
TEXTS = ('emergency_cleared_by', 'timing_profile')
PARTS = (
    'v', *NUMBERS, *TEXTS, 'mode', 'members', 'wishes', 'leases', 'services', 'events',
    'sessions', 'routes', 'waiting', 'held', 'pipelines', 'ended',
)
# Written where there is something in it: a robot of a version that does not know it reads on.
OPTIONAL_PARTS = ('models',)
JOB_PARTS = ('waiting', 'held', 'pipelines', 'ended')
MODE_HINT = tuple[Mode, str, int, int, Mode, Override | None]
_MODE_FIELDS = (
    'mode', 'mode_reason', 'mode_epoch', 'mode_since_ns', 'policy_mode', 'override',
)
WISH_HINT = tuple[RobotId, MemberChange]
# Task, robot, unit, done, failed, lost, stolen, recent, runs, changed_ns.
ROUTE_HINT = tuple[str, RobotId, str, int, int, int, int, int, tuple[int, ...], int]
SESSION_HINT = tuple[RobotId, int, int, tuple[int, ...]]

JOB_HINTS: dict[str, Any] = {
    'job_id': str,
    'origin': RobotId,
    'idempotency_key': str,
    'submitted_ns': int,
    'changed_ns': int,
    'queued_ns': int,
    'changed_index': int,
    'phase': JobPhase,
    'attempt': int,
    'token': int,
    'robot_id': RobotId | None,
    'incarnation': int,
    'unit': str,
    'lease_expires_ns': int,
    'ttl_ms': int,
    'progress_permille': int,
    'progress_text': str,
    'progress_sequence': int,
    'progressed_ns': int,
    'quiet_ms': int,
    'revoked_for': RobotId | None,
    'counts': tuple[int, int, int, int, int],
    'not_before_ns': int,
    'deadline_ns': int,
    'parent': str,
    'exit_code': int | None,
    'run_ms': int,
    'outputs_at': RobotId | None,
    'delivered': bool,
    'reason': str,
    'avoid': tuple[RobotId, ...],
}
_JOB_NAMES = tuple(JOB_HINTS)
_PHASE = _JOB_NAMES.index('phase')
_job_fields = attrgetter(*_JOB_NAMES)


# What a surrogate on its own was goes through as it is: two of them must not become one character.
_ENCODER = json.JSONEncoder(separators=(',', ':'), ensure_ascii=False)


class MalformedSnapshot(Malformed):
    """The bytes are not a state that this version knows."""


class NewerSnapshot(MalformedSnapshot):
    """Of a version that came after this one; nothing is wrong with it."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f'a state of version {version}, this software reads up to {SNAPSHOT_VERSION}: '
            'update it'
        )
        self.version = version


class StateTooLarge(ValueError):
    """The state does not fit into a snapshot; nothing is wrong with the state."""


def encode_state(state: ReplicatedState) -> bytes:
    """Raises StateTooLarge. See StateEncoder for the repeated case."""
    return StateEncoder().encode(state)


class StateEncoder:
    """Encodes the same state again and again, and takes the ended jobs that did not change since
    from its last bytes: they are nearly all of it, and encoding holds up consensus.

    Keeps the last bytes (which Raft keeps as its snapshot anyway) and 16 bytes an ended job.
    """

    def __init__(self) -> None:
        self._state: ReplicatedState | None = None
        self._index = 0
        self._data = b''
        self._ids: list[str] = []
        self._ends = array('Q', [0])  # row i of the ended jobs is _data[_ends[i]:_ends[i + 1]]

    def encode(self, state: ReplicatedState) -> bytes:
        if state is not self._state:
            self._index, self._ids = 0, []
        head = _dumped(_parts(state))[:-1] + b',"ended":['
        rows, ends = self._ended_rows(state, len(head))
        data = b''.join([head, *rows, b']}'])
        if len(data) > STATE_BYTES_MAX:
            raise StateTooLarge(f'{len(data)} bytes: a snapshot holds at most {STATE_BYTES_MAX}')
        self._state, self._index, self._data = state, state.applied_index, data
        self._ids, self._ends = list(state.ended), ends
        return data

    def _ended_rows(
        self, state: ReplicatedState, offset: int
    ) -> tuple[list[bytes], 'array[int]']:
        """The rows as they follow each other, and where each ends."""
        rows: list[bytes] = []
        ends = array('Q', [offset])
        place = 0
        for job_id in state.ended:
            job = state.jobs[job_id]
            row = b''
            if job.changed_index <= self._index:
                # Both lists are in the order in which jobs ended; what is missing was forgotten.
                while place < len(self._ids) and self._ids[place] != job_id:
                    place += 1
                if place < len(self._ids):
                    row = self._data[self._ends[place] : self._ends[place + 1]]
            row = row.strip(b',') or _dumped(_job_row(job))
            rows.append(b',' + row if rows else row)
            ends.append(ends[-1] + len(rows[-1]))
        return rows, ends


def _dumped(value: Any) -> bytes:
    return _ENCODER.encode(value).encode('utf-8', 'surrogatepass')


def _parts(state: ReplicatedState) -> dict[str, Any]:
    mode = [getattr(state, name) for name in _MODE_FIELDS]
    mode[0], mode[4] = state.mode.name, state.policy_mode.name
    mode[5] = None if state.override is None else writer(Override)(state.override)
    return {
        'v': SNAPSHOT_VERSION,
        **{name: getattr(state, name) for name in NUMBERS},
        **{name: getattr(state, name) for name in TEXTS},
        'mode': mode,
        'members': _rows(Member, state.members.values()),
        'wishes': [[robot, wish.name] for robot, wish in state.wishes.items()],
        'leases': _rows(Lease, state.leases.held.values()),
        'services': _rows(Service, state.services.all()),
        'events': [state.events.first_index, _rows(KeptEvent, state.events.events)],
        'sessions': [
            [robot, one.incarnation, one.acked_below, sorted(one.applied)]
            for robot, one in state.sessions.items()
        ],
        'routes': [_route_row(key, route) for key, route in state.routes.items()],
        'waiting': [_job_row(state.jobs[job_id]) for job_id in state.waiting],
        'held': [_job_row(state.jobs[job_id]) for job_id in state.held],
        'pipelines': [_job_row(state.jobs[job_id]) for job_id in state.pipelines],
        **({'models': _rows(Model, state.models.values())} if state.models else {}),
    }


def _route_row(key: RouteKey, route: Route) -> list[Any]:
    counts = (route.done, route.failed, route.lost, route.stolen, route.recent)
    return [*key, *counts, route.runs.tolist(), route.changed_ns]


def _rows(kind: type, values: Iterable[Any]) -> list[Any]:
    write = writer(kind)
    return [write(value) for value in values]


def _job_row(job: Job) -> list[Any]:
    row = [*_job_fields(job), job.papers_text()]
    row[_PHASE] = job.phase.name
    return row


# ---- decoding


def decode_state(data: bytes) -> ReplicatedState:
    """Raises MalformedSnapshot that says what was expected."""
    if len(data) > STATE_BYTES_MAX:
        raise MalformedSnapshot(f'{len(data)} bytes: at most {STATE_BYTES_MAX} are read')
    try:
        document = json.loads(data.decode('utf-8', 'surrogatepass'))
    except (ValueError, RecursionError) as error:
        raise MalformedSnapshot(f'not UTF-8 JSON: {error}') from None
    version = document.get('v') if isinstance(document, dict) else None
    if type(version) is int and version > SNAPSHOT_VERSION:
        raise NewerSnapshot(version)
    if type(version) is not int or version != SNAPSHOT_VERSION:
        raise MalformedSnapshot(f'expected an object with "v": {SNAPSHOT_VERSION}')
    if document.keys() - set(OPTIONAL_PARTS) != set(PARTS):
        raise MalformedSnapshot(
            f'expected exactly the parts {", ".join(PARTS)}, got {sorted(document)}'
        )
    try:
        state = _state_from(document)
        state.check_invariants()
    except Malformed as error:
        raise MalformedSnapshot(str(error)) from None
    except (AssertionError, RecursionError) as error:
        raise MalformedSnapshot(f'the parts contradict each other: {str(error)[:200]}') from None
    return state


def _state_from(document: dict[str, Any]) -> ReplicatedState:
    mode = reader(MODE_HINT)(document['mode'], 'mode')
    jobs = _jobs(document)
    numbers: dict[str, Any] = {name: reader(int)(document[name], name) for name in NUMBERS}
    state = ReplicatedState(
        **numbers,
        **{name: reader(str)(document[name], name) for name in TEXTS},
        **dict(zip(_MODE_FIELDS, mode, strict=True)),
        members=_members(document['members']),
        wishes=dict(_of_kind(WISH_HINT, document['wishes'], 'wishes')),
        leases=_leases(document['leases']),
        services=_services(document['services']),
        models=_models(document.get('models', [])),
        events=_events(document['events']),
        sessions=_sessions(document['sessions']),
        routes=_routes(document['routes']),
        jobs=jobs,
        waiting=_queue(document['waiting'], jobs),
        held=_index(document['held'], jobs),
        pipelines=_index(document['pipelines'], jobs),
        ended=_index(document['ended'], jobs),
    )
    state.job_by_key = {
        job.idempotency_key: job_id for job_id, job in jobs.items() if job.idempotency_key
    }
    for job in jobs.values():
        state.counts[job.phase] += 1
    return state


def _of_kind(kind: Any, values: Any, where: str) -> list[Any]:
    read = reader(kind)
    return [read(value, where) for value in items(values, where)]


def _once(pairs: Iterable[tuple[Any, Any]], where: str) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key, value in pairs:
        if key in made:
            raise Malformed(f'{where}: {key!r} comes twice')
        made[key] = value
    return made


def _members(values: Any) -> dict[RobotId, Member]:
    members = _of_kind(Member, values, 'members')
    return _once(((member.robot_id, member) for member in members), 'members')


def _leases(values: Any) -> LeaseBook:
    leases = _of_kind(Lease, values, 'leases')
    waiting = sum(len(lease.waiters) for lease in leases)
    return LeaseBook(_once(((lease.resource, lease) for lease in leases), 'leases'), waiting)


def _models(values: Any) -> dict[str, Model]:
    models = _of_kind(Model, values, 'models')
    return _once(((model.name, model) for model in models), 'models')


def _services(values: Any) -> ServiceBook:
    services = _of_kind(Service, values, 'services')
    _once((((one.robot_id, one.name), one) for one in services), 'services')
    by_robot: dict[RobotId, dict[str, Service]] = {}
    for one in services:
        try:
            _ = one.metadata
        except ValueError:
            raise Malformed(f'services: metadata of {one.name!r} is not packed pairs') from None
        by_robot.setdefault(one.robot_id, {})[one.name] = one
    return ServiceBook(by_robot, len(services))


def _events(values: Any) -> EventLog:
    first_index, rows = items(values, 'events', 2)
    events = cast(list[KeptEvent], _of_kind(KeptEvent, rows, 'events'))
    for one in events:
        if one.notable.severity not in SEVERITIES:
            raise Malformed(f'events: expected one of {", ".join(SEVERITIES)}')
    return EventLog(
        deque(events),
        reader(int)(first_index, 'events'),
        {one.notable.key: one.index for one in events if one.notable.key},
    )


def _sessions(values: Any) -> dict[RobotId, ClientSession]:
    rows = _of_kind(SESSION_HINT, values, 'sessions')
    return _once(
        ((robot, ClientSession(life, acked, set(open_))) for robot, life, acked, open_ in rows),
        'sessions',
    )


def _routes(values: Any) -> RouteBook:
    rows = _of_kind(ROUTE_HINT, values, 'routes')
    if len(rows) > ROUTES_MAX:
        raise Malformed(f'routes: expected at most {ROUTES_MAX}')
    known = _once(((row[:3], _route(*row[3:])) for row in rows), 'routes')
    return RouteBook(known.items())


def _route(
    done: int,
    failed: int,
    lost: int,
    stolen: int,
    recent: int,
    runs: tuple[int, ...],
    changed_ns: int,
) -> Route:
    if any(not 0 <= run_ms <= UINT32_MAX for run_ms in runs):
        raise Malformed(f'routes: expected run times of 0 to {UINT32_MAX} ms')
    return Route(done, failed, lost, stolen, recent, array('I', runs), changed_ns)


def _jobs(document: dict[str, Any]) -> dict[str, Job]:
    """All jobs in the order of their submission, which their stories begin with; those of one
    entry in order of their names."""
    submitted: list[tuple[int, Job]] = []
    for name in JOB_PARTS:
        for row in items(document[name], name):
            submitted.append(_job(row, name))
    submitted.sort(key=lambda pair: (pair[0], pair[1].job_id))
    return _once(((job.job_id, job) for _, job in submitted), 'jobs')


_JOB_READERS = [(name, reader(hint)) for name, hint in JOB_HINTS.items()]


def _job(row: Any, where: str) -> tuple[int, Job]:
    *fields, text = items(row, where, len(_JOB_READERS) + 1)
    papers = _papers(text, where)
    job = Job.__new__(Job)
    for (name, read), value in zip(_JOB_READERS, fields, strict=True):
        setattr(job, name, read(value, name))
    job.counts = counts_of(*job.counts)
    expected = _part_of(job)
    if where != expected:
        raise Malformed(f'{where}: a job that is {job.phase.value} belongs to {expected}')
    job.papers = pack_text(text) if job.ended else papers
    return _submitted_index(papers, where), job


def _part_of(job: Job) -> str:
    if job.ended:
        return 'ended'
    if job.phase is JobPhase.SUBMITTED:
        return 'waiting'
    return 'held' if job.held else 'pipelines'


def _submitted_index(papers: Papers, where: str) -> int:
    try:
        story = papers.story(0)
    except ValueError as error:
        raise Malformed(f'{where}: story of a job: {error}') from None
    return story[0].index if story else 0


def _papers(text: Any, where: str) -> Papers:
    try:
        papers = papers_from(json.loads(reader(str)(text, where)))
        if papers.text() == text:
            return papers
    except Malformed:
        raise
    except (ValueError, KeyError, RecursionError) as error:
        raise Malformed(f'{where}: papers of a job: {error}') from None
    raise Malformed(f'{where}: papers of a job are not as they are written')


def _queue(rows: list[list[Any]], jobs: dict[str, Job]) -> JobQueue:
    queue = JobQueue()
    for job_id in _index(rows, jobs):
        job = jobs[job_id]
        if job.not_before_ns:
            queue.rest(job_id)
        else:
            queue.enter(job_id, job.spec.priority)
    return queue


def _index(rows: list[list[Any]], jobs: dict[str, Job]) -> dict[str, None]:
    """The order of the queue: rows come in it. The ids are those of the jobs, not copies."""
    return {jobs[row[0]].job_id: None for row in rows}
