# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The life of one job and what it wrote. Owns how a log is cut so that no letter is cut."""

from __future__ import annotations

from typing import Any

import tornado.web

from swarm_tower.web.asking import AskHandler

NS_PER_MS = 1_000_000
SUBJECT_JOB = 0
STREAMS = ('stdout', 'stderr')
LOG_BYTES_MAX = 32 * 1024
LETTER_BYTES_MAX = 4
JOB = r'([A-Za-z0-9][A-Za-z0-9_.:-]{0,127})'


class Story(AskHandler):
    """What happened to it, and the routes of its last grant."""

    async def get(self, job_id: str) -> None:
        fields = {'subject': SUBJECT_JOB, 'id': job_id}
        found = await self.asked(self.robot(), 'explain', fields)
        if found is None:
            return
        if not found['found']:
            self.answer({'error': found['reason'] or f'{job_id} is not known'}, 404)
            return
        self.answer({
            'story': [_line(one) for one in found['story']],
            'candidates': found['candidates'],
            'answered_by': found.get('answered_by', ''),
        })


def _line(line: dict[str, Any]) -> dict[str, Any]:
    return {
        'at_ms': line['stamp_ns'] // NS_PER_MS or None,
        'log_index': line['log_index'],
        'what': line['what'],
        'cause': line['cause'],
    }


class Log(AskHandler):
    """A piece of what it wrote; ask again from next_offset."""

    async def get(self, job_id: str) -> None:
        stream = self.words('stream', 8) or 'stdout'
        if stream not in STREAMS:
            raise tornado.web.HTTPError(400, reason='stream: expected stdout or stderr')
        found = await self.asked(self.robot(), 'read_job_log', {
            'job_id': job_id,
            'attempt': self.number('attempt', 0, 255),
            'stream': STREAMS.index(stream),
            'offset': self.signed('offset', -LOG_BYTES_MAX, -LOG_BYTES_MAX, 2**53),
            'bytes_max': LOG_BYTES_MAX,
        }, refused=404)
        if found is not None:
            self.answer(_piece(found))


def _piece(found: dict[str, Any]) -> dict[str, Any]:
    raw = bytes.fromhex(found['data'])
    start, end = found['offset'], found['offset'] + len(raw)
    last = found['ended'] and end >= found['size_bytes']
    whole_bytes = raw if last else raw[: len(raw) - _torn(raw)]
    return {
        'text': whole_bytes.decode('utf-8', 'replace'),
        'offset': start,
        'next_offset': start + len(whole_bytes),
        **{k: found[k] for k in ('size_bytes', 'dropped_bytes', 'ended', 'attempt', 'robot_id')},
        'answered_by': found.get('answered_by', ''),
    }


def _torn(raw: bytes) -> int:
    """Return how many bytes at the end are the beginning of a letter that is not all here."""
    for back in range(1, min(LETTER_BYTES_MAX, len(raw) + 1)):
        byte = raw[-back]
        if byte & 0xC0 == 0x80:
            continue
        needs = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4
        return back if byte >= 0xC0 and needs > back else 0
    return 0


ROUTES = (
    (rf'/api/v1/jobs/{JOB}/story', Story),
    (rf'/api/v1/jobs/{JOB}/log', Log),
)
