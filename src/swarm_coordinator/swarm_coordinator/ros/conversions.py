# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages to core values and back; nothing else. A value that cannot be is a PeerProtocolError
or a ValueError, which the caller turns into a refusal or a dropped message.
"""

import array
from collections.abc import Sequence

from builtin_interfaces.msg import Time
from swarm_msgs import msg

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
from swarm_coordinator.core.raft import (
    Append,
    AppendOutcome,
    AppendReply,
    Entry,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    Message,
    Role,
    Vote,
    VoteReason,
    VoteRequest,
)
from swarm_coordinator.core.replicated.command import CapabilitySpec
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


def raft_to_msg(message: Message) -> object:
    """The body of a Raft message without its envelope; beacons are made by beacon_to_msg."""
    if isinstance(message, VoteRequest):
        return msg.VoteRequest(
            term=message.term,
            pre_vote=message.pre_vote,
            last_log_index=message.last_log_index,
            last_log_term=message.last_log_term,
        )
    if isinstance(message, Vote):
        return msg.Vote(
            term=message.term,
            pre_vote=message.pre_vote,
            granted=message.granted,
            reason=int(message.reason),
        )
    if isinstance(message, Append):
        return msg.Append(
            term=message.term,
            prev_index=message.prev_index,
            prev_term=message.prev_term,
            entries=[entry_to_msg(entry) for entry in message.entries],
            commit_index=message.commit_index,
        )
    assert isinstance(message, AppendReply), message
    return msg.AppendReply(
        term=message.term,
        outcome=int(message.outcome),
        match_index=message.match_index,
        conflict_index=message.conflict_index,
        conflict_term=message.conflict_term,
    )


def raft_from_msg(
    message: msg.VoteRequest | msg.Vote | msg.Append | msg.AppendReply,
) -> Message:
    """Raises ValueError for an enum or a size that cannot be."""
    sender = RobotId(message.envelope.sender)
    to = RobotId(message.envelope.recipient) if message.envelope.recipient else None
    if isinstance(message, msg.VoteRequest):
        return VoteRequest(
            sender,
            to,
            message.term,
            message.pre_vote,
            message.last_log_index,
            message.last_log_term,
        )
    if isinstance(message, msg.Vote):
        reason = VoteReason(message.reason)
        return Vote(sender, to, message.term, message.pre_vote, message.granted, reason)
    if isinstance(message, msg.Append):
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
        )
    return AppendReply(
        sender,
        to,
        message.term,
        AppendOutcome(message.outcome),
        message.match_index,
        message.conflict_index,
        message.conflict_term,
    )


def beacon_from_msg(message: msg.Heartbeat) -> Message:
    """The Raft part of a beacon: a leader's heartbeat, or the reply of a robot that follows."""
    sender = RobotId(message.envelope.sender)
    if Role(message.role) is Role.LEADER:
        return Heartbeat(
            sender, None, message.term, message.round, message.commit_index, message.last_index
        )
    leader = RobotId(message.leader) if message.leader else None
    return HeartbeatReply(
        sender, leader, message.term, message.round, message.match_index, message.last_index
    )


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
