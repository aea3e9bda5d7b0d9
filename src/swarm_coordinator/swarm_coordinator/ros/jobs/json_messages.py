# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages from and to JSON values: owns which value fits which field.

Strict: a field that the type does not have, a number out of its range or a text for a number is
refused with the name of the field. What is not named keeps its default. NaN and the infinities
are "NaN", "Infinity" and "-Infinity"; a byte is a number; arrays are lists.
"""

import math
from collections.abc import Iterable
from typing import Any

from rosidl_parser.definition import (
    AbstractNestedType,
    AbstractSequence,
    AbstractString,
    AbstractWString,
    Array,
    BasicType,
    BoundedSequence,
    NamespacedType,
)

from swarm_coordinator.ros.jobs.interfaces import UnknownInterface, message_class

FILLER = 'structure_needs_at_least_one_member'  # what IDL puts into a message without fields
FLOAT32_MAX = 3.4028234663852886e38
SPECIAL = {'NaN': math.nan, 'Infinity': math.inf, '-Infinity': -math.inf}
_INTEGERS = {
    f'{sign}int{bits}': (
        (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    )
    for sign in ('', 'u')
    for bits in (8, 16, 32, 64)
} | {'octet': (0, 255), 'char': (0, 255), 'wchar': (0, 0x10FFFF)}


def field_types(message: Any) -> dict[str, Any]:
    """Name -> type of each field of a message or its class, in their order."""
    names = message.get_fields_and_field_types()
    return {
        name: kind
        for name, kind in zip(names, message.SLOT_TYPES, strict=True)
        if name != FILLER
    }


def fill(message: Any, fields: dict[str, Any], path: str = '') -> None:
    """Set `fields` of `message`. Raises ValueError that names the field, as 'pose.position.x'."""
    kinds = field_types(message)
    for name, value in fields.items():
        here = f'{path}.{name}' if path else name
        if name not in kinds:
            known = ', '.join(kinds) or 'none'
            raise ValueError(f'there is no field {here[:200]!r}: expected one of {known}')
        if isinstance(kinds[name], NamespacedType):
            fill(getattr(message, name), _object(value, here), here)
            continue
        wanted = _value(kinds[name], value, here)
        try:
            setattr(message, name, wanted)
        except (AssertionError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f'{here}: {error}') from None


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f'{path}={_shown(value)}: expected an object with its fields')
    return value


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except RecursionError:
        return 'what is nested too deeply to be shown'
    return text if len(text) <= 60 else f'{text[:60]}...'


def _value(kind: Any, value: Any, path: str) -> Any:
    if isinstance(kind, BasicType):
        return _basic(kind.typename, value, path)
    if isinstance(kind, (AbstractString, AbstractWString)):
        return _text(kind, value, path)
    if isinstance(kind, AbstractNestedType):
        return _list(kind, value, path)
    try:
        made = message_class('/'.join((*kind.namespaces, kind.name)))()
    except UnknownInterface as error:
        raise ValueError(f'{path}: {error}') from None
    fill(made, _object(value, path), path)
    return made


def _text(kind: Any, value: Any, path: str) -> str:
    most = getattr(kind, 'maximum_size', None)
    if not isinstance(value, str):
        raise ValueError(f'{path}={_shown(value)}: expected a text')
    if '\0' in value:
        raise ValueError(f'{path}: holds a zero byte')
    try:
        length = len(value.encode()) if isinstance(kind, AbstractString) else len(value)
    except UnicodeEncodeError:
        raise ValueError(f'{path}={_shown(value)}: expected Unicode text') from None
    if most is not None and length > most:
        raise ValueError(f'{path}: {length} bytes, expected at most {most}')
    return value


def _list(kind: Any, value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f'{path}={_shown(value)}: expected a list')
    if isinstance(kind, Array) and len(value) != kind.size:
        raise ValueError(f'{path}: {len(value)} elements, expected {kind.size}')
    if isinstance(kind, BoundedSequence) and len(value) > kind.maximum_size:
        raise ValueError(f'{path}: {len(value)} elements, expected at most {kind.maximum_size}')
    return [_value(kind.value_type, one, f'{path}[{i}]') for i, one in enumerate(value)]


def _basic(name: str, value: Any, path: str) -> Any:
    if name == 'boolean':
        if not isinstance(value, bool):
            raise ValueError(f'{path}={_shown(value)}: expected true or false')
        return value
    if name in _INTEGERS:
        low, high = _INTEGERS[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f'{path}={_shown(value)}: expected a whole number {low} to {high}')
        if name == 'wchar':
            return chr(value)
        return bytes([value]) if name == 'octet' else value
    if isinstance(value, str) and value in SPECIAL:
        return SPECIAL[value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f'{path}={_shown(value)}: expected a number')
    number = _as_float(value, path)
    if name == 'float' and abs(number) > FLOAT32_MAX:
        raise ValueError(f'{path}={_shown(value)}: expected at most {FLOAT32_MAX:g}')
    return number


def _as_float(value: 'int | float', path: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f'{path}: the number is too large')
    return number


def plain(message: Any) -> dict[str, Any]:
    """The fields of `message` as JSON values."""
    return {
        name: _plain(kind, getattr(message, name)) for name, kind in field_types(message).items()
    }


def _plain(kind: Any, value: Any) -> Any:
    if isinstance(kind, NamespacedType):
        return plain(value)
    if isinstance(kind, (Array, AbstractSequence)):
        items: Iterable[Any] = value.tolist() if hasattr(value, 'tolist') else value
        return [_plain(kind.value_type, one) for one in items]
    if isinstance(value, bytes):
        return value[0] if value else 0
    if isinstance(value, float) and not math.isfinite(value):
        return 'NaN' if math.isnan(value) else 'Infinity' if value > 0 else '-Infinity'
    if isinstance(kind, BasicType) and kind.typename == 'wchar':
        return ord(value)
    return value
