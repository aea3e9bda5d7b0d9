# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Lists, requests and papers: as strict as certificates are."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from identity_samples import NOW, SAMPLE

from swarm_coordinator.core.identity import (
    IdentityRefused,
    RevocationList,
    SignedCertificate,
    SignedRevocations,
)
from swarm_coordinator.core.identity.canonical import key_id
from swarm_coordinator.core.identity.papers import KeyRequest, Papers
from swarm_coordinator.core.identity.revocation import ENCODED_BYTES_MAX, REVOKED_MAX

KEY = b'\x11' * 32
LIST = RevocationList('swarm', 3, NOW, (KEY,), frozenset({'ab' * 16, 'cd' * 16}))
SIGNED = SignedRevocations(LIST.encode(), ((key_id(KEY), bytes(64)),))
CERTIFICATE = SignedCertificate(SAMPLE.encode(), bytes(64), key_id(KEY))
REQUEST = KeyRequest('swarm', SAMPLE.robot_id, KEY, b'\x22' * 32, b'\x33' * 64)
PAPERS = Papers(CERTIFICATE, SIGNED)


def test_what_is_written_is_read() -> None:
    assert SignedRevocations.decode(SIGNED.encode()) == SIGNED and SIGNED.revocations == LIST
    assert KeyRequest.decode(REQUEST.encode()) == REQUEST
    for papers in (PAPERS, Papers(None, SIGNED)):
        assert Papers.decode(papers.encode()) == papers


def test_the_longest_list_fits_and_a_longer_one_is_refused() -> None:
    serials = frozenset(f'{number:032x}' for number in range(REVOKED_MAX))
    keys = tuple(bytes([number]) * 32 for number in range(1, 5))
    full = RevocationList('s' * 63, 2**53, 253_402_300_799, keys, serials)
    signatures = tuple((name, bytes(64)) for name in sorted(map(key_id, keys)))
    encoded = SignedRevocations(full.encode(), signatures).encode()
    assert len(encoded) <= ENCODED_BYTES_MAX == 65_536
    assert SignedRevocations.decode(encoded).revocations == full
    assert Papers.decode(Papers(CERTIFICATE, SignedRevocations.decode(encoded)).encode())
    with pytest.raises(IdentityRefused, match='at most 1800'):
        RevocationList('swarm', 1, NOW, (KEY,), serials | {'f' * 32})


@pytest.mark.parametrize('decode', [SignedRevocations.decode, KeyRequest.decode, Papers.decode])
@given(st.binary(max_size=3000))
@example(SIGNED.encode())
@example(REQUEST.encode())
@example(PAPERS.encode())
@example(b'[' * 70_000)
@example(b'{"certificate":"\\ud800","revocations":""}')
@example(b'{"certificate":"","revocations":""}')
def test_any_bytes_are_refused_or_are_what_encode_writes(
    decode: Callable[[bytes], KeyRequest | Papers | SignedRevocations], data: bytes
) -> None:
    try:
        found = decode(data)
    except IdentityRefused as error:
        assert error.reason == 'damaged' and 'expected' in str(error)
    else:
        assert found.encode() == data


@pytest.mark.parametrize('whole', [SIGNED, REQUEST, PAPERS])
def test_every_changed_byte_is_refused_or_is_something_else(
    whole: KeyRequest | Papers | SignedRevocations
) -> None:
    encoded = whole.encode()
    for at in range(len(encoded)):
        for flip in (1, 2, 32, 128):
            changed = bytearray(encoded)
            changed[at] ^= flip
            try:
                found = type(whole).decode(bytes(changed))
            except IdentityRefused:
                continue
            assert found != whole and found.encode() == changed


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({'number': 0}, 'number: expected a whole number from 1'),
        ({'number': 2**53 + 1}, 'number'),
        ({'made': -1}, 'made'),
        ({'authorities': []}, '1 to 4 keys'),
        ({'authorities': [f'{number:064x}' for number in range(5)]}, 'at most 4'),
        ({'authorities': ['ff' * 32, 'aa' * 32]}, 'in order'),
        ({'authorities': ['aa' * 31]}, '64 lower case hex'),
        ({'revoked': ['cd' * 16, 'ab' * 16]}, 'in order'),
        ({'revoked': ['ab' * 16, 'ab' * 16]}, 'different'),
        ({'revoked': ['AB' * 16]}, '32 lower case hex'),
        ({'revoked': ['r1']}, '32 lower case hex'),
        ({'revoked': None}, 'strings'),
        ({'swarm_id': '-'}, 'swarm_id'),
    ],
)
def test_wrong_values_of_a_list_are_refused(changes: dict[str, object], expected: str) -> None:
    fields = {**json.loads(LIST.encode()), **changes}
    body = json.dumps(fields, sort_keys=True, separators=(',', ':')).encode()
    with pytest.raises(IdentityRefused) as caught:
        SignedRevocations.decode(SignedRevocations(body, SIGNED.signatures).encode())
    assert expected in str(caught.value)


def test_signatures_come_once_each_and_in_order() -> None:
    low, high = ('0' * 32, bytes(64)), ('f' * 32, bytes(64))
    SignedRevocations.decode(SignedRevocations(LIST.encode(), (low, high)).encode())
    for wrong in ((high, low), (low, low), (), (low,) * 5):
        with pytest.raises(IdentityRefused):
            SignedRevocations.decode(SignedRevocations(LIST.encode(), wrong).encode())


def test_one_kind_is_not_taken_for_another() -> None:
    decoders = (SignedRevocations, KeyRequest, Papers, SignedCertificate)
    for whole in (SIGNED, REQUEST, PAPERS, CERTIFICATE):
        for decoder in decoders:
            if not isinstance(whole, decoder):
                with pytest.raises(IdentityRefused):
                    decoder.decode(whole.encode())
    prefixes = {decoder.to_sign(b'') for decoder in (SignedRevocations, KeyRequest,
                                                     SignedCertificate)}
    assert len(prefixes) == 3


def test_a_request_names_the_key_that_signed_it() -> None:
    other = REQUEST.encode().replace(key_id(KEY).encode(), b'0' * 32)
    with pytest.raises(IdentityRefused, match='signature of the sign_key'):
        KeyRequest.decode(other)
