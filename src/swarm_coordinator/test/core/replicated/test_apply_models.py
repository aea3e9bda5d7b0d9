# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which content a learned file has is agreed on in the log, and nobody's word is lost unseen."""

from __future__ import annotations

from typing import Any

import pytest
from coordinator_samples import R1, R2, AppliedLog, log_with_robots

from swarm_coordinator.core.registry.models import MODEL_BYTES_MAX, MODELS_MAX
from swarm_coordinator.core.replicated.apply import Applied
from swarm_coordinator.core.replicated.command import RecordModel
from swarm_coordinator.core.replicated.snapshot import decode_state, encode_state

A, B = 'a' * 64, 'b' * 64


def record(log: AppliedLog, sha256: str = A, expected_version: int = 0, **other: Any) -> Applied:
    fields = {'name': 'mode_policy', 'size_bytes': 10, 'holder': R1, 'summary': 'x', **other}
    return log.do(RecordModel(sha256=sha256, expected_version=expected_version, **fields))


def test_each_recording_is_the_next_version_with_its_entry_and_stamp() -> None:
    log = log_with_robots()
    assert record(log).refused == ''
    first = log.state.models['mode_policy']
    assert (first.version, first.sha256, first.log_index) == (1, A, log.state.applied_index)
    done = record(log, B, 1, holder=R2)
    second = log.state.models['mode_policy']
    assert (second.version, second.sha256, second.holder) == (2, B, R2)
    assert second.stamp_ns == log.stamp_ns
    assert [one.kind for one in done.notable] == ['model_recorded']


def test_of_two_that_follow_on_the_same_version_the_second_is_refused() -> None:
    log = log_with_robots()
    record(log)
    assert record(log, B, 1).refused == ''
    refused = record(log, 'c' * 64, 1, holder=R2).refused
    assert 'version 2, not 1' in refused
    assert log.state.models['mode_policy'].sha256 == B


def test_asking_again_for_what_was_recorded_is_no_new_version() -> None:
    log = log_with_robots()
    record(log)
    again = record(log)
    assert again.refused == '' and again.duplicate and not again.notable
    assert log.state.models['mode_policy'].version == 1


@pytest.mark.parametrize(
    ('wrong', 'expected'),
    [
        ({'name': '../x'}, 'a letter'),
        ({'name': ''}, 'a letter'),
        ({'sha256': 'A' * 64}, '64 hexadecimal'),
        ({'size_bytes': 0}, '1 to'),
        ({'size_bytes': MODEL_BYTES_MAX + 1}, '1 to'),
        ({'holder': 'nobody'}, 'no robot'),
        ({'summary': 'a\nb'}, 'one line'),
        ({'expected_version': 3}, 'version 0, not 3'),
    ],
)
def test_wrong_recording_is_refused_and_says_what_was_expected(
    wrong: dict[str, Any], expected: str
) -> None:
    log = log_with_robots()
    assert expected in record(log, **wrong).refused
    assert not log.state.models


def test_no_more_names_than_the_limit() -> None:
    log = log_with_robots()
    for number in range(MODELS_MAX):
        assert record(log, name=f'm{number}').refused == ''
    assert str(MODELS_MAX) in record(log, name='more').refused
    assert record(log, B, 1, name='m0').refused == ''


def test_models_outlive_a_snapshot_and_a_snapshot_without_them_is_read() -> None:
    log = log_with_robots()
    bare = encode_state(log.state)
    assert b'models' not in bare and decode_state(bare).models == {}
    record(log)
    assert decode_state(encode_state(log.state)) == log.state
