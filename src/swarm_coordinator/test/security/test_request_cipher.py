# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A request is opened by the process of the robot that it is for, and its answer fits it only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip('cryptography', reason='needs python3-cryptography')

from swarm_coordinator.core.identity.concealed_request import (  # noqa: E402
    BODY_BYTES_MAX,
    Answered,
    Asked,
    ConcealedReason,
    Introduction,
    NotOpened,
)
from swarm_coordinator.core.identity.credit import CREDIT, SECOND_NS  # noqa: E402
from swarm_coordinator.core.identity.refusal import IdentityRefused  # noqa: E402
from swarm_coordinator.security import keys, request_cipher  # noqa: E402
from swarm_coordinator.security.group_cipher import Exchange  # noqa: E402
from swarm_coordinator.security.keyring import Keyring  # noqa: E402
from swarm_coordinator.security.keys import NotReadable  # noqa: E402
from swarm_coordinator.security.local_keys import make_local_keys  # noqa: E402
from swarm_coordinator.security.request_cipher import (  # noqa: E402
    NEW_KEY_COST,
    PROVEN_MAX,
    STRANGERS_MAX,
    Answering,
    Asking,
    Opened,
    Question,
)

SERVICE, OTHER = '/r1/submit_job', '/r1/list_jobs'
REQUEST, ANSWER = b'what nobody else may read', b'nor that'
LIFE, NOW_S = 7, time.time()


class Swarm:
    """Robots r1 and r2 with keys of one authority."""

    def __init__(self, folder: Path) -> None:
        self.folders = make_local_keys(folder, 'swarm', ('r1', 'r2'))
        self.rings = {
            name: Keyring.load(at, 'swarm', name, 86_400) for name, at in self.folders.items()
        }

    def process(self, name: str = 'r1', life: int = LIFE) -> Answering:
        ring = self.rings[name]
        return Answering('swarm', name, life, Exchange(ring.agree), ring, 0)

    def asked(self, robot: Answering, asking: Asking, service: str = SERVICE) -> Question:
        met = asking.meet(service, robot.introduction, self.rings['r2'], NOW_S)
        return asking.sealed(service, met, REQUEST)


@pytest.fixture(scope='module')
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Swarm:
    return Swarm(tmp_path_factory.mktemp('keys') / 'keys')


def opened(robot: Answering, asked: Asked, service: str = SERVICE, now_ns: int = 0) -> Opened:
    found = robot.opened(service, asked, now_ns)
    assert found is not None
    return found


def test_request_is_opened_and_its_answer_read(swarm: Swarm) -> None:
    robot, asking = swarm.process(), Asking()
    question = swarm.asked(robot, asking)
    found = opened(robot, question.asked)
    assert found.request == REQUEST and REQUEST not in question.asked.body
    answered = robot.sealed(SERVICE, found, ANSWER)
    assert question.opened(answered) == ANSWER and ANSWER not in answered.body


def changed(data: bytes, at: int) -> bytes:
    found = bytearray(data)
    found[at] ^= 0x41
    return bytes(found)


def test_any_byte_of_a_request_that_is_changed_makes_it_unreadable(swarm: Swarm) -> None:
    robot, asking = swarm.process(), Asking()
    asked = swarm.asked(robot, asking).asked
    others = [replace(asked, body=changed(asked.body, at)) for at in range(len(asked.body))]
    others += [replace(asked, number=asked.number ^ 1 << bit) for bit in range(64)]
    others += [replace(asked, body=asked.body[:-1]), replace(asked, body=asked.body + b'\0')]
    for number, one in enumerate(others):
        with pytest.raises(NotOpened) as caught:
            robot.opened(SERVICE, one, number * SECOND_NS)
        assert caught.value.reason is ConcealedReason.UNREADABLE
    for at in range(32):
        one = replace(asked, exchange_key=changed(asked.exchange_key, at))
        with pytest.raises(NotOpened):
            robot.opened(SERVICE, one, (len(others) + at) * SECOND_NS)
    assert all(
        robot.opened(SERVICE, replace(asked, life=asked.life ^ 1 << bit), 0) is None
        for bit in range(64)
    )
    assert opened(robot, asked, now_ns=10**13).request == REQUEST


def test_any_byte_of_an_answer_that_is_changed_proves_nothing(swarm: Swarm) -> None:
    robot, asking = swarm.process(), Asking()
    question = swarm.asked(robot, asking)
    answered = robot.sealed(SERVICE, opened(robot, question.asked), ANSWER)
    for at in range(len(answered.body)):
        with pytest.raises(NotReadable):
            question.opened(replace(answered, body=changed(answered.body, at)))
    for number in (answered.number + 1, 0, 1 << 64, -1):
        with pytest.raises(ValueError):
            question.opened(replace(answered, number=number))
    assert question.opened(answered) == ANSWER


def test_body_fits_one_service_one_direction_and_one_request(swarm: Swarm) -> None:
    robot, asking = swarm.process(), Asking()
    first, second = swarm.asked(robot, asking), swarm.asked(robot, asking)
    with pytest.raises(NotOpened):
        robot.opened(OTHER, first.asked, 0)
    found = opened(robot, first.asked)
    answered = robot.sealed(SERVICE, found, ANSWER)
    with pytest.raises(NotReadable):
        second.opened(answered)
    with pytest.raises(NotReadable):
        first.opened(robot.sealed(OTHER, found, ANSWER))
    back = Answered(first.asked.number, first.asked.body)
    with pytest.raises(NotReadable):
        first.opened(back)
    forth = replace(first.asked, number=answered.number, body=answered.body)
    with pytest.raises(NotOpened):
        robot.opened(SERVICE, forth, 0)


def test_request_that_comes_twice_is_answered_with_another_number(swarm: Swarm) -> None:
    robot, asking = swarm.process(), Asking()
    question = swarm.asked(robot, asking)
    one, two = (robot.sealed(SERVICE, opened(robot, question.asked), ANSWER) for _ in range(2))
    assert one.number != two.number and one.body != two.body
    assert question.opened(one) == question.opened(two) == ANSWER


def test_numbers_of_a_caller_are_never_used_twice(swarm: Swarm) -> None:
    asking = Asking()
    numbers = [swarm.asked(swarm.process(life=life), asking).asked.number for life in (1, 2, 1)]
    assert numbers == [1, 2, 3]


def test_another_robot_and_another_process_open_nothing(swarm: Swarm) -> None:
    robot, asking = swarm.process(), Asking()
    asked = swarm.asked(robot, asking).asked
    assert swarm.process(life=LIFE + 1).opened(SERVICE, asked, 0) is None
    for other in (swarm.process('r2'), swarm.process()):  # the latter has drawn another key
        with pytest.raises(NotOpened):
            other.opened(SERVICE, asked, 0)


def test_key_of_the_certificate_alone_opens_nothing(swarm: Swarm) -> None:
    """Who steals a robot has that one; the key of the process is gone with the process."""
    robot, asking = swarm.process(), Asking()
    asked = swarm.asked(robot, asking).asked
    thief = swarm.process()
    thief._exchange.public = robot.introduction.exchange_key  # noqa: SLF001
    with pytest.raises(NotOpened):
        thief.opened(SERVICE, asked, 0)


def test_key_of_the_process_alone_opens_nothing(swarm: Swarm) -> None:
    robot, asking = swarm.process(), Asking()
    asked = swarm.asked(robot, asking).asked
    robot._exchange._agree = swarm.rings['r2'].agree  # noqa: SLF001
    with pytest.raises(NotOpened):
        robot.opened(SERVICE, asked, 0)


# ---- who is there


def test_introduction_of_another_robot_is_not_taken(swarm: Swarm) -> None:
    with pytest.raises(IdentityRefused) as caught:
        Asking().meet(SERVICE, swarm.process('r2').introduction, swarm.rings['r2'], NOW_S)
    assert caught.value.reason == 'wrong_robot'


def test_introduction_of_another_authority_is_not_taken(swarm: Swarm, tmp_path: Path) -> None:
    stranger = Swarm(tmp_path / 'keys').process()
    with pytest.raises(IdentityRefused) as caught:
        Asking().meet(SERVICE, stranger.introduction, swarm.rings['r2'], NOW_S)
    assert caught.value.reason == 'unknown_authority'


def test_introduction_with_a_key_of_somebody_else_is_not_taken(swarm: Swarm) -> None:
    true = swarm.process().introduction
    own = keys.public_bytes(keys.make_exchange_key())
    other = swarm.process('r2').introduction
    for made in (
        replace(true, exchange_key=own), replace(true, life=LIFE + 1),
        replace(true, certificate=other.certificate),
        *(replace(true, signature=changed(true.signature, at)) for at in range(64)),
    ):
        with pytest.raises(IdentityRefused):
            Asking().meet(SERVICE, made, swarm.rings['r2'], NOW_S)


@pytest.mark.parametrize('made', [
    Introduction(0, bytes(32), b'c', bytes(64)),
    Introduction(1, bytes(31), b'c', bytes(64)),
    Introduction(1, bytes(32), b'', bytes(64)),
    Introduction(1, bytes(32), bytes(5000), bytes(64)),
    Introduction(1, bytes(32), b'c', b''),
])
def test_what_is_no_introduction_is_refused(swarm: Swarm, made: Introduction) -> None:
    with pytest.raises(ValueError):
        Asking().meet(SERVICE, made, swarm.rings['r2'], NOW_S)


def test_restarted_robot_is_met_anew_with_another_key_of_the_caller(swarm: Swarm) -> None:
    asking = Asking()
    before = swarm.asked(swarm.process(), asking)
    robot = swarm.process(life=LIFE + 1)
    assert robot.opened(SERVICE, before.asked, 0) is None
    after = swarm.asked(robot, asking)
    assert opened(robot, after.asked).request == REQUEST
    assert after.asked.exchange_key != before.asked.exchange_key


def test_services_of_one_process_share_its_keys_and_processes_do_not(swarm: Swarm) -> None:
    asking, ring = Asking(), swarm.rings['r2']
    one, other = swarm.process(), swarm.process(life=LIFE + 1)
    assert asking.met(SERVICE) is None
    met = asking.meet(SERVICE, one.introduction, ring, NOW_S)
    assert asking.met(OTHER) == met, 'the best guess'
    learned = asking.meet(OTHER, other.introduction, ring, NOW_S)
    assert asking.met(OTHER) == learned != met and asking.met(SERVICE) == met
    assert asking.meet(SERVICE, one.introduction, ring, NOW_S) == met
    assert asking.met('/r2/submit_job') is None


def test_introduction_is_signed_anew_only_for_another_certificate(swarm: Swarm) -> None:
    robot = swarm.process()
    assert robot.introduction is robot.introduction


# ---- what strangers cost


def stranger() -> bytes:
    return keys.public_bytes(keys.make_exchange_key())


def counting(robot: Answering) -> list[bytes]:
    made: list[bytes] = []
    agree: Callable[[bytes], bytes] = robot._exchange.secret_with  # noqa: SLF001

    def secret_with(public: bytes) -> bytes:
        made.append(public)
        return agree(public)

    robot._exchange.secret_with = secret_with  # type: ignore[method-assign]  # noqa: SLF001
    return made


def test_flood_of_new_keys_is_looked_at_a_few_times_and_who_is_proven_still_let_in(
    swarm: Swarm
) -> None:
    robot, asking = swarm.process(), Asking()
    question = swarm.asked(robot, asking)
    robot.proven(opened(robot, question.asked))
    made = counting(robot)
    for _ in range(1000):
        with pytest.raises(NotOpened):
            robot.opened(SERVICE, replace(question.asked, exchange_key=stranger()), 0)
    assert len(made) <= CREDIT / (1 + NEW_KEY_COST) + 1
    assert robot.counts[ConcealedReason.MUTED] > 900
    assert opened(robot, swarm.asked(robot, asking).asked).request == REQUEST
    fresh = swarm.asked(robot, Asking()).asked
    with pytest.raises(NotOpened, match='too many requests of strangers'):
        robot.opened(SERVICE, fresh, 0)
    assert opened(robot, fresh, now_ns=SECOND_NS).request == REQUEST, 'and later others too'


def test_what_is_remembered_is_bounded_and_strangers_do_not_crowd_out_the_proven(
    swarm: Swarm
) -> None:
    robot = swarm.process()
    mine = swarm.asked(robot, Asking())
    robot.proven(opened(robot, mine.asked))
    for number in range(STRANGERS_MAX + 10):
        opened(robot, swarm.asked(robot, Asking()).asked, now_ns=number * SECOND_NS)
    assert len(robot._strangers) == STRANGERS_MAX  # noqa: SLF001
    made = counting(robot)
    opened(robot, mine.asked, now_ns=10**13)
    assert not made
    for number in range(PROVEN_MAX + 10):
        robot.proven(replace(opened(robot, mine.asked), caller_key=number.to_bytes(32, 'big')))
    assert len(robot._proven) == PROVEN_MAX  # noqa: SLF001


def test_what_a_caller_remembers_is_bounded(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_cipher, 'ROBOTS_MAX', 4)
    monkeypatch.setattr(request_cipher, 'SERVICES_MAX', 4)
    asking, ring = Asking(), swarm.rings['r2']
    for life in range(1, 10):
        asking.meet(f'/r1/s{life}', swarm.process(life=life).introduction, ring, NOW_S)
    assert len(asking._robots) == len(asking._services) == 4  # noqa: SLF001


@pytest.mark.parametrize('asked', [
    Asked(LIFE, b'', 1, bytes(16)),
    Asked(LIFE, bytes(33), 1, bytes(16)),
    Asked(LIFE, bytes(32), 1, bytes(16)),  # a key that makes no secret
    Asked(LIFE, b'\1' + bytes(31), 1, bytes(16)),
    Asked(LIFE, bytes(32), 1, b''),
    Asked(LIFE, bytes(32), 1, bytes(BODY_BYTES_MAX + 1)),
])
def test_rubbish_is_refused_with_a_reason_and_counted(swarm: Swarm, asked: Asked) -> None:
    robot = swarm.process()
    with pytest.raises(NotOpened, match='expected') as caught:
        robot.opened(SERVICE, asked, 0)
    assert caught.value.reason is ConcealedReason.MALFORMED
    assert robot.counts == {ConcealedReason.MALFORMED: 1}
    assert robot.last == f'somebody to {SERVICE}: concealed request cannot be read'
