# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What came of a run, as a table by fault. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

HEAD = """\
| Fault | Struck | Seen | As, for example | Longest without a leader | Longest without a commit | \
Jobs done meanwhile |
|---|---:|---:|---|---:|---:|---:|"""
QUOTED_CHARS = 110
PREFIX = re.compile(r'\[(INFO|WARN|ERROR)\] \[[\d.]+\] \[[^\]]*\]: ')
PATHS = re.compile(r'/\S*/')


@dataclass(frozen=True)
class Outcome:
    """Of one strike: `seen` by everybody that had to, None: nobody had to; `example` is a line
    that says so."""

    kind: str
    seen: bool | None
    example: str
    without_leader_s: float
    without_commit_s: float
    done: int


def table(outcomes: Sequence[Outcome]) -> str:
    """Kinds in order of their names."""
    lines = [HEAD]
    for kind in sorted({one.kind for one in outcomes}):
        of_kind = [one for one in outcomes if one.kind == kind]
        example = next((one.example for one in of_kind if one.example), '-')
        lines.append(
            f'| {kind} | {len(of_kind)} | {_seen(of_kind)} '
            f'| {_quoted(example)} '
            f'| {max(one.without_leader_s for one in of_kind):.1f} s '
            f'| {max(one.without_commit_s for one in of_kind):.1f} s '
            f'| {sum(one.done for one in of_kind)} |'
        )
    return '\n'.join(lines)


def _seen(of_kind: Sequence[Outcome]) -> str:
    asked = [one for one in of_kind if one.seen is not None]
    return f'{sum(map(bool, (one.seen for one in asked)))} of {len(asked)}' if asked else '-'


def _quoted(text: str) -> str:
    text = PATHS.sub('', PREFIX.sub('', text))
    short = text if len(text) <= QUOTED_CHARS else text[:QUOTED_CHARS - 1] + '…'
    return short.replace('|', '/')
