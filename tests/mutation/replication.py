# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults in replication: what is acknowledged, committed, cut, applied and sent again."""

from __future__ import annotations

from mutation.mutant import Edit, Mutant, fault

FOLLOWING = 'core/raft/following.py'
LEADING = 'core/raft/leading.py'
MEMBER = 'core/raft/member.py'
PENDING = 'core/raft/pending.py'
PROGRESS = 'core/raft/progress.py'
REPLICATING = 'core/raft/replication.py'
TESTS = 'raft/test_replication.py'
BY_DISK = 'raft/test_membership.py'
READ_INDEX = 'raft/test_reads_and_transfer.py'
SNAPSHOTS = 'raft/test_snapshots_under_loss.py'

REPLICATION: tuple[Mutant, ...] = (
    fault(
        'entries of former terms are committed by counting (figure 8)',
        LEADING,
        'if held > self._commit_index and self._log.term_at(held) == self._term:',
        'if held > self._commit_index:',
        TESTS,
    ),
    fault(
        'new leader does not open its term with an entry',
        LEADING,
        '        self._append_own(self._entries_for([first], stamp_ns=0))\n',
        '        if not self._founded:\n'
        '            self._append_own(self._entries_for([first], stamp_ns=0))\n',
        TESTS,
    ),
    Mutant(
        'every append cuts the log, whether it conflicts or not',
        FOLLOWING,
        (
            Edit(
                '        conflict = self._log.first_conflict(entries)\n',
                '        conflict = entries[0].index if entries else None\n'
                '        if conflict is not None and conflict > self._log.last_index:\n'
                '            conflict = None\n',
            ),
        ),
        (TESTS,),
    ),
    fault(
        'append cuts what comes after its last entry',
        FOLLOWING,
        '                self._append_entry(entry)\n',
        '                self._append_entry(entry)\n'
        '        if entries and self._commit_index < entries[-1].index < self._log.last_index:\n'
        '            self._verified_index = min(self._verified_index, entries[-1].index)\n'
        '            self._cut_from(entries[-1].index + 1)\n',
        TESTS,
    ),
    fault(
        'rejection counts as an acknowledgement',
        REPLICATING,
        '        if reply.outcome is AppendOutcome.ACCEPTED:\n'
        '            progress.agreed(reply.match_index,',
        '        if reply.outcome is not AppendOutcome.STALE_TERM:\n'
        '            progress.agreed(reply.match_index or self._log.last_index,',
        TESTS,
    ),
    fault(
        'acknowledgement of a disk that was replaced is counted',
        REPLICATING,
        'is_member = progress is not None and progress.storage_id == reply.storage_id',
        'is_member = progress is not None',
        BY_DISK,
    ),
    fault(
        'acknowledgements of non-voters commit',
        REPLICATING,
        '        for voter in self._voters:\n            if voter == leader:',
        '        for voter in (leader, *known):\n            if voter == leader:',
        TESTS,
    ),
    fault(
        'half of the voters commits',
        REPLICATING,
        'self._quorum = len(self._voters) // 2 + 1',
        'self._quorum = (len(self._voters) + 1) // 2',
        'raft/test_caution.py',
    ),
    fault(
        'leader counts its own entry before it is on its disk',
        LEADING,
        'quorum_index(self._durable_index)',
        'quorum_index(self._log.last_index)',
        TESTS,
    ),
    Mutant(
        'acknowledgement leaves before its entries are on the disk',
        PENDING,
        (
            Edit('return not isinstance(message, (Append, Heartbeat))', 'return False'),
            Edit(
                'if must_write and self._messages and role is Role.LEADER and is_kept:',
                'if must_write and self._messages and is_kept:',
            ),
        ),
        ('raft/test_caution.py',),
    ),
    fault(
        'leader speaks in a term that is not on its disk',
        PENDING,
        'if must_write and self._messages and role is Role.LEADER and is_kept:',
        'if must_write and self._messages and role is Role.LEADER:',
        'raft/test_caution.py',
    ),
    Mutant(
        'entries are applied when they are appended',
        PENDING,
        (
            Edit(
                'log.between(self._handed_index + 1, commit_index), soft_state',
                'log.between(self._handed_index + 1, log.last_index), soft_state',
            ),
            Edit(
                '        self._handed_index = commit_index\n',
                '        self._handed_index = log.last_index\n',
            ),
        ),
        (TESTS,),
    ),
    fault(
        'append commits beyond what it has verified',
        FOLLOWING,
        'self._commit_to(min(append.commit_index, self._verified_index))',
        'self._commit_to(min(append.commit_index, self._log.last_index))',
        TESTS,
    ),
    fault(
        'heartbeat commits beyond what is verified',
        FOLLOWING,
        'self._commit_to(min(heartbeat.commit_index, self._verified_index))',
        'self._commit_to(min(heartbeat.commit_index, self._log.last_index))',
        TESTS,
    ),
    fault(
        'what the leader of the term before has verified stays verified',
        MEMBER,
        'the rest may not be.\n        self._verified_index = self._commit_index\n',
        'the rest may not be.\n',
        TESTS,
    ),
    fault(
        'append of a former term is accepted',
        FOLLOWING,
        '        if append.term < self._term:\n'
        '            self._reply(append, AppendOutcome.STALE_TERM)\n'
        '            return\n',
        '',
        TESTS,
    ),
    fault(
        'acknowledgement of a former term is counted',
        'core/raft/core.py',
        'if term >= self._term or kind in _ANSWERED_WHEN_STALE:',
        'if True:',
        TESTS,
    ),
    fault(
        'late acknowledgement takes back a newer one',
        PROGRESS,
        'if match_index > self.match_index:\n            self.match_index = match_index\n',
        'if match_index != self.match_index:\n            self.match_index = match_index\n',
        TESTS,
    ),
    fault(
        'follower that lost its log keeps its acknowledgements',
        REPLICATING,
        'progress.lost_its_log()',
        'pass',
        TESTS,
    ),
    fault(
        'lost append is not sent again',
        REPLICATING,
        'progress.lacks_entries(reply.match_index, reply.round)',
        'pass',
        TESTS,
    ),
    fault(
        'cut of the log is not persisted',
        PENDING,
        '            self._truncate_from = index\n',
        '',
        TESTS,
    ),
    fault(
        'stamp goes back with the clock of a new leader',
        LEADING,
        '        stamp_ns = max(stamp_ns, self._log.last_stamp_ns)\n',
        '',
        TESTS,
    ),
    fault(
        'leader without a quorum takes more than it may',
        LEADING,
        '> UNCOMMITTED_BYTES_MAX:',
        '> 2 * UNCOMMITTED_BYTES_MAX:',
        TESTS,
    ),
)

READS: tuple[Mutant, ...] = (
    fault(
        'read is answered without a heartbeat round',
        LEADING,
        'round_ = self._replication.round + 1',
        'round_ = 0',
        READ_INDEX,
    ),
    fault(
        'read is confirmed by a round that began before it',
        LEADING,
        'round_ = self._replication.round + 1',
        'round_ = self._replication.round',
        READ_INDEX,
    ),
    fault(
        'new leader answers reads before an entry of its term is committed',
        LEADING,
        '            if not self._is_own_term_committed():\n'
        '                return Refused(RefusalReason.NOT_READY, self._id)\n',
        '',
        READ_INDEX,
    ),
    fault(
        'new leader answers reads of others before an entry of its term is committed',
        LEADING,
        'knows = self._replication is not None and self._is_own_term_committed()',
        'knows = self._replication is not None',
        'raft/test_caution.py',
    ),
    Mutant(
        'read is handed out before its index is committed here',
        PENDING,
        (
            Edit(
                'due = tuple(state for state in self._reads if state.index <= commit_index)',
                'due = tuple(self._reads)',
            ),
            Edit(
                'self._reads = [state for state in self._reads if state.index > commit_index]',
                'self._reads = []',
            ),
        ),
        (READ_INDEX,),
    ),
    fault(
        'reads outlive the leadership that took them',
        MEMBER,
        '            self._reads = ReadQueue()\n            self._round_due = False\n',
        '            self._round_due = False\n',
        READ_INDEX,
    ),
    fault(
        'answers of non-voters confirm a read',
        REPLICATING,
        '            for voter in self._voters\n            if voter == self._leader or',
        '            for voter in (self._leader, *self._progress)\n'
        '            if voter == self._leader or',
        READ_INDEX,
    ),
    fault(
        'chunks of a snapshot stay large however many are lost',
        PROGRESS,
        'max(self.chunk_bytes // 4, CHUNK_BYTES_MIN)',
        'self.chunk_bytes',
        SNAPSHOTS,
    ),
    fault(
        'answers to chunks that were sent again have them sent again',
        PROGRESS,
        'if not self.is_patched and self.sent_bytes',
        'if self.sent_bytes',
        SNAPSHOTS,
    ),
)
