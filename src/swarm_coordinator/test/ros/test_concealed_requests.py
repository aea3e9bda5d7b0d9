# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Requests that only the robot which is asked can read, and answers that only it can give, between
real nodes over DDS; and that nobody with keys asks in the clear by being told so."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

import rclpy  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from spun_nodes import SpunNodes  # noqa: E402
from swarm_msgs import msg, srv  # noqa: E402

from swarm_coordinator.core.identity.certificate import Role  # noqa: E402
from swarm_coordinator.core.identity.concealed_request import Asked, Introduction  # noqa: E402
from swarm_coordinator.core.ids import RobotId  # noqa: E402
from swarm_coordinator.ros import choosing_client  # noqa: E402
from swarm_coordinator.ros.asking_node import AskingNode, CallerKeys, signer_of  # noqa: E402
from swarm_coordinator.ros.concealed_client import UNPROVEN  # noqa: E402
from swarm_coordinator.ros.concealed_service import introduce  # noqa: E402
from swarm_coordinator.ros.deferred import Promise, serve  # noqa: E402
from swarm_coordinator.ros.guarded_node import level_of  # noqa: E402
from swarm_coordinator.ros.heard_levels import Heard  # noqa: E402
from swarm_coordinator.ros.protection import Protection  # noqa: E402
from swarm_coordinator.ros.topics import TOPICS  # noqa: E402
from swarm_coordinator.security import robot_folder  # noqa: E402
from swarm_coordinator.security.authority import Authority  # noqa: E402
from swarm_coordinator.security.callers import NoCaller  # noqa: E402
from swarm_coordinator.security.local_keys import AUTHORITY, enrol  # noqa: E402
from swarm_coordinator.security.request_cipher import Asking  # noqa: E402

WAIT_S = 20.0
WORD = 'a-word-that-is-nowhere-else'
CARD = TOPICS['/swarm/robots']
Outer = srv.AskConcealed


class Air(SpunNodes):
    """Robots of one level and who asks them, until closed."""

    wait_s = WAIT_S

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.asked: list[Any] = []
        self.protections: dict[str, Protection] = {}

    def robot(
        self, name: str = 'r1', level: str = 'sign_encrypt', folder: Path | None = None
    ) -> Any:
        made = Protection(str(folder or self.folder), 'swarm', RobotId(name), level)
        self.protections[name] = made
        node = self.add(made.node('coordinator', name, True))
        made.attach(node)
        self.card(node, name, level_of(node))
        return node

    def card(self, node: Any, name: str, level: str, life: int = 1) -> None:
        envelope = msg.Envelope(
            swarm_id='swarm', sender=name, incarnation=life,
            protocol_version=msg.Envelope.PROTOCOL_VERSION,
        )
        out = node.create_publisher(CARD.kind, CARD.name, CARD.qos)
        out.publish(msg.RobotCard(envelope=envelope, security=level))

    def asking(self, name: str = '', folder: Path | None = None, security: str = '') -> Any:
        signer = signer_of(CallerKeys(str(folder or self.folder), name))
        return self.add(AskingNode(f'asks_{len(self.nodes)}', signer=signer, security=security))

    def plain(self, name: str) -> Any:
        return self.add(rclpy.create_node(name))

    def offer(self, node: Any, kind: Any = srv.CancelJob, name: str = 'cancel_job') -> None:
        def note(request: Any, response: Any) -> Any:
            self.asked.append(request)
            response.reason = WORD
            return response

        node.create_service(kind, name, note)

    def beside(self, count: int = 10) -> None:
        """Whatever is under way comes."""
        for _ in range(count):
            self.executor.spin_once(timeout_sec=0.02)


@pytest.fixture
def air(tmp_path: Path) -> Iterator[Air]:
    made = Air(tmp_path / 'keys')
    yield made
    made.close()


def cancel(node: Any, robot: str = 'r1') -> Any:
    return node.create_client(srv.CancelJob, f'/{robot}/cancel_job')


def request() -> Any:
    return srv.CancelJob.Request(job_id='j', reason=WORD)


def offers(node: Any, name: str) -> list[str]:
    """Types of the services of this name."""
    found = node.get_service_names_and_types()
    return [kind for one, kinds in found if one == name for kind in kinds]


def test_robot_that_encrypts_is_asked_by_a_program_and_by_a_robot_as_ever(air: Air) -> None:
    robot, other = air.robot(), air.robot('r2')
    air.offer(robot)
    assert air.ask(cancel(air.asking()), request()).reason == WORD
    assert air.asked[0].job_id == 'j'
    assert robot.guard.requests.caller_of(air.asked[0]).name == 'operator'
    # A robot may not cancel what others have submitted; that is for the service to say.
    assert air.ask(cancel(other), request()).reason == WORD
    assert robot.guard.requests.caller_of(air.asked[1]).name == 'r2'
    operator = other.create_operator_client(srv.CancelJob, '/r1/cancel_job')
    assert air.ask(operator, request()).reason == WORD
    assert robot.guard.requests.caller_of(air.asked[2]).name == 'operator'
    assert air.ask(cancel(robot), request()).reason == WORD, 'also its own services'


def test_no_service_is_offered_readable_besides_the_stop_and_none_twice(air: Air) -> None:
    robot, looks = air.robot(), air.plain('looks')
    air.offer(robot)
    air.offer(robot, srv.RaiseEmergency, 'raise_emergency')
    air.until(lambda: offers(looks, '/r1/cancel_job/concealed'))
    air.until(lambda: offers(looks, '/r1/raise_emergency'))
    assert offers(looks, '/r1/cancel_job/concealed') == ['swarm_msgs/srv/AskConcealed']
    assert not offers(looks, '/r1/cancel_job')
    assert not offers(looks, '/r1/raise_emergency/concealed')
    stop = looks.create_client(srv.RaiseEmergency, '/r1/raise_emergency')
    assert air.ask(stop, srv.RaiseEmergency.Request(reason='fire')).code == 0
    keyed = air.asking().create_client(srv.RaiseEmergency, '/r1/raise_emergency')
    assert air.ask(keyed, srv.RaiseEmergency.Request(reason='fire')).code == 0


def heard(node: Any, monkeypatch: pytest.MonkeyPatch, client: Any) -> list[bytes]:
    """What a client's requests and answers are on the wire."""
    tape: list[bytes] = []
    send = client.call_async

    def call_async(outer: Any) -> Any:
        tape.append(bytes(serialize_message(outer)))
        future = send(outer)
        future.add_done_callback(
            lambda one: tape.append(bytes(serialize_message(one.result()))))
        return future

    monkeypatch.setattr(client, 'call_async', call_async)
    return tape


def test_nothing_of_a_request_and_its_answer_is_readable_on_the_wire(
    air: Air, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot, asks = air.robot(), air.robot('r2')
    air.offer(robot)
    client = cancel(asks)
    tape = heard(asks, monkeypatch, client.inner)
    assert air.ask(client, request()).reason == WORD
    assert len(tape) == 4, 'who is there, its answer, the request, its answer'
    assert air.ask(client, request()).reason == WORD
    assert len(tape) == 6, 'it is known now'
    assert not any(WORD.encode() in one for one in tape)
    certificate = air.protections['r2']._keyring.encoded  # noqa: SLF001
    assert not any(certificate in one for one in tape), 'nor who asks'


def test_service_that_answers_later_does_so_encrypted_too(air: Air) -> None:
    robot, promise = air.robot(), Promise()

    async def later(asked: Any, response: Any) -> Any:
        air.asked.append(asked)
        await promise
        response.reason = WORD
        return response

    async def broken(asked: Any, response: Any) -> Any:
        raise RuntimeError('a fault')

    serve(robot, srv.CancelJob, 'cancel_job', later, robot.default_callback_group)
    serve(robot, srv.RetryJob, 'retry_job', broken, robot.default_callback_group)
    node = air.asking()
    client = cancel(node)
    air.until(client.service_is_ready)
    futures = [client.call_async(request()) for _ in range(3)]
    air.until(lambda: len(air.asked) == 3)
    assert not any(one.done() for one in futures)
    promise.set_result(None)
    air.until(lambda: all(one.done() for one in futures))
    assert [one.result().reason for one in futures] == [WORD] * 3
    answer = air.ask(node.create_client(srv.RetryJob, '/r1/retry_job'), srv.RetryJob.Request())
    assert answer.code == answer.UNAVAILABLE and 'a fault' in answer.reason


def test_coroutine_of_rclpy_is_concealed_too(air: Air) -> None:
    robot = air.robot()

    async def claim(asked: Any, response: Any) -> Any:
        response.reason = WORD
        return response

    robot.create_service(srv.ClaimDevice, 'claim_device', claim)
    client = air.asking().create_client(srv.ClaimDevice, '/r1/claim_device')
    assert air.ask(client, srv.ClaimDevice.Request()).reason == WORD


def test_who_may_not_is_told_so_by_the_robot_itself(air: Air) -> None:
    robot = air.robot()
    air.offer(robot)
    authority = Authority.open(air.folder / AUTHORITY)
    enrol(authority, air.folder / 'eve', 'eve', (Role.OBSERVER,), time.time(), 10)
    answer = air.ask(cancel(air.asking('eve')), request())
    assert answer.code == answer.REFUSED and 'eve (observer) has: look' in answer.reason
    assert not air.asked and robot.guard.counts() == {'request is not allowed': 1}


def test_who_has_no_keys_is_told_to_get_some(air: Air, tmp_path: Path) -> None:
    air.offer(air.robot())
    client = cancel(air.asking(folder=tmp_path / 'none'))
    air.until(client.service_is_ready)
    with pytest.raises(NoCaller, match='r1 encrypts: who asks it needs keys of its swarm'):
        client.call_async(request())


def test_restarted_robot_is_asked_again_by_itself(air: Air) -> None:
    robot = air.robot()
    air.offer(robot)
    client = cancel(air.asking())
    assert air.ask(client, request()).reason == WORD
    air.end(robot)
    air.until(lambda: not client.service_is_ready())
    again = air.robot()
    air.offer(again)
    assert air.ask(client, request()).reason == WORD
    assert again.guard.counts() == {} and len(air.asked) == 2


def test_recorded_request_is_refused_and_rubbish_is_counted(
    air: Air, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot, asks, stranger = air.robot(), air.robot('r2'), air.plain('stranger')
    air.offer(robot)
    client = cancel(asks)
    tape = heard(asks, monkeypatch, client.inner)
    air.ask(client, request())
    recorded = deserialize_message(tape[2], Outer.Request)
    send = stranger.create_client(Outer, '/r1/cancel_job/concealed')
    again = air.ask(send, recorded)
    assert again.code == again.ANSWERED, 'that says no, to who asked first'
    assert robot.guard.counts() == {'request had before': 1} and len(air.asked) == 1
    recorded.body[3] ^= 1
    refused = air.ask(send, recorded)
    assert refused.code == refused.REFUSED and 'changed on the way' in refused.reason
    recorded.exchange_key = array('B', b'short')
    refused = air.ask(send, recorded)
    assert refused.code == refused.REFUSED and 'exchange_key: 5 bytes' in refused.reason
    counts = robot.guard.counts()
    assert counts['concealed request cannot be decrypted'] == 1
    assert counts['concealed request cannot be read'] == 1
    assert air.ask(send, Outer.Request()).code == Outer.Response.INTRODUCED
    assert len(air.asked) == 1


def test_what_was_encrypted_and_is_no_request_is_refused_and_counted(air: Air) -> None:
    robot, stranger = air.robot(), air.plain('stranger')
    air.offer(robot)
    send = stranger.create_client(Outer, '/r1/cancel_job/concealed')
    there = air.ask(send, Outer.Request())
    introduction = Introduction(
        there.life, bytes(there.exchange_key), bytes(there.certificate), bytes(there.signature))
    asking, ring = Asking(), air.protections['r1']._keyring  # noqa: SLF001
    met = asking.meet('/r1/cancel_job', introduction, ring, time.time())
    for text in (b'', b'rubbish', b'\0\1\0\0' + b'\xff' * 40):
        asked: Asked = asking.sealed('/r1/cancel_job', met, text).asked
        refused = air.ask(send, Outer.Request(
            life=asked.life, exchange_key=array('B', asked.exchange_key), number=asked.number,
            body=array('B', asked.body)))
        assert refused.code == refused.REFUSED and 'no CancelJob' in refused.reason
    assert robot.guard.counts() == {'concealed request cannot be read': 3}
    assert not air.asked


class Liar:
    """A stranger who answers in a robot's place."""

    def __init__(self, air: Air, answer: Callable[[Any, Any], Any]) -> None:
        self.asked: list[Any] = []
        node = air.plain('liar')

        def note(outer: Any, response: Any) -> Any:
            self.asked.append(outer)
            return answer(outer, response)

        node.create_service(Outer, '/r1/cancel_job/concealed', note)


def test_answer_of_a_stranger_is_none_and_counted(air: Air, tmp_path: Path) -> None:
    def answer(outer: Any, response: Any) -> Any:
        response.body = array('B', bytes(64))
        response.number = 1
        return response

    other = Air.robot(air, 'r2')
    liar = Liar(air, answer)
    client = cancel(other)
    air.until(client.service_is_ready)
    future = client.call_async(request())
    air.until(lambda: other.guard.counts().get(UNPROVEN))
    assert not future.done() and liar.asked[0].life == 0
    assert not any(WORD.encode() in bytes(serialize_message(one)) for one in liar.asked)


def test_stranger_with_keys_of_another_authority_is_told_nothing(
    air: Air, tmp_path: Path
) -> None:
    foreign = Protection(str(tmp_path / 'foreign'), 'swarm', RobotId('r1'), 'sign_encrypt')
    answering = foreign.requests.answering
    assert answering is not None

    def answer(outer: Any, response: Any) -> Any:
        introduce(response, answering.introduction)
        return response

    other = air.robot('r2')
    liar = Liar(air, answer)
    client = cancel(other)
    air.until(client.service_is_ready)
    future = client.call_async(request())
    air.until(lambda: other.guard.counts().get(UNPROVEN))
    assert not future.done() and [one.life for one in liar.asked] == [0]


def test_robot_that_opens_nothing_is_asked_a_few_times_only(air: Air) -> None:
    """Somebody who plays the robot's introduction again, and cannot open what it is told."""
    robot, other = air.robot('r1'), air.robot('r2')
    answering = robot.guard.requests.answering

    def answer(outer: Any, response: Any) -> Any:
        introduce(response, answering.introduction)
        return response

    liar = Liar(air, answer)
    client = cancel(other)
    air.until(client.service_is_ready)
    future = client.call_async(request())
    air.until(lambda: other.guard.counts().get(UNPROVEN))
    assert not future.done() and len(liar.asked) == 2
    assert not any(WORD.encode() in bytes(serialize_message(one)) for one in liar.asked)


def test_client_that_is_given_up_forgets(air: Air) -> None:
    other = air.robot('r2')
    liar = Liar(air, lambda outer, response: response)
    client = cancel(other)
    air.until(client.service_is_ready)
    future = client.call_async(request())
    client.remove_pending_request(future)
    air.until(lambda: liar.asked)
    air.beside()
    assert not future.done() and not client._pending  # noqa: SLF001
    assert other.destroy_client(client)


# ---- who does not know the level


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing_client, 'PATIENCE_S', 0.2)


def trap(air: Air) -> list[Any]:
    """A stranger offers the readable service of r1; what it is asked."""
    caught: list[Any] = []
    node = air.plain('trap')

    def note(asked: Any, response: Any) -> Any:
        caught.append(asked)
        return response

    node.create_service(srv.CancelJob, '/r1/cancel_job', note)
    return caught


def refused(air: Air, client: Any) -> str:
    """Why nothing was asked, in the end."""
    air.until(client.service_is_ready)
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        try:
            future = client.call_async(request())
        except NoCaller as error:
            return str(error)
        air.beside()
        assert not future.done()
    raise AssertionError('it asks for ever')


def test_robot_that_only_signs_is_asked_in_the_clear_once_it_has_proven_that(air: Air) -> None:
    robot = air.robot(level='sign')
    air.offer(robot)
    node = air.asking()
    client = cancel(node)
    assert air.ask(client, request()).reason == WORD
    looks = air.plain('looks')
    assert not offers(looks, '/r1/cancel_job/concealed')
    assert node.destroy_client(client)


def test_forged_word_on_the_level_brings_nobody_to_ask_in_the_clear(
    air: Air, hasty: None, tmp_path: Path
) -> None:
    Protection(str(air.folder), 'swarm', RobotId('r1'), 'sign')  # there are keys
    caught, client = trap(air), cancel(air.asking())
    assert 'its certificate was not heard' in refused(air, client)
    air.card(air.plain('unsigned'), 'r1', 'sign')
    air.beside()
    foreign = air.robot('r1', 'sign', folder=tmp_path / 'foreign')
    assert 'r1 does not prove that it has security: sign' in refused(air, client)
    air.end(foreign)
    assert not caught


def test_card_with_the_certificate_of_the_robot_and_a_wrong_signature_proves_nothing(
    air: Air, hasty: None
) -> None:
    robot = air.robot('r1', 'sign_encrypt')  # says its certificate, and offers nothing readable
    air.until(lambda: robot.count_publishers('/swarm/certificates'))
    caught, client = trap(air), cancel(air.asking())
    forged = msg.RobotCard(security='sign', envelope=msg.Envelope(
        swarm_id='swarm', sender='r1', incarnation=9, signature=[1] * 64,
        protocol_version=msg.Envelope.PROTOCOL_VERSION))
    out = air.plain('forger').create_publisher(CARD.kind, CARD.name, CARD.qos)
    out.publish(forged)
    refused(air, client)
    air.beside()
    assert 'does not prove' in refused(air, client) and not caught


def test_card_of_an_earlier_life_of_a_robot_that_encrypts_now_proves_nothing(
    air: Air, hasty: None
) -> None:
    before = Protection(str(air.folder), 'swarm', RobotId('r1'), 'sign')
    recorder = air.add(before.node('recorder', 'r1', True))
    air.card(recorder, 'r1', 'sign', life=1)
    air.card(air.robot('r1', 'sign_encrypt'), 'r1', 'sign_encrypt', life=2)
    caught, node = trap(air), air.asking()
    client = cancel(node)
    air.until(lambda: len(node._levels._robots.get('r1', Heard()).cards) == 3)  # noqa: SLF001
    assert 'it has security: sign_encrypt' in refused(air, client)
    assert not caught


def test_encrypted_service_is_asked_wherever_there_is_one(air: Air) -> None:
    robot = air.robot()
    air.offer(robot)
    caught, client = trap(air), cancel(air.asking())
    air.until(lambda: client._node.count_services('/r1/cancel_job/concealed'))  # noqa: SLF001
    assert air.ask(client, request()).reason == WORD
    assert not caught and air.asked


@pytest.mark.parametrize('security', ['off', 'sign_encrypt'])
def test_lowest_level_can_be_asked_for(air: Air, hasty: None, security: str) -> None:
    Protection(str(air.folder), 'swarm', RobotId('r1'), 'sign')
    caught, client = trap(air), cancel(air.asking(security=security))
    if security == 'off':
        assert air.ask(client, request()).code == 0
        assert caught
    else:
        air.beside()
        assert not client.service_is_ready() and not client.wait_for_service(0.1)


def test_robot_of_a_swarm_of_which_there_are_no_keys_is_not_asked_in_the_clear(
    air: Air
) -> None:
    Protection(str(air.folder), 'swarm', RobotId('r2'), 'sign')
    (air.folder / 'operator').rename(air.folder.parent / 'operator')
    caught, client = trap(air), cancel(air.asking())
    air.until(client.service_is_ready)
    with pytest.raises(NoCaller, match='the keys here are not of its swarm'):
        client.call_async(request())
    assert not caught


def test_who_has_no_keys_at_all_asks_as_ever(air: Air, tmp_path: Path) -> None:
    caught = trap(air)
    assert air.ask(cancel(air.asking(folder=tmp_path / 'none')), request()).code == 0
    assert caught[0].credential == msg.Credential()


def test_wrong_word_on_the_lowest_level_is_refused(air: Air) -> None:
    with pytest.raises(ValueError, match='expected one of'):
        air.asking(security='none')


def test_card_is_said_again_with_new_keys(air: Air) -> None:
    robot = air.robot('r1', 'sign')
    said: list[int] = []
    robot.says_once(lambda: said.append(1))
    protection = air.protections['r1']
    protection._again()  # noqa: SLF001
    assert not said
    authority = Authority.open(air.folder / AUTHORITY)
    folder, now_s = air.folder / 'r1', time.time()
    asked = robot_folder.request(folder, 'swarm', 'r1', new_keys=True)
    papers = authority.papers(authority.issue(asked, (Role.VOTER,), now_s, 10, True))
    robot_folder.install(folder, papers, now_s, robot_id='r1')
    protection._again()  # noqa: SLF001
    assert said == [1]
