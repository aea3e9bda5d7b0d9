# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who leads, as far as the robots that are heard agree. Owns the wording; guesses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Opinion:
    """What one robot that is heard now says about leadership."""

    robot_id: str
    role: str
    term: int
    leader: str


@dataclass(frozen=True)
class Quorum:
    """Votes; source says who counted: the leader's name, or 'tower' for its own ear."""

    voters: int
    quorum: int
    voters_heard: int
    source: str

    @property
    def reached(self) -> bool:
        """True if enough voters are heard, or if it is not known how many are needed."""
        return self.quorum == 0 or self.voters_heard >= self.quorum


@dataclass(frozen=True)
class Verdict:
    """Kinds: silent, no_leader, split, unheard, no_quorum, partial, agreed."""

    kind: str
    leader: str
    term: int
    agree: int
    observers: int
    text: str


def judge_leader(opinions: Sequence[Opinion], quorum: Quorum) -> Verdict:
    """Say what the robots' opinions add up to; a name is only given where nobody objects."""
    term = max((o.term for o in opinions), default=0)
    named = sorted({o.leader for o in opinions if o.leader} | _claims(opinions))
    observers = len(opinions)
    if not opinions:
        return Verdict('silent', '', 0, 0, 0, 'nobody is there to say who leads')
    if not named:
        return Verdict('no_leader', '', term, 0, observers, _no_leader_text(opinions, quorum))
    if len(named) > 1:
        return Verdict('split', '', term, 0, observers, _split_text(opinions, named))
    leader = named[0]
    agree = sum(1 for o in opinions if _backs(o, leader))
    kind, text = _kind_of_single(leader, agree, opinions, quorum)
    return Verdict(kind, leader, term, agree, observers, text)


def _claims(opinions: Sequence[Opinion]) -> set[str]:
    return {o.robot_id for o in opinions if o.role == 'leader'}


def _backs(opinion: Opinion, leader: str) -> bool:
    return opinion.leader == leader or (
        opinion.role == 'leader' and opinion.robot_id == leader
    )


def _kind_of_single(
    leader: str, agree: int, opinions: Sequence[Opinion], quorum: Quorum
) -> tuple[str, str]:
    share = f'named by {agree} of {len(opinions)} robots heard'
    if leader not in {o.robot_id for o in opinions}:
        return 'unheard', f'{share}, but it is not heard itself'
    if not quorum.reached:
        return 'no_quorum', f'{share}; {_quorum_text(quorum)}'
    return ('agreed' if agree == len(opinions) else 'partial'), share


def _quorum_text(quorum: Quorum) -> str:
    return (
        f'{quorum.voters_heard} of {quorum.voters} voters heard, {quorum.quorum} needed'
    )


def _no_leader_text(opinions: Sequence[Opinion], quorum: Quorum) -> str:
    text = f'none of the {len(opinions)} robots heard knows a leader'
    return text if quorum.reached else f'{text}; {_quorum_text(quorum)}'


def _split_text(opinions: Sequence[Opinion], named: Sequence[str]) -> str:
    parts = []
    for leader in named[:4]:
        backers = sum(1 for o in opinions if _backs(o, leader))
        term = max((o.term for o in opinions if _backs(o, leader)), default=0)
        parts.append(f'{leader} by {backers} (term {term})')
    return 'robots disagree: ' + ', '.join(parts)
