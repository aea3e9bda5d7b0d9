# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Signed messages between real nodes over DDS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

from rclpy.node import Node  # noqa: E402
from rclpy.qos import DurabilityPolicy, QoSProfile  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from spun_nodes import SpunNodes  # noqa: E402
from swarm_msgs import msg  # noqa: E402

from swarm_coordinator.core.identity.certificate import Role  # noqa: E402
from swarm_coordinator.core.identity.doorkeeper import Known, Reason  # noqa: E402
from swarm_coordinator.core.identity.sealed import (  # noqa: E402
    padded,
    parted,
    read_header,
    to_sign,
)
from swarm_coordinator.ros.guarded_node import (  # noqa: E402
    SOURCE_BYTES,
    Guard,
    GuardedNode,
    has_envelope,
    source_of,
    with_info,
)
from swarm_coordinator.security.keys import LooseKey  # noqa: E402

KINDS = sorted(
    (kind for kind in vars(msg).values() if isinstance(kind, type) and has_envelope(kind)),
    key=lambda kind: kind.__name__,
)


class Air(SpunNodes):
    """Nodes of robots that know one another, until closed."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Known] = {}

    def guard(self, robot_id: str, known: bool = True) -> Guard:
        key = LooseKey()
        if known:
            self.known[robot_id] = Known(key.public, frozenset({Role.VOTER}), 0, 2**40)
        return Guard('swarm', robot_id, key, self.known.get)

    def robot(self, robot_id: str, addressed: bool = True, known: bool = True) -> GuardedNode:
        guard = self.guard(robot_id, known)
        return self.add(
            GuardedNode('node', namespace=robot_id, guard=guard, addressed=addressed)
        )


@pytest.fixture
def air() -> Iterator[Air]:
    made = Air()
    yield made
    made.close()


def beat(sender: str = 'beta', sequence: int = 1, **fields: Any) -> msg.Heartbeat:
    return msg.Heartbeat(
        term=7,
        envelope=msg.Envelope(
            swarm_id='swarm', sender=sender, storage_id=5, incarnation=1, sequence=sequence,
            protocol_version=msg.Envelope.PROTOCOL_VERSION, **fields,
        ),
    )


def test_there_are_messages_with_an_envelope() -> None:
    assert {msg.Heartbeat, msg.Vote, msg.Receipts} <= set(KINDS)
    assert {msg.SwarmState, msg.ModeState, msg.JobUpdates, msg.Advice} <= set(KINDS)
    assert not has_envelope(msg.ModeValue)


@pytest.mark.parametrize('kind', KINDS)
def test_envelope_lies_where_it_is_looked_for(kind: Any) -> None:
    envelope = msg.Envelope(
        swarm_id='a swarm', sender='beta', recipient='r', incarnation=2**64 - 1,
        storage_id=2**63, lineage=3, sequence=4, protocol_version=5,
        signature=list(range(64)),
    )
    raw = bytes(serialize_message(kind(envelope=envelope)))
    found = read_header(raw)
    assert (found.swarm_id, found.sender, found.recipient) == ('a swarm', 'beta', 'r')
    assert (found.incarnation, found.storage_id) == (2**64 - 1, 2**63)
    assert (found.lineage, found.sequence, found.protocol_version) == (3, 4, 5)
    assert raw[found.signature_at : found.signature_at + 64] == bytes(range(64))
    assert deserialize_message(padded(raw), kind).envelope.sender == 'beta'


def test_sealed_message_says_what_it_said(air: Air) -> None:
    raw = air.guard('beta').sealed('/swarm/heartbeat', beat())
    found = deserialize_message(raw, msg.Heartbeat)
    assert (found.term, found.envelope.sender) == (7, 'beta')
    assert bytes(found.envelope.signature) != bytes(64)


def test_signed_message_arrives_and_an_unsigned_one_does_not(air: Air) -> None:
    heard: list[msg.Heartbeat] = []
    listening = air.robot('alpha')
    listening.create_subscription(msg.Heartbeat, '/swarm/heartbeat', heard.append, 10)
    plain = air.add(Node('plain'))
    out = plain.create_publisher(msg.Heartbeat, '/swarm/heartbeat', 10)
    refused = listening.guard.refusals()[0].counts
    air.until(lambda: refused[Reason.UNSIGNED], lambda: out.publish(beat(sequence=900)))
    assert heard == []
    speaking = air.robot('beta').create_publisher(msg.Heartbeat, '/swarm/heartbeat', 10)
    numbers = iter(range(1, 1000))
    air.until(lambda: heard, lambda: speaking.publish(beat(sequence=next(numbers))))
    assert heard[0].term == 7


def test_who_has_no_certificate_is_not_heard_and_is_named(air: Air) -> None:
    listening = air.robot('alpha')
    heard: list[Any] = []
    listening.create_subscription(msg.Heartbeat, '/swarm/heartbeat', heard.append, 10)
    out = air.robot('beta', known=False).create_publisher(msg.Heartbeat, '/swarm/heartbeat', 10)
    refusals = listening.guard.refusals()[0]
    air.until(lambda: refusals.counts[Reason.UNKNOWN], lambda: out.publish(beat()))
    assert refusals.last[Reason.UNKNOWN].sender == 'beta' and heard == []


def test_message_that_is_sent_again_by_another_is_heard_once(air: Air) -> None:
    heard: list[Any] = []
    listening = air.robot('alpha')
    listening.create_subscription(msg.Heartbeat, '/swarm/heartbeat', heard.append, 10)
    recorded = air.guard('beta').sealed('/swarm/heartbeat', beat())
    out = air.add(Node('replaying')).create_publisher(msg.Heartbeat, '/swarm/heartbeat', 10)
    refused = listening.guard.refusals()[0].counts
    air.until(lambda: refused[Reason.REPLAYED], lambda: out.publish(recorded))
    assert len(heard) == 1


def test_part_that_counts_nothing_is_counted_for(air: Air) -> None:
    heard: list[msg.Receipts] = []
    listening = air.robot('alpha')
    listening.create_subscription(msg.Receipts, '/swarm/receipts', heard.append, 10)
    out = air.robot('beta').create_publisher(msg.Receipts, '/swarm/receipts', 10)

    def tell() -> None:
        out.publish(msg.Receipts(envelope=msg.Envelope(
            swarm_id='swarm', sender='beta', protocol_version=msg.Envelope.PROTOCOL_VERSION)))

    air.until(lambda: len(heard) >= 3, tell)
    numbers = [one.envelope.sequence for one in heard]
    assert numbers == sorted(set(numbers)) and heard[0].envelope.storage_id


def test_what_carries_no_envelope_is_left_as_it_is(air: Air) -> None:
    heard: list[Any] = []
    air.robot('alpha').create_subscription(msg.ModeValue, '/swarm/plain', heard.append, 10)
    out = air.robot('beta').create_publisher(msg.ModeValue, '/swarm/plain', 10)
    air.until(lambda: heard, lambda: out.publish(msg.ModeValue(mode=3)))
    assert heard[0].mode == 3


def test_listener_that_wants_bytes_gets_those_that_were_checked(air: Air) -> None:
    heard: list[bytes] = []
    watching = air.robot('alpha', addressed=False)
    watching.create_subscription(
        msg.Heartbeat, '/swarm/heartbeat', heard.append, 10, raw=True
    )
    out = air.robot('beta').create_publisher(msg.Heartbeat, '/swarm/heartbeat', 10)
    numbers = iter(range(1, 1000))
    air.until(
        lambda: heard, lambda: out.publish(beat(sequence=next(numbers), recipient='gamma'))
    )
    assert deserialize_message(heard[0], msg.Heartbeat).envelope.recipient == 'gamma'


def test_what_is_said_once_is_heard_when_the_certificate_comes_after_it(air: Air) -> None:
    heard: list[msg.RobotCard] = []
    speaking = air.robot('beta')
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    card = msg.RobotCard(envelope=beat().envelope, host='dock')
    speaking.create_publisher(msg.RobotCard, '/swarm/robots', latched).publish(card)
    known = air.known.pop('beta')
    listening = air.robot('alpha')
    listening.create_subscription(msg.RobotCard, '/swarm/robots', heard.append, latched)
    air.until(lambda: listening.guard.refusals()[0].counts[Reason.UNKNOWN])
    air.known['beta'] = known
    listening.came('beta')
    assert [one.host for one in heard] == ['dock']
    listening.came('beta')
    assert len(heard) == 1


def test_bytes_that_are_no_message_are_left_out_and_the_next_one_is_heard(air: Air) -> None:
    heard: list[msg.ModeValue] = []
    air.robot('alpha').create_subscription(msg.ModeValue, '/swarm/plain', heard.append, 40)
    out = air.add(Node('hostile')).create_publisher(msg.ModeValue, '/swarm/plain', 40)
    # Each says that its last bytes only fill it up, more of them than there are.
    broken = [bytes([0, 1, 0, 3]) + bytes(size) for size in range(13)]
    air.until(lambda: heard, lambda: out.publish(msg.ModeValue(mode=3)))
    for raw in broken:
        out.publish(raw)
    air.until(lambda: heard[-1].mode == 4, lambda: out.publish(msg.ModeValue(mode=4)))
    assert {one.mode for one in heard} == {3, 4}


@pytest.mark.parametrize('executor', ['events', 'single threaded'])
def test_listener_is_told_where_a_message_came_from(air: Air, executor: str) -> None:
    if executor == 'events':
        experimental = pytest.importorskip('rclpy.experimental', reason='rclpy is too old')
        air.executor = experimental.EventsExecutor()
    heard: list[tuple[Any, bytes]] = []
    air.robot('alpha').create_subscription(
        msg.ModeValue, '/swarm/plain',
        with_info(lambda message, info: heard.append((message, source_of(info)))), 10)
    out = air.robot('beta').create_publisher(msg.ModeValue, '/swarm/plain', 10)
    air.until(lambda: heard, lambda: out.publish(msg.ModeValue(mode=3)))
    message, source = heard[0]
    assert message.mode == 3 and len(source) == SOURCE_BYTES


def test_listeners_of_one_node_all_hear_what_is_said_once(air: Air) -> None:
    heard: list[str] = []
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    air.robot('beta').create_publisher(msg.SwarmState, '/swarm/state', latched).publish(
        msg.SwarmState(leader='beta'))
    node = air.robot('alpha', addressed=False)
    for name in ('view', 'votes'):
        node.create_subscription(
            msg.SwarmState, '/swarm/state',
            lambda one, name=name: heard.append(f'{name}: {one.leader}'), latched)
    air.until(lambda: len(heard) == 2)
    # One that is made later is told what is latched, too.
    node.create_subscription(
        msg.SwarmState, '/swarm/state', lambda one: heard.append(f'later: {one.leader}'), latched)
    air.until(lambda: len(heard) == 3)
    assert sorted(heard) == ['later: beta', 'view: beta', 'votes: beta']
    assert node.guard.counts() == {}


def test_parts_of_a_robot_hear_one_another_and_nobody_else_on_its_topics(air: Air) -> None:
    heard: list[msg.Advice] = []
    node = air.robot('alpha')
    node.create_subscription(msg.Advice, 'advice', heard.append, 10)
    other = air.robot('beta').create_publisher(msg.Advice, '/alpha/advice', 10)
    air.until(lambda: node.guard.counts(), lambda: other.publish(msg.Advice(robot_id='alpha')))
    assert set(node.guard.counts()) == {Reason.ROLE.value} and heard == []
    own = node.create_publisher(msg.Advice, 'advice', 10)
    air.until(lambda: heard, lambda: own.publish(msg.Advice(robot_id='alpha')))
    assert (heard[0].envelope.swarm_id, heard[0].envelope.sender) == ('swarm', 'alpha')


def test_a_part_can_sign_for_others_to_pass_on_and_check_what_they_bring(air: Air) -> None:
    alpha, beta = air.robot('alpha'), air.robot('beta')
    signature = alpha.sign(b'what it says')
    assert beta.verify('alpha', b'what it says', signature) is True
    for data, robot in ((b'something else', 'alpha'), (b'what it says', 'beta')):
        assert beta.verify(robot, data, signature) is False
    assert beta.verify('alpha', b'what it says', signature[:63]) is False
    air.known.pop('alpha')
    assert beta.verify('alpha', b'what it says', signature) is None
    air.known['alpha'] = Known(b'k' * 32, frozenset({Role.VOTER}), 0, 1)
    assert beta.verify('alpha', b'what it says', signature) is None, 'it has ended'


def test_what_a_part_signs_is_never_a_message(air: Air) -> None:
    alpha = air.robot('alpha')
    raw = alpha.guard.sealed('/swarm/heartbeat', beat('alpha'))
    header = read_header(raw)
    blank, signature = parted(raw, header)
    assert alpha.verify('alpha', to_sign('/swarm/heartbeat', blank), signature) is False


def test_what_a_part_refuses_is_counted_and_named(air: Air) -> None:
    alpha = air.robot('alpha')
    alpha.refused('receipts forged', 'mallory', 2)
    for number in range(100):
        alpha.refused(f'{number}', 'mallory', 1)
    alpha.refused('receipts forged', 'eve', 1)
    assert alpha.guard.counts()['receipts forged'] == 3 and len(alpha.guard.counts()) <= 32
    assert alpha.guard.last() == 'eve: receipts forged'
