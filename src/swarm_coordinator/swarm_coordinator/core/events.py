# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What can happen to a coordinator, and what it can ask for. Plain values: only Changed gathers
what one entry after the other did."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from swarm_coordinator.core.delivery import DeliveryEffect
from swarm_coordinator.core.emergency import EmergencyEffect, EmergencyTick, Raised, RegisterHeard
from swarm_coordinator.core.health import PeerFacts
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.costs import RouteAdvice
from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.core.jobs.offers import AnswerOffer, AskOffer, OfferAsked, OfferHeard
from swarm_coordinator.core.leases.lease import LeaseAnswer
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.modes.policy import ModeAdvice
from swarm_coordinator.core.raft import Entry, HardState, Message, Role, Snapshot
from swarm_coordinator.core.registry.probing import ProbeAnswered, ProbeAsked, ProbeEffect
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.apply import AttemptEnded, Notable
from swarm_coordinator.core.replicated.command import CapabilitySpec, Command
from swarm_coordinator.core.succession import ReputationAdvice
from swarm_coordinator.core.worker import ProcessEnd, WorkerEffect

# ---- events


@dataclass(frozen=True)
class Tick:
    """One tick of Raft's time. `late`: the caller was held up and must not trust its timers.

    late_ns, fsync_ns   how late this tick is; the slowest durable write since the last one
    """

    late: bool = False
    late_ns: int = 0
    fsync_ns: int = 0


@dataclass(frozen=True)
class MessageHeard:
    message: Message


@dataclass(frozen=True)
class BeaconHeard:
    """Another robot's beacon; its Raft part comes as a MessageHeard as well."""

    robot: RobotId
    session_id: bytes
    uptime_ms: int
    facts: PeerFacts = PeerFacts()


@dataclass(frozen=True)
class FactsMeasured:
    """This robot about itself, as the others hear it in its beacon."""

    facts: PeerFacts


@dataclass(frozen=True)
class ReadAsked:
    """A client wants to read what misses nothing that was confirmed before: answered as soon as
    this robot has applied that much."""

    request_id: int
    expiry_ms: int


@dataclass(frozen=True)
class LeaveAsked:
    """This robot is about to stop, and says so."""


@dataclass(frozen=True)
class ProposalHeard:
    sender: RobotId
    incarnation: int
    serial: int
    remaining_ms: int
    command: bytes


@dataclass(frozen=True)
class ProposalRefused:
    """`final`: asking again cannot help."""

    serial: int
    reason: str
    final: bool
    sender: RobotId


@dataclass(frozen=True)
class Request:
    """A client of this robot wants a command in the log."""

    request_id: int
    command: Command
    expiry_ms: int


@dataclass(frozen=True)
class AdviceHeard:
    """From this robot's learner; None: it has no opinion."""

    advice: ModeAdvice | None
    routes: RouteAdvice | None = None
    reputations: ReputationAdvice | None = None


@dataclass(frozen=True)
class CapabilitiesChanged:
    capabilities: tuple[CapabilitySpec, ...]


class WorkEvent:
    """News of this robot's own work: processes, files, and what their other ends say."""


@dataclass(frozen=True)
class InputsReady(WorkEvent):
    job_id: str
    token: int


@dataclass(frozen=True)
class InputsFailed(WorkEvent):
    job_id: str
    token: int
    reason: str


@dataclass(frozen=True)
class ProcessEnded(WorkEvent):
    end: ProcessEnd


@dataclass(frozen=True)
class Progressed(WorkEvent):
    job_id: str
    token: int
    permille: int
    text: str = ''


@dataclass(frozen=True)
class OutputsOffered(WorkEvent):
    job_id: str
    attempt: int
    token: int
    refs: tuple[FileRef, ...]
    worker: RobotId


@dataclass(frozen=True)
class OutputsStored(WorkEvent):
    """`origin` says that it has our outputs."""

    job_id: str
    token: int
    origin: RobotId


@dataclass(frozen=True)
class OutputsFetched(WorkEvent):
    job_id: str
    token: int


@dataclass(frozen=True)
class OutputsNotFetched(WorkEvent):
    job_id: str
    token: int


@dataclass(frozen=True)
class OutputsPlaced(WorkEvent):
    job_id: str
    token: int
    problem: str


Event = (
    Tick
    | MessageHeard
    | BeaconHeard
    | FactsMeasured
    | ProbeAsked
    | ProbeAnswered
    | RegisterHeard
    | Raised
    | EmergencyTick
    | ReadAsked
    | LeaveAsked
    | ProposalHeard
    | ProposalRefused
    | Request
    | AdviceHeard
    | OfferAsked
    | OfferHeard
    | CapabilitiesChanged
    | WorkEvent
)

# ---- effects, to be performed strictly in order


@dataclass(frozen=True)
class Persist:
    hard_state: HardState | None
    truncate_from: int | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class SaveSnapshot:
    """Durable before what comes after it. `install`: it takes the place of the whole log;
    otherwise entries from `first_kept` on stay."""

    snapshot: Snapshot
    first_kept: int
    install: bool = False


@dataclass(frozen=True)
class Send:
    message: Message


@dataclass(frozen=True)
class SendProposal:
    recipient: RobotId
    serial: int
    acked_below: int
    remaining_ms: int
    command: bytes


@dataclass(frozen=True)
class RefuseProposal:
    recipient: RobotId
    serial: int
    refusal: str  # not_leader, overloaded, malformed, refused
    reason: str
    leader: RobotId | None


@dataclass(frozen=True)
class Answer:
    """To a Request: `refused` '' and not `unavailable` means that it is in the log at `index`.
    To a ReadAsked: this robot has applied at least `index`."""

    request_id: int
    index: int = 0
    value: str = ''
    duplicate: bool = False
    refused: str = ''
    unavailable: str = ''
    lease: LeaseAnswer | None = None


@dataclass(frozen=True)
class Renumbered:
    """This robot's disk lost its past, and the log knows more starts of it than the disk: from
    now on this is its incarnation, durably."""

    incarnation: int


@dataclass(frozen=True)
class ModeFollowed:
    """The mode that this robot itself acts under changed."""

    mode: Mode
    reason: str


@dataclass(frozen=True)
class Left:
    """The swarm knows that this robot leaves, or nobody could be told."""


@dataclass(frozen=True)
class RoleChanged:
    role: Role
    leader: RobotId | None
    term: int
    reason: str


@dataclass
class Changed:
    """What a batch of applied entries did. `index` is the last one."""

    index: int = 0
    jobs: dict[str, None] = field(default_factory=dict)
    leases: dict[str, None] = field(default_factory=dict)
    services: bool = False
    members: bool = False
    mode: bool = False
    restored: bool = False  # the state was replaced by a snapshot: everything may have changed
    ended: list[tuple[int, int, AttemptEnded]] = field(default_factory=list)  # index, stamp
    notable: list[tuple[int, int, Notable]] = field(default_factory=list)

    def note(self, index: int, stamp_ns: int, done: Applied) -> None:
        """What one more entry did."""
        self.index = index
        self.jobs.update(done.jobs)
        self.leases.update(done.leases)
        self.services |= done.services
        self.members |= done.members
        self.mode |= done.mode
        self.ended.extend((index, stamp_ns, one) for one in done.ended)
        self.notable.extend((index, stamp_ns, one) for one in done.notable)

    def all(self, index: int, jobs: Iterable[str], leases: Iterable[str]) -> None:
        """The state was replaced by another, which has these."""
        self.index = index
        self.restored = self.members = self.mode = self.services = True
        self.jobs.update(dict.fromkeys(jobs))
        self.leases.update(dict.fromkeys(leases))


@dataclass(frozen=True)
class DiscardFile:
    """Nobody here needs it any more."""

    sha256: str


@dataclass(frozen=True)
class UnpinFiles:
    """What was pinned when it was put into the store is now accounted for."""

    sha256: tuple[str, ...]


@dataclass(frozen=True)
class SweepFiles:
    """Once after a start: whatever is stored and not in `needed` was left by a former life."""

    needed: frozenset[str]


@dataclass(frozen=True)
class Halt:
    """This robot must stop: `reason` is for a person."""

    exit_code: int
    reason: str


Effect = (
    Persist
    | SaveSnapshot
    | Send
    | SendProposal
    | RefuseProposal
    | Answer
    | RoleChanged
    | Renumbered
    | ModeFollowed
    | Left
    | ProbeEffect
    | EmergencyEffect
    | Changed
    | DiscardFile
    | UnpinFiles
    | SweepFiles
    | Halt
    | AskOffer
    | AnswerOffer
    | WorkerEffect
    | DeliveryEffect
)
