# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Patterns that a file may hold: compiled only where matching them cannot take long.

Python's matcher goes back over every way to match. So `*` and `+` are refused, repetition inside
repetition too, and the number of ways of all repetitions together is limited.
"""

import re
from typing import Any

# The parser of the standard library: re._parser since Python 3.11, sre_parse before.
_PARSER: Any = getattr(re, '_parser', None) or re.sre_parse  # type: ignore[attr-defined]
PATTERN_CHARS_MAX = 300
WAYS_MAX = 20_000  # of all variable repetitions; 1e4 steps at each byte take about 0.1 ms
MATCHED_BYTES_MAX = 16_384  # what callers may give a pattern at once
_TOKEN = re.compile(r'(\.\.|[0-9A-Fa-f]{2}(\|[0-9A-Fa-f]{2}){0,15})\Z')


class BadPattern(Exception):
    """Says what was expected."""


def text_pattern(text: str) -> re.Pattern[str]:
    """Raises BadPattern."""
    _check(text)
    return re.compile(text)


def byte_pattern(text: str, *, lines: bool = True) -> re.Pattern[bytes]:
    """`lines`: ^ and $ match at line ends. Characters above 0xFF raise BadPattern."""
    _check(text)
    try:
        return re.compile(text.encode('latin-1'), re.MULTILINE if lines else re.DOTALL)
    except UnicodeEncodeError:
        raise BadPattern('expected characters up to 0xFF; write bytes as \\xNN') from None


def hex_pattern(text: str) -> re.Pattern[bytes]:
    """Bytes in hex; '..' is any byte, 'A1|A2' one of these. Raises BadPattern."""
    tokens = text.split()
    if not tokens or len(tokens) > 32 or not all(_TOKEN.match(token) for token in tokens):
        raise BadPattern(
            f"expected bytes such as 'AA 55 .. 01|02', at most 32; given: {text[:60]!r}")
    parts = []
    for token in tokens:
        if token == '..':
            parts.append(b'.')
        else:
            each = [re.escape(bytes([int(one, 16)])) for one in token.split('|')]
            parts.append(each[0] if len(each) == 1 else b'(?:' + b'|'.join(each) + b')')
    return re.compile(b''.join(parts), re.DOTALL)


def _check(text: str) -> None:
    if not text or len(text) > PATTERN_CHARS_MAX:
        raise BadPattern(f'expected a pattern of 1 to {PATTERN_CHARS_MAX} characters')
    try:
        parsed = _PARSER.parse(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadPattern(f'not a regular expression: {error}') from None
    ways = _ways(parsed, False)
    if ways > WAYS_MAX:
        raise BadPattern(f'can match in {ways} ways, expected at most {WAYS_MAX}: shorten the '
                         'repetitions')


def _ways(parsed: Any, repeated: bool) -> int:
    ways = 1
    for code, argument in parsed:
        name = str(code)
        if name in ('MAX_REPEAT', 'MIN_REPEAT', 'POSSESSIVE_REPEAT'):
            low, high, inside = argument
            if int(high) > 4096:
                raise BadPattern('expected a bound such as .{0,80} in place of * or +')
            if repeated and high > 1:
                raise BadPattern('expected no repetition inside a repetition')
            ways *= (int(high) - int(low) + 1) * _ways(inside, repeated or int(high) > 1)
        elif name == 'SUBPATTERN':
            ways *= _ways(argument[3], repeated)
        elif name == 'BRANCH':
            ways *= sum(_ways(branch, repeated) for branch in argument[1])
        elif name in ('GROUPREF', 'GROUPREF_EXISTS', 'ASSERT', 'ASSERT_NOT', 'ATOMIC_GROUP'):
            raise BadPattern('expected no look-around and no references to groups')
    return ways
