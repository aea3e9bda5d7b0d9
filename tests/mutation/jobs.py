# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults in what the log decides about jobs: tokens, attempts, repetitions, expiry."""

from __future__ import annotations

from mutation.mutant import Mutant, fault

APPLY = 'core/replicated/apply.py'
GRANTS = 'core/replicated/grant_rules.py'
LOSS = 'core/replicated/job_loss.py'
APPLY_JOBS = 'core/replicated/test_apply_jobs.py'
APPLY_FAILURES = 'core/replicated/test_apply_failures.py'
APPLY_SESSIONS = 'core/replicated/test_apply_sessions_and_modes.py'

JOBS: tuple[Mutant, ...] = (
    fault(
        'completion is accepted by job id only',
        GRANTS,
        'job.token != token or not job.held',
        'not job.held',
        APPLY_JOBS,
    ),
    fault(
        'completion of a job that has ended is accepted',
        GRANTS,
        'job.token != token or not job.held',
        'job.token != token',
        APPLY_JOBS,
    ),
    fault(
        'token of a grant is that of the grant before',
        'core/jobs/job.py',
        '        self.attempt += 1\n        self.token = token\n',
        '        self.attempt += 1\n        self.token = self.token or token\n',
        APPLY_JOBS,
    ),
    fault(
        'grant is taken for another attempt than the next',
        GRANTS,
        '        or grant.attempt != job.attempt + 1\n',
        '',
        APPLY_JOBS,
    ),
    fault(
        'grant goes to a former life of the robot',
        GRANTS,
        '        or member.incarnation != grant.incarnation\n',
        '',
        APPLY_JOBS,
    ),
    fault(
        'robot that restarted keeps the jobs of its former life',
        LOSS,
        'if job.incarnation < incarnation_below:',
        'if False:',
        APPLY_JOBS, APPLY_SESSIONS,
    ),
    fault(
        'job whose effect must happen once is repeated',
        LOSS,
        '    if job.spec.effects is Effects.ONCE and job.begun:\n'
        '        _leave_unknown(job, state, done, why)\n        return\n',
        '',
        APPLY_JOBS, APPLY_FAILURES,
    ),
    fault(
        'poison job gets one attempt more than it may have',
        LOSS,
        'if job.losses < job.spec.attempts_max:',
        'if job.losses <= job.spec.attempts_max:',
        APPLY_JOBS, APPLY_FAILURES,
    ),
    fault(
        'job lease expires without the grace for its renewal',
        LOSS,
        'state.job_ends.pop_due(state.stamp_ns - grace_ms * MS)',
        'state.job_ends.pop_due(state.stamp_ns)',
        APPLY_JOBS,
    ),
    fault(
        'idempotency key is not looked up',
        'core/replicated/submission_rules.py',
        "state.job_by_key.get(key, '') if key else ''",
        "''",
        APPLY_JOBS,
    ),
    fault(
        'robot may submit in the name of another',
        APPLY,
        '        return command.origin  #',
        '        return None  #',
        APPLY_JOBS, APPLY_SESSIONS,
    ),
)

SESSIONS: tuple[Mutant, ...] = (
    fault(
        'session remembers no serial, so a repeated command is applied again',
        'core/replicated/state.py',
        '        self.applied.add(serial)\n',
        '',
        APPLY_SESSIONS,
    ),
    fault(
        'serial that its robot has seen answered is applied again',
        'core/replicated/state.py',
        'if serial < self.acked_below or serial in self.applied:',
        'if serial in self.applied:',
        APPLY_SESSIONS,
    ),
    fault(
        'command of a former life is applied',
        APPLY,
        '    if issued.incarnation < session.incarnation:\n        return False\n',
        '',
        APPLY_SESSIONS,
    ),
    fault(
        'stamp of the log goes back with the clock of a new leader',
        APPLY,
        'state.stamp_ns = max(before_ns, stamp_ns)',
        'state.stamp_ns = stamp_ns',
        APPLY_SESSIONS, APPLY_JOBS,
    ),
    fault(
        'true and false pass as numbers in a command',
        'core/replicated/codec.py',
        'if type(value) is not kind:',
        'if not isinstance(value, kind):',
        'core/replicated/test_command.py',
    ),
    fault(
        'snapshot of the state forgets what was applied',
        'core/replicated/snapshot.py',
        '[robot, one.incarnation, one.acked_below, sorted(one.applied)]',
        '[robot, one.incarnation, one.acked_below, []]',
        'core/replicated/test_snapshot.py::'
        'test_issued_commands_of_before_are_repetitions_after_a_restore',
    ),
)
