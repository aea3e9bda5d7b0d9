# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The bytes of a request that its signature is over: the same at the caller and at the robot.

Owns one way of writing a message down. Services hand over decoded messages, and serialised anew
they differ in the bytes that fill up words, and between middlewares. So each field is written
here, in the order of the type, every text and list behind its length. Refuses to know which
messages there are: it reads the table of fields that every message class has.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

SIGNATURE_BYTES = 64  # Ed25519
DEPTH_MAX = 16  # messages within messages; ours go 5 deep
_CONTEXT = b'swarm request 1\0'
_NUMBERS = {
    'boolean': '?', 'int8': 'b', 'uint8': 'B', 'int16': 'h', 'uint16': 'H', 'int32': 'i',
    'uint32': 'I', 'int64': 'q', 'uint64': 'Q', 'float': 'f', 'double': 'd', 'char': 'B',
}
_LENGTH = struct.Struct('<I')

Write = Callable[[Any, 'list[bytes]', int], None]


def to_sign(service: str, kind: str, request: Any) -> bytes:
    """What is signed of a request of `service`, its full name, of the type `kind`; what stands in
    the signature does not matter. Raises ValueError for what cannot be sent either."""
    found = [_CONTEXT]
    _text(service, found, 0)
    _text(kind, found, 0)
    _fields(request, found, 0, blank=True)
    return b''.join(found)


def _fields(message: Any, found: list[bytes], depth: int, blank: bool = False) -> None:
    if depth > DEPTH_MAX:
        raise ValueError(f'messages nested more than {DEPTH_MAX} deep')
    try:
        for name, write in _writers(type(message)):
            value = getattr(message, name)
            if blank and name == 'credential':
                _credential(value, found, depth + 1)
            else:
                write(value, found, depth + 1)
    except (struct.error, TypeError, AttributeError, UnicodeError) as error:
        raise ValueError(f'{type(message).__name__}: {error}') from None


def _credential(credential: Any, found: list[bytes], depth: int) -> None:
    for name, write in _writers(type(credential)):
        if name != 'signature':
            write(getattr(credential, name), found, depth)


def _writers_of(kind: Any) -> tuple[tuple[str, Write], ...]:
    table = kind.get_fields_and_field_types()
    return tuple((name, _writer(told)) for name, told in table.items())


_writers: Callable[[Any], tuple[tuple[str, Write], ...]] = lru_cache(256)(_writers_of)


@lru_cache(1024)
def _writer(told: str) -> Write:
    """Of a type as the table says it: 'uint64', 'string<=8', 'sequence<swarm_msgs/JobStage, 4>',
    'uint8[16]'."""
    if told.startswith('sequence<'):
        return _list(told[len('sequence<') : -1].split(',')[0].strip())
    if told.endswith(']'):
        return _list(told[: told.rindex('[')])
    if told.startswith(('string', 'wstring')):
        return _text
    if told == 'octet':
        return lambda value, found, depth: found.append(bytes(value)[:1])
    if told in _NUMBERS:
        pack = struct.Struct(f'<{_NUMBERS[told]}').pack
        return lambda value, found, depth: found.append(pack(value))
    return _fields


def _list(element: str) -> Write:
    code = _NUMBERS.get(element)
    if code is not None:
        return lambda value, found, depth: _numbers(value, code, found)
    write = _writer(element)

    def write_list(value: Any, found: list[bytes], depth: int) -> None:
        found.append(_LENGTH.pack(len(value)))
        for one in value:
            write(one, found, depth)

    return write_list


def _numbers(value: Any, code: str, found: list[bytes]) -> None:
    found.append(_LENGTH.pack(len(value)))
    found.append(bytes(value) if code == 'B' else struct.pack(f'<{len(value)}{code}', *value))


def _text(value: str, found: list[bytes], depth: int) -> None:
    data = value.encode()
    found.append(_LENGTH.pack(len(data)))
    found.append(data)
