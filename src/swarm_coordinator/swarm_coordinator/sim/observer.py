# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What was seen of a run: situations reached, a digest of all that happened, a log for people.

Owns facts, judges nothing (promises.py does). Two runs of one schedule have the same digest.
"""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from swarm_coordinator.core.raft import (
    Entry,
    EntryKind,
    Message,
    RobotId,
    Role,
    RoleReason,
    SnapshotChunk,
    SnapshotReply,
    SoftState,
    Vote,
    VoteReason,
)
from swarm_coordinator.core.raft.snapshot import Snapshot
from swarm_coordinator.sim.coverage import Coverage, Situation
from swarm_coordinator.sim.disk import Disk
from swarm_coordinator.sim.machine import Machine
from swarm_coordinator.sim.promises import Promises, voters_of
from swarm_coordinator.sim.timeline import MS, Timeline

REFUSALS = {
    VoteReason.LOG_BEHIND: Situation.REFUSED_LOG_BEHIND,
    VoteReason.ALREADY_VOTED: Situation.REFUSED_ALREADY_VOTED,
    VoteReason.STALE_TERM: Situation.REFUSED_STALE_TERM,
    VoteReason.LEADER_ALIVE: Situation.REFUSED_LEADER_ALIVE,
}


class Observer:
    rare = frozenset({SnapshotChunk, SnapshotReply})

    def __init__(self, timeline: Timeline, founders: tuple[RobotId, ...]) -> None:
        self._timeline = timeline
        self.coverage = Coverage()
        self.promises = Promises(founders)
        self.digest = 0
        self.story: list[str] = []
        self.keeps_story = False
        self.on_entry: Callable[[Entry, Machine], None] | None = None   # of the workload
        self._leading: dict[RobotId, int] = {}      # who believes to lead, in which term
        self._transfer: tuple[RobotId, int] | None = None
        self._totals: dict[tuple[RobotId, int], int] = {}
        self._chunks: set[tuple[RobotId, int, int]] = set()
        self.half_installed: set[RobotId] = set()   # have some chunks of a snapshot, not all
        self._lost_votes: set[RobotId] = set()
        self._last_stamp_ns = 0

    def note(self, robot: str, text: str) -> None:
        """Into the digest, and into the story if one is kept."""
        now_us = self._timeline.now_us
        self.digest = crc32(f'{now_us} {robot} {text}'.encode(), self.digest)
        if self.keeps_story:
            self.story.append(f'{now_us / MS:>12.3f} {robot:<4} {text}')

    # Roles.

    def on_role(self, robot: RobotId, now: SoftState) -> None:
        reached = self.coverage.reached
        self.note(robot, f'{now.role.name.lower()} term={now.term} leader={now.leader} '
                         f'reason={now.reason.value}')
        if now.reason is RoleReason.QUORUM_SILENT:
            reached(Situation.QUORUM_SILENT)
        elif now.reason is RoleReason.PRE_VOTE_LOST:
            reached(Situation.PRE_VOTE_LOST)
        elif now.reason is RoleReason.VOTE_LOST:
            reached(Situation.VOTE_SPLIT)
        elif now.reason is RoleReason.REMOVED:
            reached(Situation.LEADER_REMOVED)
        self._leading.pop(robot, None)
        if now.role is Role.LEADER:
            self._leading[robot] = now.term
            if len(self._leading) > 1:
                reached(Situation.TWO_LEADERS)
            self._see_transfer(robot, now.term)

    def on_down(self, robot: RobotId) -> None:
        self._leading.pop(robot, None)
        self.half_installed.discard(robot)
        self.note(robot, 'crashed')

    def on_transfer(self, leader: RobotId, target: RobotId, term: int) -> None:
        self.coverage.reached(Situation.TRANSFER_STARTED)
        self.note(leader, f'transfers to {target}')
        self._transfer = (target, term)

    def _see_transfer(self, leader: RobotId, term: int) -> None:
        if self._transfer is not None and term > self._transfer[1]:
            done = self._transfer == (leader, term - 1)
            self.coverage.reached(
                Situation.TRANSFER_DONE if done else Situation.TRANSFER_FAILED
            )
            self._transfer = None

    # Messages.

    def on_vote(self, vote: Vote) -> None:
        if not vote.granted and vote.reason in REFUSALS:
            self.coverage.reached(REFUSALS[vote.reason])

    def on_sent(self, robot: RobotId, message: Message) -> None:
        if isinstance(message, SnapshotChunk):
            assert message.recipient is not None
            key = (message.recipient, message.last_index, message.offset_bytes)
            if key in self._chunks:
                self.coverage.reached(Situation.CHUNK_RESENT)
            self._chunks.add(key)
            self._totals[message.recipient, message.last_index] = message.total_bytes
        elif isinstance(message, SnapshotReply):
            if not message.accepted:
                self.coverage.reached(Situation.CHUNK_REFUSED)
            elif message.next_offset_bytes < self._totals[robot, message.last_index]:
                self.half_installed.add(robot)
            else:
                self.half_installed.discard(robot)

    # Disks.

    def on_cut(self, disk: Disk, first: int) -> None:
        self.coverage.reached(Situation.TAIL_CUT)
        for entry in disk.entries[max(first - disk.first_index, 0) :]:
            if entry.kind is EntryKind.MEMBERSHIP:
                self.coverage.reached(Situation.CHANGE_CUT)

    def on_install(self, disk: Disk, snapshot: Snapshot) -> None:
        self.note(disk.robot, f'installs snapshot {snapshot.index}')
        self.coverage.reached(Situation.SNAPSHOT_INSTALLED)
        if disk.robot in self.half_installed:
            self.coverage.reached(Situation.SNAPSHOT_IN_PIECES)
            self.half_installed.discard(disk.robot)
        if disk.entries:
            self.coverage.reached(Situation.SNAPSHOT_OVER_LOG)

    # Entries.

    def on_proposed(self, stamp_ns: int) -> None:
        if stamp_ns < self._last_stamp_ns:
            self.coverage.reached(Situation.STAMP_HELD)

    def on_first_applied(self, entry: Entry, machine: Machine) -> None:
        self.digest = crc32(entry.data, self.digest)
        self._last_stamp_ns = entry.stamp_ns
        if self.on_entry is not None:
            self.on_entry(entry, machine)
        if entry.term < self.promises.commit_term:
            self.coverage.reached(Situation.OLD_TERM_COMMITTED)
        if entry.kind is EntryKind.COMMAND:
            if machine.was_repeated:
                self.coverage.reached(Situation.COMMAND_REPEATED)
        elif entry.kind is EntryKind.MEMBERSHIP:
            self._see_change(entry)

    def _see_change(self, entry: Entry) -> None:
        known = self.promises.memberships
        now = known[-1][1]
        after = dict(voters_of(now))
        self.note('log', f'{entry.index}: voters {sorted(after.items())}')
        if len(known) < 2:
            return
        before, reached = dict(voters_of(known[-2][1])), self.coverage.reached
        for name in sorted({*before, *after}):
            if name not in before:
                reached(Situation.VOTER_ADDED)
                if name in self._lost_votes:
                    self._lost_votes.discard(name)
                    reached(Situation.BLANK_READMITTED)
            elif name not in after:
                reached(Situation.VOTER_REMOVED)
            elif before[name] == 0 and after[name]:
                reached(Situation.VOTE_CLAIMED)
        if len(dict(now.non_voters)) > len(dict(known[-2][1].non_voters)):
            reached(Situation.NON_VOTER_ADDED)

    def on_disk_lost(self, robot: RobotId) -> None:
        """A robot that has a vote comes back blank."""
        self.coverage.reached(Situation.BLANK_VOTER)
        self._lost_votes.add(robot)
