# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Changes valid inputs so that they stay nearly valid: bytes, lines, JSON trees, YAML.

Owns what is worth trying: limits of numbers, texts that look like paths, deep nesting, what comes
twice. Refuses to know any decoder, and draws only from the `Random` it is given.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import yaml

INTEGERS = (
    0, 1, -1, 2, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 + 1,
    2**63 - 1, 2**63, -(2**63), 2**64 - 1, 2**64, 10**25, 10**400,
)
FLOATS = (
    0.0, -0.0, 0.5, 1.0, -1.0, 1e-320, 1e308, -1e308, 1e39, float('nan'), float('inf'),
    float('-inf'), 2.0**63,
)
TEXTS = (
    '', ' ', 'a', '0', '-1', '1e400', 'nan', 'None', 'true', 'r1', 'r2', '..', '../../etc/passwd',
    '/', '/dev/zero', 'a/b', 'a' * 256, 'a' * 5000, '\0', '\n', '\x1b[31m', '\u202e', 'ä€𝄞',
    '\ud800', '%s%n', '{0}', '$(x)', '~', '*', '9' * 5000, '\ufeff', 'e\u0301',
)
# The C ones where there are, ten times as fast.
LOADER: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
DUMPER: Any = getattr(yaml, 'CSafeDumper', yaml.SafeDumper)
DEPTHS = (2, 30, 100, 450, 900, 970, 990, 1000, 20_000, 100_000)


def of_bytes(data: bytes, rng: random.Random) -> bytes:
    """One to four small changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_BYTE_CHANGES)(data, rng)
    return data


def _flip(data: bytes, rng: random.Random) -> bytes:
    if not data:
        return bytes((rng.randrange(256),))
    at = rng.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1:]


def _set(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes((rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256))),)) + (
        data[at + 1:])


def _number(data: bytes, rng: random.Random) -> bytes:
    """An integer of a limit where there may be a length."""
    size = rng.choice((2, 4, 8))
    at = rng.randrange(max(1, len(data) - size + 1))
    value = rng.choice((*INTEGERS[:20], len(data), len(data) - at)) % 2 ** (8 * size)
    return data[:at] + value.to_bytes(size, rng.choice(('little', 'big'))) + data[at + size:]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _drop(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 2, 8, 64)):]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 8))) + data[at:]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    piece = data[at: at + rng.choice((1, 4, 32, 256))]
    return data[:at] + piece * rng.choice((2, 3, 40)) + data[at:]


def _move(data: bytes, rng: random.Random) -> bytes:
    at, to = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    return data[:to] + data[at: at + rng.choice((4, 16, 128))] + data[to:]


_BYTE_CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip, _flip, _set, _set, _number, _cut, _drop, _insert, _repeat, _move,
)


# ---- trees, as JSON and YAML make them


def any_value(rng: random.Random) -> Any:
    pick = rng.randrange(6)
    if pick == 0:
        return rng.choice(INTEGERS)
    if pick == 1:
        return rng.choice(FLOATS)
    if pick == 2:
        return rng.choice((None, True, False, [], {}, [[]], {'': None}))
    return rng.choice(TEXTS)


def other(value: Any, rng: random.Random) -> Any:
    """Mostly of the same type, since a wrong type is refused at once."""
    if rng.random() < 0.25:
        return any_value(rng)
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return rng.choice((*INTEGERS, value + 1, value - 1, -value, value * 2))
    if isinstance(value, float):
        return rng.choice((*FLOATS, -value, value * 1e3, value + 1e-9))
    if isinstance(value, str):
        at = rng.randrange(len(value) + 1)
        return rng.choice((
            rng.choice(TEXTS), value[:at], value + value, value[:at] + rng.choice(TEXTS),
            value[:at] + chr(rng.choice((0, 10, 32, 34, 47, 0x7F, 0x660, 0x1F600))) + value[at:],
        ))
    return any_value(rng)


def change_tree(tree: Any, rng: random.Random) -> Any:
    """A changed copy. Draws places evenly over all nodes."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = _places(tree)
        if not places:
            return other(tree, rng)
        holder, key = rng.choice(places)
        _change_place(holder, key, places, rng)
    return tree


def _places(tree: Any, most: int = 20_000) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting and len(found) < most:
        one = waiting.pop()
        if isinstance(one, dict):
            found.extend((one, key) for key in one)
            waiting.extend(one.values())
        elif isinstance(one, list):
            found.extend((one, at) for at in range(len(one)))
            waiting.extend(one)
    return found


def _change_place(
    holder: Any, key: Any, places: list[tuple[Any, Any]], rng: random.Random
) -> None:
    try:
        value = holder[key]
    except (KeyError, IndexError):
        return  # what was changed before has taken it away
    what = rng.randrange(10)
    if what < 5:
        holder[key] = other(value, rng)
    elif what == 5:
        del holder[key]
    elif what == 6 and isinstance(holder, list):
        holder[key: key] = [copy.deepcopy(value)] * rng.choice((1, 2, 300))
    elif what == 6:
        holder[rng.choice(TEXTS)] = copy.deepcopy(value)
    elif what == 7:
        giver, at = rng.choice(places)
        try:
            holder[key] = copy.deepcopy(giver[at])
        except (KeyError, IndexError):
            return
    elif what == 8 and isinstance(value, list):
        rng.shuffle(value)
    elif what == 9 and rng.random() < 0.3:
        holder[key] = Nested(rng.choice(DEPTHS), rng.choice(('[]', '{}')))
    else:
        holder[key] = any_value(rng)


class Nested:
    """Stands for a value that is nested too deeply to be built."""

    def __init__(self, depth: int, kind: str) -> None:
        self.depth, self.kind = depth, kind

    def text(self) -> str:
        if self.kind == '[]':
            return '[' * self.depth + ']' * self.depth
        return '{"a":' * self.depth + '1' + '}' * self.depth


class _Encoder(json.JSONEncoder):
    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.nested: list[Nested] = []

    def default(self, o: Any) -> Any:
        if isinstance(o, Nested):
            self.nested.append(o)
            return f'@nested{len(self.nested) - 1}@'
        return repr(o)


def json_bytes(tree: Any, **named: Any) -> bytes:
    """As the stack writes JSON: compact, UTF-8. Takes what `change_tree` makes."""
    encoder = _Encoder(separators=(',', ':'), ensure_ascii=False, **named)
    text = encoder.encode(tree)
    for number, one in enumerate(encoder.nested):
        text = text.replace(f'"@nested{number}@"', one.text())
    return text.encode('utf-8', 'surrogatepass')


def of_json(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.15:
        return of_bytes(data, rng)
    try:
        tree = json.loads(data.decode('utf-8', 'surrogatepass'))
        return json_bytes(change_tree(tree, rng))
    except (ValueError, RecursionError):
        return of_bytes(data, rng)


def of_lines(data: bytes, rng: random.Random) -> bytes:
    """Text in lines; each may be JSON."""
    lines = data.split(b'\n')
    if rng.random() < 0.1:
        return of_bytes(data, rng)
    at = rng.randrange(len(lines))
    what = rng.randrange(6)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines[at:at] = [lines[at]] * rng.choice((1, 2, 50))
    elif what == 2:
        rng.shuffle(lines)
    else:
        lines[at] = of_json(lines[at], rng)
    return b'\n'.join(lines)


def of_yaml(data: bytes, rng: random.Random) -> bytes:
    """Its tree, or its text: anchors, tags and tabs have no tree."""
    if rng.random() < 0.35:
        return _yaml_text(data, rng)
    try:
        tree = yaml.load(data, LOADER)
        return yaml_bytes(_plain(change_tree(tree, rng)))
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError):
        return of_bytes(data, rng)


def yaml_bytes(tree: Any) -> bytes:
    text: str = yaml.dump(tree, Dumper=DUMPER, allow_unicode=True, sort_keys=False)
    return text.encode('utf-8', 'surrogatepass')


def _plain(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(value) for value in tree]
    if isinstance(tree, Nested):
        return '[' * 3 + ']' * 3
    return tree


_YAML_PIECES = (
    b'&a ', b'*a', b'<<: *a', b'!!python/object:os.system ', b'!!binary ', b'!!float ', b'|\n',
    b'>-\n', b'? ', b'- ' * 50, b'{' * 200, b'[' * 5000, b'---\n', b'...\n', b'\t', b'"', b"'",
    b'#', b'%YAML 1.1\n', b': ', b'\r', b'0x', b'0o7', b'1_000', b'2001-01-01', b'.inf', b'~',
    b'=', b'\xef\xbb\xbf', b'\xc2\x85', b'\xe2\x80\xa8', b'\\x41',
)


def _yaml_text(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return of_bytes(data, rng)
    lines = data.split(b'\n')
    at = rng.randrange(len(lines))
    what = rng.randrange(5)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines.insert(at, rng.choice(lines))
    elif what == 2:
        lines[at] = b' ' * rng.choice((1, 2, 4)) + lines[at]
    else:
        place = rng.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:place] + rng.choice(_YAML_PIECES) + lines[at][place:]
    return b'\n'.join(lines)
