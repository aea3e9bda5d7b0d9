# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""ROS messages into a robot: what the transport makes of them, and what a whole coordinator does
with that. Also CDR itself, as it comes over the wire."""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

from rclpy.serialization import serialize_message
from swarm_msgs import msg

from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.events import Event, Tick
from swarm_coordinator.core.files.manifest import CHUNK_BYTES
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.replicated.command import (
    Issued,
    RegisterRobot,
    SubmitJob,
    decode,
    encode,
)
from swarm_coordinator.core.replicated.snapshot import encode_state
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.ros import abilities, conversions, job_conversions
from swarm_coordinator.ros.transport import StorageIdentity, Transport, _raft_topic
from swarm_tower.ros.cdr import message_of

from . import mutation, wire
from .target import Broken, Target

ROS = ('swarm_coordinator.ros.transport', 'swarm_coordinator.ros.conversions',
       'swarm_coordinator.ros.job_conversions')
MS = 1_000_000
SWARM, ME, OTHER = 'swarm', RobotId('r1'), RobotId('r2')
HANDLERS: dict[str, Callable[[Transport, Any], None]] = {
    'Heartbeat': Transport._on_beacon,
    **{kind.__name__: Transport._on_raft for kind in conversions.RAFT_KINDS},
    'ProbeRequest': Transport._on_probe_request,
    'ProbeReply': Transport._on_probe_reply,
    'Emergency': Transport._on_emergency,
    'Proposal': Transport._on_proposal,
    'ProposalReply': Transport._on_proposal_reply,
    'JobReport': Transport._on_report,
    'JobOffer': Transport._on_offer,
    'FileRequest': Transport._on_file_request,
    'FileManifest': Transport._on_manifest,
    'FileChunk': Transport._on_chunk,
}
KINDS = {name: getattr(msg, name) for name in HANDLERS}


class _Log:
    """The transport's logger."""

    def warning(self, *_: Any, **__: Any) -> None: ...
    def error(self, *_: Any, **__: Any) -> None: ...


class _Node:
    def get_logger(self) -> _Log:
        return _Log()

    def create_publisher(self, *_: Any) -> Any:
        return None


def transport(post: Callable[[Any], None]) -> Transport:
    """One that hears without DDS. Files are heard as events are."""
    made = Transport(_Node(), SWARM, ME, StorageIdentity(1, 100), post)  # type: ignore[arg-type]
    made.requested = made.page_heard = made.chunk_heard = post
    return made


def heard(messages: Iterator[Any]) -> list[Any]:
    """The events of those messages that are not dropped."""
    events: list[Any] = []
    ear = transport(events.append)
    for one in messages:
        if ear._for_us(one):
            try:
                HANDLERS[type(one).__name__](ear, one)
            except ValueError:  # what the transport drops and counts
                continue
    return events


def _transport(messages: Iterator[Any]) -> None:
    heard(messages)


def envelope(message: Any, sender: str = OTHER, recipient: str = '') -> Any:
    message.envelope = msg.Envelope(
        swarm_id=SWARM, sender=sender, recipient=recipient, incarnation=5, storage_id=101,
        sequence=1, protocol_version=msg.Envelope.PROTOCOL_VERSION)
    return message


# ---- real messages


@functools.cache
def recorded() -> list[list[Any]]:
    """What robots of a real, if simulated, swarm say to each other: one script a kind, and some of
    several."""
    from coordinator_cluster import Cluster

    said: dict[str, list[Any]] = {}
    sink = transport(lambda event: None)
    sink.publish = lambda topic, message: said.setdefault(  # type: ignore[method-assign]
        type(message).__name__, []).append(message)

    class Listening(Cluster):
        def _perform(self, machine: Any, effect: Any) -> None:
            sink._robot_id = machine.robot_id
            _speak(sink, effect)
            super()._perform(machine, effect)

    cluster = Listening(3)
    cluster.run_ms(3000)
    cluster.submit(OTHER, 'k1', 1)
    cluster.run_ms(6000)
    scripts = [[one] for rows in said.values() for one in (rows[0], rows[-1])]
    scripts += [[rows[len(rows) // 2] for rows in said.values()][at: at + 6] for at in (0, 4, 8)]
    return [one for one in scripts if one] + [[one] for one in _made()]


def _speak(sink: Transport, effect: Any) -> None:
    name = type(effect).__name__
    if name == 'Send' and type(effect.message) in conversions.RAFT_KINDS:
        sink.send(_raft_topic(effect.message), conversions.raft_to_msg(effect.message))
    elif name == 'Send':
        from swarm_coordinator.core.raft import Heartbeat, Role
        role = Role.LEADER if isinstance(effect.message, Heartbeat) else Role.FOLLOWER
        sink.send('/swarm/heartbeat', conversions.beacon_to_msg(effect.message, role))
    else:
        does = {
            'SendProposal': sink.send_proposal, 'RefuseProposal': sink.refuse_proposal,
            'OfferOutputs': sink.offer_outputs, 'TellStored': sink.tell_stored,
            'AskOffer': sink.ask_offer, 'AnswerOffer': sink.answer_offer,
            'AskPeer': sink.ask_peer, 'AnswerPeer': sink.answer_probe,
            'Announce': sink.publish_emergency,
        }.get(name)
        if does is not None:
            does(effect)


def _made() -> list[Any]:
    """Kinds that a calm swarm does not send."""
    body, sha256 = encode_state(ReplicatedState()), b'\1'
    return [envelope(one) for one in (
        msg.FileRequest(sha256=list(sha256 * 32), chunk_bytes=CHUNK_BYTES, chunks=[0, 1]),
        msg.FileManifest(sha256=list(sha256 * 32), held=True, size_bytes=70_000,
                         chunk_bytes=CHUNK_BYTES, chunk_sha256=bytes(96),
                         addresses=['127.0.0.1:5000'], pass_key=list(bytes(16))),
        msg.FileChunk(sha256=list(sha256 * 32), chunk_bytes=CHUNK_BYTES, data=body),
        msg.Emergency(epoch=3, active=True, raised_by='r2', reason='smoke'),
        msg.ProbeRequest(target='r3', nonce=7), msg.ProbeReply(target='r3', nonce=7),
        msg.TimeoutNow(term=3), msg.ReadRequest(term=3, request_id=1),
        msg.ReadReply(term=3, request_id=1, confirmed=True, index=5),
        msg.SnapshotChunk(term=3, last_index=9, last_term=2, total_bytes=2, data=b'{}'),
        msg.SnapshotReply(term=3, last_index=9),
    )]


# ---- a whole coordinator


@functools.cache
def _worlds() -> tuple[tuple[Coordinator, int, int], ...]:
    """r1 as the leader and as a follower, with jobs and leases behind it; time and wall time."""
    from coordinator_cluster import Cluster

    found: dict[str, tuple[Coordinator, int, int]] = {}
    for seed in range(1, 30):
        cluster = Cluster(seed)
        cluster.run_ms(2500)
        cluster.submit(OTHER, 'k1', 1)
        cluster.run_ms(1500)
        core = cluster.machines[ME].core
        assert core is not None
        found.setdefault(core.raft.role.name, (core, cluster.now_ns, cluster.wall_base_ns))
        if len(found) == 2:
            break
    return tuple(found[name] for name in sorted(found))


def _coordinator(messages: Iterator[Any]) -> None:
    """No message, whatever it says, ends a robot or breaks what must hold; nor does what comes
    after it."""
    events: list[Event] = heard(messages)
    for first, now_ns, wall_ns in _worlds():
        core = copy.deepcopy(first)
        for event in [*events, Tick(), Tick(), Tick()]:
            if type(event).__name__ in ('FileQuestion', 'ManifestPage', 'Chunk'):
                continue
            now_ns += 10 * MS
            core.handle([event], now_ns, wall_ns + now_ns)
            core.check_invariants()


# ---- jobs as clients submit them


def _submitted(messages: Iterator[Any]) -> None:
    for one in messages:
        try:
            spec = job_conversions.spec_from_msg(one.spec, one.stages)
            spec.check()
        except ValueError:
            continue
        command = SubmitJob('r1-1-1', ME, spec, '', '')
        if decode(encode(Issued(ME, 1, 1, 0, command))).command != command:
            raise Broken('a job is not what was submitted')
        shown = job_conversions.spec_to_msg(spec)
        if job_conversions.spec_from_msg(shown, one.stages) != spec:
            raise Broken('a job is not what it was after the round trip')


def _job_seeds() -> list[list[Any]]:
    from coordinator_samples import pipeline, ref, spec, stage
    from swarm_msgs.srv import SubmitJob as Service

    from swarm_coordinator.core.jobs.kinds.pipeline_kind import Feed
    plain = spec('xz', (ref(),), ('out.xz',), requires=('exec:xz',), timeout_ms=1000)
    staged = pipeline(
        stage('a', outputs=('o',)), stage('b', 'a', feeds=(Feed('a', 'o', 'i'),)),
        outputs=('a/o',))
    seeds = [[Service.Request(spec=job_conversions.spec_to_msg(plain))]]
    seeds.append([Service.Request(
        spec=job_conversions.spec_to_msg(staged),
        stages=[job_conversions.stage_to_msg(one) for one in staged.work.stages])])
    for work in (
        msg.JobSpec(kind='python', python=[msg.PythonWork(callable='a:b', arguments='{}')]),
        msg.JobSpec(kind='record', record=[msg.RecordWork(topics=['/a'], duration_ms=500)]),
        msg.JobSpec(kind='call', call=[msg.CallWork(interface='/a', interface_type='a/srv/B')]),
        msg.JobSpec(kind='encode', encode=[msg.EncodeWork()], outputs=['a.mp4']),
    ):
        seeds.append([Service.Request(spec=work)])
    return seeds


def _job_kinds() -> dict[str, Any]:
    from swarm_msgs.srv import SubmitJob as Service
    return {Service.Request.__name__: Service.Request}


# ---- what the robot's own nodes tell it: anybody on the domain can publish there


def _own(messages: Iterator[Any]) -> None:
    for one in messages:
        if isinstance(one, msg.HardwareInventory):
            _offered(one)
        elif isinstance(one, msg.Advice):
            job_conversions.route_advice_from_msg(one)
            conversions.reputation_advice_from_msg(one)
        elif isinstance(one, msg.Capability):
            try:
                conversions.capability_from_msg(one)
            except ValueError:
                continue


def _offered(inventory: Any) -> None:
    found = abilities.hardware_capabilities(inventory)
    command = RegisterRobot(ME, 1, True, 'host', '0', 1, found)
    decode(encode(Issued(ME, 1, 1, 0, command)))


def _own_seeds() -> list[list[Any]]:
    return [
        [msg.HardwareInventory(robot_id='r1', devices=[msg.HardwareDevice(
            device_id='cam', capabilities=[msg.Capability(name='camera', amount=2.0, unit='px')]
        )])],
        [msg.Advice(robot_id='r1', valid_ms=1000, has_mode=True, routes=[msg.RouteCost(
            task='exec:xz', robot_id='r2', work_ms=5.0, success=0.9, quality=0.5)],
            reputations=[msg.RobotReputation(robot_id='r2', lower_bound=0.5)])],
        [msg.Capability(name='memory', amount=1.5, unit='B')],
    ]


# ---- CDR


def _cdr_kinds() -> list[Any]:
    return [KINDS[name] for name in sorted(KINDS)]


def _cdr(data: bytes) -> None:
    """The first byte chooses the kind. As the tower reads what it takes raw or from recordings."""
    kinds = _cdr_kinds()
    if data:
        heard(iter([message_of(data[1:], kinds[data[0] % len(kinds)])]))


def _cdr_seeds() -> list[bytes]:
    kinds = _cdr_kinds()
    return [
        bytes((kinds.index(type(one)),)) + serialize_message(one)
        for script in recorded() for one in script[:1] if len(serialize_message(one)) < 2000
    ]


logging.getLogger('swarm_coordinator').setLevel(logging.CRITICAL)
TARGETS = (
    wire.script_target('transport', KINDS, _transport, recorded, ROS),
    wire.script_target('coordinator', KINDS, _coordinator, recorded, (
        'swarm_coordinator.core',), seconds_max=20),
    wire.script_target('submitted_job', _job_kinds(), _submitted, _job_seeds, (
        'swarm_coordinator.ros.job_conversions', 'swarm_coordinator.core.jobs')),
    wire.script_target(
        'own_topics', {name: getattr(msg, name) for name in (
            'HardwareInventory', 'Advice', 'Capability')}, _own, _own_seeds,
        (*ROS, 'swarm_coordinator.ros.abilities')),
    Target('cdr', _cdr, (ValueError,), _cdr_seeds, mutation.of_bytes, ROS),
)
