# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults in changes of membership and in snapshots."""

from __future__ import annotations

from mutation.mutant import Edit, Mutant, fault

CORE = 'core/raft/core.py'
FOLLOWING = 'core/raft/following.py'
LEADING = 'core/raft/leading.py'
MEMBER = 'core/raft/member.py'
STEPS = 'core/raft/membership.py'
TESTS = 'raft/test_membership.py'
TEST_SNAPSHOTS = 'raft/test_snapshots.py'

MEMBERSHIP: tuple[Mutant, ...] = (
    fault(
        'two changes of membership are pending at a time',
        LEADING,
        '        if self._memberships.index > self._commit_index:\n'
        '            return Refused(RefusalReason.CHANGE_PENDING, self._id)\n',
        '',
        TESTS,
    ),
    fault(
        'membership changes before an entry of the own term is committed (Ongaro 2015)',
        LEADING,
        '        if not self._is_own_term_committed():\n'
        '            return Refused(RefusalReason.NOT_READY, self._id)\n'
        '        changes =',
        '        changes =',
        TESTS,
    ),
    fault(
        'two voters change at a time',
        STEPS,
        'if not _is_single_step(membership, after):',
        'if False:',
        TESTS,
    ),
    fault(
        'membership takes effect only when it is committed',
        MEMBER,
        'now, before = self._memberships.current, self._memberships.previous\n',
        'now = before = (\n'
        '            self._memberships.current\n'
        '            if self._memberships.index <= self._commit_index\n'
        '            else self._memberships.previous\n'
        '        )\n',
        TESTS,
    ),
    fault(
        'membership that was cut from the log stays in force',
        MEMBER,
        'if self._memberships.cut_from(index):',
        'if False:',
        TESTS,
    ),
    fault(
        'robot gets a vote before it has caught up',
        LEADING,
        'if isinstance(one, Promote) and not self._is_caught_up(one.robot):',
        'if False:',
        TESTS,
    ),
    fault(
        'leader that was removed counts itself',
        'core/raft/replication.py',
        '        held = []\n',
        '        held = [] if leader in self._voters else [own_durable_index]\n',
        TESTS,
    ),
    fault(
        'leader that was removed goes on leading',
        LEADING,
        '            if not self._has_vote:\n                self._leave()\n',
        '',
        TESTS,
    ),
    fault(
        'leader steps down before its removal is committed',
        MEMBER,
        '        kept = self._memberships.index > self._commit_index\n',
        '        kept = False\n',
        TESTS,
    ),
    fault(
        'disk that is still heard is replaced',
        'core/raft/admission.py',
        '    if silence is not None and silence < limit:\n        return False\n',
        '',
        'raft/test_caution.py',
    ),
    fault(
        'robot is added that nobody wants',
        'core/raft/admission.py',
        '        elif robot in wanted:\n',
        '        else:\n',
        TESTS,
    ),
)

SNAPSHOTS: tuple[Mutant, ...] = (
    fault(
        'snapshot is installed without its checksum',
        'core/raft/snapshot.py',
        'if hashlib.sha256(encoded).digest() != self._sha256:',
        'if False:',
        TEST_SNAPSHOTS,
    ),
    Mutant(
        'snapshot rolls back what is committed',
        FOLLOWING,
        (
            Edit('if chunk.last_index <= self._commit_index:', 'if False:'),
            Edit(
                "        assert snapshot.index > self._commit_index, "
                "'what is committed here is never replaced'\n",
                '',
            ),
        ),
        (TEST_SNAPSHOTS,),
    ),
    fault(
        'late piece of an earlier snapshot pushes out the present one',
        FOLLOWING,
        'not self._intake.fits(chunk) and self._intake.is_replaced_by(chunk)',
        'not self._intake.fits(chunk)',
        TEST_SNAPSHOTS,
    ),
    fault(
        'snapshot is acknowledged and not kept',
        FOLLOWING,
        '        self._pending.install(snapshot)\n',
        '        self._pending._handed_index = snapshot.index\n'
        '        self._pending._unsaved_from = snapshot.index + 1\n',
        TEST_SNAPSHOTS,
    ),
    fault(
        'snapshot holds a membership that is not yet committed',
        CORE,
        'self._log.stamp_at(index), self._membership_at(index), data',
        'self._log.stamp_at(index), self._memberships.current, data',
        TEST_SNAPSHOTS,
    ),
    fault(
        'membership of a snapshot is not taken over',
        FOLLOWING,
        '        self._memberships.reset(snapshot.index, snapshot.membership)\n',
        '        self._memberships.reset(snapshot.index, self._memberships.current)\n',
        TEST_SNAPSHOTS,
    ),
    fault(
        'log is cut beyond what was applied',
        CORE,
        'self._log.forget_to(index - keep_entries)',
        'self._log.forget_to(self._log.last_index)',
        TEST_SNAPSHOTS,
    ),
)
