# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A snapshot holds everything: whoever starts from one is as good as whoever read the log."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from coordinator_samples import R1, AppliedLog, log_with_robots, pipeline, ref, spec, stage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_commands import run

from swarm_coordinator.core.replicated import snapshot
from swarm_coordinator.core.replicated.apply import apply_command
from swarm_coordinator.core.replicated.command import (
    AcquireLease,
    ClearEmergency,
    FailJob,
    Issued,
    RecordEvent,
    RegisterService,
    SubmitJob,
)
from swarm_coordinator.core.replicated.snapshot import (
    PARTS,
    MalformedSnapshot,
    NewerSnapshot,
    StateEncoder,
    StateTooLarge,
    decode_state,
    encode_state,
)
from swarm_coordinator.core.replicated.state import ReplicatedState, earliest_due_ns


def full() -> AppliedLog:
    """A state with one of everything, in an order that never changes."""
    log = log_with_robots()
    log.submit('j1', spec(inputs=(ref('in.txt'),), outputs=('o',)), output_dir='/out', key='k1')
    log.complete(log.grant(), outputs=(ref('o', 'b'),))
    log.submit('j2', spec(priority=3))
    log.submit('j3')
    log.grant(job_id='j3')
    log.do(AcquireLease('dock', 'arm', R1, 1, 5000, 0, 'a'))
    log.do(AcquireLease('dock', 'leg', R1, 1, 5000, 9000, 'b'))
    log.do(RegisterService('map', 'nav_msgs/srv/GetMap', '/map', R1, 1, (('floor', '2'),), 9000))
    log.do(ClearEmergency(2, 'ada', 'it is free', 'r2'))
    log.submit('p1', pipeline(stage('a', outputs=('o',)), stage('b', 'a'), outputs=('a/o',)))
    log.complete(log.grant(job_id='p1.a'), 'p1.a', (ref('o', 'c'),))
    log.submit('j4', replace(spec(), retries=1, deadline_ms=9000))
    log.do(FailJob('j4', log.grant(job_id='j4'), 5, 1, 'it broke'))
    log.do(RecordEvent('lab/note', 'warn', 'dock', 'it is wet ☂', '', (('by', 'ada'),), 'e1'))
    return log


# Change it only with the codec: a robot must read the snapshots that an earlier version wrote.
GOLDEN = '7068e3a504d5e2b3807bee74ea3bb1ae30c462ead3d09bf1096a5191c627978b'


def test_encoding_is_that_of_the_first_version() -> None:
    assert hashlib.sha256(encode_state(full().state)).hexdigest() == GOLDEN


def test_decoded_state_is_equal_and_encodes_to_the_same_bytes() -> None:
    state = full().state
    data = encode_state(state)
    again = decode_state(data)
    assert again == state
    assert encode_state(again) == data
    assert list(again.jobs) == list(state.jobs)
    assert again.routes.get('exec:true', R1) is not None and again.pipelines and again.ended
    assert again.waiting.resting == {'j4': None}
    assert again.job_by_key == {'k1': 'j1'}
    assert earliest_due_ns(again, 7) == earliest_due_ns(state, 7) is not None


def test_empty_state_survives() -> None:
    assert decode_state(encode_state(ReplicatedState())) == ReplicatedState()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), at=st.floats(0, 1))
def test_snapshot_at_any_point_and_the_rest_of_the_log_give_the_same_bytes(
    seed: int, at: float
) -> None:
    log, entries = run(seed)
    cut = int(at * len(entries))
    state = ReplicatedState()
    for index, (term, stamp_ns, issued) in enumerate(entries, 1):
        if index == cut:
            state = decode_state(encode_state(state))
        applied = apply_command(state, index, term, stamp_ns, issued)
        assert not applied.duplicate or not applied.jobs
        if index % 10 == 0:
            state.check_invariants()
    assert state == log.state
    assert encode_state(state) == encode_state(log.state)
    assert list(state.jobs) == list(log.state.jobs)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_encoder_that_goes_on_gives_the_bytes_of_a_new_one(seed: int) -> None:
    rng = random.Random(seed)
    _, entries = run(seed)
    state, encoder = ReplicatedState(), StateEncoder()
    for index, (term, stamp_ns, issued) in enumerate(entries, 1):
        apply_command(state, index, term, stamp_ns, issued)
        if rng.random() < 0.1:
            assert encoder.encode(state) == encode_state(state)


def test_encoder_that_goes_on_forgets_what_the_state_forgot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from swarm_coordinator.core.replicated import job_rules

    monkeypatch.setattr(job_rules, 'JOBS_ENDED_KEPT_MAX', 3)
    log, encoder = log_with_robots(), StateEncoder()
    for number in range(12):
        log.submit(f'j{number}')
        log.complete(log.grant(job_id=f'j{number}'), job_id=f'j{number}')
        if number % 2:
            assert encoder.encode(log.state) == encode_state(log.state)


def test_encoder_given_another_state_does_not_mix_them() -> None:
    encoder = StateEncoder()
    encoder.encode(full().state)
    other = full()
    other.submit('j9')
    assert encoder.encode(other.state) == encode_state(other.state)


def test_text_of_any_kind_survives() -> None:
    log = log_with_robots()
    what = spec(argv=('true', '\ud83d\ude00', '☂', '"\\', '\u2028'))
    log.do(SubmitJob('j1', R1, what, '', '\udfff'))
    log.complete(log.grant())
    again = decode_state(encode_state(log.state))
    assert again.jobs['j1'].spec == what and again == log.state


def test_too_large_a_state_is_refused_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, 'STATE_BYTES_MAX', 100)
    with pytest.raises(StateTooLarge, match='at most 100'):
        encode_state(full().state)


# ---- what is refused


def changed(**parts: Any) -> bytes:
    document = json.loads(encode_state(full().state))
    return json.dumps({**document, **parts}).encode()


def test_the_document_that_refusals_start_from_is_accepted() -> None:
    assert decode_state(changed()) == full().state


@pytest.mark.parametrize('part', PARTS)
def test_missing_part_is_refused(part: str) -> None:
    document = json.loads(changed())
    del document[part]
    with pytest.raises(MalformedSnapshot):
        decode_state(json.dumps(document).encode())


@pytest.mark.parametrize('part', PARTS)
@pytest.mark.parametrize('value', [None, True, 1.5, 'x', [1], [[]], {}, {'v': 1}, [[None] * 9]])
def test_part_of_another_shape_is_refused(part: str, value: Any) -> None:
    if part in ('timing_profile', 'emergency_cleared_by') and value == 'x':
        return  # names
    with pytest.raises(MalformedSnapshot):
        decode_state(changed(**{part: value}))


def test_other_version_and_unknown_part_are_refused() -> None:
    with pytest.raises(NewerSnapshot, match='version 2, this software reads up to 1: update it'):
        decode_state(changed(v=2))
    with pytest.raises(MalformedSnapshot, match='"v": 1'):
        decode_state(changed(v=0))
    with pytest.raises(MalformedSnapshot, match='extra'):
        decode_state(changed(extra=1))


@pytest.mark.parametrize('part', ['members', 'leases', 'services', 'sessions', 'ended'])
def test_thing_that_comes_twice_is_refused(part: str) -> None:
    rows = json.loads(changed())[part]
    with pytest.raises(MalformedSnapshot, match='twice'):
        decode_state(changed(**{part: [*rows, rows[0]]}))


def test_job_in_the_queue_of_another_phase_is_refused() -> None:
    document = json.loads(changed())
    with pytest.raises(MalformedSnapshot, match='belongs to'):
        decode_state(changed(waiting=document['ended'], ended=[]))


def test_parts_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(MalformedSnapshot, match='contradict'):
        decode_state(changed(members=[]))  # a lease of a robot that is not there


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mangled_snapshot_raises_nothing_but_malformed_snapshot(data: st.DataObject) -> None:
    good = bytearray(encode_state(full().state))
    for _ in range(data.draw(st.integers(1, 3))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        state = decode_state(bytes(good))
    except MalformedSnapshot:
        return
    decode_state(encode_state(state))


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200))
def test_garbage_raises_nothing_but_malformed_snapshot(data: bytes) -> None:
    with pytest.raises(MalformedSnapshot):
        decode_state(data)


@pytest.mark.parametrize('parts', [
    {'term_index': 10**6}, {'emergency_cleared_epoch': 0},
])
def test_numbers_that_contradict_each_other_are_refused(parts: dict[str, int]) -> None:
    with pytest.raises(MalformedSnapshot, match='contradict'):
        decode_state(changed(**parts))


def test_deep_nesting_raises_nothing_but_malformed_snapshot() -> None:
    for depth in (500, 990, 100_000):
        with pytest.raises(MalformedSnapshot):
            decode_state(('[' * depth + ']' * depth).encode())


def test_issued_commands_of_before_are_repetitions_after_a_restore() -> None:
    log = log_with_robots()
    issued = Issued(R1, 1, 77, 1, SubmitJob('j1', R1, spec(), '', ''))
    log.issue(issued)
    state = decode_state(encode_state(log.state))
    assert apply_command(state, state.applied_index + 1, 1, log.stamp_ns, issued).duplicate
