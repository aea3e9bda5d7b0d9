# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of operators over HTTP: POST /api/v1/commands/<name>. Owns what is answered and that
every try is written into the swarm's events.

The answer says what became of it: `committed` (200), `rejected` (409) with the swarm's reason, or
`unavailable` (503): nobody answered, or there is no quorum, and whether it was done is not known.
"""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from swarm_tower.web.commands import COMMANDS, EVERY, Command, Malformed, checked
from swarm_tower.web.gate import ANYBODY, Role, Turned, Visitor
from swarm_tower.web.guard import JsonHandler
from swarm_tower.web.site import Refused, Unreachable

LOG = logging.getLogger('swarm_tower.web')
ACCEPTED, REFUSED = 0, 1
STATUS = {'committed': 200, 'rejected': 409, 'unavailable': 503}
ROBOTS_ASKED_MAX = 5
AT_ONCE_MAX = 16  # of those that are asked one by one
NOBODY = 'anybody'  # who has no token


class _Gated(JsonHandler):
    def _least(self, command: Command) -> Role:
        anybody = command.anybody and self.site.config.tower_stop_without_token
        return Role.OBSERVER if anybody else Role.OPERATOR

    def _visitor(self, least: Role = Role.OPERATOR) -> Visitor:
        header = self.request.headers.get('Authorization')
        try:
            return self.site.gate.visitor(header, self.request.remote_ip or '')
        except Turned:
            if least > Role.OBSERVER:
                raise
            return ANYBODY  # an old token must not be what keeps somebody from stopping robots

    def _refusal(self, command: Command, fields: dict[str, Any]) -> str:
        """Why the robots' policy does not give this to whoever has a token; '' = it does."""
        if command.local:
            return ''
        role = self.site.config.tower_token_role
        return self.site.robots.refusal(role, command.service, fields)


class Commands(_Gated):
    """What there is."""

    def get(self) -> None:
        """Tell who asks and what may be asked for."""
        try:
            visitor = self._visitor()
        except Turned as turned:
            self.answer({'error': str(turned)}, turned.status)
            return
        self.answer({
            'name': visitor.name,
            'role': visitor.role.name.lower(),
            'may': [one.name for one in COMMANDS.values() if self._may(visitor, one)],
            'token_file': self.site.gate.file,
            'commands': {one.name: sorted(one.keys) for one in COMMANDS.values()},
        })


    def _may(self, visitor: Visitor, command: Command) -> bool:
        return visitor.role >= self._least(command) and not self._refusal(command, {})


class OneCommand(_Gated):
    """One of them."""

    async def post(self, name: str) -> None:
        command = COMMANDS.get(name)
        if command is None:
            expected = ', '.join(COMMANDS)
            self.answer({'error': f'no such command: expected one of {expected}'}, 404)
            return
        try:
            least = self._least(command)
            visitor = self._visitor(least)
            apart = name if command.widely else ''  # a flood of others must not delay a stop
            self.site.gate.admit(visitor, least, self.request.remote_ip or '', apart)
            owner = f'{visitor.name or NOBODY}@tower'
            robot, fields = checked(command, self._body(), owner)
            if why := self._refusal(command, fields):
                raise Turned(403, f'tower_token_role: {why}')
        except Turned as turned:
            self.answer({'error': str(turned)}, turned.status)
            return
        except (Malformed, Refused) as malformed:
            self.answer({'error': str(malformed)}, 400)
            return
        try:
            outcome = await self._done(command, robot, fields)
        except Refused as refused:
            self.answer({'error': str(refused)}, 400)
            return
        self.answer(outcome, STATUS[outcome['outcome']])
        await self._audit(command, visitor, outcome)

    def _body(self) -> Any:
        if not self.request.headers.get('Content-Type', '').startswith('application/json'):
            raise Malformed('expected Content-Type: application/json')
        try:
            return json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise Malformed('expected JSON') from None

    async def _done(self, command: Command, robot: str, fields: dict[str, Any]) -> dict[str, Any]:
        try:
            if command.local:
                return await self._done_here(fields)
            if robot == EVERY:
                return await self._asked_each(command, fields)
            if command.widely and not robot:
                answer = await self._asked_widely(command, fields)
            else:
                answer = await self.site.robots.ask(
                    robot, command.service, fields, command.timeout_s
                )
        except Unreachable as unreachable:
            return {'outcome': 'unavailable', 'reason': str(unreachable)}
        return _outcome(answer)

    async def _done_here(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Of the tower's own: there is one, save_recording."""
        recordings = self.site.recordings
        if recordings is None:
            reason = 'this tower records nothing; set the parameter recorder_dir'
            return {'outcome': 'rejected', 'reason': reason}
        try:
            path = await asyncio.get_running_loop().run_in_executor(
                None, lambda: recordings.save(fields['reason'], fields['by'])
            )
        except (ValueError, OSError, TimeoutError, FutureTimeout) as error:
            reason = str(getattr(error, 'strerror', None) or error) or 'the disk is too slow'
            return {'outcome': 'rejected', 'reason': f'not saved: {reason}'}
        return {'outcome': 'committed', 'reason': '', 'answer': {'name': path.name}}

    async def _asked_each(self, command: Command, fields: dict[str, Any]) -> dict[str, Any]:
        """Ask every robot that is heard. Committed = by all of them."""
        robots = self.site.hub.ask(lambda view, now: view.robots_to_ask(now))
        if not robots:
            raise Unreachable('no robot is heard')

        async def of(robot: str) -> dict[str, Any]:
            try:
                return _outcome(await self.site.robots.ask(
                    robot, command.service, fields, command.timeout_s
                ))
            except Unreachable as unreachable:
                return {'outcome': 'unavailable', 'reason': str(unreachable)}

        found: dict[str, Any] = {}
        for start in range(0, len(robots), AT_ONCE_MAX):
            some = robots[start : start + AT_ONCE_MAX]
            found.update(zip(some, await asyncio.gather(*map(of, some)), strict=True))
        return _outcome_of_all(found)

    async def _asked_widely(self, command: Command, fields: dict[str, Any]) -> dict[str, Any]:
        """Ask several robots at the same time; the first answer counts."""
        robots = self.site.hub.ask(lambda view, now: view.robots_to_ask(now))[:ROBOTS_ASKED_MAX]
        if not robots:
            raise Unreachable('no robot is heard')
        asked = [
            asyncio.ensure_future(
                self.site.robots.ask(robot, command.service, fields, command.timeout_s)
            )
            for robot in robots
        ]
        failures = []
        for one in asyncio.as_completed(asked):
            try:
                return await one
            except Unreachable as unreachable:
                failures.append(str(unreachable))
        raise Unreachable('; '.join(failures))

    async def _audit(
        self, command: Command, visitor: Visitor, outcome: dict[str, Any]
    ) -> None:
        """Into the log where there is a quorum, else at least to whoever listens."""
        body = self._body()
        text = f'{visitor.name or NOBODY} asked for {command.name}: {outcome["outcome"]}'
        if outcome['reason']:
            text = f'{text} ({outcome["reason"]})'
        fields: dict[str, Any] = {
            'kind': 'tower/command',
            'severity': 0 if outcome['outcome'] == 'committed' else 1,
            'subject': command.subject(body),
            'text': text[:500],
            'cause': f'tower {self.request.remote_ip}'[:64],
            'attributes': _attributes(body),
            'durable': outcome['outcome'] != 'unavailable',
        }
        try:
            await self.site.robots.ask('', 'publish_event', fields)
        except (Unreachable, Refused) as error:
            LOG.warning('%s; not written into the events: %s', text, error)


def _outcome(answer: dict[str, Any]) -> dict[str, Any]:
    words = {ACCEPTED: 'committed', REFUSED: 'rejected'}
    return {
        'outcome': words.get(answer.get('code', ACCEPTED), 'unavailable'),
        'reason': answer.get('reason', ''),
        'answer': answer,
    }


def _outcome_of_all(found: dict[str, Any]) -> dict[str, Any]:
    """The least good of them, and who said so."""
    for outcome in ('unavailable', 'rejected', 'committed'):
        those = [robot for robot, one in found.items() if one['outcome'] == outcome]
        if those:
            break
    told = '; '.join(f'{robot}: {found[robot]["reason"]}' for robot in those[:4])
    reason = '' if outcome == 'committed' else f'{len(those)} of {len(found)} robots: {told}'
    return {'outcome': outcome, 'reason': reason, 'answer': {'robots': found}}


def _attributes(body: dict[str, Any]) -> list[dict[str, str]]:
    """What was asked for, as far as it is short; never what a job carries."""
    told = {k: v for k, v in body.items() if k not in ('spec', 'idempotency_key')}
    return [
        {'key': key[:64], 'value': str(value)[:200]}
        for key, value in sorted(told.items())[:8]
        if isinstance(value, str | int | float | bool) and str(value).isprintable()
    ]


ROUTES = (
    (r'/api/v1/commands', Commands),
    (r'/api/v1/commands/([a-z_]{1,40})', OneCommand),
)
