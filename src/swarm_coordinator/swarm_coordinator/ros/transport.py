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
from swarm_coordinator.core.files.fetch import CHUNKS_ASKED_MAX
from swarm_coordinator.core.files.manifest import (
    ADDRESSES_MAX,
    CHUNK_BYTES,
    HASHES_PER_PAGE,
    Chunk,
    DirectOffer,
    FileQuestion,
    ManifestPage,
)
from swarm_coordinator.core.identity.doorkeeper import other_protocol
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.offers import AnswerOffer, AskOffer
from swarm_coordinator.core.raft import (
    ENTRY_BYTES_MAX,
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
from swarm_coordinator.ros import conversions, job_conversions
from swarm_coordinator.ros.topics import TOPICS

SMALL_APPEND_BYTES = 1000  # with envelope and headers still one unfragmented datagram
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
        self.requested: Callable[[FileQuestion], None] = lambda question: None
        self.page_heard: Callable[[ManifestPage], None] = lambda page: None
        self.chunk_heard: Callable[[Chunk], None] = lambda chunk: None
        self.beacon_heard: Callable[[RobotId], None] = lambda sender: None
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
            ('/swarm/job_offer', self._on_offer),
            ('/swarm/file_request', self._on_file_request),
            ('/swarm/file_manifest', self._on_manifest),
            ('/swarm/file_chunk', self._on_chunk),
        ):
            topic = TOPICS[name]
            self._node.create_subscription(topic.kind, name, self._guarded(callback), topic.qos)

    # ---- sending

    def publish(self, topic: str, message: Any) -> None:
        self._publishers[topic].publish(message)

    def is_heard(self, topic: str) -> bool:
        """Somebody subscribes to it now."""
        return self._publishers[topic].get_subscription_count() > 0

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
            outputs=[job_conversions.ref_to_msg(ref) for ref in effect.outputs],
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

    def ask_offer(self, effect: AskOffer) -> None:
        self.send('/swarm/job_offer', job_conversions.question_to_msg(effect), effect.robot)

    def answer_offer(self, effect: AnswerOffer) -> None:
        self.send('/swarm/job_offer', job_conversions.offer_to_msg(effect), effect.recipient)

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

    def ask(
        self,
        holder: RobotId | None,
        sha256: str,
        chunks: tuple[int, ...] = (),
        first_chunk: int = 0,
        direct: bool = False,
    ) -> None:
        body = msg.FileRequest(
            sha256=list(bytes.fromhex(sha256)),
            chunk_bytes=CHUNK_BYTES,
            chunks=list(chunks),
            first_chunk=first_chunk,
            direct=direct,
        )
        self.send('/swarm/file_request', body, holder or '')

    def send_page(self, to: RobotId, page: ManifestPage) -> None:
        body = msg.FileManifest(
            sha256=list(bytes.fromhex(page.sha256)),
            held=page.held,
            size_bytes=page.size_bytes,
            chunk_bytes=page.chunk_bytes,
            first_chunk=page.first_chunk,
            chunk_sha256=conversions.octets(page.hashes),
        )
        if page.offer is not None:
            body.addresses = list(page.offer.addresses)
            body.pass_key = list(page.offer.pass_key)
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
                f'{envelope.sender!r} '
                + other_protocol(envelope.protocol_version, msg.Envelope.PROTOCOL_VERSION),
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
            self.beacon_heard(sender)

    def _on_raft(self, message: Any) -> None:
        conversions.checked_robot(message.envelope.sender)
        self._post(MessageHeard(conversions.raft_from_msg(message)))

    def _on_proposal(self, message: msg.Proposal) -> None:
        sender = conversions.checked_robot(message.envelope.sender)
        if len(message.command) > ENTRY_BYTES_MAX:
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
        sender = conversions.checked_robot(message.envelope.sender)
        self._post(ProposalRefused(message.serial, message.reason, final, sender))

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

    def _on_offer(self, message: msg.JobOffer) -> None:
        sender = conversions.checked_robot(message.envelope.sender)
        self._post(job_conversions.offer_from_msg(message, sender))

    def _on_report(self, message: msg.JobReport) -> None:
        sender = conversions.checked_robot(message.envelope.sender)
        if message.kind == msg.JobReport.KIND_OUTPUTS_READY:
            refs = job_conversions.refs_from_msg(message.outputs)
            self._post(
                OutputsOffered(message.job_id, message.attempt, message.token, refs, sender)
            )
        elif message.kind == msg.JobReport.KIND_OUTPUTS_STORED:
            self._post(OutputsStored(message.job_id, message.token, sender))

    def _on_file_request(self, message: msg.FileRequest) -> None:
        self.requested(
            FileQuestion(
                conversions.checked_robot(message.envelope.sender),
                message.sha256.tobytes().hex(),
                message.chunk_bytes,
                tuple(int(chunk) for chunk in message.chunks[:CHUNKS_ASKED_MAX]),
                message.first_chunk,
                message.direct,
                everybody=not message.envelope.recipient,
            )
        )

    def _on_manifest(self, message: msg.FileManifest) -> None:
        if len(message.chunk_sha256) > 32 * HASHES_PER_PAGE:
            raise ValueError(f'manifest with {len(message.chunk_sha256)} bytes of hashes')
        if len(message.addresses) > ADDRESSES_MAX:
            raise ValueError(f'{len(message.addresses)} addresses: at most {ADDRESSES_MAX}')
        offer = None
        if message.addresses:
            offer = DirectOffer(tuple(message.addresses), message.pass_key.tobytes())
        self.page_heard(
            ManifestPage(
                conversions.checked_robot(message.envelope.sender),
                message.sha256.tobytes().hex(),
                message.held,
                message.size_bytes,
                message.chunk_bytes,
                message.first_chunk,
                bytes(message.chunk_sha256),
                offer,
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
