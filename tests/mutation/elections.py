# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults in elections: votes, pre-votes, terms, check-quorum, handing over."""

from __future__ import annotations

from mutation.mutant import Edit, Mutant, fault

ELECTION = 'core/raft/election.py'
LEADING = 'core/raft/leading.py'
MEMBER = 'core/raft/member.py'
TESTS = 'raft/test_elections.py'
CAUTION = 'raft/test_caution.py'
BY_DISK = 'raft/test_membership.py'
HANDING_OVER = 'raft/test_reads_and_transfer.py'

ELECTIONS: tuple[Mutant, ...] = (
    fault(
        'vote is not persisted',
        'core/raft/pending.py',
        'if term != saved.term or voted_for != saved.voted_for or (',
        'if term != saved.term or (',
        TESTS,
    ),
    Mutant(
        'votes are counted as a number: one delivered twice elects',
        'core/raft/ballot.py',
        (
            Edit('self._granted: set[RobotId] = set()', 'self._granted: list[RobotId] = []'),
            Edit('self._granted.add(voter)', 'self._granted.append(voter)'),
        ),
        (TESTS,),
    ),
    fault(
        'half of the voters is a quorum',
        'core/raft/ballot.py',
        'len(self._voters) // 2 + 1',
        '(len(self._voters) + 1) // 2',
        CAUTION,
    ),
    fault(
        'half of the voters keeps a leader in office',
        MEMBER,
        'self._quorum = len(self._voters) // 2 + 1',
        'self._quorum = (len(self._voters) + 1) // 2',
        CAUTION,
    ),
    fault(
        'logs are compared by length only',
        'core/raft/log.py',
        'return (last_term, last_index) >= (self.last_term, self.last_index)',
        'return last_index >= self.last_index',
        TESTS,
    ),
    fault(
        'logs are compared by their last term only',
        'core/raft/log.py',
        'return (last_term, last_index) >= (self.last_term, self.last_index)',
        'return last_term >= self.last_term',
        TESTS,
    ),
    fault(
        'two votes are given in one term',
        ELECTION,
        'if taken - {None, request.sender}:',
        'if False:',
        TESTS,
    ),
    fault(
        'vote of the term before is kept in a new term',
        MEMBER,
        '        self._voted_for = None\n        self._leader_of_term = None\n',
        '        self._leader_of_term = None\n',
        TESTS,
    ),
    fault(
        'question for a pre-vote raises the term',
        ELECTION,
        'if is_believed and not request.pre_vote and request.term > self._term:',
        'if is_believed and request.term > self._term:',
        CAUTION,
    ),
    fault(
        'candidate does not wait for pre-votes',
        ELECTION,
        'if self._role is Role.PRE_CANDIDATE and self._ballot.is_won:',
        'if self._role is Role.PRE_CANDIDATE:',
        TESTS,
    ),
    Mutant(
        'granted pre-vote counts as a vote',
        ELECTION,
        (
            Edit('if self._role is not role or self._voters', 'if self._voters'),
            Edit(
                'if vote.granted and vote.term == asked_term:',
                'if vote.granted and vote.term in (self._term, asked_term):',
            ),
        ),
        (TESTS,),
    ),
    fault(
        'robot that hears a leader votes against it',
        ELECTION,
        'if self.suspend_votes or (self._hears_a_leader() and not request.leadership_transfer):',
        'if self.suspend_votes:',
        TESTS,
    ),
    fault(
        'leader that no quorum answers goes on leading',
        LEADING,
        'if not self.quorum_active():',
        'if False:',
        TESTS,
    ),
    fault(
        'leader counts what others say to each other as answers to it',
        MEMBER,
        '            message.recipient == self._id and message.term == self._term\n',
        '            True\n',
        TESTS,
    ),
    fault(
        'vote of a disk that was replaced is counted',
        ELECTION,
        'self._voters.get(vote.sender) != vote.storage_id:',
        'vote.sender not in self._voters:',
        BY_DISK,
    ),
    fault(
        'disk that was replaced keeps a leader in office',
        MEMBER,
        'if self._members.get(sender) != storage_id:',
        'if sender not in self._members:',
        BY_DISK,
    ),
    fault(
        'robot without a log helps to found a second swarm',
        ELECTION,
        'return self._log.last_index == 0 and not self._may_found()',
        'return False',
        BY_DISK,
    ),
    fault(
        'second leader in one term is followed',
        'core/raft/following.py',
        'if self._leader_of_term not in (None, message.sender):',
        'if False:',
        TESTS,
    ),
)

TRANSFER: tuple[Mutant, ...] = (
    fault(
        'leadership is handed over before the log is complete there',
        'core/raft/transfer.py',
        'return match_index == last_index and self.told_round < round_',
        'return self.told_round < round_',
        HANDING_OVER,
    ),
    fault(
        'leader takes proposals while it hands over',
        LEADING,
        'if self._transfer is not None:\n            return Refused(',
        'if False:\n            return Refused(',
        HANDING_OVER,
    ),
    fault(
        'handing over never ends when the other one does not take over',
        LEADING,
        'elif self._transfer is not None and self._now >= self._transfer.deadline:',
        'elif False:',
        HANDING_OVER,
    ),
    fault(
        'voters that hear the old leader refuse the one it has chosen',
        ELECTION,
        '(self._hears_a_leader() and not request.leadership_transfer)',
        'self._hears_a_leader()',
        HANDING_OVER,
    ),
    fault(
        'robot takes over when another than its leader says so',
        ELECTION,
        'follows = self._role is Role.FOLLOWER and self._leader == message.sender',
        'follows = self._role is Role.FOLLOWER',
        CAUTION,
    ),
)
