# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What was identified where, as text that outlives the process. Opens no file.

It only says what to ask first: nothing is identified that does not answer. What cannot be read
is left out and said; an id that the catalogue does not have any more is forgotten in silence.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

FORMAT = 1
PLACES_MAX = 1024            # as many as the prober remembers
KEY_CHARACTERS_MAX = 1024    # a path of sysfs and a serial number
TEXT_BYTES_MAX = 1 << 20
_BAUD_MAX = 12_000_000       # the fastest USB bridges


@dataclass(frozen=True)
class Remembered:
    """An entry that was identified at a place, and at which baud; 0 = not on a serial port."""

    entry_id: str
    baud: int = 0


Memory = Mapping[str, Remembered]      # by memory_key() of the place, the latest last


def to_text(memory: Memory) -> str:
    """Return what `from_text` reads."""
    places = {key: [item.entry_id, item.baud] for key, item in list(memory.items())[-PLACES_MAX:]
              if len(key) <= KEY_CHARACTERS_MAX}
    return json.dumps({'format': FORMAT, 'places': places}, indent=1) + '\n'


def from_text(text: str, entry_ids: Collection[str]) -> tuple[dict[str, Remembered], str]:
    """Return what is remembered, and what was wrong with the text; '' = nothing."""
    if len(text) > TEXT_BYTES_MAX:
        return {}, f'expected at most {TEXT_BYTES_MAX} characters'
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}, 'expected JSON'
    places = told.get('places') if isinstance(told, dict) else None
    if not isinstance(places, dict) or told.get('format') != FORMAT:
        return {}, f"expected an object with 'format': {FORMAT} and 'places'"
    found, wrong = {}, 0
    for key, value in list(places.items())[-PLACES_MAX:]:
        item = _item(value) if len(key) <= KEY_CHARACTERS_MAX else None
        wrong += item is None
        if item is not None and item.entry_id in entry_ids:
            found[key] = item
    return found, f'{wrong} places are not [entry, baud] and were left out' if wrong else ''


def _item(value: Any) -> Remembered | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    entry_id, baud = value
    if not isinstance(entry_id, str) or type(baud) is not int or not 0 <= baud <= _BAUD_MAX:
        return None
    return Remembered(entry_id, baud)
