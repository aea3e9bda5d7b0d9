# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Leading: Raft sections 5.3, 5.4.2 and 8; changes of membership (thesis chapter 4), reads (6.4)
and handing over (3.10).

Owns what a leader appends, commits, confirms and gives away. Refuses to know how it was elected.
"""

from __future__ import annotations

from collections.abc import Sequence

from swarm_coordinator.core.raft.election import ElectionPart
from swarm_coordinator.core.raft.log import entry_bytes
from swarm_coordinator.core.raft.membership import (
    UNCLAIMED,
    Change,
    ChangeRefused,
    Membership,
    Promote,
    changed,
)
from swarm_coordinator.core.raft.messages import (
    ENTRY_BYTES_MAX,
    AppendReply,
    Entry,
    EntryKind,
    HeartbeatReply,
    ReadReply,
    ReadRequest,
    RobotId,
    Role,
    SnapshotReply,
    TimeoutNow,
)
from swarm_coordinator.core.raft.reads import READS_WAITING_MAX, WaitingRead
from swarm_coordinator.core.raft.ready import (
    Proposed,
    ReadState,
    RefusalReason,
    Refused,
    RoleReason,
)
from swarm_coordinator.core.raft.replication import Replication
from swarm_coordinator.core.raft.transfer import Transfer

# What a leader takes without a quorum before it refuses: bounds memory, disk and the time that a
# returning follower needs. Chosen without data.
UNCOMMITTED_BYTES_MAX = 4 * 1024 * 1024


class LeadingPart(ElectionPart):
    def _become_leader(self) -> None:
        assert self._role is Role.CANDIDATE, 'leaders are elected'
        self._set_role(Role.LEADER, RoleReason.VOTE_WON)
        self._leader = self._leader_of_term = self._id
        membership = self.membership
        self._replication = Replication(
            self._id, self._storage_id, self._term, self._log, membership
        )
        # A new leader has not asked anybody yet: silence counts from now on.
        self._heard = dict.fromkeys(self._members, self._now)
        waiting = self._log.between(self._commit_index + 1, self._log.last_index)
        self._uncommitted_bytes = sum(map(entry_bytes, waiting))
        # Entries of former terms are committed only together with one of this term (5.4.2, 8).
        # The first one of all says who the founders are.
        first = (EntryKind.NOOP, b'')
        if not self._founded:
            first = (EntryKind.MEMBERSHIP, membership.encode())
        self._append_own(self._entries_for([first], stamp_ns=0))
        self._send_beacon()

    # Proposals.

    def propose(self, kind: EntryKind, data: bytes, stamp_ns: int) -> Proposed | Refused:
        """Append one entry if this robot leads; stamp_ns is raised to that of the last entry."""
        answer = self.propose_batch([(kind, data)], stamp_ns)
        return answer if isinstance(answer, Refused) else answer[0]

    def propose_batch(
        self, batch: Sequence[tuple[EntryKind, bytes]], stamp_ns: int
    ) -> tuple[Proposed, ...] | Refused:
        """Append all of them or none. Raises ValueError for entries of kind MEMBERSHIP: those
        come from propose_change()."""
        if any(kind is EntryKind.MEMBERSHIP for kind, _ in batch):
            raise ValueError('expected propose_change() for a change of membership')
        if (refused := self._refusal_to_append()) is not None:
            return refused
        if any(len(data) > ENTRY_BYTES_MAX for _, data in batch):
            return Refused(RefusalReason.TOO_LARGE, self._id)
        entries = self._entries_for(batch, stamp_ns)
        if self._uncommitted_bytes + sum(map(entry_bytes, entries)) > UNCOMMITTED_BYTES_MAX:
            return Refused(RefusalReason.OVERLOADED, self._id)
        self._append_own(entries)
        return tuple(Proposed(entry.index, entry.term) for entry in entries)

    def propose_change(
        self, change: Change | Sequence[Change], stamp_ns: int
    ) -> Proposed | Refused:
        """Append a membership: one voter may change, and any number of non-voters with it.

        Refused while the last membership is not committed (thesis section 4.1), while no entry
        of this leader's own term is (Ongaro's correction of 2015: else two leaders could each
        commit a change that does not know the other's), and for a voter that has not caught up
        (4.2.1)."""
        if (refused := self._refusal_to_append()) is not None:
            return refused
        if self._memberships.index > self._commit_index:
            return Refused(RefusalReason.CHANGE_PENDING, self._id)
        if not self._is_own_term_committed():
            return Refused(RefusalReason.NOT_READY, self._id)
        changes = [change] if isinstance(change, Change) else change
        try:
            after = changed(self._memberships.current, changes)
        except ChangeRefused as error:
            return Refused(RefusalReason.CHANGE_INVALID, self._id, str(error))
        for one in changes:
            if isinstance(one, Promote) and not self._is_caught_up(one.robot):
                return Refused(RefusalReason.NOT_CAUGHT_UP, self._id, one.robot)
        if after.voters != self._memberships.current.voters and not self._is_heard(after):
            return Refused(RefusalReason.QUORUM_AT_RISK, self._id)
        (entry,) = self._entries_for([(EntryKind.MEMBERSHIP, after.encode())], stamp_ns)
        self._append_own([entry])
        return Proposed(entry.index, entry.term)

    def _refusal_to_append(self) -> Refused | None:
        if self._role is not Role.LEADER:
            return Refused(RefusalReason.NOT_LEADER, self._leader)
        if self._transfer is not None:
            return Refused(RefusalReason.TRANSFERRING, self._transfer.target)
        return None

    def _is_heard(self, membership: Membership) -> bool:
        """Whether enough of these voters answer this leader to commit anything at all; what is
        promoted or claimed now has been heard under the storage that it will vote with."""
        limit = self._timing.election_timeout_ticks_max
        count = 0
        for robot, storage_id in membership.voters:
            is_known = self._members.get(robot) in (storage_id, UNCLAIMED)
            silence = self._now - self._heard.get(robot, self._now)
            if robot == self._id or (storage_id and is_known and silence < limit):
                count += 1
        return 2 * count > len(membership.voters)

    def _is_own_term_committed(self) -> bool:
        return self._log.term_at(self._commit_index) == self._term

    def _is_caught_up(self, robot: RobotId) -> bool:
        assert self._replication is not None
        progress = self._replication.progress_of(robot)
        if progress is None or progress.match_index < self._memberships.index:
            return False  # it would not know that it is a member, and would not vote
        return progress.is_caught_up(self._log.last_index, self._replication.round)

    def _entries_for(
        self, batch: Sequence[tuple[EntryKind, bytes]], stamp_ns: int
    ) -> list[Entry]:
        stamp_ns = max(stamp_ns, self._log.last_stamp_ns)
        first = self._log.last_index + 1
        return [
            Entry(index, self._term, kind, stamp_ns, data)
            for index, (kind, data) in enumerate(batch, first)
        ]

    def _append_own(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._append_entry(entry)
            self._uncommitted_bytes += entry_bytes(entry)
        assert self._replication is not None
        self._replication.is_due = True

    # Answers of followers.

    def _on_append_reply(self, reply: AppendReply) -> None:
        if self._replication is not None:
            self._replication.on_append_reply(reply)
            self._commit_by_quorum()

    def _on_heartbeat_reply(self, reply: HeartbeatReply) -> None:
        if self._replication is not None and reply.recipient == self._id:
            if self._replication.on_heartbeat_reply(reply):
                self._commit_by_quorum()
            if self._reads:
                self._confirm_reads()

    def _on_snapshot_reply(self, reply: SnapshotReply) -> None:
        if self._replication is not None:
            self._replication.on_snapshot_reply(reply)

    def _commit_by_quorum(self) -> None:
        """Section 5.4.2, Figure 8: only entries of the leader's own term are counted; those
        before them are committed along with them."""
        if self._replication is None:
            return
        held = self._replication.quorum_index(self._durable_index)
        if held > self._commit_index and self._log.term_at(held) == self._term:
            self._commit_to(held)
            if not self._has_vote:
                self._leave()

    def _leave(self) -> None:
        """The entry that takes this leader's vote is committed (thesis section 4.2.2). The one
        who has most of the log takes over, so that nobody has to wait for a timeout."""
        assert self._replication is not None
        self._send_due()
        heirs = [
            (progress.match_index, voter)
            for voter in sorted(self._voters)
            if (progress := self._replication.progress_of(voter)) is not None
        ]
        match_index, heir = max(heirs, default=(0, self._id))
        if match_index == self._log.last_index:
            self._pending.send(TimeoutNow(self._id, heir, self._term, self._storage_id))
        self._become_follower(self._term, None, RoleReason.REMOVED)

    def _send_due(self) -> None:
        assert self._replication is not None
        for message in self._replication.messages(self._commit_index, self._snapshot):
            self._pending.send(message)

    # Reads: thesis section 6.4.

    def read_index(self, request_id: int) -> Refused | None:
        """Ask for a ReadState of that id in a later Ready; None = asked. It may get lost with the
        leader or on the way: ask again with the same id until you give up. An id must not be
        used for another question, not even by a later life of this robot."""
        if self._replication is not None:
            if not self._is_own_term_committed():
                return Refused(RefusalReason.NOT_READY, self._id)
            return self._await_round(self._id, request_id)
        if self._leader is None:
            return Refused(RefusalReason.NO_LEADER, None)
        if len(self._reads_asked) >= READS_WAITING_MAX:
            return Refused(RefusalReason.OVERLOADED, self._leader)
        self._reads_asked.add(request_id)
        self._pending.send(
            ReadRequest(self._id, self._leader, self._term, request_id, self._storage_id)
        )
        return None

    def _await_round(self, reader: RobotId, request_id: int) -> Refused | None:
        assert self._replication is not None
        if self._reads.is_full:
            return Refused(RefusalReason.OVERLOADED, self._id)
        # A round that starts after the question: its answers prove that no other leader had been
        # elected when the question came in.
        round_ = self._replication.round + 1
        if self._reads.add(WaitingRead(reader, request_id, round_, self._commit_index)):
            self._round_due = True
        return None

    def _on_read_request(self, request: ReadRequest) -> None:
        knows = self._replication is not None and self._is_own_term_committed()
        if not knows or self._await_round(request.sender, request.request_id) is not None:
            self._answer_read(request.sender, request.request_id, None)

    def _answer_read(self, reader: RobotId, request_id: int, index: int | None) -> None:
        self._pending.send(
            ReadReply(
                self._id, reader, self._term, request_id, index is not None, index or 0,
                self._storage_id,
            )
        )

    def _confirm_reads(self) -> None:
        if not self._reads or self._replication is None:
            return
        for read in self._reads.confirmed(self._replication.quorum_round()):
            if read.reader == self._id:
                self._pending.read(ReadState(read.request_id, read.index))
            else:
                self._answer_read(read.reader, read.request_id, read.index)

    # Handing over: thesis section 3.10.

    def transfer_to(self, robot: RobotId) -> Refused | None:
        """Make a voter the leader; None = begun. Proposals are refused until the other one leads
        or the longest election timeout is over; role and leader tell how it went."""
        if self._role is not Role.LEADER:
            return Refused(RefusalReason.NOT_LEADER, self._leader)
        if self._transfer is not None and self._transfer.target != robot:
            return Refused(RefusalReason.TRANSFERRING, self._transfer.target)
        if robot == self._id or not self._voters.get(robot):
            return Refused(RefusalReason.NOT_A_VOTER, self._id, robot)
        if self._transfer is None:
            patience = self._timing.election_timeout_ticks_max
            self._transfer = Transfer(robot, self._now + patience)
        return None

    def _hand_over(self, transfer: Transfer) -> None:
        assert self._replication is not None
        progress = self._replication.progress_of(transfer.target)
        if progress is None:
            self._transfer = None   # no member any more
        elif transfer.is_due(
            progress.match_index, self._log.last_index, self._replication.round
        ):
            transfer.told_round = self._replication.round
            self._pending.send(
                TimeoutNow(self._id, transfer.target, self._term, self._storage_id)
            )

    def _tick_leader(self) -> None:
        if not self.quorum_active():
            self._become_follower(self._term, None, RoleReason.QUORUM_SILENT)
        elif self._transfer is not None and self._now >= self._transfer.deadline:
            self._transfer = None
