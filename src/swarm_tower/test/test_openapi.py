# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The description of the API is whole and true: every route is in it, every answer is as it says.

A new API module needs a file of PATHS beside it; see swarm_tower/web/apis/openapi.py.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

jsonschema = pytest.importorskip('jsonschema', reason='missing: pip install "jsonschema>=4"')
if not hasattr(jsonschema, 'Draft202012Validator'):
    pytest.skip('missing: pip install "jsonschema>=4"', allow_module_level=True)

from api_checks import (  # noqa: E402
    DOCUMENT,
    check_answer,
    conforms,
    described,
    example_of,
    served,
    validator,
)
from swarm_facts import (  # noqa: E402
    beacon,
    consciousness,
    event,
    job,
    swarm_state,
)
from test_command_api import ADA, EVE, Site  # noqa: E402
from tornado.httpclient import AsyncHTTPClient, HTTPRequest  # noqa: E402
from tornado.websocket import websocket_connect  # noqa: E402

from swarm_tower.core import facts  # noqa: E402
from swarm_tower.core.emergency import Emergency  # noqa: E402
from swarm_tower.web.commands import COMMANDS, Malformed, checked  # noqa: E402
from swarm_tower.web.site import Unreachable  # noqa: E402

OPERATIONS = [(path, method) for path, all_of in DOCUMENT['paths'].items() for method in all_of]
BODIES: dict[str, dict[str, Any]] = {
    'override': {'mode': 'defensive', 'reason': 'x', 'duration_s': 60, 'idempotency_key': 'k'},
    'clear_override': {'reason': 'x'},
    'emergency': {'reason': 'x'},
    'clear_emergency': {'epoch': 1, 'reason': 'x'},
    'submit_job': {'spec': {'kind': 'exec', 'exec': [{'argv': ['true']}]}, 'input_paths': ['/a']},
    'cancel_job': {'job_id': 'j1', 'reason': 'x'},
    'retry_job': {'job_id': 'j1', 'reason': 'x'},
    'change_member': {'change': 'promote', 'robot_id': 'r4'},
    'transfer_leadership': {'to': 'r2'},
    'freeze_learning': {'frozen': True, 'reason': 'x', 'robot': 'r1'},
    'rescan': {'robot': 'r1'},
    'save_recording': {'reason': 'look at it'},
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.web.close()


def fill(site: Site) -> None:
    site.hub.fold([
        beacon(figures=facts.Figures(0.1, None, 0.3, 0.4, 0.5)),
        swarm_state(),
        consciousness(),
        event('one', attributes=(('a', 'b'),)),
        facts.JobUpdates(1, (job(), job('job-2', 'done', exit_code=0))),
        facts.Inventory(
            'robot_a', 1,
            (), (), 4, 2**30, 'x86_64', 'PC', ('a notice',),
        ),
        Emergency('robot_a', 1, True, 'ada', 'smoke', 5),
        facts.Ignored('swarm', 'other'),
    ])


@pytest.mark.parametrize(('pattern', 'handler', 'method'), list(served()))
def test_every_route_is_described(pattern: str, handler: Any, method: str) -> None:
    found = [
        path for path, methods in OPERATIONS
        if methods == method and re.fullmatch(pattern, example_of(path))
    ]
    module = handler.__module__.replace('_api', '_schemas')
    assert found, f'{method} {pattern}: add it to PATHS of {module}, see web/apis/openapi.py'


@pytest.mark.parametrize(('path', 'method'), OPERATIONS)
def test_everything_described_is_served(path: str, method: str) -> None:
    routes = [p for p, _, known in served() if known == method]
    assert any(re.fullmatch(pattern, example_of(path)) for pattern in routes)


def test_schemas_are_schemas_and_their_references_lead_somewhere() -> None:
    for path, method in OPERATIONS:
        operation = DOCUMENT['paths'][path][method]
        assert operation['summary'].endswith('.') and operation['responses']
    schemas = DOCUMENT['components']['schemas']
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    named = set(re.findall(r'#/components/schemas/(\w+)', json.dumps(DOCUMENT)))
    assert named <= set(schemas)


def test_tower_serves_its_description(site: Site) -> None:
    status, body = ask(site, 'GET', '/api/v1/openapi.json')
    assert status == 200 and body == DOCUMENT


def ask(site: Site, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Ask, and hold the answer against the document."""
    async def fetch() -> Any:
        raw = None if body is None else json.dumps(body).encode()
        request = HTTPRequest(
            f'http://{site.host}{path}', method, headers, raw, allow_nonstandard_methods=True
        )
        return await AsyncHTTPClient().fetch(request, raise_error=False)

    answer = asyncio.run(fetch())
    is_json = answer.headers['Content-Type'].startswith('application/json')
    found = json.loads(answer.body) if is_json else answer.body.decode()
    check_answer(method, path, answer.code, found)
    return answer.code, found


def unreachable(robot: str, service: str) -> dict[str, Any]:
    raise Unreachable('nobody')


GETS = [path for path, method in OPERATIONS if method == 'get' and path != '/ws']


@pytest.mark.parametrize('path', [path for path in GETS if '{' not in path])
@pytest.mark.parametrize('full', [False, True])
def test_reading_answers_as_described(site: Site, path: str, full: bool) -> None:
    if full:
        fill(site)
    site.robots.answer = unreachable
    required = [p for p in described('GET', path).get('parameters', ()) if p.get('required')]
    status, _ = ask(site, 'GET', path)
    assert status in ((400, 200, 503) if required else (200, 503))


@pytest.mark.parametrize('path', [path for path, _ in OPERATIONS])
@pytest.mark.parametrize(('headers', 'expected'), [
    ({'Host': 'evil.example'}, 421), ({'Origin': 'http://evil.example'}, 403),
])
def test_turning_away_is_described(
    site: Site, path: str, headers: dict[str, str], expected: int
) -> None:
    method = next(method for known, method in OPERATIONS if known == path)
    body = {} if method == 'post' else None
    assert ask(site, method.upper(), example_of(path), body, **headers)[0] == expected


def command(
    site: Site, name: str, body: Any, token: str = ADA, **headers: str
) -> tuple[int, dict[str, Any]]:
    status, found = site.post(name, body, token, **headers)
    check_answer('POST', f'/api/v1/commands/{name}', status, found)
    return status, found


@pytest.mark.parametrize('name', [row.name for row in COMMANDS.values() if not row.local])
def test_command_answers_as_described(site: Site, name: str) -> None:
    fill(site)
    assert command(site, name, BODIES[name])[0] == 200
    site.robots.answer = lambda robot, service: {'code': 1, 'reason': 'no'}
    assert command(site, name, BODIES[name])[0] == 409
    site.robots.answer = lambda robot, service: {'code': 2, 'reason': 'no quorum'}
    assert command(site, name, BODIES[name])[0] == 503
    assert command(site, name, {'x': 1})[0] == 400
    assert command(site, name, BODIES[name], '')[0] == 401
    assert command(site, name, BODIES[name], EVE)[0] == 403


def test_command_that_is_slowed_down_or_not_answered_is_as_described(site: Site) -> None:
    def answering(robot: str, service: str) -> dict[str, Any]:
        raise Unreachable('nobody')

    site.robots.answer = answering
    assert command(site, 'override', BODIES['override'])[0] == 503
    seen = {command(site, 'rescan', BODIES['rescan'])[0] for _ in range(30)}
    assert 429 in seen


@pytest.mark.parametrize('name', COMMANDS)
def test_schema_of_a_command_takes_what_the_tower_takes(name: str) -> None:
    operation = described('POST', f'/api/v1/commands/{name}')
    body_schema = operation['requestBody']['content']['application/json']['schema']
    takes = validator(body_schema).is_valid
    row = COMMANDS[name]
    assert set(body_schema['properties']) == row.keys
    good = BODIES[name]
    assert takes(good)
    checked(row, good, 'ada')
    wrong: list[Any] = [[], {**good, 'nonsense': 1}]
    wrong += [{k: v for k, v in good.items() if k != key} for key in body_schema['required']]
    wrong += [{**good, key: {}} for key in good if key not in ('spec',)]
    for body in wrong:
        assert not takes(body), body
        with pytest.raises(Malformed):
            checked(row, body, 'ada')


def test_frames_of_the_socket_are_as_described(site: Site) -> None:
    frame = validator({'$ref': '#/components/schemas/Frame'})

    async def watch() -> list[dict[str, Any]]:
        connection = await websocket_connect(f'ws://{site.host}/ws')
        found = [json.loads(await asyncio.wait_for(connection.read_message(), 10))]
        fill(site)
        found.append(json.loads(await asyncio.wait_for(connection.read_message(), 10)))
        connection.close()
        connection = await websocket_connect(f'ws://{site.host}/ws')
        found.append(json.loads(await asyncio.wait_for(connection.read_message(), 10)))
        connection.close()
        return found

    empty, delta, full = asyncio.run(watch())
    assert [one['type'] for one in (empty, delta, full)] == ['snapshot', 'delta', 'snapshot']
    for one in (empty, delta, full, {'type': 'alive', 'mono_ms': 1, 'wall_ms': 2}):
        conforms({'$ref': '#/components/schemas/Frame'}, one, one['type'])
    assert full['jobs'] and full['hardware'] and full['sections']['emergency']
    assert not frame.is_valid({**delta, 'type': 'snapshot', 'nonsense': 1})


def test_page_about_the_api_names_every_address_and_command() -> None:
    root = Path(__file__).resolve().parents[3]
    if not (root / 'scripts/api_table.py').exists():
        pytest.skip('not here: the repository around this package')
    sys.path.insert(0, str(root / 'scripts'))
    import api_table

    page = api_table.PAGE.read_text()
    assert page == api_table.with_table(page, DOCUMENT), 'run scripts/api_table.py'
    for name in COMMANDS:
        assert f'`{name}`' in page
