# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages as plain values and back, field by field. Owns what is refused on the way in.

Bytes (uint8 and octet arrays) are hexadecimal text; a number that JSON does not have is None;
texts are cut at TEXT_MAX, lists at ITEMS_MAX.
"""

from __future__ import annotations

import math
from typing import Any

TEXT_MAX = 64 * 1024
ITEMS_MAX = 4096
BYTES_TYPES = ('uint8', 'octet')


def plain_of(value: Any) -> Any:
    """Return a message, or what is in one, as JSON-able values."""
    if hasattr(value, 'get_fields_and_field_types'):
        kinds = value.get_fields_and_field_types()
        return {name: _plain_field(getattr(value, name), kind) for name, kind in kinds.items()}
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value[:TEXT_MAX]
    if isinstance(value, bytes | bytearray):
        return bytes(value[:TEXT_MAX]).hex()
    return [plain_of(item) for item in list(value)[:ITEMS_MAX]]


def _plain_field(value: Any, kind: str) -> Any:
    if _is_bytes(kind):
        return bytes(bytearray(value)[:TEXT_MAX]).hex()
    if hasattr(value, 'item') and not hasattr(value, '__len__'):
        return plain_of(value.item())
    if hasattr(value, 'tolist'):
        return plain_of(value.tolist())
    return plain_of(value)


def fill(message: Any, fields: dict[str, Any], where: str = '') -> Any:
    """Set fields of a message; returns it. ValueError names the field and what was expected."""
    kinds = message.get_fields_and_field_types()
    for name, value in fields.items():
        place = f'{where}{name}'
        if name not in kinds:
            raise ValueError(f'{place}: expected one of {", ".join(kinds)}')
        setattr(message, name, _made(value, kinds[name], getattr(message, name), place))
    return message


def _made(value: Any, kind: str, now: Any, place: str) -> Any:
    if _is_bytes(kind):
        return _made_bytes(value, place)
    if hasattr(now, 'get_fields_and_field_types'):
        if not isinstance(value, dict):
            raise ValueError(f'{place}: expected an object')
        return fill(now, value, f'{place}.')
    if kind.startswith('sequence<') or '[' in kind:
        return _made_list(value, kind, place)
    return _made_scalar(value, kind, place)


def _made_list(value: Any, kind: str, place: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > ITEMS_MAX:
        raise ValueError(f'{place}: expected a list of at most {ITEMS_MAX}')
    inner = kind.removeprefix('sequence<').rstrip('>').split(',')[0].split('[')[0]
    if '/' not in inner:
        return [_made_scalar(item, inner, f'{place}[{n}]') for n, item in enumerate(value)]
    made = []
    for number, item in enumerate(value):
        if not isinstance(item, dict):
            raise ValueError(f'{place}[{number}]: expected an object')
        made.append(fill(_message(inner)(), item, f'{place}[{number}].'))
    return made


def _made_scalar(value: Any, kind: str, place: str) -> Any:
    if kind == 'boolean':
        if isinstance(value, bool):
            return value
        raise ValueError(f'{place}: expected true or false')
    if kind.startswith(('string', 'wstring')):
        if isinstance(value, str) and len(value) <= TEXT_MAX:
            return value
        raise ValueError(f'{place}: expected text of at most {TEXT_MAX} characters')
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f'{place}: expected a number')
    if kind in ('float', 'double'):
        return float(value)
    low, high = _range(kind)
    if not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f'{place}: expected a whole number from {low} to {high}')
    return value


def _range(kind: str) -> tuple[int, int]:
    if kind.startswith('u') or kind in ('octet', 'byte', 'char'):
        bits = int(kind.removeprefix('uint')) if kind.startswith('uint') else 8
        return 0, 2**bits - 1
    bits = int(kind.removeprefix('int'))
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _made_bytes(value: Any, place: str) -> list[int]:
    try:
        return list(bytes.fromhex(value))
    except (TypeError, ValueError):
        raise ValueError(f'{place}: expected hexadecimal text') from None


def _is_bytes(kind: str) -> bool:
    inner = kind.removeprefix('sequence<').split(',')[0].split('[')[0].rstrip('>')
    return inner in BYTES_TYPES and inner != kind


def _message(kind: str) -> Any:
    package, name = kind.split('/')
    return getattr(__import__(f'{package}.msg', fromlist=[name]), name)
