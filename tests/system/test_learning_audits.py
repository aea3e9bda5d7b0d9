# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What audits are worth on real robots: a robot whose work is wrong, although the log calls it
done and its outputs are delivered as logged, is found out; honest ones lose nothing.

Four robots: an executor, a requester, and two that look again, which it takes to refute both
parties. All jobs are the same script, which says that it leaves no trace; what it makes is in a
file for each robot, which the test writes. A job's folder says which robot it runs on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from swarm_msgs import msg, srv

Make = Callable[..., Any]
LATCHED = QoSProfile(
    depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
RECEIPTS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE,
                      durability=DurabilityPolicy.VOLATILE)
ROBOTS, WRONG = ('r1', 'r2', 'r3', 'r4'), 'r4'
JOBS = 24
JOBS_S = 120.0
# $0: the folder with a file for each robot: what its work comes to. $1: a number for each job.
SCRIPT = 'robot=${HOME#*/swarm/}; cat "$0/${robot%%/*}" > out; echo "$1" >> out; sleep 0.1'
AUDITOR, REQUESTER = msg.Receipt.ROLE_AUDITOR, msg.Receipt.ROLE_REQUESTER
BAD, GOOD = msg.Receipt.VERDICT_BAD, msg.Receipt.VERDICT_GOOD


class Watch:
    """What the swarm says of its robots' work."""

    def __init__(self, made: Any) -> None:
        self.tables: list[msg.Reputation] = []
        self.words: list[msg.Receipt] = []
        self.requesters: list[msg.Receipt] = []
        node = made.client.node
        node.create_subscription(msg.Reputation, '/swarm/reputation', self.tables.append, LATCHED)
        node.create_subscription(msg.Receipts, '/swarm/receipts', self._hear, RECEIPTS)

    def _hear(self, message: msg.Receipts) -> None:
        self.words.extend(one for one in message.receipts if one.role == AUDITOR)
        self.requesters.extend(one for one in message.receipts if one.role == REQUESTER)

    def are_signed(self) -> None:
        """Audits by two robots, receipts by their issuer and mostly by the other party too."""
        for one in (*self.words, *self.requesters):
            assert len(one.signature) == 64, one
        assert all(len(one.countersignature) == 64 for one in self.words)
        both = [one for one in self.requesters if len(one.countersignature) == 64]
        assert 2 * len(both) > len(self.requesters) > 0

    def of(self, robot: str) -> msg.RobotReputation:
        found = [one for one in self.tables[-1].robots if one.robot_id == robot]
        return found[0] if found else msg.RobotReputation(robot_id=robot)


def work(folder: Path, robot: str, text: str) -> None:
    (folder / robot).write_text(f'{text}\n')


def run(made: Any, origin: str, folder: Path, jobs: range) -> Counter[str]:
    """Which robot ran how many."""
    spec = {'outputs': ['out'], 'effects': msg.JobSpec.EFFECTS_NONE}
    ids = [made.submit(origin, ['sh', '-c', SCRIPT, str(folder), str(number)], **spec)
           for number in jobs]
    ended = made.ended(origin, ids)
    assert {job.phase for job in ended.values()} == {msg.JobStatus.PHASE_DONE}
    return Counter(job.robot_id for job in ended.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / 'natures'
    made.mkdir()
    for robot in ROBOTS:
        work(made, robot, 'right')
    return made


def test_wrong_work_that_is_done_and_delivered_is_found_by_running_it_again(
    field: Make, folder: Path
) -> None:
    made = field(count=4, parts=('coordinator', 'learning'), exec_allow=['sh'], audit_share=1.0)
    made.ready()
    watch = Watch(made)
    work(folder, WRONG, 'wrong')
    ran, jobs = Counter[str](), 0
    while ran[WRONG] < 3 or jobs < 2 * JOBS:
        assert jobs < 10 * JOBS, f'{ran}: too few to judge by'
        for origin in ('r1', 'r2'):
            ran += run(made, origin, folder, range(jobs, jobs + JOBS))
            jobs += JOBS

    unknown = 0.21  # what counts somebody of whom nothing is known
    made.until(lambda: watch.tables and 0 < watch.of(WRONG).lower_bound < unknown,
               'it is found out', JOBS_S)
    made.until(lambda: all(watch.of(one).receipts >= 3 for one in ('r2', 'r3')), 'others count')
    made.until(lambda: len(watch.words) >= 6 and WRONG in {
        word.executor for word in watch.words if word.verdict == BAD}, 'auditors say so')
    blamed = {robot: watch.of(robot) for robot in ROBOTS}
    honest = [blamed[robot] for robot in ('r2', 'r3')]
    for one in honest:
        # A job that it took over and that was not sooner done for that counts a quarter.
        # The table is told now and then: the count of steals may be of a moment before.
        assert one.failures <= 0.25 * (one.steals_useless + 1) and one.mean > 0.5, one
        assert one.lower_bound > blamed[WRONG].lower_bound + 0.1

    audits = {job_id: job for job_id, job in made.jobs('r1').items()
              if 'audit' in job.spec.labels}
    granted = [job for job in audits.values() if job.robot_id]
    assert granted, 'second runs are jobs that people can list'
    assert all(f'robot:{job.origin}' in job.spec.requires for job in audits.values())
    assert all(job.origin == job.robot_id for job in granted)
    known = {(word.job_id, word.attempt) for word in watch.words}
    assert not {job_id for job_id, _ in known} & audits.keys(), 'no audit is audited'
    watch.are_signed()


def test_a_robot_that_may_not_run_again_fetches_the_outputs(field: Make, folder: Path) -> None:
    made = field(parts=('coordinator', 'learning'), exec_allow=['sh'], audit_share=1.0,
                 audit_reruns=False)
    made.ready()
    watch = Watch(made)
    rounds = iter(range(10))

    def confirmed() -> bool:
        if sum(word.verdict == GOOD for word in watch.words) >= 3:
            return True
        if (number := next(rounds, None)) is not None:
            run(made, 'r1', folder, range(9 * number, 9 * number + 9))
        return False

    made.until(confirmed, 'audits end', JOBS_S)
    assert BAD not in {word.verdict for word in watch.words}
    assert not [job for job in made.jobs('r1').values() if 'audit' in job.spec.labels]


def test_a_job_can_be_bound_to_one_robot(field: Make) -> None:
    made = field(exec_allow=['true'])
    made.ready()
    jobs = {robot: made.submit('r1', ['true'], requires=[f'robot:{robot}'])
            for robot in made.swarm.names for _ in range(2)}
    ended = made.ended('r1', list(jobs.values()))
    assert {robot: ended[job].robot_id for robot, job in jobs.items()} == {
        robot: robot for robot in made.swarm.names}
    request = srv.SubmitJob.Request(spec=msg.JobSpec(
        kind='exec', exec=[msg.ExecWork(argv=['true'])], requires=['robot:r9']))
    answer = made.call('r1', srv.SubmitJob, 'submit_job', request)
    assert answer.code == answer.REFUSED and 'robot:r1' in answer.reason
