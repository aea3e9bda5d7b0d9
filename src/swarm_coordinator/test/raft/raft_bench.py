# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One core on a bench: does what ready() says at once and keeps what was saved, sent, applied.

Owns short ways to build messages of peers. Refuses to know what is right.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from swarm_coordinator.core.raft import (
    Append,
    AppendOutcome,
    AppendReply,
    Entry,
    EntryKind,
    HardState,
    Heartbeat,
    HeartbeatReply,
    Membership,
    Message,
    RaftCore,
    RaftTiming,
    ReadState,
    Ready,
    RobotId,
    Role,
    Snapshot,
    Vote,
    VoteReason,
    VoteRequest,
)

TIMING = RaftTiming(2, election_timeout_ticks_min=10, election_timeout_ticks_max=20)
ME, R2, R3, R4, R5 = (RobotId(f'r{number}') for number in range(1, 6))
THREE = (ME, R2, R3)
FIVE = (ME, R2, R3, R4, R5)
Kind = TypeVar('Kind')


def log_of(*terms: int) -> list[Entry]:
    return [entry(index, term) for index, term in enumerate(terms, 1)]


def founders(*robots: RobotId, storage_id: int = 1) -> Membership:
    return Membership(tuple((robot, storage_id) for robot in robots))


def step_of(index: int, term: int, membership: Membership) -> Entry:
    return Entry(index, term, EntryKind.MEMBERSHIP, 0, membership.encode())


def founded_log(voters: tuple[RobotId, ...], *terms: int) -> list[Entry]:
    """The entry of the founders in term 1, then commands of these terms."""
    first = step_of(1, 1, founders(*voters))
    return [first, *(entry(index, term) for index, term in enumerate(terms, 2))]


def entry(index: int, term: int, data: bytes = b'') -> Entry:
    return Entry(index, term, EntryKind.COMMAND, 0, data)


class Bench:
    def __init__(
        self,
        log: Sequence[Entry] = (),
        term: int = 0,
        voted_for: RobotId | None = None,
        commit: int = 0,
        me: RobotId = ME,
        voters: tuple[RobotId, ...] = THREE,
        snapshot: Snapshot | None = None,
        storage_id: int = 1,
    ) -> None:
        self.core = RaftCore(
            me, voters, TIMING, random.Random(1), HardState(term, voted_for, commit), log,
            snapshot, storage_id,
        )
        self.readies: list[Ready] = []
        self.disk = list(log)
        self.hard_state = HardState(term, voted_for, commit)
        self.snapshot = snapshot
        self.applied: list[Entry] = []
        self.reads: list[ReadState] = []
        self.drain()

    def drain(self) -> list[Message]:
        """Do all work; returns what was sent."""
        sent: list[Message] = []
        while ready := self.core.ready():
            self.readies.append(ready)
            if ready.snapshot is not None:
                self.snapshot = ready.snapshot
                self.disk.clear()
            self.hard_state = ready.hard_state or self.hard_state
            if ready.truncate_from is not None:
                self.disk = [item for item in self.disk if item.index < ready.truncate_from]
            self.disk.extend(ready.entries)
            sent.extend(ready.messages)
            self.applied.extend(ready.committed)
            self.reads.extend(ready.read_states)
            self.core.advance(ready)
            self.core.check_invariants()
        return sent

    def step(self, *messages: Message) -> list[Message]:
        for message in messages:
            self.core.step(message)
        return self.drain()

    def tick(self, ticks: int = 1) -> list[Message]:
        sent = []
        for _ in range(ticks):
            self.core.tick()
            sent.extend(self.drain())
        return sent

    def tick_until(self, role: Role) -> list[Message]:
        sent = []
        for _ in range(2 * TIMING.election_timeout_ticks_max):
            if self.core.role is role:
                return sent
            sent.extend(self.tick())
        raise AssertionError(f'{role.name} not reached; {self.core.role.name}')

    def campaign(self) -> list[Message]:
        """Up to the request for real votes."""
        sent = self.tick_until(Role.PRE_CANDIDATE)
        for peer in self.core.voters:
            if peer != self.core.robot_id and self.core.role is Role.PRE_CANDIDATE:
                sent = self.step(self.vote(peer, pre_vote=True))
        return sent

    def hear_everybody(self) -> None:
        """Founders that are not heard have no vote until they claim it."""
        for peer in self.core.voters:
            if peer != self.core.robot_id:
                self.step(HeartbeatReply(peer, None, 0, 0, 0, 0))

    def lead(self) -> list[Message]:
        self.hear_everybody()
        self.campaign()
        for peer in self.core.voters:
            if peer != self.core.robot_id and self.core.role is Role.CANDIDATE:
                sent = self.step(self.vote(peer))
        assert self.core.role is Role.LEADER
        return sent

    def vote(
        self, sender: RobotId, pre_vote: bool = False, granted: bool = True,
        term: int | None = None,
    ) -> Vote:
        asked = self.core.term + (pre_vote and granted)
        reason = VoteReason.GRANTED if granted else VoteReason.LOG_BEHIND
        return Vote(
            sender, self.core.robot_id, asked if term is None else term, pre_vote, granted, reason
        )

    def accepted(self, sender: RobotId, match_index: int) -> AppendReply:
        return AppendReply(
            sender, self.core.robot_id, self.core.term, AppendOutcome.ACCEPTED, match_index
        )

    def conflict(self, sender: RobotId, index: int, term: int = 0) -> AppendReply:
        return AppendReply(
            sender, self.core.robot_id, self.core.term, AppendOutcome.CONFLICT, 0, index, term
        )

    def answer(
        self, sender: RobotId, match_index: int, round_: int | None = None,
        last_index: int | None = None, term: int | None = None,
    ) -> HeartbeatReply:
        return HeartbeatReply(
            sender, self.core.robot_id, self.core.term if term is None else term,
            self.core.heartbeat_round if round_ is None else round_, match_index,
            match_index if last_index is None else last_index,
        )


def append(
    term: int, prev: tuple[int, int], *entries: Entry, commit: int = 0, sender: RobotId = R2,
    to: RobotId | None = ME,
) -> Append:
    return Append(sender, to, term, prev[0], prev[1], entries, commit)


def heartbeat(
    term: int, round_: int = 1, commit: int = 0, last: int = 0, sender: RobotId = R2
) -> Heartbeat:
    return Heartbeat(sender, None, term, round_, commit, max(last, commit))


def ask(
    term: int, last: tuple[int, int] = (0, 0), pre_vote: bool = False, sender: RobotId = R2
) -> VoteRequest:
    return VoteRequest(sender, None, term, pre_vote, *last)


def of_kind(messages: Sequence[Message], kind: type[Kind]) -> list[Kind]:
    return [message for message in messages if isinstance(message, kind)]


def compacted_leader(size: int = 10, keep: int = 0, log: int = 5) -> Bench:
    """Leads with a log that begins after its snapshot; R2 has everything, R3 nothing."""
    bench = Bench(founded_log(THREE, *[1] * (log - 1)), term=1)
    bench.lead()
    bench.step(bench.accepted(R2, bench.core.last_index))
    bench.core.compact(bytes(size), keep)
    bench.drain()
    return bench
