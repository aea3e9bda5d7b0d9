# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the collective memory says of a window of time. Owns times in milliseconds: a browser has
no whole numbers as large as the memory's nanoseconds."""

from __future__ import annotations

import math
from typing import Any

import tornado.web

from swarm_tower.web.asking import AskHandler

NS_PER_MS = 1_000_000
TIME_MS_MAX = 2**53
QUANTILES_MAX = 16
CHANNELS_MAX = 32
EXEMPLARS_MAX = 64


class Memory(AskHandler):
    async def get(self) -> None:
        begin = self.number('begin_ms', 0, TIME_MS_MAX // 1000)
        end = self.number('end_ms', 0, TIME_MS_MAX // 1000)
        found = await self.asked(self.robot(), 'query_memory', {
            'robot_id': self.robot('whose'),
            'channels': self.listed('channels', CHANNELS_MAX),
            'begin_ns': begin * NS_PER_MS,
            'end_ns': end * NS_PER_MS,
            'quantiles': self._quantiles(),
            'kind': self.words('kind', 64),
            'exemplars_max': self.number('exemplars', 16, EXEMPLARS_MAX),
        })
        if found is not None:
            self.answer(_told(found))

    def _quantiles(self) -> list[float]:
        try:
            found = [float(one) for one in self.listed('quantiles', QUANTILES_MAX)]
        except ValueError:
            found = [math.nan]
        if not all(0.0 <= one <= 1.0 for one in found):
            raise tornado.web.HTTPError(400, reason='quantiles: expected numbers from 0 to 1')
        return found


def _told(found: dict[str, Any]) -> dict[str, Any]:
    exemplars = [
        {**{k: v for k, v in one.items() if k != 'stamp_ns'},
         'stamp_ms': one['stamp_ns'] // NS_PER_MS}
        for one in found.get('exemplars', [])
    ]
    counts = dict(zip(found.get('counted', []), found.get('counts', []), strict=False))
    times = {
        f'{name}_ms': found.get(f'{name}_ns', 0) // NS_PER_MS for name in ('begin', 'end', 'edge')
    }
    kept = {k: found.get(k) for k in ('blocks', 'events', 'channels', 'robots', 'answered_by')}
    return {**kept, **times, 'counts': counts, 'exemplars': exemplars}


ROUTES = ((r'/api/v1/memory', Memory),)
