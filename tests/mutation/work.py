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
        'lease of a job counts from the answer, not from the question',
        'core/worker.py',
        'tag.sent_ns + job.ttl_ns',
        'now_ns + job.ttl_ns',
        'core/test_worker.py',
    ),
    fault(
        'job goes on after its lease has ended',
        'core/worker.py',
        'if now_ns >= job.lease_until_ns:',
        'if False:',
        'core/test_worker.py',
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
        COORDINATOR,
        '        # caught up: it goes on from where it is, at the pace of our monotonic clock.\n'
        '        self._stamp_base_ns = max('
        'self._stamp_base_ns, self.state.stamp_ns - self._now_ns)\n',
        '',
        'core/test_new_leader.py',
    ),
    fault(
        'robot can propose in the name of another',
        COORDINATOR,
        'if (issued.robot, issued.serial) != (event.sender, event.serial):',
        'if False:',
        TEST_COORDINATOR,
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
        'robot acts on old entries before it has caught up',
        COORDINATOR,
        'if read and self.replica.own_term_applied:',
        'if read:',
        TEST_COORDINATOR, TEST_CLUSTER,
    ),
    fault(
        'of two robots with one name the older one yields',
        COORDINATOR,
        'if mine < (event.uptime_ms, event.session_id):',
        'if mine > (event.uptime_ms, event.session_id):',
        TEST_COORDINATOR,
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
        'core/replicated/job_rules.py',
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
        'core/jobs/allocation.py',
        'if member.phase in REACHABLE and member.job_slots > 0',
        'if member.job_slots > 0',
        'core/jobs/test_allocation.py', 'core/test_leadership.py',
    ),
    fault(
        'tie between robots is decided by order of arrival',
        'core/jobs/allocation.py',
        'key=lambda robot: (robot.load_milli, robot.member.robot_id)',
        'key=lambda robot: robot.load_milli',
        'core/jobs/test_allocation.py',
    ),
    fault(
        'job goes back at once to the robot that handed it back',
        'core/jobs/allocation.py',
        'return fresh or able',
        'return able',
        'core/jobs/test_allocation.py',
    ),
)
