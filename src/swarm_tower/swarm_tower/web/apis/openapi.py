# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The description of the API as an OpenAPI 3.1 document. Owns how it is put together from what
the API modules say of themselves, and short ways to say it; knows no path.

Beside thing_api.py with its ROUTES stands thing_schemas.py, which is loaded when the document is
asked for, with PATHS: {'/api/v1/thing/{id}': {'get': operation(...)}}. A test fails for a route
that no path describes, and for an answer that is not as it was described.
"""

from __future__ import annotations

import dataclasses
import importlib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]

TITLE = 'Swarm tower'
VERSION = '1'
ABOUT = (
    'What a control tower tells and takes. Everything may be read without a token; commands need '
    'the token of an operator in `Authorization: Bearer <token>`. Requests whose Host is not on '
    'the list of the tower, or whose Origin is another site, are turned away.'
)
REASONS = {
    200: 'As asked.',
    400: 'The request is wrong; `error` says what was expected.',
    401: 'A token is needed, or the one given is wrong.',
    403: 'The Origin is another site, or the token does not allow this.',
    404: 'There is no such thing.',
    405: 'This method is not for this address.',
    409: 'The swarm refused; `reason` says why.',
    413: 'Too large.',
    421: 'The Host is not one of this tower.',
    429: 'Too often; wait.',
    503: 'Nobody answered in time.',
}
ALWAYS = (403, 405, 421, 429)  # may be the answer to anything
ERROR: Json = {
    'type': 'object',
    'description': 'What went wrong, in words.',
    'properties': {'error': {'type': 'string'}, 'status': {'type': 'integer'}},
    'required': ['error'],
    'additionalProperties': False,
}


def ref(name: str) -> Json:
    """Return a reference to a schema of the components."""
    return {'$ref': f'#/components/schemas/{name}'}


def an_object(
    properties: Mapping[str, Json], optional: Iterable[str] = (), open_ended: bool = False,
    about: str = '',
) -> Json:
    """Return the schema of an object whose properties must all be there but the optional ones."""
    left_out = set(optional)
    found: Json = {
        'type': 'object',
        'properties': dict(properties),
        'required': [name for name in properties if name not in left_out],
        'additionalProperties': open_ended,
    }
    return {**found, 'description': about} if about else found


def table_of(row: Json, about: str = '') -> Json:
    """Return the schema of an object with rows by key."""
    found: Json = {'type': 'object', 'additionalProperties': row}
    return {**found, 'description': about} if about else found


def list_of(item: Json) -> Json:
    """Return the schema of a list."""
    return {'type': 'array', 'items': item}


def text(about: str = '', **more: Any) -> Json:
    """Return the schema of a text."""
    return {'type': 'string', **({'description': about} if about else {}), **more}


def whole(about: str = '', **more: Any) -> Json:
    """Return the schema of a whole number."""
    return {'type': 'integer', **({'description': about} if about else {}), **more}


def or_null(schema: Json) -> Json:
    """Return the schema of a value that may be missing."""
    return {'anyOf': [schema, {'type': 'null'}]}


def of_dataclass(kind: Any, without: Iterable[str] = (), **more: Json) -> Json:
    """Return the schema of dataclasses.asdict(kind(...)), `without` some fields; `more` fields are
    added to it."""
    hints, left_out = typing.get_type_hints(kind), set(without)
    names = [one.name for one in dataclasses.fields(kind) if one.name not in left_out]
    fields = {name: _of_type(hints[name]) for name in names}
    return an_object({**fields, **more})


def _of_type(hint: Any) -> Json:
    plain = {str: 'string', int: 'integer', float: 'number', bool: 'boolean'}
    if hint in plain:
        return {'type': plain[hint]}
    if dataclasses.is_dataclass(hint):
        return of_dataclass(hint)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return {'anyOf': [_of_type(one) for one in inner]}
    if hint is type(None):
        return {'type': 'null'}
    if origin is tuple and inner[-1] is Ellipsis:
        return list_of(_of_type(inner[0]))
    if origin is tuple:
        prefix = [_of_type(one) for one in inner]
        return {'type': 'array', 'prefixItems': prefix, 'minItems': len(inner), 'items': False}
    return {}


def query(name: str, about: str, schema: Json, required: bool = False) -> Json:
    """Return a parameter after the question mark."""
    return {
        'name': name, 'in': 'query', 'description': about, 'schema': schema, 'required': required,
    }


def in_path(name: str, about: str, example: str) -> Json:
    """Return a part of the path that is for the asker to fill in."""
    return {
        'name': name, 'in': 'path', 'description': about, 'schema': text(), 'required': True,
        'example': example,
    }


def operation(
    summary: str,
    answers: Mapping[int, Json] | None = None,
    *,
    about: str = '',
    parameters: Iterable[Json] = (),
    body: Json | None = None,
    errors: Iterable[int] = (),
    media: str = 'application/json',
    tag: str = 'picture',
    token: bool = False,
) -> Json:
    """Describe one method of one path. `answers`: schema by status; `errors`: the statuses of
    answers that are an Error, beside those that anything may be answered."""
    told: Json = {
        str(status): _answer(status, schema, media) for status, schema in (answers or {}).items()
    }
    for status in sorted({*ALWAYS, *errors}):
        told.setdefault(str(status), _answer(status, ref('Error'), 'application/json'))
    found: Json = {'summary': summary, 'tags': [tag], 'responses': dict(sorted(told.items()))}
    if about:
        found['description'] = about
    if parameters:
        found['parameters'] = list(parameters)
    if body is not None:
        found['requestBody'] = {
            'required': True, 'content': {'application/json': {'schema': body}},
        }
    if token:
        found['security'] = [{'token': []}]
    return found


def _answer(status: int, schema: Json, media: str) -> Json:
    content = {media: {'schema': schema}}
    return {'description': REASONS.get(status, 'See the schema.'), 'content': content}


def parts_of(routes: Iterable[tuple[str, Any]]) -> list[Any]:
    """Return the modules that describe these routes, each once."""
    names = dict.fromkeys(handler.__module__ for _, handler in routes)
    return [importlib.import_module(f'{name.removesuffix("_api")}_schemas') for name in names]


def document(routes: Iterable[tuple[str, Any]]) -> Json:
    """Return the document for these routes, from PATHS and SCHEMAS of what describes them."""
    paths: Json = {}
    schemas: Json = {'Error': ERROR}
    for part in parts_of(routes):
        paths.update(getattr(part, 'PATHS', {}))
        schemas.update(getattr(part, 'SCHEMAS', {}))
    return {
        'openapi': '3.1.0',
        'info': {
            'title': TITLE, 'version': VERSION, 'description': ABOUT,
            'license': {'name': 'Apache-2.0', 'identifier': 'Apache-2.0'},
        },
        'servers': [{'url': '/', 'description': 'The tower that serves this document.'}],
        'paths': dict(sorted(paths.items())),
        'components': {
            'schemas': dict(sorted(schemas.items())),
            'securitySchemes': {'token': {'type': 'http', 'scheme': 'bearer'}},
        },
    }
