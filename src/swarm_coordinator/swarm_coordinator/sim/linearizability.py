# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether what clients saw of one register could have happened one operation at a time.

Wing and Gong, "Testing and Verifying Concurrent Objects" (1993), with Lowe's memoisation of
configurations, "Testing for Linearizability" (2017). Registers are independent, so each is
searched alone (Herlihy and Wing, locality). Owns the search; refuses to know who the clients are
and how operations travel. The search is exponential in what overlaps: keep histories short.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

Value = int | None      # None: the register was never written


class OperationKind(Enum):
    READ = 'read'
    WRITE = 'write'
    CAS = 'cas'


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a client on one register.

    invoked, returned   virtual time; returned None = no answer came: it may have taken effect
                        at any time after `invoked`, or never
    value               WRITE, CAS: what is to be stored
    expected            CAS: what must be there
    result              READ: what was read; CAS: whether it was stored; WRITE: ignored
    """

    client: str
    kind: OperationKind
    invoked: int
    returned: int | None
    value: Value = None
    expected: Value = None
    result: Value | bool = None

    def __str__(self) -> str:
        end = '?' if self.returned is None else str(self.returned)
        said = {
            OperationKind.READ: f'read -> {self.result}',
            OperationKind.WRITE: f'write {self.value}',
            OperationKind.CAS: f'cas {self.expected} to {self.value} -> {self.result}',
        }[self.kind]
        return f'{self.invoked:>12}..{end:<12} {self.client} {said}'


def after(state: Value, operation: Operation) -> tuple[bool, Value]:
    """Whether the operation may have its answer in this state, and the state it leaves."""
    if operation.kind is OperationKind.READ:
        return operation.result == state, state
    if operation.kind is OperationKind.WRITE:
        return True, operation.value
    stored = state == operation.expected
    fits = operation.returned is None or operation.result is stored
    return fits, operation.value if stored else state


def is_linearizable(history: Iterable[Operation], initial: Value = None) -> bool:
    """Reads without an answer say nothing and are left out."""
    operations = sorted(
        (
            one for one in history
            if one.returned is not None or one.kind is not OperationKind.READ
        ),
        key=lambda one: one.invoked,
    )
    answered = sum(1 << at for at, one in enumerate(operations) if one.returned is not None)
    seen: set[tuple[int, Value]] = set()
    stack: list[tuple[int, Value]] = [(0, initial)]
    while stack:
        done, state = stack.pop()
        if done & answered == answered:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        for at in _next(operations, done):
            fits, left = after(state, operations[at])
            if fits:
                stack.append((done | 1 << at, left))
    return False


def _next(operations: Sequence[Operation], done: int) -> list[int]:
    """Those that may come next: invoked before any of the others had returned."""
    candidates: list[int] = []
    first_return: int | None = None
    for at, one in enumerate(operations):
        if done >> at & 1:
            continue
        if first_return is not None and one.invoked > first_return:
            break
        candidates.append(at)
        if one.returned is not None and (first_return is None or one.returned < first_return):
            first_return = one.returned
    return [at for at in candidates if first_return is None
            or operations[at].invoked <= first_return]


def shown(history: Iterable[Operation]) -> str:
    return '\n'.join(str(one) for one in sorted(history, key=lambda one: one.invoked))
