# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults in what the log decides about jobs: tokens, attempts, repetitions, expiry."""

from __future__ import annotations

from mutation.mutant import Mutant, fault

APPLY = 'core/replicated/apply.py'
RULES = 'core/replicated/job_rules.py'
APPLY_JOBS = 'core/replicated/test_apply_jobs.py'
APPLY_SESSIONS = 'core/replicated/test_apply_sessions_and_modes.py'

JOBS: tuple[Mutant, ...] = (
    fault(
        'completion is accepted by job id only',
        RULES,
        'job.token != token or not job.held',
        'not job.held',
        APPLY_JOBS,
    ),
    fault(
        'completion of a job that has ended is accepted',
        RULES,
        'job.token != token or not job.held',
        'job.token != token',
        APPLY_JOBS,
    ),
    fault(
        'token of a grant is that of the grant before',
        RULES,
        '    job.token = state.applied_index\n',
        '    job.token = job.token or state.applied_index\n',
        APPLY_JOBS,
    ),
    fault(
        'grant is taken for another attempt than the next',
        RULES,
        '        or grant.attempt != job.attempt + 1\n',
        '',
        APPLY_JOBS,
    ),
    fault(
        'grant goes to a former life of the robot',
        RULES,
        '        or member.incarnation != grant.incarnation\n',
        '',
        APPLY_JOBS,
    ),
    fault(
        'robot that restarted keeps the jobs of its former life',
        RULES,
        'if job.incarnation < incarnation_below:',
        'if False:',
        APPLY_JOBS, APPLY_SESSIONS,
    ),
    fault(
        'job whose effect must happen once is repeated',
        RULES,
        'if job.spec.effects is Effects.ONCE:',
        'if False:',
        APPLY_JOBS,
    ),
    fault(
        'poison job gets one attempt more than it may have',
        RULES,
        'if job.attempt >= job.spec.attempts_max:',
        'if job.attempt > job.spec.attempts_max:',
        APPLY_JOBS,
    ),
    fault(
        'job lease expires without the grace for its renewal',
        RULES,
        'job.lease_expires_ns + grace_ms * MS <= state.stamp_ns',
        'job.lease_expires_ns <= state.stamp_ns',
        APPLY_JOBS,
    ),
    fault(
        'idempotency key is not looked up',
        RULES,
        'state.job_by_key.get(command.idempotency_key) if command.idempotency_key else None',
        'None',
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
