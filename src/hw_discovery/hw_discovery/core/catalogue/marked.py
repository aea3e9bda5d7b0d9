# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Values of a file that a person wrote, each with its line, and the reading of them.

Owns how a value becomes text, a number, bytes or a choice, and how a wrong one is said. Refuses
to know files, YAML, and what the keys mean.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

PROBLEMS_MAX = 100  # nobody reads more
TEXT_CHARS_MAX = 2000  # the longest note of the bundled catalogue has about 500
_INTEGER = re.compile(r'-?(0x[0-9A-Fa-f]{1,8}|0|[1-9][0-9]{0,11})\Z')
_NUMBER = re.compile(r'-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,12})?([eE][-+]?[0-9]{1,2})?\Z')
_HEX_BYTES = re.compile(r'[0-9A-Fa-f]{2}( [0-9A-Fa-f]{2})*\Z')
E = TypeVar('E', bound=Enum)


@dataclass(frozen=True, slots=True)
class Scalar:
    """`quoted`: written in quotes, so text whatever it looks like."""

    text: str
    quoted: bool
    line: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple['Value', ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Pairs in the order of the file; a key may come twice, which reading refuses."""

    pairs: tuple[tuple[Scalar, 'Value'], ...]
    line: int


Value = Scalar | Items | Mapping


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """`line` counts from 1; 0 = the whole file. `key`: what it is about, '' = none."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        place = f'{self.file}:{self.line}' if self.line else self.file
        return f'{place}: {self.key}: {self.text}' if self.key else f'{place}: {self.text}'


@dataclass
class Problems:
    """What is wrong with one file. Reading goes on after each. The length counts those that
    were not kept too, because they are the same or too many."""

    file: str
    found: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, key: str, text: str) -> None:
        self.count += 1
        problem = Problem(self.file, line, key, text)
        if len(self.found) < PROBLEMS_MAX and problem not in self.found:
            self.found.append(problem)

    def __len__(self) -> int:
        return self.count


def kind_of(value: Value) -> str:
    """What a person would call it."""
    if isinstance(value, Mapping):
        return 'a mapping'
    if isinstance(value, Items):
        return 'a list'
    return repr(value.text[:60]) if value.text or value.quoted else 'nothing'


class Fields:
    """The keys of one mapping. Each reader notes what is wrong and answers its default."""

    def __init__(
        self, value: Value, what: str, known: Iterable[str], problems: Problems,
    ) -> None:
        self.what = what
        self.line = value.line
        self.problems = problems
        self._values: dict[str, Value] = {}
        names = tuple(known)
        if not isinstance(value, Mapping):
            self.problems.add(value.line, what, f'expected a mapping with '
                              f'{", ".join(names) or "names"}, not {kind_of(value)}')
            return
        for key, held in value.pairs:
            if names and key.text not in names:
                problems.add(key.line, what, f'unknown key {key.text[:60]!r}: expected one of '
                             f'{", ".join(names)}')
            elif key.text in self._values:
                problems.add(key.line, what, f'key {key.text[:60]!r} comes twice')
            else:
                self._values[key.text] = held

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def names(self) -> tuple[str, ...]:
        return tuple(self._values)

    def get(self, key: str) -> Value | None:
        return self._values.get(key)

    def wrong(self, key: str, text: str) -> None:
        """Note a problem with the value of `key`, or with the lack of it."""
        value = self._values.get(key)
        name = f'{self.what}.{key}' if key else self.what
        self.problems.add(value.line if value else self.line, name, text)

    def need(self, *keys: str) -> bool:
        """Note each of these that is missing."""
        missing = [key for key in keys if key not in self._values]
        for key in missing:
            self.wrong(key, 'is missing')
        return not missing

    # ---- scalars

    def text(self, key: str, default: str = '') -> str:
        value = self._values.get(key)
        return default if value is None else self._text(key, value, default)

    def integer(self, key: str, low: int, high: int, default: int = 0) -> int:
        value = self._values.get(key)
        return default if value is None else self._integer(key, value, low, high, default)

    def number(self, key: str) -> float | None:
        """A finite number, or None where there is none."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, Scalar) and not value.quoted and _NUMBER.match(value.text):
            read = float(value.text)
            if math.isfinite(read):
                return read
        self.wrong(key, f'expected a number, not {kind_of(value)}')
        return None

    def flag(self, key: str, default: bool) -> bool:
        value = self._values.get(key)
        if value is None:
            return default
        if isinstance(value, Scalar) and not value.quoted and value.text in ('true', 'false'):
            return value.text == 'true'
        self.wrong(key, f'expected true or false, not {kind_of(value)}')
        return default

    def choice(self, key: str, options: type[E], default: E) -> E:
        value = self._values.get(key)
        if value is None:
            return default
        if isinstance(value, Scalar):
            for option in options:
                if option.value == value.text:
                    return option
        self.wrong(key, f'expected one of {", ".join(str(o.value) for o in options)}, '
                   f'not {kind_of(value)}')
        return default

    def name_of(self, key: str, options: Iterable[str], default: str = '') -> str:
        """One of these texts."""
        value = self._values.get(key)
        if value is None:
            return default
        names = tuple(options)
        if isinstance(value, Scalar) and value.text in names:
            return value.text
        self.wrong(key, f'expected one of {", ".join(names)}, not {kind_of(value)}')
        return default

    def hex_bytes(self, key: str) -> bytes:
        value = self._values.get(key)
        if value is None:
            return b''
        read = self._hex_bytes(key, value)
        return read or b''

    # ---- lists

    def items(self, key: str) -> tuple[Value, ...]:
        value = self._values.get(key)
        if value is None:
            return ()
        if isinstance(value, Items):
            return value.items
        self.wrong(key, f'expected a list, not {kind_of(value)}')
        return ()

    def texts(self, key: str) -> tuple[str, ...]:
        read = [self._text(key, item, '') for item in self.items(key)]
        return tuple(text for text in read if text)

    def integers(self, key: str, low: int, high: int) -> tuple[int, ...]:
        """Each once: a number that comes twice is refused."""
        read = tuple(self._integer(key, item, low, high, low) for item in self.items(key))
        if len(set(read)) != len(read):
            self.wrong(key, 'a number comes twice')
        return read

    def hex_list(self, key: str) -> tuple[bytes, ...]:
        read = [self._hex_bytes(key, item) for item in self.items(key)]
        return tuple(one for one in read if one)

    # ---- one value

    def _text(self, key: str, value: Value, default: str) -> str:
        if not isinstance(value, Scalar) or (not value.text and not value.quoted):
            self.problems.add(value.line, f'{self.what}.{key}',
                              f'expected text, not {kind_of(value)}')
            return default
        if len(value.text) > TEXT_CHARS_MAX:
            self.problems.add(value.line, f'{self.what}.{key}',
                              f'expected at most {TEXT_CHARS_MAX} characters')
            return default
        return value.text

    def _integer(self, key: str, value: Value, low: int, high: int, default: int) -> int:
        if isinstance(value, Scalar) and not value.quoted and _INTEGER.match(value.text):
            read = int(value.text, 0)
            if low <= read <= high:
                return read
        self.problems.add(value.line, f'{self.what}.{key}',
                          f'expected a whole number from {low} to {high} (0x{high:X}), '
                          f'not {kind_of(value)}')
        return default

    def _hex_bytes(self, key: str, value: Value) -> bytes | None:
        if (isinstance(value, Scalar) and len(value.text) <= TEXT_CHARS_MAX
                and _HEX_BYTES.match(value.text)):
            return bytes.fromhex(value.text)
        self.problems.add(value.line, f'{self.what}.{key}',
                          f"expected bytes such as 'A5 50' (in quotes), not {kind_of(value)}")
        return None
