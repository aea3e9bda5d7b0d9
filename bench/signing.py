# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What signing and encryption cost: a message that is sent, heard or refused, a request, and a
robot of 3, 5, 10 and 20.

One message is a beacon, sealed, admitted and refused as a robot does, in batches; beside it the
same without a signature. An encrypted one, and a chunk of a file, are measured beside those that
are only signed. One request submits a job: signed and written down as a caller does, read and
checked as a robot does; beside it the same without credentials, and the same encrypted. Robots run
idle (profile wifi, coordinator only), in turn with `security` sign_encrypt, sign and off, and
their processor time is taken from the kernel.
"""

from __future__ import annotations

import tempfile
import time
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from rclpy.serialization import deserialize_message, serialize_message
from swarm_msgs import msg, srv

from bench._swarm import watched
from bench.footprint import shares
from bench.run import write_samples
from bench.table import Row, row
from swarm_coordinator.core.identity.certificate import Role
from swarm_coordinator.core.identity.concealed_request import Answered
from swarm_coordinator.core.identity.doorkeeper import Doorkeeper, Known
from swarm_coordinator.core.identity.policy import Policy
from swarm_coordinator.core.identity.sealed import Header
from swarm_coordinator.ros.guarded_node import MESSAGE_BYTES_MAX, Guard
from swarm_coordinator.ros.request_guard import RequestGuard, Signer
from swarm_coordinator.ros.secrecy import Secrecy
from swarm_coordinator.security import keys
from swarm_coordinator.security.group_cipher import Exchange
from swarm_coordinator.security.keyring import Keyring
from swarm_coordinator.security.keys import LooseKey
from swarm_coordinator.security.local_keys import OPERATOR, make_local_keys
from swarm_coordinator.security.request_cipher import Answering, Asking, Question

BATCH, BATCHES = 200, 20
SIZES, SIZES_QUICK = (3, 5, 10, 20), (3,)
ROUNDS, ROUNDS_QUICK = 3, 1
SETTLE_S = 5.0
TOPIC = '/swarm/heartbeat'
CHUNK = 32 * 1024
GARBAGE = 10_000  # of one source, as many as a second of a flood brings


def measure(quick: bool) -> list[Row]:
    rows = message_rows() + encrypted_rows('beacon', 0) + encrypted_rows('chunk of a file', CHUNK)
    rows += request_rows() + encrypted_request_rows()
    for count in SIZES_QUICK if quick else SIZES:
        rows += robot_rows(count, ROUNDS_QUICK if quick else ROUNDS, 8.0 if quick else 20.0)
    return rows


def beacon(sequence: int) -> msg.Heartbeat:
    return msg.Heartbeat(leader='r1', envelope=msg.Envelope(
        swarm_id='bench', sender='r2', storage_id=1, incarnation=1, sequence=sequence,
        protocol_version=msg.Envelope.PROTOCOL_VERSION))


def batches(work: Callable[[int], object]) -> list[float]:
    """Microseconds of one call, batch by batch; `work` gets a number that counts on."""
    taken, number = [], 0
    for _ in range(BATCHES):
        began_ns = time.perf_counter_ns()
        for _ in range(BATCH):
            number += 1
            work(number)
        taken.append((time.perf_counter_ns() - began_ns) / BATCH / 1000)
    return taken


def message_rows() -> list[Row]:
    key = LooseKey()
    guard = Guard('bench', 'r2', key, lambda name: None)
    known = Known(key.public, frozenset({Role.VOTER}), 0, 2**40)
    calls = BATCH * BATCHES
    sealed = [guard.sealed(TOPIC, beacon(number)) for number in range(1, calls + 1)]
    plain = [bytes(serialize_message(beacon(number))) for number in range(1, calls + 1)]
    door = doorkeeper(key, known)
    now_ns = 0

    def hear(number: int) -> None:
        nonlocal now_ns
        now_ns += 1_000_000
        raw = sealed[number - 1]
        found = door.admit(TOPIC, raw, b'r2', now_ns, 1.0, MESSAGE_BYTES_MAX)
        if not isinstance(found, Header):
            raise AssertionError(door.refusals.last)
        deserialize_message(raw, msg.Heartbeat)

    sending = batches(lambda number: guard.sealed(TOPIC, beacon(number)))
    sending_plain = batches(lambda number: serialize_message(beacon(number)))
    hearing = batches(hear)
    hearing_plain = batches(lambda n: deserialize_message(plain[n - 1], msg.Heartbeat))
    flood = refused_batches(key, known)
    write_samples('signing', {'sending': sending, 'hearing': hearing, 'flood': flood})
    bytes_signed, bytes_plain = [float(len(sealed[0]))], float(len(plain[0]))
    return [
        row('a beacon made ready to be sent', 'us', sending, peer=sending_plain,
            peer_name='unsigned'),
        row('a beacon checked and read', 'us', hearing, peer=hearing_plain, peer_name='unsigned'),
        row('a beacon on the wire', 'bytes', bytes_signed, peer=bytes_plain, peer_name='unsigned'),
        row('a forged message of a flood, looked at or not', 'us', flood),
    ]


def encrypted_rows(what: str, more: int) -> list[Row]:
    """With `more` bytes in it; beside the same that is signed only."""
    key, private = LooseKey(), keys.make_exchange_key()
    guard = Guard('bench', 'r2', key, lambda name: None)
    guard.secrecy = Secrecy(
        'bench', 'r2', partial(keys.agreed_secret, private), lambda name: None, lambda name: True)
    known = Known(key.public, frozenset({Role.VOTER}), 0, 2**40)
    kind = msg.FileChunk if more else msg.Heartbeat

    def message(number: int) -> Any:
        if not more:
            return beacon(number)
        return msg.FileChunk(envelope=beacon(number).envelope, data=array('B', bytes(more)))

    def as_it_was(raw: bytes, header: Header) -> bytes:
        return raw

    def revealed(raw: bytes, header: Header) -> bytes:
        return guard.revealed(TOPIC, raw, header)

    def measured(
        make: Callable[[str, Any], bytes], reveal: Callable[[bytes, Header], bytes]
    ) -> tuple[list[float], list[float], float]:
        some = [make(TOPIC, message(number)) for number in range(1, BATCH + 1)]
        doors = [doorkeeper(key, known)]

        def hear(number: int) -> None:
            if number % BATCH == 1:  # who had all of them before
                doors[0] = doorkeeper(key, known)
            raw = some[(number - 1) % BATCH]
            found = doors[0].admit(TOPIC, raw, b'r2', number * 10**6, 1.0, MESSAGE_BYTES_MAX)
            if not isinstance(found, Header):
                raise AssertionError(doors[0].refusals.last)
            deserialize_message(reveal(raw, found), kind)

        sent = batches(lambda number: make(TOPIC, message(number)))
        return sent, batches(hear), float(len(some[0]))

    sent, heard, size = measured(guard.concealed, revealed)
    sent_signed, heard_signed, size_signed = measured(guard.sealed, as_it_was)
    signed = 'signed only'
    return [
        row(f'a {what} encrypted and made ready', 'us', sent, peer=sent_signed, peer_name=signed),
        row(f'a {what} checked, decrypted and read', 'us', heard, peer=heard_signed,
            peer_name=signed),
        row(f'a {what}, encrypted, on the wire', 'bytes', [size], peer=size_signed,
            peer_name=signed),
    ]


def submission() -> srv.SubmitJob.Request:
    work = msg.ExecWork(argv=['xz', '--keep', 'notes'])
    spec = msg.JobSpec(kind='exec', exec=[work], outputs=['notes.xz'])
    return srv.SubmitJob.Request(
        spec=spec, input_paths=['/data/notes'], output_dir='/data', idempotency_key='k'
    )


def request_rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        folders = make_local_keys(Path(folder) / 'keys', 'bench', ('r1',))
        robot = Keyring.load(folders['r1'], 'bench', 'r1')
        person = Keyring.load(Path(folder) / 'keys' / OPERATOR, 'bench', OPERATOR)
    guard = RequestGuard('bench', 'r1', robot, Policy())
    signer = Signer(lambda _: person)
    name = '/r1/submit_job'
    kind = srv.SubmitJob.Request

    def send(signed: bool) -> bytes:
        request = submission()
        if signed:
            signer.sign(name, 'SubmitJob', request)
        return bytes(serialize_message(request))

    def answer(raw: bytes, checked: bool) -> None:
        request = deserialize_message(raw, kind)
        if checked and (denied := guard.denied(name, 'SubmitJob', request)):
            raise AssertionError(denied)

    signed = [send(True) for _ in range(BATCH * BATCHES)]
    unsigned = send(False)
    asking, asking_plain = batches(lambda _: send(True)), batches(lambda _: send(False))
    checking = batches(lambda number: answer(signed[number - 1], True))
    checking_plain = batches(lambda _: answer(unsigned, False))
    write_samples('signing_requests', {'asking': asking, 'checking': checking})
    bytes_signed, bytes_plain = [float(len(signed[0]))], float(len(unsigned))
    return [
        row('a request made ready to be sent', 'us', asking, peer=asking_plain,
            peer_name='unsigned'),
        row('a request read and checked', 'us', checking, peer=checking_plain,
            peer_name='unsigned'),
        row('a request on the wire', 'bytes', bytes_signed, peer=bytes_plain,
            peer_name='unsigned'),
    ]


def encrypted_request_rows() -> list[Row]:
    """As request_rows(), and encrypted; beside the same that is signed only. The answer is that of
    a submission."""
    with tempfile.TemporaryDirectory() as folder:
        folders = make_local_keys(Path(folder) / 'keys', 'bench', ('r1',))
        robot = Keyring.load(folders['r1'], 'bench', 'r1')
        person = Keyring.load(Path(folder) / 'keys' / OPERATOR, 'bench', OPERATOR)
    name, kind = '/r1/submit_job', srv.SubmitJob
    guard, signer = RequestGuard('bench', 'r1', robot, Policy()), Signer(lambda _: person)
    answering = Answering('bench', 'r1', 7, Exchange(robot.agree), robot, 0)
    asking = Asking()
    met = asking.meet(name, answering.introduction, person, time.time())
    answer = kind.Response(job_id='r1-1-1')

    def signed() -> bytes:
        request = submission()
        signer.sign(name, 'SubmitJob', request)
        return bytes(serialize_message(request))

    def send() -> Question:
        return asking.sealed(name, met, signed())

    def check(raw: bytes) -> None:
        if denied := guard.denied(name, 'SubmitJob', deserialize_message(raw, kind.Request)):
            raise AssertionError(denied)

    def serve(question: Question) -> Answered:
        opened = answering.opened(name, question.asked, 0)
        assert opened is not None
        check(opened.request)
        return answering.sealed(name, opened, bytes(serialize_message(answer)))

    def serve_signed(raw: bytes) -> bytes:
        check(raw)
        return bytes(serialize_message(answer))

    calls = BATCH * BATCHES
    questions, plain = [send() for _ in range(calls)], [signed() for _ in range(calls)]
    asked, asked_signed = batches(lambda _: send()), batches(lambda _: signed())
    answers: list[Answered] = []
    served = batches(lambda number: answers.append(serve(questions[number - 1])))
    served_signed = batches(lambda number: serve_signed(plain[number - 1]))
    read = batches(lambda n: deserialize_message(
        questions[n - 1].opened(answers[n - 1]), kind.Response))
    raw = bytes(serialize_message(answer))
    read_signed = batches(lambda _: deserialize_message(raw, kind.Response))
    met_anew = batches(lambda n: Asking().meet(name, answering.introduction, person, time.time()))
    write_samples('signing_encrypted_requests', {'asking': asked, 'answering': served})
    by, size = 'signed only', float(len(outer(questions[0])))
    return [
        row('a request signed, encrypted and made ready', 'us', asked, peer=asked_signed,
            peer_name=by),
        row('a request decrypted, checked and answered', 'us', served, peer=served_signed,
            peer_name=by),
        row('an answer decrypted and read', 'us', read, peer=read_signed, peer_name='unsigned'),
        row('a robot met for the first time', 'us', met_anew),
        row('a request, encrypted, on the wire', 'bytes', [size], peer=float(len(plain[0])),
            peer_name=by),
    ]


def outer(question: Question) -> bytes:
    asked = question.asked
    return bytes(serialize_message(srv.AskConcealed.Request(
        life=asked.life, exchange_key=array('B', asked.exchange_key), number=asked.number,
        body=array('B', asked.body))))


def doorkeeper(key: LooseKey, known: Known) -> Doorkeeper:
    return Doorkeeper('bench', 'r1', msg.Envelope.PROTOCOL_VERSION, key.verify, lambda name: known)


def refused_batches(key: LooseKey, known: Known) -> list[float]:
    """A second of a flood: 10,000 messages of one source, signed with a wrong key."""
    door = doorkeeper(key, known)
    forged = Guard('bench', 'r2', LooseKey(), lambda name: None).sealed(TOPIC, beacon(1))
    taken = []
    for _ in range(BATCHES):
        began_ns = time.perf_counter_ns()
        for _ in range(GARBAGE // BATCHES):
            door.admit(TOPIC, forged, b'evil', 0, 1.0, MESSAGE_BYTES_MAX)
        taken.append((time.perf_counter_ns() - began_ns) / (GARBAGE // BATCHES) / 1000)
    return taken


def robot_rows(count: int, rounds: int, seconds: float) -> list[Row]:
    cpu: dict[str, list[float]] = {'sign_encrypt': [], 'sign': [], 'off': []}
    rss: dict[str, list[float]] = {'sign_encrypt': [], 'sign': [], 'off': []}
    start: dict[str, list[float]] = {'sign_encrypt': [], 'sign': [], 'off': []}
    for _ in range(rounds):
        for level in cpu:
            with watched(count, parts=['coordinator'], security=level) as field:
                began_s = time.monotonic()
                field.swarm.start_all()
                field.leader()
                start[level].append(time.monotonic() - began_s)
                field.client.spin_until(lambda: False, SETTLE_S)
                robots = [psutil.Process(one.pid) for one in field.swarm.processes.values()]
                cpu[level] += shares(robots, seconds)
                rss[level] += [one.memory_info().rss / 1e6 for one in robots]
    return [
        row(f'idle robot of {count}: processor', '% of a core', cpu['sign'], peer=cpu['off'],
            peer_name='security off'),
        row(f'idle robot of {count}: resident memory', 'MB', rss['sign'], peer=rss['off'],
            peer_name='security off'),
        row(f'idle robot of {count}, encrypting: processor', '% of a core', cpu['sign_encrypt'],
            peer=cpu['sign'], peer_name='signed only'),
        row(f'idle robot of {count}, encrypting: resident memory', 'MB', rss['sign_encrypt'],
            peer=rss['sign'], peer_name='signed only'),
        row(f'from the start of {count} to a leader, encrypting', 's', start['sign_encrypt'],
            peer=start['sign'], peer_name='signed only'),
    ]
