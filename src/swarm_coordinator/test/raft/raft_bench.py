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
    Message,
    RaftCore,
    RaftTiming,
    Ready,
    RobotId,
    Role,
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
        non_voters: tuple[RobotId, ...] = (),
    ) -> None:
        self.core = RaftCore(
            me, voters, TIMING, random.Random(1), HardState(term, voted_for, commit), log,
            non_voters,
        )
        self.readies: list[Ready] = []
        self.disk = list(log)
        self.hard_state = HardState(term, voted_for, commit)
        self.applied: list[Entry] = []
        self.drain()

    def drain(self) -> list[Message]:
        """Do all work; returns what was sent."""
        sent: list[Message] = []
        while ready := self.core.ready():
            self.readies.append(ready)
            self.hard_state = ready.hard_state or self.hard_state
            if ready.truncate_from is not None:
                del self.disk[ready.truncate_from - 1 :]
            self.disk.extend(ready.entries)
            sent.extend(ready.messages)
            self.applied.extend(ready.committed)
            self.core.advance(ready)
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

    def lead(self) -> list[Message]:
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
    to: RobotId = ME,
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
