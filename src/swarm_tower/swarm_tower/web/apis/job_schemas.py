# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What job_api.py serves, as OpenAPI describes it. Owns words and schemas."""

from __future__ import annotations

from swarm_tower.web.apis.job_api import STREAMS
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

_JOB_ID = in_path('job_id', 'The job.', 'job-1')
PATHS = {
    '/api/v1/jobs/{job_id}/story': {
        'get': operation(
            'What happened to a job, and why it went where it went.',
            {200: an_object({
                'story': list_of(an_object({
                    'at_ms': or_null(whole('Unix ms.')), 'log_index': whole('0 = not of the log.'),
                    'what': text(), 'cause': text(),
                })),
                'candidates': list_of({'type': 'object'}),
                'answered_by': text(),
            })},
            parameters=(_JOB_ID,),
            errors=(400, 404, 503),
            tag='jobs',
        ),
    },
    '/api/v1/jobs/{job_id}/log': {
        'get': operation(
            'A piece of what a job wrote.',
            {200: an_object({
                'text': text(), 'offset': whole('Of its first byte.'),
                'next_offset': whole('Go on from here.'),
                'size_bytes': whole('Written so far.'),
                'dropped_bytes': whole('Left out in the middle.'),
                'ended': {'type': 'boolean'}, 'attempt': whole(), 'robot_id': text(),
                'answered_by': text(),
            })},
            parameters=(
                _JOB_ID,
                query('stream', 'Which.', text(enum=list(STREAMS))),
                query('attempt', '0 = the last one.', whole(minimum=0, maximum=255)),
                query('offset', 'Bytes from the start; negative: from the end.', whole()),
            ),
            errors=(400, 404, 503),
            tag='jobs',
        ),
    },
}
