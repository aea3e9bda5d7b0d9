# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Conditions on the metadata of a service: owns the little language and what it means.

    conditions  = [ condition { "," condition } ]
    condition   = key operator value
    key         = letter or "_", then letters, digits, "_", ".", "/", "-"; at most 64
    operator    = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~"
    value       = '"' anything but '"' '"'  |  anything without ',' and '"', blanks around it cut

"," means and; "~" means contains. Both sides are compared as numbers where both are decimal
numbers, else as text, letter by letter. A key that is missing meets no condition but "!=".
Refuses to know what the metadata is of. Used by queries only, never by what changes the state.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

WHERE_CHARS_MAX = 500
CONDITIONS_MAX = 16

_BLANKS = re.compile(r'[ \t]*')
_KEY = re.compile(r'[A-Za-z_][A-Za-z0-9_./-]{0,63}')
_OPERATOR = re.compile(r'!=|<=|>=|=|<|>|~')
_QUOTED = re.compile(r'"([^"]*)"')
_BARE = re.compile(r'[^,"]+')
_NUMBER = re.compile(r'[+-]?[0-9]{1,30}(\.[0-9]{1,30})?\Z')

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    '=': operator.eq,
    '!=': operator.ne,
    '<': operator.lt,
    '<=': operator.le,
    '>': operator.gt,
    '>=': operator.ge,
}


class MalformedWhere(ValueError):
    """`position` is where in `text` (from 0) something else was expected."""

    def __init__(self, text: str, position: int, expected: str) -> None:
        found = repr(text[position : position + 10]) if position < len(text) else 'the end'
        super().__init__(
            f'where: expected {expected} at position {position}, found {found} '
            f'in {text[:WHERE_CHARS_MAX]!r}'
        )
        self.text = text
        self.position = position
        self.expected = expected


@dataclass(frozen=True)
class Condition:
    key: str
    operator: str
    value: str

    def holds(self, metadata: Mapping[str, str]) -> bool:
        found = metadata.get(self.key)
        if found is None:
            return self.operator == '!='
        if self.operator == '~':
            return self.value in found
        compare = _COMPARE[self.operator]
        left, right = _number(found), _number(self.value)
        if left is not None and right is not None:
            return compare(left, right)
        return compare(found, self.value)


Where = tuple[Condition, ...]


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.match(text) else None


def holds(where: Where, metadata: Mapping[str, str]) -> bool:
    return all(condition.holds(metadata) for condition in where)


def parse_where(text: str) -> Where:
    """The conditions in `text`; none for blank text. Raises MalformedWhere."""
    if len(text) > WHERE_CHARS_MAX:
        raise MalformedWhere(text, WHERE_CHARS_MAX, f'at most {WHERE_CHARS_MAX} characters')
    position = _skip(text, 0)
    if position == len(text):
        return ()
    conditions: list[Condition] = []
    while True:
        if len(conditions) == CONDITIONS_MAX:
            raise MalformedWhere(text, position, f'at most {CONDITIONS_MAX} conditions')
        condition, position = _condition(text, position)
        conditions.append(condition)
        if position == len(text):
            return tuple(conditions)
        if text[position] != ',':
            raise MalformedWhere(text, position, '"," or the end')
        position = _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    blanks = _BLANKS.match(text, position)
    assert blanks is not None
    return blanks.end()


def _condition(text: str, position: int) -> tuple[Condition, int]:
    key = _KEY.match(text, position)
    if key is None:
        raise MalformedWhere(text, position, 'a key (a letter or "_" first)')
    position = _skip(text, key.end())
    sign = _OPERATOR.match(text, position)
    if sign is None:
        raise MalformedWhere(text, position, 'one of = != < <= > >= ~')
    position = _skip(text, sign.end())
    value, position = _value(text, position)
    return Condition(key.group(), sign.group(), value), _skip(text, position)


def _value(text: str, position: int) -> tuple[str, int]:
    quoted = _QUOTED.match(text, position)
    if quoted is not None:
        return quoted.group(1), quoted.end()
    if text.startswith('"', position):
        raise MalformedWhere(text, len(text), 'a closing \'"\'')
    bare = _BARE.match(text, position)
    if bare is None:
        raise MalformedWhere(text, position, 'a value')
    return bare.group().rstrip(' \t'), bare.end()
