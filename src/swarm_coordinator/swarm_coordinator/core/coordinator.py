# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One robot's part in the swarm: consensus, the leader's duties, its jobs and its deliveries.

Owns how these fit together, as one verb: `handle(events, now_ns, wall_ns) -> effects`. Effects are
performed strictly in order; what must be durable before something is said comes before it.
Refuses to know ROS, files, processes and clocks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import singledispatchmethod

from swarm_coordinator.core.delivery import DeliveredTag, Delivery, DeliveryEffect
from swarm_coordinator.core.events import (
    AdviceHeard,
    Answer,
    BeaconHeard,
    CapabilitiesChanged,
    Changed,
    Effect,
    Event,
    Halt,
    InputsFailed,
    InputsReady,
    MessageHeard,
    OutputsFetched,
    OutputsNotFetched,
    OutputsOffered,
    OutputsPlaced,
    OutputsStored,
    Persist,
    ProcessEnded,
    Progressed,
    ProposalHeard,
    ProposalRefused,
    RefuseProposal,
    Request,
    RoleChanged,
    Send,
    SendProposal,
    Tick,
)
from swarm_coordinator.core.files.custody import Custody
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.leadership import Leadership
from swarm_coordinator.core.modes.policy import ModeAdvice
from swarm_coordinator.core.proposals import Outstanding, Proposals
from swarm_coordinator.core.raft import (
    Entry,
    EntryKind,
    Heartbeat,
    PeerProtocolError,
    RaftCore,
    RefusalReason,
    Refused,
    Role,
)
from swarm_coordinator.core.registry.suspicion import Liveness, Suspicion
from swarm_coordinator.core.replicated.apply import Applied, apply_command, apply_noop
from swarm_coordinator.core.replicated.command import (
    COMMAND_BYTES_MAX,
    CapabilitySpec,
    Command,
    Issued,
    MalformedCommand,
    RegisterRobot,
    SubmitJob,
    decode,
    encode,
)
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.core.worker import (
    Note,
    Propose,
    RenewalTag,
    ReportTag,
    Worker,
    WorkerEffect,
)

MS = 1_000_000
HEAD_BYTES = 256  # numbers in the head of a command that are not known yet
DUTY_EXPIRY_NS = 5_000_000_000


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


@dataclass(frozen=True)
class RequestTag:
    request_id: int


@dataclass(frozen=True)
class DutyTag:
    key: str


@dataclass(frozen=True)
class RegistrationTag:
    pass


class Coordinator:
    """See the module's text. `heartbeat_ns` and `job_ttl_ms` come from the configuration."""

    def __init__(
        self,
        identity: RobotIdentity,
        raft: RaftCore,
        heartbeat_ns: int,
        job_ttl_ms: int,
        hold_ticks: int,
        started_ns: int,
    ) -> None:
        self.identity = identity
        self.raft = raft
        self.state = ReplicatedState()
        self.suspicion = Suspicion(heartbeat_ns)
        self.worker = Worker(identity.robot_id, identity.incarnation, identity.job_slots)
        self.delivery = Delivery(identity.robot_id)
        self.custody = Custody(identity.robot_id)
        self.proposals = Proposals()
        self.leadership: Leadership | None = None
        self.caught_up = False
        self.faults = 0
        self.leader_changes = 0
        self._job_ttl_ms = job_ttl_ms
        self._hold_ticks = hold_ticks  # elections held back after this robot was late
        self._started_ns = started_ns
        self._capabilities: tuple[CapabilitySpec, ...] | None = None
        self._registering = False
        self._advice: ModeAdvice | None = None
        self._appended: set[tuple[str, int, int]] = set()
        self._leader_commit: int | None = None
        self._leader: RobotId | None = None
        self._stamp_base_ns = 0
        self._applied_term = 0
        self._now_ns = started_ns
        self._out: list[Effect] = []

    @property
    def robot_id(self) -> RobotId:
        return self.identity.robot_id

    @property
    def stamp_ns(self) -> int:
        """Unix time by this robot's reckoning: never behind the log, never set back."""
        return max(self._stamp_base_ns + self._now_ns, self.state.stamp_ns)

    def voters_heard(self) -> int:
        """Voters that can be reached as far as this robot knows, itself included."""
        near = (Liveness.HEALTHY, Liveness.SLOW)
        return sum(
            voter == self.robot_id or self.suspicion.phase_of(voter, self._now_ns) in near
            for voter in self.raft.voters
        )

    def handle(self, events: Sequence[Event], now_ns: int, wall_ns: int) -> list[Effect]:
        """Take events together, so that what they append shares one write to the disk."""
        self._now_ns = now_ns
        if self.raft.role is not Role.LEADER or not self._stamp_base_ns:
            self._stamp_base_ns = wall_ns - now_ns
        self._out = []
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
        self._work(self.worker.tick(self._now_ns))
        self._work(self.delivery.tick(self._now_ns))
        for robot_id in self.state.members:
            if self.suspicion.phase_of(robot_id, self._now_ns) is Liveness.DEAD:
                self._work(self.worker.origin_lost(robot_id))
        self._register()
        for item in self.proposals.expired(self._now_ns):
            self._settle(item, None, 0)

    @_on.register
    def _message(self, event: MessageHeard) -> None:
        message = event.message
        self.raft.step(message)
        if isinstance(message, Heartbeat) and message.sender == self.raft.leader:
            self._leader_commit = message.commit_index

    @_on.register
    def _beacon(self, event: BeaconHeard) -> None:
        if event.robot == self.robot_id:
            self._twin(event)
            return
        self.suspicion.hear(event.robot, self._now_ns)

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
        refusal = self._append(issued, event.command)
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
            self.custody.requested(event.request_id, event.command.spec.inputs)
        self._propose(event.command, RequestTag(event.request_id), event.expiry_ms * MS)

    @_on.register
    def _advised(self, event: AdviceHeard) -> None:
        self._advice = event.advice

    @_on.register
    def _able(self, event: CapabilitiesChanged) -> None:
        self._capabilities = event.capabilities
        self._register()

    @_on.register
    def _inputs_ready(self, event: InputsReady) -> None:
        self._work(self.worker.inputs_ready(event.job_id, event.token, self._now_ns))

    @_on.register
    def _inputs_failed(self, event: InputsFailed) -> None:
        self._work(
            self.worker.inputs_failed(event.job_id, event.token, event.reason, self._now_ns)
        )

    @_on.register
    def _process_ended(self, event: ProcessEnded) -> None:
        self._work(self.worker.process_ended(event.end, self._now_ns))
        self._account(event.end.job_id)
        self._out += self.custody.accounted(event.end.outputs)

    @_on.register
    def _progressed(self, event: Progressed) -> None:
        self.worker.progressed(event.job_id, event.token, event.permille)

    @_on.register
    def _outputs_offered(self, event: OutputsOffered) -> None:
        job = self.state.jobs.get(event.job_id)
        if job is None or job.token != event.token or job.origin != self.robot_id:
            return  # an old attempt, or we have not applied its grant yet: it is offered again
        self._work(
            self.delivery.offered(
                event.job_id, event.attempt, event.token, event.refs, event.worker
            )
        )
        self._account(event.job_id)

    @_on.register
    def _outputs_stored(self, event: OutputsStored) -> None:
        self._work(self.worker.outputs_stored(event.job_id, event.token, self._now_ns))

    @_on.register
    def _outputs_fetched(self, event: OutputsFetched) -> None:
        self._work(self.delivery.fetched(event.job_id, event.token))

    @_on.register
    def _outputs_not_fetched(self, event: OutputsNotFetched) -> None:
        self._work(self.delivery.fetch_failed(event.job_id, event.token, self._now_ns))

    @_on.register
    def _outputs_placed(self, event: OutputsPlaced) -> None:
        self._work(self.delivery.placed(event.job_id, event.token, event.problem))

    # ---- proposals

    def _propose(self, command: Command, tag: object, expiry_ns: int) -> None:
        self.proposals.add(command, tag, self._now_ns, expiry_ns)

    def _send_proposals(self) -> None:
        leader = self.raft.leader
        if leader is None:
            return
        for item in self.proposals.due(self._now_ns):
            data = encode(self._issued(item))
            if leader == self.robot_id:
                self._append(self._issued(item), data)
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

    def _append(self, issued: Issued, data: bytes) -> RefusalReason | None:
        """Into the log, once: a repetition of what is on its way or was applied is ignored."""
        if self.raft.role is not Role.LEADER:
            return RefusalReason.NOT_LEADER
        key = (issued.robot, issued.incarnation, issued.serial)
        session = self.state.sessions.get(issued.robot)
        if key in self._appended or (
            session is not None
            and session.incarnation == issued.incarnation
            and (issued.serial < session.acked_below or issued.serial in session.applied)
        ):
            return None
        answer = self.raft.propose(EntryKind.COMMAND, data, self.stamp_ns)
        if isinstance(answer, Refused):
            return answer.reason
        self._appended.add(key)
        return None

    def _settle(self, item: Outstanding, applied: Applied | None, index: int) -> None:
        """`applied` None: its time is over and nobody knows whether it will still be applied."""
        tag = item.tag
        if isinstance(tag, RequestTag):
            self._answer(tag, item.command, applied, index)
        elif isinstance(tag, DutyTag):
            if self.leadership is not None:
                self.leadership.settled(tag.key)
        elif isinstance(tag, RegistrationTag):
            self._registering = False
        elif isinstance(tag, (RenewalTag, ReportTag)):
            self._work(self.worker.settled(tag, applied is None, self._now_ns))
        elif isinstance(tag, DeliveredTag):
            self._work(self.delivery.settled(tag, applied is None))

    def _answer(
        self, tag: RequestTag, command: Command, applied: Applied | None, index: int
    ) -> None:
        if applied is None:
            self._out.append(Answer(tag.request_id, unavailable=self._why_unavailable()))
        else:
            self._out.append(
                Answer(tag.request_id, index, applied.value, applied.duplicate, applied.refused)
            )
        if isinstance(command, SubmitJob) and applied is not None:
            # After a time-out the job may still come into the log: its files stay.
            self._account(command.job_id)
            self._out += self.custody.request_settled(tag.request_id, command.spec.inputs)

    def _why_unavailable(self) -> str:
        if self.raft.leader is None:
            return 'no leader: too few voters can be reached'
        return f'leader {self.raft.leader} did not commit it in time'

    # ---- consensus

    def _pump(self) -> None:
        """Let Raft persist, send and apply until it has nothing more to say."""
        changed = Changed()
        while (ready := self.raft.ready()) is not None:
            if ready.hard_state is not None or ready.entries or ready.truncate_from is not None:
                self._out.append(Persist(ready.hard_state, ready.truncate_from, ready.entries))
            self._out.extend(Send(message) for message in ready.messages)
            if ready.soft_state is not None:
                self._role_changed(
                    ready.soft_state.role,
                    ready.soft_state.leader,
                    ready.soft_state.term,
                    ready.soft_state.reason.value,
                )
            for entry in ready.committed:
                self._apply(entry, changed)
            self.raft.advance(ready)
        if changed.members:
            self.raft.set_non_voters(
                tuple(m.robot_id for m in self.state.members.values() if not m.voter)
            )
        if changed.index:
            self._out.append(changed)
        self._follow_jobs(changed)

    def _role_changed(
        self, role: Role, leader: RobotId | None, term: int, reason: str
    ) -> None:
        if leader is not None and leader != self._leader:
            self.leader_changes += 1
            self.proposals.hurry(self._now_ns)
            self._leader_commit = None
        self._leader = leader
        if role is Role.LEADER and self.leadership is None:
            self.leadership = Leadership(
                len(self.raft.voters), self._job_ttl_ms, grace_ms=self._job_ttl_ms // 4
            )
        elif role is not Role.LEADER:
            self.leadership = None
            self._appended.clear()
        self._out.append(RoleChanged(role, leader, term, reason))

    def _apply(self, entry: Entry, changed: Changed) -> None:
        changed.index = entry.index
        self._applied_term = entry.term
        if entry.kind is not EntryKind.COMMAND:
            apply_noop(self.state, entry.index, entry.stamp_ns)
            return
        try:
            issued = decode(entry.data)
        except MalformedCommand as error:
            # Every replica skips it alike: the codec is part of the state machine.
            apply_noop(self.state, entry.index, entry.stamp_ns)
            self._out.append(Note(f'entry {entry.index} skipped: {error}'))
            return
        applied = apply_command(self.state, entry.index, entry.stamp_ns, issued)
        if self.caught_up:
            self.suspicion.hear(issued.robot, self._now_ns)  # it spoke, whatever its beacons do
        self._appended.discard((issued.robot, issued.incarnation, issued.serial))
        changed.jobs.update(applied.jobs)
        changed.members |= applied.members
        changed.mode |= applied.mode
        changed.ended.extend((entry.index, entry.stamp_ns, one) for one in applied.ended)
        changed.notable.extend((entry.index, entry.stamp_ns, one) for one in applied.notable)
        if (issued.robot, issued.incarnation) == (self.robot_id, self.identity.incarnation):
            item = self.proposals.settle(issued.serial)
            if item is not None:
                self._settle(item, applied, entry.index)

    def _follow_jobs(self, changed: Changed) -> None:
        """Old entries are read again after a start; only what is true now is acted on."""
        if self.caught_up:
            self._jobs_changed(changed.jobs)
            self._sweep()
            return
        # What a leader says is committed can be older than what was, until it has committed an
        # entry of its own term.
        read = self.leadership is not None or (
            self._leader_commit is not None and self.raft.last_applied >= self._leader_commit
        )
        if read and self._own_term_applied():
            self.caught_up = True
            self._out.append(Note(f'caught up with the log at {self.raft.last_applied}'))
            self._jobs_changed(list(self.state.jobs))
            self.custody.caught_up(self.state)
            self._sweep()

    def _sweep(self) -> None:
        self._out += self.custody.sweep(self.state, self.identity.incarnation)

    def _own_term_applied(self) -> bool:
        return self._applied_term == self.raft.term

    def _jobs_changed(self, job_ids: Iterable[str]) -> None:
        for job_id in job_ids:
            job = self.state.jobs.get(job_id)
            if job is None:
                continue
            self._work(self.worker.job_changed(job, self._now_ns))
            self._work(self.delivery.job_changed(job, self._now_ns))
            self._account(job_id)

    # ---- duties

    def _lead(self) -> None:
        self.suspicion.hear(self.robot_id, self._now_ns)
        if self.leadership is None or not self._own_term_applied():
            return
        duties = self.leadership.duties(
            self.state, self.suspicion, self.stamp_ns, self._now_ns, self._advice
        )
        for duty in duties:
            self._propose(duty.command, DutyTag(duty.key), DUTY_EXPIRY_NS)

    def _register(self) -> None:
        """Have the log say who we are, in this life and with these capabilities."""
        if self._capabilities is None or self._registering or self.raft.leader is None:
            return
        me = self.state.members.get(self.robot_id)
        if (
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
        )
        self._propose(command, RegistrationTag(), DUTY_EXPIRY_NS)

    # ---- work and files

    def _work(self, effects: Sequence[WorkerEffect | DeliveryEffect]) -> None:
        for effect in effects:
            if isinstance(effect, Propose):
                self._propose(effect.command, effect.tag, effect.expiry_ms * MS)
            else:
                self._out.append(effect)

    def _account(self, job_id: str) -> None:
        self._out += self.custody.account(
            job_id,
            self.state.jobs.get(job_id),
            self.worker.held.get(job_id),
            self.delivery.parcels.get(job_id),
        )

    def check_invariants(self) -> None:
        self.state.check_invariants()
        self.custody.references.check_invariants()
        assert self.state.applied_index == self.raft.last_applied
        assert (self.leadership is not None) == (self.raft.role is Role.LEADER)
