# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One simulated robot with all of the shipping Coordinator, not only its consensus.

Owns what the engine of a robot process does (ros/engine.py): one inbox, ticks that may be late,
effects performed strictly in order, a write that holds up what comes after it. Refuses to know
what jobs are: their edges are a workshop (workshop.py), their promises a ledger (ledger.py).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.emergency import (
    Announce,
    Emergency,
    EmergencyTick,
    PersistEmergency,
    RegisterHeard,
    RegisterRefused,
    Release,
    Stop,
)
from swarm_coordinator.core.events import (
    Answer,
    BeaconHeard,
    CapabilitiesChanged,
    Changed,
    Effect,
    Event,
    Halt,
    LeaveAsked,
    Left,
    MessageHeard,
    ModeFollowed,
    Persist,
    ProposalHeard,
    ProposalRefused,
    RefuseProposal,
    Renumbered,
    RoleChanged,
    SaveSnapshot,
    Send,
    SendProposal,
    Tick,
)
from swarm_coordinator.core.events import Request as Asked
from swarm_coordinator.core.health import PeerFacts
from swarm_coordinator.core.ids import STARTS_BITS
from swarm_coordinator.core.jobs.offers import AnswerOffer, AskOffer, OfferAsked, OfferHeard
from swarm_coordinator.core.raft import (
    AppendReply,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Message,
    RaftCore,
    Ready,
    RobotId,
    Role,
    RoleReason,
    SoftState,
    TimingProfile,
    Vote,
)
from swarm_coordinator.core.raft.snapshot import Snapshot
from swarm_coordinator.core.registration import RobotIdentity
from swarm_coordinator.core.registry.probing import AnswerPeer, AskPeer, ProbeAnswered, ProbeAsked
from swarm_coordinator.core.replicated.command import CapabilitySpec, Command
from swarm_coordinator.core.replicated.snapshot import decode_state, encode_state
from swarm_coordinator.core.worker import Note
from swarm_coordinator.sim.coverage import Situation
from swarm_coordinator.sim.disk import Disk
from swarm_coordinator.sim.ledger import Ledger
from swarm_coordinator.sim.network import Network
from swarm_coordinator.sim.observer import Observer
from swarm_coordinator.sim.promises import PromiseBroken
from swarm_coordinator.sim.robot import SimulatedRobot, Work
from swarm_coordinator.sim.schedule import Settings
from swarm_coordinator.sim.services import Services
from swarm_coordinator.sim.timeline import MS, Timeline
from swarm_coordinator.sim.workshop import Workshop

BATCH_MAX = 256         # as EVENTS_PER_BATCH of the engine
MONOTONIC_NS = 10**9    # when all runs begin by the robots' monotonic clocks
LEASE_TTL_MS_MIN = 2_500
WAKE_US_MIN = 200       # so that a robot to whom something is always due still lets time go on
ENTRIES_FACTOR = 10     # a snapshot of all jobs costs more than one of a few registers


def lease_ttl_ms(profile: TimingProfile) -> int:
    """job_lease_ttl_ms; two elections are the least (config.py)."""
    return max(LEASE_TTL_MS_MIN, 2 * profile.election_timeout_ms_max)


class Beacon(NamedTuple):
    """A heartbeat with what else a beacon carries."""

    recipient: RobotId | None
    events: tuple[Event, ...]


class Letter(NamedTuple):
    """Any other message between coordinators that is none of Raft's."""

    recipient: RobotId | None
    events: tuple[Event, ...]


class WatchedRaft(RaftCore):
    """Tells what it hands out to be applied, in order; a Snapshot takes the place of the state."""

    handed_out: list[Entry | Snapshot]
    judge: Callable[[], None]

    def step(self, message: Message) -> None:
        before = self.commit_index
        super().step(message)
        if self.commit_index != before:
            self.judge()

    def ready(self) -> Ready | None:
        self.judge()
        ready = super().ready()
        if ready is not None:
            if ready.snapshot is not None:
                self.handed_out.append(ready.snapshot)
            self.handed_out.extend(ready.committed)
        return ready


class WholeRobot(SimulatedRobot):
    """`workshop` and `ledger` see what it does with jobs; `life` counts its starts."""

    def __init__(
        self, disk: Disk, settings: Settings, profile: TimingProfile, timeline: Timeline,
        observer: Observer, network: Network, ledger: Ledger,
    ) -> None:
        self.ledger = ledger
        self.workshop = Workshop(self, settings.seed, timeline, ledger)
        self.held_up_us = -(10**12)     # when it was last kept from working: paused, a slow disk
        self._network = network
        self._profile = profile
        self._is_voter = disk.robot in settings.founders
        super().__init__(disk, settings, profile, timeline, observer, network.send, Services)

    def _begin(self) -> None:
        self.life += 1
        self._inbox.clear()
        self._news: deque[Event] = deque()      # of its own threads: nothing of it is lost
        self._asked: dict[int, Callable[[Answer], None]] = {}
        self._request_id = 0
        self._writing: Work | None = None
        self._write_began_us = 0
        self._is_written = False
        self._effects: deque[Effect] = deque()
        self._unsettled = True
        self._tick_due_us: int | None = None
        self._alarm_due_ns: int | None = None
        self._last_snapshot = self.disk.snapshot.index if self.disk.snapshot else 0
        self.on_left: Callable[[], None] | None = None
        if self.disk.snapshot is not None:
            self._coverage.reached(Situation.RESTARTED_FROM_SNAPSHOT)
        self.core = self._raft = self._new_raft()
        self.coordinator = self._new_coordinator()
        self.applied_index = self._last_snapshot
        self._promises.on_start(self._raft, self.disk, self.applied_index)
        self.workshop.begin()
        programs = tuple(CapabilitySpec(f'exec:{name}') for name in self.workshop.programs)
        self._news.append(CapabilitiesChanged(programs))

    def _new_raft(self) -> WatchedRaft:
        stored = self.disk
        raft = WatchedRaft(
            stored.robot, self._founders, self._timing,
            random.Random(f'{self._settings.seed}/core/{self.name}/{self.life}'),
            stored.hard_state, tuple(stored.entries), stored.snapshot, stored.storage_id,
        )
        raft.handed_out, raft.judge = [], self._judge
        return raft

    def _judge(self) -> None:
        """Before the next membership comes into force, of which a handled batch may see some."""
        if self._raft.commit_index <= self.disk.last_index:
            self._promises.on_core(self.name, self._raft, self.disk.storage_id)

    def _new_coordinator(self) -> Coordinator:
        disk, profile = self.disk, self._profile
        draw = random.Random(f'{self._settings.seed}/coordinator/{self.name}/{self.life}')
        disk.starts = disk.starts or (disk.storage_id & 0xFFFFF) << STARTS_BITS
        disk.starts += 1
        identity = RobotIdentity(
            self.name, disk.starts, draw.getrandbits(128).to_bytes(16, 'big'), self._is_voter,
            f'host of {self.name}', '1', self.workshop.slots, profile.name,
        )
        latch = disk.latch
        emergency = Emergency(self.name, latch.register, latch.shared) if latch else None
        return Coordinator(
            identity, self._raft, profile.heartbeat_ms * 1_000_000, lease_ttl_ms(profile),
            self._timing.election_timeout_ticks_min, self.now_ns, draw, emergency,
        )

    @property
    def now_ns(self) -> int:
        return MONOTONIC_NS + self._timeline.now_us * 1000

    def crash(self, write: str) -> None:
        if self.is_up:
            self._effects.clear()
            self._news.clear()
            self._asked.clear()
            self.workshop.end('its robot crashed')
        super().crash(write)

    def _leave(self, work: Work, write: str) -> None:
        if write == 'kept':
            self._coverage.reached(Situation.CRASH_KEPT_WRITE)
            self._make_durable(work)
        else:
            self._coverage.reached(Situation.CRASH_LOST_WRITE)

    def resume(self) -> None:
        if self.is_paused:
            self.held_up_us = self._timeline.now_us
            self.workshop.resume()
        super().resume()

    def is_held_up(self, longer_than_us: int) -> bool:
        """Whether it cannot act, or could not until `longer_than_us` ago at most."""
        now_us = self._timeline.now_us
        if self.is_paused or now_us - self.held_up_us <= longer_than_us:
            return True
        return self._writing is not None and now_us - self._write_began_us > 300 * MS

    # ---- what comes in

    def tick(self, _: None = None) -> None:
        """The engine's timer: a tick that could not be taken is taken late, once."""
        self._timeline.after(self.tick_us, self.tick)
        if self.is_up:
            if self._tick_due_us is None:
                self._tick_due_us = self._timeline.now_us
            self.pump()

    def receive(self, message: Message | Beacon | Letter) -> None:
        if not self.is_up:
            return
        if isinstance(message, (Beacon, Letter)):
            self._inbox.extend(message.events)      # type: ignore[arg-type]
        else:
            self._inbox.append(MessageHeard(message))   # type: ignore[arg-type]
        self.pump()

    def post(self, event: Event) -> None:
        """News of this robot's own edges."""
        if self.is_up:
            self._news.append(event)
            self.pump()

    def ask(self, command: Command, expiry_ms: int, answer: Callable[[Answer], None]) -> None:
        """`answer` is called once, or never if the robot does not live so long."""
        if self.is_up:
            self._request_id += 1
            self._asked[self._request_id] = answer
            self.post(Asked(self._request_id, command, expiry_ms))

    def leave(self, left: Callable[[], None]) -> None:
        self.on_left = left
        self.post(LeaveAsked())

    # ---- work

    def pump(self) -> None:
        """One look at least, also without news: somebody may have asked the core directly."""
        while self.is_up and not self.is_paused and self._writing is None:
            self._handle(self._batch())
            self._perform()
            if not self._news and not self._inbox:
                return

    def _batch(self) -> list[Any]:
        batch: list[Any] = []
        for source in (self._news, self._inbox):
            while source and len(batch) < BATCH_MAX:
                batch.append(source.popleft())
        now_us = self._timeline.now_us
        if self._alarm_due_ns is not None and self.now_ns >= self._alarm_due_ns:
            self._alarm_due_ns = None
            batch.append(EmergencyTick())
        if self._tick_due_us is not None:
            late_us = now_us - self._tick_due_us
            limit_us = self._timing.election_timeout_ticks_min * self.tick_us // 2
            batch.append(Tick(late_us > limit_us, late_us * 1000, 0))
            self._tick_due_us = None
        return batch

    def _handle(self, batch: list[Any]) -> None:
        self._effects.extend(self.coordinator.handle(batch, self.now_ns, self.stamp_ns()))
        self._unsettled = True
        applied = self._raft.last_applied
        if applied - self._last_snapshot >= self._settings.compact_after * ENTRIES_FACTOR:
            self._compact()
        due_ns = self.coordinator.due_ns
        if due_ns is not None and due_ns != self._alarm_due_ns:
            self._alarm_due_ns = due_ns
            wait_us = max(WAKE_US_MIN, -(-(due_ns - self.now_ns) // 1000))
            self._timeline.after(wait_us, self._wake, self.life)

    def _wake(self, life: int) -> None:
        if self.life == life and self.is_running and self._alarm_due_ns is not None:
            self.pump()

    def _perform(self) -> None:
        effects = self._effects
        while effects:
            self._settle()
            effect = effects.popleft()
            kind = type(effect)
            if kind is Persist or kind is SaveSnapshot:
                self._write(effect)     # type: ignore[arg-type]
                return
            perform = PERFORMERS.get(kind)
            if perform is not None:
                perform(self, effect)
            else:
                self.workshop.perform(effect)
            if not self.is_up:
                return
        self._settle()
        self._check()

    def _settle(self) -> None:
        """What the core has done is judged once the disk has what it says is committed."""
        if not self._unsettled:
            return
        raft, disk = self._raft, self.disk
        self._judge()
        self._unsettled = raft.commit_index > disk.last_index
        handed_out, raft.handed_out = raft.handed_out, []
        for number, item in enumerate(handed_out):
            if isinstance(item, Snapshot):
                again = encode_state(decode_state(item.data))
                self._promises.on_installed(self.name, item, again)
                self.applied_index = item.index
                self._coverage.reached(Situation.JOB_STATE_INSTALLED)
            elif item.index <= disk.last_index:
                self._see_applied(item)
            else:
                raft.handed_out = handed_out[number:]
                return

    def _see_applied(self, entry: Entry) -> None:
        promises = self._promises
        is_first = entry.index > len(promises.committed)
        if is_first and len(self._raft.voters) == 1 and entry.index > promises.commit_index:
            # Its only voter acts on it within the turn that wrote it, and is judged afterwards.
            promises.commit_index, promises.commit_term = entry.index, entry.term
        promises.on_applied(self.name, entry, None, None)
        if is_first:
            self.ledger.apply(entry)
            self._observer.on_first_applied(entry, self.ledger.machine)
        self.applied_index = entry.index

    def _check(self) -> None:
        coordinator = self.coordinator
        if coordinator.emergency.active:
            self.workshop.check_stopped()
        if self.applied_index % 16 == 0:
            coordinator.workplace.check_invariants()

    # ---- disk

    def _write(self, work: Work) -> None:
        self._writing = work
        self._write_began_us = self._timeline.now_us
        if isinstance(work, SaveSnapshot) and work.install and self.on_install():
            return
        if self.is_disk_full:
            self._coverage.reached(Situation.DISK_FULL)
            self.crash('lost')
        elif self.crash_at_write is not None:
            self.crash_at_write()
        else:
            self._timeline.after(self._fsync_us(), self._written, self.life)

    def _make_durable(self, work: Work) -> None:
        disk = self.disk
        if isinstance(work, SaveSnapshot):
            if work.install:
                self._observer.on_install(disk, work.snapshot)
            else:
                self._coverage.reached(Situation.COMPACTED)
                self._promises.on_compacted(self.name, work.snapshot)
            disk.save_snapshot(work.snapshot, work.first_kept, work.install)
            return
        assert isinstance(work, Persist)
        before = disk.hard_state
        if work.truncate_from is not None:
            self._observer.on_cut(disk, work.truncate_from)
        disk.save(work.hard_state, work.truncate_from, work.entries)
        self._promises.on_saved(self._raft, disk, work.hard_state, work.entries, before)

    def _finish_write(self) -> None:
        if self._timeline.now_us - self._write_began_us > 300 * MS:
            self.held_up_us = self._timeline.now_us
        self._writing, self._is_written = None, False
        self._perform()

    def compact(self) -> None:
        if self.is_running and self._writing is None:
            if self._raft.last_applied > self._last_snapshot:
                self._compact()
            self.pump()

    def _compact(self) -> None:
        raft = self._raft
        self._last_snapshot = raft.last_applied
        data = encode_state(self.coordinator.state)
        snapshot = raft.compact(data, self._settings.keep_entries)
        self._effects.append(SaveSnapshot(snapshot, raft.first_index))

    # ---- effects

    def _on_send(self, effect: Send) -> None:
        message = effect.message
        if isinstance(message, (Heartbeat, HeartbeatReply)):
            self._send_beacon(message)
            return
        if isinstance(message, AppendReply):
            self._promises.on_acknowledged(self.disk, message)
        elif isinstance(message, Vote):
            self._promises.on_vote(self.disk, message)
            self._observer.on_vote(message)
        elif type(message) in self._observer.rare:
            self._observer.on_sent(self.name, message)
        self._send(self.name, message)

    def _send_beacon(self, message: Message) -> None:
        core = self.coordinator
        facts = PeerFacts(
            core.identity.incarnation, self.disk.storage_id, self.applied_index,
            core.conduct.local.mode, core.health.awareness.score(self.now_ns), core.voters_heard(),
        )
        uptime_ms = (self.now_ns - MONOTONIC_NS) // 1_000_000
        register = core.emergency.register
        events: list[Event] = [
            MessageHeard(message),
            BeaconHeard(self.name, core.identity.session_id, uptime_ms, facts),
        ]
        if register.epoch:
            events.append(RegisterHeard(self.name, register.epoch, register.active))
        self._network.send(self.name, Beacon(None, tuple(events)))   # type: ignore[arg-type]

    def write_to(self, recipient: RobotId | None, event: Event) -> None:
        self._network.send(self.name, Letter(recipient, (event,)))  # type: ignore[arg-type]

    def _on_proposal(self, effect: SendProposal) -> None:
        self.write_to(effect.recipient, ProposalHeard(
            self.name, self.coordinator.identity.incarnation, effect.serial,
            effect.remaining_ms, effect.command,
        ))

    def _on_refusal(self, effect: RefuseProposal) -> None:
        is_final = effect.refusal == 'malformed'
        if is_final:
            raise PromiseBroken('robots understand each other', effect.reason)
        self.write_to(effect.recipient, ProposalRefused(
            effect.serial, effect.reason, is_final, self.name
        ))

    def _on_answer(self, effect: Answer) -> None:
        answer = self._asked.pop(effect.request_id, None)
        if answer is not None:
            answer(effect)

    def _on_role(self, effect: RoleChanged) -> None:
        self._observer.on_role(self.name, SoftState(
            effect.role, effect.leader, effect.term, RoleReason(effect.reason)
        ))

    def _on_ask_peer(self, effect: AskPeer) -> None:
        self.write_to(effect.peer, ProbeAsked(self.name, effect.target, effect.nonce))

    def _on_answer_peer(self, effect: AnswerPeer) -> None:
        self.write_to(effect.peer, ProbeAnswered(
            self.name, effect.target, effect.nonce, effect.heard_ms_ago, effect.incarnation
        ))

    def _on_ask_offer(self, effect: AskOffer) -> None:
        self.write_to(effect.robot, OfferAsked(self.name, effect.request, effect.job_ids))

    def _on_answer_offer(self, effect: AnswerOffer) -> None:
        self.write_to(effect.recipient, OfferHeard(self.name, effect.request, effect.offer))
        self._coverage.reached(Situation.JOB_OFFERED)

    def _on_announce(self, effect: Announce) -> None:
        one = effect.register
        self.write_to(None, RegisterHeard(
            self.name, one.epoch, one.active, one.raised_by, one.reason
        ))

    def _on_latch(self, effect: PersistEmergency) -> None:
        self.disk.latch = effect

    def _on_renumbered(self, effect: Renumbered) -> None:
        self.disk.starts = effect.incarnation

    def _on_note(self, effect: Note) -> None:
        self._observer.note(self.name, effect.text)

    def _on_stop(self, effect: Stop) -> None:
        self._observer.note(self.name, f'stops: epoch {effect.register.epoch}')
        self._coverage.reached(Situation.JOB_EMERGENCY)

    def _on_release(self, effect: Release) -> None:
        self._observer.note(self.name, 'goes on')
        self._coverage.reached(Situation.JOB_EMERGENCY_OVER)

    def _on_left(self, effect: Left) -> None:
        if self.on_left is not None:
            self.on_left()

    def _on_halt(self, effect: Halt) -> None:
        raise PromiseBroken('a robot goes on', f'{self.name} halts: {effect.reason}')

    def _ignore(self, effect: object) -> None:
        """Only for people, or for parts of a robot that are not simulated."""

    # ---- what operators do

    def log_stamp_ns(self) -> int:
        return self.coordinator.stamp_ns

    def transfer_to(self, target: RobotId) -> None:
        if self.is_running and self._writing is None and target != self.name:
            if self._raft.transfer_to(target) is None:
                self._observer.on_transfer(self.name, target, self._raft.term)
            self.pump()

    @property
    def leads(self) -> bool:
        return self.is_up and self._raft.role is Role.LEADER


PERFORMERS: dict[type, Callable[[WholeRobot, Any], None]] = {
    Send: WholeRobot._on_send,
    SendProposal: WholeRobot._on_proposal,
    RefuseProposal: WholeRobot._on_refusal,
    Answer: WholeRobot._on_answer,
    RoleChanged: WholeRobot._on_role,
    AskPeer: WholeRobot._on_ask_peer,
    AnswerPeer: WholeRobot._on_answer_peer,
    AskOffer: WholeRobot._on_ask_offer,
    AnswerOffer: WholeRobot._on_answer_offer,
    Announce: WholeRobot._on_announce,
    PersistEmergency: WholeRobot._on_latch,
    Renumbered: WholeRobot._on_renumbered,
    Note: WholeRobot._on_note,
    Stop: WholeRobot._on_stop,
    Release: WholeRobot._on_release,
    Left: WholeRobot._on_left,
    Halt: WholeRobot._on_halt,
    RegisterRefused: WholeRobot._ignore,
    Changed: WholeRobot._ignore,
    ModeFollowed: WholeRobot._ignore,
}
