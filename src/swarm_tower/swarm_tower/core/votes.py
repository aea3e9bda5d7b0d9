# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Elections as they were overheard: who asked for votes in which term, who gave or refused them.
Owns the pairing of votes with requests and how many terms are kept.

Votes that the tower did not hear are not in it: a row says what was heard, not what was counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from swarm_tower.core.facts import Told
from swarm_tower.core.section import Section

NS_PER_MS = 1_000_000
TERMS_KEPT = 48
CANDIDATES_MAX = 8
VOTERS_MAX = 64


@dataclass(frozen=True)
class VoteAsked(Told):
    """A candidate asks; with pre_vote it only asks whether it would get votes."""

    candidate: str
    term: int
    pre_vote: bool
    last_log_index: int
    last_log_term: int
    transfer: bool


@dataclass(frozen=True)
class VoteGiven(Told):
    """An answer; reason is 'granted' or why not. A refusal names the voter's own term."""

    voter: str
    candidate: str
    term: int
    pre_vote: bool
    granted: bool
    reason: str


@dataclass(frozen=True)
class TermLed(Told):
    """Somebody told who leads a term."""

    term: int
    leader: str


class TermsSection(Section):
    """A row for each term: begun_ms, leader, led_ms, and by candidate what it asked and got:
    {asked_ms, log, transfer, votes: {voter: reason}, pre: {voter: reason} }."""

    name = 'terms'
    takes = (VoteAsked, VoteGiven, TermLed)
    rows_max = TERMS_KEPT

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[tuple[str, bool], int] = {}  # newest term by candidate and kind

    def fold(self, fact: Told, now_ns: int) -> None:
        now_ms = now_ns // NS_PER_MS
        if isinstance(fact, VoteAsked):
            self._fold_asked(fact, now_ms)
        elif isinstance(fact, VoteGiven):
            self._fold_given(fact, now_ms)
        elif isinstance(fact, TermLed):
            self._fold_led(fact, now_ms)

    def _fold_asked(self, asked: VoteAsked, now_ms: int) -> None:
        row = self._row(asked.term, now_ms)
        one = self._candidate(row, asked.candidate, now_ms)
        if one is None:
            return
        self._asked[asked.candidate, asked.pre_vote] = asked.term
        while len(self._asked) > 2 * VOTERS_MAX:
            del self._asked[next(iter(self._asked))]
        one['log'] = [asked.last_log_index, asked.last_log_term]
        one['transfer'] = one['transfer'] or asked.transfer
        if not asked.pre_vote and one['asked_ms'] is None:
            one['asked_ms'] = now_ms
        self.put(str(asked.term), row)

    def _fold_given(self, vote: VoteGiven, now_ms: int) -> None:
        term = vote.term
        if not vote.granted:  # it carries the voter's term: what it answers is what was asked
            term = self._asked.get((vote.candidate, vote.pre_vote), term)
        row = self._row(term, now_ms)
        one = self._candidate(row, vote.candidate, now_ms)
        if one is None:
            return
        votes = one['pre' if vote.pre_vote else 'votes']
        if vote.voter in votes or len(votes) < VOTERS_MAX:
            votes[vote.voter] = 'granted' if vote.granted else vote.reason
        self.put(str(term), row)

    def _fold_led(self, led: TermLed, now_ms: int) -> None:
        row = self._row(led.term, now_ms)
        if led.term and led.leader and not row['leader']:
            row['leader'], row['led_ms'] = led.leader, now_ms
            self.put(str(led.term), row)

    def _row(self, term: int, now_ms: int) -> dict[str, Any]:
        """Return a copy of the row, which may be changed before it is put."""
        held = self.get(str(term))
        if held is None:
            return {
                'term': term, 'begun_ms': now_ms, 'leader': '', 'led_ms': None, 'candidates': {}
            }
        candidates = {
            name: {**one, 'votes': dict(one['votes']), 'pre': dict(one['pre'])}
            for name, one in held['candidates'].items()
        }
        return {**held, 'candidates': candidates}

    def _candidate(self, row: dict[str, Any], name: str, now_ms: int) -> dict[str, Any] | None:
        candidates = row['candidates']
        if name not in candidates:
            if len(candidates) >= CANDIDATES_MAX:
                return None
            candidates[name] = {
                'first_ms': now_ms, 'asked_ms': None, 'log': None, 'transfer': False,
                'votes': {}, 'pre': {},
            }
        found: dict[str, Any] = candidates[name]
        return found
