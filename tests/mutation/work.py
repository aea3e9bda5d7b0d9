# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults in what one robot does with the log: its jobs, its files, its proposals, its duties."""

from __future__ import annotations

from mutation.mutant import Mutant, fault

COORDINATOR = 'core/coordinator.py'
REPLICA = 'core/replica.py'
TEST_COORDINATOR = 'core/test_coordinator.py'
TEST_CLUSTER = 'core/test_cluster.py'

WORK: tuple[Mutant, ...] = (
    fault(
        'new leader judges by its clock what has stamps of the clock before',
        'core/leadership.py',
        'if at.state.applied_index == at.state.term_index:',
        'if False:',
        'core/test_leadership.py',
    ),
    fault(
        'lease of a job counts from the answer, not from the question',
        'core/worker.py',
        'tag.sent_ns + job.ttl_ns',
        'now_ns + job.ttl_ns',
        'core/test_worker.py',
    ),
    fault(
        'job goes on after its lease has ended',
        'core/worker.py',
        'if now_ns >= job.given_up_ns:',
        'if False:',
        'core/test_worker.py',
    ),
    fault(
        'lease counts from when its grant is seen, however late that is',
        'core/log_clock.py',
        '        if self.offset_ns is None:\n            return now_ns\n'
        '        return max(now_ns, min(expires_ns + self.offset_ns, now_ns + ttl_ns))\n',
        '        return now_ns + ttl_ns\n',
        'core/test_log_clock.py',
    ),
    fault(
        'job is begun before it is known that its lease goes on',
        'core/worker.py',
        'if job.stage is not Stage.STAGED or now_ns >= job.lease_until_ns:',
        'if job.stage is not Stage.STAGED:',
        'core/test_worker_leases.py',
    ),
    fault(
        'job whose start is in the log runs although its lease may be over',
        'core/worker.py',
        'if job.stage is Stage.STARTING and now_ns < job.lease_until_ns',
        'if job.stage is Stage.STARTING',
        'core/test_worker_leases.py',
    ),
    fault(
        'stamps of one leader are compared with those of the next',
        'core/log_clock.py',
        '        if term != self.term:\n            self.term, self.offset_ns = term, None\n',
        '        self.term = term\n',
        'core/test_log_clock.py',
    ),
    fault(
        'job that was given up runs again under the same token',
        'core/worker.py',
        'if not mine or self.dropped.get(job.job_id) != job.token:',
        'if True:',
        'core/test_worker.py',
    ),
    fault(
        'reported job is dropped with its lease',
        'core/worker.py',
        '            if job.stage is Stage.REPORTING:\n                continue',
        '            if False:\n                continue',
        'core/test_worker.py',
    ),
    fault(
        'outputs are placed before the log has accepted them',
        'core/delivery.py',
        'if not parcel.stored or not parcel.accepted or parcel.placing:',
        'if not parcel.stored or parcel.placing:',
        'core/test_delivery.py',
    ),
    fault(
        'outputs of another attempt are placed',
        'core/delivery.py',
        'if parcel is None or parcel.token != job.token:',
        'if parcel is None:',
        'core/test_delivery.py',
    ),
    fault(
        'chunk of a file is not checked',
        'core/files/fetch.py',
        'if hashlib.sha256(data).digest() != self.chunk_sha256[chunk]:',
        'if False:',
        'core/files/test_fetch.py',
    ),
    fault(
        'name of a file may lead out of its folder',
        'core/files/names.py',
        "part in ('', '.', '..')",
        "part in ('', '.')",
        'core/files/test_names_and_references.py',
    ),
    fault(
        'file is freed while a second job needs it',
        'core/files/references.py',
        'if not self.users[sha256]:',
        'if True:',
        'core/files/test_names_and_references.py', 'core/files/test_custody.py',
    ),
    fault(
        'repeated proposal is appended again',
        REPLICA,
        'if key in self._appended or self._was_applied(issued):',
        'if self._was_applied(issued):',
        TEST_COORDINATOR,
    ),
    fault(
        'log time stands still after a leader whose clock was ahead',
        'core/stamps.py',
        'max(self.base_ns, stamp_ns - now_ns)',
        'self.base_ns',
        'core/test_stamps.py', 'core/test_new_leader.py',
    ),
    fault(
        'robot can propose in the name of another',
        'core/voice.py',
        'if (issued.robot, issued.serial) != (event.sender, event.serial):',
        'if False:',
        TEST_COORDINATOR,
    ),
    fault(
        'word under a token that is not applied yet is taken',
        'core/voice.py',
        'if too_early(issued.command, self._replica.state):',
        'if False:',
        'core/test_voice.py',
    ),
    fault(
        'messages leave before what they promise is on the disk',
        REPLICA,
        'batch.effects += sends[: ready.early]',
        'batch.effects += sends',
        TEST_COORDINATOR, TEST_CLUSTER,
    ),
    fault(
        'state that is too large for a snapshot ends the robot',
        REPLICA,
        'except StateTooLarge as error:',
        'except ZeroDivisionError as error:',
        'core/test_replica.py',
    ),
    fault(
        'each snapshot writes all ended jobs anew',
        REPLICA,
        'data = self._encoder.encode(self.state)',
        'data = StateEncoder().encode(self.state)',
        'core/test_replica.py',
    ),
    fault(
        'robot ends things by its own clock, not by the stamp of the entry',
        REPLICA,
        'when = (entry.index, entry.term, entry.stamp_ns)',
        'import time\n        when = (entry.index, entry.term, time.time_ns())',
        TEST_COORDINATOR, TEST_CLUSTER,
    ),
    fault(
        'leader acts before it has applied an entry of its own term',
        COORDINATOR,
        'if self.leadership is None or not self.replica.own_term_applied:',
        'if self.leadership is None:',
        'core/test_new_leader.py',
    ),
    fault(
        'goodbye is said while jobs run here',
        'core/conduct.py',
        'if left_ns and (self._worker.live or self._worker.reports):',
        'if left_ns and self._worker.reports:',
        'core/test_conduct.py', 'core/test_former_life.py',
    ),
    fault(
        'goodbye is said before what was done is told',
        'core/conduct.py',
        'if left_ns and (self._worker.live or self._worker.reports):',
        'if left_ns and self._worker.live:',
        'core/test_conduct.py', 'core/test_former_life.py',
    ),
    fault(
        'command of a former life counts as taken',
        'core/voice.py',
        'if session is not None and session.incarnation > issued.incarnation:',
        'if False:',
        'core/test_former_life.py',
    ),
    fault(
        'robot acts on old entries before it has caught up',
        'core/following.py',
        'if self.caught_up or not read or not own_term_applied:',
        'if self.caught_up or not read:',
        'core/test_following.py', TEST_COORDINATOR, TEST_CLUSTER,
    ),
    fault(
        'of two robots with one name the older one yields',
        'core/registration.py',
        'mine >= (its_uptime_ms, session_id)',
        'mine <= (its_uptime_ms, session_id)',
        'core/test_registration.py', TEST_COORDINATOR,
    ),
)

DUTIES: tuple[Mutant, ...] = (
    fault(
        'new leader does not extend the leases',
        'core/leadership.py',
        "            return [Duty('extend', ExtendLeases())]\n",
        '            return []\n',
        'core/test_leadership.py',
    ),
    fault(
        'extension shortens a lease',
        'core/replicated/job_loss.py',
        'max(job.lease_expires_ns, after(state.stamp_ns, job.ttl_ms))',
        'after(state.stamp_ns, job.ttl_ms // 2)',
        'core/replicated/test_apply_jobs.py',
    ),
    fault(
        'duty is proposed again while it is on its way',
        'core/leadership.py',
        'fresh = [duty for duty in duties if duty.key not in self.pending]',
        'fresh = duties',
        'core/test_leadership.py',
    ),
    fault(
        'expiry is proposed before the grace is over',
        'core/leadership.py',
        'due_ns = earliest_due_ns(at.state, self.grace_ms)',
        'due_ns = earliest_due_ns(at.state, 0)',
        'core/test_leadership.py',
    ),
    fault(
        'job goes to a robot that cannot be reached',
        'core/leadership.py',
        'if member.phase not in REACHABLE:\n        barred',
        'if False:\n        barred',
        'core/test_leadership.py',
    ),
    fault(
        'job goes to the first robot instead of the cheapest',
        'core/jobs/allocation.py',
        '    ranking.sort()\n',
        '',
        'core/jobs/test_allocation.py',
    ),
    fault(
        'job goes back at once to the robot that had it before',
        'core/jobs/allocation.py',
        "        places = _rather(places, turned, job.avoid, 'had it before')\n",
        '',
        'core/jobs/test_allocation.py',
    ),
    fault(
        'job does not wait for the robot that would be done first',
        'core/jobs/allocation.py',
        'if not self._has_room(slots):\n                passed.append(',
        'if False:\n                passed.append(',
        'core/jobs/test_allocation.py',
    ),
    fault(
        'robot that failed stays out for ever, however many do',
        'core/jobs/eligibility.py',
        '[: len(places) // EJECTED_SHARE]',
        '',
        'core/jobs/test_allocation.py',
    ),
    fault(
        'what was learnt of a robot never fades',
        'core/jobs/costs.py',
        'max(math.exp(-age_ns / FADE_NS), LEFT_LEAST)',
        '1.0',
        'core/jobs/test_costs.py',
    ),
    fault(
        'silence of a robot that was asked is not held against it',
        'core/jobs/offers.py',
        'known.silent += 1',
        'known.silent += 0',
        'core/jobs/test_offers.py', 'core/test_leadership.py',
    ),
    fault(
        'answer to another question counts',
        'core/jobs/offers.py',
        'if current is None or current.request != event.request:',
        'if current is None:',
        'core/jobs/test_offers.py',
    ),
)

STEALING: tuple[Mutant, ...] = (
    fault(
        'job is stolen for less than the move costs',
        'core/jobs/stealing.py',
        'if gain_ms <= bar_ms:',
        'if gain_ms <= 0:',
        'core/jobs/test_stealing.py',
    ),
    fault(
        'running job whose effect must happen once is stolen',
        'core/jobs/stealing.py',
        'if runs and spec.effects is Effects.ONCE:',
        'if False:',
        'core/jobs/test_stealing.py',
    ),
    fault(
        'refused thief asks again at once',
        'core/jobs/stealing.py',
        '        self.look_ns = now_ns + wait_ns\n',
        '',
        'core/jobs/test_stealing.py',
    ),
    fault(
        'job whose effect must happen once starts before the log knows',
        'core/worker.py',
        'if job.spec.effects is Effects.ONCE:\n                # If its start',
        'if False:\n                # If its start',
        'core/test_worker.py',
    ),
    fault(
        'revoked job is given back while its process runs',
        'core/worker.py',
        'if job.stage is not Stage.RUNNING:\n            self._report(job, report)',
        'if True:\n            self._report(job, report)',
        'core/test_worker.py',
    ),
    fault(
        'start that was lost on its way is not said again',
        'core/worker.py',
        'return job.stage in (Stage.STARTING, Stage.RUNNING)',
        'return False',
        'core/test_worker.py',
    ),
)
