# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Why the learner says what it says, in its own words."""

from __future__ import annotations

import tornado.web

from swarm_tower.web.asking import AskHandler

SUBJECTS = ('mode', 'route', 'reputation', 'regime', 'memory', 'affect', 'policy')


class Explain(AskHandler):
    async def get(self) -> None:
        subject = self.words('subject', 32)
        if subject not in SUBJECTS:
            expected = ', '.join(SUBJECTS)
            raise tornado.web.HTTPError(400, reason=f'subject: expected one of {expected}')
        fields = {'subject': subject, 'id': self.words('id', 300)}
        found = await self.asked(self.robot(), 'explain_learning', fields)
        if found is None:
            return
        if not found['found']:
            self.answer({'error': found['reason'] or 'nothing is known of it'}, 404)
            return
        self.answer({'lines': found['lines'], 'answered_by': found.get('answered_by', '')})


ROUTES = ((r'/api/v1/explain', Explain),)
