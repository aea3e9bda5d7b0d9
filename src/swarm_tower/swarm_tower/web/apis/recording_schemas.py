# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What recording_api.py serves, as OpenAPI describes it. Owns words and schemas."""

from __future__ import annotations

from typing import Any

from swarm_tower.web.apis.openapi import (
    an_object,
    in_path,
    list_of,
    operation,
    or_null,
    query,
    text,
    whole,
)
from swarm_tower.web.apis.state_schemas import SCHEMAS as STATE

MS = whole('Unix ms.')
SPAN = an_object({'start_ms': MS, 'end_ms': MS}, about='What `at` can go over.')
RECORDER = an_object({
    'state': text(enum=['starting', 'recording', 'failing', 'closed']),
    'trouble': text('Why it is failing.'),
    'written': whole('Messages.'),
    'dropped': whole('Messages for which there was no room, or that the disk did not take.'),
    'unknown': whole('Messages of types that this installation does not know.'),
    'saved': whole('Recordings kept since the start.'),
    'not_saved': text('Why the last one was not kept.'),
    'folder': text(),
    'ring_bytes_max': whole(),
    'kept_bytes_max': whole(),
    'tail_s': {'type': 'number', 'description': 'Seconds that are kept at a time.'},
})
ROW = an_object({
    'name': text(),
    'kept': {'type': 'boolean', 'description': 'false: a file of the ring; it goes in time.'},
    'bytes': whole(),
    'start_ms': or_null(MS),
    'end_ms': or_null(MS),
    'messages': whole(),
    'reason': text('Why it was kept.'),
    'by': text('Who kept it.'),
    'automatic': {'type': 'boolean'},
    'complete': {'type': 'boolean', 'description': 'It has an index at its end.'},
    'trouble': text('What is wrong with it.'),
})
PICTURE: dict[str, Any] = {
    **STATE['Snapshot'],
    'properties': {
        **STATE['Snapshot']['properties'],
        'recorded': an_object({
            'name': text(), 'at_ms': MS, 'start_ms': MS, 'end_ms': MS,
            'notes': list_of(text('What could not be read, in words.')),
        }),
    },
}
PATHS = {
    '/api/v1/recordings': {
        'get': operation(
            'What the flight recorder has.',
            {200: an_object({
                'replay': or_null(text('The file that is replayed; null = a live tower.')),
                'recorder': or_null(RECORDER),
                'span': or_null(SPAN),
                'recordings': list_of(ROW),
            })},
            errors=(503,), tag='recordings',
        ),
    },
    '/api/v1/recordings/{name}': {
        'get': operation(
            'A recording as an MCAP file.', {200: {'type': 'string', 'format': 'binary'}},
            parameters=(in_path('name', 'As listed.', 'ring_000001.mcap'),), errors=(404, 503),
            media='application/octet-stream', tag='recordings',
        ),
    },
    '/api/v1/at': {
        'get': operation(
            'The picture as it was at a time.', {200: PICTURE},
            about="All clocks in it are the recording's: mono_ms is wall_ms.",
            parameters=(
                query(
                    't', 'Unix ms; brought into the span of the recording.', whole(minimum=0),
                    required=True,
                ),
                query('recording', 'Its name; empty = all that the recorder has.', text()),
            ),
            errors=(400, 404, 422, 503), tag='recordings',
        ),
    },
}
