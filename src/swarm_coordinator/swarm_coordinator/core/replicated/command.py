# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of the replicated state machine and their encoding in log entries.

An entry's data is UTF-8 JSON: {"v": 1, "robot": .., "incarnation": .., "serial": ..,
"acked_below": .., "do": <command name>, "with": {fields}}. Decoding is strict: an unknown
command, a missing or unknown field and a value of the wrong type are refused, because a robot
that guesses applies something else than its neighbour.
"""

import json
import typing
from dataclasses import dataclass
from enum import Enum

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.kinds import JOB_KINDS as JOB_KINDS  # makes them readable
from swarm_coordinator.core.jobs.routes import RouteCandidate
from swarm_coordinator.core.jobs.spec import FileRef, JobSpec
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.codec import INTEGER_MAX as INTEGER_MAX
from swarm_coordinator.core.replicated.codec import (
    Malformed,
    add_family,
    build,
    of_type,
    plain,
    shown,
)

# Of what is said in entries. Whoever changes a command, a field or a name in one counts it up, and
# PROTOCOL_VERSION of Envelope.msg with it: see docs/adr/0020-versions.md.
CODEC_VERSION = 1
COMMAND_BYTES_MAX = 256 * 1024
RUN_MS_MAX = 2**32 - 1  # fields of messages
EXIT_CODE_MAX = 2**31 - 1
RESULT_BYTES_MAX = 8 * 1024  # of a job's value: it stays in the memory of every robot
HEAD = frozenset({'v', 'robot', 'incarnation', 'serial', 'acked_below', 'do', 'with'})


class MalformedCommand(Malformed):
    """The bytes are not a command that this version knows."""


class NewerCommand(MalformedCommand):
    """Of a version that came after this one. Who skips it diverges from those that know it."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f'a command of version {version}, this software reads up to {CODEC_VERSION}: update it'
        )
        self.version = version


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f'{name}={value}: expected {low} to {high}')


@dataclass(frozen=True, slots=True)
class CapabilitySpec:
    """As swarm_msgs/msg/Capability; the amount in thousandths so that replicas agree."""

    name: str
    amount_milli: int = 1000
    unit: str = ''
    source: str = ''


@dataclass(frozen=True)
class RegisterRobot:
    """A robot is here, in this life, with these capabilities."""

    robot_id: RobotId
    incarnation: int
    voter: bool
    host: str
    software_version: str
    job_slots: int
    capabilities: tuple[CapabilitySpec, ...]
    timing_profile: str = ''  # of the configuration; all voters must agree; '' = does not say


@dataclass(frozen=True)
class LeaveSwarm:
    """A robot goes in good order: its jobs and services are free at once. Leases are given back by
    those who hold them, or run out."""

    robot_id: RobotId
    incarnation: int


class MemberChange(Enum):
    """What an operator wants of a robot, as swarm_msgs/srv/ChangeMember."""

    ADD = 'follow the log'
    PROMOTE = 'vote'
    DEMOTE = 'follow without a vote'
    REMOVE = 'be no member'


@dataclass(frozen=True)
class ChangeMember:
    """An operator's word about one robot. Whoever leads works towards it."""

    robot_id: RobotId
    change: MemberChange


@dataclass(frozen=True)
class HandOver:
    """Whoever leads when this is applied hands leadership over; None: to the fittest."""

    to: RobotId | None


@dataclass(frozen=True)
class MarkRobot:
    """The leader's verdict on whether a robot can be reached."""

    robot_id: RobotId
    incarnation: int
    phase: Liveness


@dataclass(frozen=True)
class SubmitJob:
    job_id: str
    origin: RobotId
    spec: JobSpec
    output_dir: str
    idempotency_key: str


@dataclass(frozen=True)
class SubmitJobs:
    """All of them or, where one is refused, none."""

    jobs: tuple[SubmitJob, ...]


@dataclass(frozen=True)
class Grant:
    """`unit`: the compute unit it is for; '' = not chosen. `candidates`: what it was chosen among,
    the chosen route first."""

    job_id: str
    robot_id: RobotId
    incarnation: int
    attempt: int
    ttl_ms: int
    why: str
    unit: str = ''
    candidates: tuple[RouteCandidate, ...] = ()


@dataclass(frozen=True)
class GrantJobs:
    """The token of each grant is the index of this entry."""

    grants: tuple[Grant, ...]


class Report:
    """What a robot says of a job that it holds; counts only under the current token."""

    __slots__ = ()
    job_id: str
    token: int


@dataclass(frozen=True)
class StartJob(Report):
    job_id: str
    token: int


@dataclass(frozen=True)
class CompleteJob(Report):
    """`outputs_at` is where the outputs can be fetched; `result` is JSON, '' = none."""

    job_id: str
    token: int
    run_ms: int
    outputs: tuple[FileRef, ...]
    outputs_at: RobotId
    result: str = ''

    def __post_init__(self) -> None:
        _check_range('run_ms', self.run_ms, 0, RUN_MS_MAX)
        if len(self.result.encode('utf-8', 'surrogatepass')) > RESULT_BYTES_MAX:
            raise ValueError(f'result: expected at most {RESULT_BYTES_MAX} bytes')


@dataclass(frozen=True)
class FailJob(Report):
    """The job itself went wrong. `exit_code` None: it was ended for its time limit or could not
    keep what it promised."""

    job_id: str
    token: int
    run_ms: int
    exit_code: int | None
    reason: str

    def __post_init__(self) -> None:
        _check_range('run_ms', self.run_ms, 0, RUN_MS_MAX)
        if self.exit_code is not None:
            _check_range('exit_code', self.exit_code, -EXIT_CODE_MAX, EXIT_CODE_MAX)


@dataclass(frozen=True)
class HandBackJob(Report):
    """The robot does not run it (any more): says nothing about the job. `able`: the robot could
    run it and may be asked again."""

    job_id: str
    token: int
    reason: str
    able: bool = False


@dataclass(frozen=True)
class ReportJobs:
    """What one robot has to say of several jobs; each counts or not for itself."""

    reports: tuple[Report, ...]


add_family(
    Report, {kind.__name__: kind for kind in (StartJob, CompleteJob, FailJob, HandBackJob)}
)


@dataclass(frozen=True)
class Renewal:
    """`sequence` grows with everything that the job says of its progress."""

    job_id: str
    token: int
    progress_permille: int
    sequence: int = 0
    text: str = ''


@dataclass(frozen=True)
class RenewJobs:
    renewals: tuple[Renewal, ...]


@dataclass(frozen=True)
class Steal:
    """One job that another robot holds under `token`; `unit` as in Grant."""

    job_id: str
    token: int
    unit: str
    ttl_ms: int
    why: str


@dataclass(frozen=True)
class StealJobs:
    """An idle robot would do them sooner. What has not begun moves at once; what runs moves when
    its robot has ended it."""

    thief: RobotId
    incarnation: int
    steals: tuple[Steal, ...]


@dataclass(frozen=True)
class RevokeJob:
    """The leader finds that a job makes no progress: back to the queue, to another robot."""

    job_id: str
    token: int
    reason: str


@dataclass(frozen=True)
class RetryJob:
    """An operator wants a job that ended without success to run again."""

    job_id: str
    reason: str


@dataclass(frozen=True)
class CancelJob:
    job_id: str
    reason: str


@dataclass(frozen=True)
class DeliverOutputs:
    """The origin has put the outputs where they were asked for, or says why it could not."""

    job_id: str
    token: int
    problem: str


@dataclass(frozen=True)
class ExtendLeases:
    """A new leader gives every lease (of a job, a resource, a service) one more full time: it may
    not have seen the renewals."""


@dataclass(frozen=True)
class ExpireDue:
    """Everything whose time is over at this entry's stamp ends now."""

    grace_ms: int


@dataclass(frozen=True)
class SetMode:
    mode: Mode
    reason: str


@dataclass(frozen=True)
class SetOverride:
    mode: Mode
    owner: str
    reason: str
    duration_ms: int


@dataclass(frozen=True)
class ClearOverride:
    owner: str
    reason: str


@dataclass(frozen=True)
class ClearEmergency:
    """An operator says that the emergency of `epoch`, and any before it, is over. The register
    itself lives outside the log; this is what a quorum has agreed on. `raised_by`: whose raise it
    was that the operator saw; '' = not said."""

    epoch: int
    owner: str
    reason: str
    raised_by: str = ''


@dataclass(frozen=True)
class AcquireLease:
    """A claim to `resource`. Where another holds it: refused if `wait_ms` is 0, else a place in
    the queue until then. The same (robot, holder, key) asked again is the same claim; key '': a
    claim of its own each time."""

    resource: str
    holder: str
    robot_id: RobotId
    incarnation: int
    ttl_ms: int
    wait_ms: int
    key: str


@dataclass(frozen=True)
class RenewLease:
    """`ttl_ms` 0: as long as before. Never takes time away."""

    resource: str
    token: int
    ttl_ms: int


@dataclass(frozen=True)
class ReleaseLease:
    resource: str
    token: int


@dataclass(frozen=True)
class CancelWait:
    """Give up the place in the queue that (robot, holder, key) has; key '': all of them."""

    resource: str
    holder: str
    robot_id: RobotId
    key: str


@dataclass(frozen=True)
class RegisterService:
    """A robot offers a service, or renews the offer. `ttl_ms` 0: as long as the robot lives."""

    name: str
    interface_type: str
    address: str
    robot_id: RobotId
    incarnation: int
    metadata: tuple[tuple[str, str], ...]
    ttl_ms: int


@dataclass(frozen=True)
class UnregisterService:
    name: str
    robot_id: RobotId


@dataclass(frozen=True)
class RecordEvent:
    """An event of a program or person that is to be kept. `severity`: info, warn or error. The
    same key (if not '') is the same event, whoever sends it."""

    kind: str
    severity: str
    subject: str
    text: str
    cause: str
    attributes: tuple[tuple[str, str], ...]
    key: str


@dataclass(frozen=True)
class RecordModel:
    """A learned file has this content from now on. Refused unless its version is still
    `expected_version` (0: there is none yet), so that two learners cannot undo each other."""

    name: str
    sha256: str
    size_bytes: int
    holder: RobotId
    summary: str
    expected_version: int


Command = (
    RegisterRobot
    | LeaveSwarm
    | ChangeMember
    | HandOver
    | MarkRobot
    | SubmitJob
    | SubmitJobs
    | GrantJobs
    | ReportJobs
    | RenewJobs
    | StealJobs
    | RevokeJob
    | RetryJob
    | CancelJob
    | DeliverOutputs
    | ExtendLeases
    | ExpireDue
    | SetMode
    | SetOverride
    | ClearOverride
    | ClearEmergency
    | AcquireLease
    | RenewLease
    | ReleaseLease
    | CancelWait
    | RegisterService
    | UnregisterService
    | RecordEvent
    | RecordModel
)

COMMANDS: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(Command)}


@dataclass(frozen=True)
class Issued:
    """A command with who issued it: (robot, incarnation, serial) makes a repetition harmless."""

    robot: RobotId
    incarnation: int
    serial: int
    acked_below: int
    command: Command


def encode(issued: Issued) -> bytes:
    document = {
        'v': CODEC_VERSION,
        'robot': issued.robot,
        'incarnation': issued.incarnation,
        'serial': issued.serial,
        'acked_below': issued.acked_below,
        'do': type(issued.command).__name__,
        'with': plain(issued.command),
    }
    return json.dumps(document, separators=(',', ':'), ensure_ascii=False).encode(
        'utf-8', 'surrogatepass'
    )


def decode(data: bytes) -> Issued:
    """Raises MalformedCommand that says what was expected."""
    if len(data) > COMMAND_BYTES_MAX:
        raise MalformedCommand(f'{len(data)} bytes: at most {COMMAND_BYTES_MAX} are read')
    try:
        document = json.loads(data.decode('utf-8', 'surrogatepass'))
    except (ValueError, RecursionError) as error:
        raise MalformedCommand(f'not UTF-8 JSON: {error}') from None
    version = document.get('v') if isinstance(document, dict) else None
    if type(version) is int and version > CODEC_VERSION:
        raise NewerCommand(version)
    if type(version) is not int or version != CODEC_VERSION:
        raise MalformedCommand(f'expected an object with "v": {CODEC_VERSION}')
    if document.keys() != HEAD:
        raise MalformedCommand(
            f'expected exactly the fields {", ".join(sorted(HEAD))}, got {sorted(document)}'
        )
    try:
        return _issued(document)
    except MalformedCommand:
        raise
    except Malformed as error:
        raise MalformedCommand(str(error)) from None


def _issued(document: dict[str, object]) -> Issued:
    kind = COMMANDS.get(shown(document['do']))
    if kind is None:
        raise MalformedCommand(
            f'unknown command {shown(document["do"])!r}: expected one of '
            f'{", ".join(sorted(COMMANDS))}'
        )
    return Issued(
        robot=RobotId(of_type(str, document['robot'], 'robot')),
        incarnation=of_type(int, document['incarnation'], 'incarnation'),
        serial=of_type(int, document['serial'], 'serial'),
        acked_below=of_type(int, document['acked_below'], 'acked_below'),
        command=build(kind, document['with'], kind.__name__),
    )
