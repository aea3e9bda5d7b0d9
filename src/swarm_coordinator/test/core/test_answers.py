# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who asks gets an answer that says what happened, or why nothing is known."""

from __future__ import annotations

from coordinator_samples import R1, R2, ref, spec

from swarm_coordinator.core import answers
from swarm_coordinator.core.events import Request
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import COMMAND_BYTES_MAX, CancelJob, SubmitJob


def test_request_that_fits_is_tried() -> None:
    assert answers.refusal(Request(1, CancelJob('j', 'x'), 10), R1, full=False) is None


def test_request_is_not_tried_while_too_many_wait() -> None:
    answer = answers.refusal(Request(1, CancelJob('j', 'x'), 10), R1, full=True)
    assert answer is not None and 'too many requests' in answer.unavailable


def test_request_that_no_entry_can_hold_is_refused_with_both_sizes() -> None:
    files = tuple(ref(f'{number:0200}', 'a') for number in range(COMMAND_BYTES_MAX // 200))
    answer = answers.refusal(
        Request(1, SubmitJob('j', R1, spec(inputs=files), '', ''), 10), R1, full=False
    )
    most = COMMAND_BYTES_MAX - answers.HEAD_BYTES
    assert answer is not None and f'at most {most} are accepted' in answer.refused


def test_answer_is_what_the_log_says_and_where() -> None:
    answer = answers.decided(7, Applied(value='j1', duplicate=True), 12)
    assert (answer.request_id, answer.index, answer.value) == (7, 12, 'j1')
    assert answer.duplicate and not answer.refused and not answer.unavailable


def test_silence_is_explained() -> None:
    assert answers.not_in_time(1, None).unavailable.startswith('no leader')
    assert 'leader r2' in answers.not_in_time(1, R2).unavailable
    assert 'ask again' in answers.unseen(1).unavailable
