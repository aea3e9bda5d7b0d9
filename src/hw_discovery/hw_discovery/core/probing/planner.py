# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What to ask of a place next, and what must not be asked.

Owns: the order of questions, refusals, rounds with back-off, pause under the interlock. Pure:
buses/ performs what next() returns and gives the outcome to heard().

Order: passive before inert before what is left for last; within a tier by expected information,
the sum over entries of their share of belief times the bits that a fitting answer is worth,
per millisecond of cost. Before every single operation all entries that are still possible are
checked for harm; what would harm one of them is refused, and tried again when it is ruled out.
"""

import math
from dataclasses import dataclass

from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.device import Observation, Verdict
from hw_discovery.core.probing.consent import Consent, Hints, Interlock, class_of
from hw_discovery.core.probing.evidence import Evidence, Hypotheses
from hw_discovery.core.probing.harm import refusal
from hw_discovery.core.probing.operation import Operation, Outcome, Place
from hw_discovery.core.probing.question import Question
from hw_discovery.core.probing.tactics import (
    Knowledge,
    Protocols,
    Tactics,
    find_frames,
    tactics_for,
)
from hw_discovery.core.probing.verdict import NotTried, PlaceState, ProbeVerdict, decide

MS_NS = 1_000_000
# Late boot is normal: BNO055 0.85 s, PX4Flow 4 s, LightWare seconds (catalogue bus_rules).
BACK_OFF_MS = (250, 500, 1_000, 2_000, 4_000, 8_000, 14_000)
# After these 30 s, for what is plugged in without an event.
RARELY_MS = 60_000
# How soon an armed robot is looked at again. Chosen without data.
INTERLOCK_MS = 1_000
# A chip that resets on a pointer does not acknowledge for ~15 ms (HTU21D on 0xFE).
RECOVERY_MS = 25
# The device of this path and serial number, found here before: one confirming operation is
# enough when it weighs 3 bits or more.
REMEMBERED_BITS = 8.0
REMEMBERED_DIRECT_BITS_MIN = 3.0
NO_CONSENT = Consent()
RELEASED = Interlock()
ENDS = {'busy': PlaceState.BUSY, 'denied': PlaceState.DENIED, 'gone': PlaceState.GONE}


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again at this time. `reason`: for people."""

    until_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more will be asked."""

    reason: str


class Plan:
    """The probing of one place, from the first question to a verdict."""

    def __init__(self, place: Place, hints: Hints, catalogue: Knowledge,
                 consent: Consent = NO_CONSENT, interlock: Interlock = RELEASED,
                 protocols: Protocols = find_frames) -> None:
        self.place = place
        self._tactics: Tactics = tactics_for(place, hints, catalogue, protocols)
        self._book = catalogue
        self._hints = hints
        self._consent = consent
        self._interlock = interlock
        self._rounds = 0
        self._wait_until_ns = 0
        self._finished = ''
        self._kept: ProbeVerdict | None = None
        self._carried: list[Evidence] = []
        self._judged_for: tuple[DeviceEntry, ...] = ()
        self._refusals: dict[Operation, str] = {}  # of operations, for those possible then
        self._begin_round()

    def _begin_round(self) -> None:
        self._hypotheses = Hypotheses(self._tactics.entries)
        self._hypotheses.learn(self._tactics.first_evidence())
        self._hypotheses.learn(self._carried)
        for entry_id in self._tactics.parts():
            self._hypotheses.mark_part(entry_id)
        if self._hints.remembered:
            self._hypotheses.learn([_remembered(self.place, self._hints.remembered)])
        self._state = PlaceState.NOT_ASKED
        self._detail = ''
        self._answered: set[str] = set()
        self._retried: set[str] = set()
        self._question: Question | None = None
        self._outcomes: list[Outcome] = []
        self._not_tried: tuple[NotTried, ...] = ()

    @property
    def rounds(self) -> int:
        """How often everything that may be asked has been asked."""
        return self._rounds

    def interlocked(self, interlock: Interlock) -> None:
        """Take a change of arming or emergency; a running plan pauses before its next step."""
        self._interlock = interlock

    def consented(self, consent: Consent) -> None:
        """Take a change of what the operator allows."""
        self._consent = consent

    def next(self, now_ns: int) -> Operation | Wait | Finished:
        """Return what to do now. The same operation until its outcome was heard."""
        if self._interlock.reason:
            return Wait(now_ns + INTERLOCK_MS * MS_NS, self._interlock.reason)
        if self._finished:
            return Finished(self._finished)
        if now_ns < self._wait_until_ns:
            return Wait(self._wait_until_ns, self._detail or 'asked again later')
        if self._question is not None and self._why_not(self._question, now_ns):
            self._question = None  # a grant ran out, or a victim became possible again
        if self._question is None:
            self._question = self._choose(now_ns)
            self._outcomes = []
            if self._question is None and self._current().verdict is Verdict.IDENTIFIED:
                return self._finish('identified')
        if self._question is None:
            return self._end_round(now_ns)
        return self._question.operations[len(self._outcomes)]

    def heard(self, outcome: Outcome) -> None:
        """Take the outcome of the operation that next() returned; others are ignored."""
        question = self._question
        if question is None or outcome.operation != question.operations[len(self._outcomes)]:
            return
        if outcome.error in ENDS:
            self._state, self._detail = ENDS[outcome.error], outcome.detail
            self._question = None
            self._finish(outcome.detail or outcome.error)
            return
        if outcome.error:
            self._missed(question, outcome)
            return
        self._outcomes.append(outcome)
        if len(self._outcomes) == len(question.operations):
            self._judge(question)

    @property
    def candidates(self) -> tuple[DeviceEntry, ...]:
        """Return everything of the catalogue that the place could hold."""
        return tuple(self._tactics.entries)

    def verdict_now(self) -> ProbeVerdict:
        """Return what the evidence of this round alone says; operations rest on it."""
        return self._current()

    def verdict(self) -> ProbeVerdict:
        """Return what can be said now: of this round when over, else of the last full one."""
        if self._kept is not None and not self._finished \
                and self._current().verdict is not Verdict.IDENTIFIED:
            return self._kept
        return self._current()

    def _current(self) -> ProbeVerdict:
        top = next(iter(self._hypotheses.ranked()), '')
        is_complete = (top == self._hints.remembered
                       or self._tactics.is_complete(top, frozenset(self._answered)))
        return decide(self.place, self._state, self._hypotheses,
                      self._bits_min if is_complete else math.inf,
                      self._not_tried, self._detail)

    @property
    def _bits_min(self) -> float:
        top = self._hypotheses.ranked()[:1]
        if self._hints.remembered and top == (self._hints.remembered,):
            return REMEMBERED_DIRECT_BITS_MIN
        return self._tactics.bits_min

    def _missed(self, question: Question, outcome: Outcome) -> None:
        if outcome.error == 'absent' and self._state is not PlaceState.PRESENT:
            self._state, self._question = PlaceState.ABSENT, None
            self._answered.update(item.key for item in self._questions())
        elif question.key not in self._retried:
            self._retried.add(question.key)
            self._question = None
            self._wait_until_ns = outcome.at_ns + outcome.took_ns + RECOVERY_MS * MS_NS
        else:
            self._answered.add(question.key)
            self._question = None
            if outcome.error == 'failed':
                self._detail = outcome.detail

    def _judge(self, question: Question) -> None:
        outcomes, self._outcomes, self._question = self._outcomes, [], None
        self._answered.add(question.key)
        self._state = self._tactics.state_after(question, outcomes, self._state)
        self._hypotheses.learn(question.judge(outcomes, self._hypotheses.entries))
        later = self._tactics.after(
            question, self._hypotheses, frozenset(self._answered), self._rounds)
        self._hypotheses.learn(later)
        if self._tactics.rounds_max is not None:
            self._carried.extend(later)

    def _questions(self) -> list[Question]:
        return self._tactics.questions(self._hypotheses, self._state,
                                       frozenset(self._answered), sum(BACK_OFF_MS[:self._rounds]))

    def _choose(self, now_ns: int) -> Question | None:
        """Return the next question: of an identified device only what could refute it."""
        identified = self._current().verdict is Verdict.IDENTIFIED
        top = next(iter(self._hypotheses.ranked()), '')
        if identified and top == self._hints.remembered:
            return None
        allowed, refused = [], []
        for question in self._questions():
            if question.key in self._answered or not self._is_worth(question):
                continue
            reason = self._why_not(question, now_ns)
            if reason:
                refused.append(NotTried(question.key, tuple(sorted(question.about)), reason))
            elif not identified or question.about.get(top) == 0.0 or (
                    top in question.about and self._tactics.confirms_all):
                allowed.append(question)
        self._not_tried = tuple(sorted(refused, key=lambda item: item.question))
        return min(allowed, key=self._order, default=None)

    def _is_worth(self, question: Question) -> bool:
        return not question.about or any(
            self._hypotheses.is_possible(entry_id) for entry_id in question.about)

    def _order(self, question: Question) -> tuple[int, float, str]:
        gain = sum(self._hypotheses.share(entry_id) * bits
                   for entry_id, bits in sorted(question.about.items()))
        return int(question.tier), -gain / max(question.cost_ms, 0.001), question.key

    def _why_not(self, question: Question, now_ns: int) -> str:
        rule = self._tactics.place_rule(question) or question.caution
        asked_for = question.about or [entry.id for entry in self.candidates]
        if rule and not any(
                all(self._consent.allows(self.place, entry_id, class_of(operation), now_ns)
                    for operation in question.operations) and question.operations
                for entry_id in asked_for):
            return f'{rule}; an operator can allow it'
        possible = self._hypotheses.possible
        if possible is not self._judged_for:
            self._judged_for, self._refusals = possible, {}
        for operation in question.operations:
            if operation not in self._refusals:
                self._refusals[operation] = refusal(operation, possible, self._book)
            if self._refusals[operation]:
                return self._refusals[operation]
        return ''

    def _finish(self, reason: str) -> Finished:
        self._finished = reason
        return Finished(reason)

    def _end_round(self, now_ns: int) -> Wait | Finished:
        self._rounds += 1
        over = self._tactics.round_over(
            self._hypotheses, frozenset(self._answered), self._rounds)
        self._hypotheses.learn(over)
        self._carried.extend(over)
        self._kept = self._current()
        if self._kept.verdict is Verdict.IDENTIFIED:
            return self._finish('identified')
        if self._rounds == self._tactics.rounds_max:
            return self._finish('everything was asked that may be, again and again')
        pause_ms = (BACK_OFF_MS[self._rounds - 1] if self._rounds <= len(BACK_OFF_MS)
                    else RARELY_MS)
        self._begin_round()
        self._detail = 'a device may boot late: asked again'
        self._wait_until_ns = now_ns + pause_ms * MS_NS
        return Wait(self._wait_until_ns, self._detail)


def _remembered(place: Place, entry_id: str) -> Evidence:
    return Evidence(entry_id, 'remembered', REMEMBERED_BITS, Observation(
        source='memory', location=str(place), seen='found here before',
        says='likely the same again'), direct=False)
