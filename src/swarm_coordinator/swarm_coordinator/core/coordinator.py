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
from functools import singledispatchmethod

from swarm_coordinator.core import answers
from swarm_coordinator.core.answers import RequestTag
from swarm_coordinator.core.comprehension import Comprehension
from swarm_coordinator.core.conduct import Conduct, LeavingTag
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
    ProposalHeard,
    ProposalRefused,
    ReadAsked,
    Renumbered,
    Request,
    RoleChanged,
    Tick,
    WorkEvent,
)
from swarm_coordinator.core.exchange import Exchange
from swarm_coordinator.core.following import Following
from swarm_coordinator.core.health import Health, PeerFacts
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.eligibility import Turned
from swarm_coordinator.core.jobs.job import Job
from swarm_coordinator.core.jobs.offers import AnswerOffer, Offer, OfferAsked, OfferHeard
from swarm_coordinator.core.jobs.route_table import RouteNow
from swarm_coordinator.core.jobs.stealing import StealTag
from swarm_coordinator.core.leadership import Leadership, Standing, turned_away
from swarm_coordinator.core.modes.mode import Activity
from swarm_coordinator.core.modes.policy import ModeAdvice
from swarm_coordinator.core.office import DUTY_EXPIRY_MS, DutyTag, Office
from swarm_coordinator.core.proposals import Outstanding, Proposals
from swarm_coordinator.core.raft import (
    Heartbeat,
    PeerProtocolError,
    RaftCore,
    Role,
    SoftState,
)
from swarm_coordinator.core.reads import Reads
from swarm_coordinator.core.registration import Registration, RegistrationTag, RobotIdentity
from swarm_coordinator.core.registry.probing import ProbeAnswered, ProbeAsked
from swarm_coordinator.core.registry.suspicion import Liveness, Suspicion
from swarm_coordinator.core.replica import AppliedEntry, Replica
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import (
    Command,
    HandOver,
    LeaveSwarm,
    MalformedCommand,
    SubmitJob,
    SubmitJobs,
)
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.core.stamps import Stamps
from swarm_coordinator.core.succession import ReputationAdvice
from swarm_coordinator.core.voice import Voice
from swarm_coordinator.core.worker import Note, Propose
from swarm_coordinator.core.workplace import Workplace

MS = 1_000_000
# What was applied calls for the next command: where no other robot has to be waited for, a job is
# granted, started and reported without a tick in between.
TURNS_MAX = 4
DUTY_EXPIRY_NS = DUTY_EXPIRY_MS * MS


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
        self.registration = Registration(identity)
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
        self.voice = Voice(self.registration, self.replica, self.proposals)
        self.reads = Reads(base=rng.getrandbits(62))
        self.membership = raft.membership if raft.snapshot is None else raft.snapshot.membership
        self.office = Office(identity.robot_id, job_ttl_ms, first_question=rng.getrandbits(48))
        self.conduct = Conduct(self.worker, self.emergency, started_ns)
        self.exchange = Exchange(self.workplace)
        self.following = Following()
        self._comprehension = Comprehension()
        self.faults = 0
        self._hold_ticks = hold_ticks  # elections held back after this robot was late
        self._started_ns = started_ns
        self._awake = False
        self._advice: ModeAdvice | None = None
        self._reputations: ReputationAdvice | None = None
        self._stamps = Stamps()
        self._now_ns = started_ns
        self._out: list[Effect] = []

    @property
    def identity(self) -> RobotIdentity:
        return self.registration.identity

    @property
    def robot_id(self) -> RobotId:
        return self.identity.robot_id

    @property
    def state(self) -> ReplicatedState:
        return self.replica.state

    @property
    def leadership(self) -> Leadership | None:
        """While this robot leads."""
        return self.office.leadership

    @property
    def caught_up(self) -> bool:
        return self.following.caught_up

    @property
    def suspicion(self) -> Suspicion:
        return self.health.suspicion

    @property
    def due_ns(self) -> int | None:
        """When an EmergencyTick is due: sooner than a tick while an emergency is being told, or a
        robot's answer or a word about a job is due. It only wakes: each part looks for itself."""
        dues = (self.emergency.due_ns, self.worker.due_ns, self.office.due_ns)
        return min((due for due in dues if due is not None), default=None)

    @property
    def stamp_ns(self) -> int:
        """Unix time by this robot's reckoning: never behind the log, never set back."""
        return self._stamps.at(self._now_ns, self.state.stamp_ns)

    def voters_heard(self) -> int:
        """Voters that can be reached as far as this robot knows, itself included."""
        return self.health.near(self.raft.voters, self._now_ns)

    def handle(self, events: Sequence[Event], now_ns: int, wall_ns: int) -> list[Effect]:
        """Take events together, so that what they append shares one write to the disk."""
        self._now_ns = now_ns
        self._stamps.set(wall_ns, now_ns, leads=self.raft.role is Role.LEADER)
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
        for _ in range(TURNS_MAX):
            applied = self.raft.last_applied
            self._lead()
            self._work(self.workplace.said(now_ns))
            self._send_proposals()
            self._pump()
            if self.raft.last_applied == applied:
                break
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
        self._steal()
        for robot_id in self.worker.awaited_origins():
            if self.suspicion.phase_of(robot_id, self._now_ns) is Liveness.DEAD:
                self._work(self.worker.origin_lost(robot_id))
        self._register()
        self._say_goodbye()
        for item in self.proposals.expired(self._now_ns):
            self._settle(item, None, 0)
        for request_id in self.reads.pop_expired(self._now_ns):
            self._out.append(answers.not_in_time(request_id, self.raft.leader))

    @_on.register
    def _message(self, event: MessageHeard) -> None:
        message = event.message
        self._comprehension.check(message)
        self.raft.step(message)
        if isinstance(message, Heartbeat) and message.sender == self.raft.leader:
            self.following.committed(message.commit_index)
            self.conduct.heard_leader(self._now_ns)

    @_on.register
    def _beacon(self, event: BeaconHeard) -> None:
        if event.robot == self.robot_id:
            uptime_ms = (self._now_ns - self._started_ns) // MS
            why = self.registration.twin(event.session_id, event.uptime_ms, uptime_ms)
            self._out += [Halt(2, why)] if why else []
            return
        self.health.beacon(event.robot, event.facts, self._now_ns)

    @_on.register
    def _measured(self, event: FactsMeasured) -> None:
        self.facts = event.facts

    @_on.register(ProbeAsked)
    @_on.register(ProbeAnswered)
    def _probe(self, event: ProbeAsked | ProbeAnswered) -> None:
        self._out += self.health.probe(event, self._now_ns)

    @_on.register
    def _proposal(self, event: ProposalHeard) -> None:
        try:
            refusal = self.voice.take(event, self.stamp_ns)
        except MalformedCommand as error:
            self._fault(f'proposal of {event.sender} refused: {error}')
            refusal = self.voice.refuse(event, 'malformed', str(error))
        if refusal is not None:
            self._out.append(refusal)

    def _fault(self, text: str) -> None:
        """Count it; say the 1st, 2nd, 4th, 8th ...: a broken peer must not fill the log."""
        self.faults += 1
        if self.faults & (self.faults - 1) == 0:
            self._out.append(Note(f'{text} ({self.faults} faults so far)'))

    @_on.register
    def _proposal_refused(self, event: ProposalRefused) -> None:
        if event.sender != self.raft.leader:
            return  # only who leads has a say; a former leader's word is asked for again
        if event.final and (item := self.proposals.settle(event.serial)) is not None:
            self._settle(item, Applied(refused=event.reason), 0)

    @_on.register
    def _request(self, event: Request) -> None:
        refusal = answers.refusal(event, self.robot_id, self.proposals.full)
        if refusal is not None:
            self._out.append(refusal)
            return
        if isinstance(event.command, (SubmitJob, SubmitJobs)):
            self.workplace.submitting(event.request_id, event.command)
        self._propose(event.command, RequestTag(event.request_id), event.expiry_ms * MS)

    @_on.register
    def _read(self, event: ReadAsked) -> None:
        if self.reads.full:
            self._out.append(answers.too_many_reads(event.request_id))
            return
        self.reads.add(event.request_id, self._now_ns, event.expiry_ms * MS)

    @_on.register
    def _leave(self, event: LeaveAsked) -> None:
        """Say goodbye; a leader first hands over, so that nobody has to miss it."""
        if not self.conduct.leave(self._now_ns):
            return
        self._work(self.conduct.stop_or_go(self._now_ns))
        if self.leadership is not None and len(self.raft.voters) > 1:
            self._hand_over(None)
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        """Its jobs are free for others as soon as it is in the log."""
        left_ns = self.conduct.goodbye(self._now_ns)
        if left_ns == 0:
            self._out.append(Left())
        elif left_ns is not None:
            command = LeaveSwarm(self.robot_id, self.identity.incarnation)
            self._propose(command, LeavingTag(), left_ns)

    @_on.register(EmergencyTick)
    @_on.register(RegisterHeard)
    @_on.register(Raised)
    def _emergency(self, event: EmergencyTick | RegisterHeard | Raised) -> None:
        if isinstance(event, RegisterHeard) and self._ends_too_early(event):
            return
        self._alarm(self.emergency.handle(event, self._now_ns))

    def _ends_too_early(self, heard: RegisterHeard) -> bool:
        """Anybody may say stop. That it is over only the log may say: of a robot it is news that
        comes before the entry, or a lie. Where it is true, the entry comes."""
        return not heard.active and heard.epoch > self.state.emergency_cleared_epoch + 1

    def _clear(self) -> None:
        """What the log says of emergencies that are over."""
        state = self.state
        cleared = ClearApplied(state.emergency_cleared_epoch, state.emergency_cleared_by)
        self._alarm(self.emergency.handle(cleared, self._now_ns))

    def _alarm(self, effects: Sequence[EmergencyEffect]) -> None:
        """Stop first, then tell: what runs here must not wait for a message to be written."""
        if effects:
            self._work(self.conduct.stop_or_go(self._now_ns))
        for effect in effects:
            if isinstance(effect, RegisterRefused):
                self._fault(f'{effect.sender}: {effect.rule}')
            else:
                self._out.append(effect)

    def _follow_mode(self) -> None:
        followed = self.conduct.follow(
            self.state.mode,
            self.leadership is not None,
            self.facts.battery_permille,
            self.health.awareness.score(self._now_ns),
            self._now_ns,
        )
        if followed is not None:
            self._out.append(followed)
        self._work(self.conduct.stop_or_go(self._now_ns))

    @_on.register
    def _advised(self, event: AdviceHeard) -> None:
        self._advice, self.exchange.advice = event.advice, event.routes
        self._reputations = event.reputations

    @_on.register
    def _able(self, event: CapabilitiesChanged) -> None:
        self.registration.capabilities = event.capabilities
        self._register()

    @_on.register
    def _worked(self, event: WorkEvent) -> None:
        self._work(self.workplace.handle(event, self.state, self._now_ns))

    # ---- work that is asked for, and taken

    @_on.register
    def _offer_asked(self, event: OfferAsked) -> None:
        offer = self._offer(event.job_ids)
        self._out.append(AnswerOffer(event.sender, event.request, offer))

    def _offer(self, job_ids: Sequence[str]) -> Offer:
        refusal, state = self._no_work(), self.state
        return self.exchange.offer(job_ids, refusal, state, self.stamp_ns, self._now_ns)

    @_on.register
    def _offer_heard(self, event: OfferHeard) -> None:
        self.office.heard(event, self._now_ns)

    def _no_work(self) -> str:
        """Why this robot takes no jobs now; '' = it does."""
        unread = '' if self.caught_up else 'has not caught up with the log'
        return self.conduct.no_work() or unread

    def _steal(self) -> None:
        if (
            self._no_work()
            or not self.conduct.local.allows(Activity.STEAL_JOBS)
            or self.raft.leader is None
        ):
            return
        battery = self.facts.battery_permille
        steals = self.exchange.steal(battery, self.state, self.stamp_ns, self._now_ns)
        if steals is not None:
            self._propose(steals, StealTag(), DUTY_EXPIRY_NS)

    def queued_work_ms(self) -> int:
        """Predicted work of all that this robot holds, as its beacon says."""
        return self.exchange.queued_work_ms(self.state, self.stamp_ns, self._now_ns)

    def routes_now(self, task: str = '', robot_id: str = '') -> list[RouteNow]:
        """What is known of the routes, and what a job would cost on each now; '' = all."""
        return self.exchange.routes(self.state, self.stamp_ns, self._now_ns, task, robot_id)

    # ---- proposals

    def _propose(self, command: Command, tag: object, expiry_ns: int) -> None:
        self.proposals.add(command, tag, self._now_ns, expiry_ns)

    def _send_proposals(self) -> None:
        for number in self.reads.due(self._now_ns):
            self.raft.read_index(number)
        self._out += self.voice.send(self.stamp_ns, self._now_ns)

    def _settle(self, item: Outstanding, applied: Applied | None, index: int) -> None:
        """`applied` None: its time is over and nobody knows whether it will still be applied."""
        tag = item.tag
        if isinstance(tag, RequestTag):
            self._answer(tag, item.command, applied, index)
        elif isinstance(tag, DutyTag):
            self.office.settled(tag)
        elif isinstance(tag, RegistrationTag):
            self._registered(applied)
        elif isinstance(tag, StealTag):
            refused = 'nobody answered' if applied is None else applied.refused
            self.exchange.thief.settled(refused, self._now_ns)
        elif isinstance(tag, LeavingTag):
            self._out.append(Left())
        else:
            self._work(self.workplace.settled(tag, applied is None, self._now_ns))

    def _answer(
        self, tag: RequestTag, command: Command, applied: Applied | None, index: int
    ) -> None:
        request_id = tag.request_id
        if applied is None:
            self._out.append(answers.not_in_time(request_id, self.raft.leader))
            return
        self._out.append(answers.decided(request_id, applied, index))
        if isinstance(command, (SubmitJob, SubmitJobs)):
            # After a time-out the job may still come into the log: its files stay.
            self._work(self.workplace.submitted(request_id, command, self.state))

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
            read = self.reads.take(batch.reads, self.raft.last_applied)
            self._out += [Answer(request_id, self.raft.last_applied) for request_id in read]
        if (save := self.replica.compact_if_due()) is not None:
            self._out.append(save)
        if changed.index:
            self._out.append(changed)
        self._follow_jobs(changed)

    def _role_changed(self, soft: SoftState) -> None:
        role, leader = soft.role, soft.leader
        if self.following.leader_is(leader):
            self.proposals.hurry(self._now_ns)
            self.conduct.heard_leader(self._now_ns)
        self.office.role_changed(soft, self._now_ns)
        self._out.append(RoleChanged(role, leader, soft.term, soft.reason.value))

    def _restored(self, changed: Changed) -> None:
        """The state was replaced: commands of ours that are in it can no longer be seen in the
        log, and jobs of ours may be gone."""
        state = self.state
        changed.all(state.applied_index, state.jobs, state.leases.held)
        assert self.raft.snapshot is not None
        self.membership = self.raft.snapshot.membership
        self._stamps.saw(state.stamp_ns, self._now_ns)
        self._clear()
        for item in self.voice.settled_unseen():
            self._settle_unseen(item)
        self._work(self.workplace.restored(state, self._now_ns))

    def _settle_unseen(self, item: Outstanding) -> None:
        if isinstance(item.tag, RequestTag):
            self._out.append(answers.unseen(item.tag.request_id))
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
        changed.note(entry.index, entry.stamp_ns, applied)
        self._follow_members(applied)
        self._stamps.saw(self.state.stamp_ns, self._now_ns)
        if isinstance(issued.command, HandOver) and not applied.refused:
            self._hand_over(issued.command.to)
        if (item := self.voice.settled(issued)) is not None:
            if entry.term == self.state.term:
                # The state is at the end of the batch: a later stamp errs on the safe side.
                self.worker.clock.saw(entry.term, self.state.stamp_ns, item.asked_ns)
            self._settle(item, applied, entry.index)

    def _follow_members(self, applied: Applied) -> None:
        if applied.emergency:
            self._clear()
        if applied.members:
            for member in self.state.members.values():
                if member.phase is Liveness.LEFT:
                    self.suspicion.leave(member.robot_id, member.incarnation)

    def _follow_jobs(self, changed: Changed) -> None:
        """Old entries are read again after a start; only what is true now is acted on."""
        self.worker.clock.follow(self.state.term)
        leads, applied = self.leadership is not None, self.raft.last_applied
        if self.caught_up:
            jobs = changed.jobs
            self._work(self.workplace.jobs_changed(jobs, self.state, self._now_ns))
        elif self.following.catch_up(leads, applied, self.replica.own_term_applied):
            self._out.append(Note(f'caught up with the log at {applied}'))
            self._work(self.workplace.caught_up(self.state, self._now_ns))
        else:
            return
        self._out += self.workplace.sweep(self.state, self.identity.incarnation)

    # ---- duties

    def _lead(self) -> None:
        if self.leadership is None or not self.replica.own_term_applied:
            return
        self._work(self.office.lead(self._standing(), self._offer))

    def _hand_over(self, to: RobotId | None) -> None:
        """Asked for in the log; whoever leads when it is applied acts."""
        self._out += self.office.hand_over(to, self._standing())

    def turned_away(self, job: Job) -> tuple[Turned, ...]:
        """Robots that cannot take this job now, and why, as this robot sees them."""
        return turned_away(job, self._standing())

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
            estimates=self.exchange.estimates,
            routes=self.exchange.advice,
            reputations=self._reputations,
        )

    def _register(self) -> None:
        if self.raft.leader is None:
            return
        if self.caught_up and (number := self.registration.renumbered(self.state)) is not None:
            self._renumbered(number)
        if self.conduct.leaving:
            return
        command = self.registration.due(self.state, self._now_ns)
        if command is not None:
            self._propose(command, RegistrationTag(), DUTY_EXPIRY_NS)

    def _registered(self, applied: Applied | None) -> None:
        refused = '' if applied is None else applied.refused
        profile = self.state.timing_profile
        self._out += self.registration.settled(refused, profile, self._now_ns)

    def _renumbered(self, incarnation: int) -> None:
        """The disk lost its past: go on counting where the swarm has counted to."""
        self.worker.incarnation = incarnation
        self.proposals.drop(RegistrationTag())
        self._out.append(Renumbered(incarnation))

    # ---- work and files

    def _work(self, effects: Sequence[Effect]) -> None:
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
        self.office.check_invariants()
