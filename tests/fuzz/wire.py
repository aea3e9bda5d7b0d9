# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Scripts of ROS messages as JSON: [["Heartbeat", {"term": 1, ...}], ...].

Owns that every JSON value becomes a message that could have come over the wire: numbers are
brought into their range, lists cut to their bound, texts made UTF-8. So a corpus can be read, is
the same on every machine (CDR has padding of any content), and a mutation of the JSON reaches the
conversions. Refuses to know what the messages mean. CDR itself is tried by its own target.
"""

from __future__ import annotations

import json
import math
import random
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rosidl_parser.definition import (
    AbstractNestedType,
    AbstractString,
    AbstractWString,
    Array,
    BasicType,
    BoundedSequence,
)

from swarm_coordinator.ros.jobs.interfaces import message_class
from swarm_coordinator.ros.jobs.json_messages import field_types

from . import mutation
from .target import Target

MESSAGES_MAX = 12  # of one script
ITEMS_MAX = 3000
Kinds = Mapping[str, Any]


class NoScript(ValueError):
    """Not a JSON list of [kind, fields]; nothing was tried."""


def encode(messages: Iterable[Any]) -> bytes:
    """A script that `messages_of` gives back."""
    return mutation.json_bytes([[type(one).__name__, plain(one)] for one in messages])


def plain(value: Any) -> Any:
    """What JSON holds of a message, bytes as a text of hexadecimal digits."""
    if hasattr(value, 'get_fields_and_field_types'):
        return {name: plain(getattr(value, name)) for name in field_types(value)}
    if isinstance(value, array) and value.typecode == 'B':
        return value.tobytes().hex()
    if hasattr(value, 'tolist') and not isinstance(value, array):  # numpy, of a fixed size
        listed = value.tolist()
        return bytes(listed).hex() if value.dtype.name == 'uint8' else listed
    if isinstance(value, (list, tuple, array)):
        return [plain(one) for one in value]
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    return value


def messages_of(data: bytes, kinds: Kinds) -> Iterator[Any]:
    """The messages of a script. Raises NoScript."""
    try:
        told = json.loads(data.decode('utf-8', 'surrogatepass'))
    except (ValueError, RecursionError) as error:
        raise NoScript(str(error)) from None
    if not isinstance(told, list):
        raise NoScript('expected a list')
    for row in told[:MESSAGES_MAX]:
        if not isinstance(row, list) or len(row) != 2 or not isinstance(row[0], str):
            raise NoScript('expected [kind, fields]')
        kind = kinds.get(row[0])
        if kind is not None:
            yield message(kind, row[1])


def message(kind: Any, fields: Any) -> Any:
    """A message with what can be used of the fields."""
    made = kind()
    if isinstance(fields, dict):
        for name, type_ in field_types(made).items():
            if name in fields:
                setattr(made, name, _value(type_, fields[name]))
    return made


def _value(type_: Any, value: Any) -> Any:
    if isinstance(type_, BasicType):
        return _basic(type_.typename, value)
    if isinstance(type_, (AbstractString, AbstractWString)):
        most = getattr(type_, 'maximum_size', None)
        return _text(value)[:most] if most else _text(value)
    if isinstance(type_, AbstractNestedType):
        return _items(type_, value)
    return message(message_class('/'.join((*type_.namespaces, type_.name))), value)


def _items(type_: Any, value: Any) -> Any:
    inner = type_.value_type
    if isinstance(value, str) and isinstance(inner, BasicType):
        value = list(_octets(value))
    items = value if isinstance(value, list) else []
    most = type_.maximum_size if isinstance(type_, BoundedSequence) else ITEMS_MAX
    if isinstance(inner, BasicType) and inner.typename in ('uint8', 'octet'):
        most = max(most, 300_000) if not isinstance(type_, BoundedSequence) else most
    made = [_value(inner, one) for one in items[:most]]
    if isinstance(type_, Array):
        made = (made + [_value(inner, None)] * type_.size)[: type_.size]
    return made


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode('utf-8', 'replace')


def _text(value: Any) -> str:
    """As rclpy gives it: UTF-8, and up to a zero byte."""
    text = value if isinstance(value, str) else '' if value is None else str(value)[:200]
    return text.encode('utf-8', 'replace').decode().split('\0')[0]


def _basic(name: str, value: Any) -> Any:
    if name == 'boolean':
        return bool(value)
    number = value if isinstance(value, (int, float)) else 0
    if name in ('float', 'double'):
        return _float(name, number)
    if isinstance(number, float):
        number = int(number) if math.isfinite(number) else 0
    if name == 'octet':
        return bytes((number % 256,))
    bits = {'char': 8, 'wchar': 16}.get(name) or int(name.lstrip('uint'))
    number %= 1 << bits
    signed = not name.startswith('u') and name not in ('char', 'wchar')
    return number - (1 << bits) if signed and number >> bits - 1 else number


def _float(name: str, value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        return math.inf
    # As a float32 field takes it, rounded to what it holds.
    if name == 'float' and math.isfinite(number):
        return array('f', [number])[0] if abs(number) < 3.4028234663852886e38 else math.inf
    return number


def of_script(data: bytes, rng: random.Random) -> bytes:
    """A changed script: messages twice, in another order, without some, with other values."""
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return mutation.of_bytes(data, rng)
    if not isinstance(told, list) or not told:
        return mutation.of_json(data, rng)
    at, what = rng.randrange(len(told)), rng.randrange(12)
    if what == 0:
        del told[at]
    elif what == 1:
        told.insert(rng.randrange(len(told) + 1), told[at])
    elif what == 2:
        rng.shuffle(told)
    else:
        return mutation.of_json(data, rng)
    return mutation.json_bytes(told)


def script_target(
    name: str, kinds: Kinds, hear: Any, seeds: Any, covers: tuple[str, ...], **more: Any
) -> Target:
    """`hear(messages)` gets an iterator over one script."""

    def run(data: bytes) -> None:
        hear(messages_of(data, kinds))

    declared = more.pop('declared', ()) + (NoScript,)
    return Target(name, run, declared, lambda: [encode(one) for one in seeds()], of_script,
                  covers, **more)
