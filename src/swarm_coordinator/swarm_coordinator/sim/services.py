# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The swarm's own replicated state (core/replicated) as a state machine of the simulation.

Owns how entries, snapshots and a leader's duties reach it. Refuses to know its rules: those are
the shipping ones.
"""

from __future__ import annotations

from swarm_coordinator.core.raft import Entry, EntryKind, RaftCore, RobotId
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.apply import apply_command, apply_noop
from swarm_coordinator.core.replicated.command import (
    Command,
    ExpireDue,
    ExtendLeases,
    Issued,
    MalformedCommand,
    MarkRobot,
    decode,
    encode,
)
from swarm_coordinator.core.replicated.snapshot import decode_state, encode_state
from swarm_coordinator.core.replicated.state import ReplicatedState, earliest_due_ns

GRACE_MS = 500
DEAD_AFTER_TIMEOUTS = 2     # of the longest election timeout, without an answer to the leader


class Services:
    def __init__(self, state: ReplicatedState | None = None) -> None:
        self.state = state or ReplicatedState()
        self.took_effect: object = None
        self.was_repeated = False
        self.issued: Issued | None = None       # of the last entry; None: it was no command
        self.done: Applied | None = None
        self._extended_term = 0
        self._serial = 0

    def apply(self, entry: Entry) -> object:
        """What the issuer is told: refused, value, and phase, token and time of the lease."""
        self.took_effect, self.was_repeated = None, False
        self.issued = self.done = None
        if entry.kind is not EntryKind.COMMAND:
            apply_noop(self.state, entry.index, entry.term, entry.stamp_ns)
            return None
        try:
            issued = decode(entry.data)
        except MalformedCommand:
            apply_noop(self.state, entry.index, entry.term, entry.stamp_ns)
            return None
        done = apply_command(self.state, entry.index, entry.term, entry.stamp_ns, issued)
        self.issued, self.done = issued, done
        self.was_repeated = done.duplicate
        if not done.duplicate:
            self.took_effect = (issued.robot, issued.incarnation, issued.serial)
        lease = done.lease
        held = (lease.phase.value, lease.token, lease.remaining_ms) if lease else None
        return done.refused, done.value, held

    def read(self, key: str) -> object:
        return self.state.applied_index

    def duties(
        self, core: RaftCore, robot: RobotId, incarnation: int, stamp_ns: int
    ) -> list[bytes]:
        """What a leader has to propose by itself, as a coordinator does."""
        if core.term_at(core.last_applied) != core.term:
            return []   # it has not applied an entry of its own term: it may know too little
        commands: list[Command] = []
        if self._extended_term != core.term:
            self._extended_term = core.term
            commands.append(ExtendLeases())
        else:
            due_ns = earliest_due_ns(self.state, GRACE_MS)
            if due_ns is not None and due_ns <= max(stamp_ns, self.state.stamp_ns):
                commands.append(ExpireDue(GRACE_MS))
            commands += self._verdicts(core)
        return [self._issue(robot, incarnation, command) for command in commands]

    def _verdicts(self, core: RaftCore) -> list[Command]:
        limit = DEAD_AFTER_TIMEOUTS * core.timing.election_timeout_ticks_max
        found: list[Command] = []
        for name, member in self.state.members.items():
            silence = core.silence_of(name)
            if name == core.robot_id or member.phase is Liveness.LEFT or silence is None:
                continue
            phase = Liveness.DEAD if silence > limit else Liveness.HEALTHY
            if phase is not member.phase:
                found.append(MarkRobot(name, member.incarnation, phase))
        return found

    def _issue(self, robot: RobotId, incarnation: int, command: Command) -> bytes:
        self._serial += 1
        # A session of its own: what the robot's users ask for has other serials.
        name = RobotId(f'{robot}_as_leader')
        return encode(Issued(name, incarnation, self._serial, self._serial, command))

    def encode(self) -> bytes:
        self.state.check_invariants()
        return encode_state(self.state)

    @classmethod
    def decode(cls, data: bytes) -> Services:
        return cls(decode_state(data))
