# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What strangers can send to be believed: sealed and concealed messages, handed over keys,
certificates, lists, papers, requests.

Owns three promises besides that nothing breaks: a text of the authority is accepted in one form
only, the door lets in nothing that was not sealed with the key of its sender, and nothing is
revealed that was not concealed.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rclpy.serialization import serialize_message
from swarm_msgs import msg, srv

from swarm_coordinator import policy_file
from swarm_coordinator.core.identity import concealed
from swarm_coordinator.core.identity.certificate import Certificate, Role, SignedCertificate
from swarm_coordinator.core.identity.concealed_request import Answered, Asked, Introduction
from swarm_coordinator.core.identity.doorkeeper import Doorkeeper, Known
from swarm_coordinator.core.identity.papers import KeyRequest, Papers
from swarm_coordinator.core.identity.policy import ROLES, Policy
from swarm_coordinator.core.identity.request_bytes import to_sign
from swarm_coordinator.core.identity.request_door import Denied, RequestDoor
from swarm_coordinator.core.identity.revocation import RevocationList, SignedRevocations
from swarm_coordinator.core.identity.sealed import Header, read_header
from swarm_coordinator.ros.guarded_node import Guard
from swarm_coordinator.ros.secrecy import Secrecy
from swarm_coordinator.security import keys
from swarm_coordinator.security.group_cipher import Exchange
from swarm_coordinator.security.keys import X25519PrivateKey
from swarm_coordinator.security.request_cipher import Answering, Asking, Met
from swarm_tower.ros.cdr import message_of

from . import mutation
from .target import Broken, Target

TOPIC = '/swarm/heartbeat'
KEY, EPOCH = b'k' * 32, 7 << 32 | 1
PUBLIC = {name: hashlib.sha256(name.encode()).digest() for name in ('sign', 'exchange', 'swarm')}
BYTES_MAX = 100_000
CANCEL = '/alpha/cancel_job'
POLICY = 'version: 1\nroles:\n  voter: [look, jobs.submit]\nnames:\n  anna: [all]\n'


class Toy:
    """Stands for Ed25519: what fits cannot be guessed, and is the same in every run."""

    def sign(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=KEY).digest()

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        return public == KEY and self.sign(data) == signature


def _sealed(sequence: int, **fields: Any) -> bytes:
    envelope = msg.Envelope(
        swarm_id='swarm', sender='beta', storage_id=5, incarnation=1, sequence=sequence,
        protocol_version=msg.Envelope.PROTOCOL_VERSION, **fields)
    guard = Guard('swarm', 'beta', Toy(), lambda name: None)
    return guard.sealed(TOPIC, msg.Heartbeat(envelope=envelope, leader='beta'))


@functools.cache  # CDR fills up with whatever was there
def _door_seeds() -> tuple[bytes, ...]:
    unsigned = bytes(serialize_message(msg.Heartbeat(envelope=msg.Envelope(swarm_id='swarm'))))
    return _sealed(1), _sealed(2, recipient='alpha'), _sealed(3, recipient='gamma'), unsigned


def _said(data: bytes) -> Any:
    """What the middleware makes of it: of two processes, one fills up with other bytes, and so the
    same message has another signature."""
    heard = message_of(data, msg.Heartbeat)
    heard.envelope.signature = []
    return heard


def _door(data: bytes) -> None:
    known = Known(KEY, frozenset({Role.VOTER}), 0, 2**40)
    toy = Toy()
    for addressed in (True, False):
        door = Doorkeeper(
            'swarm', 'alpha', msg.Envelope.PROTOCOL_VERSION, toy.verify,
            {'beta': known}.get, addressed)
        header = door.admit(TOPIC, data, b'source', 0, 1000.0, BYTES_MAX)
        if not isinstance(header, Header) or header.swarm_id != 'swarm':
            continue  # who watches is told of other swarms, and believes none of them
        if _said(data) not in map(_said, _door_seeds()):
            raise Broken(f'let in what nobody has sealed: {header}')
        again = door.admit(TOPIC, data, b'source', 0, 1000.0, BYTES_MAX)
        if isinstance(again, Header):
            raise Broken('let in twice')


REST = b'what was concealed' * 3


def _concealed_seed(number: int, rest: bytes, **fields: Any) -> bytes:
    blank = msg.Envelope(
        swarm_id='swarm', sender='beta', storage_id=5, incarnation=1, sequence=number,
        protocol_version=msg.Envelope.PROTOCOL_VERSION, signature=[0] * 64, **fields)
    raw = bytes(serialize_message(msg.Concealed(envelope=blank)))
    envelope = raw[: concealed.body_at(read_header(raw))]
    bound = concealed.bound(TOPIC, envelope, read_header(envelope), EPOCH)
    body = keys.encrypt(KEY, concealed.nonce(number), rest, bound)
    return concealed.wrapped(envelope, concealed.Concealed(EPOCH, number, body))


@functools.cache
def _concealed_seeds() -> tuple[bytes, ...]:
    return (_concealed_seed(1, REST), _concealed_seed(2, REST, recipient='alpha'),
            _concealed_seed(3, b''))


def _reveal(data: bytes) -> None:
    header = read_header(data)
    found = concealed.unwrapped(data, header)
    bound = concealed.bound(TOPIC, data, header, found.key_epoch)
    rest = keys.decrypt(KEY, concealed.nonce(found.number), found.body, bound)
    if rest not in (REST, b'') or found.number not in (1, 2, 3):
        raise Broken(f'revealed what nobody has concealed: {rest!r}')


def _handover_seeds() -> list[bytes]:
    def seed(**fields: Any) -> bytes:
        envelope = msg.Envelope(swarm_id='swarm', sender='beta', storage_id=5, sequence=1,
                                protocol_version=msg.Envelope.PROTOCOL_VERSION)
        return bytes(serialize_message(msg.KeyHandover(
            envelope=envelope, exchange_key=list(PUBLIC['exchange']), key_epoch=EPOCH, **fields)))

    return [seed(), seed(recipients=['alpha/00000001'], wrapped=[7] * 48, missing=['alpha']),
            seed(recipients=['alpha/00000001', 'beta/00000002'], wrapped=[7] * 160)]


def _hand_over(data: bytes) -> None:
    """What a member may say: its signature is good."""
    message = message_of(data, msg.KeyHandover)
    private = keys.make_exchange_key()
    taking = Secrecy('swarm', 'alpha', functools.partial(keys.agreed_secret, private),
                     {'beta': PUBLIC['exchange']}.get, lambda name: True, life=1)
    taking.take(message)
    taking.tick()
    sender = message.envelope.sender
    if taking.can_read(sender, message.key_epoch):
        raise Broken(f'took a key that nobody wrapped: {message}')


ASKED = b'swarm fuzz asks'


class _Asked:
    """A robot with fixed keys, and somebody who asks it."""

    def __init__(self) -> None:
        own = X25519PrivateKey.from_private_bytes(KEY)
        exchange = Exchange(functools.partial(keys.agreed_secret, own))
        exchange._private = X25519PrivateKey.from_private_bytes(KEY[::-1])  # noqa: SLF001
        exchange.public = keys.public_bytes(exchange._private)  # noqa: SLF001
        self.encoded = SignedCertificate(
            replace(_certificate().certificate, robot_id='alpha',
                    exchange_key=keys.public_bytes(own)).encode(), b's' * 64, 'a' * 32).encode()
        self.swarm_id = 'swarm'
        self.answering = Answering('swarm', 'alpha', 7, exchange, self, 0)

    def sign(self, data: bytes) -> bytes:
        return Toy().sign(data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        return self.sign(data) == signature

    def admit(self, encoded: bytes, now_s: float) -> Certificate:
        return SignedCertificate.decode(encoded).certificate

    def refusal_of(self, certificate: Certificate, now_s: float) -> None:
        return None

    def met(self) -> tuple[Asking, Met]:
        asking = Asking()
        return asking, asking.meet(CANCEL, self.answering.introduction, self, 0.0)


@functools.cache
def _asked_seeds() -> tuple[bytes, ...]:
    robot = _Asked()
    asking, met = robot.met()
    found = [srv.AskConcealed.Request()]
    for text in (ASKED, b''):
        asked = asking.sealed(CANCEL, met, text).asked
        found.append(srv.AskConcealed.Request(
            life=asked.life, exchange_key=list(asked.exchange_key), number=asked.number,
            body=list(asked.body)))
    return tuple(bytes(serialize_message(one)) for one in found)


def _asked(data: bytes) -> None:
    """What anybody may send to a robot that encrypts."""
    outer, robot = message_of(data, srv.AskConcealed.Request), _Asked()
    asked = Asked(outer.life, bytes(outer.exchange_key), outer.number, bytes(outer.body))
    opened = robot.answering.opened(CANCEL, asked, 0)
    if opened is not None and opened.request not in (ASKED, b''):
        raise Broken(f'opened what nobody has asked: {opened.request!r}')


@functools.cache
def _answer_seeds() -> tuple[bytes, ...]:
    own = _Asked().answering.introduction
    return bytes(serialize_message(srv.AskConcealed.Response(
        code=srv.AskConcealed.Response.INTRODUCED, life=own.life,
        exchange_key=list(own.exchange_key), certificate=list(own.certificate),
        signature=list(own.signature)))), bytes(serialize_message(srv.AskConcealed.Response(
            number=1, body=[7] * 40)))


def _answer(data: bytes) -> None:
    """What anybody may answer in a robot's place."""
    outer, robot = message_of(data, srv.AskConcealed.Response), _Asked()
    asking, met = robot.met()
    question = asking.sealed(CANCEL, met, ASKED)
    if outer.code == outer.ANSWERED and len(outer.body):
        question.opened(Answered(outer.number, bytes(outer.body)))
        raise Broken('took an answer that nobody gave')
    introduction = Introduction(
        outer.life, bytes(outer.exchange_key), bytes(outer.certificate), bytes(outer.signature))
    found = asking.meet(CANCEL, introduction, robot, 0.0)
    if found.introduction != robot.answering.introduction:
        raise Broken(f'met somebody who is not there: {found.introduction}')


def _request_door(toy: Toy) -> RequestDoor:
    def admit(encoded: bytes, now_s: float) -> Certificate:
        certificate = SignedCertificate.decode(encoded).certificate
        return replace(certificate, sign_key=KEY, robot_id='beta')

    return RequestDoor('swarm', 'alpha', Policy(), admit, toy.verify, -10**12)


@functools.cache
def _request_seeds() -> tuple[bytes, ...]:
    toy, seeds = Toy(), []
    for sequence, job_id in ((1, 'alpha-1-1'), (2, '')):
        request = srv.CancelJob.Request(job_id=job_id, reason='why', credential=msg.Credential(
            swarm_id='swarm', caller='beta', recipient='alpha', stamp_ms=1_000_000,
            session=7, sequence=sequence, certificate=_certificate().encode()))
        request.credential.signature = toy.sign(to_sign(CANCEL, 'CancelJob', request))
        seeds.append(bytes(serialize_message(request)))
    return (*seeds, bytes(serialize_message(srv.CancelJob.Request())))


def _requested(data: bytes) -> Any:
    found = message_of(data, srv.CancelJob.Request)
    found.credential.signature = []
    return found


def _requests(data: bytes) -> None:
    """As a service has it: decoded by the middleware before anybody asks who it is of."""
    toy = Toy()
    door = _request_door(toy)
    request = message_of(data, srv.CancelJob.Request)
    found = door.check(CANCEL, 'CancelJob', request, 0, 1000.0)
    if isinstance(found, Denied):
        if not found.text or door.counts[found.reason] != 1:
            raise Broken('refused without a word')
        return
    if _requested(data) not in map(_requested, _request_seeds()):
        raise Broken(f'carried out what nobody has signed: {request}')
    if not isinstance(door.check(CANCEL, 'CancelJob', request, 0, 1000.0), Denied):
        raise Broken('carried out twice')


def _policy_file(data: bytes) -> None:
    policy = policy_file.read(data.decode(), 'fuzz')
    if policy_file.read(policy_file.write(policy), 'fuzz') != replace(
        policy, roles={role: policy.roles.get(role, ()) for role in ROLES}
    ):
        raise Broken('what was read is written as something else')


def _one_form(decode: Callable[[bytes], Any]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        if decode(data).encode() != data:
            raise Broken('a second form of the same was accepted')

    return run


def _certificate() -> SignedCertificate:
    certificate = Certificate(
        '0' * 32, 'swarm', 'beta', (Role.NON_VOTER, Role.VOTER), PUBLIC['sign'],
        PUBLIC['exchange'], 1, 2_000_000_000)
    return SignedCertificate(certificate.encode(), b's' * 64, 'a' * 32)


def _revocations() -> SignedRevocations:
    listed = RevocationList('swarm', 3, 1000, (PUBLIC['swarm'],), frozenset({'1' * 32, '2' * 32}))
    return SignedRevocations(listed.encode(), (('a' * 32, b's' * 64),))


def _request() -> KeyRequest:
    return KeyRequest('swarm', 'beta', PUBLIC['sign'], PUBLIC['exchange'], b's' * 64)


def _text(name: str, kind: Any, value: Callable[[], Any]) -> Target:
    return Target(
        name, _one_form(kind.decode), (ValueError,), lambda: [value().encode()],
        mutation.of_lines, ('swarm_coordinator.core.identity',), bytes_max=70_000)


TARGETS = (
    Target('concealed', _reveal, (ValueError,), lambda: list(_concealed_seeds()),
           mutation.of_bytes, ('swarm_coordinator.core.identity',)),
    Target('handover', _hand_over, (ValueError,), _handover_seeds, mutation.of_bytes,
           ('swarm_coordinator.core.identity', 'swarm_coordinator.ros.secrecy')),
    Target('asked', _asked, (ValueError,), lambda: list(_asked_seeds()), mutation.of_bytes,
           ('swarm_coordinator.core.identity', 'swarm_coordinator.security.request_cipher')),
    Target('answer', _answer, (ValueError,), lambda: list(_answer_seeds()), mutation.of_bytes,
           ('swarm_coordinator.core.identity', 'swarm_coordinator.security.request_cipher')),
    Target('door', _door, (), lambda: list(_door_seeds()), mutation.of_bytes,
           ('swarm_coordinator.core.identity',)),
    Target('request', _requests, (ValueError,), lambda: list(_request_seeds()), mutation.of_bytes,
           ('swarm_coordinator.core.identity',)),
    Target('policy_file', _policy_file, (ValueError,),
           lambda: [policy_file.write(Policy()).encode(), POLICY.encode()], mutation.of_lines,
           ('swarm_coordinator.policy_file', 'swarm_coordinator.marked_yaml')),
    _text('certificate', SignedCertificate, _certificate),
    _text('revocations', SignedRevocations, _revocations),
    _text('key_request', KeyRequest, _request),
    _text('papers', Papers, lambda: Papers(_certificate(), _revocations())),
)
