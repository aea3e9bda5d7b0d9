# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Raft's promises (Figure 3 of the paper) and what this swarm promises on top, checked from
outside as a run goes on.

Owns what must never happen. Refuses to know how faults are made. Every check costs O(1) or
O(voters) per event: log matching holds by induction over what is saved, so that completeness of
a leader and agreement of logs need to look at one entry only.
"""

from __future__ import annotations

from zlib import crc32

from swarm_coordinator.core.raft import (
    AppendOutcome,
    AppendReply,
    Entry,
    EntryKind,
    HardState,
    RaftCore,
    RobotId,
    Role,
    Vote,
)
from swarm_coordinator.core.raft.membership import Membership
from swarm_coordinator.core.raft.snapshot import Snapshot
from swarm_coordinator.sim.disk import Disk

Voter = tuple[RobotId, int]     # a robot with the storage that it votes with; 0 = unclaimed


class PromiseBroken(AssertionError):
    """Something happened that Raft or the swarm forbids; `promise` says which."""

    def __init__(self, promise: str, text: str) -> None:
        super().__init__(f'{promise}: {text}')
        self.promise = promise


def _quorum(members: int) -> int:
    return members // 2 + 1


class Promises:
    """committed holds every entry that was applied anywhere, entry i at i - 1; commit_index and
    commit_term are those of the last entry that any leader has committed."""

    def __init__(self, founders: tuple[RobotId, ...]) -> None:
        self._founders = founders
        self.disks: dict[Voter, Disk] = {}
        self._leaders: dict[int, Voter] = {}
        self._entries: dict[tuple[int, int], tuple[Entry, int]] = {}
        self._votes: dict[tuple[RobotId, int, int], RobotId] = {}
        self._grants: dict[tuple[int, RobotId], set[Voter]] = {}
        self._leading: dict[RobotId, tuple[int, int, int]] = {}     # term, last index, last term
        self._seen: dict[RobotId, tuple[int, int]] = {}             # term, commit index
        self._applied_to: dict[RobotId, int] = {}
        self._answers: list[object] = []
        self._effects: dict[object, int] = {}
        self._states: dict[int, int] = {}               # index -> checksum of the encoded state
        self.memberships: list[tuple[int, Membership]] = []     # committed, by index
        self.committed: list[Entry] = []
        self.commit_index = 0
        self.commit_term = 0
        self.elections = 0
        self.reads = 0

    # Lives.

    def on_start(self, core: RaftCore, disk: Disk, restored_index: int) -> None:
        """A new life: what is kept in memory begins again, what is promised does not."""
        robot = disk.robot
        self.disks[robot, disk.storage_id] = disk
        if core.term < disk.hard_state.term:
            raise PromiseBroken('monotonic term', f'{robot} starts in term {core.term}')
        if core.commit_index < disk.hard_state.commit_index:
            raise PromiseBroken('monotonic commit', f'{robot} starts at {core.commit_index}')
        self._seen[robot] = (core.term, core.commit_index)
        self._applied_to[robot] = restored_index
        self._leading.pop(robot, None)

    def on_core(self, robot: RobotId, core: RaftCore, storage_id: int) -> None:
        """After everything that the core did."""
        term, commit_index = core.term, core.commit_index
        seen_term, seen_commit = self._seen[robot]
        if term != seen_term or commit_index != seen_commit:
            if term < seen_term:
                raise PromiseBroken('monotonic term', f'{robot}: {seen_term} to {term}')
            if commit_index < seen_commit:
                raise PromiseBroken('monotonic commit', f'{robot}: {seen_commit} back')
            self._seen[robot] = (term, commit_index)
        if core.role is Role.LEADER:
            self._check_leader(robot, core, storage_id)
        elif robot in self._leading:
            if commit_index > self.commit_index and term == self._leading[robot][0]:
                self._check_committed(robot, core)      # it stepped down because of that entry
            del self._leading[robot]

    # Leaders.

    def _check_leader(self, robot: RobotId, core: RaftCore, storage_id: int) -> None:
        seen = self._leading.get(robot)
        term, last_index = core.term, core.last_index
        if seen is None or seen[0] != term:
            self._check_elected(robot, core, storage_id)
        elif seen[1] == last_index and core.commit_index <= self.commit_index:
            return
        elif core.term_at(seen[1]) not in (seen[2], None) or last_index < seen[1]:
            raise PromiseBroken('leader append-only', f'{robot} cut entry {seen[1]}')
        if core.commit_index > self.commit_index:
            self._check_committed(robot, core)
        self._leading[robot] = (term, last_index, core.term_at(last_index) or 0)

    def _check_elected(self, robot: RobotId, core: RaftCore, storage_id: int) -> None:
        self.elections += 1
        term, me = core.term, (robot, storage_id)
        first = self._leaders.setdefault(term, me)
        if first != me:
            raise PromiseBroken('election safety', f'{first} and {me} both lead term {term}')
        self._check_complete(robot, core)
        self._check_votes(robot, core, storage_id)

    def _check_complete(self, robot: RobotId, core: RaftCore) -> None:
        index = self.commit_index
        if index >= core.first_index and core.term_at(index) != self.commit_term:
            raise PromiseBroken(
                'leader completeness',
                f'{robot} leads term {core.term} without entry {index} of term '
                f'{self.commit_term}; its log is {core.first_index} to {core.last_index}',
            )

    def _check_votes(self, robot: RobotId, core: RaftCore, storage_id: int) -> None:
        granted = self._grants.get((core.term, robot), set()) | {(robot, storage_id)}
        if core.first_index == 1 and core.term_at(1) == core.term:
            # It founds the swarm: the disks of the founders are not known yet.
            needed, held = len(self._founders), {name for name, _ in granted} & {*self._founders}
            count = len(held)
        else:
            voters = voters_of(core.membership)
            needed, count = len(voters), len(granted & voters)
        if count < _quorum(needed):
            raise PromiseBroken(
                'a leader has the votes of a quorum',
                f'{robot} leads term {core.term} with {sorted(granted)} of {core.membership}',
            )

    def _check_committed(self, robot: RobotId, core: RaftCore) -> None:
        """What is acknowledged is durable on a majority of the membership in force."""
        index = core.commit_index
        term = core.term_at(index)
        if term is None:
            raise PromiseBroken('committed is held', f'{robot} lacks its commit {index}')
        voters = voters_of(core.membership)
        holders = [
            voter for voter in voters
            if voter in self.disks and self.disks[voter].term_at(index) in (term, 0)
        ]
        if len(holders) < _quorum(len(voters)):
            raise PromiseBroken(
                'acknowledged means durable on a majority',
                f'{robot} committed entry {index} of term {term}, on the disks of '
                f'{sorted(holders)}, voters {sorted(voters)}',
            )
        if term != core.term and self.commit_term < core.term:
            raise PromiseBroken(
                'only entries of the own term are counted (5.4.2)',
                f'{robot} in term {core.term} committed entry {index} of term {term}',
            )
        self.commit_index, self.commit_term = index, term

    # Disks and messages.

    def on_saved(
        self, core: RaftCore, disk: Disk, hard_state: HardState | None,
        entries: tuple[Entry, ...], before: HardState,
    ) -> None:
        if hard_state is not None:
            self._check_hard_state(disk, before, hard_state)
        if not entries:
            return
        known = self._entries
        prev_term = disk.term_at(entries[0].index - 1) if entries[0].index > 1 else 0
        for entry in entries:
            first = known.get((entry.index, entry.term))
            if first is None:
                known[entry.index, entry.term] = (entry, prev_term or 0)
                if entry.kind is EntryKind.MEMBERSHIP:
                    self._check_change(core, disk, entry)
            elif first[0] is not entry and first[0] != entry or (
                prev_term and first[1] and first[1] != prev_term
            ):
                raise PromiseBroken(
                    'log matching',
                    f'{disk.robot} has another entry {entry.index} of term {entry.term}',
                )
            prev_term = entry.term

    def _check_hard_state(self, disk: Disk, before: HardState, now: HardState) -> None:
        robot = disk.robot
        if now.term < before.term:
            raise PromiseBroken('monotonic term', f'{robot} saved {now} after {before}')
        if now.commit_index < before.commit_index:
            raise PromiseBroken('monotonic commit', f'{robot} saved {now} after {before}')
        if now.voted_for is not None:
            key = (robot, disk.storage_id, now.term)
            if self._votes.setdefault(key, now.voted_for) != now.voted_for:
                raise PromiseBroken(
                    'one vote per term',
                    f'{robot} votes for {self._votes[key]} and {now.voted_for} in {now.term}',
                )

    def _check_change(self, core: RaftCore, disk: Disk, entry: Entry) -> None:
        """At most one membership change is uncommitted (thesis 4.1), and none is made before an
        entry of the leader's own term is committed (Ongaro 2015)."""
        if entry.index == 1:
            return
        for other in disk.entries[max(self.commit_index + 1 - disk.first_index, 0) :]:
            if other.kind is EntryKind.MEMBERSHIP and other.index < entry.index:
                raise PromiseBroken(
                    'one membership change at a time',
                    f'{disk.robot} changes in entry {entry.index}, {other.index} is not committed',
                )
        if core.role is Role.LEADER and core.term == entry.term > self.commit_term:
            raise PromiseBroken(
                'a membership change needs a committed entry of its term',
                f'{disk.robot} changes in entry {entry.index} of term {entry.term}, '
                f'committed is {self.commit_index} of term {self.commit_term}',
            )

    def on_vote(self, disk: Disk, vote: Vote) -> None:
        """A vote is given once, and is durable before it is sent."""
        if not vote.granted or vote.pre_vote:
            return
        robot, saved = disk.robot, disk.hard_state
        assert vote.recipient is not None
        key = (robot, disk.storage_id, vote.term)
        first = self._votes.setdefault(key, vote.recipient)
        if first != vote.recipient:
            raise PromiseBroken(
                'one vote per term',
                f'{robot} votes for {first} and {vote.recipient} in term {vote.term}',
            )
        # A vote of an earlier term may leave in the same Ready as the next term: it is safe then.
        if saved.term < vote.term or saved.term == vote.term and saved.voted_for != first:
            raise PromiseBroken(
                'a vote is durable before it is sent', f'{robot} sent {vote}, has {saved}'
            )
        granted = self._grants.setdefault((vote.term, vote.recipient), set())
        granted.add((robot, disk.storage_id))

    def on_acknowledged(self, disk: Disk, reply: AppendReply) -> None:
        """An answer to an earlier term may leave together with a cut by the leader of the next:
        it tells what was there, and counts for nothing that the next leader does not have."""
        if reply.outcome is not AppendOutcome.ACCEPTED or reply.term < disk.hard_state.term:
            return
        if disk.term_at(reply.match_index) is None:
            raise PromiseBroken(
                'an acknowledgement is durable before it is sent',
                f'{disk.robot} sent {reply}, its disk ends at {disk.last_index}',
            )

    # State machines.

    def on_applied(self, robot: RobotId, entry: Entry, answer: object, effect: object) -> None:
        """State machine safety, and each client command once."""
        index = entry.index
        if index != self._applied_to[robot] + 1:
            raise PromiseBroken('applied in order', f'{robot} applied {index} too early')
        self._applied_to[robot] = index
        if index > len(self.committed):
            self._first_applied(robot, entry, answer, effect)
            return
        if self.committed[index - 1] is not entry and self.committed[index - 1] != entry:
            raise PromiseBroken('state machine safety', f'{robot} applied another entry {index}')
        if self._answers[index - 1] != (answer, effect):
            raise PromiseBroken(
                'replicas agree',
                f'{robot} answers {(answer, effect)} to entry {index}, another answered '
                f'{self._answers[index - 1]}',
            )

    def _first_applied(
        self, robot: RobotId, entry: Entry, answer: object, effect: object
    ) -> None:
        if entry.index > self.commit_index:
            raise PromiseBroken(
                'only what is committed is applied', f'{robot} applied entry {entry.index}'
            )
        if self.committed and entry.stamp_ns < self.committed[-1].stamp_ns:
            raise PromiseBroken('stamps never decrease', f'entry {entry.index}')
        if effect is not None and self._effects.setdefault(effect, entry.index) != entry.index:
            raise PromiseBroken(
                'each command takes effect once',
                f'{effect} did in entries {self._effects[effect]} and {entry.index}',
            )
        if entry.kind is EntryKind.MEMBERSHIP:
            self._check_step(entry)
        self.committed.append(entry)
        self._answers.append((answer, effect))

    def _check_step(self, entry: Entry) -> None:
        """Single-server changes: two memberships in a row share a voter in all their quorums."""
        now = Membership.decode(entry.data)
        if self.memberships:
            before = dict(voters_of(self.memberships[-1][1]))
            after = dict(voters_of(now))
            claims = [name for name in before if before[name] == 0 and after.get(name)]
            moved = {
                name for name in {*before, *after}
                if before.get(name) != after.get(name) and name not in claims
            }
            swapped = [name for name in moved if name in before and name in after]
            if len(moved) + len(claims) > 1 or swapped:
                raise PromiseBroken(
                    'one voter at a time', f'entry {entry.index} goes from {before} to {after}'
                )
        self.memberships.append((entry.index, now))

    def on_compacted(self, robot: RobotId, snapshot: Snapshot) -> None:
        """Every replica has the same state at the same index."""
        checksum = crc32(snapshot.data)
        if self._states.setdefault(snapshot.index, checksum) != checksum:
            raise PromiseBroken('replicas agree', f'{robot} differs at entry {snapshot.index}')
        self._check_snapshot(robot, snapshot)

    def on_installed(self, robot: RobotId, snapshot: Snapshot, encoded_again: bytes) -> None:
        if self._states.get(snapshot.index) != crc32(snapshot.data):
            raise PromiseBroken('replicas agree', f'{robot} got another state {snapshot.index}')
        if encoded_again != snapshot.data:
            raise PromiseBroken('a snapshot is the whole state', f'{robot}: {snapshot.index}')
        self._check_snapshot(robot, snapshot)
        self._applied_to[robot] = snapshot.index

    def _check_snapshot(self, robot: RobotId, snapshot: Snapshot) -> None:
        index = snapshot.index
        if index > len(self.committed) or self.committed[index - 1].term != snapshot.term:
            raise PromiseBroken('a snapshot holds what is committed', f'{robot}: {index}')
        inside = [member for at, member in self.memberships if at <= index]
        if not inside or inside[-1].encode() != snapshot.membership.encode():
            raise PromiseBroken(
                'a snapshot knows its membership', f'{robot}: entry {index} {snapshot.membership}'
            )

    # Reads.

    def on_read(self, robot: RobotId, floor: int, index: int, applied_index: int) -> None:
        """floor: what was committed anywhere when the read was asked for (thesis 6.4)."""
        self.reads += 1
        if index > applied_index:
            raise PromiseBroken(
                'a read is handed out when it can be answered',
                f'{robot} may read at entry {index}, it has applied {applied_index}',
            )
        if index < floor:
            raise PromiseBroken(
                'a read sees what was acknowledged before it',
                f'{robot} may read at entry {index}, but {floor} was committed before it asked',
            )


def voters_of(membership: Membership) -> set[Voter]:
    return {(robot, storage_id) for robot, storage_id in dict(membership.voters).items()}
