# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Publishes a robot's health on /diagnostics, once a second while somebody listens (REP-107).

Owns where each figure comes from; what is a warning is for core/self_report.py. Names are
`/<robot_id>/coordinator: <task>`, as diagnostic_updater has them with use_fqn. Called on the
coordinator's thread.
"""

import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from swarm_msgs import msg

from swarm_coordinator.config import CoordinatorConfig
from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.self_report import Report, SelfReport, Sensor, Vitals
from swarm_coordinator.ros import conversions
from swarm_coordinator.ros.guarded_node import guard_of
from swarm_coordinator.ros.views import CONSCIOUSNESS_STALE_NS, UNKNOWN, LocalFacts
from swarm_coordinator.runner.cage import Cage

MS = 1_000_000
TOPIC = '/diagnostics'
QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=10,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.VOLATILE,
)
# A byte in the message is bytes of length one in Python; a number there ends rqt.
LEVELS = (
    DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE
)
SENSOR_STATES = {
    msg.SensorHealth.STATE_FRESH: 'fresh',
    msg.SensorHealth.STATE_STALE: 'stale',
    msg.SensorHealth.STATE_FAULTY: 'faulty',
}
BAD_PHASES = (msg.HardwareDevice.PHASE_FAULTY, msg.HardwareDevice.PHASE_LOST)
TEXT_MAX = 200
CAGE_TEXT_MAX = 600  # it may hold what bubblewrap said


class Diagnostics:
    """`facts` are those of the views, `cage` what jobs are kept in; `inventory` is set when one is
    heard."""

    def __init__(
        self, node: Node, config: CoordinatorConfig, facts: LocalFacts, cage: Callable[[], Cage]
    ) -> None:
        self._name = node.get_fully_qualified_name()
        self._config = config
        self._facts = facts
        self._cage = cage
        self._report = SelfReport(CONSCIOUSNESS_STALE_NS // MS)
        self._publisher = node.create_publisher(DiagnosticArray, TOPIC, QOS)
        self.inventory: msg.HardwareInventory | None = None
        self._guard = guard_of(node)

    def publish(self, core: Coordinator, state: msg.LocalState) -> None:
        """`state` is what this robot has just told of itself."""
        now_ns = time.monotonic_ns()
        reports = self._report.reports(self._vitals(core, state, now_ns), now_ns)
        if not self._publisher.get_subscription_count():
            return
        array = DiagnosticArray(status=[self._status(one) for one in reports])
        array.header.stamp = conversions.time_msg(time.time_ns())
        self._publisher.publish(array)

    def _vitals(self, core: Coordinator, state: msg.LocalState, now_ns: int) -> Vitals:
        facts, profile, inventory = self._facts, self._config.profile, self.inventory
        felt_ms = (now_ns - facts.consciousness_ns) // MS
        devices = () if inventory is None else inventory.devices
        return Vitals(
            leader=core.raft.leader or '',
            role=core.raft.role.name.lower(),
            term=core.raft.term,
            voters=len(core.raft.voters),
            voters_heard=core.voters_heard(),
            leader_changes=state.leader_changes,
            tick_late_ms=state.tick_late_ms_max,
            fsync_ms=state.fsync_ms_max,
            heartbeat_ms=profile.heartbeat_ms,
            election_ms=profile.election_timeout_ms_min,
            awareness=core.health.awareness.score(now_ns),
            disk_free_bytes=state.disk_free_bytes,
            job_slots=state.job_slots,
            running_jobs=state.running_jobs,
            held_jobs=state.held_jobs,
            queued_work_ms=state.queued_work_ms,
            jobs_done=state.jobs_done,
            jobs_failed=state.jobs_failed,
            faults=state.faults,
            stopped=core.emergency.active,
            stop_reason=core.emergency.register.reason,
            battery_permille=None if facts.battery in (None, UNKNOWN) else facts.battery,
            learner_age_ms=None if facts.consciousness is None else felt_ms,
            sensors=tuple(
                Sensor(
                    one.device_id, SENSOR_STATES.get(one.state, 'unknown'), one.rate_hz,
                    one.reason[:TEXT_MAX],
                )
                for one in state.sensors
            ),
            devices=None if inventory is None else len(devices),
            devices_bad=tuple(one.name or one.device_id for one in devices
                              if one.phase in BAD_PHASES),
            notices=() if inventory is None else tuple(
                text[:TEXT_MAX] for text in inventory.notices
            ),
            **self._walls(),
            **self._security(),
        )

    def _walls(self) -> dict[str, Any]:
        cage = self._cage()
        return {
            'cage': cage.wall.value, 'cage_asked': cage.policy.wall, 'cage_weak': cage.weak,
            'cage_told': cage.told()[:CAGE_TEXT_MAX],
        }

    def _security(self) -> dict[str, Any]:
        if self._guard is None:
            return {}
        found = {
            'signed': True,
            'refused': tuple(sorted(self._guard.counts().items())),
            'refused_last': self._guard.last()[:TEXT_MAX],
        }
        if self._guard.secrecy is not None:
            epoch, age_s, missing = self._guard.secrecy.facts()
            found |= {
                'encrypted': True, 'key_epoch': epoch, 'key_age_s': age_s, 'keys_missing': missing
            }
        return found

    def _status(self, report: Report) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=LEVELS[report.level],
            name=f'{self._name}: {report.task}',
            message=report.message,
            hardware_id=self._config.robot_id,
            values=[KeyValue(key=key, value=value) for key, value in report.values],
        )
