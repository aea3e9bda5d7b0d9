# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What replicas agree on: log entries and commands, the state of a snapshot, snapshots as they
travel, memberships, the language of `where`. Pure cores."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import random
from typing import Any

from swarm_coordinator.core.events import SaveSnapshot, Send
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.raft import PROFILES, RaftCore, SnapshotReply
from swarm_coordinator.core.raft.membership import MalformedMembership, Membership
from swarm_coordinator.core.raft.messages import CHUNK_BYTES_MAX, SnapshotChunk
from swarm_coordinator.core.raft.snapshot import (
    MalformedSnapshot,
    Snapshot,
    SnapshotImage,
    SnapshotIntake,
)
from swarm_coordinator.core.registry.where import MalformedWhere, holds, parse_where
from swarm_coordinator.core.replica import Replica
from swarm_coordinator.core.replicated.apply import apply_command
from swarm_coordinator.core.replicated.command import Issued, MalformedCommand, decode, encode
from swarm_coordinator.core.replicated.snapshot import (
    MalformedSnapshot as MalformedState,
)
from swarm_coordinator.core.replicated.snapshot import decode_state, encode_state
from swarm_coordinator.core.replicated.state import ReplicatedState

from . import mutation
from .target import Broken, Target

CORE = ('swarm_coordinator.core',)
ROBOTS = (RobotId('r1'), RobotId('r2'))


@functools.cache
def _logs() -> list[tuple[ReplicatedState, list[tuple[int, int, Issued]]]]:
    import random_commands
    found = []
    for seed in range(6):
        log, entries = random_commands.run(seed, 120)
        found.append((log.state, entries))
    return found


@functools.cache
def command_seeds() -> list[bytes]:
    """One of each kind at least."""
    by_kind: dict[str, list[bytes]] = {}
    for _, entries in _logs():
        for _, _, issued in entries:
            by_kind.setdefault(type(issued.command).__name__, []).append(encode(issued))
    return [one for rows in by_kind.values() for one in sorted(rows, key=len)[-2:]]


def _command(data: bytes) -> None:
    issued = decode(data)
    again = encode(issued)
    if decode(again) != issued:
        raise Broken('a command is not what it was after encoding')


def _apply(data: bytes) -> None:
    """Any command that can be decoded may be in the log: it is answered, and one that is refused
    leaves nothing behind but its serial."""
    for line in data.split(b'\n')[:4]:
        _apply_one(decode(line))


def _apply_one(issued: Issued) -> None:
    for state, _ in _logs()[:2]:
        mine = copy.deepcopy(state)
        before = _lasting(mine)
        done = apply_command(mine, mine.applied_index + 1, mine.term, mine.stamp_ns, issued)
        mine.check_invariants()
        if (done.refused or done.duplicate) and not done.notable and _lasting(mine) != before:
            raise Broken(f'refused, and yet something changed: {done.refused}')
        if decode_state(encode_state(mine)) != mine:
            raise Broken('the state is not what it was after encoding')


def _lasting(state: ReplicatedState) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(encode_state(state).decode('utf-8', 'surrogatepass'))
    for name in ('applied_index', 'sessions'):
        del document[name]
    return document


def _state(data: bytes) -> None:
    state = decode_state(data)
    again = encode_state(state)
    if decode_state(again) != state:
        raise Broken('the state is not what it was after encoding')
    if encode_state(decode_state(again)) != again:
        raise Broken('equal states have two encodings')


def _state_seeds() -> list[bytes]:
    import random_commands
    small = [random_commands.run(seed, steps)[0].state for seed in range(4) for steps in (8, 40)]
    return [encode_state(state) for state in (ReplicatedState(), *small)]


def _snapshots() -> list[Snapshot]:
    members = Membership((('r1', 11), ('r2', 22)), (('r3', 33),), ('r3',))  # type: ignore
    return [
        Snapshot(7, 3, 1000, members, b'state'),
        Snapshot(1, 1, 0, Membership((('r1', 1),)), b''),  # type: ignore[arg-type]
        Snapshot(9, 4, 5, members, encode_state(_logs()[0][0])),
    ]


def _snapshot(data: bytes) -> None:
    if Snapshot.decode(data).encode() != data:
        raise Broken('a snapshot has two encodings')


def _membership(data: bytes) -> None:
    if Membership.decode(data).encode() != data:
        raise Broken('a membership has two encodings')


def _membership_seeds() -> list[bytes]:
    return [one.membership.encode() for one in _snapshots()]


def _intake(data: bytes) -> None:
    """Chunks in an order, with sizes and with damage that the input says: the snapshot that comes
    out is the one announced, and what is held stays within its bounds."""
    image = SnapshotImage(Snapshot(9, 4, 5, _snapshots()[0].membership, bytes(range(256)) * 600))
    total = len(image.encoded)
    intake: SnapshotIntake | None = None
    for at in range(0, min(len(data), 400) - 3, 4):
        place, what, size = data[at], data[at + 1], int.from_bytes(data[at + 2: at + 4], 'big')
        offset = place % 6 * CHUNK_BYTES_MAX + (what >> 4)
        piece = image.piece(offset)[: size or CHUNK_BYTES_MAX]
        if what & 1:
            piece = piece[:-1] + b'!'
        chunk = SnapshotChunk(
            'r2', 'r1', 4, 9, 4, offset, total + (what >> 2 & 1), image.sha256,  # type: ignore
            piece or b'?')
        if intake is None or not intake.fits(chunk):
            if intake is not None and not intake.is_replaced_by(chunk):
                continue
            intake = SnapshotIntake(chunk)
        intake.add(chunk)
        held = intake.next_offset_bytes + sum(map(len, intake._ahead.values()))
        if held > total + 6 * CHUNK_BYTES_MAX:
            raise Broken(f'{held} bytes are held of {total}')
        if intake.is_whole and intake.snapshot().encode() != image.encoded:
            raise Broken('another snapshot than announced')


def _intake_seeds() -> list[bytes]:
    whole = b''.join(bytes((n, 0, 0, 0)) for n in range(6))
    return [whole, whole[::-1], whole + whole, hashlib.sha256(b'').digest()]


def _install(data: bytes) -> None:
    """A state that a leader sends takes the place of the follower's as a whole, or is refused and
    takes nothing away: not the log, not the state, not what is on the disk."""
    founders = (ROBOTS[0], ROBOTS[1])
    raft = RaftCore(founders[0], founders, PROFILES['wired'].timing, random.Random(1))
    follower = Replica(raft)
    before, index = follower.state, _index_of(data)
    image = SnapshotImage(Snapshot(index, 4, 5, Membership(((founders[0], 1), (founders[1], 2))),
                                   data))
    for offset in range(0, len(image.encoded), CHUNK_BYTES_MAX):
        raft.step(SnapshotChunk(
            founders[1], founders[0], 4, index, 4, offset, len(image.encoded), image.sha256,
            image.piece(offset), storage_id=2))
    effects, restored = [], False
    while (batch := follower.next()) is not None:
        effects += batch.effects
        restored = restored or batch.restored
    raft.check_invariants()
    told = [one.message for one in effects if isinstance(one, Send)
            and isinstance(one.message, SnapshotReply)]
    saved = any(isinstance(one, SaveSnapshot) for one in effects)
    if not told or told[-1].accepted is not restored or saved is not restored:
        raise Broken('what is said, what is saved and what is restored differ')
    if restored:
        follower.state.check_invariants()
    elif follower.state is not before or raft.snapshot is not None or raft.last_applied:
        raise Broken('refused, and yet something changed')


def _index_of(data: bytes) -> int:
    """The one that the state says, so that it may well be taken."""
    try:
        index = json.loads(data)['applied_index']
    except (ValueError, RecursionError, TypeError, KeyError):
        return 9
    return index if type(index) is int and 0 < index < 2**63 else 9


def _where(data: bytes) -> None:
    where = parse_where(data.decode('utf-8', 'replace'))
    holds(where, {'floor': '2', 'map': 'hall', 'big': '9' * 50, 'x': 'nan', '': ''})


def _of_applied(data: bytes, rng: random.Random) -> bytes:
    """One to four commands, in lines."""
    lines = data.split(b'\n')
    if rng.random() < 0.2 and len(lines) < 4:
        return data + b'\n' + rng.choice(command_seeds())
    at = rng.randrange(len(lines))
    lines[at] = mutation.of_json(lines[at], rng)
    return b'\n'.join(lines)


TARGETS = (
    Target('command', _command, (MalformedCommand,), command_seeds, mutation.of_json, CORE),
    Target('log_entry', _apply, (MalformedCommand,), command_seeds, _of_applied, CORE),
    Target('state', _state, (MalformedState,), _state_seeds, mutation.of_json, CORE,
           bytes_max=60_000),
    Target('installed_state', _install, (), _state_seeds, mutation.of_json, CORE,
           bytes_max=60_000),
    Target('snapshot', _snapshot, (MalformedSnapshot,),
           lambda: [one.encode() for one in _snapshots()], mutation.of_lines, CORE),
    Target('snapshot_chunks', _intake, (MalformedSnapshot,), _intake_seeds, mutation.of_bytes,
           CORE),
    Target('membership', _membership, (MalformedMembership,), _membership_seeds,
           mutation.of_json, CORE),
    Target('where', _where, (MalformedWhere,), lambda: [
        b'floor=2, map~hall', b'a>=1.5e3,b!="x y",_c<-2', b'', b'x<=99999999999'],
        mutation.of_bytes, CORE),
)
