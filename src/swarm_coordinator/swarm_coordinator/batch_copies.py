# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Copies of a job of a batch file, one for each file or value: owns what {path}, {name}, {stem},
{suffix}, {item} and {number} stand for. Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

_PLACE = re.compile(r'\{(path|name|stem|suffix|item|number)\}')


@dataclass(frozen=True)
class Item:
    """What one copy is for. `number` counts from 1; `value` is the path of a file as well."""

    number: int
    value: Any
    path: str = ''

    def stands_for(self, place: str) -> Any:
        if place == 'number':
            return self.number
        if place == 'item' or not self.path:
            return self.value
        return self.path if place == 'path' else getattr(PurePath(self.path), place)


@dataclass(frozen=True)
class Copies:
    """`items` is (None,) for a job without foreach. `root`: the job whose items these are."""

    items: tuple[Item | None, ...]
    root: str = ''

    @classmethod
    def of_values(cls, values: Sequence[Any]) -> 'Copies':
        return cls(tuple(Item(number, value) for number, value in enumerate(values or (), 1)))

    @classmethod
    def of_files(cls, paths: Sequence[str]) -> 'Copies':
        return cls(tuple(Item(number, path, path) for number, path in enumerate(paths, 1)))


def copy_name(name: str, item: Item | None) -> str:
    """'compress' or 'compress-7'; at most 32 characters, as stages have."""
    if item is None:
        return name
    number = str(item.number)
    return f'{name[: 31 - len(number)]}-{number}'


def filled(value: Any, item: Item) -> Any:
    """`value` (text, or JSON that holds texts) with the places filled in. A text that is nothing
    but a place becomes the value itself: '{item}' may be a number."""
    if isinstance(value, list):
        return [filled(one, item) for one in value]
    if isinstance(value, dict):
        return {filled_text(key, item): filled(one, item) for key, one in value.items()}
    if not isinstance(value, str):
        return value
    whole = _PLACE.fullmatch(value)
    return item.stands_for(whole[1]) if whole else filled_text(value, item)


def filled_text(text: str, item: Item) -> str:
    return _PLACE.sub(lambda found: str(item.stands_for(found[1])), text)
