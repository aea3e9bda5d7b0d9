# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages to core values and back; nothing else. A value that cannot be is a PeerProtocolError
or a ValueError, which the caller turns into a refusal or a dropped message.
"""

import array
import time
from collections.abc import Callable, Iterable, Sequence
from functools import singledispatch
from typing import Any

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import KeyValue
from swarm_msgs import msg, srv

from swarm_coordinator.core.emergency import Register, RegisterHeard
from swarm_coordinator.core.health import PeerFacts
from swarm_coordinator.core.ids import RobotId, checked_name
from swarm_coordinator.core.jobs.job import (
    ATTEMPTS_MAX_DEFAULT,
    ENDED_PHASES,
    Effects,
    FileRef,
    Job,
    JobPhase,
    JobSpec,
)
from swarm_coordinator.core.leases.lease import Lease
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.raft import (
    CHUNK_BYTES_MAX,
    Append,
    AppendOutcome,
    AppendReply,
    Entry,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    Message,
    ReadReply,
    ReadRequest,
    Role,
    SnapshotChunk,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteReason,
    VoteRequest,
)
from swarm_coordinator.core.registry.services import Service
from swarm_coordinator.core.replicated.command import CapabilitySpec, MemberChange
from swarm_coordinator.core.replicated.event_log import KeptEvent
from swarm_coordinator.core.replicated.state import ReplicatedState

ENTRIES_MAX = 4096  # per Append; the core sends far fewer
ENTRY_BYTES_MAX = 256 * 1024
UINT32_MAX = 2**32 - 1

PHASE_TO_MSG = {
    JobPhase.SUBMITTED: msg.JobStatus.PHASE_SUBMITTED,
    JobPhase.LEASED: msg.JobStatus.PHASE_LEASED,
    JobPhase.RUNNING: msg.JobStatus.PHASE_RUNNING,
    JobPhase.DONE: msg.JobStatus.PHASE_DONE,
    JobPhase.FAILED: msg.JobStatus.PHASE_FAILED,
    JobPhase.EXPIRED: msg.JobStatus.PHASE_EXPIRED,
    JobPhase.CANCELLED: msg.JobStatus.PHASE_CANCELLED,
    JobPhase.QUARANTINED: msg.JobStatus.PHASE_QUARANTINED,
}
PHASE_FROM_MSG = {value: phase for phase, value in PHASE_TO_MSG.items()}
EFFECTS_TO_MSG = {
    Effects.NONE: msg.JobSpec.EFFECTS_NONE,
    Effects.IDEMPOTENT: msg.JobSpec.EFFECTS_IDEMPOTENT,
    Effects.FENCED: msg.JobSpec.EFFECTS_FENCED,
    Effects.ONCE: msg.JobSpec.EFFECTS_ONCE,
}
EFFECTS_FROM_MSG = {value: effects for effects, value in EFFECTS_TO_MSG.items()}
OUTCOME_TO_MSG = {
    'done': msg.JobOutcome.OUTCOME_DONE,
    'failed': msg.JobOutcome.OUTCOME_FAILED,
    'timed_out': msg.JobOutcome.OUTCOME_TIMED_OUT,
    'lease_expired': msg.JobOutcome.OUTCOME_LEASE_EXPIRED,
    'cancelled': msg.JobOutcome.OUTCOME_CANCELLED,
    'refused': msg.JobOutcome.OUTCOME_REFUSED,
}
SEVERITY_TO_MSG = {
    'info': msg.SwarmEvent.SEVERITY_INFO,
    'warn': msg.SwarmEvent.SEVERITY_WARN,
    'error': msg.SwarmEvent.SEVERITY_ERROR,
}
SEVERITY_FROM_MSG = {value: name for name, value in SEVERITY_TO_MSG.items()}


def octets(data: bytes) -> 'array.array[int]':
    """As a uint8[] field takes it: an array is copied at once, bytes one by one."""
    return array.array('B', data)


def time_msg(stamp_ns: int) -> Time:
    return Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)


# ---- consensus


def entry_to_msg(entry: Entry) -> msg.LogEntry:
    return msg.LogEntry(
        index=entry.index,
        term=entry.term,
        kind=int(entry.kind),
        stamp_ns=entry.stamp_ns,
        data=octets(entry.data),
    )


def entry_from_msg(message: msg.LogEntry) -> Entry:
    if len(message.data) > ENTRY_BYTES_MAX:
        raise ValueError(f'entry of {len(message.data)} bytes: at most {ENTRY_BYTES_MAX}')
    return Entry(
        index=message.index,
        term=message.term,
        kind=EntryKind(message.kind),
        stamp_ns=message.stamp_ns,
        data=bytes(message.data),
    )


@singledispatch
def raft_to_msg(message: Message) -> Any:
    """The body of a Raft message without its envelope; beacons are made by beacon_to_msg."""
    raise AssertionError(f'no message for {type(message).__name__}')


@raft_to_msg.register
def _(message: VoteRequest) -> msg.VoteRequest:
    return msg.VoteRequest(
        term=message.term,
        pre_vote=message.pre_vote,
        last_log_index=message.last_log_index,
        last_log_term=message.last_log_term,
        leadership_transfer=message.leadership_transfer,
    )


@raft_to_msg.register
def _(message: Vote) -> msg.Vote:
    return msg.Vote(
        term=message.term,
        pre_vote=message.pre_vote,
        granted=message.granted,
        reason=int(message.reason),
    )


@raft_to_msg.register
def _(message: Append) -> msg.Append:
    return msg.Append(
        term=message.term,
        prev_index=message.prev_index,
        prev_term=message.prev_term,
        entries=[entry_to_msg(entry) for entry in message.entries],
        commit_index=message.commit_index,
    )


@raft_to_msg.register
def _(message: AppendReply) -> msg.AppendReply:
    return msg.AppendReply(
        term=message.term,
        outcome=int(message.outcome),
        match_index=message.match_index,
        conflict_index=message.conflict_index,
        conflict_term=message.conflict_term,
    )


@raft_to_msg.register
def _(message: SnapshotChunk) -> msg.SnapshotChunk:
    return msg.SnapshotChunk(
        term=message.term,
        last_index=message.last_index,
        last_term=message.last_term,
        offset_bytes=message.offset_bytes,
        total_bytes=message.total_bytes,
        sha256=list(message.sha256),
        data=octets(message.data),
    )


@raft_to_msg.register
def _(message: SnapshotReply) -> msg.SnapshotReply:
    return msg.SnapshotReply(
        term=message.term,
        last_index=message.last_index,
        next_offset_bytes=message.next_offset_bytes,
        accepted=message.accepted,
        reason=message.reason,
    )


@raft_to_msg.register
def _(message: TimeoutNow) -> msg.TimeoutNow:
    return msg.TimeoutNow(term=message.term)


@raft_to_msg.register
def _(message: ReadRequest) -> msg.ReadRequest:
    return msg.ReadRequest(term=message.term, request_id=message.request_id)


@raft_to_msg.register
def _(message: ReadReply) -> msg.ReadReply:
    return msg.ReadReply(
        term=message.term,
        request_id=message.request_id,
        confirmed=message.confirmed,
        index=message.index,
    )


def raft_from_msg(message: Any) -> Message:
    """Any Raft message but a beacon. Raises ValueError for an enum or a size that cannot be."""
    sender = RobotId(message.envelope.sender)
    to = RobotId(message.envelope.recipient) if message.envelope.recipient else None
    return _RAFT_FROM_MSG[type(message)](message, sender, to, message.envelope.storage_id)


def _vote_request(
    message: msg.VoteRequest, sender: RobotId, to: RobotId | None, storage_id: int
) -> Message:
    return VoteRequest(
        sender,
        to,
        message.term,
        message.pre_vote,
        message.last_log_index,
        message.last_log_term,
        leadership_transfer=message.leadership_transfer,
        storage_id=storage_id,
    )


def _vote(message: msg.Vote, sender: RobotId, to: RobotId | None, storage_id: int) -> Message:
    reason = VoteReason(message.reason)
    return Vote(
        sender, to, message.term, message.pre_vote, message.granted, reason,
        storage_id=storage_id,
    )


def _append(
    message: msg.Append, sender: RobotId, to: RobotId | None, storage_id: int
) -> Message:
    if len(message.entries) > ENTRIES_MAX:
        raise ValueError(f'{len(message.entries)} entries: at most {ENTRIES_MAX}')
    return Append(
        sender,
        to,
        message.term,
        message.prev_index,
        message.prev_term,
        tuple(entry_from_msg(entry) for entry in message.entries),
        message.commit_index,
        storage_id=storage_id,
    )


def _append_reply(
    message: msg.AppendReply, sender: RobotId, to: RobotId | None, storage_id: int
) -> Message:
    return AppendReply(
        sender,
        to,
        message.term,
        AppendOutcome(message.outcome),
        message.match_index,
        message.conflict_index,
        message.conflict_term,
        storage_id=storage_id,
    )


def _snapshot_chunk(
    message: msg.SnapshotChunk, sender: RobotId, to: RobotId | None, storage_id: int
) -> Message:
    if len(message.data) > CHUNK_BYTES_MAX:
        raise ValueError(f'chunk of {len(message.data)} bytes: at most {CHUNK_BYTES_MAX}')
    return SnapshotChunk(
        sender,
        to,
        message.term,
        message.last_index,
        message.last_term,
        message.offset_bytes,
        message.total_bytes,
        bytes(message.sha256),
        bytes(message.data),
        storage_id=storage_id,
    )


def _snapshot_reply(
    message: msg.SnapshotReply, sender: RobotId, to: RobotId | None, storage_id: int
) -> Message:
    return SnapshotReply(
        sender,
        to,
        message.term,
        message.last_index,
        message.next_offset_bytes,
        message.accepted,
        message.reason[:200],
        storage_id=storage_id,
    )


def _timeout_now(
    message: msg.TimeoutNow, sender: RobotId, to: RobotId | None, storage_id: int
) -> Message:
    return TimeoutNow(sender, to, message.term, storage_id=storage_id)


def _read_request(
    message: msg.ReadRequest, sender: RobotId, to: RobotId | None, storage_id: int
) -> Message:
    return ReadRequest(sender, to, message.term, message.request_id, storage_id=storage_id)


def _read_reply(
    message: msg.ReadReply, sender: RobotId, to: RobotId | None, storage_id: int
) -> Message:
    return ReadReply(
        sender, to, message.term, message.request_id, message.confirmed, message.index,
        storage_id=storage_id,
    )


_RAFT_FROM_MSG: dict[type, Callable[[Any, RobotId, RobotId | None, int], Message]] = {
    msg.VoteRequest: _vote_request,
    msg.Vote: _vote,
    msg.Append: _append,
    msg.AppendReply: _append_reply,
    msg.SnapshotChunk: _snapshot_chunk,
    msg.SnapshotReply: _snapshot_reply,
    msg.TimeoutNow: _timeout_now,
    msg.ReadRequest: _read_request,
    msg.ReadReply: _read_reply,
}


def beacon_from_msg(message: msg.Heartbeat) -> Message:
    """The Raft part of a beacon: a leader's heartbeat, or the reply of a robot that follows."""
    sender = RobotId(message.envelope.sender)
    if Role(message.role) is Role.LEADER:
        return Heartbeat(
            sender, None, message.term, message.round, message.commit_index, message.last_index,
            storage_id=message.envelope.storage_id,
        )
    leader = RobotId(message.leader) if message.leader else None
    return HeartbeatReply(
        sender, leader, message.term, message.round, message.match_index, message.last_index,
        storage_id=message.envelope.storage_id,
    )


def facts_from_beacon(message: msg.Heartbeat) -> PeerFacts:
    """Raises ValueError for a mode that is none."""
    felt = message.consciousness_age_ms != msg.Heartbeat.UNKNOWN_AGE
    return PeerFacts(
        incarnation=message.envelope.incarnation,
        storage_id=message.envelope.storage_id,
        applied_index=message.applied_index,
        local_mode=Mode(message.local_mode),
        awareness=message.awareness,
        voters_heard=message.voters_heard,
        battery_permille=_known_permille(message.battery_permille),
        cpu_load_permille=_known_permille(message.cpu_load_permille),
        queued_work_ms=message.queued_work_ms,
        pressure_permille=_permille(message.pressure) if felt else None,
        stability_permille=_permille(message.stability) if felt else None,
    )


def _known_permille(value: int) -> int | None:
    return value if value <= 1000 else None


def _permille(share: float) -> int | None:
    """None for what is no share: NaN and what lies outside [0..1]."""
    return round(share * 1000) if 0.0 <= share <= 1.0 else None


def emergency_to_msg(register: Register) -> msg.Emergency:
    return msg.Emergency(
        epoch=register.epoch,
        active=register.active,
        raised_by=register.raised_by,
        reason=register.reason,
        stamp=time_msg(time.time_ns()),
    )


def emergency_from_msg(message: msg.Emergency, sender: RobotId) -> RegisterHeard:
    return RegisterHeard(
        sender, message.epoch, message.active, message.raised_by, message.reason
    )


def emergency_from_beacon(message: msg.Heartbeat, sender: RobotId) -> RegisterHeard:
    return RegisterHeard(sender, message.emergency_epoch, message.emergency_active)


def beacon_to_msg(message: Heartbeat | HeartbeatReply, role: Role) -> msg.Heartbeat:
    """The Raft part; the node fills in the rest."""
    beacon = msg.Heartbeat(
        role=int(role), term=message.term, round=message.round, last_index=message.last_index
    )
    if isinstance(message, Heartbeat):
        beacon.leader = message.sender
        beacon.commit_index = message.commit_index
    else:
        beacon.leader = message.recipient or ''
        beacon.match_index = message.match_index
    return beacon


# ---- leases, registry, members


def lease_to_msg(lease: Lease) -> msg.Lease:
    return msg.Lease(
        resource=lease.resource,
        holder=lease.holder,
        robot_id=lease.robot_id,
        token=lease.token,
        granted_ns=lease.granted_ns,
        expires_ns=lease.expires_ns,
        ttl_ms=lease.ttl_ms,
        waiters=[waiter.holder for waiter in lease.waiters],
    )


def service_to_msg(service: Service) -> msg.ServiceEntry:
    return msg.ServiceEntry(
        name=service.name,
        interface_type=service.interface_type,
        address=service.address,
        robot_id=service.robot_id,
        incarnation=service.incarnation,
        log_index=service.log_index,
        expires_ns=service.expires_ns,
        metadata=pairs_to_msg(service.metadata),
    )


def event_to_msg(event: KeptEvent) -> msg.SwarmEvent:
    notable = event.notable
    return msg.SwarmEvent(
        stamp=time_msg(event.stamp_ns),
        log_index=event.index,
        kind=notable.kind,
        severity=SEVERITY_TO_MSG[notable.severity],
        subject=notable.subject,
        text=notable.text,
        cause=notable.cause,
        attributes=pairs_to_msg(notable.attributes),
    )


def pairs_to_msg(pairs: Iterable[tuple[str, str]]) -> list[KeyValue]:
    return [KeyValue(key=key, value=str(value)) for key, value in pairs]


MEMBER_CHANGE_FROM_MSG = {
    srv.ChangeMember.Request.CHANGE_ADD_NON_VOTER: MemberChange.ADD,
    srv.ChangeMember.Request.CHANGE_PROMOTE: MemberChange.PROMOTE,
    srv.ChangeMember.Request.CHANGE_DEMOTE: MemberChange.DEMOTE,
    srv.ChangeMember.Request.CHANGE_REMOVE: MemberChange.REMOVE,
}


# ---- jobs


def ref_to_msg(ref: FileRef) -> msg.FileRef:
    return msg.FileRef(
        name=ref.name, size_bytes=ref.size_bytes, sha256=list(bytes.fromhex(ref.sha256))
    )


def ref_from_msg(message: msg.FileRef) -> FileRef:
    return FileRef(message.name, message.size_bytes, bytes(message.sha256).hex())


def refs_from_msg(messages: Sequence[msg.FileRef]) -> tuple[FileRef, ...]:
    return tuple(ref_from_msg(message) for message in messages)


def spec_to_msg(spec: JobSpec) -> msg.JobSpec:
    return msg.JobSpec(
        kind=spec.kind,
        argv=list(spec.argv),
        inputs=[ref_to_msg(ref) for ref in spec.inputs],
        outputs=list(spec.outputs),
        timeout_ms=spec.timeout_ms,
        attempts_max=spec.attempts_max,
        effects=EFFECTS_TO_MSG[spec.effects],
        priority=spec.priority,
        requires=list(spec.requires),
        labels=list(spec.labels),
    )


def spec_from_msg(message: msg.JobSpec) -> JobSpec:
    """Raises ValueError for an enum that cannot be; the job kind checks the rest."""
    if message.effects not in EFFECTS_FROM_MSG:
        raise ValueError(f'effects={message.effects}: expected one of EFFECTS_* (0 to 3)')
    return JobSpec(
        kind=message.kind,
        argv=tuple(message.argv),
        inputs=refs_from_msg(message.inputs),
        outputs=tuple(message.outputs),
        timeout_ms=message.timeout_ms,
        attempts_max=message.attempts_max or ATTEMPTS_MAX_DEFAULT,
        effects=EFFECTS_FROM_MSG[message.effects],
        priority=message.priority,
        requires=tuple(message.requires),
        labels=tuple(message.labels),
    )


def job_to_msg(job: Job, blocked: str = '') -> msg.JobStatus:
    """`blocked`: why a waiting job waits, as its leader sees it."""
    return msg.JobStatus(
        job_id=job.job_id,
        origin=job.origin,
        spec=spec_to_msg(job.spec),
        phase=PHASE_TO_MSG[job.phase],
        attempt=job.attempt,
        token=job.token,
        robot_id=job.robot_id or '',
        progress_permille=job.progress_permille,
        exit_code=msg.JobStatus.NO_EXIT_CODE if job.exit_code is None else job.exit_code,
        outputs=[ref_to_msg(ref) for ref in job.outputs],
        outputs_delivered=job.phase is JobPhase.DONE and job.delivered,
        reason=job.reason or (blocked if job.phase is JobPhase.SUBMITTED else ''),
        submitted_ns=job.submitted_ns,
        changed_ns=job.changed_ns,
        run_ms=job.run_ms,
    )


def is_settled(status: msg.JobStatus) -> bool:
    """The job has ended, and where it is done its outputs are where they belong."""
    phase = PHASE_FROM_MSG[status.phase]
    return phase in ENDED_PHASES and (phase is not JobPhase.DONE or status.outputs_delivered)


# ---- views


def capability_to_msg(capability: CapabilitySpec) -> msg.Capability:
    return msg.Capability(
        name=capability.name,
        amount=capability.amount_milli / 1000,
        unit=capability.unit,
        source=capability.source,
    )


def capability_from_msg(message: msg.Capability) -> CapabilitySpec:
    return CapabilitySpec(
        message.name, round(message.amount * 1000), message.unit, message.source
    )


def mode_to_msg(state: ReplicatedState, swarm_id: str) -> msg.ModeState:
    view = msg.ModeState(
        stamp=time_msg(state.stamp_ns),
        swarm_id=swarm_id,
        log_index=state.applied_index,
        mode=state.mode.value,
        mode_epoch=state.mode_epoch,
        reason=state.mode_reason,
        policy_mode=state.policy_mode.value,
    )
    if state.override is not None:
        view.overridden = True
        view.override_owner = state.override.owner
        view.override_reason = state.override.reason
        view.override_expires_ns = state.override.expires_ns
    return view


def checked_robot(value: str) -> RobotId:
    """Raises ValueError unless `value` can be a robot_id."""
    return RobotId(checked_name(value, 'robot_id'))
