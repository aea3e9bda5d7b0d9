# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One robot's part in the swarm: consensus, the leader's duties, its jobs and its deliveries,
what it believes of the others, and stopping.

Owns how these fit together, as one verb: `handle(events, now_ns, wall_ns) -> effects`. Effects are
performed strictly in order; what must be durable before something is said comes before it.
Refuses to know ROS, files, processes and clocks.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatchmethod

from swarm_coordinator.core.emergency import (
    ClearApplied,
    Emergency,
    EmergencyEffect,
    EmergencyTick,
    Raised,
    RegisterHeard,
    RegisterRefused,
    Started,
)
from swarm_coordinator.core.events import (
    AdviceHeard,
    Answer,
    BeaconHeard,
    CapabilitiesChanged,
    Changed,
    Effect,
    Event,
    FactsMeasured,
    Halt,
    LeaveAsked,
    Left,
    MessageHeard,
    ModeFollowed,
    ProposalHeard,
    ProposalRefused,
    ReadAsked,
    RefuseProposal,
    Renumbered,
    Request,
    RoleChanged,
    SendProposal,
    Tick,
    WorkEvent,
)
from swarm_coordinator.core.health import Health, PeerFacts
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.leadership import Leadership, Standing, fittest, succession_of
from swarm_coordinator.core.membership_goals import reshape
from swarm_coordinator.core.modes.local import LocalFacts, LocalMode, local_mode
from swarm_coordinator.core.modes.mode import Activity, Mode
from swarm_coordinator.core.modes.policy import ModeAdvice
from swarm_coordinator.core.proposals import Outstanding, Proposals
from swarm_coordinator.core.raft import (
    Heartbeat,
    PeerProtocolError,
    RaftCore,
    RefusalReason,
    Refused,
    Role,
    SoftState,
)
from swarm_coordinator.core.reads import Reads
from swarm_coordinator.core.registry.probing import ProbeAnswered, ProbeAsked
from swarm_coordinator.core.registry.suspicion import Liveness, Suspicion
from swarm_coordinator.core.replica import AppliedEntry, Batch, Replica
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import (
    COMMAND_BYTES_MAX,
    CapabilitySpec,
    Command,
    HandOver,
    Issued,
    LeaveSwarm,
    MalformedCommand,
    RegisterRobot,
    SubmitJob,
    decode,
    encode,
)
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.core.succession import Succession
from swarm_coordinator.core.worker import Note, Propose
from swarm_coordinator.core.workplace import WorkEffect, Workplace

MS = 1_000_000
HEAD_BYTES = 256  # numbers in the head of a command that are not known yet
DUTY_EXPIRY_NS = 5_000_000_000
REGISTER_AGAIN_NS = 5_000_000_000  # after a refusal
CEDE_EVERY_NS = 500_000_000  # looks at fitness; the decision itself takes far longer
LEAVING_NS = 1_500_000_000  # then the robot goes without its goodbye being in the log


@dataclass(frozen=True)
class RobotIdentity:
    """What a robot says of itself in the log. `incarnation` counts its starts."""

    robot_id: RobotId
    incarnation: int
    session_id: bytes
    voter: bool
    host: str
    software_version: str
    job_slots: int
    timing_profile: str = 'wifi'


@dataclass(frozen=True)
class RequestTag:
    request_id: int


@dataclass(frozen=True)
class DutyTag:
    key: str


@dataclass(frozen=True)
class RegistrationTag:
    pass


@dataclass(frozen=True)
class LeavingTag:
    pass


class Coordinator:
    """See the module's text. `heartbeat_ns` and `job_ttl_ms` come from the configuration; `rng`
    chooses whom to ask about a silent robot; `emergency` is what the disk remembers."""

    def __init__(
        self,
        identity: RobotIdentity,
        raft: RaftCore,
        heartbeat_ns: int,
        job_ttl_ms: int,
        hold_ticks: int,
        started_ns: int,
        rng: random.Random,
        emergency: Emergency | None = None,
    ) -> None:
        self.identity = identity
        self.replica = Replica(raft)
        self.raft = raft
        self.health = Health(
            identity.robot_id, heartbeat_ns, tick_late_ns=hold_ticks * heartbeat_ns // 4, rng=rng
        )
        self.facts = PeerFacts(incarnation=identity.incarnation)
        self.emergency = emergency or Emergency(identity.robot_id)
        self.workplace = Workplace(identity.robot_id, identity.incarnation, identity.job_slots)
        self.worker = self.workplace.worker
        self.proposals = Proposals()
        self.reads = Reads()
        self.membership = raft.membership if raft.snapshot is None else raft.snapshot.membership
        self.leadership: Leadership | None = None
        self.succession = Succession(identity.robot_id)
        self.local = LocalMode(Mode.NORMAL, 'built-in default', Mode.NORMAL)
        self.caught_up = False
        self.faults = 0
        self.leader_changes = 0
        self._job_ttl_ms = job_ttl_ms
        self._hold_ticks = hold_ticks  # elections held back after this robot was late
        self._started_ns = started_ns
        self._capabilities: tuple[CapabilitySpec, ...] | None = None
        self._registering = False
        self._register_ns = 0
        self._cede_ns = 0
        self._leaving = False
        self._awake = False
        # An answer to a former life of this robot may come late: no number is asked for twice.
        self._read_base = rng.getrandbits(62)
        self._advice: ModeAdvice | None = None
        self._leader_commit: int | None = None
        self._leader: RobotId | None = None
        self._leader_heard_ns: int | None = None
        self._stamp_base_ns = 0
        self._now_ns = started_ns
        self._out: list[Effect] = []
    @property
    def robot_id(self) -> RobotId:
        return self.identity.robot_id

    @property
    def state(self) -> ReplicatedState:
        return self.replica.state

    @property
    def suspicion(self) -> Suspicion:
        return self.health.suspicion

    @property
    def due_ns(self) -> int | None:
        """When an EmergencyTick is due: sooner than a tick while an emergency is being told."""
        return self.emergency.due_ns

    @property
    def stamp_ns(self) -> int:
        """Unix time by this robot's reckoning: never behind the log, never set back."""
        return max(self._stamp_base_ns + self._now_ns, self.state.stamp_ns)

    def voters_heard(self) -> int:
        """Voters that can be reached as far as this robot knows, itself included."""
        return self.health.near(self.raft.voters, self._now_ns)

    def handle(self, events: Sequence[Event], now_ns: int, wall_ns: int) -> list[Effect]:
        """Take events together, so that what they append shares one write to the disk."""
        self._now_ns = now_ns
        if self.raft.role is not Role.LEADER or not self._stamp_base_ns:
            self._stamp_base_ns = wall_ns - now_ns
        self._out = []
        if not self._awake:
            self._awake = True
            self._alarm(self.emergency.handle(Started(), now_ns))  # as the disk remembers it
        for event in events:
            try:
                self._on(event)
            except PeerProtocolError as error:
                self._fault(f'message dropped: {error}')
        self._pump()
        self._lead()
        self._send_proposals()
        self._pump()
        return self._out

    # ---- events

    @singledispatchmethod
    def _on(self, event: Event) -> None:
        raise AssertionError(f'no rule for {type(event).__name__}')

    @_on.register
    def _tick(self, event: Tick) -> None:
        if event.late:
            self.raft.hold_elections(self._hold_ticks)
        self.raft.tick()
        robots = self.state.members
        self._out += self.health.tick(event.late_ns, event.fsync_ns, robots, self._now_ns)
        self._follow_mode()
        self._work(self.workplace.tick(self._now_ns))
        for robot_id in self.state.members:
            if self.suspicion.phase_of(robot_id, self._now_ns) is Liveness.DEAD:
                self._work(self.worker.origin_lost(robot_id))
        self._register()
        for item in self.proposals.expired(self._now_ns):
            self._settle(item, None, 0)
        for number in self.reads.pop_expired(self._now_ns):
            why = self._why_unavailable()
            self._out.append(Answer(number - self._read_base, unavailable=why))

    @_on.register
    def _message(self, event: MessageHeard) -> None:
        message = event.message
        self.raft.step(message)
        if isinstance(message, Heartbeat) and message.sender == self.raft.leader:
            self._leader_commit = message.commit_index
            self._leader_heard_ns = self._now_ns

    @_on.register
    def _beacon(self, event: BeaconHeard) -> None:
        if event.robot == self.robot_id:
            self._twin(event)
            return
        self.health.beacon(event.robot, event.facts, self._now_ns)

    @_on.register
    def _measured(self, event: FactsMeasured) -> None:
        self.facts = event.facts

    @_on.register
    def _probe_asked(self, event: ProbeAsked) -> None:
        self._out += self.health.probe(event, self._now_ns)

    @_on.register
    def _probe_answered(self, event: ProbeAnswered) -> None:
        self._out += self.health.probe(event, self._now_ns)

    def _twin(self, event: BeaconHeard) -> None:
        """Two processes under one robot_id: the younger one yields, wherever it notices."""
        if event.session_id == self.identity.session_id:
            return
        mine = ((self._now_ns - self._started_ns) // MS, self.identity.session_id)
        if mine < (event.uptime_ms, event.session_id):
            self._out.append(
                Halt(
                    2,
                    f'robot_id={self.robot_id} is already used by another robot of this swarm, '
                    f'running for {event.uptime_ms // 1000} s: expected an id of its own',
                )
            )

    @_on.register
    def _proposal(self, event: ProposalHeard) -> None:
        try:
            issued = decode(event.command)
        except MalformedCommand as error:
            self._fault(f'proposal of {event.sender} refused: {error}')
            self._refuse(event, 'malformed', str(error))
            return
        if (issued.robot, issued.serial) != (event.sender, event.serial):
            self._fault(f"proposal of {event.sender} refused: it is another robot's")
            self._refuse(event, 'malformed', 'the command is signed for another robot or serial')
            return
        refusal = self.replica.append(issued, event.command, self.stamp_ns)
        if refusal is RefusalReason.NOT_LEADER:
            self._refuse(event, 'not_leader', refusal.value)
        elif refusal is not None:
            self._refuse(event, 'overloaded', refusal.value)

    def _fault(self, text: str) -> None:
        """Count it; say the 1st, 2nd, 4th, 8th ...: a broken peer must not fill the log."""
        self.faults += 1
        if self.faults & (self.faults - 1) == 0:
            self._out.append(Note(f'{text} ({self.faults} faults so far)'))

    def _refuse(self, event: ProposalHeard, refusal: str, reason: str) -> None:
        self._out.append(
            RefuseProposal(event.sender, event.serial, refusal, reason, self.raft.leader)
        )

    @_on.register
    def _proposal_refused(self, event: ProposalRefused) -> None:
        if event.final and (item := self.proposals.settle(event.serial)) is not None:
            self._settle(item, Applied(refused=event.reason), 0)

    @_on.register
    def _request(self, event: Request) -> None:
        if self.proposals.full:
            self._out.append(
                Answer(event.request_id, unavailable='too many requests wait for the log')
            )
            return
        size = len(encode(Issued(self.robot_id, 0, 0, 0, event.command)))
        if size > COMMAND_BYTES_MAX - HEAD_BYTES:
            self._out.append(
                Answer(
                    event.request_id,
                    refused=f'the request takes {size} bytes in the log, at most '
                    f'{COMMAND_BYTES_MAX - HEAD_BYTES} are accepted',
                )
            )
            return
        if isinstance(event.command, SubmitJob):
            self.workplace.submitting(event.request_id, event.command)
        self._propose(event.command, RequestTag(event.request_id), event.expiry_ms * MS)

    @_on.register
    def _read(self, event: ReadAsked) -> None:
        if self.reads.full:
            answer = Answer(event.request_id, unavailable='too many reads wait for the leader')
            self._out.append(answer)
            return
        self.reads.add(self._read_base + event.request_id, self._now_ns, event.expiry_ms * MS)

    @_on.register
    def _leave(self, event: LeaveAsked) -> None:
        """Say goodbye; a leader first hands over, so that nobody has to miss it."""
        if self._leaving:
            return
        self._leaving = True
        if self.leadership is not None and len(self.raft.voters) > 1:
            self._hand_over(None)
        command = LeaveSwarm(self.robot_id, self.identity.incarnation)
        self._propose(command, LeavingTag(), LEAVING_NS)

    @_on.register
    def _emergency_due(self, event: EmergencyTick) -> None:
        self._alarm(self.emergency.handle(event, self._now_ns))

    @_on.register
    def _emergency_heard(self, event: RegisterHeard) -> None:
        self._alarm(self.emergency.handle(event, self._now_ns))

    @_on.register
    def _emergency_raised(self, event: Raised) -> None:
        self._alarm(self.emergency.handle(event, self._now_ns))

    def _cleared(self) -> ClearApplied:
        return ClearApplied(self.state.emergency_cleared_epoch, self.state.emergency_cleared_by)

    def _alarm(self, effects: Sequence[EmergencyEffect]) -> None:
        """Stop first, then tell: what runs here must not wait for a message to be written."""
        if effects:
            self._work(self._stop_or_go())
        for effect in effects:
            if isinstance(effect, RegisterRefused):
                self._fault(f'{effect.sender}: {effect.rule}')
            else:
                self._out.append(effect)

    def _stop_or_go(self) -> Sequence[WorkEffect]:
        """In an emergency nothing runs on this robot; afterwards jobs may start again."""
        if self.emergency.active:
            return self.worker.stop_all('emergency', self._now_ns)
        return self.worker.may_start(self.local.allows(Activity.TAKE_JOBS))

    def _follow_mode(self) -> None:
        """This robot's own mode: the swarm's, or a more cautious one."""
        leads = self.leadership is not None
        facts = LocalFacts(
            leader_silence_ns=0 if leads else self._leader_silence_ns(),
            running_ns=self._now_ns - self._started_ns,
            battery_permille=self.facts.battery_permille,
            awareness=self.health.awareness.score(self._now_ns),
            emergency=self.emergency.active,
        )
        before, self.local = self.local, local_mode(self.state.mode, facts, self.local.mode)
        if before.mode is not self.local.mode:
            self._out.append(ModeFollowed(self.local.mode, self.local.reason))
        self._work(self._stop_or_go())

    def _leader_silence_ns(self) -> int | None:
        heard_ns = self._leader_heard_ns
        return None if heard_ns is None else self._now_ns - heard_ns

    @_on.register
    def _advised(self, event: AdviceHeard) -> None:
        self._advice = event.advice

    @_on.register
    def _able(self, event: CapabilitiesChanged) -> None:
        self._capabilities = event.capabilities
        self._register()

    @_on.register
    def _worked(self, event: WorkEvent) -> None:
        self._work(self.workplace.handle(event, self.state, self._now_ns))

    # ---- proposals

    def _propose(self, command: Command, tag: object, expiry_ns: int) -> None:
        self.proposals.add(command, tag, self._now_ns, expiry_ns)

    def _send_proposals(self) -> None:
        for number in self.reads.due(self._now_ns):
            self.raft.read_index(number)
        leader = self.raft.leader
        if leader is None:
            return
        for item in self.proposals.due(self._now_ns):
            data = encode(self._issued(item))
            if leader == self.robot_id:
                self.replica.append(self._issued(item), data, self.stamp_ns)
                continue
            remaining_ms = max(1, (item.deadline_ns - self._now_ns) // MS)
            self._out.append(
                SendProposal(leader, item.serial, self.proposals.acked_below, remaining_ms, data)
            )

    def _issued(self, item: Outstanding) -> Issued:
        return Issued(
            self.robot_id,
            self.identity.incarnation,
            item.serial,
            self.proposals.acked_below,
            item.command,
        )

    def _settle(self, item: Outstanding, applied: Applied | None, index: int) -> None:
        """`applied` None: its time is over and nobody knows whether it will still be applied."""
        tag = item.tag
        if isinstance(tag, RequestTag):
            self._answer(tag, item.command, applied, index)
        elif isinstance(tag, DutyTag):
            if self.leadership is not None:
                self.leadership.settled(tag.key)
        elif isinstance(tag, RegistrationTag):
            self._registered(applied)
        elif isinstance(tag, LeavingTag):
            self._out.append(Left())
        else:
            self._work(self.workplace.settled(tag, applied is None, self._now_ns))

    def _answer(
        self, tag: RequestTag, command: Command, applied: Applied | None, index: int
    ) -> None:
        if applied is None:
            self._out.append(Answer(tag.request_id, unavailable=self._why_unavailable()))
        else:
            self._out.append(
                Answer(
                    tag.request_id,
                    index,
                    applied.value,
                    applied.duplicate,
                    applied.refused,
                    lease=applied.lease,
                )
            )
        if isinstance(command, SubmitJob) and applied is not None:
            # After a time-out the job may still come into the log: its files stay.
            self._work(self.workplace.submitted(tag.request_id, command, self.state))

    def _why_unavailable(self) -> str:
        if self.raft.leader is None:
            return 'no leader: too few voters can be reached'
        return f'leader {self.raft.leader} did not commit it in time'

    # ---- consensus

    def _pump(self) -> None:
        """Let Raft persist, send and apply until it has nothing more to say."""
        changed = Changed()
        while (batch := self.replica.next()) is not None:
            self._out += batch.effects
            if batch.role is not None:
                self._role_changed(batch.role)
            if batch.restored:
                self._restored(changed)
            for entry in batch.applied:
                self._applied(entry, changed)
            self._answer_reads(batch)
        if (save := self.replica.compact_if_due()) is not None:
            self._out.append(save)
        if changed.index:
            self._out.append(changed)
        self._follow_jobs(changed)

    def _answer_reads(self, batch: Batch) -> None:
        for read in batch.reads:
            self.reads.confirmed(read.request_id, read.index)
        applied = self.raft.last_applied
        done = self.reads.pop_done(applied)
        self._out += [Answer(number - self._read_base, applied) for number in done]

    def _role_changed(self, soft: SoftState) -> None:
        role, leader = soft.role, soft.leader
        if leader is not None and leader != self._leader:
            self.leader_changes += 1
            self.proposals.hurry(self._now_ns)
            self._leader_commit = None
            self._leader_heard_ns = self._now_ns
        self._leader = leader
        self.succession.leader_is(leader, self._now_ns)
        if role is Role.LEADER and self.leadership is None:
            self.leadership = Leadership(
                self.robot_id, self._job_ttl_ms, grace_ms=self._job_ttl_ms // 4
            )
        elif role is not Role.LEADER:
            self.leadership = None
        self._out.append(RoleChanged(role, leader, soft.term, soft.reason.value))

    def _restored(self, changed: Changed) -> None:
        """The state was replaced: commands of ours that are in it can no longer be seen in the
        log, and jobs of ours may be gone."""
        changed.index = self.state.applied_index
        changed.restored = changed.members = changed.mode = changed.services = True
        changed.jobs.update(dict.fromkeys(self.state.jobs))
        changed.leases.update(dict.fromkeys(self.state.leases.held))
        assert self.raft.snapshot is not None
        self.membership = self.raft.snapshot.membership
        self._stamp_base_ns = max(self._stamp_base_ns, self.state.stamp_ns - self._now_ns)
        cleared = self._cleared()
        self._alarm(self.emergency.handle(cleared, self._now_ns))
        session = self.state.sessions.get(self.robot_id)
        if session is not None and session.incarnation == self.identity.incarnation:
            for item in list(self.proposals.outstanding.values()):
                if item.serial < session.acked_below or item.serial in session.applied:
                    self.proposals.settle(item.serial)
                    self._settle_unseen(item)
        self._work(self.workplace.restored(self.state, self._now_ns))

    def _settle_unseen(self, item: Outstanding) -> None:
        if isinstance(item.tag, RequestTag):
            why = 'it is in the log, its answer is not: ask again under the same key'
            self._out.append(Answer(item.tag.request_id, unavailable=why))
            return
        self._settle(item, Applied(), self.state.applied_index)

    def _applied(self, entry: AppliedEntry, changed: Changed) -> None:
        changed.index = entry.index
        if entry.problem:
            self._out.append(Note(f'entry {entry.index} skipped: {entry.problem}'))
        if entry.membership is not None:
            changed.members, self.membership = True, entry.membership
        if entry.issued is None or entry.done is None:
            return
        issued, applied = entry.issued, entry.done
        if self.caught_up:
            # It spoke, whatever its beacons do.
            self.suspicion.hear(issued.robot, self._now_ns, issued.incarnation)
        self._note_changes(entry, applied, changed)
        # After a leader whose clock was ahead the log's time must not stand still until ours has
        # caught up: it goes on from where it is, at the pace of our monotonic clock.
        self._stamp_base_ns = max(self._stamp_base_ns, self.state.stamp_ns - self._now_ns)
        if isinstance(issued.command, HandOver) and not applied.refused:
            self._hand_over(issued.command.to)
        if (issued.robot, issued.incarnation) == (self.robot_id, self.identity.incarnation):
            item = self.proposals.settle(issued.serial)
            if item is not None:
                self._settle(item, applied, entry.index)

    def _note_changes(self, entry: AppliedEntry, applied: Applied, changed: Changed) -> None:
        changed.jobs.update(applied.jobs)
        changed.leases.update(applied.leases)
        changed.services |= applied.services
        changed.members |= applied.members
        changed.mode |= applied.mode
        changed.ended.extend((entry.index, entry.stamp_ns, one) for one in applied.ended)
        changed.notable.extend((entry.index, entry.stamp_ns, one) for one in applied.notable)
        if applied.emergency:
            cleared = self._cleared()
            self._alarm(self.emergency.handle(cleared, self._now_ns))
        if applied.members:
            for member in self.state.members.values():
                if member.phase is Liveness.LEFT:
                    self.suspicion.leave(member.robot_id, member.incarnation)

    def _follow_jobs(self, changed: Changed) -> None:
        """Old entries are read again after a start; only what is true now is acted on."""
        if self.caught_up:
            jobs = changed.jobs
            self._work(self.workplace.jobs_changed(jobs, self.state, self._now_ns))
            self._out += self.workplace.sweep(self.state, self.identity.incarnation)
            return
        # What a leader says is committed can be older than what was, until it has committed an
        # entry of its own term.
        read = self.leadership is not None or (
            self._leader_commit is not None and self.raft.last_applied >= self._leader_commit
        )
        if read and self.replica.own_term_applied:
            self.caught_up = True
            self._out.append(Note(f'caught up with the log at {self.raft.last_applied}'))
            self._work(self.workplace.caught_up(self.state, self._now_ns))
            self._out += self.workplace.sweep(self.state, self.identity.incarnation)

    # ---- duties

    def _lead(self) -> None:
        if self.leadership is None or not self.replica.own_term_applied:
            return
        standing = self._standing()
        for duty in self.leadership.duties(standing):
            self._propose(duty.command, DutyTag(duty.key), DUTY_EXPIRY_NS)
        reshape(self.raft, self.state, self.stamp_ns)
        self._cede(standing)

    def _cede(self, standing: Standing) -> None:
        """Leadership follows fitness, by transfer only."""
        if self._now_ns < self._cede_ns:
            return
        self._cede_ns = self._now_ns + CEDE_EVERY_NS
        situation = succession_of(standing)
        if (heir := self.succession.decide(situation, self._now_ns)) is not None:
            self._out.append(Note(f'handing leadership to {heir.to}: {heir.reason}'))
            self.raft.transfer_to(heir.to)

    def _hand_over(self, to: RobotId | None) -> None:
        """Asked for in the log; whoever leads when it is applied acts."""
        if self.leadership is None:
            return
        to = to or fittest(self._standing())
        answer = self.raft.transfer_to(to) if to is not None else None
        if answer is not None:
            self._out.append(Note(f'leadership stays: {_text(answer)}'))

    def _standing(self) -> Standing:
        return Standing(
            state=self.state,
            raft=self.raft,
            health=self.health,
            own=self.facts,
            emergency=self.emergency.active,
            stamp_ns=self.stamp_ns,
            now_ns=self._now_ns,
            advice=self._advice,
        )

    def _register(self) -> None:
        """Have the log say who we are, in this life and with these capabilities."""
        if self._capabilities is None or self.raft.leader is None:
            return
        me = self.state.members.get(self.robot_id)
        session = self.state.sessions.get(self.robot_id)
        known = max(
            0 if me is None else me.incarnation, 0 if session is None else session.incarnation
        )
        if self.caught_up and known > self.identity.incarnation:
            self._renumber(known + 1)
        if self._registering or self._leaving or self._now_ns < self._register_ns or (
            me is not None
            and me.incarnation == self.identity.incarnation
            and me.capabilities == self._capabilities
        ):
            return
        self._registering = True
        command = RegisterRobot(
            robot_id=self.robot_id,
            incarnation=self.identity.incarnation,
            voter=self.identity.voter,
            host=self.identity.host,
            software_version=self.identity.software_version,
            job_slots=self.identity.job_slots,
            capabilities=self._capabilities,
            timing_profile=self.identity.timing_profile,
        )
        self._propose(command, RegistrationTag(), DUTY_EXPIRY_NS)

    def _registered(self, applied: Applied | None) -> None:
        self._registering = False
        if applied is None or not applied.refused:
            return
        if self.state.timing_profile not in ('', self.identity.timing_profile):
            why = f'the swarm does not take {self.robot_id}: {applied.refused}'
            self._out.append(Halt(2, why))
        self._register_ns = self._now_ns + REGISTER_AGAIN_NS
        self._out.append(Note(f'not registered: {applied.refused}'))

    def _renumber(self, incarnation: int) -> None:
        """The disk lost its past: go on counting where the swarm has counted to."""
        self.identity = replace(self.identity, incarnation=incarnation)
        self.worker.incarnation = incarnation
        self._registering = False
        for item in list(self.proposals.outstanding.values()):
            if isinstance(item.tag, RegistrationTag):
                self.proposals.settle(item.serial)
        self._out.append(Renumbered(incarnation))

    # ---- work and files

    def _work(self, effects: Sequence[WorkEffect]) -> None:
        for effect in effects:
            if isinstance(effect, Propose):
                self._propose(effect.command, effect.tag, effect.expiry_ms * MS)
            else:
                self._out.append(effect)

    def check_invariants(self) -> None:
        self.state.check_invariants()
        self.workplace.check_invariants()
        assert self.state.applied_index == self.raft.last_applied
        assert (self.leadership is not None) == (self.raft.role is Role.LEADER)
        assert not (self.emergency.active and self.worker.running)


def _text(refused: Refused) -> str:
    return f'{refused.reason.value}: {refused.detail}' if refused.detail else refused.reason.value
