# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A certificate has one form in bytes, and every way of not being good now has its sentence."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from identity_samples import DAY, NOW, SAMPLE, sample

from swarm_coordinator.core.identity import (
    REASONS,
    Certificate,
    IdentityRefused,
    Refusal,
    Role,
    SignedCertificate,
    check,
)
from swarm_coordinator.core.identity.canonical import read_object
from swarm_coordinator.core.identity.certificate import ENCODED_BYTES_MAX, TIME_S_MAX, date, span
from swarm_coordinator.core.identity.weak_keys import is_weak

SIGNED = SignedCertificate(SAMPLE.encode(), bytes(64), 'ab' * 16)
NAMES = st.from_regex(r'[A-Za-z][A-Za-z0-9_]{0,62}', fullmatch=True)
KEYS = st.binary(min_size=32, max_size=32).filter(lambda key: not is_weak(key))
ROLES = st.sets(st.sampled_from(Role), min_size=1).map(
    lambda roles: tuple(sorted(roles, key=lambda role: role.value))
)
CERTIFICATES = st.builds(
    Certificate,
    serial=st.binary(min_size=16, max_size=16).map(bytes.hex),
    swarm_id=NAMES,
    robot_id=NAMES,
    roles=ROLES,
    sign_key=KEYS,
    exchange_key=KEYS,
    not_before=st.integers(0, TIME_S_MAX // 2),
    not_after=st.integers(TIME_S_MAX // 2 + 1, TIME_S_MAX),
)


def refusal_of(data: bytes) -> str:
    with pytest.raises(IdentityRefused) as caught:
        SignedCertificate.decode(data)
    assert caught.value.reason == 'damaged'
    return str(caught.value)


def with_fields(**changes: object) -> bytes:
    fields = {**json.loads(SAMPLE.encode()), **changes}
    body = json.dumps(fields, sort_keys=True, separators=(',', ':')).encode()
    return SignedCertificate(body, bytes(64), 'ab' * 16).encode()


@given(CERTIFICATES)
def test_what_is_written_is_read_and_fits_in_the_largest_size(certificate: Certificate) -> None:
    signed = SignedCertificate(certificate.encode(), b'\x07' * 64, 'cd' * 16)
    encoded = signed.encode()
    assert len(encoded) <= ENCODED_BYTES_MAX
    assert SignedCertificate.decode(encoded) == signed
    assert SignedCertificate.decode(encoded).certificate == certificate


@given(st.binary(max_size=3000))
@example(SIGNED.encode())
@example(SIGNED.encode() + b'\n')
@example(b'[' * 2000 + b'\n' + b'0' * 32 + b' ' + b'0' * 128)
@example(b'{"a":1}\n' + b'0' * 32 + b' ' + b'0' * 128)
def test_any_bytes_are_refused_or_are_what_encode_writes(data: bytes) -> None:
    try:
        signed = SignedCertificate.decode(data)
    except IdentityRefused as error:
        assert error.reason in REASONS and 'expected' in str(error)
    else:
        assert signed.encode() == data


@pytest.mark.parametrize('depth', [100, 900, *range(960, 1000, 4)])
def test_nesting_that_can_be_read_and_not_written_is_damaged_and_no_fault(depth: int) -> None:
    body = b'{"a":' + b'[' * depth + b']' * depth + b'}'
    refusal_of(body + b'\n' + b'0' * 32 + b' ' + b'0' * 128)
    with pytest.raises(IdentityRefused):
        read_object(body + b' ', frozenset('a'), 'x', 9999)


@given(st.integers(0, len(SIGNED.encode()) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_is_another_certificate(at: int, byte: int) -> None:
    data = bytearray(SIGNED.encode())
    data[at] = byte
    try:
        signed = SignedCertificate.decode(bytes(data))
    except IdentityRefused:
        return
    assert signed.encode() == data
    assert (signed == SIGNED) == (data == SIGNED.encode())


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({'serial': 'A' * 32}, '32 lower case hex digits'),
        ({'serial': 'a' * 31}, '32 lower case hex digits'),
        ({'serial': 7}, '32 lower case hex digits'),
        ({'swarm_id': '../x'}, 'a letter first'),
        ({'swarm_id': None}, 'swarm_id: expected a name'),
        ({'robot_id': 'r 1'}, 'a letter first'),
        ({'robot_id': 'r1\n'}, 'a letter first'),
        ({'robot_id': 'r' * 64}, 'at most 63'),
        ({'roles': []}, 'at least one role'),
        ({'roles': ['voter', 'operator']}, 'in order'),
        ({'roles': ['voter', 'voter']}, 'different strings'),
        ({'roles': ['admin']}, 'one of voter, non_voter, operator, observer'),
        ({'roles': 'voter'}, 'roles: expected'),
        ({'roles': [1]}, 'strings'),
        ({'sign_key': 'AA' * 32}, '64 lower case hex digits'),
        ({'sign_key': 'aa' * 31}, '64 lower case hex digits'),
        ({'sign_key': '01' + '00' * 31}, 'only its owner can sign'),
        ({'sign_key': '00' * 32}, 'only its owner can sign'),
        ({'exchange_key': None}, '64 lower case hex digits'),
        ({'not_before': -1}, 'not_before: expected a whole number from 0'),
        ({'not_before': True}, 'not_before: expected a whole number'),
        ({'not_before': 1.5}, 'no whole number'),
        ({'not_after': NOW - DAY}, 'not_after: expected a whole number from'),
        ({'not_after': TIME_S_MAX + 1}, 'not_after'),
        ({'not_after': str(NOW)}, 'not_after'),
        ({'more': 1}, 'exactly the fields exchange_key, not_after, not_before'),
    ],
)
def test_wrong_values_are_refused_with_what_was_expected(
    changes: dict[str, object], expected: str
) -> None:
    assert expected in refusal_of(with_fields(**changes))


def test_a_field_that_is_there_twice_is_refused() -> None:
    twice = SIGNED.encode().replace(b'"swarm_id"', b'"swarm_id":"other","swarm_id"')
    assert 'twice' in refusal_of(twice)


@pytest.mark.parametrize(
    'change',
    [
        lambda data: data.replace(b'","', b'", "', 1),
        lambda data: data.replace(b'"r1"', b'"\\u00721"'),
        lambda data: data.replace(b'"r1"', b'"r\xff"'),
        lambda data: b' ' + data,
        lambda data: data + b' ',
        lambda data: data.replace(b'\n', b'\r\n'),
        lambda data: data.replace(b'\n', b''),
        lambda data: data + data[data.index(b'\n'):],
        lambda data: data[:-2],
        lambda data: data[: data.index(b'\n') + 1] + data[data.index(b'\n') + 1:].upper(),
        lambda data: data.replace(str(NOW + DAY).encode(), str(NOW + DAY).encode() + b'e0'),
        lambda data: data.replace(str(NOW + DAY).encode(), b'NaN'),
    ],
)
def test_another_way_of_writing_the_same_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    changed = change(SIGNED.encode())
    assert changed != SIGNED.encode()
    refusal_of(changed)


def test_too_many_bytes_are_refused_before_they_are_read() -> None:
    assert 'at most 2048 bytes' in refusal_of(b'[' * 1_000_000)


def why_not(
    now_s: float, swarm_id: str = 'swarm', revoked: frozenset[str] = frozenset()
) -> Refusal:
    refusal = check(SAMPLE, now_s, swarm_id, revoked)
    assert refusal is not None
    return refusal


def test_a_good_certificate_is_good_from_its_first_to_its_last_second() -> None:
    for now_s in (SAMPLE.not_before, NOW, SAMPLE.not_after):
        assert check(SAMPLE, now_s, 'swarm', frozenset(), slack_s=0) is None
    assert check(SAMPLE, SAMPLE.not_after + 1, 'swarm', frozenset(), slack_s=0) is not None
    assert check(SAMPLE, SAMPLE.not_before - 1, 'swarm', frozenset(), slack_s=0) is not None


def test_clocks_may_differ_by_the_slack_at_both_ends() -> None:
    for now_s in (SAMPLE.not_before - 300, SAMPLE.not_after + 300):
        assert check(SAMPLE, now_s, 'swarm', frozenset(), slack_s=300) is None
    for now_s in (SAMPLE.not_before - 301, SAMPLE.not_after + 301):
        assert check(SAMPLE, now_s, 'swarm', frozenset(), slack_s=300) is not None


def test_expired_says_since_when_what_the_clock_says_and_the_command() -> None:
    refusal = why_not(SAMPLE.not_after + 3 * DAY)
    assert refusal.reason == 'expired'
    assert '3 days ago' in str(refusal) and date(SAMPLE.not_after) in str(refusal)
    assert date(SAMPLE.not_after + 3 * DAY) in str(refusal)
    assert 'swarmctl keys renew r1' in str(refusal)


def test_a_clock_that_is_a_little_behind_is_told_by_how_much() -> None:
    refusal = why_not(SAMPLE.not_before - 1200)
    assert refusal.reason == 'not_yet'
    assert '20 min before' in str(refusal) and 'NTP' in str(refusal)


def test_a_clock_that_begins_in_1970_is_told_to_be_set() -> None:
    refusal = why_not(100.0)
    assert refusal.reason == 'clock_off'
    assert '1970-01-01' in str(refusal) and '57 years before' in str(refusal)
    assert 'Set the clock' in str(refusal)


def test_another_swarm_is_named_beside_this_one() -> None:
    refusal = why_not(NOW, swarm_id='other')
    assert refusal.reason == 'wrong_swarm'
    assert 'for swarm swarm' in str(refusal) and 'this is swarm other' in str(refusal)


def test_revoked_comes_before_any_question_of_time() -> None:
    refusal = why_not(SAMPLE.not_after + DAY, revoked=frozenset({SAMPLE.serial}))
    assert refusal.reason == 'revoked' and 'operator' in str(refusal)


@given(st.floats(allow_nan=True, allow_infinity=True))
@example(float('nan'))
@example(float('inf'))
@example(float('-inf'))
def test_no_clock_breaks_the_check(now_s: float) -> None:
    refusal = check(SAMPLE, now_s, 'swarm', frozenset())
    is_good = SAMPLE.not_before - 300 <= now_s <= SAMPLE.not_after + 300
    assert (refusal is None) == is_good


def test_a_certificate_that_cannot_be_is_not_made() -> None:
    with pytest.raises(IdentityRefused, match='32 bytes'):
        sample(sign_key=b'short')
    with pytest.raises(IdentityRefused, match='sorted'):
        sample(roles=(Role.VOTER, Role.OPERATOR))


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(40, '40 s'), (600, '10 min'), (7200, '2 h'), (172_800, '2 days'), (1e9, '32 years')],
)
def test_spans_are_for_people(seconds: float, text: str) -> None:
    assert span(seconds) == text
