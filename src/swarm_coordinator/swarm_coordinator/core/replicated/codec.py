# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses as plain JSON values and back, strictly.

Owns the rule that nothing is guessed: an unknown or missing field, a value of the wrong type, a
number beyond 64 bits are refused, because a robot that guesses applies something else than its
neighbour. Refuses to know what the values mean.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any

INTEGER_MAX = 2**63 - 1  # what messages and sqlite can hold
SHARED_CHARS_MAX = 24


class Malformed(ValueError):
    """The value is not what its type asks for; the text says what was expected."""


@functools.lru_cache(maxsize=512)  # what comes again often stays in it, whatever else goes by
def shared(text: str) -> str:
    """One object for equal short texts: names of robots, kinds and units come again and again."""
    return text


@functools.lru_cache(maxsize=256)
def shared_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """One object for equal lists of texts: jobs of a batch promise the same outputs."""
    return texts


# Dataclasses that stand for one another where the base is asked for, by the name that tells them
# apart: as {name: fields}.
_FAMILIES: dict[type, dict[str, type]] = {}
_FAMILY_NAMES: dict[type, str] = {}


def add_family(base: type, members: dict[str, type]) -> None:
    """`members` are all the dataclasses that a field of the type `base` can hold, by name."""
    _FAMILIES[base] = members
    _FAMILY_NAMES.update({kind: name for name, kind in members.items()})


def family_of(hint: Any) -> dict[str, type] | None:
    return _FAMILIES.get(hint) if isinstance(hint, type) else None


def family_name(kind: type) -> str:
    """The name of a member of a family."""
    return _FAMILY_NAMES[kind]


Writer = Callable[[Any], Any]
Reader = Callable[[Any, str], Any]  # (value, where) -> value of the type; raises Malformed

# What is written and read for a type is found out once: jobs that do little are many, and each is
# read on every robot.
_WRITERS: dict[type, Writer] = {}


def plain(value: Any) -> Any:
    """What `json.dumps` takes: dataclasses as objects, enums by name, tuples as lists."""
    kind = type(value)
    writer = _WRITERS.get(kind)
    if writer is None:
        writer = _WRITERS[kind] = _writer_of(kind)
    return writer(value)


def _writer_of(kind: type) -> Writer:
    if dataclasses.is_dataclass(kind):
        write, name = _object_writer(kind), _FAMILY_NAMES.get(kind)
        return write if name is None else lambda value: {name: write(value)}
    if issubclass(kind, Enum):
        return lambda value: value.name
    if issubclass(kind, tuple):
        return lambda value: [plain(item) for item in value]
    return lambda value: value


def _object_writer(kind: type) -> Writer:
    names = tuple(hints_of(kind))

    def write(value: Any) -> dict[str, Any]:
        return {name: plain(getattr(value, name)) for name in names}

    return write


_HINTS: dict[type, dict[str, Any]] = {}


def hints_of(kind: type) -> dict[str, Any]:
    """Types of the fields of a dataclass, in order."""
    if kind not in _HINTS:
        hints = typing.get_type_hints(kind)
        _HINTS[kind] = {one.name: hints[one.name] for one in dataclasses.fields(kind)}
    return _HINTS[kind]


def build(kind: type, value: Any, where: str) -> Any:
    """An instance of the dataclass `kind` from an object. Raises Malformed."""
    return _object_reader(kind)(value, where)


@functools.cache
def _object_reader(kind: type) -> Reader:
    hints = hints_of(kind)
    names = hints.keys()
    # Found at the first use: a type may hold itself.
    readers: list[tuple[str, Reader]] = []

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise Malformed(f'{where}: expected an object')
        if value.keys() != names:
            raise Malformed(
                f'{where}: expected exactly the fields {", ".join(hints)}, got {sorted(value)}'
            )
        if not readers:
            readers.extend((name, reader_of(hint)) for name, hint in hints.items())
        try:
            return kind(**{name: reader(value[name], name) for name, reader in readers})
        except Malformed:
            raise
        except ValueError as error:  # a rule of the type itself, as FileRef has
            raise Malformed(f'{where}: {error}') from None

    return read


def parse(hint: Any, value: Any, where: str) -> Any:
    """`value` as the type `hint`. Raises Malformed."""
    return reader_of(hint)(value, where)


@functools.cache
def reader_of(hint: Any) -> Reader:
    origin = typing.get_origin(hint)
    if origin is tuple:
        return _tuple_reader(typing.get_args(hint))
    if origin in (typing.Union, types.UnionType):  # only `X | None` occurs
        inner = reader_of(next(a for a in typing.get_args(hint) if a is not type(None)))
        return lambda value, where: None if value is None else inner(value, where)
    if hint is str or isinstance(hint, typing.NewType):  # RobotId is the only one
        return _text
    if hint is int:
        return _integer
    if (family := family_of(hint)) is not None:
        return _family_reader(family)
    if dataclasses.is_dataclass(hint):
        return _object_reader(hint)  # type: ignore[arg-type]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda value, where: member_of(hint, value, where)
    return lambda value, where: of_type(hint, value, where)


def _text(value: Any, where: str) -> Any:
    if type(value) is not str:
        return of_type(str, value, where)
    return shared(value) if len(value) <= SHARED_CHARS_MAX else value


def _integer(value: Any, where: str) -> Any:
    if type(value) is int and -INTEGER_MAX <= value <= INTEGER_MAX:
        return value
    return of_type(int, value, where)


def _family_reader(family: dict[str, type]) -> Reader:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict) or len(value) != 1:
            raise Malformed(f'{where}: expected an object with one of {", ".join(family)}')
        [(name, fields)] = value.items()
        return _object_reader(named(family, name, where))(fields, where)

    return read


def _tuple_reader(hints: tuple[Any, ...]) -> Reader:
    if hints == (str, Ellipsis):
        return _texts
    if hints[-1] is Ellipsis:
        each = reader_of(hints[0])
        return lambda value, where: tuple(
            [each(one, where) for one in of_type(list, value, where)]
        )
    readers = tuple(reader_of(hint) for hint in hints)

    def read(value: Any, where: str) -> Any:
        values = of_type(list, value, where)
        if len(values) != len(readers):
            raise Malformed(f'{where}: expected {len(readers)} items, got {len(values)}')
        return tuple([each(one, where) for each, one in zip(readers, values, strict=True)])

    return read


def _texts(value: Any, where: str) -> Any:
    texts = tuple([_text(one, where) for one in of_type(list, value, where)])
    return shared_texts(texts) if len(texts) == 1 else texts


def named(family: dict[str, type], name: Any, where: str) -> type:
    """The member of that name. Raises Malformed."""
    kind = family.get(name) if isinstance(name, str) else None
    if kind is None:
        raise Malformed(f'{where}: {shown(name)!r}: expected one of {", ".join(family)}')
    return kind


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
