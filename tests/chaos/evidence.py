# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where a fault must have left a trace, and which words name its cause. Pure.

`lines` are what robots logged and what events said from the strike on, each with who said it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OWN, OTHERS, ANY = 'own', 'others', 'any'


@dataclass(frozen=True)
class Line:
    """`by`: the robot whose log or events it is of."""

    by: str
    text: str


@dataclass(frozen=True)
class Sign:
    """`who` must have said it: a victim, another robot, anybody. '{victim}' stands for its name;
    `least_ms`: of a shorter fault nobody need notice."""

    who: str
    pattern: str
    least_ms: int = 0


NEW_LIFE = r'{victim} of swarm \S+: start (?!1,)\d+'
# Silence is taken for death after 3 s or more; what was shorter leaves the swarm as it was.
DEAD = Sign(OTHERS, r'robot_dead {victim} {victim} is dead to the swarm', least_ms=5500)
ALONE = Sign(OWN, r'leader unknown \((quorum-silent|leader-silent|election-timeout)\)|'
             r'no word from a leader', least_ms=4000)
SIGNS: dict[str, tuple[Sign, ...]] = {
    'kill': (Sign(ANY, NEW_LIFE), DEAD),
    'kill all': (Sign(ANY, NEW_LIFE),),
    'pause': (Sign(OWN, r'held up for \d+ ms'), DEAD),
    'link cut': (ALONE, DEAD),
    'deaf': (ALONE,),
    'mute': (DEAD,),
    'bridge': (),  # who reaches a majority leads, and the others hear of it through the log
    'split': (ALONE,),
    'loss': (),  # nothing in the swarm measures the share of packets that are lost
    'clock step': (),  # by design nobody need notice: times are monotonic
    'disk full': (Sign(OWN, r'no room on the disk'),),
    'disk read-only': (Sign(OWN, r'[Rr]ead-only'),),
    'database corrupt': (Sign(OWN, r'is set aside in \S+, and this robot begins anew'),),
    'twin': (Sign(ANY, r'robot_id={victim} is already used'),),
    'slow CPU': (Sign(OWN, r'held up for \d+ ms'),),
    'tower crash': (Sign(ANY, r'tower of swarm'),),  # itself, when it is back: nobody watches it
    'learner crash': (),  # nor a learner, which the swarm does without
    'device pulled': (Sign(ANY, r'the port was hung up|is gone'),),
    'key revoked': (Sign(OTHERS, r'certificate of .{victim}. refused: .* is revoked'),
                    Sign(OWN, r'others will not believe this one: .* is revoked', 6000)),
    'key expired': (Sign(OWN, r'certificate not valid now|certificate of .* ended'),),
    'liar': (Sign(ANY, r"(message|proposal) (of|from) '?mallory'? (dropped|refused)"),),
}


def signs_of(
    kind: str, victims: Sequence[str], lasted_ms: int, lines: Iterable[Line]
) -> dict[str, str | None]:
    """Each sign that was due -> the line that shows it, None where nobody said it."""
    told = list(lines)
    found: dict[str, str | None] = {}
    for sign in SIGNS.get(kind, ()):
        if lasted_ms >= sign.least_ms:
            found[sign.pattern] = _line_of(sign, victims, told)
    return found


def _line_of(sign: Sign, victims: Sequence[str], lines: Sequence[Line]) -> str | None:
    names = '|'.join(map(re.escape, victims)) or r'\w+'
    pattern = re.compile(sign.pattern.replace('{victim}', f'(?:{names})'))
    for line in lines:
        if sign.who == OWN and line.by not in victims:
            continue
        if sign.who == OTHERS and line.by in victims:
            continue
        if pattern.search(line.text):
            return f'{line.by}: {line.text}'
    return None
