# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is encrypted is read with the right key only; keys are unwrapped by whom they are for."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip('cryptography', reason='needs python3-cryptography')

from envelopes import message  # noqa: E402

from swarm_coordinator.core.identity import concealed  # noqa: E402
from swarm_coordinator.core.identity.concealed import Concealed, bound, unwrapped  # noqa: E402
from swarm_coordinator.core.identity.group_keys import Peer  # noqa: E402
from swarm_coordinator.core.identity.sealed import padded, read_header  # noqa: E402
from swarm_coordinator.security import keys  # noqa: E402
from swarm_coordinator.security.group_cipher import (  # noqa: E402
    Exchange,
    Way,
    draw,
)
from swarm_coordinator.security.keys import NotReadable, decrypt, encrypt  # noqa: E402

KEY, EPOCH, TOPIC = bytes(range(32)), 7 << 32 | 1, '/swarm/append'
SECRET = b'what nobody else may read'


def conceal(
    sender: str = 'beta', sequence: int = 1, number: int = 5, order: str = '<', key: bytes = KEY
) -> bytes:
    envelope = message(sender, sequence=sequence, order=order, body=b'')
    text = bound(TOPIC, envelope, read_header(envelope), EPOCH)
    body = encrypt(key, concealed.nonce(number), SECRET, text)
    return concealed.wrapped(envelope, Concealed(EPOCH, number, body))


def reveal(raw: bytes, key: bytes = KEY, topic: str = TOPIC) -> bytes:
    header = read_header(raw)
    found = unwrapped(raw, header)
    text = bound(topic, raw, header, found.key_epoch)
    return decrypt(key, concealed.nonce(found.number), found.body, text)


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('sender', ['b', 'be', 'bet', 'beta', 'a_very_long_name'])
def test_what_is_concealed_is_revealed_whatever_the_order_of_bytes(
    sender: str, order: str
) -> None:
    raw = conceal(sender, order=order)
    assert reveal(raw) == SECRET and SECRET not in raw and len(raw) % 4 == 0
    assert unwrapped(raw, read_header(raw)).key_epoch == EPOCH


def test_wrong_key_and_wrong_topic_reveal_nothing() -> None:
    raw = conceal()
    with pytest.raises(NotReadable):
        reveal(raw, key=bytes(32))
    with pytest.raises(NotReadable):
        reveal(raw, topic='/swarm/vote')


def test_any_byte_that_is_changed_makes_it_unreadable() -> None:
    raw = conceal()
    header = read_header(raw)
    signature = range(header.signature_at, header.signature_at + 64)
    gap = range(signature.stop, signature.stop + (4 - signature.stop) % 8)
    lineage = raw.index(b'M' + bytes(7)) + 12  # CDR fills up behind it
    told = []
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 0x41
        try:
            if reveal(bytes(changed)) == SECRET:
                told.append(at)
        except ValueError:
            pass
    end = len(raw) - (-(20 + len(SECRET) + 16) % 4 or 0)
    allowed = {2, 3, *signature, *gap, *range(end, len(raw))}
    assert set(told) <= allowed, 'only what the signature alone covers'
    assert lineage not in told


def test_envelope_of_another_message_does_not_fit() -> None:
    one, other = conceal(sequence=1), conceal(sequence=2)
    at = concealed.body_at(read_header(one))
    with pytest.raises(NotReadable):
        reveal(other[:at] + one[at:])


@pytest.mark.parametrize('length', [0, 1, 100, 120, 140, 155])
def test_message_that_ends_too_soon_is_refused(length: int) -> None:
    raw = conceal()
    with pytest.raises(ValueError, match=r'ends|concealed|begins'):
        unwrapped(raw[:length], read_header(raw))


def test_message_with_more_behind_it_is_refused() -> None:
    raw = padded(conceal() + b'more')
    with pytest.raises(ValueError, match='are concealed'):
        unwrapped(raw, read_header(raw))


class Process:
    """Of a robot with a certificate."""

    def __init__(self, name: str, life: int) -> None:
        private = keys.make_exchange_key()
        self.certified = keys.public_bytes(private)
        self.exchange = Exchange(lambda public: keys.agreed_secret(private, public))
        self.peer = Peer(name, life, self.exchange.public)


@pytest.fixture
def people() -> tuple[Process, Process, Process]:
    return Process('alpha', 1), Process('beta', 2), Process('gamma', 3)


def way(giver: Process, taker: Process, key_epoch: int = EPOCH) -> Way:
    return Way('swarm', giver.peer, taker.peer, key_epoch)


def test_keys_are_unwrapped_by_whom_they_are_for(
    people: tuple[Process, Process, Process]
) -> None:
    alpha, beta, _ = people
    given = (draw(32), draw(32))
    wrapped = alpha.exchange.wrap(way(alpha, beta), beta.certified, given)
    assert len(wrapped) == 80 and given[0] not in wrapped
    assert beta.exchange.unwrap(way(alpha, beta), alpha.certified, wrapped) == given


def test_keys_are_unwrapped_by_nobody_else_and_in_no_other_place(
    people: tuple[Process, Process, Process]
) -> None:
    alpha, beta, gamma = people
    given = (draw(32),)
    wrapped = alpha.exchange.wrap(way(alpha, beta), beta.certified, given)
    again = Process('beta', 2)  # the same name, other keys
    ways = {
        'another robot': (gamma, way(alpha, beta), alpha.certified),
        'another robot in its own name': (gamma, way(alpha, gamma), alpha.certified),
        'another process': (again, way(alpha, again), alpha.certified),
        'another epoch': (beta, way(alpha, beta, EPOCH + 1), alpha.certified),
        'another giver': (beta, way(gamma, beta), alpha.certified),
        'another certificate': (beta, way(alpha, beta), gamma.certified),
        'another swarm': (beta, replace(way(alpha, beta), swarm_id='other'), alpha.certified),
        'back to the giver': (alpha, way(beta, alpha), beta.certified),
    }
    for what, (who, path, certified) in ways.items():
        with pytest.raises(NotReadable):
            who.exchange.unwrap(path, certified, wrapped)
            pytest.fail(what)


def test_any_byte_of_a_wrapped_key_that_is_changed_is_noticed(
    people: tuple[Process, Process, Process]
) -> None:
    alpha, beta, _ = people
    wrapped = alpha.exchange.wrap(way(alpha, beta), beta.certified, (draw(32),))
    for at in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[at] ^= 1
        with pytest.raises(NotReadable):
            beta.exchange.unwrap(way(alpha, beta), alpha.certified, bytes(changed))


@pytest.mark.parametrize('length', [0, 16, 47, 49, 16 + 9 * 32, 100_000])
def test_what_is_no_wrapped_key_is_refused_with_what_was_expected(
    people: tuple[Process, Process, Process], length: int
) -> None:
    alpha, beta, _ = people
    with pytest.raises(ValueError, match='expected 1 to 8 wrapped keys'):
        beta.exchange.unwrap(way(alpha, beta), alpha.certified, bytes(length))


@pytest.mark.parametrize('public', [bytes(32), b'', b'short'])
def test_key_that_makes_no_secret_is_refused(
    people: tuple[Process, Process, Process], public: bytes
) -> None:
    alpha, beta, _ = people
    weak = replace(way(alpha, beta), taker=Peer('beta', 2, public))
    with pytest.raises(ValueError):
        alpha.exchange.wrap(weak, beta.certified, (draw(32),))


def test_thief_of_the_certified_keys_cannot_unwrap_what_was_recorded() -> None:
    stolen, other = keys.make_exchange_key(), Process('alpha', 1)
    exchange = Exchange(lambda public: keys.agreed_secret(stolen, public))
    certified = keys.public_bytes(stolen)
    then = Peer('beta', 2, exchange.public)
    path = Way('swarm', other.peer, then, EPOCH)
    wrapped = other.exchange.wrap(path, certified, (draw(32),))
    assert exchange.unwrap(path, other.certified, wrapped)
    thief = Exchange(lambda public: keys.agreed_secret(stolen, public))
    with pytest.raises(NotReadable):
        thief.unwrap(path, other.certified, wrapped)
