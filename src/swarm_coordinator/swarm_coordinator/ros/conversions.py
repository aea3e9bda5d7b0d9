# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages to core values and back; nothing else. A value that cannot be is a PeerProtocolError
or a ValueError, which the caller turns into a refusal or a dropped message.
"""

import array
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from textwrap import shorten
from typing import Any

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import KeyValue
from swarm_msgs import msg, srv

from swarm_coordinator.core.emergency import Register, RegisterHeard
from swarm_coordinator.core.health import PeerFacts
from swarm_coordinator.core.ids import RobotId, checked_name
from swarm_coordinator.core.leases.lease import Lease
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.modes.policy import ModeAdvice
from swarm_coordinator.core.raft import (
    CHUNK_BYTES_MAX,
    ENTRY_BYTES_MAX,
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
from swarm_coordinator.core.registry.models import Model
from swarm_coordinator.core.registry.services import Service
from swarm_coordinator.core.replicated.command import CapabilitySpec, MemberChange
from swarm_coordinator.core.replicated.event_log import KeptEvent
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.core.succession import ReputationAdvice, WorkReputation

ENTRIES_MAX = 4096  # per Append; the core sends far fewer
UINT8_MAX = 2**8 - 1
UINT32_MAX = 2**32 - 1
AMOUNT_MAX = 9e15  # of a capability: its thousandths have 64 bits
MODE_REASON_CHARS_MAX = 400  # the longest of many random situations has 231
REPUTATIONS_MAX = 256  # of one advice; as many robots as a learner knows

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


def _entries_to_msg(entries: Sequence[Entry]) -> list[msg.LogEntry]:
    return [entry_to_msg(entry) for entry in entries]


def entries_from_msg(messages: Sequence[msg.LogEntry]) -> tuple[Entry, ...]:
    if len(messages) > ENTRIES_MAX:
        raise ValueError(f'{len(messages)} entries: at most {ENTRIES_MAX}')
    return tuple(entry_from_msg(entry) for entry in messages)


def _chunk_from_msg(data: Any) -> bytes:
    if len(data) > CHUNK_BYTES_MAX:
        raise ValueError(f'chunk of {len(data)} bytes: at most {CHUNK_BYTES_MAX}')
    return bytes(data)


# The core's Raft messages and those of swarm_msgs have the same names and fields; the sender, the
# recipient and the storage are in the envelope. Beacons carry more and are made by beacon_to_msg.
_ENVELOPE = frozenset({'sender', 'recipient', 'storage_id'})
RAFT_KINDS: tuple[type, ...] = (
    VoteRequest, Vote, Append, AppendReply, SnapshotChunk, SnapshotReply, TimeoutNow, ReadRequest,
    ReadReply,
)
_BODY: dict[type, tuple[str, ...]] = {
    kind: tuple(one.name for one in fields(kind) if one.name not in _ENVELOPE)
    for kind in RAFT_KINDS
}
_KIND_OF_MSG: dict[type, type] = {getattr(msg, kind.__name__): kind for kind in RAFT_KINDS}
# What is not the same on both sides: (to the message, from it).
_FIELDS: dict[tuple[type, str], tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    (Vote, 'reason'): (int, VoteReason),
    (Append, 'entries'): (_entries_to_msg, entries_from_msg),
    (AppendReply, 'outcome'): (int, AppendOutcome),
    (SnapshotChunk, 'sha256'): (list, bytes),
    (SnapshotChunk, 'data'): (octets, _chunk_from_msg),
    (SnapshotReply, 'reason'): (str, lambda reason: reason[:200]),
}
_SAME: tuple[Callable[[Any], Any], Callable[[Any], Any]] = (lambda value: value,) * 2


def raft_to_msg(message: Message) -> Any:
    """The body of a Raft message that is no beacon, without its envelope."""
    kind = type(message)
    return getattr(msg, kind.__name__)(
        **{
            name: _FIELDS.get((kind, name), _SAME)[0](getattr(message, name))
            for name in _BODY[kind]
        }
    )


def raft_from_msg(message: Any) -> Message:
    """Any Raft message but a beacon. Raises ValueError for an enum or a size that cannot be."""
    kind, envelope = _KIND_OF_MSG[type(message)], message.envelope
    made: Message = kind(
        sender=RobotId(envelope.sender),
        recipient=RobotId(envelope.recipient) if envelope.recipient else None,
        storage_id=envelope.storage_id,
        **{
            name: _FIELDS.get((kind, name), _SAME)[1](getattr(message, name))
            for name in _BODY[kind]
        },
    )
    return made


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


def mode_advice_from_msg(message: msg.Advice) -> ModeAdvice | None:
    """The mode that a learner proposes, for as long as it says; None: it proposes none. A reason
    that is too long is cut at a word."""
    if not message.has_mode or message.mode.mode not in {mode.value for mode in Mode}:
        return None
    reason = shorten(message.mode.reason[: 2 * MODE_REASON_CHARS_MAX], MODE_REASON_CHARS_MAX,
                     placeholder=' …')
    expires_ns = time.monotonic_ns() + message.valid_ms * 1_000_000
    return ModeAdvice(Mode(message.mode.mode), message.mode.confidence, reason, expires_ns)


def reputation_advice_from_msg(message: msg.Advice) -> ReputationAdvice | None:
    """What a learner believes of robots, for as long as it says; None: it says nothing. Figures
    that cannot be are left out."""
    robots = {
        RobotId(one.robot_id): WorkReputation(
            round(one.lower_bound * 1000), one.newcomer, one.may_lead
        )
        for one in message.reputations[:REPUTATIONS_MAX]
        if 0 <= one.lower_bound <= 1
    }
    if not robots:
        return None
    return ReputationAdvice(robots, time.monotonic_ns() + message.valid_ms * 1_000_000)


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


def model_to_msg(model: Model) -> msg.ModelRef:
    return msg.ModelRef(
        name=model.name,
        version=model.version,
        sha256=model.sha256,
        size_bytes=model.size_bytes,
        holder=model.holder,
        summary=model.summary,
        log_index=model.log_index,
        stamp_ns=model.stamp_ns,
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


# ---- views


def capability_to_msg(capability: CapabilitySpec) -> msg.Capability:
    return msg.Capability(
        name=capability.name,
        amount=capability.amount_milli / 1000,
        unit=capability.unit,
        source=capability.source,
    )


def capability_from_msg(message: msg.Capability) -> CapabilitySpec:
    """Raises ValueError for an amount that cannot be."""
    return CapabilitySpec(
        message.name, amount_milli(message.amount), message.unit, message.source
    )


def amount_milli(amount: float) -> int:
    """An amount as the log holds it. Raises ValueError for what is no number, or too large."""
    if not abs(amount) <= AMOUNT_MAX:
        raise ValueError(f'amount={amount}: expected a number up to {AMOUNT_MAX:g}')
    return round(amount * 1000)


def mode_to_msg(state: ReplicatedState) -> msg.ModeState:
    view = msg.ModeState(
        stamp=time_msg(state.stamp_ns),
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
