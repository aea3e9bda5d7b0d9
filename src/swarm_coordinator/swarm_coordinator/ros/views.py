# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot publishes for people and other programs: views of the log, events, its own state.

Views are derived, stamped with the log index, and sent by the leader only; a new leader sends
them again. Called on the coordinator's thread.
"""

import time
from dataclasses import dataclass, field

import psutil
from swarm_msgs import msg

from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.emergency import Register, Release, Stop
from swarm_coordinator.core.events import Changed, RoleChanged
from swarm_coordinator.core.health import PeerFacts
from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.raft import Heartbeat, HeartbeatReply, Role
from swarm_coordinator.core.replicated.applied import AttemptEnded
from swarm_coordinator.core.replicated.event_log import KeptEvent, Notable
from swarm_coordinator.ros import conversions, job_conversions
from swarm_coordinator.ros.transport import Transport

MS = 1_000_000
STATE_PERIOD_NS = 500 * MS  # /swarm/state at most twice a second
STATE_REST_NS = 2_000 * MS  # and at least this often
JOBS_PERIOD_NS = 200 * MS
JOBS_PER_UPDATE_MAX = 100
JOBS_UNSEEN_MAX = 2000  # changes that are kept for the first who listens
OUTCOMES_MAX = 256  # of one message
SENSORS_STALE_NS = 5_000_000_000  # hw_discovery tells them once a second
CONSCIOUSNESS_STALE_NS = 5_000 * MS
UNKNOWN = 65535  # permille that nobody knows


@dataclass
class LocalFacts:
    """What this robot measures about itself between two messages."""

    cpu_permille: int = UNKNOWN
    battery: int | None = None  # permille
    consciousness: msg.LocalConsciousness | None = None
    consciousness_ns: int = 0
    sensors: list[msg.SensorHealth] = field(default_factory=list)  # as hw_discovery judges them
    sensors_ns: int = 0
    leader: str = ''


@dataclass
class Views:
    """Publishes through `transport`; `facts` are filled by the node's timers."""

    transport: Transport
    coordinator: Coordinator
    swarm_id: str
    started_ns: int
    facts: LocalFacts = field(default_factory=LocalFacts)
    _queued_work_ms: int = 0  # as of the last beacon; other threads may not ask the coordinator
    _state_ns: int = 0
    _state_due: bool = True
    _jobs_ns: int = 0
    _jobs: dict[str, None] = field(default_factory=dict)

    # ---- the beacon

    def beacon(self, message: Heartbeat | HeartbeatReply) -> None:
        core, facts, now_ns = self.coordinator, self.facts, time.monotonic_ns()
        beacon = conversions.beacon_to_msg(message, core.raft.role)
        beacon.session_id = list(core.identity.session_id)
        beacon.uptime_ms = (now_ns - self.started_ns) // MS
        beacon.commit_index = core.raft.commit_index
        beacon.applied_index = core.raft.last_applied
        beacon.mode = core.state.mode.value
        beacon.mode_epoch = core.state.mode_epoch
        beacon.emergency_epoch = core.emergency.register.epoch
        beacon.emergency_active = core.emergency.active
        beacon.local_mode = core.conduct.local.mode.value
        beacon.awareness = core.health.awareness.score(now_ns)
        beacon.voters_heard = core.voters_heard()
        beacon.battery_permille = UNKNOWN if facts.battery is None else facts.battery
        beacon.cpu_load_permille = facts.cpu_permille
        beacon.running_jobs = core.worker.running
        beacon.held_jobs = len(core.worker.held)
        self._queued_work_ms = min(core.queued_work_ms(), conversions.UINT32_MAX)
        beacon.queued_work_ms = self._queued_work_ms
        self._add_consciousness(beacon, now_ns)
        self.transport.send('/swarm/heartbeat', beacon)
        self._send_due(now_ns)

    def _add_consciousness(self, beacon: msg.Heartbeat, now_ns: int) -> None:
        felt = self.facts.consciousness
        age_ns = now_ns - self.facts.consciousness_ns
        if felt is None or age_ns > CONSCIOUSNESS_STALE_NS:
            beacon.consciousness_age_ms = msg.Heartbeat.UNKNOWN_AGE
            return
        # Heard in another thread, perhaps since this beacon was begun.
        beacon.consciousness_age_ms = max(0, age_ns) // MS
        for name in ('arousal', 'curiosity', 'confidence', 'stability', 'pressure'):
            setattr(beacon, name, getattr(felt, name))

    # ---- the log's views

    def role_changed(self, effect: RoleChanged) -> None:
        leader = effect.leader or ''
        if effect.role is Role.LEADER:
            self._state_due = True
            self._mode()
            self.event(
                Notable(
                    'leader_elected',
                    'info',
                    self.coordinator.robot_id,
                    f'{self.coordinator.robot_id} leads term {effect.term} ({effect.reason})',
                ),
                index=0,
                stamp_ns=time.time_ns(),
            )
        self.facts.leader = leader

    def changed(self, effect: Changed) -> None:
        if self.coordinator.leadership is None:
            return
        self._state_due = True
        self._jobs.update(effect.jobs)
        if effect.mode:
            self._mode()
        outcomes = [self._outcome(*one) for one in effect.ended]
        for first in range(0, len(outcomes), OUTCOMES_MAX):
            page = outcomes[first : first + OUTCOMES_MAX]
            self.transport.send('/swarm/outcomes', msg.JobOutcomes(outcomes=page))
        for index, stamp_ns, notable in effect.notable:
            self.event(notable, index, stamp_ns)
        self._send_due(time.monotonic_ns())

    def _send_due(self, now_ns: int) -> None:
        if self.coordinator.leadership is None:
            self._jobs.clear()
            return
        since = now_ns - self._state_ns
        if since >= STATE_REST_NS or (self._state_due and since >= STATE_PERIOD_NS):
            self._state_ns, self._state_due = now_ns, False
            self.transport.send('/swarm/state', self.state())
        if self._jobs and now_ns - self._jobs_ns >= JOBS_PERIOD_NS:
            self._jobs_ns = now_ns
            if self.transport.is_heard('/swarm/jobs'):
                self._send_jobs()
            else:
                for job_id in list(self._jobs)[:-JOBS_UNSEEN_MAX]:
                    del self._jobs[job_id]

    def _send_jobs(self) -> None:
        """The changed jobs; a long list goes out over several periods."""
        ids = list(self._jobs)[:JOBS_PER_UPDATE_MAX]
        for job_id in ids:
            del self._jobs[job_id]
        state = self.coordinator.state
        self.transport.send(
            '/swarm/jobs',
            msg.JobUpdates(
                stamp=conversions.time_msg(state.stamp_ns),
                log_index=state.applied_index,
                jobs=[self.job(job_id) for job_id in ids if job_id in state.jobs],
            ),
        )

    def job(self, job_id: str) -> msg.JobStatus:
        leadership = self.coordinator.leadership
        blocked = leadership.blocked.get(job_id, '') if leadership is not None else ''
        return job_conversions.job_to_msg(self.coordinator.state.jobs[job_id], blocked)

    def state(self) -> msg.SwarmState:
        core, now_ns = self.coordinator, time.monotonic_ns()
        state = core.state
        return msg.SwarmState(
            envelope=msg.Envelope(
                swarm_id=self.swarm_id,
                sender=core.robot_id,
                protocol_version=msg.Envelope.PROTOCOL_VERSION,
            ),
            stamp=conversions.time_msg(state.stamp_ns),
            log_index=state.applied_index,
            term=core.raft.term,
            leader=core.raft.leader or '',
            commit_index=core.raft.commit_index,
            voters=len(core.raft.voters),
            quorum=len(core.raft.voters) // 2 + 1,
            voters_heard=core.voters_heard(),
            voter_ids=list(core.membership.voter_ids),
            awaited_voter_ids=list(core.membership.awaited_ids),
            non_voter_ids=list(core.membership.non_voter_ids),
            emergency_active=core.emergency.active,
            emergency_epoch=core.emergency.register.epoch,
            emergency_reason=core.emergency.register.reason,
            leases_held=len(state.leases.held),
            services=state.services.count,
            models=[conversions.model_to_msg(one) for one in state.models.values()],
            robots=[self._robot(robot_id, now_ns) for robot_id in state.members],
            mode=conversions.mode_to_msg(state),
            jobs_waiting=state.counts[JobPhase.SUBMITTED],
            jobs_leased=state.counts[JobPhase.LEASED],
            jobs_running=state.counts[JobPhase.RUNNING],
            jobs_done=state.counts[JobPhase.DONE],
            jobs_failed=state.counts[JobPhase.FAILED],
            jobs_expired=state.counts[JobPhase.EXPIRED],
            jobs_cancelled=state.counts[JobPhase.CANCELLED],
            jobs_quarantined=state.counts[JobPhase.QUARANTINED],
        )

    def _robot(self, robot_id: str, now_ns: int) -> msg.RobotStatus:
        core = self.coordinator
        member = core.state.members[robot_id]  # type: ignore[index]
        silence = core.suspicion.silence_ns(member.robot_id, now_ns)
        held = core.state.held_by(member.robot_id)
        phi = core.suspicion.phi_of(member.robot_id, now_ns)
        facts = core.health.peers.get(member.robot_id, PeerFacts())
        if member.robot_id == core.robot_id:
            facts = core.facts
        return msg.RobotStatus(
            robot_id=robot_id,
            voter=member.robot_id in core.membership.voter_ids,
            applied_index=facts.applied_index,
            phi=-1.0 if phi is None else phi,
            awareness=facts.awareness,
            battery_permille=UNKNOWN
            if facts.battery_permille is None
            else facts.battery_permille,
            local_mode=facts.local_mode.value,
            incarnation=member.incarnation,
            phase=member.phase.value,
            heard_ms_ago=msg.RobotStatus.UNKNOWN_AGE if silence is None else silence // MS,
            job_slots=member.job_slots,
            held_jobs=len(held),
            running_jobs=sum(1 for job in held if job.phase is JobPhase.RUNNING),
            capabilities=[conversions.capability_to_msg(one) for one in member.capabilities],
        )

    def _mode(self) -> None:
        self.transport.send('/swarm/mode', conversions.mode_to_msg(self.coordinator.state))

    def _outcome(self, index: int, stamp_ns: int, ended: AttemptEnded) -> msg.JobOutcome:
        return msg.JobOutcome(
            log_index=index,
            stamp_ns=stamp_ns,
            job_id=ended.job_id,
            attempt=min(ended.attempt, conversions.UINT8_MAX),
            kind=ended.kind,
            program=ended.task.partition(':')[2],
            robot_id=ended.robot_id,
            compute_unit=ended.unit,
            origin=ended.origin,
            outcome=job_conversions.OUTCOME_TO_MSG[ended.outcome],
            # A swarm whose first leader had no clock yet has stamps of 1970: 56 years.
            queue_ms=min(ended.queue_ms, conversions.UINT32_MAX),
            run_ms=min(ended.run_ms, conversions.UINT32_MAX),
            bytes_in=ended.bytes_in,
            bytes_out=ended.bytes_out,
            thief=ended.thief,
            victim=ended.victim,
        )

    def event(self, notable: Notable, index: int, stamp_ns: int) -> None:
        self.transport.send(
            '/swarm/events', conversions.event_to_msg(KeptEvent(index, stamp_ns, notable))
        )

    # ---- stopping

    def stopped(self, effect: Stop) -> None:
        register = effect.register
        self._tell_stop('emergency', 'error', f'stopped: {register.reason}', register)

    def released(self, effect: Release) -> None:
        self._tell_stop('emergency_over', 'info', 'the emergency is over', effect.register)

    def _tell_stop(self, kind: str, severity: str, text: str, register: Register) -> None:
        robot = self.coordinator.robot_id
        who = f' ({register.raised_by})' if register.raised_by else ''
        told = Notable(kind, severity, robot, f'{robot} {text}{who}', str(register.epoch))
        self.event(told, index=0, stamp_ns=time.time_ns())

    # ---- this robot

    def own_facts(self) -> PeerFacts:
        """What this robot's beacon says of it, for its own judgement."""
        core, facts, now_ns = self.coordinator, self.facts, time.monotonic_ns()
        felt = facts.consciousness
        if felt is not None and now_ns - facts.consciousness_ns > CONSCIOUSNESS_STALE_NS:
            felt = None
        return PeerFacts(
            incarnation=core.identity.incarnation,
            storage_id=core.raft.storage_id,
            applied_index=core.raft.last_applied,
            local_mode=core.conduct.local.mode,
            awareness=core.health.awareness.score(now_ns),
            voters_heard=core.voters_heard(),
            battery_permille=facts.battery,
            cpu_load_permille=None if facts.cpu_permille == UNKNOWN else facts.cpu_permille,
            queued_work_ms=self._queued_work_ms,
            pressure_permille=None if felt is None else round(felt.pressure * 1000),
            stability_permille=None if felt is None else round(felt.stability * 1000),
        )

    def local_state(self, tick_late_ns: int, fsync_ns: int, disk_free: int) -> msg.LocalState:
        core, facts = self.coordinator, self.facts
        facts.cpu_permille = round(psutil.cpu_percent(None) * 10)
        battery = psutil.sensors_battery() if hasattr(psutil, 'sensors_battery') else None
        facts.battery = None if battery is None else round(battery.percent * 10)
        message = msg.LocalState(
            stamp=conversions.time_msg(time.time_ns()),
            robot_id=core.robot_id,
            cpu_load_permille=facts.cpu_permille,
            memory_used_permille=round(psutil.virtual_memory().percent * 10),
            disk_free_bytes=disk_free,
            job_slots=core.identity.job_slots,
            running_jobs=core.worker.running,
            held_jobs=len(core.worker.held),
            queued_work_ms=self._queued_work_ms,
            swarm_waiting_jobs=len(core.state.waiting),
            jobs_done=core.worker.done_count,
            jobs_failed=core.worker.failed_count,
            faults=core.faults + self.transport.dropped,
            leader_changes=core.following.changes,
            tick_late_ms_max=tick_late_ns // MS,
            fsync_ms_max=fsync_ns // MS,
            leader=facts.leader,
            mode=core.state.mode.value,
        )
        message.sensors = self._sensors()
        if battery is not None:
            message.battery_basis = msg.LocalState.BATTERY_MEASURED
            message.battery_charge = battery.percent / 100
        return message

    def _sensors(self) -> list[msg.SensorHealth]:
        """As hw_discovery told; when it has fallen silent nothing is known of them any more."""
        facts = self.facts
        if time.monotonic_ns() - facts.sensors_ns <= SENSORS_STALE_NS:
            return list(facts.sensors)
        unknown = msg.SensorHealth
        return [
            unknown(
                device_id=one.device_id,
                state=unknown.STATE_UNKNOWN,
                age_ms=unknown.UNKNOWN_AGE,
                reason='hw_discovery is silent',
            )
            for one in facts.sensors
        ]
