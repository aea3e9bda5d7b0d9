# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages to facts. Owns words for numbers and the size of everything; decides nothing.

Whatever the network says is cut to size here: texts, lists and numbers that JSON does not have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from swarm_msgs.msg import (
    Capability,
    ComputeUnit,
    HardwareDevice,
    HardwareInventory,
    Heartbeat,
    JobSpec,
    JobStatus,
    JobUpdates,
    ModeState,
    RobotStatus,
    SwarmConsciousness,
    SwarmEvent,
    SwarmState,
)

from swarm_tower.core import facts

NAME_MAX = 128
TEXT_MAX = 500
LIST_MAX = 32
DEVICES_MAX = 256
JOBS_MAX = 1000
NS_PER_MS = 1_000_000
GIB = 2**30
UNKNOWN_PERMILLE = 65535


def words(message_type: Any, prefix: str) -> dict[int, str]:
    """Return {number: word} of the constants of a message with this prefix."""
    names = [n for n in dir(type(message_type)) if n.startswith(prefix)]
    return {getattr(message_type, n): n[len(prefix) :].lower() for n in names}


ROLES = words(Heartbeat, 'ROLE_')
MEMBER_PHASES = words(RobotStatus, 'PHASE_')
MODES = words(ModeState, 'MODE_')
JOB_PHASES = words(JobStatus, 'PHASE_')
EFFECTS = words(JobSpec, 'EFFECTS_')
SEVERITIES = words(SwarmEvent, 'SEVERITY_')
BUSES = words(HardwareDevice, 'BUS_')
DEVICE_PHASES = words(HardwareDevice, 'PHASE_')
VERDICTS = words(HardwareDevice, 'VERDICT_')
UNIT_KINDS = words(ComputeUnit, 'KIND_')


def clip(text: str, most: int = NAME_MAX) -> str:
    """Return the text, cut with an ellipsis; what cannot be UTF-8 is replaced."""
    if len(text) > most:
        text = text[: most - 1] + '\u2026'
    return text.encode('utf-8', 'replace').decode('utf-8')


def clip_all(texts: Iterable[str], most: int = NAME_MAX) -> tuple[str, ...]:
    """Return the first texts, each cut."""
    return tuple(clip(text, most) for text in list(texts)[:LIST_MAX])


def unit_interval(value: float) -> float | None:
    """Return the figure with three digits; None if it is not within [0..1]."""
    return round(value, 3) if math.isfinite(value) and 0.0 <= value <= 1.0 else None


def capability_text(msg: Capability) -> str:
    """Return 'compute:cpu 2 count', or the name alone for what is only present."""
    name = clip(msg.name, 64)
    if not msg.unit or not math.isfinite(msg.amount):
        return name
    if msg.unit == 'B' and msg.amount >= GIB:
        return f'{name} {msg.amount / GIB:.1f} GiB'
    return f'{name} {msg.amount:.12g} {clip(msg.unit, 16)}'


def word(table: dict[int, str], number: int) -> str:
    """Return the word for a number, or one that says that it is not known."""
    return table.get(number, f'unknown_{number}')


def beacon(msg: Heartbeat) -> facts.Beacon:
    """Take a heartbeat; the sender must have been checked."""
    return facts.Beacon(
        robot_id=msg.envelope.sender,
        incarnation=msg.envelope.incarnation,
        role=word(ROLES, msg.role),
        term=msg.term,
        leader=clip(msg.leader),
        commit_index=msg.commit_index,
        applied_index=msg.applied_index,
        mode=word(MODES, msg.mode),
        mode_epoch=msg.mode_epoch,
        emergency_epoch=msg.emergency_epoch,
        emergency_active=msg.emergency_active,
        cpu_permille=permille(msg.cpu_load_permille),
        battery_permille=permille(msg.battery_permille),
        local_mode=word(MODES, msg.local_mode),
        running_jobs=msg.running_jobs,
        held_jobs=msg.held_jobs,
        queued_work_ms=msg.queued_work_ms,
        figures=_figures(msg),
    )


def permille(value: int) -> int | None:
    """Return a share that is known; None = it is not."""
    return None if value == UNKNOWN_PERMILLE else min(value, 1000)


def _figures(msg: Heartbeat) -> facts.Figures | None:
    if msg.consciousness_age_ms == Heartbeat.UNKNOWN_AGE:
        return None
    return facts.Figures(
        arousal=unit_interval(msg.arousal),
        curiosity=unit_interval(msg.curiosity),
        confidence=unit_interval(msg.confidence),
        stability=unit_interval(msg.stability),
        pressure=unit_interval(msg.pressure),
    )


def member(msg: RobotStatus) -> facts.Member:
    """Take one member of a swarm state."""
    return facts.Member(
        robot_id=msg.robot_id,
        voter=msg.voter,
        incarnation=msg.incarnation,
        phase=word(MEMBER_PHASES, msg.phase),
        job_slots=msg.job_slots,
        capabilities=clip_all(c.name for c in msg.capabilities),
    )


def mode(msg: ModeState) -> facts.Mode:
    """Take the mode in force."""
    expires = msg.override_expires_ns
    return facts.Mode(
        log_index=msg.log_index,
        mode=word(MODES, msg.mode),
        mode_epoch=msg.mode_epoch,
        reason=clip(msg.reason, TEXT_MAX),
        overridden=msg.overridden,
        policy_mode=word(MODES, msg.policy_mode),
        override_owner=clip(msg.override_owner),
        override_reason=clip(msg.override_reason, TEXT_MAX),
        override_expires_ms=None if expires <= 0 else expires // NS_PER_MS,
    )


def swarm_state(msg: SwarmState) -> facts.SwarmState:
    """Take the read model; members with an impossible name are left out."""
    named = [m for m in msg.robots if facts.ROBOT_ID.match(m.robot_id)]
    return facts.SwarmState(
        sender=clip(msg.envelope.sender),
        log_index=msg.log_index,
        term=msg.term,
        leader=clip(msg.leader),
        commit_index=msg.commit_index,
        voters=msg.voters,
        quorum=msg.quorum,
        voters_heard=msg.voters_heard,
        members=tuple(member(m) for m in named[: facts.ROBOTS_MAX]),
        mode=mode(msg.mode),
        jobs=facts.JobCounts(
            waiting=msg.jobs_waiting,
            leased=msg.jobs_leased,
            running=msg.jobs_running,
            done=msg.jobs_done,
            failed=msg.jobs_failed,
            expired=msg.jobs_expired,
            cancelled=msg.jobs_cancelled,
            quarantined=msg.jobs_quarantined,
        ),
    )


def _words(spec: JobSpec) -> Sequence[str]:
    """What a job does, as words of a command line."""
    if spec.exec:
        return spec.exec[0].argv
    if spec.python:
        return [spec.python[0].callable, spec.python[0].arguments]
    if spec.record:
        return ['record', *spec.record[0].topics]
    if spec.call:
        return ['call', spec.call[0].name, spec.call[0].interface_type]
    if spec.encode:
        return ['encode', spec.encode[0].codec]
    return [spec.kind]


def job(msg: JobStatus) -> facts.Job:
    """Take one job."""
    spec = msg.spec
    code = msg.exit_code
    return facts.Job(
        job_id=clip(msg.job_id),
        origin=clip(msg.origin),
        kind=clip(spec.kind),
        argv=clip_all(_words(spec), 200),
        labels=clip_all(spec.labels),
        requires=clip_all(spec.requires),
        priority=spec.priority,
        effects=word(EFFECTS, spec.effects),
        timeout_ms=spec.timeout_ms,
        attempts_max=spec.attempts_max,
        phase=word(JOB_PHASES, msg.phase),
        attempt=msg.attempt,
        token=msg.token,
        robot_id=clip(msg.robot_id),
        compute_unit=clip(msg.compute_unit),
        parent=clip(msg.parent),
        progress_permille=min(msg.progress_permille, 1000),
        progress_text=clip(msg.progress_text, TEXT_MAX),
        result=clip(msg.result, TEXT_MAX),
        failures=msg.failures,
        losses=msg.losses,
        moves=msg.moves,
        retries=spec.retries,
        deadline_ms=msg.deadline_ns // NS_PER_MS,
        not_before_ms=msg.not_before_ns // NS_PER_MS,
        exit_code=None if code == JobStatus.NO_EXIT_CODE else code,
        outputs=tuple(
            facts.OutputFile(clip(f.name), f.size_bytes, bytes(f.sha256).hex())
            for f in msg.outputs[:LIST_MAX]
        ),
        outputs_delivered=msg.outputs_delivered,
        reason=clip(msg.reason, TEXT_MAX),
        submitted_ms=msg.submitted_ns // NS_PER_MS,
        changed_ms=msg.changed_ns // NS_PER_MS,
        run_ms=msg.run_ms,
    )


def job_updates(log_index: int, jobs: Sequence[JobStatus]) -> facts.JobUpdates:
    """Take the jobs of an update or of a page of a listing."""
    return facts.JobUpdates(log_index, tuple(job(j) for j in jobs[:JOBS_MAX]))


def update_message(msg: JobUpdates) -> facts.JobUpdates:
    """Take a message of /swarm/jobs."""
    return job_updates(msg.log_index, msg.jobs)


def event(msg: SwarmEvent) -> facts.Event:
    """Take an event."""
    stamp = msg.stamp.sec * 1000 + msg.stamp.nanosec // NS_PER_MS
    return facts.Event(
        sender=clip(msg.envelope.sender),
        incarnation=msg.envelope.incarnation,
        sequence=msg.envelope.sequence,
        stamp_ms=stamp or None,
        log_index=msg.log_index,
        kind=clip(msg.kind),
        severity=word(SEVERITIES, msg.severity),
        subject=clip(msg.subject),
        text=clip(msg.text, TEXT_MAX),
        cause=clip(msg.cause),
        attributes=tuple((clip(a.key), clip(a.value, 200)) for a in msg.attributes[:LIST_MAX]),
    )


def consciousness(msg: SwarmConsciousness) -> facts.Consciousness:
    """Take the swarm's aggregate."""
    return facts.Consciousness(
        sender=clip(msg.envelope.sender),
        term=msg.term,
        arousal=unit_interval(msg.arousal),
        stability=unit_interval(msg.stability),
        pressure=unit_interval(msg.pressure),
        robots=msg.robots,
        spread=unit_interval(msg.spread),
        worst_robot=clip(msg.worst_robot),
    )


def device(msg: HardwareDevice) -> facts.Device:
    """Take one device."""
    return facts.Device(
        device_id=clip(msg.device_id, 200),
        bus=word(BUSES, msg.bus),
        phase=word(DEVICE_PHASES, msg.phase),
        generation=msg.generation,
        verdict=word(VERDICTS, msg.verdict),
        confidence=unit_interval(msg.confidence),
        name=clip(msg.name),
        vendor_id=clip(msg.vendor_id),
        product_id=clip(msg.product_id),
        serial=clip(msg.serial),
        driver=clip(msg.driver),
        device_path=clip(msg.device_path),
        sysfs_path=clip(msg.sysfs_path, TEXT_MAX),
        parent_id=clip(msg.parent_id, 200),
        alternatives=clip_all(msg.alternatives),
        capabilities=clip_all(capability_text(c) for c in msg.capabilities),
        evidence=tuple(
            facts.Evidence(
                clip(e.source), clip(e.location, 200), clip(e.seen, 200), clip(e.says, 200)
            )
            for e in msg.evidence[:LIST_MAX]
        ),
        kind=clip(msg.kind),
        state=clip(msg.state),
        claimed_by=clip(msg.claimed_by),
        fault=clip(msg.fault, 200),
        topics=clip_all(msg.topics, 200),
        frame_id=clip(msg.frame_id),
    )


def inventory(msg: HardwareInventory) -> facts.Inventory:
    """Take what a robot believes it has."""
    return facts.Inventory(
        robot_id=msg.robot_id,
        revision=msg.revision,
        devices=tuple(device(d) for d in msg.devices[:DEVICES_MAX]),
        compute_units=tuple(
            facts.ComputeUnit(
                clip(u.unit_id), word(UNIT_KINDS, u.kind), clip(u.model), u.cores, u.memory_bytes
            )
            for u in msg.compute_units[:LIST_MAX]
        ),
        cpu_cores=msg.cpu_cores,
        memory_bytes=msg.memory_bytes,
        machine=clip(msg.machine),
        model=clip(msg.model),
        notices=clip_all(msg.notices, TEXT_MAX),
    )
