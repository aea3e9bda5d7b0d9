# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A swarm of real Coordinators in one process, under faults that a seed chooses.

Owns time, a network that loses, doubles, delays and reorders, disks, and processes that only take
time. Checks while it runs what must hold at every step. Refuses to decide anything that the
coordinators decide.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from coordinator_samples import spec

from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.delivery import FetchOutputs, ForgetOutputs, PlaceOutputs, TellStored
from swarm_coordinator.core.emergency import (
    Announce,
    Emergency,
    EmergencyTick,
    PersistEmergency,
    RegisterHeard,
    Release,
    Stop,
)
from swarm_coordinator.core.events import (
    Answer,
    BeaconHeard,
    CapabilitiesChanged,
    Changed,
    DiscardFile,
    Event,
    Halt,
    InputsFailed,
    InputsReady,
    Left,
    MessageHeard,
    ModeFollowed,
    OutputsFetched,
    OutputsNotFetched,
    OutputsOffered,
    OutputsPlaced,
    OutputsStored,
    Persist,
    ProcessEnded,
    ProposalHeard,
    ProposalRefused,
    RefuseProposal,
    Renumbered,
    Request,
    RoleChanged,
    SaveSnapshot,
    Send,
    SendProposal,
    SweepFiles,
    Tick,
    UnpinFiles,
)
from swarm_coordinator.core.health import PeerFacts
from swarm_coordinator.core.ids import STARTS_BITS, RobotId
from swarm_coordinator.core.jobs.job import FileRef, JobPhase
from swarm_coordinator.core.jobs.offers import AnswerOffer, AskOffer, OfferAsked, OfferHeard
from swarm_coordinator.core.raft import (
    PROFILES,
    AppendOutcome,
    AppendReply,
    Entry,
    EntryKind,
    HardState,
    Heartbeat,
    HeartbeatReply,
    Message,
    RaftCore,
    Snapshot,
    Vote,
)
from swarm_coordinator.core.registration import RobotIdentity
from swarm_coordinator.core.registry.probing import AnswerPeer, AskPeer, ProbeAnswered, ProbeAsked
from swarm_coordinator.core.replicated.apply import apply_command, apply_noop
from swarm_coordinator.core.replicated.command import (
    CapabilitySpec,
    SubmitJob,
    decode,
)
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.core.worker import (
    FetchInputs,
    Note,
    OfferOutputs,
    ProcessEnd,
    StartProcess,
    StopProcess,
)

MS = 1_000_000
WIFI = PROFILES['wifi']
TTL_MS = 2500
CAPABILITIES = (CapabilitySpec('exec:true'),)


def made_file(name: str, content: str) -> FileRef:
    return FileRef(name, len(content), hashlib.sha256(content.encode()).hexdigest())


@dataclass
class Faults:
    """Chances of a message, and which pairs cannot hear each other."""

    lost: float = 0.0
    doubled: float = 0.0
    delay_ms_max: int = 5
    cut: set[tuple[RobotId, RobotId]] = field(default_factory=set)


@dataclass
class Machine:
    """What survives a crash: the disk, the stored files and the count of starts."""

    robot_id: RobotId
    hard_state: HardState = HardState()
    entries: list[Entry] = field(default_factory=list)
    snapshot: Snapshot | None = None
    storage_id: int = 1
    emergency: PersistEmergency | None = None
    files: set[str] = field(default_factory=set)
    incarnation: int = 0
    # Lost with a crash:
    core: Coordinator | None = None
    pins: dict[str, int] = field(default_factory=dict)
    stopped: set[tuple[str, int]] = field(default_factory=set)
    forgotten: set[tuple[str, int]] = field(default_factory=set)
    inbox: list[Event] = field(default_factory=list)
    busy: bool = False
    wake_ns: int = 0
    halted: Halt | None = None


class Cluster:
    """Run with `run_ms`; robots r1.. of which the first `voters` vote."""

    def __init__(self, seed: int, robots: int = 3, voters: int = 3) -> None:
        self.rng = random.Random(seed)
        self.now_ns = 10**9
        self.wall_base_ns = 1_700_000_000 * 10**9
        self.faults = Faults()
        self.machines = {
            RobotId(f'r{n}'): Machine(RobotId(f'r{n}')) for n in range(1, robots + 1)
        }
        self.voters = tuple(list(self.machines)[:voters])
        self.answers: dict[int, Answer] = {}
        self.placed: dict[str, list[tuple[FileRef, ...]]] = {}
        self.started: list[tuple[str, int, RobotId]] = []
        self.counts: dict[str, int] = {}
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0
        self._request = 0
        self.snapshots = 0
        for number, robot in enumerate(self.machines, 100):
            self.machines[robot].storage_id = number
            self.machines[robot].incarnation = self.rng.getrandbits(20) << STARTS_BITS
            self.start(robot)
            self._later(self.rng.randint(0, WIFI.tick_ms), self._ticker(robot))

    # ---- time

    def _later(self, ms: float, call: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (self.now_ns + int(ms * MS), self._sequence, call))

    def run_ms(self, ms: int, until: Callable[[], bool] = lambda: False) -> bool:
        end_ns, look_ns = self.now_ns + ms * MS, self.now_ns
        while self._queue[0][0] <= end_ns:
            self.now_ns, _, call = heapq.heappop(self._queue)
            call()
            if self.now_ns >= look_ns:
                look_ns = self.now_ns + 100 * MS
                if until():
                    return True
        self.now_ns = end_ns
        return until()

    def _ticker(self, robot: RobotId) -> Callable[[], None]:
        def tick() -> None:
            late = self.rng.random() < 0.01
            self.post(robot, Tick(late=late))
            self._later(WIFI.tick_ms * (8 if late else 1), tick)

        return tick

    # ---- robots

    def start(self, robot: RobotId) -> None:
        machine = self.machines[robot]
        assert machine.core is None
        machine.incarnation += 1
        raft = RaftCore(
            robot, self.voters, WIFI.timing, random.Random(self.rng.random()),
            machine.hard_state, tuple(machine.entries), machine.snapshot, machine.storage_id,
        )
        session_id = self.rng.getrandbits(128).to_bytes(16, 'big')
        identity = RobotIdentity(
            robot, machine.incarnation, session_id, robot in self.voters, 'host', '0.1.0', 2
        )
        saved = machine.emergency
        machine.core = Coordinator(
            identity, raft, WIFI.heartbeat_ms * MS, TTL_MS, 20, self.now_ns,
            random.Random(self.rng.random()),
            Emergency(robot, saved.register, saved.shared) if saved else Emergency(robot),
        )
        machine.pins, machine.stopped, machine.inbox = {}, set(), []
        self.post(robot, CapabilitiesChanged(CAPABILITIES))

    def crash(self, robot: RobotId) -> None:
        self.machines[robot].core = None

    def wipe(self, robot: RobotId) -> None:
        """A new disk: nothing is remembered, not even how often this robot has started."""
        machine = self.machines[robot]
        machine.core = None
        machine.hard_state, machine.entries, machine.snapshot = HardState(), [], None
        machine.incarnation = self.rng.getrandbits(20) << STARTS_BITS
        machine.emergency, machine.files = None, set()
        machine.storage_id += 1000

    def post(self, robot: RobotId, event: Event) -> None:
        machine = self.machines[robot]
        if machine.core is None:
            return
        machine.inbox.append(event)
        if not machine.busy:
            machine.busy = True
            self._later(self.rng.random() * 3, lambda: self._handle(machine))

    def _handle(self, machine: Machine) -> None:
        machine.busy = False
        core, batch = machine.core, machine.inbox
        machine.inbox = []
        if core is None or not batch:
            return
        self.rng.shuffle(batch)
        skew_ns = int(machine.robot_id[1:]) * 1000 * MS
        effects = core.handle(batch, self.now_ns, self.wall_base_ns + self.now_ns + skew_ns)
        for effect in effects:
            if machine.core is core:  # a crash in the middle of performing
                self._perform(machine, effect)
        core.check_invariants()
        if core.due_ns is not None and core.due_ns != machine.wake_ns:
            machine.wake_ns = core.due_ns
            wait_ms = max(0.0, (core.due_ns - self.now_ns) / MS)
            self._after(machine, wait_ms, EmergencyTick)

    def _perform(self, machine: Machine, effect: Any) -> None:
        kind = type(effect).__name__
        self.counts[kind] = self.counts.get(kind, 0) + 1
        getattr(self, f'_on_{kind}')(machine, effect)

    def _after(self, machine: Machine, ms: float, event: Callable[[], Event]) -> None:
        """An event for this life of the robot only."""
        core = machine.core

        def due() -> None:
            if machine.core is core:
                self.post(machine.robot_id, event())

        self._later(ms, due)

    # ---- network

    def hears(self, sender: RobotId, receiver: RobotId) -> bool:
        return (sender, receiver) not in self.faults.cut

    def send(self, sender: RobotId, to: RobotId | None, event: Event) -> None:
        for receiver in [to] if to is not None else list(self.machines):
            if receiver == sender or not self.hears(sender, receiver):
                continue
            copies = 2 if self.rng.random() < self.faults.doubled else 1
            for _ in range(copies):
                if self.rng.random() >= self.faults.lost:
                    delay = self.rng.uniform(0.2, self.faults.delay_ms_max)
                    self._later(delay, lambda r=receiver: self.post(r, event))  # type: ignore

    # ---- effects

    def _on_Persist(self, machine: Machine, effect: Persist) -> None:
        committed = machine.hard_state.commit_index
        if effect.hard_state is not None:
            assert effect.hard_state.term >= machine.hard_state.term
            machine.hard_state = effect.hard_state
        if effect.truncate_from is not None:
            assert effect.truncate_from > committed, 'committed is for ever'
            del machine.entries[effect.truncate_from - self._first_index(machine) :]
        for entry in effect.entries:
            assert entry.index == self._last_index(machine) + 1
            machine.entries.append(entry)

    def _first_index(self, machine: Machine) -> int:
        if machine.entries:
            return machine.entries[0].index
        return machine.snapshot.index + 1 if machine.snapshot else 1

    def _last_index(self, machine: Machine) -> int:
        return self._first_index(machine) + len(machine.entries) - 1

    def _on_SaveSnapshot(self, machine: Machine, effect: SaveSnapshot) -> None:
        self.snapshots += 1
        if effect.install:
            machine.entries = []
        else:
            machine.entries = [one for one in machine.entries if one.index >= effect.first_kept]
            assert self._last_index(machine) >= effect.snapshot.index
        machine.snapshot = effect.snapshot

    def _on_Send(self, machine: Machine, effect: Send) -> None:
        message = effect.message
        self._check_durable(machine, message)
        self.send(machine.robot_id, message.recipient if not isinstance(
            message, (Heartbeat, HeartbeatReply)) else None, MessageHeard(message))
        if isinstance(message, (Heartbeat, HeartbeatReply)):
            assert machine.core is not None
            self.send(machine.robot_id, None, BeaconHeard(
                machine.robot_id, machine.core.identity.session_id, 1,
                PeerFacts(machine.incarnation, machine.storage_id)))

    def _check_durable(self, machine: Machine, message: Message) -> None:
        """Persist before send: what is promised is on the disk already."""
        assert message.term <= machine.hard_state.term or getattr(message, 'pre_vote', False)
        if isinstance(message, Vote) and message.granted and not message.pre_vote:
            assert machine.hard_state.voted_for == message.recipient
        if isinstance(message, AppendReply) and message.outcome is AppendOutcome.ACCEPTED:
            assert message.match_index <= self._last_index(machine)
        if isinstance(message, HeartbeatReply):
            assert message.match_index <= self._last_index(machine)

    def _on_SendProposal(self, machine: Machine, effect: SendProposal) -> None:
        assert machine.core is not None
        self.send(machine.robot_id, effect.recipient, ProposalHeard(
            machine.robot_id, machine.incarnation, effect.serial, effect.remaining_ms,
            effect.command))

    def _on_RefuseProposal(self, machine: Machine, effect: RefuseProposal) -> None:
        assert effect.refusal != 'malformed', effect
        self.send(machine.robot_id, effect.recipient,
                  ProposalRefused(effect.serial, effect.reason, False, machine.robot_id))

    def _on_Answer(self, machine: Machine, effect: Answer) -> None:
        assert effect.request_id not in self.answers, 'a request is answered once'
        self.answers[effect.request_id] = effect

    def _on_FetchInputs(self, machine: Machine, effect: FetchInputs) -> None:
        self._after(machine, self.rng.uniform(1, 80), lambda: (
            InputsReady(effect.job_id, effect.token)
            if self._fetch(machine, effect.refs, effect.holder)
            else InputsFailed(effect.job_id, effect.token, 'holder is silent')
        ))

    def _on_FetchOutputs(self, machine: Machine, effect: FetchOutputs) -> None:
        wanted = (effect.job_id, effect.token)
        machine.forgotten.discard(wanted)
        self._after(machine, self.rng.uniform(1, 80), lambda: (
            OutputsFetched(*wanted)
            if wanted not in machine.forgotten
            and self._fetch(machine, effect.refs, effect.holder)
            else OutputsNotFetched(*wanted)
        ))

    def _on_ForgetOutputs(self, machine: Machine, effect: ForgetOutputs) -> None:
        machine.forgotten.add((effect.job_id, effect.token))

    def _fetch(self, machine: Machine, refs: tuple[FileRef, ...], holder: RobotId) -> bool:
        wanted = {ref.sha256 for ref in refs} - machine.files
        other = self.machines[holder]
        near = other.core is not None and self.hears(holder, machine.robot_id)
        if wanted and not (near and wanted <= other.files):
            return False
        machine.files |= wanted
        return True

    def _on_StartProcess(self, machine: Machine, effect: StartProcess) -> None:
        assert {ref.sha256 for ref in effect.spec.inputs} <= machine.files
        self.started.append((effect.job_id, effect.token, machine.robot_id))

        def end() -> Event:
            if (effect.job_id, effect.token) in machine.stopped:
                return ProcessEnded(ProcessEnd(
                    effect.job_id, effect.token, None, 5, (), 'stopped'))
            outputs = tuple(
                made_file(name, f'{effect.job_id} {effect.token}') for name in effect.spec.outputs
            )
            for ref in outputs:
                self._pin(machine, ref)
            return ProcessEnded(ProcessEnd(effect.job_id, effect.token, 0, 5, outputs, ''))

        self._after(machine, self.rng.uniform(20, 900), end)

    def _on_StopProcess(self, machine: Machine, effect: StopProcess) -> None:
        machine.stopped.add((effect.job_id, effect.token))

    def _on_OfferOutputs(self, machine: Machine, effect: OfferOutputs) -> None:
        self.send(machine.robot_id, effect.origin, OutputsOffered(
            effect.job_id, effect.attempt, effect.token, effect.outputs, machine.robot_id))

    def _on_TellStored(self, machine: Machine, effect: TellStored) -> None:
        self.send(machine.robot_id, effect.worker, OutputsStored(
            effect.job_id, effect.token, machine.robot_id))

    def _on_AskOffer(self, machine: Machine, effect: AskOffer) -> None:
        self.send(machine.robot_id, effect.robot, OfferAsked(
            machine.robot_id, effect.request, effect.job_ids))

    def _on_AnswerOffer(self, machine: Machine, effect: AnswerOffer) -> None:
        self.send(machine.robot_id, effect.recipient, OfferHeard(
            machine.robot_id, effect.request, effect.offer))

    def _on_PlaceOutputs(self, machine: Machine, effect: PlaceOutputs) -> None:
        assert machine.core is not None
        job = machine.core.state.jobs[effect.job_id]
        assert job.phase is JobPhase.DONE and job.token == effect.token
        assert effect.refs == job.outputs, 'only what the log accepted is published'
        assert {ref.sha256 for ref in effect.refs} <= machine.files
        self.placed.setdefault(effect.job_id, []).append(effect.refs)
        self._after(machine, 5, lambda: OutputsPlaced(effect.job_id, effect.token, ''))

    def _pin(self, machine: Machine, ref: FileRef) -> None:
        machine.files.add(ref.sha256)
        machine.pins[ref.sha256] = machine.pins.get(ref.sha256, 0) + 1

    def _on_UnpinFiles(self, machine: Machine, effect: UnpinFiles) -> None:
        for sha256 in effect.sha256:
            left = machine.pins.get(sha256, 0) - 1
            assert left >= 0, 'unpinned more often than pinned'
            machine.pins[sha256] = left

    def _on_DiscardFile(self, machine: Machine, effect: DiscardFile) -> None:
        if not machine.pins.get(effect.sha256):
            machine.files.discard(effect.sha256)

    def _on_SweepFiles(self, machine: Machine, effect: SweepFiles) -> None:
        pinned = {sha256 for sha256, count in machine.pins.items() if count}
        machine.files &= effect.needed | pinned

    def _on_Halt(self, machine: Machine, effect: Halt) -> None:
        machine.halted, machine.core = effect, None

    def _on_Note(self, machine: Machine, effect: Note) -> None:
        told = ('dropped: ', 'caught up', 'leadership', 'emergency', 'not registered: incarnation')
        assert any(one in effect.text for one in told), effect

    def _on_Renumbered(self, machine: Machine, effect: Renumbered) -> None:
        assert effect.incarnation > machine.incarnation
        machine.incarnation = effect.incarnation

    def _on_Announce(self, machine: Machine, effect: Announce) -> None:
        one = effect.register
        heard = RegisterHeard(
            machine.robot_id, one.epoch, one.active, one.raised_by, one.reason
        )
        self.send(machine.robot_id, None, heard)

    def _on_PersistEmergency(self, machine: Machine, effect: PersistEmergency) -> None:
        machine.emergency = effect

    def _on_Stop(self, machine: Machine, effect: Stop) -> None:
        assert machine.core is not None and not machine.core.worker.running

    def _on_Release(self, machine: Machine, effect: Release) -> None:
        pass

    def _on_ModeFollowed(self, machine: Machine, effect: ModeFollowed) -> None:
        pass

    def _on_Left(self, machine: Machine, effect: Left) -> None:
        machine.core = None

    def _on_AskPeer(self, machine: Machine, effect: AskPeer) -> None:
        asked = ProbeAsked(machine.robot_id, effect.target, effect.nonce)
        self.send(machine.robot_id, effect.peer, asked)

    def _on_AnswerPeer(self, machine: Machine, effect: AnswerPeer) -> None:
        self.send(machine.robot_id, effect.peer, ProbeAnswered(
            machine.robot_id, effect.target, effect.nonce, effect.heard_ms_ago,
            effect.incarnation))

    def _on_Changed(self, machine: Machine, effect: Changed) -> None:
        pass

    def _on_RoleChanged(self, machine: Machine, effect: RoleChanged) -> None:
        pass

    # ---- clients

    def submit(self, robot: RobotId, key: str, number: int, expiry_ms: int = 3000) -> int:
        """Ask `robot` for a job with an input and an output; returns the request's number."""
        machine = self.machines[robot]
        assert machine.core is not None
        self._request += 1
        given = made_file('in', key)
        self._pin(machine, given)
        what = spec(inputs=(given,), outputs=('out',) if number % 3 else (), attempts_max=200)
        command = SubmitJob(
            f'{robot}-{machine.incarnation}-{self._request}', robot, what,
            f'/home/{key}' if number % 2 else '', key,
        )
        self.post(robot, Request(self._request, command, expiry_ms))
        return self._request

    def answered(self, request: int, ms: int = 30_000) -> bool:
        return self.run_ms(ms, lambda: request in self.answers)

    # ---- what is true of all

    @property
    def up(self) -> list[Machine]:
        return [machine for machine in self.machines.values() if machine.core is not None]

    def leaders(self) -> list[RobotId]:
        return [m.robot_id for m in self.up if m.core is not None and m.core.leadership]

    def replicas_equal(self) -> bool:
        states = [m.core.state for m in self.up if m.core is not None]
        return all(state == states[0] for state in states)

    def replay(self) -> tuple[ReplicatedState, dict[str, int]]:
        """The committed log applied anew; accepted completions by job."""
        machine = self.up[0]
        assert machine.core is not None
        state, accepted = ReplicatedState(), dict[str, int]()
        assert machine.snapshot is None, 'what came before it cannot be applied anew'
        for entry in machine.entries[: machine.core.state.applied_index]:
            if entry.kind is not EntryKind.COMMAND:
                apply_noop(state, entry.index, entry.term, entry.stamp_ns)
                continue
            issued = decode(entry.data)
            applied = apply_command(state, entry.index, entry.term, entry.stamp_ns, issued)
            for job_id in applied.completed:
                accepted[job_id] = accepted.get(job_id, 0) + 1
        state.check_invariants()
        return state, accepted
