# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages become facts that are cut to size and hold only numbers that JSON has."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

from diagnostic_msgs.msg import KeyValue  # noqa: E402
from swarm_msgs.msg import (  # noqa: E402
    Capability,
    FileRef,
    HardwareDevice,
    HardwareInventory,
    Heartbeat,
    JobStatus,
    ModeState,
    Observation,
    RobotStatus,
    SwarmConsciousness,
    SwarmEvent,
    SwarmState,
)

from swarm_tower.ros import conversions  # noqa: E402


def test_heartbeat_becomes_words_and_known_figures() -> None:
    msg = Heartbeat(role=Heartbeat.ROLE_LEADER, term=4, leader='robot_a', cpu_load_permille=333)
    msg.battery_permille, msg.local_mode = 640, ModeState.MODE_DEFENSIVE
    msg.envelope.sender = 'robot_a'
    msg.arousal, msg.stability = 0.25, 1.0
    fact = conversions.beacon(msg)
    assert (fact.robot_id, fact.role, fact.term) == ('robot_a', 'leader', 4)
    assert (fact.cpu_permille, fact.battery_permille) == (333, 640)
    assert (fact.mode, fact.local_mode) == ('normal', 'defensive')
    assert fact.figures is not None and fact.figures.arousal == 0.25


def test_unknown_figures_are_none() -> None:
    msg = Heartbeat(
        cpu_load_permille=65535, battery_permille=65535, role=99,
        consciousness_age_ms=Heartbeat.UNKNOWN_AGE,
    )
    fact = conversions.beacon(msg)
    assert (fact.cpu_permille, fact.figures, fact.role) == (None, None, 'unknown_99')
    assert fact.battery_permille is None


def test_numbers_that_json_does_not_have_become_none() -> None:
    msg = SwarmConsciousness(term=4, arousal=float('nan'), stability=float('inf'), pressure=-3.0)
    fact = conversions.consciousness(msg)
    assert (fact.arousal, fact.stability, fact.pressure) == (None, None, None)
    assert fact.term == 4
    json.dumps(asdict(fact), allow_nan=False)


def test_swarm_state_leaves_out_members_with_impossible_names() -> None:
    msg = SwarmState(log_index=5, jobs_done=3, jobs_expired=2, quorum=2)
    msg.robots = [
        RobotStatus(robot_id='robot_a', phase=RobotStatus.PHASE_SUSPECT, voter=True),
        RobotStatus(robot_id='../evil'),
        RobotStatus(robot_id='robot_b\n'),
    ]
    fact = conversions.swarm_state(msg)
    assert [(m.robot_id, m.phase) for m in fact.members] == [('robot_a', 'suspect')]
    assert (fact.jobs.done, fact.jobs.expired, fact.quorum) == (3, 2, 2)


def test_override_is_told_with_owner_and_end() -> None:
    msg = ModeState(mode=2, overridden=True, override_owner='anna', override_expires_ns=5_000_000)
    fact = conversions.mode(msg)
    assert (fact.mode, fact.override_owner, fact.override_expires_ms) == ('conserve', 'anna', 5)
    assert conversions.mode(ModeState()).override_expires_ms is None


def test_job_keeps_what_a_person_wants_to_know() -> None:
    msg = JobStatus(job_id='j', phase=JobStatus.PHASE_FAILED, exit_code=-9, token=88, attempt=2)
    msg.outputs = [FileRef(name='a.xz', size_bytes=5, sha256=[255] + [0] * 31)]
    fact = conversions.job(msg)
    assert (fact.phase, fact.exit_code, fact.token, fact.attempt) == ('failed', -9, 88, 2)
    assert fact.outputs[0].sha256.startswith('ff00')
    assert conversions.job(JobStatus(exit_code=JobStatus.NO_EXIT_CODE)).exit_code is None


def test_event_is_cut_to_size() -> None:
    msg = SwarmEvent(text='x' * 100_000, severity=2, kind='k' * 999)
    msg.attributes = [KeyValue(key='a', value='b')] * 500
    fact = conversions.event(msg)
    assert len(fact.text) == 500 and len(fact.kind) == 128 and len(fact.attributes) == 32
    assert (fact.severity, fact.stamp_ms) == ('error', None)


def test_inventory_is_cut_to_size_and_keeps_evidence() -> None:
    device = HardwareDevice(bus=HardwareDevice.BUS_I2C, verdict=1, alternatives=['a', 'b'])
    device.evidence = [Observation(source='i2c', location='1:0x68', seen='68', says='MPU')]
    fact = conversions.inventory(HardwareInventory(robot_id='r', devices=[device] * 999))
    assert len(fact.devices) == conversions.DEVICES_MAX
    assert (fact.devices[0].bus, fact.devices[0].verdict) == ('i2c', 'ambiguous')
    assert fact.devices[0].evidence[0].says == 'MPU'


@pytest.mark.parametrize(
    'capability, text',
    [
        (Capability(name='compute:cpu', amount=2.0, unit='count'), 'compute:cpu 2 count'),
        (Capability(name='power', amount=0.25, unit='W', source='config'), 'power 0.25 W'),
        (Capability(name='exec:xz', amount=1.0), 'exec:xz'),
        (Capability(name='memory:ram', amount=25.3e9, unit='B'), 'memory:ram 23.6 GiB'),
        (Capability(name='odd', amount=float('nan'), unit='W'), 'odd'),
    ],
)
def test_capability_is_told_with_its_amount_unless_it_is_only_present(
    capability: Capability, text: str
) -> None:
    device = HardwareDevice(capabilities=[capability])
    assert conversions.device(device).capabilities == (text,)


def test_endless_capability_is_cut_to_size() -> None:
    endless = Capability(name='n' * 999, amount=1.0, unit='u' * 999)
    assert len(conversions.capability_text(endless)) < conversions.NAME_MAX


def test_text_that_is_no_utf8_can_still_be_sent() -> None:
    conversions.clip('\ud800').encode('utf-8')
