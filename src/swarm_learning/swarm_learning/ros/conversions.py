# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the translation between messages and the learner's own types; decides nothing.

What a message marks as unknown, or what is outside its documented range, becomes None here.
"""

from __future__ import annotations

from builtin_interfaces.msg import Time
from swarm_msgs.msg import (
    Advice,
    Envelope,
    Heartbeat,
    JobOutcome,
    LocalConsciousness,
    ModeAdvice,
    ModeState,
    RobotStatus,
    SensorHealth,
    SwarmConsciousness,
)
from swarm_msgs.msg import LocalState as LocalStateMsg
from swarm_msgs.msg import SwarmState as SwarmStateMsg

from ..core.advice import Proposal
from ..core.inheritance import Recorded
from ..core.observation import Beacon, Ending, Figures, LocalState, Mode, Outcome, SwarmState
from ..core.swarm import SwarmView

MODE_BY_NUMBER: dict[int, Mode] = {
    ModeState.MODE_NORMAL: Mode.NORMAL,
    ModeState.MODE_EXPLORE: Mode.EXPLORE,
    ModeState.MODE_CONSERVE: Mode.CONSERVE,
    ModeState.MODE_DEFENSIVE: Mode.DEFENSIVE,
    ModeState.MODE_HYPERFOCUS: Mode.HYPERFOCUS,
    ModeState.MODE_RECOVERY: Mode.RECOVERY,
    ModeState.MODE_MAINTENANCE: Mode.MAINTENANCE,
}
NUMBER_BY_MODE = {mode: number for number, mode in MODE_BY_NUMBER.items()}

ENDING_BY_NUMBER: dict[int, Ending] = {
    JobOutcome.OUTCOME_DONE: Ending.DONE,
    JobOutcome.OUTCOME_FAILED: Ending.FAILED,
    JobOutcome.OUTCOME_TIMED_OUT: Ending.TIMED_OUT,
    JobOutcome.OUTCOME_LEASE_EXPIRED: Ending.LEASE_EXPIRED,
    JobOutcome.OUTCOME_CANCELLED: Ending.CANCELLED,
    JobOutcome.OUTCOME_REFUSED: Ending.REFUSED,
    JobOutcome.OUTCOME_STOLEN: Ending.STOLEN,
}
NUMBER_BY_ENDING = {ending: number for number, ending in ENDING_BY_NUMBER.items()}

PERMILLE_MAX = 1000
NS_PER_S = 1_000_000_000
BATTERY_LOW_PERMILLE = 200  # at or below, as for the coordinator's own mode
ABSENT_PHASES = (RobotStatus.PHASE_DEAD, RobotStatus.PHASE_LEFT)
FAILING_SENSOR = (SensorHealth.STATE_STALE, SensorHealth.STATE_FAULTY)


def local_state_from_msg(msg: LocalStateMsg) -> LocalState:
    measured = msg.battery_basis == LocalStateMsg.BATTERY_MEASURED
    return LocalState(
        robot_id=msg.robot_id,
        cpu_load=_share(msg.cpu_load_permille),
        memory_used=_share(msg.memory_used_permille),
        battery_charge=msg.battery_charge if measured else None,
        job_slots=msg.job_slots,
        running_jobs=msg.running_jobs,
        held_jobs=msg.held_jobs,
        queued_work_ms=msg.queued_work_ms,
        swarm_waiting_jobs=msg.swarm_waiting_jobs,
        faults=msg.faults,
        leader_changes=msg.leader_changes,
        tick_late_ms_max=msg.tick_late_ms_max,
        leader=msg.leader,
        mode=MODE_BY_NUMBER.get(msg.mode),
        sensors=len(msg.sensors),
        sensors_failing=sum(s.state in FAILING_SENSOR for s in msg.sensors),
    )


def beacon_from_msg(msg: Heartbeat, heard_ns: int) -> Beacon:
    unknown = msg.consciousness_age_ms == Heartbeat.UNKNOWN_AGE
    return Beacon(
        robot_id=msg.envelope.sender,
        figures=Figures(msg.arousal, msg.curiosity, msg.confidence, msg.stability, msg.pressure),
        age_ms=None if unknown else msg.consciousness_age_ms,
        heard_ns=heard_ns,
        queued_work_ms=msg.queued_work_ms,
    )


def outcome_from_msg(msg: JobOutcome) -> Outcome:
    return Outcome(
        job_id=msg.job_id,
        attempt=msg.attempt,
        kind=msg.kind,
        robot_id=msg.robot_id,
        ending=ENDING_BY_NUMBER.get(msg.outcome),
        run_ms=msg.run_ms,
        program=msg.program,
        compute_unit=msg.compute_unit,
        origin=msg.origin,
        queue_ms=msg.queue_ms,
        log_index=msg.log_index,
        stamp_ns=max(0, msg.stamp_ns),
        thief=msg.thief,
        victim=msg.victim,
        bytes_out=msg.bytes_out,
    )


def swarm_state_from_msg(
    msg: SwarmStateMsg, checkpoint: Recorded | None = None
) -> SwarmState:
    present = [robot for robot in msg.robots if robot.phase not in ABSENT_PHASES]
    return SwarmState(
        term=msg.term,
        log_index=msg.log_index,
        leader=msg.leader,
        robots_present=len(present),
        stamp_ns=msg.stamp.sec * NS_PER_S + msg.stamp.nanosec,
        mode=MODE_BY_NUMBER.get(msg.mode.mode),
        mode_epoch=msg.mode.mode_epoch,
        overridden=msg.mode.overridden,
        emergency=msg.emergency_active,
        slots={robot.robot_id: robot.job_slots for robot in present},
        jobs_waiting=msg.jobs_waiting,
        jobs_held=msg.jobs_leased + msg.jobs_running,
        batteries_low=_share_low([robot.battery_permille for robot in present]),
        checkpoint=checkpoint,
    )


def envelope_of(swarm_id: str, sender: str) -> Envelope:
    """Of a message whose numbers the node that signs it counts."""
    return Envelope(
        swarm_id=swarm_id, sender=sender, protocol_version=Envelope.PROTOCOL_VERSION)


def local_consciousness_to_msg(
    figures: Figures, reasons: tuple[str, ...], robot_id: str, stamp: Time
) -> LocalConsciousness:
    return LocalConsciousness(
        stamp=stamp, robot_id=robot_id, arousal=figures.arousal, curiosity=figures.curiosity,
        confidence=figures.confidence, stability=figures.stability, pressure=figures.pressure,
        reasons=list(reasons))


def figures_from_msg(msg: LocalConsciousness | Heartbeat) -> Figures:
    return Figures(msg.arousal, msg.curiosity, msg.confidence, msg.stability, msg.pressure)


def swarm_consciousness_to_msg(
    view: SwarmView, term: int, swarm_id: str, sender: str, stamp: Time
) -> SwarmConsciousness:
    return SwarmConsciousness(
        envelope=envelope_of(swarm_id, sender), stamp=stamp, term=term, arousal=view.arousal,
        stability=view.stability, pressure=view.pressure, robots=view.robots,
        spread=view.spread, worst_robot=view.worst_robot)


def swarm_view_from_msg(msg: SwarmConsciousness) -> SwarmView:
    return SwarmView(msg.arousal, msg.stability, msg.pressure, msg.robots, msg.spread,
                     msg.worst_robot)


def advice_to_msg(
    proposal: Proposal | None, log_index: int, valid_ms: int, robot_id: str, stamp: Time
) -> Advice:
    """What the hand rule proposes; what is learned is added by mind_conversions."""
    msg = Advice(stamp=stamp, robot_id=robot_id, log_index=log_index, valid_ms=valid_ms)
    if proposal is not None:
        mode = NUMBER_BY_MODE[proposal.mode]
        msg.has_mode = True
        msg.mode = ModeAdvice(mode=mode, confidence=proposal.confidence, reason=proposal.reason,
                              policy='rule', runner_up=mode)
    return msg


def proposal_from_msg(msg: Advice) -> Proposal | None:
    if not msg.has_mode:
        return None
    return Proposal(MODE_BY_NUMBER[msg.mode.mode], msg.mode.confidence, msg.mode.reason)


def _share_low(permilles: list[int]) -> float:
    """Share of low batteries among those that are known."""
    known = [one for one in permilles if one <= PERMILLE_MAX]
    return sum(one <= BATTERY_LOW_PERMILLE for one in known) / len(known) if known else 0.0


def _share(permille: int) -> float | None:
    return permille / PERMILLE_MAX if permille <= PERMILLE_MAX else None
