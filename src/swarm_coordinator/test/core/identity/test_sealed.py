# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where the envelope lies in a message, and what a signature covers."""

from __future__ import annotations

import pytest
from envelopes import message
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.identity.sealed import (
    BLANK,
    padded,
    parted,
    read_header,
    to_decode,
    to_sign,
    with_signature,
)

NAMES = st.text(st.characters(exclude_characters='\0', codec='utf-8'), max_size=60)
WORD64 = st.integers(0, 2**64 - 1)


@given(NAMES, NAMES, NAMES, WORD64, WORD64, WORD64, st.sampled_from('<>'), st.binary(max_size=9))
def test_envelope_of_any_names_is_read_where_it_lies(
    swarm_id: str, sender: str, recipient: str, incarnation: int, storage: int, sequence: int,
    order: str, body: bytes,
) -> None:
    raw = message(
        sender, swarm_id=swarm_id, recipient=recipient, incarnation=incarnation,
        storage_id=storage, lineage=9, sequence=sequence, version=515, order=order, body=body,
        signature=bytes(range(64)),
    )
    found = read_header(raw)
    assert (found.swarm_id, found.sender, found.recipient) == (swarm_id, sender, recipient)
    assert (found.incarnation, found.storage_id) == (incarnation, storage)
    assert (found.lineage, found.sequence, found.protocol_version) == (9, sequence, 515)
    assert found.signed
    assert raw[found.signature_at :] == bytes(range(64)) + body


def test_unsigned_message_is_read_and_said_to_be_unsigned() -> None:
    assert not read_header(message(signature=b'')).signed


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_a_reason(raw: bytes) -> None:
    try:
        read_header(raw)
    except ValueError as error:
        assert str(error)


@given(st.integers(0, 200))
def test_message_that_ends_within_its_envelope_is_refused(length: int) -> None:
    raw = message(body=b'')
    if length < len(raw):
        with pytest.raises(ValueError, match='envelope|signature|begins'):
            read_header(raw[:length])


@pytest.mark.parametrize('field', ['swarm_id', 'sender', 'recipient'])
def test_name_that_the_middleware_would_end_earlier_is_refused(field: str) -> None:
    """Else one name were verified and another one taken."""
    with pytest.raises(ValueError, match='zero byte'):
        read_header(message(**{field: 'r1\0x'}))


@pytest.mark.parametrize('length', [1, 63, 65, 4096])
def test_signature_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match='expected none or 64'):
        read_header(message(signature=bytes(length)))


def test_signature_goes_in_and_comes_out_again() -> None:
    blank = message(body=b'what is said')
    at = read_header(blank).signature_at
    raw = with_signature(blank, at, bytes(range(64)))
    assert len(raw) == len(blank)
    assert parted(raw, read_header(raw)) == (blank, bytes(range(64)))


def test_what_is_signed_names_its_topic_and_every_byte() -> None:
    blank = message()
    assert to_sign('/swarm/vote', blank) != to_sign('/swarm/vote_request', blank)
    assert blank[:2] in to_sign('/swarm/vote', blank)
    assert blank[4:] in to_sign('/swarm/vote', blank)
    assert read_header(blank).signature_at + 64 + len(b'body') == len(blank)
    assert parted(blank, read_header(blank))[1] == BLANK


@given(st.binary(max_size=9))
def test_what_the_middleware_fills_up_is_signed_as_it_arrives(body: bytes) -> None:
    sent = padded(message(body=body))
    assert len(sent) % 4 == 0 and padded(sent) == sent
    arrived = sent[:2] + b'\0\3' + sent[4:]
    assert to_sign('/swarm/vote', arrived) == to_sign('/swarm/vote', sent)
    assert to_decode(arrived) == sent
