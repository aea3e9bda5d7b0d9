# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is written how often, which files go, and how they are named."""

from __future__ import annotations

import pytest

from swarm_tower.core.recording import (
    KEPT_NAME,
    NS_PER_MS,
    SENDERS_MAX,
    TOPICS,
    Thinner,
    kept_name,
    ring_name,
    ring_number,
    sender_of,
    too_many,
)


def test_each_sender_is_thinned_by_itself() -> None:
    thinner = Thinner(500)
    seen = [thinner.admits(who, t * NS_PER_MS) for t in (0, 400, 500, 900) for who in 'ab']
    assert seen == [True, True, False, False, True, True, False, False]


def test_a_clock_that_was_set_back_does_not_silence_a_sender() -> None:
    thinner = Thinner(500)
    assert thinner.admits('a', 10**12) and thinner.admits('a', 10)


def test_thinner_forgets_who_was_heard_longest_ago() -> None:
    thinner = Thinner(500)
    for n in range(10 * SENDERS_MAX):
        thinner.admits(str(n), 1)
    assert len(thinner._last) == SENDERS_MAX


@pytest.mark.parametrize('raw', [b'', b'\x00\x01', b'\x00\x01\x00\x00\xff\xff\xff\xff', b'x' * 40])
def test_sender_of_garbage_is_empty(raw: bytes) -> None:
    assert sender_of(raw) == ''


def test_oldest_files_go_until_the_rest_fits() -> None:
    sizes = [('a', 10), ('b', 10), ('c', 10)]
    assert too_many(sizes, 30) == []
    assert too_many(sizes, 15) == ['a', 'b']
    assert too_many(sizes, 0) == ['a', 'b', 'c']


def test_ring_names_have_their_number_and_others_have_none() -> None:
    assert ring_number(ring_name(12)) == 12 and ring_number(ring_name(12_345_678)) == 12_345_678
    assert ring_number('ring_1.mcap.part') is None and ring_number('../ring_000001.mcap') is None


def test_kept_names_tell_the_reason_and_never_repeat() -> None:
    stamp = '20260131T120000Z'
    first = kept_name(stamp, '../../etc: Job Failed!', [])
    assert first == '20260131T120000Z_etc_job_failed'
    assert kept_name(stamp, 'etc job failed', [first]) == f'{first}_2'
    for reason in ('', '///', 'x' * 500, 'job_' * 40):
        assert KEPT_NAME.fullmatch(kept_name(stamp, reason, []))


def test_no_payload_of_a_job_is_recorded() -> None:
    names = {topic.name for topic in TOPICS}
    assert not any('file' in name or 'append' in name or 'snapshot' in name for name in names)
