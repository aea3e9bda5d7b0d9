# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses as plain JSON values and back, strictly.

Owns the rule that nothing is guessed: an unknown or missing field, a value of the wrong type, a
number beyond 64 bits are refused, because a robot that guesses applies something else than its
neighbour. Refuses to know what the values mean.
"""

import dataclasses
import types
import typing
from enum import Enum
from functools import lru_cache
from typing import Any

INTEGER_MAX = 2**63 - 1  # what messages and sqlite can hold
SHARED_CHARS_MAX = 24


class Malformed(ValueError):
    """The value is not what its type asks for; the text says what was expected."""


@lru_cache(maxsize=512)  # what comes again often stays in it, whatever else goes by
def shared(text: str) -> str:
    """One object for equal short texts: names of robots, kinds and units come again and again."""
    return text


@lru_cache(maxsize=256)
def shared_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """One object for equal lists of texts: jobs of a batch promise the same outputs."""
    return texts


def plain(value: Any) -> Any:
    """What `json.dumps` takes: dataclasses as objects, enums by name, tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


_HINTS: dict[type, dict[str, Any]] = {}


def hints_of(kind: type) -> dict[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = typing.get_type_hints(kind)
    return _HINTS[kind]


def build(kind: type, value: Any, where: str) -> Any:
    """An instance of the dataclass `kind` from an object. Raises Malformed."""
    if not isinstance(value, dict):
        raise Malformed(f'{where}: expected an object')
    hints = hints_of(kind)
    if value.keys() != hints.keys():
        raise Malformed(
            f'{where}: expected exactly the fields {", ".join(hints)}, got {sorted(value)}'
        )
    try:
        return kind(**{name: parse(hint, value[name], name) for name, hint in hints.items()})
    except Malformed:
        raise
    except ValueError as error:  # a rule of the type itself, as FileRef has
        raise Malformed(f'{where}: {error}') from None


def parse(hint: Any, value: Any, where: str) -> Any:
    """`value` as the type `hint`. Raises Malformed."""
    origin = typing.get_origin(hint)
    if origin is tuple:
        return _items(typing.get_args(hint), of_type(list, value, where), where)
    if origin in (typing.Union, types.UnionType):  # only `X | None` occurs
        inner = next(arg for arg in typing.get_args(hint) if arg is not type(None))
        return None if value is None else parse(inner, value, where)
    if isinstance(hint, typing.NewType):
        return of_type(str, value, where)  # RobotId is the only one
    if dataclasses.is_dataclass(hint):
        return build(hint, value, where)  # type: ignore[arg-type]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return member_of(hint, value, where)
    return of_type(hint, value, where)


def _items(hints: tuple[Any, ...], values: list[Any], where: str) -> tuple[Any, ...]:
    if hints == (str, Ellipsis):
        texts = tuple(of_type(str, one, where) for one in values)
        return shared_texts(texts) if len(texts) == 1 else texts
    if hints[-1] is Ellipsis:
        return tuple(parse(hints[0], one, where) for one in values)
    if len(values) != len(hints):
        raise Malformed(f'{where}: expected {len(hints)} items, got {len(values)}')
    return tuple(parse(hint, one, where) for hint, one in zip(hints, values, strict=True))


def member_of(kind: type[Enum], value: Any, where: str) -> Any:
    try:
        return kind[of_type(str, value, where)]
    except KeyError:
        names = ', '.join(member.name for member in kind)
        raise Malformed(f'{where}={shown(value)!r}: expected one of {names}') from None


def of_type(kind: type, value: Any, where: str) -> Any:
    if type(value) is not kind:  # bool is an int; here it must not pass as one
        raise Malformed(
            f'{where}={shown(value)!r}: expected {kind.__name__}, got {type(value).__name__}'
        )
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise Malformed(f'{where}: expected an integer of at most 64 bits')
    if isinstance(value, str) and len(value) <= SHARED_CHARS_MAX:
        return shared(value)
    return value


def shown(value: Any) -> str:
    """For messages; lists and objects only by type, because they may be nested very deeply."""
    return str(value)[:40] if isinstance(value, (str, int, float)) else type(value).__name__
