# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Encrypted messages between real nodes over DDS, and what a stranger hears of them."""

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
from swarm_coordinator.core.identity.concealed import SUFFIX, Keyless  # noqa: E402
from swarm_coordinator.core.identity.doorkeeper import Known, Reason  # noqa: E402
from swarm_coordinator.core.identity.sealed import read_header  # noqa: E402
from swarm_coordinator.ros.guarded_node import Guard, GuardedNode, has_envelope  # noqa: E402
from swarm_coordinator.ros.secrecy import READABLE, Secrecy  # noqa: E402
from swarm_coordinator.ros.topics import TOPICS  # noqa: E402
from swarm_coordinator.security import keys  # noqa: E402
from swarm_coordinator.security.keys import LooseKey  # noqa: E402

MARKER = 'a marker that is nowhere else 4711'
EVENTS = '/swarm/events'
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
KINDS = sorted(
    (kind for kind in vars(msg).values() if isinstance(kind, type)
     and has_envelope(kind) and kind is not msg.Concealed),
    key=lambda kind: kind.__name__,
)


class Air(SpunNodes):
    """Nodes of robots that encrypt, until closed. `gone` are revoked."""

    step_s = 0.02

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Known] = {}
        self.certified: dict[str, bytes] = {}
        self.gone: set[str] = set()

    def robot(self, robot_id: str, *, attached: bool = True, addressed: bool = True) -> Any:
        key, private = LooseKey(), keys.make_exchange_key()
        self.known[robot_id] = Known(key.public, frozenset({Role.VOTER}), 0, 2**40)
        self.certified[robot_id] = keys.public_bytes(private)
        guard = Guard('swarm', robot_id, key, self.known.get)
        made: list[GuardedNode] = []
        guard.secrecy = Secrecy(
            'swarm', robot_id, lambda public: keys.agreed_secret(private, public),
            self.certified.get, lambda name: name not in self.gone,
            lambda name: made[0].came(name))
        made.append(GuardedNode('node', namespace=robot_id, guard=guard, addressed=addressed))
        if attached:
            guard.secrecy.attach(made[0])
        return self.add(made[0])


@pytest.fixture
def air() -> Iterator[Air]:
    made = Air()
    yield made
    made.close()


class Beats:
    """Beacons of one robot, each with the next number."""

    def __init__(self, node: Any, robot_id: str) -> None:
        self.node, self.robot_id, self.sequence = node, robot_id, 0
        self.out = node.create_publisher(msg.Heartbeat, '/swarm/heartbeat', 10)

    def message(self) -> msg.Heartbeat:
        self.sequence += 1
        return msg.Heartbeat(term=7, leader=MARKER, envelope=msg.Envelope(
            swarm_id='swarm', sender=self.robot_id, storage_id=5, incarnation=1,
            sequence=self.sequence, protocol_version=msg.Envelope.PROTOCOL_VERSION))

    def say(self) -> None:
        self.out.publish(self.message())


def refused(node: Any, reason: Reason) -> int:
    return int(node.door_refusals.counts[reason])


@pytest.mark.parametrize('kind', KINDS)
def test_every_message_with_an_envelope_comes_out_as_it_went_in(air: Air, kind: Any) -> None:
    guard = air.robot('beta', attached=False).guard
    envelope = msg.Envelope(swarm_id='swarm', sender='beta', recipient='r', incarnation=2,
                            sequence=4, storage_id=9, protocol_version=1)
    message = kind(envelope=envelope)
    raw = guard.concealed('/swarm/topic', message)
    assert deserialize_message(raw, msg.Concealed).envelope.sender == 'beta'
    plain = guard.revealed('/swarm/topic', raw, read_header(raw))
    found = deserialize_message(plain, kind)
    found.envelope.signature = message.envelope.signature
    assert found == message


def test_what_must_be_readable_is_named_and_all_else_is_not() -> None:
    assert {name for name in TOPICS if not Secrecy.covers(name)} == {
        '/swarm/emergency', '/swarm/emergency_now', '/swarm/robots'}
    assert {'/swarm/certificates', '/swarm/keys'} <= READABLE
    assert Secrecy.covers('/alpha/local_state')


def test_members_hear_each_other_and_a_stranger_finds_no_word_of_it(air: Air) -> None:
    alpha, beta, stranger = air.robot('alpha'), air.robot('beta'), air.add(Node('stranger'))
    heard: list[msg.Heartbeat] = []
    tape: list[bytes] = []
    alpha.create_subscription(msg.Heartbeat, '/swarm/heartbeat', heard.append, 10)
    stranger.create_subscription(
        msg.Concealed, '/swarm/heartbeat' + SUFFIX, tape.append, 10, raw=True)
    plain: list[Any] = []
    stranger.create_subscription(msg.Heartbeat, '/swarm/heartbeat', plain.append, 10)
    beats = Beats(beta, 'beta')
    air.until(lambda: len(heard) >= 3 and len(tape) >= 3, beats.say)
    assert heard[0].term == 7 and heard[0].leader == MARKER
    assert plain == [] and not any(MARKER.encode() in raw for raw in tape)
    assert MARKER.encode() in bytes(serialize_message(beats.message())), 'it could be found'


def test_what_is_said_on_the_readable_topic_is_not_listened_to(air: Air) -> None:
    alpha, beta, stranger = air.robot('alpha'), air.robot('beta'), air.add(Node('stranger'))
    heard: list[msg.SwarmEvent] = []
    alpha.create_subscription(msg.SwarmEvent, EVENTS, heard.append, LATCHED)
    lie = stranger.create_publisher(msg.SwarmEvent, EVENTS, LATCHED)
    lie.publish(msg.SwarmEvent(text='a lie'))
    out = beta.create_publisher(msg.SwarmEvent, EVENTS, LATCHED)
    air.until(lambda: heard, lambda: out.publish(msg.SwarmEvent(text=MARKER)))
    assert {one.text for one in heard} == {MARKER}


def test_parts_of_a_robot_hear_its_own_topics(air: Air) -> None:
    alpha = air.robot('alpha')
    heard: list[msg.LocalState] = []
    alpha.create_subscription(msg.LocalState, 'local_state', heard.append, LATCHED)
    alpha.create_publisher(msg.LocalState, 'local_state', LATCHED).publish(msg.LocalState())
    air.until(lambda: heard)


def test_robot_in_two_processes_reads_itself(air: Air) -> None:
    one = air.robot('alpha')
    key, certified = air.known['alpha'], air.certified['alpha']
    other = air.robot('alpha', addressed=False)
    # The same certificate: both have the keys of one folder.
    air.known['alpha'], air.certified['alpha'] = key, certified
    other.guard._keys = one.guard._keys  # noqa: SLF001
    other.guard.secrecy.exchange._agree = one.guard.secrecy.exchange._agree  # noqa: SLF001
    heard: list[msg.Heartbeat] = []
    other.create_subscription(msg.Heartbeat, '/swarm/heartbeat', heard.append, 10)
    beats = Beats(one, 'alpha')
    air.until(lambda: heard, beats.say)


def test_what_came_before_the_key_is_counted_and_what_is_said_once_is_kept(air: Air) -> None:
    beta = air.robot('beta', attached=False)
    beta.create_publisher(msg.SwarmEvent, EVENTS, LATCHED).publish(msg.SwarmEvent(text=MARKER))
    alpha = air.robot('alpha')
    heard: list[msg.SwarmEvent] = []
    alpha.create_subscription(msg.SwarmEvent, EVENTS, heard.append, LATCHED)
    air.until(lambda: refused(alpha, Reason.KEYLESS))
    assert heard == []
    beta.guard.secrecy.attach(beta)
    air.until(lambda: heard)
    assert heard[0].text == MARKER


def test_robot_that_starts_late_reads_what_is_latched(air: Air) -> None:
    beta = air.robot('beta')
    beta.create_publisher(msg.SwarmEvent, EVENTS, LATCHED).publish(msg.SwarmEvent(text=MARKER))
    alpha = air.robot('alpha')
    heard: list[msg.SwarmEvent] = []
    alpha.create_subscription(msg.SwarmEvent, EVENTS, heard.append, LATCHED)
    air.until(lambda: heard)


def test_revoked_robot_hears_nothing_of_what_is_said_with_the_next_key(air: Air) -> None:
    alpha, beta, gamma = (air.robot(name) for name in ('alpha', 'beta', 'gamma'))
    by_beta: list[Any] = []
    by_gamma: list[Any] = []
    beta.create_subscription(msg.Heartbeat, '/swarm/heartbeat', by_beta.append, 10)
    gamma.create_subscription(msg.Heartbeat, '/swarm/heartbeat', by_gamma.append, 10)
    beats = Beats(alpha, 'alpha')
    air.until(lambda: by_beta and by_gamma, beats.say)
    before = alpha.guard.secrecy.facts()[0]
    air.gone.add('gamma')
    air.until(lambda: alpha.guard.secrecy.facts()[0] > before, beats.say)
    before = refused(gamma, Reason.KEYLESS)
    air.until(lambda: refused(gamma, Reason.KEYLESS) > before, beats.say)
    count, heard = len(by_gamma), len(by_beta)
    air.until(lambda: len(by_beta) > heard + 20, beats.say)
    assert len(by_gamma) == count


def test_message_that_was_signed_and_cannot_be_decrypted_is_counted(air: Air) -> None:
    alpha, beta = air.robot('alpha'), air.robot('beta')
    heard: list[Any] = []
    alpha.create_subscription(msg.Heartbeat, '/swarm/heartbeat', heard.append, 10)
    beats = Beats(beta, 'beta')
    air.until(lambda: heard, beats.say)

    def spoiled() -> None:
        raw = beta.guard.concealed('/swarm/heartbeat', beats.message())
        message = deserialize_message(raw, msg.Concealed)
        message.number += 1
        beats.out.publish(beta.guard.sealed('/swarm/heartbeat', message))

    air.until(lambda: refused(alpha, Reason.UNREADABLE), spoiled)
    count = len(heard)
    air.until(lambda: refused(alpha, Reason.UNREADABLE) > 20, spoiled)
    assert len(heard) == count


def test_recorded_handover_gives_a_process_that_starts_later_nothing(air: Air) -> None:
    tape: list[bytes] = []
    air.add(Node('tape')).create_subscription(
        msg.KeyHandover, '/swarm/keys', tape.append, 10, raw=True)
    beta, _ = air.robot('beta'), air.robot('alpha')
    beats = Beats(beta, 'beta')
    air.until(lambda: any(deserialize_message(raw, msg.KeyHandover).recipients for raw in tape))
    raw = beta.guard.concealed('/swarm/heartbeat', beats.message())
    late = air.robot('alpha', attached=False)
    for one in tape:
        late.guard.secrecy.hear(deserialize_message(one, msg.KeyHandover))
    with pytest.raises(Keyless):
        late.guard.revealed('/swarm/heartbeat', raw, read_header(raw))


@pytest.mark.parametrize('fields', [
    {'exchange_key': [1] * 31}, {'exchange_key': []}, {'key_epoch': 5},
    {'recipients': ['x/1'] * 9000}, {'missing': ['x'] * 2000}, {'wrapped': [1] * 7},
    {'exchange_key': [0] * 32},
])
def test_handover_that_makes_no_sense_is_refused_and_the_next_is_taken(
    air: Air, fields: dict[str, Any]
) -> None:
    alpha = air.robot('alpha')
    beta = air.robot('beta', attached=False)
    ours = f'alpha/{alpha.guard.secrecy._self.life:08x}'  # noqa: SLF001
    whole = {'exchange_key': [9] * 32, 'key_epoch': 5 << 32 | 1, 'recipients': [ours],
             'wrapped': [1] * 48, 'envelope': msg.Envelope(swarm_id='swarm', sender='beta')}
    alpha.guard.secrecy.hear(msg.KeyHandover(**{**whole, **fields}))
    heard: list[Any] = []
    alpha.create_subscription(msg.Heartbeat, '/swarm/heartbeat', heard.append, 10)
    beta.guard.secrecy.attach(beta)
    beats = Beats(beta, 'beta')
    air.until(lambda: heard, beats.say)
