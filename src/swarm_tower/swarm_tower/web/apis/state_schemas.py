# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What state_api.py and the socket serve, as OpenAPI describes it: schemas of the picture and of
what changes in it, made from the facts themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swarm_tower.core import facts
from swarm_tower.core.health_tree import Diagnosis
from swarm_tower.core.leadership import Quorum, Verdict
from swarm_tower.web.apis.openapi import (
    an_object,
    list_of,
    of_dataclass,
    operation,
    or_null,
    query,
    ref,
    table_of,
    text,
    whole,
)
from swarm_tower.web.apis.state_api import EVENTS_PAGE_MAX

MONO = 'the monotonic clock of the tower, ms'
ROBOT = an_object(
    {
        'robot_id': text(),
        'presence': text('As this tower hears it.', enum=['fresh', 'stale', 'lost', 'unheard']),
        'heard_ms': or_null(whole(f'The last beacon, {MONO}; null = never.')),
        'voter': or_null({'type': 'boolean'}),
        'phase': or_null(text('As the log has it; null = no member.')),
        'job_slots': or_null(whole()),
        'capabilities': list_of(text()),
        'incarnation': or_null(whole('Of its present life: the disk and the start.')),
        'starts': or_null(whole('How often it has started on this disk.')),
        'role': or_null(text()),
        'term': or_null(whole()),
        'leader': or_null(text('Whom it names.')),
        'commit_index': or_null(whole()),
        'applied_index': or_null(whole()),
        'mode': or_null(text()),
        'emergency_epoch': or_null(whole('0 = there was no emergency yet.')),
        'emergency_active': or_null({'type': 'boolean'}),
        'local_mode': or_null(text('What it acts under itself: the mode, or more cautious.')),
        'battery_permille': or_null(whole('Charge; null = no gauge.')),
        'cpu_permille': or_null(whole()),
        'running_jobs': or_null(whole()),
        'held_jobs': or_null(whole()),
        'queued_work_ms': or_null(whole()),
        'figures': or_null(of_dataclass(facts.Figures)),
    },
    open_ended=True,
)
SWARM = an_object(
    {
        'swarm_id': text(),
        'domain_id': whole('ROS domain.'),
        'started_ms': whole(f'When the tower began, {MONO}.'),
        'stale_after_ms': whole(),
        'lost_after_ms': whole(),
        'leader': of_dataclass(Verdict),
        'quorum': of_dataclass(Quorum),
        'commit_index': whole(),
        'mode': or_null(of_dataclass(facts.Mode)),
        'jobs': of_dataclass(facts.JobCounts),
        'jobs_from': text('The robot whose counts these are, or "listing".'),
        'jobs_dropped': whole('Jobs that the tower has no room for.'),
        'state_heard_ms': or_null(whole(MONO)),
        'heard_ms': or_null(whole(MONO)),
        'robots_refused': whole('Beacons of more robots than there is room for.'),
        'ignored': table_of(list_of(text()), 'What was heard and not used, by why.'),
    },
    open_ended=True,
)
EVENT = of_dataclass(
    facts.Event,
    without=('incarnation', 'sequence'),
    seq=whole('Runs on by one.'),
    at_ms=whole(f'When the tower heard it, {MONO}.'),
)
CONSCIOUSNESS = of_dataclass(facts.Consciousness, heard_ms=whole(MONO))
CLOCKS: dict[str, Any] = {
    'mono_ms': whole(MONO), 'wall_ms': whole('The wall clock of the tower, Unix ms.'),
}
TABLES: dict[str, Any] = {
    'jobs': ref('Job'),
    'hardware': of_dataclass(facts.Inventory, heard_ms=whole(MONO)),
}
SECTIONS = 'Tables of rows by key; which there are depends on the parts of the tower.'
DESCRIBED = {'diagnostics': 'Diagnosis'}  # sections whose rows have a schema


def _part(schema: dict[str, Any]) -> dict[str, Any]:
    """Of an object: any of its fields; null = gone."""
    changed = {name: or_null(one) for name, one in schema['properties'].items()}
    return an_object(changed, optional=changed, open_ended=True)


def _sections(rows: Callable[[dict[str, Any]], dict[str, Any]], about: str) -> dict[str, Any]:
    known = {name: table_of(rows(ref(row))) for name, row in DESCRIBED.items()}
    return {'type': 'object', 'description': about, 'properties': known,
            'additionalProperties': table_of({})}


SCHEMAS = {
    'Diagnosis': of_dataclass(Diagnosis),
    'Robot': ROBOT,
    'Job': of_dataclass(facts.Job, log_index=whole()),
    'Event': EVENT,
    'Snapshot': an_object({
        'type': {'const': 'snapshot'},
        **CLOCKS,
        'revision': whole('Of the picture; a delta makes the next one of it.'),
        'swarm': _part(SWARM),
        'robots': table_of(_part(ROBOT)),
        **{name: table_of(row) for name, row in TABLES.items()},
        'consciousness': _part(CONSCIOUSNESS),
        'events': list_of(ref('Event')),
        'sections': _sections(dict, SECTIONS),
        'dropped': whole('Messages that this browser read too slowly for.'),
    }, optional=('dropped',)),
    'Delta': an_object({
        'type': {'const': 'delta'},
        **CLOCKS,
        'revision': whole('One more than before; after a gap connect again.'),
        'swarm': _part(SWARM),
        'robots': table_of(or_null(_part(ROBOT)), 'Changed fields only; null = gone.'),
        **{name: table_of(or_null(row)) for name, row in TABLES.items()},
        'consciousness': _part(CONSCIOUSNESS),
        'events': list_of(ref('Event')),
        'sections': _sections(or_null, f'{SECTIONS} Changed rows only; null = gone.'),
    }, optional=(
        'swarm', 'robots', 'jobs', 'hardware', 'consciousness', 'events', 'sections'
    )),
    'Alive': an_object(
        {'type': {'const': 'alive'}, **CLOCKS}, about='Nothing has changed for five seconds.'
    ),
    'Frame': {'oneOf': [ref('Snapshot'), ref('Delta'), ref('Alive')]},
}
PATHS = {
    '/api/v1/state': {'get': operation('The whole picture, up to now.', {200: ref('Snapshot')})},
    '/api/v1/events': {
        'get': operation(
            'Events after a number, oldest first.',
            {200: an_object({
                'events': list_of(ref('Event')),
                'last_seq': whole('Number of the newest event there is.'),
                'missed': whole('Events after the number that are no longer kept.'),
            })},
            parameters=(
                query('since', 'Number of the last event that is known.', whole(minimum=0)),
                query('limit', 'At most so many.', whole(minimum=0, maximum=EVENTS_PAGE_MAX)),
            ),
            errors=(400,),
        ),
    },
    '/healthz': {
        'get': operation(
            'Whether the tower serves.',
            {200: an_object({
                'ok': {'const': True}, 'clients': whole('Browsers that are connected.')
            })},
            tag='about',
        ),
    },
    '/ws': {
        'get': {
            **operation(
                'WebSocket: a snapshot, then what changes.',
                about='Every text message of the tower is a Frame. Who sends anything is cut off '
                'with code 1008. Who does not read gets a new snapshot in the place of what was '
                'missed; `dropped` counts it.',
                errors=(503,),
            ),
            'x-messages': ref('Frame'),
        },
    },
}
PATHS['/ws']['get']['responses'].update({
    '101': {'description': 'The WebSocket is open.'},
    '400': {'description': 'This asks for no WebSocket.', 'content': {'text/html': {}}},
})
