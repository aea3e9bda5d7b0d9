# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands over HTTP: who may, what is asked of robots, and what became of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from swarm_facts import beacon
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from swarm_tower.config import TowerConfig
from swarm_tower.core.view import SwarmView
from swarm_tower.web.commands import COMMANDS
from swarm_tower.web.hub import Hub
from swarm_tower.web.site import Refused, Unreachable
from swarm_tower.web.thread import WebThread

ADA = 'a' * 20
EVE = 'e' * 20


class Robots:
    """Keeps what was asked; answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.answer: Callable[[str, str], dict[str, Any]] = lambda robot, service: {'code': 0}
        self.policy = {'operator': None, 'observer': ()}  # role -> services, None = all

    def refusal(self, role: str, service: str, fields: dict[str, Any]) -> str:
        allowed = self.policy.get(role)
        return '' if allowed is None or service in allowed else f'{role} may not {service}'

    async def ask(
        self, robot_id: str, service: str, fields: dict[str, Any], timeout_s: float = 5.0
    ) -> dict[str, Any]:
        self.asked.append((robot_id, service, fields))
        return self.answer(robot_id, service)

    def of(self, service: str) -> list[tuple[str, str, dict[str, Any]]]:
        return [one for one in self.asked if one[1] == service]


class Site:
    def __init__(self, folder: Path, **parameters: Any) -> None:
        tokens = folder / 'tokens.json'
        rows = [
            {'name': 'ada', 'role': 'operator', 'token': ADA},
            {'name': 'eve', 'role': 'observer', 'token': EVE},
        ]
        tokens.write_text(json.dumps({'tokens': rows}))
        tokens.chmod(0o600)
        config = TowerConfig(
            tower_port=0, window_ms=10, tower_tokens=str(tokens), **parameters
        )
        self.hub = Hub(SwarmView('swarm', 7, 1500, 5000), 10, time.monotonic_ns, time.time_ns)
        self.robots = Robots()
        self.web = WebThread(config, self.hub, self.robots)
        self.host = f'127.0.0.1:{self.web.port}'

    def post(
        self, name: str, body: Any, token: str = ADA, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        given = {'Content-Type': 'application/json', **headers}
        if token:
            given['Authorization'] = f'Bearer {token}'
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._ask(HTTPRequest(
            f'http://{self.host}/api/v1/commands/{name}', 'POST', given, raw))

    def get(self, token: str = '') -> tuple[int, dict[str, Any]]:
        headers = {'Authorization': f'Bearer {token}'} if token else {}
        return self._ask(HTTPRequest(f'http://{self.host}/api/v1/commands', headers=headers))

    def _ask(self, request: HTTPRequest) -> tuple[int, dict[str, Any]]:
        async def ask() -> Any:
            return await AsyncHTTPClient().fetch(request, raise_error=False)

        answer = asyncio.run(ask())
        return answer.code, json.loads(answer.body)

    def audit(self) -> dict[str, Any]:
        """The event that was written; it comes after the answer."""
        deadline = time.monotonic() + 10
        while not self.robots.of('publish_event'):
            assert time.monotonic() < deadline
        return self.robots.of('publish_event')[-1][2]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.web.close()


def test_token_has_what_the_policy_gives_to_its_role_and_a_stop(tmp_path: Path) -> None:
    made = Site(tmp_path, tower_token_role='observer')
    try:
        made.robots.policy['observer'] = ('raise_emergency', 'cancel_job')
        status, answer = made.post('override', OVERRIDE)
        assert status == 403 and 'observer may not set_override' in answer['error']
        assert made.post('emergency', {'reason': 'fire', 'robot': 'r1'})[0] == 200
        assert made.get(ADA)[1]['may'] == ['emergency', 'cancel_job', 'save_recording']
        assert not made.robots.of('set_override')
    finally:
        made.web.close()


def test_wrong_role_of_tokens_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="tower_token_role='king': expected one of anonymous"):
        TowerConfig(tower_token_role='king')


OVERRIDE = {'mode': 'defensive', 'reason': 'people near', 'duration_s': 60}


def test_override_is_asked_of_the_swarm_and_written_into_its_events(site: Site) -> None:
    status, answer = site.post('override', OVERRIDE)
    assert status == 200 and answer['outcome'] == 'committed'
    assert site.robots.of('set_override') == [('', 'set_override', {
        'mode': 3, 'owner': 'ada@tower', 'reason': 'people near', 'duration_ms': 60_000,
        'idempotency_key': '',
    })]
    event = site.audit()
    assert event['kind'] == 'tower/command' and event['durable'] and event['severity'] == 0
    assert 'ada asked for override: committed' in event['text']
    assert {'key': 'reason', 'value': 'people near'} in event['attributes']


@pytest.mark.parametrize(('token', 'expected'), [('', 401), ('wrong', 401), (EVE, 403)])
def test_who_has_no_operators_token_changes_nothing(
    site: Site, token: str, expected: int
) -> None:
    status, answer = site.post('override', OVERRIDE, token=token)
    assert status == expected and 'token' in answer['error']
    assert not site.robots.asked


def test_foreign_origin_changes_nothing_even_with_the_token(site: Site) -> None:
    status, _ = site.post('override', OVERRIDE, Origin='http://evil.example')
    assert status == 403 and not site.robots.asked


def test_form_of_another_site_is_no_command(site: Site) -> None:
    status, answer = site.post('override', OVERRIDE, **{'Content-Type': 'text/plain'})
    assert status == 400 and 'application/json' in answer['error']


def test_refusal_of_the_swarm_is_told_with_its_reason(site: Site) -> None:
    site.robots.answer = lambda robot, service: {'code': 1, 'reason': 'there is no override'}
    status, answer = site.post('clear_override', {'reason': 'over'})
    assert status == 409 and answer['outcome'] == 'rejected'
    assert answer['reason'] == 'there is no override'
    assert site.audit()['severity'] == 1


@pytest.mark.parametrize('answer', [{'code': 2, 'reason': 'no quorum'}, Unreachable('nobody')])
def test_without_a_quorum_it_is_said_that_nothing_is_known(site: Site, answer: Any) -> None:
    def answering(robot: str, service: str) -> dict[str, Any]:
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    site.robots.answer = answering
    status, told = site.post('override', OVERRIDE)
    assert status == 503 and told['outcome'] == 'unavailable' and told['reason']


def test_emergency_is_asked_of_all_that_are_heard_and_the_first_answer_counts(
    site: Site,
) -> None:
    site.hub.fold([beacon('robot_a'), beacon('robot_b'), beacon('robot_c')])

    def answering(robot: str, service: str) -> dict[str, Any]:
        if robot in ('robot_a', 'robot_b'):
            raise Unreachable(f'{robot} is deaf')
        return {'epoch': 3}

    site.robots.answer = answering
    status, answer = site.post('emergency', {'reason': 'smoke'})
    assert status == 200 and answer['outcome'] == 'committed'
    assert {one[0] for one in site.robots.of('raise_emergency')} == {
        'robot_a', 'robot_b', 'robot_c'
    }


def test_emergency_that_nobody_hears_is_no_success(site: Site) -> None:
    status, answer = site.post('emergency', {'reason': 'smoke'})
    assert status == 503 and 'no robot' in answer['reason']


def test_job_carries_who_submitted_it(site: Site) -> None:
    spec = {'kind': 'exec', 'exec': [{'argv': ['true']}], 'labels': ['x']}
    assert site.post('submit_job', {'spec': spec})[0] == 200
    [(_, _, fields)] = site.robots.of('submit_job')
    assert fields['spec']['labels'] == ['x', 'by:ada@tower']


@pytest.mark.parametrize(('name', 'body', 'expected'), [
    ('override', {**OVERRIDE, 'mode': 'sleepy'}, 'mode: expected one of normal'),
    ('override', {**OVERRIDE, 'duration_s': 0}, 'duration_s: expected a number from 1'),
    ('override', {**OVERRIDE, 'duration_s': '60'}, 'duration_s'),
    ('override', {**OVERRIDE, 'reason': ' '}, 'reason: expected text of 1 to 500'),
    ('override', {**OVERRIDE, 'nonsense': 1}, 'nonsense: expected only'),
    ('override', [], 'expected an object'),
    ('override', b'{', 'expected JSON'),
    ('override', b'[' * 60_000, 'expected JSON'),
    ('submit_job', {'spec': 5}, 'spec: expected an object'),
    ('submit_job', {'spec': {'labels': 'x'}}, 'spec.labels: expected a list'),
    ('freeze_learning', {'frozen': 1, 'reason': 'x'}, 'frozen: expected true or false'),
    ('change_member', {'change': 'marry', 'robot_id': 'r1'}, 'change: expected one of add'),
    ('clear_emergency', {'epoch': True, 'reason': 'x'}, 'epoch'),
])
def test_wrong_body_is_refused_and_nothing_is_asked(
    site: Site, name: str, body: Any, expected: str
) -> None:
    status, answer = site.post(name, body)
    assert status == 400 and expected in answer['error']
    assert not site.robots.asked


def test_field_that_the_robot_does_not_know_is_a_wrong_request(site: Site) -> None:
    def answering(robot: str, service: str) -> dict[str, Any]:
        raise Refused('spec.kindd: expected one of kind')

    site.robots.answer = answering
    status, answer = site.post('submit_job', {'spec': {'kindd': 'x'}})
    assert status == 400 and 'kindd' in answer['error']


def test_unknown_command_is_told_those_that_there_are(site: Site) -> None:
    status, answer = site.post('destroy', {})
    assert status == 404 and 'override' in answer['error']


def test_too_many_commands_at_once_are_turned_away(site: Site) -> None:
    seen = {site.post('clear_override', {'reason': 'x'})[0] for _ in range(40)}
    assert seen == {200, 429}


def test_anybody_is_told_who_they_are_and_what_there_is(site: Site) -> None:
    status, answer = site.get()
    assert status == 200 and answer['role'] == 'observer' and answer['name'] == ''
    assert set(answer['commands']) == set(COMMANDS)
    assert site.get(ADA)[1]['name'] == 'ada'
    assert site.get('wrong')[0] == 401


def test_what_somebody_may_is_told_and_where_tokens_are(site: Site) -> None:
    assert site.get()[1]['may'] == [] and site.get(EVE)[1]['may'] == []
    told = site.get(ADA)[1]
    assert set(told['may']) == set(COMMANDS)
    assert told['token_file'].endswith('tokens.json')
    assert 'idempotency_key' in told['commands']['submit_job']
    assert 'idempotency_key' not in told['commands']['freeze_learning']


@pytest.mark.parametrize('token', ['', 'wrong', EVE])
def test_anybody_may_stop_but_do_nothing_else_where_a_parameter_says_so(
    tmp_path: Path, token: str
) -> None:
    site = Site(tmp_path, tower_stop_without_token=True)
    try:
        site.hub.fold([beacon()])
        assert site.post('emergency', {'reason': 'smoke'}, token)[0] == 200
        [(_, _, fields)] = site.robots.of('raise_emergency')
        assert fields['raised_by'] == ('eve@tower' if token == EVE else 'anybody@tower')
        assert 'asked for emergency' in site.audit()['text']
        assert site.post('clear_emergency', {'epoch': 1, 'reason': 'x'}, token)[0] in (401, 403)
        assert site.post('override', OVERRIDE, token)[0] in (401, 403)
        assert site.get()[1]['may'] == ['emergency']
        origin = {'Origin': 'http://evil.example'}
        assert site.post('emergency', {'reason': 'x'}, token, **origin)[0] == 403
    finally:
        site.web.close()


def test_without_the_parameter_a_stop_needs_a_token_too(site: Site) -> None:
    assert site.post('emergency', {'reason': 'smoke'}, '')[0] == 401
    assert not site.robots.asked


FREEZE = {'frozen': True, 'reason': 'x', 'robot': '*'}


def test_learning_is_frozen_on_every_robot_that_is_heard(site: Site) -> None:
    site.hub.fold([beacon(f'robot_{n}', 'robot_0') for n in range(40)])
    status, told = site.post('freeze_learning', FREEZE)
    assert status == 200 and len(told['answer']['robots']) == 40
    assert {robot for robot, _, _ in site.robots.of('freeze_learning')} == {
        f'robot_{n}' for n in range(40)
    }


@pytest.mark.parametrize(('of_c', 'status', 'outcome'), [
    (Unreachable('robot_c is deaf'), 503, 'unavailable'),
    ({'code': 1, 'reason': 'no learner'}, 409, 'rejected'),
])
def test_of_many_robots_the_least_good_answer_counts_and_who_gave_it(
    site: Site, of_c: Any, status: int, outcome: str
) -> None:
    site.hub.fold([beacon('robot_a'), beacon('robot_b'), beacon('robot_c')])

    def answering(robot: str, service: str) -> dict[str, Any]:
        if robot == 'robot_c' and isinstance(of_c, Exception):
            raise of_c
        return dict(of_c) if robot == 'robot_c' else {'code': 0}

    site.robots.answer = answering
    code, told = site.post('freeze_learning', FREEZE)
    assert (code, told['outcome']) == (status, outcome)
    assert told['reason'].startswith('1 of 3 robots: robot_c: ')
    assert told['answer']['robots']['robot_a']['outcome'] == 'committed'


def test_only_what_may_be_asked_of_every_robot_is(site: Site) -> None:
    status, told = site.post('rescan', {'robot': '*'})
    assert status == 400 and 'freeze_learning only' in told['error']
    assert site.post('freeze_learning', FREEZE)[0] == 503  # no robot is heard
