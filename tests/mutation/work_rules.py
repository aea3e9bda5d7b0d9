# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults in the life of a job in the log: deadlines, retries, moves, pipelines, routes, offers."""

from __future__ import annotations

from mutation.mutant import Mutant, fault

LOSS = 'core/replicated/job_loss.py'
LIFE = 'core/replicated/job_life.py'
STEALS = 'core/replicated/steal_rules.py'
PIPELINES = 'core/replicated/pipeline_rules.py'
ROUTES = 'core/jobs/routes.py'
OFFERS = 'core/jobs/offers.py'
SLOTS = 'core/jobs/slots.py'
STUCK = 'core/jobs/stuck.py'
APPLY_FAILURES = 'core/replicated/test_apply_failures.py'
APPLY_STEALS = 'core/replicated/test_apply_steals.py'
APPLY_PIPELINES = 'core/replicated/test_apply_pipelines.py'
TEST_ROUTES = 'core/jobs/test_routes.py'
TEST_OFFERS = 'core/jobs/test_offers.py'
TEST_SLOTS = 'core/jobs/test_slots.py'
TEST_STUCK = 'core/jobs/test_stuck.py'

ENDS: tuple[Mutant, ...] = (
    fault(
        'job goes on after its deadline',
        LOSS,
        '        if not job.ended:\n            _overdue(job, state, done)\n',
        '        del job\n',
        APPLY_FAILURES,
    ),
    fault(
        'deadline waits for the grace of a lease',
        LOSS,
        'state.job_deadlines.pop_due(state.stamp_ns)',
        'state.job_deadlines.pop_due(state.stamp_ns - grace_ms * MS)',
        APPLY_FAILURES,
    ),
    fault(
        'failed job is tried once more than it allows',
        LOSS,
        'again = job.failures <= job.spec.retries',
        'again = job.failures <= job.spec.retries + 1',
        APPLY_FAILURES,
    ),
    fault(
        'each try waits as long as the one before',
        LOSS,
        'return min(first_ms << min(times, 16), REST_MS_MAX)',
        'return min(first_ms, REST_MS_MAX)',
        APPLY_FAILURES,
    ),
    fault(
        'rest of a job has no end',
        LOSS,
        'return min(first_ms << min(times, 16), REST_MS_MAX)',
        'return first_ms << min(times, 16)',
        APPLY_FAILURES,
    ),
    fault(
        'job that rests can be granted',
        LIFE,
        '        state.waiting.rest(job.job_id)\n',
        '        state.waiting.enter(job.job_id, job.spec.priority)\n',
        APPLY_FAILURES,
    ),
    fault(
        'job that has rested is not woken',
        LOSS,
        '        state.waiting.wake(job_id, job.spec.priority)\n',
        '',
        APPLY_FAILURES,
    ),
    fault(
        'job that a client wants again keeps its count of failures',
        LIFE,
        '    job.forgive()\n',
        '',
        APPLY_FAILURES,
    ),
    fault(
        'job that was lost with its robot goes to that robot again',
        LOSS,
        '    job.count(losses=job.losses + 1)\n    job.shun(job.robot_id)\n',
        '    job.count(losses=job.losses + 1)\n',
        APPLY_FAILURES,
    ),
    fault(
        'robot that leaves in good order counts as one that died of its jobs',
        LOSS,
        'lose_attempt(job, state, done, why, counts=not left)',
        'lose_attempt(job, state, done, why)',
        APPLY_FAILURES,
    ),
    fault(
        'job that nobody can run is handed round for ever',
        LOSS,
        'if job.counts.refusals >= max(REFUSALS_MAX, len(state.members)):',
        'if False:',
        APPLY_FAILURES,
    ),
    fault(
        'job that is handed back again and again never rests',
        LOSS,
        'if job.counts.returns > 1 else 0',
        'if False else 0',
        APPLY_FAILURES,
    ),
    fault(
        'begun job whose effect must happen once is repeated when it is handed back',
        LOSS,
        '    if job.spec.effects is Effects.ONCE and job.begun:\n'
        '        _leave_unknown(job, state, done, why)\n    elif thief',
        '    if False:\n'
        '        _leave_unknown(job, state, done, why)\n    elif thief',
        APPLY_FAILURES,
    ),
)

MOVES: tuple[Mutant, ...] = (
    fault(
        'job moves without end',
        STEALS,
        'if job.moves >= MOVES_MAX:',
        'if False:',
        APPLY_STEALS,
    ),
    fault(
        'thief gets what has begun and must happen once',
        STEALS,
        "    if job.begun and job.spec.effects is Effects.ONCE:\n        return f'{name} runs",
        "    if False:\n        return f'{name} runs",
        APPLY_STEALS,
    ),
    fault(
        'running job moves before its robot has ended it',
        STEALS,
        'if job.phase is JobPhase.RUNNING:',
        'if False:',
        APPLY_STEALS,
    ),
    fault(
        'second thief takes over from the first',
        STEALS,
        'if job.revoked_for is not None:',
        'if False:',
        APPLY_STEALS,
    ),
    fault(
        'thief gets a job that it cannot run',
        STEALS,
        'if not thief.offers(job.spec.required):',
        'if False:',
        APPLY_STEALS,
    ),
    fault(
        'thief gets a job that it lost before',
        STEALS,
        'if thief.robot_id in job.avoid:',
        'if False:',
        APPLY_STEALS,
    ),
    fault(
        'former life of a thief gets the job',
        STEALS,
        'if thief is None or not state.present(command.thief, command.incarnation):',
        'if thief is None:',
        APPLY_STEALS,
    ),
    fault(
        'marked job waits for a thief that is gone',
        LOSS,
        'if member is None or member.phase in GONE or',
        'if member is None or',
        APPLY_STEALS,
    ),
    fault(
        'move is not counted',
        LOSS,
        '    job.count(moves=job.moves + 1)\n',
        '',
        APPLY_STEALS,
    ),
    fault(
        'what must happen once is revoked while it runs',
        STEALS,
        '    elif job.begun and job.spec.effects is Effects.ONCE:\n        done.refused',
        '    elif False:\n        done.refused',
        APPLY_FAILURES,
    ),
    fault(
        'revoked job does not count as lost',
        LOSS,
        '    if _given_up_after_loss(job, state, done, why):\n        return\n    text',
        '    text',
        APPLY_FAILURES,
    ),
    fault(
        'job is stuck after a moment of silence',
        STUCK,
        'return max(TIMES_P95 * max(p95_ms, job.quiet_ms), STUCK_MS_MIN)',
        'return TIMES_P95 * max(p95_ms, job.quiet_ms)',
        TEST_STUCK,
    ),
    fault(
        'job of an unknown route that says nothing is stuck',
        STUCK,
        '        return None\n    return max',
        '        return STUCK_MS_MIN\n    return max',
        TEST_STUCK,
    ),
    fault(
        'worker does not hear that its job is revoked',
        'core/worker.py',
        'if job.revoked_for is not None and held.stage in UNFINISHED:',
        'if False:',
        'core/test_worker.py',
    ),
    fault(
        'another robot gets the job before its process must have ended',
        'core/office.py',
        'grace_ms=max(self._job_ttl_ms // 4, STOPPED_MS),',
        'grace_ms=self._job_ttl_ms // 4,',
        'core/test_former_life.py',
    ),
    fault(
        'robot that leaves forgets what it gave up and is still ending',
        'core/worker.py',
        ' + len(self.dropped)',
        '',
        'core/test_worker_leases.py',
    ),
)

STAGES: tuple[Mutant, ...] = (
    fault(
        'stage begins before what it needs is done',
        PIPELINES,
        'if ready.issuperset(stage.needs):',
        'if True:',
        APPLY_PIPELINES,
    ),
    fault(
        'stage begins before the files that it is fed are at home',
        PIPELINES,
        '        if child.delivered:\n',
        '        if True:\n',
        APPLY_PIPELINES,
    ),
    fault(
        'failed stage does not fail its pipeline',
        PIPELINES,
        '        if child.phase is not JobPhase.DONE:\n',
        '        if False:\n',
        APPLY_PIPELINES,
    ),
    fault(
        'stages go on after their pipeline has ended',
        PIPELINES,
        '        if job.ended:\n            _end_stages(job, state, done)\n',
        '',
        APPLY_PIPELINES,
    ),
    fault(
        'stage is not told the deadline of its pipeline',
        PIPELINES,
        '        due_by(child, job.deadline_ns, state)\n',
        '',
        APPLY_PIPELINES,
    ),
    fault(
        'retried pipeline takes the failure of its former life for its own',
        PIPELINES,
        'return None if child.ended and child.changed_index < job.token else child',
        'return child',
        APPLY_PIPELINES,
    ),
)

ROUTING: tuple[Mutant, ...] = (
    fault(
        'being stolen from counts as a failure',
        ROUTES,
        '            return  # it says that another one was idle\n',
        '',
        TEST_ROUTES,
    ),
    fault(
        'run times of a route are kept for ever',
        ROUTES,
        '            del self.runs[:-RECENT_MAX]\n',
        '',
        TEST_ROUTES,
    ),
    fault(
        'route that was used last is forgotten first',
        ROUTES,
        'route = self._routes.pop(key, None) or Route()',
        'route = self._routes.get(key) or Route()',
        TEST_ROUTES,
    ),
    fault(
        'book of routes grows without end',
        ROUTES,
        'if len(self._routes) > ROUTES_MAX:',
        'if False:',
        TEST_ROUTES,
    ),
    fault(
        '95th percentile is the longest run',
        ROUTES,
        'rank = (95 * len(self.runs) + 99) // 100',
        'rank = len(self.runs)',
        TEST_ROUTES,
    ),
    fault(
        'second round of questions begins while one is open',
        OFFERS,
        'if self.round is not None or not choices:',
        'if not choices:',
        TEST_OFFERS,
    ),
    fault(
        'round waits for ever for a silent robot',
        OFFERS,
        'if self.round is not None and now_ns >= self.round.due_ns:',
        'if False:',
        TEST_OFFERS,
    ),
    fault(
        'silent robot is asked again at once',
        OFFERS,
        'known.again_ns = now_ns + wait_ns',
        'known.again_ns = now_ns',
        TEST_OFFERS,
    ),
    fault(
        'refusal counts for ever',
        OFFERS,
        'if now_ns - at >= REFUSED_NS]',
        'if False]',
        TEST_OFFERS,
    ),
    fault(
        'backlog that was said does not shrink',
        OFFERS,
        'return max(0, known.backlog_ms - (now_ns - known.heard_ns) // MS)',
        'return known.backlog_ms',
        TEST_OFFERS,
    ),
    fault(
        'answer about a job that was not asked for counts',
        OFFERS,
        'if job_id not in asked:',
        'if False:',
        TEST_OFFERS,
    ),
    fault(
        'compute unit does as many jobs at a time as there are slots',
        SLOTS,
        "if unit and not unit.startswith('cpu'):",
        'if False:',
        TEST_SLOTS, 'core/jobs/test_allocation.py',
    ),
    fault(
        'processor does one job at a time',
        SLOTS,
        "if unit and not unit.startswith('cpu'):",
        'if unit:',
        TEST_SLOTS,
    ),
    fault(
        'job is booked on the first slot and not on the one that is free first',
        SLOTS,
        '            heapq.heapreplace(self.free_ms, end_ms)\n',
        '            self.free_ms[-1] = end_ms\n',
        TEST_SLOTS,
    ),
    fault(
        'backlog that a robot says shortens what is booked',
        SLOTS,
        'self.free_ms = [max(free_ms, backlog_ms) for free_ms in self.free_ms]',
        'self.free_ms = [backlog_ms for _ in self.free_ms]',
        TEST_SLOTS,
    ),
    fault(
        'robot does what was granted last before what runs',
        SLOTS,
        'return job.phase is not JobPhase.RUNNING, job.token, job.job_id',
        'return job.phase is JobPhase.RUNNING, job.token, job.job_id',
        TEST_SLOTS,
    ),
)

WORK_RULES: tuple[Mutant, ...] = (*ENDS, *MOVES, *STAGES, *ROUTING)
