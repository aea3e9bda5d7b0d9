# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Protocol messages over DDS: owns envelopes, publishers, subscriptions and what is dropped.

Publishing is called from several threads (consensus, staging); rclpy allows that. Received
messages become events and are handed on; nothing is decided here.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from swarm_msgs import msg

from swarm_coordinator.core.delivery import TellStored
from swarm_coordinator.core.emergency import Announce
from swarm_coordinator.core.events import (
    BeaconHeard,
    Event,
    MessageHeard,
    OutputsOffered,
    OutputsStored,
    ProposalHeard,
    ProposalRefused,
    RefuseProposal,
    SendProposal,
)
from swarm_coordinator.core.files.fetch import CHUNK_BYTES
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.raft import (
    Append,
    AppendReply,
    Message,
    ReadReply,
    ReadRequest,
    SnapshotChunk,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteRequest,
)
from swarm_coordinator.core.registry.probing import AnswerPeer, AskPeer, ProbeAnswered, ProbeAsked
from swarm_coordinator.core.worker import OfferOutputs
from swarm_coordinator.ros import conversions
from swarm_coordinator.ros.topics import TOPICS
from swarm_coordinator.runner.stager import Chunk, ChunkRequest, Manifest

SMALL_APPEND_BYTES = 1000  # with envelope and headers still one unfragmented datagram
MANIFEST_BYTES_MAX = 32 * (4 * 1024**3 // CHUNK_BYTES)
REFUSALS = {
    'not_leader': msg.ProposalReply.REFUSAL_NOT_LEADER,
    'overloaded': msg.ProposalReply.REFUSAL_OVERLOADED,
    'malformed': msg.ProposalReply.REFUSAL_MALFORMED,
}


@dataclass
class StorageIdentity:
    """What a robot says of its disk in every message. The incarnation may rise while it runs: a
    disk that has lost its past learns from the log how often its robot had started before."""

    storage_id: int
    incarnation: int
    lineage: int = 0


class Transport:
    """`post` takes events for the coordinator; `stager_*` callbacks take what staging needs.

    `lineage_heard` is told of a lineage that is not ours, and by whom: an operator has recovered
    the swarm by force, and one of the two robots has missed it.
    """

    def __init__(
        self,
        node: Node,
        swarm_id: str,
        robot_id: RobotId,
        storage: StorageIdentity,
        post: Callable[[Event], None],
    ) -> None:
        self._node = node
        self._swarm_id = swarm_id
        self._robot_id = robot_id
        self.storage = storage
        self._post = post
        self._sequence = 0
        self._lock = threading.Lock()
        self.dropped = 0
        self.emergency_known = (0, False)  # epoch and active of what was last announced here
        self.lineage_heard: Callable[[str, int], None] = lambda sender, lineage: None
        self.requested: Callable[[ChunkRequest], None] = lambda request: None
        self.manifest_heard: Callable[[Manifest], None] = lambda manifest: None
        self.chunk_heard: Callable[[Chunk], None] = lambda chunk: None
        self.beacon_seen: Callable[[msg.Heartbeat], None] = lambda beacon: None
        self._publishers: dict[str, Any] = {
            name: node.create_publisher(topic.kind, name, topic.qos)
            for name, topic in TOPICS.items()
        }

    def listen(self) -> None:
        """Begin to receive; before this nothing is heard."""
        for name, callback in (
            ('/swarm/heartbeat', self._on_beacon),
            ('/swarm/vote_request', self._on_raft),
            ('/swarm/vote', self._on_raft),
            ('/swarm/append', self._on_raft),
            ('/swarm/append_bulk', self._on_raft),
            ('/swarm/append_reply', self._on_raft),
            ('/swarm/snapshot', self._on_raft),
            ('/swarm/snapshot_reply', self._on_raft),
            ('/swarm/timeout_now', self._on_raft),
            ('/swarm/read_request', self._on_raft),
            ('/swarm/read_reply', self._on_raft),
            ('/swarm/probe_request', self._on_probe_request),
            ('/swarm/probe_reply', self._on_probe_reply),
            ('/swarm/emergency', self._on_emergency),
            ('/swarm/emergency_now', self._on_emergency),
            ('/swarm/proposal', self._on_proposal),
            ('/swarm/proposal_reply', self._on_proposal_reply),
            ('/swarm/job_report', self._on_report),
            ('/swarm/file_request', self._on_file_request),
            ('/swarm/file_manifest', self._on_manifest),
            ('/swarm/file_chunk', self._on_chunk),
        ):
            topic = TOPICS[name]
            self._node.create_subscription(topic.kind, name, self._guarded(callback), topic.qos)

    # ---- sending

    def publish(self, topic: str, message: Any) -> None:
        self._publishers[topic].publish(message)

    def envelope(self, recipient: str = '') -> msg.Envelope:
        with self._lock:
            self._sequence += 1
            sequence = self._sequence
        return msg.Envelope(
            swarm_id=self._swarm_id,
            sender=self._robot_id,
            recipient=recipient,
            incarnation=self.storage.incarnation,
            storage_id=self.storage.storage_id,
            lineage=self.storage.lineage,
            sequence=sequence,
            protocol_version=msg.Envelope.PROTOCOL_VERSION,
        )

    def send(self, topic: str, message: Any, recipient: str = '') -> None:
        message.envelope = self.envelope(recipient)
        self.publish(topic, message)

    def send_raft(self, message: Message) -> None:
        body = conversions.raft_to_msg(message)
        self.send(_raft_topic(message), body, message.recipient or '')

    def send_proposal(self, effect: SendProposal) -> None:
        body = msg.Proposal(
            serial=effect.serial,
            acked_below=effect.acked_below,
            remaining_ms=effect.remaining_ms,
            command=conversions.octets(effect.command),
        )
        self.send('/swarm/proposal', body, effect.recipient)

    def refuse_proposal(self, effect: RefuseProposal) -> None:
        body = msg.ProposalReply(
            serial=effect.serial,
            refusal=REFUSALS[effect.refusal],
            reason=effect.reason,
            leader=effect.leader or '',
        )
        self.send('/swarm/proposal_reply', body, effect.recipient)

    def offer_outputs(self, effect: OfferOutputs) -> None:
        body = msg.JobReport(
            job_id=effect.job_id,
            attempt=effect.attempt,
            token=effect.token,
            kind=msg.JobReport.KIND_OUTPUTS_READY,
            progress_permille=1000,
            outputs=[conversions.ref_to_msg(ref) for ref in effect.outputs],
        )
        self.send('/swarm/job_report', body, effect.origin)

    def tell_stored(self, effect: TellStored) -> None:
        body = msg.JobReport(
            job_id=effect.job_id,
            attempt=effect.attempt,
            token=effect.token,
            kind=msg.JobReport.KIND_OUTPUTS_STORED,
            progress_permille=1000,
        )
        self.send('/swarm/job_report', body, effect.worker)

    def ask_peer(self, effect: AskPeer) -> None:
        body = msg.ProbeRequest(target=effect.target, nonce=effect.nonce)
        self.send('/swarm/probe_request', body, effect.peer)

    def answer_probe(self, effect: AnswerPeer) -> None:
        age_ms = effect.heard_ms_ago
        body = msg.ProbeReply(
            target=effect.target,
            nonce=effect.nonce,
            heard_ms_ago=msg.ProbeReply.UNKNOWN_AGE if age_ms is None else age_ms,
            target_incarnation=effect.incarnation,
        )
        self.send('/swarm/probe_reply', body, effect.peer)

    def publish_emergency(self, effect: Announce) -> None:
        """On the latched topic for who comes later, and at once for who is here."""
        self.emergency_known = (effect.register.epoch, effect.register.active)
        for topic in ('/swarm/emergency_now', '/swarm/emergency'):
            self.send(topic, conversions.emergency_to_msg(effect.register))

    # ---- StagingLink

    def ask(self, holder: RobotId, sha256: str, chunks: tuple[int, ...]) -> None:
        body = msg.FileRequest(
            sha256=list(bytes.fromhex(sha256)), chunk_bytes=CHUNK_BYTES, chunks=list(chunks)
        )
        self.send('/swarm/file_request', body, holder)

    def send_manifest(
        self, to: RobotId, sha256: str, manifest: tuple[int, bytes] | None
    ) -> None:
        body = msg.FileManifest(sha256=list(bytes.fromhex(sha256)), chunk_bytes=CHUNK_BYTES)
        if manifest is not None:
            body.held = True
            body.size_bytes = manifest[0]
            body.chunk_sha256 = conversions.octets(manifest[1])
        self.send('/swarm/file_manifest', body, to)

    def send_chunk(self, to: RobotId, sha256: str, chunk: int, data: bytes) -> None:
        body = msg.FileChunk(
            sha256=list(bytes.fromhex(sha256)),
            chunk_bytes=CHUNK_BYTES,
            chunk=chunk,
            data=conversions.octets(data),
        )
        self.send('/swarm/file_chunk', body, to)

    # ---- receiving

    def _guarded(self, callback: Callable[[Any], None]) -> Callable[[Any], None]:
        def receive(message: Any) -> None:
            if not self._for_us(message):
                return
            try:
                callback(message)
            except ValueError as error:
                self.dropped += 1
                self._node.get_logger().warning(
                    f'message from {message.envelope.sender!r} dropped: {error}',
                    throttle_duration_sec=5.0,
                )
            except Exception as error:  # a callback must not end the executor
                self.dropped += 1
                self._node.get_logger().error(f'receiving failed: {error!r}')

        return receive

    def _for_us(self, message: Any) -> bool:
        """Our swarm, our protocol, meant for us. A beacon under our own name passes if another
        process sent it: that is how a second robot of the same id is noticed."""
        envelope = message.envelope
        if envelope.swarm_id != self._swarm_id:
            return False
        if envelope.recipient and envelope.recipient != self._robot_id:
            return False
        if envelope.protocol_version != msg.Envelope.PROTOCOL_VERSION:
            self.dropped += 1
            self._node.get_logger().warning(
                f'{envelope.sender!r} speaks protocol {envelope.protocol_version}, expected '
                f'{msg.Envelope.PROTOCOL_VERSION}',
                throttle_duration_sec=10.0,
            )
            return False
        if isinstance(message, msg.Emergency):
            return envelope.sender != self._robot_id  # whoever cries stop is heard
        if envelope.lineage != self.storage.lineage:
            self.dropped += 1
            self.lineage_heard(envelope.sender, envelope.lineage)
            return False
        return envelope.sender != self._robot_id or isinstance(message, msg.Heartbeat)

    def _on_beacon(self, message: msg.Heartbeat) -> None:
        sender = conversions.checked_robot(message.envelope.sender)
        facts = conversions.facts_from_beacon(message)
        self._post(BeaconHeard(sender, message.session_id.tobytes(), message.uptime_ms, facts))
        if sender != self._robot_id:
            if (message.emergency_epoch, message.emergency_active) != self.emergency_known:
                self._post(conversions.emergency_from_beacon(message, sender))
            self._post(MessageHeard(conversions.beacon_from_msg(message)))
            self.beacon_seen(message)

    def _on_raft(self, message: Any) -> None:
        conversions.checked_robot(message.envelope.sender)
        self._post(MessageHeard(conversions.raft_from_msg(message)))

    def _on_proposal(self, message: msg.Proposal) -> None:
        sender = conversions.checked_robot(message.envelope.sender)
        if len(message.command) > conversions.ENTRY_BYTES_MAX:
            raise ValueError(f'command of {len(message.command)} bytes')
        self._post(
            ProposalHeard(
                sender,
                message.envelope.incarnation,
                message.serial,
                message.remaining_ms,
                bytes(message.command),
            )
        )

    def _on_proposal_reply(self, message: msg.ProposalReply) -> None:
        final = message.refusal == msg.ProposalReply.REFUSAL_MALFORMED
        self._post(ProposalRefused(message.serial, message.reason, final))

    def _on_probe_request(self, message: msg.ProbeRequest) -> None:
        sender = conversions.checked_robot(message.envelope.sender)
        target = conversions.checked_robot(message.target)
        self._post(ProbeAsked(sender, target, message.nonce))

    def _on_probe_reply(self, message: msg.ProbeReply) -> None:
        sender = conversions.checked_robot(message.envelope.sender)
        target = conversions.checked_robot(message.target)
        known = message.heard_ms_ago != msg.ProbeReply.UNKNOWN_AGE
        self._post(
            ProbeAnswered(
                sender,
                target,
                message.nonce,
                message.heard_ms_ago if known else None,
                message.target_incarnation,
            )
        )

    def _on_emergency(self, message: msg.Emergency) -> None:
        sender = conversions.checked_robot(message.envelope.sender)
        self._post(conversions.emergency_from_msg(message, sender))

    def _on_report(self, message: msg.JobReport) -> None:
        sender = conversions.checked_robot(message.envelope.sender)
        if message.kind == msg.JobReport.KIND_OUTPUTS_READY:
            refs = conversions.refs_from_msg(message.outputs)
            self._post(
                OutputsOffered(message.job_id, message.attempt, message.token, refs, sender)
            )
        elif message.kind == msg.JobReport.KIND_OUTPUTS_STORED:
            self._post(OutputsStored(message.job_id, message.token))

    def _on_file_request(self, message: msg.FileRequest) -> None:
        sender = conversions.checked_robot(message.envelope.sender)
        chunks = tuple(int(chunk) for chunk in message.chunks[:16])
        self.requested(
            ChunkRequest(sender, message.sha256.tobytes().hex(), message.chunk_bytes, chunks)
        )

    def _on_manifest(self, message: msg.FileManifest) -> None:
        if len(message.chunk_sha256) > MANIFEST_BYTES_MAX:
            raise ValueError(f'manifest with {len(message.chunk_sha256)} bytes of hashes')
        self.manifest_heard(
            Manifest(
                RobotId(message.envelope.sender),
                message.sha256.tobytes().hex(),
                message.held,
                message.size_bytes,
                message.chunk_bytes,
                bytes(message.chunk_sha256),
            )
        )

    def _on_chunk(self, message: msg.FileChunk) -> None:
        if len(message.data) > CHUNK_BYTES:
            raise ValueError(f'chunk of {len(message.data)} bytes: at most {CHUNK_BYTES}')
        self.chunk_heard(
            Chunk(
                RobotId(message.envelope.sender),
                message.sha256.tobytes().hex(),
                message.chunk_bytes,
                message.chunk,
                bytes(message.data),
            )
        )


_RAFT_TOPICS: dict[type, str] = {
    VoteRequest: '/swarm/vote_request',
    Vote: '/swarm/vote',
    AppendReply: '/swarm/append_reply',
    SnapshotChunk: '/swarm/snapshot',
    SnapshotReply: '/swarm/snapshot_reply',
    TimeoutNow: '/swarm/timeout_now',
    ReadRequest: '/swarm/read_request',
    ReadReply: '/swarm/read_reply',
}


def _raft_topic(message: Message) -> str:
    if not isinstance(message, Append):
        return _RAFT_TOPICS[type(message)]
    small = sum(len(entry.data) + 32 for entry in message.entries) <= SMALL_APPEND_BYTES
    return '/swarm/append' if small else '/swarm/append_bulk'
