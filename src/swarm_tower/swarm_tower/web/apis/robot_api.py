# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One robot from close by, and all robots as they see each other. Owns how often robots are asked
for the latter, however many browsers want to know."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from swarm_tower.core.live import Looked
from swarm_tower.web.asking import AskHandler
from swarm_tower.web.site import Refused, Site, Unreachable

ROBOT = r'([A-Za-z][A-Za-z0-9_]{0,63})'
ASKED_MAX = 64
AT_ONCE = 8
KEPT_S = 2.0
STATUS_S = 3.0
ROLES = ('follower', 'pre_candidate', 'candidate', 'leader', 'non_voter')  # as in Heartbeat
UNKNOWN_AGE = 2**32 - 1


class Look(AskHandler):
    """While this is asked every few seconds, the section 'live' has rows of the robot."""

    def get(self, robot_id: str) -> None:
        known = self.site.hub.ask(lambda view, now: view.heard_ids())
        if robot_id not in known:
            self.answer({'error': f'{robot_id} has not been heard'}, 404)
            return
        self.site.hub.fold([Looked(robot_id)])
        self.answer({'looking': True})


class Device(AskHandler):
    """How a device was identified."""

    async def get(self, robot_id: str) -> None:
        fields = {'device': self.words('device')}
        found = await self.asked(robot_id, 'explain_device', fields, refused=404)
        if found is not None:
            kept = ('lines', 'launch_fragment', 'catalogue_stanza', 'notices')
            self.answer({key: found[key] for key in kept})


class Sights(AskHandler):
    """What each robot says of the log and of the others."""

    async def get(self) -> None:
        now_s, held = time.monotonic(), self.settings.get('sights')
        if held is None or now_s - held[0] >= KEPT_S:  # one round serves all who ask
            held = (now_s, asyncio.ensure_future(_round(self.site)))
            self.settings['sights'] = held
        self.answer(await asyncio.shield(held[1]))


async def _round(site: Site) -> dict[str, Any]:
    robots = site.hub.ask(lambda view, now: view.robots_to_ask(now))[:ASKED_MAX]
    limit = asyncio.Semaphore(AT_ONCE)

    async def ask(robot: str) -> dict[str, Any]:
        async with limit:
            try:
                return _sight(await site.robots.ask(robot, 'status', {}, STATUS_S))
            except (Unreachable, Refused) as error:
                return {'robot_id': robot, 'error': str(error)}

    return {'robots': await asyncio.gather(*(ask(robot) for robot in robots))}


def _sight(found: dict[str, Any]) -> dict[str, Any]:
    state, role = found['state'], found['role']
    return {
        'robot_id': found['answered_by'],
        'role': ROLES[role] if role < len(ROLES) else f'unknown_{role}',
        'term': state['term'],
        'leader': state['leader'],
        'voters_heard': state['voters_heard'],
        'voters': state['voters'],
        'quorum': state['quorum'],
        'first_index': found['first_index'],
        'last_index': found['last_index'],
        'commit_index': state['commit_index'],
        'applied_index': found['applied_index'],
        'fsync_p99_us': found['fsync_p99_us'],
        'lineage': found['lineage'],
        'has_vote': found['has_vote'],
        'hears': {
            one['robot_id']: None if one['heard_ms_ago'] == UNKNOWN_AGE else one['heard_ms_ago']
            for one in state['robots']
        },
    }


ROUTES = (
    (rf'/api/v1/robots/{ROBOT}/look', Look),
    (rf'/api/v1/robots/{ROBOT}/device', Device),
    (r'/api/v1/sights', Sights),
)
