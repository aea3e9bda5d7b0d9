# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the page says stands in words.js: no sentence and no heading in the code that draws."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[1] / 'swarm_tower' / 'web' / 'static'
FILES = sorted(
    path for path in (*STATIC.glob('*.js'), *STATIC.glob('views/*.js')) if path.name != 'words.js'
)
TOKENS = re.compile(
    r"""//[^\n]*|/\*.*?\*/"""                       # comments
    r"""|(?<=[(,=:&|?!;{[])\s*/(?![/*])(?:\\.|\[[^\]]*\]|[^/\n])+/[a-z]*"""  # patterns
    r"""|'(?:\\.|[^'\n])*'|"(?:\\.|[^"\n])*"|`""",
    re.DOTALL | re.VERBOSE,
)
SENTENCE = re.compile(r'[A-Za-z\u2019,]{2,} [A-Za-z]{2,}|^[A-Z][a-z]+ $')
HEADING = re.compile(r'^[A-Z][a-z]{2,}$')
NO_WORDS = re.compile(
    r'^(?:Arrow\w+|Home|End|Enter|Escape|Esc|Bearer |Authorization|\d+px .*'
    r'|input, select, textarea, .*)$'
)


def texts(source: str) -> Iterator[tuple[str, bool]]:
    """Every text of a program, templates in pieces; and whether it is a whole one."""
    at = 0
    while (found := TOKENS.search(source, at)) is not None:
        token, at = found.group(), found.end()
        if token == '`':
            pieces, inner, at = template(source, at)
            yield from ((piece, False) for piece in pieces)
            for code in inner:
                yield from texts(code)
        elif token[0] in '\'"':
            yield token[1:-1], True


def template(source: str, at: int) -> tuple[list[str], list[str], int]:
    """What follows a backquote: its own pieces, the code in it, and where it ends."""
    pieces, inner, piece = [], [], ''
    while source[at] != '`':
        if source.startswith('${', at):
            pieces.append(piece)
            piece, begin, depth, at = '', at + 2, 1, at + 2
            while depth:
                if source[at] == '`':
                    at = template(source, at + 1)[2]
                    continue
                depth += {'{': 1, '}': -1}.get(source[at], 0)
                at += 1
            inner.append(source[begin:at - 1])
        else:
            piece += source[at]
            at += 1
    return [*pieces, piece], inner, at + 1


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_what_the_page_says_stands_in_its_tables_of_words(path: Path) -> None:
    said = [
        text for text, whole in texts(path.read_text())
        if (SENTENCE.search(text) or (whole and HEADING.match(text))) and not NO_WORDS.match(text)
    ]
    assert said == [], 'expected in words.js'


@pytest.mark.parametrize(
    ('source', 'found'),
    [
        ("setText(a, 'Nobody is here'); // Not this one", ['Nobody is here']),
        ('`${n} robots ${yes ? `are ${x}` : "none"} here`',
         ['', ' robots ', ' here', 'are ', '', 'none']),
        (r"a = /'[^']*'/; 'b'", ['b']),
        ("x = 'it\\'s'", ["it\\'s"]),
    ],
)
def test_texts_of_a_program_are_found(source: str, found: list[str]) -> None:
    assert [text for text, _ in texts(source)] == found
