# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the translation between messages and the learner's types."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy')

from builtin_interfaces.msg import Time  # noqa: E402
from swarm_msgs.msg import (  # noqa: E402
    Envelope,
    Heartbeat,
    JobOutcome,
    LocalState,
    ModeState,
    RobotStatus,
    SensorHealth,
    SwarmState,
)

from swarm_learning.core.advice import Proposal  # noqa: E402
from swarm_learning.core.observation import Ending, Figures, Mode  # noqa: E402
from swarm_learning.core.swarm import SwarmView  # noqa: E402
from swarm_learning.ros import conversions  # noqa: E402

STAMP = Time(sec=7, nanosec=8)
# Shares that float32 holds exactly, so that a round trip must be exact.
FIGURES = Figures(0.5, 0.25, 0.125, 1.0, 0.0)


def test_local_consciousness_survives_a_round_trip() -> None:
    msg = conversions.local_consciousness_to_msg(FIGURES, ('a', 'b'), 'r1', STAMP)
    assert conversions.figures_from_msg(msg) == FIGURES
    assert (list(msg.reasons), msg.robot_id, msg.stamp) == (['a', 'b'], 'r1', STAMP)


def test_swarm_consciousness_survives_a_round_trip() -> None:
    view = SwarmView(0.5, 0.25, 0.125, 4, 0.75, 'r3')
    msg = conversions.swarm_consciousness_to_msg(view, 2**40, 'swarm', 'r1', STAMP)
    assert conversions.swarm_view_from_msg(msg) == view
    assert (msg.envelope.swarm_id, msg.envelope.sender, msg.term) == ('swarm', 'r1', 2**40)


def test_an_outcome_names_its_program() -> None:
    outcome = conversions.outcome_from_msg(JobOutcome(
        job_id='j', attempt=2, kind='exec', program='/usr/bin/xz', robot_id='r1', run_ms=7))
    assert (outcome.job_id, outcome.attempt, outcome.kind, outcome.program, outcome.robot_id,
            outcome.run_ms) == ('j', 2, 'exec', '/usr/bin/xz', 'r1', 7)


@pytest.mark.parametrize('mode', list(Mode))
def test_advice_survives_a_round_trip(mode: Mode) -> None:
    proposal = Proposal(mode, 0.5, 'because')
    msg = conversions.advice_to_msg(proposal, 12, 5000, 'r1', STAMP)
    assert conversions.proposal_from_msg(msg) == proposal
    assert (msg.has_mode, msg.log_index, msg.valid_ms, msg.robot_id) == (True, 12, 5000, 'r1')


def test_no_opinion_stays_no_opinion() -> None:
    msg = conversions.advice_to_msg(None, 0, 5000, 'r1', STAMP)
    assert not msg.has_mode and conversions.proposal_from_msg(msg) is None


def test_every_mode_and_ending_of_the_messages_is_known() -> None:
    modes = {v for k, v in vars(ModeState).items() if k.startswith('MODE_')}
    modes |= {getattr(ModeState, f'MODE_{mode.name}') for mode in Mode}
    assert set(conversions.MODE_BY_NUMBER) == modes
    for mode in Mode:
        assert conversions.NUMBER_BY_MODE[mode] == getattr(ModeState, f'MODE_{mode.name}')
    for ending in Ending:
        number = getattr(JobOutcome, f'OUTCOME_{ending.name}')
        assert conversions.outcome_from_msg(JobOutcome(outcome=number)).ending is ending
    assert conversions.outcome_from_msg(JobOutcome(outcome=99)).ending is None


def test_a_beacon_without_a_learner_has_no_age() -> None:
    msg = Heartbeat(envelope=Envelope(sender='r2'), arousal=0.5,
                    consciousness_age_ms=Heartbeat.UNKNOWN_AGE)
    assert conversions.beacon_from_msg(msg, 5).age_ms is None
    msg.consciousness_age_ms = 40
    beacon = conversions.beacon_from_msg(msg, 5)
    assert (beacon.robot_id, beacon.age_ms, beacon.heard_ns) == ('r2', 40, 5)
    assert beacon.figures.arousal == 0.5


@pytest.mark.parametrize('permille, share', [(0, 0.0), (250, 0.25), (1000, 1.0), (1001, None),
                                             (LocalState.UNKNOWN_PERMILLE, None)])
def test_shares_out_of_range_are_unknown(permille: int, share: float | None) -> None:
    msg = LocalState(cpu_load_permille=permille, memory_used_permille=permille)
    state = conversions.local_state_from_msg(msg)
    assert (state.cpu_load, state.memory_used) == (share, share)


def test_a_battery_counts_only_when_measured() -> None:
    msg = LocalState(battery_charge=0.5)
    assert conversions.local_state_from_msg(msg).battery_charge is None
    msg.battery_basis = LocalState.BATTERY_MEASURED
    assert conversions.local_state_from_msg(msg).battery_charge == 0.5


def test_stale_and_faulty_sensors_fail_and_unknown_ones_do_not() -> None:
    states = (SensorHealth.STATE_UNKNOWN, SensorHealth.STATE_FRESH, SensorHealth.STATE_STALE,
              SensorHealth.STATE_FAULTY)
    msg = LocalState(sensors=[SensorHealth(state=state) for state in states], mode=99)
    state = conversions.local_state_from_msg(msg)
    assert (state.sensors, state.sensors_failing, state.mode) == (4, 2, None)


def test_all_facts_of_a_local_state_arrive() -> None:
    msg = LocalState(robot_id='r1', job_slots=2, running_jobs=3, held_jobs=4, queued_work_ms=5,
                     swarm_waiting_jobs=6, faults=7, leader_changes=8, tick_late_ms_max=9,
                     leader='r2', mode=ModeState.MODE_RECOVERY)
    state = conversions.local_state_from_msg(msg)
    assert (state.job_slots, state.running_jobs, state.held_jobs, state.queued_work_ms,
            state.swarm_waiting_jobs, state.faults, state.leader_changes,
            state.tick_late_ms_max) == (2, 3, 4, 5, 6, 7, 8, 9)
    assert (state.robot_id, state.leader, state.mode) == ('r1', 'r2', Mode.RECOVERY)


def test_robots_that_are_dead_or_left_are_not_present() -> None:
    phases = (RobotStatus.PHASE_HEALTHY, RobotStatus.PHASE_SLOW, RobotStatus.PHASE_SUSPECT,
              RobotStatus.PHASE_DEAD, RobotStatus.PHASE_LEFT)
    msg = SwarmState(leader='r1', term=3, log_index=9,
                     robots=[RobotStatus(phase=phase) for phase in phases])
    state = conversions.swarm_state_from_msg(msg)
    assert (state.robots_present, state.leader, state.term, state.log_index) == (3, 'r1', 3, 9)
