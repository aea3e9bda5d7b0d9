# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One way to write a signed document: a line of JSON, then a line for each signature.

    {"key":"value"}
    <authority, 32 hex> <signature, 128 hex>

Owns that equal documents are equal bytes: keys sorted, no spaces, ASCII, integers only, nothing
twice. Whatever would be written differently is refused. Refuses to know what the values mean and
whether a signature fits.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from swarm_coordinator.core.identity.refusal import IdentityRefused, damaged
from swarm_coordinator.core.ids import checked_name

KEY_BYTES = 32
SIGNATURE_BYTES = 64
KEY_ID_CHARS = 32

_SIGNATURE_LINE = re.compile(rb'([0-9a-f]{32}) ([0-9a-f]{128})\Z')
_HEX = re.compile(r'[0-9a-f]*\Z')


def key_id(public: bytes) -> str:
    """What people compare and files are named by: half of the SHA-256 of a public key, in hex."""
    return hashlib.sha256(public).hexdigest()[:KEY_ID_CHARS]


def write_object(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(',', ':')).encode('ascii')


def read_object(data: bytes, keys: frozenset[str], what: str, bytes_max: int) -> dict[str, Any]:
    """The fields of what write_object() wrote; anything else raises IdentityRefused."""
    if len(data) > bytes_max:
        raise damaged(what, f'at most {bytes_max} bytes, not {len(data)}')
    try:
        fields = json.loads(
            data.decode('ascii'),
            object_pairs_hook=_without_repetition,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except (ValueError, RecursionError) as error:
        raise damaged(what, f'JSON in ASCII ({_short(error)})') from None
    if not isinstance(fields, dict):
        raise damaged(what, 'a JSON object')
    if fields.keys() != keys:
        raise damaged(what, f'exactly the fields {", ".join(sorted(keys))}')
    try:
        is_usual = write_object(fields) == data
    except RecursionError:  # less deep than what can be read
        is_usual = False
    if not is_usual:
        raise damaged(what, 'sorted fields without spaces, each written in the one usual way')
    return fields


def write_signed(body: bytes, signatures: tuple[tuple[str, bytes], ...]) -> bytes:
    lines = [f'{authority} {signature.hex()}'.encode() for authority, signature in signatures]
    return b'\n'.join([body, *lines])


def read_signed(
    data: bytes, what: str, bytes_max: int, signatures_max: int
) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """The body, not looked at, and (authority, signature) of each line after it."""
    if len(data) > bytes_max:
        raise damaged(what, f'at most {bytes_max} bytes, not {len(data)}')
    body, *lines = data.split(b'\n', signatures_max + 1)
    if not 1 <= len(lines) <= signatures_max:
        raise damaged(
            what, f'a line of JSON and then one for each signature, 1 to {signatures_max}'
        )
    found = []
    for line in lines:
        match = _SIGNATURE_LINE.match(line)
        if match is None:
            raise damaged(what, 'a signature line: 32 hex digits, a space, 128 hex digits')
        found.append((match[1].decode(), bytes.fromhex(match[2].decode())))
    return body, tuple(found)


def hex_bytes(value: object, length: int, what: str) -> bytes:
    if not isinstance(value, str) or len(value) != 2 * length or not _HEX.match(value):
        raise damaged(what, f'{2 * length} lower case hex digits')
    return bytes.fromhex(value)


def whole_number(value: object, low: int, high: int, what: str) -> int:
    if type(value) is not int or not low <= value <= high:
        raise damaged(what, f'a whole number from {low} to {high}')
    return value


def name(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise damaged(what, 'a name')
    try:
        return checked_name(value, what)
    except ValueError as error:
        raise IdentityRefused('damaged', str(error)) from None


def strings(value: object, what: str, count_max: int) -> tuple[str, ...]:
    """A list of different strings in order."""
    if (
        not isinstance(value, list)
        or len(value) > count_max
        or not all(isinstance(one, str) for one in value)
        or sorted(set(value)) != value
    ):
        raise damaged(what, f'at most {count_max} different strings in order')
    return tuple(value)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError('a field is there twice')
    return fields


def _no_float(text: str) -> None:
    raise ValueError(f'{text[:20]} is no whole number')


def _short(error: BaseException) -> str:
    return str(error)[:80] or type(error).__name__
