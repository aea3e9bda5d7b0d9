# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Dataclasses as rows (JSON lists of their fields, in order) and back, strictly and quickly.

As codec.py, without the names of fields: a snapshot holds ten thousand of a kind. Readers are made
once per type. Refuses to know what the values mean.
"""

import dataclasses
import types
import typing
from collections.abc import Callable
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any

from swarm_coordinator.core.replicated.codec import (
    SHARED_CHARS_MAX,
    Malformed,
    family_name,
    family_of,
    hints_of,
    member_of,
    named,
    shared,
    shown,
)

Reader = Callable[[Any, str], Any]
Writer = Callable[[Any], Any]

@cache  # one per type that occurs in the state
def writer(kind: Any) -> Writer:
    """Makes a row of an instance: what `json.dumps` takes."""
    fields = [one.name for one in dataclasses.fields(kind)]
    hints = hints_of(kind)
    get = _getter(fields)
    nested = [(place, hints[name]) for place, name in enumerate(fields) if _nested(hints[name])]

    def write(value: Any) -> Any:
        row = list(get(value))
        for place, hint in nested:
            row[place] = plain_of(hint, row[place])
        return row

    return write


def _getter(fields: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(fields) == 1:  # attrgetter would give no tuple
        [only] = fields
        return lambda value: (getattr(value, only),)
    return attrgetter(*fields)


def _nested(hint: Any) -> bool:
    """Whether JSON needs more than the value itself; lists of texts and numbers do not."""
    if typing.get_origin(hint) in (tuple, typing.Union, types.UnionType):
        return any(_nested(one) for one in typing.get_args(hint))
    return _is_nested_type(hint)


def _is_nested_type(hint: Any) -> bool:
    if family_of(hint) is not None or dataclasses.is_dataclass(hint):
        return True
    return isinstance(hint, type) and issubclass(hint, Enum)


def plain_of(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, tuple):
        inner = typing.get_args(hint)[0]
        return [plain_of(inner, one) for one in value]
    kind: Any = type(value)
    row = writer(kind)(value)
    return row if family_of(hint) is None else [family_name(kind), row]


@cache
def reader(hint: Any) -> Reader:
    """Checks and makes a value of the type `hint`. It raises Malformed."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return _list_reader(arguments)
    if origin in (typing.Union, types.UnionType):  # only `X | None` occurs
        inner = reader(next(one for one in arguments if one is not type(None)))
        return lambda value, where: None if value is None else inner(value, where)
    if isinstance(hint, typing.NewType) or hint is str:
        return _text
    if (family := family_of(hint)) is not None:
        return _family_reader(family)
    if dataclasses.is_dataclass(hint):
        return _row_reader(hint)  # type: ignore[arg-type]
    if issubclass(hint, Enum):
        return lambda value, where: member_of(hint, value, where)
    return _simple_reader(hint)


def _text(value: Any, where: str) -> str:
    if type(value) is not str:
        raise Malformed(f'{where}: expected str, got {type(value).__name__}')
    return shared(value) if len(value) <= SHARED_CHARS_MAX else value


def _simple_reader(kind: type) -> Reader:
    def read(value: Any, where: str) -> Any:
        if type(value) is not kind:  # bool is an int; here it must not pass as one
            raise Malformed(
                f'{where}={shown(value)!r}: expected {kind.__name__}, got {type(value).__name__}'
            )
        return value

    return read


def _list_reader(hints: tuple[Any, ...]) -> Reader:
    if hints[-1] is Ellipsis:
        inner = reader(hints[0])
        return lambda value, where: tuple([inner(one, where) for one in items(value, where)])
    readers = [reader(hint) for hint in hints]

    def read(value: Any, where: str) -> Any:
        row = items(value, where, len(readers))
        return tuple([one(item, where) for one, item in zip(readers, row, strict=True)])

    return read


def _family_reader(family: dict[str, type]) -> Reader:
    def read(value: Any, where: str) -> Any:
        name, row = items(value, where, 2)
        return reader(named(family, name, where))(row, where)

    return read


def _row_reader(kind: type) -> Reader:
    names = [one.name for one in dataclasses.fields(kind)]
    readers = [reader(hints_of(kind)[name]) for name in names]

    def read(value: Any, where: str) -> Any:
        row = items(value, f'{where}: {kind.__name__}', len(readers))
        try:
            return kind(*[one(item, where) for one, item in zip(readers, row, strict=True)])
        except Malformed as error:
            raise Malformed(f'{where}: {kind.__name__}: {error}') from None
        except ValueError as error:  # a rule of the type itself
            raise Malformed(f'{where}: {error}') from None

    return read


def items(value: Any, where: str, count: int | None = None) -> list[Any]:
    """`value` as a list of `count` items. Raises Malformed."""
    if type(value) is not list:
        raise Malformed(f'{where}: expected a list, got {type(value).__name__}')
    if count is not None and len(value) != count:
        raise Malformed(f'{where}: expected {count} items, got {len(value)}')
    return value
