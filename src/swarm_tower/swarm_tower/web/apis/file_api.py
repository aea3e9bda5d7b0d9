# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files that a robot has stored."""

from __future__ import annotations

from typing import Any

import tornado.web

from swarm_tower.web.asking import AskHandler

USES = ('needed', 'kept', 'cached', 'fetching')  # by their numbers in FileEntry
PAGE = 200
COUNTS = (
    'matched', 'used_bytes', 'cached_bytes', 'quota_bytes', 'free_bytes', 'damaged',
    'sent_bytes', 'received_bytes',
)


class Files(AskHandler):
    async def get(self) -> None:
        uses = self.listed('uses', len(USES))
        if set(uses) - set(USES):
            expected = ', '.join(USES)
            raise tornado.web.HTTPError(400, reason=f'uses: expected some of {expected}')
        found = await self.asked(self.robot(), 'list_files', {
            'sha256': self.words('sha256', 64),
            'uses': bytes(USES.index(one) for one in uses).hex(),
            'after': self.words('after', 64),
            'limit': PAGE,
        })
        if found is not None:
            files = [_row(one) for one in found['files']]
            counts = {name: found[name] for name in COUNTS}
            self.answer({'files': files, **counts, 'answered_by': found.get('answered_by', '')})


def _row(row: dict[str, Any]) -> dict[str, Any]:
    number = row['use']
    return {**row, 'use': USES[number] if number < len(USES) else f'unknown_{number}'}


ROUTES = ((r'/api/v1/files', Files),)
