# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Answers beside the description of the API: for the tests of every API module."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema

from swarm_tower.web import server
from swarm_tower.web.apis import ROUTES, openapi

DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi.document(ROUTES)))
METHODS = ('get', 'head', 'post', 'put', 'patch', 'delete', 'options')


def validator(schema: dict[str, Any]) -> Any:
    whole = {**schema, 'components': DOCUMENT['components']}
    return jsonschema.Draft202012Validator(whole)


def conforms(schema: dict[str, Any], value: Any, what: str) -> None:
    """Fail with the one thing that is most wrong."""
    wrong = jsonschema.exceptions.best_match(validator(schema).iter_errors(value))
    assert wrong is None, f'{what}: {wrong.json_path}: {wrong.message[:300]}'


def described(method: str, path: str) -> dict[str, Any]:
    """The operation that describes this request."""
    plain = path.partition('?')[0]
    exact = DOCUMENT['paths'].get(plain)
    for known, operations in [(plain, exact)] if exact else DOCUMENT['paths'].items():
        pattern = re.sub(r'\\{[^/]+\\}', '[^/]+', re.escape(known))
        if re.fullmatch(pattern, plain) and method.lower() in operations:
            found: dict[str, Any] = operations[method.lower()]
            return found
    raise AssertionError(f'{method} {plain} is not described: add it to PATHS beside its module')


def check_answer(method: str, path: str, status: int, body: Any) -> None:
    """Fail where an answer is not as the document says."""
    answers = described(method, path)['responses']
    assert str(status) in answers, f'{method} {path}: {status} is not described'
    content = answers[str(status)].get('content', {}).get('application/json')
    if content is not None:
        conforms(content['schema'], body, f'{method} {path}: {status}')


def served() -> Iterator[tuple[str, Any, str]]:
    """Every pattern, its handler, and each method that it has."""
    for pattern, handler in (*ROUTES, (r'/ws', server._Socket)):
        for method in METHODS:
            if getattr(handler, method) is not handler._unimplemented_method:
                yield pattern, handler, method


def example_of(path: str) -> str:
    """A described path with its parts filled in."""
    for operation in DOCUMENT['paths'][path].values():
        for parameter in operation.get('parameters', ()):
            if parameter['in'] == 'path':
                path = path.replace('{' + parameter['name'] + '}', str(parameter['example']))
    return path
