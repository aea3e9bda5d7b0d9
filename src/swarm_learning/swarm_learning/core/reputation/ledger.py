# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns attempts under judgement: joins the log's word with the halves of both parties, whichever
comes first, and drops what nobody may have said; refuses to weigh anything.

Bounded everywhere. What is dropped is counted by why: 'replayed', 'forged', 'self_signed',
'conflicting', 'malformed', 'late', 'unasked', 'repeated', 'crowded'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from ..observation import Ending
from . import document as kept
from .audits import Audit
from .document import Document
from .receipts import Attempt, Receipt, Role, Verdict, fits, malformed, role_problem

PENDING_MAX = 4096      # attempts whose receipts may still come; the oldest is judged as it is
EARLY_MAX = 1024        # attempts of which the log has not spoken yet; the oldest goes
EARLY_OF_ONE_MAX = 128  # of one sender, so that one that invents jobs crowds out only itself
LOOKED_AT_MAX = 2048    # judged attempts at which an auditor may look; the oldest goes
PARTIES = 2
SEEN_MAX = 8192         # judged attempts and nonces that are remembered as such

Key = tuple[str, int]


@dataclass
class Entry:
    """What is known of one attempt. given: evidence that it gave: (rater, good, bad, age)."""

    heard_ns: int
    attempt: Attempt | None = None
    halves: dict[Role, Receipt] = field(default_factory=dict)
    void: set[Role] = field(default_factory=set)
    audit: Audit | None = None
    given: tuple[str, float, float, float] | None = None
    contested: bool = False
    judged_ns: int = 0
    drawn: bool = False     # its lot was drawn: it is looked at or not
    closed: bool = False    # what the auditors found has counted
    asked: list[str] = field(default_factory=list)  # auditors, before it was judged here
    unproven: set[Role] = field(default_factory=set)    # kept ones, not checked in this life yet

    def half(self, role: Role) -> Receipt | None:
        """What counts of one party."""
        return None if role in self.void | self.unproven else self.halves.get(role)

    def verdict(self, role: Role) -> Verdict | None:
        half = self.half(role)
        return half.verdict if half is not None else None

    def complete(self) -> bool:
        return all(self.half(role) is not None for role in (Role.EXECUTOR, Role.REQUESTER))

    def digest(self, role: Role) -> str:
        half = self.half(role)
        return half.outputs_sha256 if half is not None else ''


class Ledger:
    """All attempts under judgement, oldest first."""

    def __init__(self) -> None:
        self.pending: dict[Key, Entry] = {}
        self.looked_at: dict[Key, Entry] = {}
        self.to_look: dict[Key, None] = {}  # of looked_at: no lot yet, or auditors to be asked
        self.counted: Counter[str] = Counter()
        self._early: dict[Key, Entry] = {}
        self._early_of: Counter[str] = Counter()
        self._seen: dict[Key, int] = {}
        self._nonces: dict[tuple[str, int], None] = {}
        self._to_prove: list[tuple[Key, Role]] = []
        self._floor = 0     # log index of the newest attempt that is no longer remembered

    def hear_attempt(self, attempt: Attempt, now_ns: int) -> Entry | None:
        """The log's word. None: it was heard before."""
        if attempt.key in self.pending or attempt.key in self._seen \
                or attempt.log_index <= self._floor:
            self.counted['repeated'] += 1
            return None
        entry = self._drop_early(attempt.key) or Entry(now_ns)
        entry.heard_ns, entry.attempt = now_ns, attempt
        for role, half in sorted(entry.halves.items(), key=lambda one: one[0].value):
            if not fits(half, attempt):
                del entry.halves[role]
                self.counted['forged'] += 1
        self.pending[attempt.key] = entry
        return entry

    def hear_half(self, receipt: Receipt, sender: str, now_ns: int) -> Entry | None:
        """A party's word. None: it has no effect, and is counted by why."""
        problem = self._problem(receipt, sender)
        if problem:
            self.counted[problem] += 1
            return None
        entry = self.pending.get(receipt.key)
        if entry is None:
            return self._hear_early(receipt, now_ns)
        if entry.attempt is not None and not fits(receipt, entry.attempt):
            self.counted['forged'] += 1
            return None
        return self._put(entry, receipt)

    def lacks(self, half: Receipt) -> bool:
        """Whether another robot tells anything new by passing it on."""
        if half.key in self._seen or half.log_index <= self._floor:
            return False
        entry = self.pending.get(half.key) or self._early.get(half.key)
        before = None if entry is None else entry.halves.get(half.role)
        return before is None or _content(before) != _content(half)

    def distrust_kept(self) -> None:
        """Halves that were kept on a disk have to be proven before they count again."""
        self._to_prove = []
        for entries in (self.pending, self._early):
            for key, entry in entries.items():
                entry.unproven = set(entry.halves)
                self._to_prove += [(key, role) for role in sorted(
                    entry.halves, key=lambda one: one.value)]

    def prove(self, fits: Callable[[Receipt], bool | None], most: int) -> list[Entry]:
        """Check some of them: entries that may be judged now. What nobody can prove yet waits."""
        found, left = [], []
        for key, role in islice(self._to_prove, most):
            entry = self.pending.get(key) or self._early.get(key)
            if entry is None or role not in entry.unproven:
                continue
            half = entry.halves[role]
            fitting = fits(half)
            if fitting is None:
                left.append((key, role))
                continue
            entry.unproven.discard(role)
            if fitting:
                found.append(entry)
                continue
            del entry.halves[role]
            self._nonces.pop((half.issuer, half.nonce), None)  # the real one may still come
            self.counted['forged'] += 1
            if key in self._early:
                self._early_of[half.issuer] -= 1
                if not entry.halves:
                    self._drop_early(key)
        self._to_prove = self._to_prove[most:] + left
        return found

    def hear_word(self, receipt: Receipt, sender: str) -> Entry | None:
        """An auditor's word; only one that was asked has a say, once."""
        problem = self._problem(receipt, sender)
        entry = self.looked_at.get(receipt.key)
        if not problem and (entry is None or entry.audit is None
                            or receipt.issuer not in entry.audit.asked):
            problem = 'unasked'
        elif not problem and entry is not None and entry.attempt is not None \
                and not fits(receipt, entry.attempt):
            problem = 'forged'
        if problem or entry is None or entry.audit is None:
            self.counted[problem] += 1
            return None
        if receipt.issuer in entry.audit.words or not self._new_nonce(receipt):
            self.counted['replayed'] += 1
            return None
        entry.audit.hear(receipt.issuer, receipt.verdict, receipt.outputs_sha256)
        if entry.audit.more:
            self.to_look[receipt.key] = None
        return entry

    def known(self, key: Key) -> Entry | None:
        """An attempt that waits for its judgement, or was judged and may be looked at."""
        return self.pending.get(key) or self.looked_at.get(key)

    def judged(self, entry: Entry, now_ns: int, may_be_looked_at: bool) -> None:
        """Move an entry on: it takes no more halves."""
        assert entry.attempt is not None
        key = entry.attempt.key
        del self.pending[key]
        self._seen[key] = entry.attempt.log_index
        if len(self._seen) > SEEN_MAX:
            self._floor = max(self._floor, self._seen.pop(next(iter(self._seen))))
        if may_be_looked_at:
            entry.judged_ns = now_ns
            self.looked_at[key] = entry
            self.to_look[key] = None
            if len(self.looked_at) > LOOKED_AT_MAX:
                self._close(next(iter(self.looked_at)))

    def _close(self, key: Key) -> None:
        del self.looked_at[key]
        self.to_look.pop(key, None)

    def looking(self) -> list[tuple[Key, Entry]]:
        """What needs a lot or auditors, in the order of the log."""
        found = [(key, self.looked_at[key]) for key in self.to_look]
        return sorted(found, key=_log_index)

    def overdue(self, heard_before_ns: int) -> Iterator[Entry]:
        """Those that waited long enough, and those that are too many; judge each that comes."""
        while self.pending:
            oldest = next(iter(self.pending.values()))
            if oldest.heard_ns > heard_before_ns and len(self.pending) <= PENDING_MAX:
                return
            yield oldest

    def forget_old(self, heard_before_ns: int, judged_before_ns: int) -> None:
        """What the log never spoke of, and what nobody looks at any more."""
        for key in [key for key, one in self._early.items() if one.heard_ns <= heard_before_ns]:
            self._drop_early(key)
        while self.looked_at:
            key, oldest = next(iter(self.looked_at.items()))
            if oldest.judged_ns > judged_before_ns:
                break
            self._close(key)

    def begin_anew(self) -> None:
        """Another log begins: its indices say nothing about the old one."""
        self._floor = 0
        self._seen.clear()
        self.pending.clear()
        self._early.clear()
        self._early_of.clear()
        self.looked_at.clear()
        self.to_look.clear()
        self._to_prove = []

    def _problem(self, receipt: Receipt, sender: str) -> str:
        if malformed(receipt):
            return 'malformed'
        if receipt.issuer != sender:
            return 'forged'
        problem = role_problem(receipt)
        if problem:
            return problem
        if receipt.role is not Role.AUDITOR and receipt.key in self._seen:
            return 'late'
        return ''

    def _hear_early(self, receipt: Receipt, now_ns: int) -> Entry | None:
        if receipt.log_index <= self._floor:
            self.counted['late'] += 1
            return None
        if self._early_of[receipt.issuer] >= EARLY_OF_ONE_MAX:
            self.counted['crowded'] += 1
            return None
        entry = self._early.setdefault(receipt.key, Entry(now_ns))
        put = self._put(entry, receipt)
        if put is not None:
            self._early_of[receipt.issuer] += 1
        if not entry.halves or len(self._early) > EARLY_MAX:
            self._drop_early(receipt.key if not entry.halves else next(iter(self._early)))
        return put

    def _drop_early(self, key: Key) -> Entry | None:
        entry = self._early.pop(key, None)
        for half in entry.halves.values() if entry is not None else ():
            self._early_of[half.issuer] -= 1
            if self._early_of[half.issuer] <= 0:
                del self._early_of[half.issuer]
        return entry

    def _put(self, entry: Entry, receipt: Receipt) -> Entry | None:
        """One half of each role. Who says two things at once has said nothing: robots may hear
        them in another order, and would believe different ones."""
        before = entry.halves.get(receipt.role)
        if before is not None and receipt.role in entry.unproven:
            entry.unproven.discard(receipt.role)  # here it is from its issuer
            entry.halves[receipt.role] = receipt
            return entry
        if before is not None:
            same = _content(before) == _content(receipt)
            self.counted['replayed' if same else 'conflicting'] += 1
            if not same:
                entry.void.add(receipt.role)
            return None
        if not self._new_nonce(receipt):
            self.counted['replayed'] += 1
            return None
        entry.halves[receipt.role] = receipt
        return entry

    def _new_nonce(self, receipt: Receipt) -> bool:
        nonce = (receipt.issuer, receipt.nonce)
        if nonce in self._nonces:
            return False
        self._nonces[nonce] = None
        if len(self._nonces) > SEEN_MAX:
            del self._nonces[next(iter(self._nonces))]
        return True

    def check_invariants(self) -> None:
        assert len(self._early) <= EARLY_MAX and len(self.looked_at) <= LOOKED_AT_MAX
        assert len(self._seen) <= SEEN_MAX and len(self._nonces) <= SEEN_MAX
        assert not self.pending.keys() & self._seen.keys()
        assert all(one.attempt is not None for one in self.pending.values())

    # ---- kept

    def document(self) -> Document:
        return {
            'floor': self._floor,
            'counted': [[what, count] for what, count in self.counted.items()],
            'seen': [[*key, index] for key, index in self._seen.items()],
            'nonces': [[issuer, nonce] for issuer, nonce in self._nonces],
            'early': [[*key, *_entry_row(one)] for key, one in self._early.items()],
            'pending': [[*key, *_entry_row(one)] for key, one in self.pending.items()],
            'looked_at': [[*key, *_entry_row(one)] for key, one in self.looked_at.items()],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Ledger:
        made = cls()
        made._floor = kept.whole(document.get('floor'), 'floor')
        for row in kept.rows(document, 'counted', 2, 64):
            made.counted[kept.text(row[0], 'counted')] = kept.whole(row[1], 'counted')
        for row in kept.rows(document, 'seen', 3, SEEN_MAX):
            made._seen[_key(row)] = kept.whole(row[2], 'log index')
        for row in kept.rows(document, 'nonces', 2, SEEN_MAX):
            made._nonces[(kept.text(row[0], 'issuer'), kept.whole(row[1], 'nonce'))] = None
        parts = ((made._early, 'early', EARLY_MAX), (made.pending, 'pending', PENDING_MAX + 1),
                 (made.looked_at, 'looked_at', LOOKED_AT_MAX))
        for entries, name, most in parts:
            for row in kept.rows(document, name, 2 + ENTRY_WIDTH, most):
                entries[_key(row)] = _entry(row[2:])
        for entry in made._early.values():
            made._early_of.update(half.issuer for half in entry.halves.values())
        if any(one.attempt is None for one in [*made.pending.values(), *made.looked_at.values()]):
            raise ValueError('pending, looked_at: expected attempts that the log has spoken of')
        made.to_look = {key: None for key, one in made.looked_at.items()
                        if not one.drawn or (one.audit is not None and one.audit.more)}
        return made


ENTRY_WIDTH = 11


def _log_index(found: tuple[Key, Entry]) -> int:
    attempt = found[1].attempt
    return attempt.log_index if attempt is not None else 0


def _content(receipt: Receipt) -> tuple[object, ...]:
    """What it says; the figures beside it decide nothing."""
    return (receipt.verdict, receipt.outputs_sha256, receipt.log_index, receipt.executor,
            receipt.requester)


def _key(row: list[object]) -> Key:
    return (kept.text(row[0], 'job'), kept.whole(row[1], 'attempt', 0, 255))


def _entry_row(entry: Entry) -> list[object]:
    audit = entry.audit
    return [
        entry.heard_ns,
        entry.judged_ns,
        entry.contested,
        entry.drawn,
        entry.closed,
        None if entry.attempt is None else _attempt_row(entry.attempt),
        [_receipt_row(half) for half in entry.halves.values()],
        sorted(role.value for role in entry.void),
        None if entry.given is None else list(entry.given),
        None if audit is None else [
            None if audit.claimed is None else audit.claimed.value,
            list(audit.asked),
            [[name, verdict.value, digest] for name, (verdict, digest) in audit.words.items()],
            audit.more,
        ],
        list(entry.asked),
    ]


def _entry(row: list[object]) -> Entry:
    heard_ns, judged_ns, contested, drawn, closed, attempt, halves, void, given, audit, early = row
    entry = Entry(kept.whole(heard_ns, 'stamp', -2**63),
                  judged_ns=kept.whole(judged_ns, 'stamp', -2**63),
                  contested=kept.flag(contested, 'contested'),
                  drawn=kept.flag(drawn, 'drawn'), closed=kept.flag(closed, 'closed'))
    if attempt is not None:
        entry.attempt = _attempt(_row(attempt, 13))
    for half in _halves(halves):
        receipt = _receipt(half)
        entry.halves[receipt.role] = receipt
    entry.void = {Role(kept.text(role, 'role')) for role in _row(void, None)}
    if given is not None:
        rater, *figures = _row(given, 4)
        good, bad, age = (kept.number(figure, 'given') for figure in figures)
        entry.given = (kept.text(rater, 'rater'), good, bad, age)
    if audit is not None:
        claimed, asked, words, more = _row(audit, 4)
        entry.audit = Audit(
            None if claimed is None else Verdict(kept.text(claimed, 'verdict')),
            [kept.text(name, 'auditor') for name in _row(asked, None)],
            {kept.text(name, 'auditor'): (Verdict(kept.text(verdict, 'verdict')),
                                          kept.text(digest, 'digest'))
             for name, verdict, digest in _rows(words, 3, 16)},
            kept.whole(more, 'more', 0, 16))
    entry.asked = [kept.text(name, 'auditor') for name in _row(early, None)]
    return entry


def _attempt_row(one: Attempt) -> list[object]:
    return [one.log_index, one.stamp_ns, one.job_id, one.attempt, one.task, one.executor,
            one.requester, one.ending.value, one.run_ms, one.queue_ms, one.thief, one.victim,
            one.bytes_out]


def _attempt(row: list[object]) -> Attempt:
    (index, stamp, job, number, task, executor, requester, ending, run, queue, thief, victim,
     size) = row
    name = kept.text
    return Attempt(
        kept.whole(index, 'log index'), kept.whole(stamp, 'stamp', -2**63), name(job, 'job'),
        kept.whole(number, 'attempt'), name(task, 'task'), name(executor, 'robot'),
        name(requester, 'robot'), Ending(name(ending, 'ending')), kept.whole(run, 'run time'),
        kept.whole(queue, 'queue time'), name(thief, 'thief'), name(victim, 'victim'),
        kept.whole(size, 'bytes'))


def _receipt_row(one: Receipt) -> list[object]:
    return [one.job_id, one.attempt, one.log_index, one.role.value, one.issuer, one.executor,
            one.requester, one.verdict.value, one.nonce, one.task, one.promised_ms, one.run_ms,
            one.thief, one.victim, one.outputs_sha256, one.signature.hex()]


def _receipt(row: list[object]) -> Receipt:
    name, whole = kept.text, kept.whole
    receipt = Receipt(
        name(row[0], 'job'), whole(row[1], 'attempt'), whole(row[2], 'log index'),
        Role(name(row[3], 'role')), name(row[4], 'issuer'), name(row[5], 'executor'),
        name(row[6], 'requester'), Verdict(name(row[7], 'verdict')), whole(row[8], 'nonce'),
        name(row[9], 'task'), whole(row[10], 'promised'), whole(row[11], 'run time'),
        name(row[12], 'thief'), name(row[13], 'victim'), name(row[14], 'digest'),
        bytes.fromhex(name(row[15], 'signature')))
    problem = malformed(receipt) or role_problem(receipt)
    if problem:
        raise ValueError(f'receipt: {problem}')
    return receipt


def _halves(value: object) -> list[list[object]]:
    """Those that a version without signatures kept have none."""
    if not isinstance(value, list) or len(value) > PARTIES:
        raise ValueError('expected at most one half of each party')
    rows = [[*one, ''] if isinstance(one, list) and len(one) == 15 else one for one in value]
    return _rows(rows, 16, PARTIES)


def _row(value: object, width: int | None) -> list[object]:
    if isinstance(value, list) and (len(value) == width if width else len(value) <= 16):
        return value
    raise ValueError(f'expected a row of {width or "at most 16"} values')


def _rows(value: object, width: int, most: int) -> list[list[object]]:
    if isinstance(value, list) and len(value) <= most:
        return [_row(one, width) for one in value]
    raise ValueError(f'expected at most {most} rows')
