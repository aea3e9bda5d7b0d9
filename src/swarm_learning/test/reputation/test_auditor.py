# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about an auditor: whom it looks at, how, and what it says when it cannot."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from receipt_samples import BAD, GOOD, NO_FAULT, attempt

from swarm_learning.core.observation import Ending
from swarm_learning.core.reputation.auditor import (
    AUDIT_NS,
    QUEUE_MAX,
    UNKNOWN_NS,
    Auditor,
    JobHere,
    Look,
    Looked,
    LookUp,
)
from swarm_learning.core.reputation.receipts import Attempt, Receipt, Role, malformed
from swarm_learning.core.reputation.witness import RECHECK_BYTES_MAX, RERUN_MS_MAX, Work

S = 1_000_000_000
LOGGED, OTHER = 'a' * 64, 'b' * 64
SHORT = Work(repeatable=True, run_ms=100, output_bytes=(10,))


def auditor(*known: Attempt, robot: str = 'r3', reruns: bool = True) -> Auditor:
    nonces = count(1)
    attempts = {one.key: one for one in known}
    return Auditor(robot, lambda: next(nonces), attempts.get, reruns)


def asked(made: Auditor, now_ns: int = 0, work: Work | None = SHORT) -> tuple[object, ...]:
    """Job 1 is asked for; what it wants to do once it has the log's word."""
    made.ask('j1', 1, now_ns)
    [step] = made.tick(now_ns)
    assert isinstance(step, LookUp) and step.key == ('j1', 1) and step.executor == 'r1'
    return made.hear(JobHere(step.number, work, LOGGED))


def answered(found: str | None, logged: str = LOGGED) -> Receipt:
    made = auditor(attempt())
    [look] = asked(made)
    assert isinstance(look, Look)
    made.hear(Looked(look.number, found))
    [said] = made.said()
    assert made.said() == () and not made.busy
    return said


def test_the_same_outputs_are_good_others_are_bad_and_none_say_nothing_of_anybody() -> None:
    assert [answered(found).verdict for found in (LOGGED, OTHER, None)] == [GOOD, BAD, NO_FAULT]


def test_its_word_names_the_attempt_of_the_log_and_what_it_found() -> None:
    said = answered(OTHER)
    assert (said.key, said.log_index, said.executor, said.requester) == (('j1', 1), 1, 'r1', 'r2')
    assert (said.role, said.issuer, said.outputs_sha256) == (Role.AUDITOR, 'r3', OTHER)
    assert malformed(said) == ''


@pytest.mark.parametrize(('work', 'reruns', 'how'), [
    (SHORT, True, 'rerun'),
    (SHORT, False, 'recheck'),
    (replace(SHORT, repeatable=False), True, 'recheck'),
    (replace(SHORT, run_ms=RERUN_MS_MAX + 1), True, 'recheck'),
    (replace(SHORT, input_bytes=(RECHECK_BYTES_MAX, 1)), True, 'recheck'),
    (replace(SHORT, repeatable=False, output_bytes=(RECHECK_BYTES_MAX + 1,)), True, ''),
    (replace(SHORT, output_bytes=()), True, ''),
    (None, True, ''),
])
def test_only_what_is_cheap_and_without_a_trace_is_run_again(
    work: Work | None, reruns: bool, how: str
) -> None:
    made = auditor(attempt(), reruns=reruns)
    steps = asked(made, work=work)
    assert [one.how for one in steps if isinstance(one, Look)] == ([how] if how else [])
    assert [one.verdict for one in made.said()] == ([] if how else [NO_FAULT])


@pytest.mark.parametrize('one', [
    attempt(executor='r3'), attempt(requester='r3'), attempt(executor='r2'),
    attempt(ending=Ending.FAILED), attempt(ending=Ending.LEASE_EXPIRED),
])
def test_nobody_judges_its_own_work_own_jobs_or_what_the_log_calls_failed(one: Attempt) -> None:
    made = auditor(one)
    made.ask('j1', 1, 0)
    assert made.tick(0) == () and made.said() == () and made.waiting == 0


def test_an_audit_is_a_job_of_its_auditor_and_so_never_audited() -> None:
    run_again = attempt(number=2, executor='r4', requester='r4')
    made = auditor(run_again)
    made.ask('j2', 1, 0)
    assert made.tick(0) == () and made.waiting == 0


def test_one_at_a_time_the_oldest_first() -> None:
    made = auditor(attempt(1), attempt(2))
    made.ask('j2', 1, 0)
    made.ask('j1', 1, 0)
    [first] = made.tick(0)
    assert first.key == ('j2', 1) and made.tick(S) == ()
    made.hear(JobHere(first.number, None))
    [second] = made.tick(2 * S)
    assert second.key == ('j1', 1)


def test_an_attempt_is_looked_at_once() -> None:
    made = auditor(attempt())
    asked(made)
    made.ask('j1', 1, 0)
    assert made.waiting == 0
    made.hear(Looked(1, LOGGED))
    made.ask('j1', 1, 0)
    assert made.waiting == 0 and len(made.said()) == 1


def test_what_takes_too_long_is_given_up_and_a_late_answer_has_no_effect() -> None:
    made = auditor(attempt(1), attempt(2))
    [look] = asked(made)
    assert isinstance(look, Look)
    made.ask('j2', 1, 0)
    assert made.tick(AUDIT_NS - 1) == ()
    [after] = made.tick(AUDIT_NS)
    assert after.key == ('j2', 1)
    assert [one.verdict for one in made.said()] == [NO_FAULT]
    assert made.hear(Looked(look.number, OTHER)) == () and made.said() == ()
    assert made.busy and made.gave_up == 1 and made.looked == 0


def test_a_request_waits_for_the_word_of_the_log_but_not_for_ever() -> None:
    known: dict[tuple[str, int], Attempt] = {}
    made = Auditor('r3', lambda: 1, known.get)
    made.ask('j1', 1, 0)
    made.ask('j2', 1, 0)
    assert made.tick(S) == () and made.waiting == 2
    known['j1', 1] = attempt(1)
    [step] = made.tick(2 * S)
    assert step.key == ('j1', 1)
    made.hear(JobHere(step.number, None))
    assert made.tick(UNKNOWN_NS) == () and made.waiting == 0
    assert [one.key for one in made.said()] == [('j1', 1)]


def test_one_that_asks_for_everything_fills_the_queue_and_no_more() -> None:
    made = auditor()
    for number in range(2 * QUEUE_MAX):
        made.ask(f'j{number}', 1, 0)
    assert made.waiting == QUEUE_MAX
    made.check_invariants()


@settings(max_examples=60)
@given(st.lists(st.one_of(
    st.tuples(st.just('ask'), st.integers(1, 6)),
    st.tuples(st.just('job'), st.integers(1, 4)),
    st.tuples(st.just('looked'), st.integers(1, 4)),
    st.tuples(st.just('tick'), st.integers(0, 40))), max_size=40))
def test_whatever_happens_each_attempt_gets_one_word_at_most(
    steps: list[tuple[str, int]]
) -> None:
    made, now_ns, said = auditor(*(attempt(number) for number in range(1, 5))), 0, []
    for what, number in steps:
        if what == 'ask':
            made.ask(f'j{number}', 1, now_ns)
        elif what == 'job':
            made.hear(JobHere(number, SHORT, LOGGED))
        elif what == 'looked':
            made.hear(Looked(number, LOGGED))
        else:
            now_ns += number * S
            made.tick(now_ns)
        said.extend(made.said())
        made.check_invariants()
    assert len({one.key for one in said}) == len(said)
    assert len({one.nonce for one in said}) == len(said)
