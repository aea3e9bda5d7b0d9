# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which faults strike when: pure, from a seed; the same seed gives the same faults and times.

Owns kinds, times and victims. Refuses to know how a fault is made. Who leads cannot be planned:
LEADER stands for whoever does when the fault strikes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

LEADER = 'leader'
REST_MS = (500, 3000)
FIRST_MS = 3000  # of undisturbed work, to compare with
OVERLAP_PERCENT = 25  # of the faults that begin before the one before is over


@dataclass(frozen=True)
class Kind:
    """`victims`: how many robots it strikes, 0 = none of them. `amounts`: what it can be given.
    `alone`: no other fault at the same time, because undoing one would undo both or because more
    than a minority would be away."""

    lasts_ms: tuple[int, int]
    victims: int = 1
    amounts: tuple[int, ...] = (0,)
    alone: bool = False


HOUR_S = 3600
KINDS: dict[str, Kind] = {
    'kill': Kind((500, 6000)),
    'kill all': Kind((500, 2000), victims=0, alone=True),
    'pause': Kind((500, 6000)),
    'link cut': Kind((1000, 6000), alone=True),
    'deaf': Kind((1000, 6000), alone=True),
    'mute': Kind((1000, 6000), alone=True),
    'split': Kind((1000, 6000), victims=2, alone=True),
    'bridge': Kind((1000, 6000), alone=True),
    'loss': Kind((3000, 8000), victims=0, amounts=(10, 20, 30), alone=True),
    'clock step': Kind((2000, 6000), amounts=(HOUR_S, -HOUR_S, 20, -20)),
    'disk full': Kind((3000, 7000)),
    'disk read-only': Kind((5000, 8000)),
    'database corrupt': Kind((3000, 5000)),
    'twin': Kind((6000, 9000)),
    'slow CPU': Kind((2000, 6000), amounts=(80, 95)),
    'tower crash': Kind((500, 3000), victims=0),
    'learner crash': Kind((500, 3000), victims=0),
    'device pulled': Kind((2000, 4000), victims=0),
    'key revoked': Kind((3000, 6000)),
    'key expired': Kind((3000, 6000)),
    'liar': Kind((4000, 8000), victims=0),
}


@dataclass(frozen=True)
class Strike:
    """`at_ms` counts from the beginning."""

    number: int
    kind: str
    at_ms: int
    lasts_ms: int
    victims: tuple[str, ...]
    amount: int

    @property
    def ends_ms(self) -> int:
        return self.at_ms + self.lasts_ms

    def __str__(self) -> str:
        words = [f'{self.at_ms / 1000:.1f} s', self.kind, *self.victims]
        return ' '.join([*words, str(self.amount)] if self.amount else words)


def schedule(
    seed: int, length_ms: int, names: Sequence[str], kinds: Sequence[str] = ()
) -> tuple[Strike, ...]:
    """In order of their beginnings; the last one is over at `length_ms`. Every kind comes once
    before any comes again. Raises ValueError for a kind that is not known."""
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise ValueError(f'unknown fault {", ".join(unknown)}: expected {", ".join(KINDS)}')
    chance = random.Random(seed)
    bag: list[str] = []
    made: list[Strike] = []
    while True:
        if not bag:
            bag = list(kinds or KINDS)
            chance.shuffle(bag)
        strike = _strike(chance, len(made), bag.pop(), made, names)
        if strike.ends_ms > length_ms:
            return tuple(made)
        made.append(strike)


def _strike(
    chance: random.Random, number: int, kind: str, made: Sequence[Strike], names: Sequence[str]
) -> Strike:
    rule = KINDS[kind]
    # Always drawn, in this order: what one fault does not need must not move the next one.
    lasts_ms, rest_ms = chance.randint(*rule.lasts_ms), chance.randint(*REST_MS)
    amount, overlaps = chance.choice(rule.amounts), chance.randrange(100) < OVERLAP_PERCENT
    order, leads = chance.sample(list(names), len(names)), chance.random() < 0.4
    last = made[-1] if made else None
    after_ms = max((one.ends_ms for one in made), default=FIRST_MS)
    victims = tuple(order[: rule.victims])
    if last is not None and overlaps and _fit(last, kind, made):
        at_ms = last.at_ms + last.lasts_ms // 2
        if rule.victims:
            victims = tuple(one for one in order if one not in last.victims)[:1]
    else:
        at_ms = after_ms + rest_ms
        if leads and rule.victims:
            victims = (LEADER, *victims[1:])
    return Strike(number, kind, at_ms, lasts_ms, victims, amount)


def _fit(last: Strike, kind: str, made: Sequence[Strike]) -> bool:
    """At most two at a time, of different kinds, and of robots that are known before."""
    before_ms = max((one.ends_ms for one in made[:-1]), default=0)
    return (
        not KINDS[last.kind].alone
        and not KINDS[kind].alone
        and kind != last.kind
        and LEADER not in last.victims
        and before_ms <= last.at_ms
    )
