# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A leader decides on nothing until it knows that its state is the latest: Raft section 8.

What it has applied may be old until an entry of its own term is committed.
"""

from __future__ import annotations

import random

from coordinator_samples import MS, R1, R2, R3, registration

from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.events import Effect, MessageHeard, Persist, Send, Tick
from swarm_coordinator.core.raft import (
    PROFILES,
    Append,
    AppendOutcome,
    AppendReply,
    Entry,
    EntryKind,
    RaftCore,
    Role,
    Vote,
    VoteReason,
    VoteRequest,
)
from swarm_coordinator.core.registration import RobotIdentity
from swarm_coordinator.core.replicated.command import (
    Command,
    ExtendLeases,
    Issued,
    decode,
    encode,
)

WIFI = PROFILES['wifi']
TICK_NS = WIFI.tick_ms * MS


class Candidate:
    """r1 of three robots; r2 votes for it and acknowledges what the test lets it."""

    def __init__(self) -> None:
        self.now_ns = 10**9
        raft = RaftCore(R1, (R1, R2, R3), WIFI.timing, random.Random(1))
        identity = RobotIdentity(R1, 1, b'm' * 16, True, 'host', '0.1.0', 1)
        self.core = Coordinator(
            identity, raft, 100 * MS, 6000, 20, self.now_ns, random.Random(1)
        )
        self.appended: list[Entry] = []
        self.inbox: list[Append] = []

    def handle(self, *events: MessageHeard | Tick) -> None:
        effects = self.core.handle(events, self.now_ns, 10**18 + self.now_ns)
        self.appended += [
            entry for one in effects if isinstance(one, Persist) for entry in one.entries
        ]
        for effect in effects:
            self._peer(effect)

    def _peer(self, effect: Effect) -> None:
        message = effect.message if isinstance(effect, Send) else None
        if isinstance(message, VoteRequest):
            self.handle(MessageHeard(yes(message)))
        elif isinstance(message, Append) and message.recipient == R2:
            self.inbox.append(message)

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.now_ns += TICK_NS
            self.handle(Tick())

    def acknowledge(self) -> None:
        """r2 has stored all that it was sent."""
        append = self.inbox[-1]
        match = append.prev_index + len(append.entries)
        reply = AppendReply(
            R2, R1, append.term, AppendOutcome.ACCEPTED, match_index=match
        )
        self.inbox.clear()
        self.handle(MessageHeard(reply))

    @property
    def commands(self) -> list[Command]:
        return [
            decode(entry.data).command
            for entry in self.appended
            if entry.kind is EntryKind.COMMAND
        ]


def yes(asked: VoteRequest) -> Vote:
    return Vote(R2, R1, asked.term, asked.pre_vote, True, VoteReason.GRANTED)


def test_new_leader_proposes_no_duty_before_an_entry_of_its_term_is_applied() -> None:
    robot = Candidate()
    robot.ticks(25)
    assert robot.core.raft.role is Role.LEADER
    assert len(robot.appended) == 1, 'the entry that opens its term'
    assert robot.commands == []
    robot.acknowledge()
    assert robot.commands == [ExtendLeases()]


def test_time_of_the_log_goes_on_after_a_leader_whose_clock_was_ahead() -> None:
    """Leases end by the stamp of the log: it must not stand still until the new leader's clock has
    caught up."""
    robot = Candidate()
    hour_ahead_ns = 10**18 + 3600 * 10**9
    data = encode(Issued(R2, 1, 1, 1, registration(R2)))
    entry = Entry(1, 1, EntryKind.COMMAND, hour_ahead_ns, data)
    robot.handle(MessageHeard(Append(R2, R1, 1, 0, 0, (entry,), 1)))
    assert robot.core.state.stamp_ns == hour_ahead_ns
    robot.ticks(60)
    assert robot.core.raft.role is Role.LEADER
    robot.acknowledge()
    robot.acknowledge()
    assert robot.commands[-1] == ExtendLeases(), 'the first that it says'
    before_ns, now_ns = robot.core.stamp_ns, robot.now_ns
    robot.ticks(3)
    assert robot.core.stamp_ns - before_ns == robot.now_ns - now_ns
