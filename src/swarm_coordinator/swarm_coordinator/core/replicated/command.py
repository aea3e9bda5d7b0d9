# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of the replicated state machine and their encoding in log entries.

An entry's data is UTF-8 JSON: {"v": 1, "robot": .., "incarnation": .., "serial": ..,
"acked_below": .., "do": <command name>, "with": {fields}}. Decoding is strict: an unknown
command, a missing or unknown field and a value of the wrong type are refused, because a robot
that guesses applies something else than its neighbour.
"""

import dataclasses
import json
import types
import typing
from dataclasses import dataclass
from enum import Enum
from typing import Any

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef, JobSpec
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.suspicion import Liveness

CODEC_VERSION = 1
COMMAND_BYTES_MAX = 256 * 1024
INTEGER_MAX = 2**63 - 1  # what messages and sqlite can hold
RUN_MS_MAX = 2**32 - 1  # fields of messages
EXIT_CODE_MAX = 2**31 - 1
HEAD = frozenset({'v', 'robot', 'incarnation', 'serial', 'acked_below', 'do', 'with'})


class MalformedCommand(ValueError):
    """The bytes are not a command that this version knows."""


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f'{name}={value}: expected {low} to {high}')


@dataclass(frozen=True)
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
class Grant:
    job_id: str
    robot_id: RobotId
    incarnation: int
    attempt: int
    ttl_ms: int
    why: str


@dataclass(frozen=True)
class GrantJobs:
    """The token of each grant is the index of this entry."""

    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class StartJob:
    job_id: str
    token: int


@dataclass(frozen=True)
class Renewal:
    job_id: str
    token: int
    progress_permille: int


@dataclass(frozen=True)
class RenewJobs:
    renewals: tuple[Renewal, ...]


@dataclass(frozen=True)
class CompleteJob:
    """Accepted only with the current token. `outputs_at` is where the outputs can be fetched."""

    job_id: str
    token: int
    run_ms: int
    outputs: tuple[FileRef, ...]
    outputs_at: RobotId

    def __post_init__(self) -> None:
        _check_range('run_ms', self.run_ms, 0, RUN_MS_MAX)


@dataclass(frozen=True)
class FailJob:
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
class HandBackJob:
    """The robot could not run it: says nothing about the job."""

    job_id: str
    token: int
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
    """A new leader gives every lease one more full time: it may not have seen the renewals."""


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


Command = (
    RegisterRobot
    | MarkRobot
    | SubmitJob
    | GrantJobs
    | StartJob
    | RenewJobs
    | CompleteJob
    | FailJob
    | HandBackJob
    | CancelJob
    | DeliverOutputs
    | ExtendLeases
    | ExpireDue
    | SetMode
    | SetOverride
    | ClearOverride
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
        'with': _plain(issued.command),
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
    if type(version) is not int or version != CODEC_VERSION:
        raise MalformedCommand(f'expected an object with "v": {CODEC_VERSION}')
    if document.keys() != HEAD:
        raise MalformedCommand(
            f'expected exactly the fields {", ".join(sorted(HEAD))}, got {sorted(document)}'
        )
    kind = COMMANDS.get(_shown(document['do']))
    if kind is None:
        raise MalformedCommand(
            f'unknown command {_shown(document["do"])!r}: expected one of '
            f'{", ".join(sorted(COMMANDS))}'
        )
    return Issued(
        robot=RobotId(_of_type(str, document.get('robot'), 'robot')),
        incarnation=_of_type(int, document.get('incarnation'), 'incarnation'),
        serial=_of_type(int, document.get('serial'), 'serial'),
        acked_below=_of_type(int, document.get('acked_below'), 'acked_below'),
        command=_build(kind, document.get('with'), kind.__name__),
    )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(kind: type) -> dict[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = typing.get_type_hints(kind)
    return _HINTS[kind]


def _build(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise MalformedCommand(f'{where}: expected an object')
    hints = _hints(kind)
    if value.keys() != hints.keys():
        raise MalformedCommand(
            f'{where}: expected exactly the fields {", ".join(hints)}, got {sorted(value)}'
        )
    try:
        return kind(**{name: _parse(hint, value[name], name) for name, hint in hints.items()})
    except MalformedCommand:
        raise
    except ValueError as error:  # a rule of the type itself, as FileRef has
        raise MalformedCommand(f'{where}: {error}') from None


def _parse(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is tuple:
        item = typing.get_args(hint)[0]
        return tuple(_parse(item, one, where) for one in _of_type(list, value, where))
    if origin in (typing.Union, types.UnionType):  # only `X | None` occurs
        inner = next(arg for arg in typing.get_args(hint) if arg is not type(None))
        return None if value is None else _parse(inner, value, where)
    if isinstance(hint, typing.NewType):
        return _of_type(str, value, where)  # RobotId is the only one
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where)  # type: ignore[arg-type]
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint[_of_type(str, value, where)]
        except KeyError:
            names = ', '.join(member.name for member in hint)
            raise MalformedCommand(f'{where}={value!r}: expected one of {names}') from None
    return _of_type(hint, value, where)


def _of_type(kind: type, value: Any, where: str) -> Any:
    if type(value) is not kind:  # bool is an int; here it must not pass as one
        raise MalformedCommand(
            f'{where}={_shown(value)!r}: expected {kind.__name__}, got {type(value).__name__}'
        )
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise MalformedCommand(f'{where}: expected an integer of at most 64 bits')
    return value


def _shown(value: Any) -> str:
    """For messages; lists and objects only by type, because they may be nested very deeply."""
    return str(value)[:40] if isinstance(value, (str, int, float)) else type(value).__name__
