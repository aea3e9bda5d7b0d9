# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests with real robot processes on real DDS, on loopback, each in its own domain.

Every process is ended when its test is over, however it ended.
"""

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from swarm_coordinator.cli.client import SwarmClient, Unavailable, reader_of
from swarm_coordinator.local_swarm import LocalSwarm, robot_names
from swarm_coordinator.ros.watcher import Watcher
from swarm_coordinator.runner.cgroup import find_tree
from swarm_coordinator.runner.job_runner import tree_name
from swarm_coordinator.runner.process_group import STORAGE_MARK, end_marked

# Only upper limits; long for machines that do much else.
LEADER_S = 60.0
JOBS_S = 120.0


@dataclass
class Field:
    """A running swarm with somebody who watches it."""

    swarm: LocalSwarm
    client: SwarmClient
    watcher: Watcher

    def until(self, done: Callable[[], Any], what: str, timeout_s: float = LEADER_S) -> None:
        """Wait for `done()`; fails with what was waited for and the robots' last words."""
        if not self.client.spin_until(lambda: bool(done()), timeout_s):
            raise AssertionError(f'not within {timeout_s:.0f} s: {what}\n{self.last_words()}')

    def last_words(self) -> str:
        said = []
        for name in self.swarm.names:
            path = self.swarm.log_path(name)
            lines = path.read_text(errors='replace').splitlines()[-8:] if path.exists() else []
            said.append(f'--- {name}\n' + '\n'.join(lines))
        return '\n'.join(said)

    def leader(self, names: tuple[str, ...] = (), above_term: int = 0) -> str:
        """Wait until all of `names` (default: every robot) name one leader; return it."""
        names = names or self.swarm.names
        found: list[str] = []

        def agree() -> bool:
            found[:] = [self.watcher.agreed_leader(names, above_term)]
            return bool(found[0])

        self.until(agree, f'{names} agree on a leader above term {above_term}')
        return found[0]

    def term(self, robot: str) -> int:
        return self.watcher.heard[robot].beacon.term

    def ready(self, names: tuple[str, ...] = (), above_term: int = 0) -> str:
        """Wait for a leader under which every robot is registered, in its present life, and every
        vote counts; return the leader."""
        from swarm_msgs import srv

        leader = self.leader(names, above_term)
        wanted = set(names or self.swarm.names)

        def registered() -> bool:
            state = self.call(leader, srv.Status, 'status', srv.Status.Request()).state
            lives = {one.robot_id: one.incarnation for one in state.robots if one.phase == 0}
            heard = self.watcher.heard
            return not wanted & {*state.awaited_voter_ids} and all(
                name in heard and lives.get(name) == heard[name].beacon.envelope.incarnation
                for name in wanted
            )

        self.until(registered, f'{wanted} are registered')
        return leader

    def anew(self) -> None:
        """For the next test of the same swarm: this process talks to it, every robot is there and
        has nothing to do."""
        from swarm_msgs import srv

        os.environ.update(self.swarm.dds_environment())
        for name in self.swarm.names:
            if name not in self.swarm.processes:
                self.swarm.start(name)
        robot = self.ready()
        for job in self.jobs(robot).values():
            if job.phase < 3:
                request = srv.CancelJob.Request(job_id=job.job_id, reason='its test is over')
                self.call(robot, srv.CancelJob, 'cancel_job', request)  # it may just have ended
        self.until(
            lambda: all(job.phase >= 3 for job in self.jobs(robot).values()), 'nothing is to do'
        )

    def call(self, robot: str, kind: Any, service: str, request: Any) -> Any:
        try:
            return self.client.call(kind, service, request, 30.0, robot)
        except Unavailable as error:
            raise AssertionError(f'{error}\n{self.last_words()}') from None

    def submit(self, robot: str, argv: list[str], **fields: Any) -> str:
        """Submit an exec job at `robot`; returns its id."""
        from swarm_msgs import msg, srv

        inputs = fields.pop('input_paths', [])
        output_dir = fields.pop('output_dir', '')
        key = fields.pop('idempotency_key', '') or uuid.uuid4().hex
        request = srv.SubmitJob.Request(
            spec=msg.JobSpec(kind='exec', exec=[msg.ExecWork(argv=argv)], **fields),
            input_paths=[str(path) for path in inputs],
            output_dir=str(output_dir),
            idempotency_key=key,
        )
        answer = self.call(robot, srv.SubmitJob, 'submit_job', request)
        assert answer.code == srv.SubmitJob.Response.ACCEPTED, answer.reason
        return str(answer.job_id)

    def submit_all(self, robot: str, specs: Sequence[Any], wait_s: float = 30.0) -> list[str]:
        """Submit these as one entry of the log; returns their ids."""
        from swarm_msgs import msg, srv

        jobs = [msg.JobRequest(spec=one, idempotency_key=uuid.uuid4().hex) for one in specs]
        request = srv.SubmitJobs.Request(jobs=jobs, expiry_ms=int(wait_s * 1000))
        answer = self.call(robot, srv.SubmitJobs, 'submit_jobs', request)
        assert answer.code == srv.SubmitJobs.Response.ACCEPTED, answer.reason
        return list(answer.job_ids)

    def job(self, robot: str, job_id: str) -> Any:
        """As `robot` has it in its log, once it has it: who was asked first may be ahead."""
        from swarm_msgs import srv

        request = srv.ListJobs.Request(job_ids=[job_id])
        found: list[Any] = []

        def known() -> bool:
            found[:] = self.call(robot, srv.ListJobs, 'list_jobs', request).jobs
            return len(found) == 1

        self.until(known, f'{robot} knows {job_id}')
        return found[0]

    def reaches(self, robot: str, job_id: str, phase: int, timeout_s: float = JOBS_S) -> Any:
        """Wait until a job is in this phase, as `robot` has it; fails where it has ended
        otherwise. Returns it."""
        seen: list[Any] = []

        def there() -> bool:
            seen[:] = [self.job(robot, job_id)]
            ended = seen[0].phase != phase and seen[0].phase >= 3
            assert not ended, f'{job_id} ended as {seen[0].phase}: {seen[0].reason}'
            return bool(seen[0].phase == phase)

        self.until(there, f'{job_id} reaches phase {phase}', timeout_s)
        return seen[0]

    def explained(self, robot: str, job_id: str) -> Any:
        from swarm_msgs import srv

        self.job(robot, job_id)
        request = srv.Explain.Request(subject=srv.Explain.Request.SUBJECT_JOB, id=job_id)
        answer = self.call(robot, srv.Explain, 'explain', request)
        assert answer.found, answer.reason
        return answer

    def story(self, robot: str, job_id: str) -> list[str]:
        return [line.what for line in self.explained(robot, job_id).story]

    def jobs(self, robot: str) -> dict[str, Any]:
        from swarm_msgs import srv

        request = srv.ListJobs.Request(limit=1000)
        return {
            job.job_id: job for job in self.call(robot, srv.ListJobs, 'list_jobs', request).jobs
        }

    def ended(self, robot: str, job_ids: list[str], timeout_s: float = JOBS_S) -> dict[str, Any]:
        """Wait until these jobs are over (and delivered, where done) as `robot` sees it."""
        seen: dict[str, Any] = {}

        def over() -> bool:
            seen.update(self.jobs(robot))
            return all(
                job_id in seen
                and seen[job_id].phase >= 3
                and (seen[job_id].phase != 3 or seen[job_id].outputs_delivered)
                for job_id in job_ids
            )

        self.until(over, f'{len(job_ids)} jobs end', timeout_s)
        return {job_id: seen[job_id] for job_id in job_ids}


def end(swarm: LocalSwarm) -> None:
    """At once, and what robots were running: the last ones of a swarm that goes as a whole would
    wait for a quorum to say goodbye to."""
    for name in list(swarm.processes):
        swarm.kill(name)
    for name in swarm.names:
        jobs = swarm.storage(name) / 'jobs'
        end_marked((f'{STORAGE_MARK}={jobs}',))
        tree = find_tree(tree_name(jobs))
        if tree is not None:
            tree.clear()
            tree.close()


def fields(folder: Path) -> Iterator[Callable[..., Field]]:
    """Gives what makes a watched swarm of `count` robots; starts them unless told not to. `own`
    are parameters of single robots."""
    with contextlib.ExitStack() as stack:

        def make(
            count: int = 3,
            start: bool = True,
            parts: tuple[str, ...] = ('coordinator',),
            own: Mapping[str, Mapping[str, Any]] | None = None,
            **parameters: Any,
        ) -> Field:
            values = {
                'exec_allow': ['xz', 'sleep', 'sh', 'true', 'false'],
                'parts': list(parts),
                # Most jobs of these tests tell what they do by files outside their folder and by
                # their process ids; test_cage.py has robots as they are shipped.
                'job_cage': 'none',
                **parameters,
            }
            swarm = stack.enter_context(
                LocalSwarm(folder, robot_names(count), values, own or {}, swarm_id='test')
            )
            if values['parts'] == ['coordinator']:  # others may have left something to put right
                stack.callback(end, swarm)
            client = stack.enter_context(SwarmClient(name='watcher', reader=reader_of(swarm)))
            client.find_s = LEADER_S
            made = Field(swarm, client, Watcher(client.node, 'test'))
            if start:
                swarm.start_all()
            return made

        yield make


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Callable[..., Field]]:
    """Make a watched swarm for one test."""
    yield from fields(tmp_path / 'swarm')


@pytest.fixture(scope='module')
def lasting_field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Field]]:
    """Make a watched swarm for all tests of a file: the only one meanwhile, because a process has
    one watcher at a time."""
    yield from fields(tmp_path_factory.mktemp('lasting') / 'swarm')


@pytest.fixture
def swarmctl(tmp_path: Path) -> Callable[..., 'subprocess.CompletedProcess[str]']:
    """Run the real swarmctl against a swarm."""

    def run(swarm: LocalSwarm, *arguments: str) -> 'subprocess.CompletedProcess[str]':
        return subprocess.run(
            [sys.executable, '-m', 'swarm_coordinator.cli.swarmctl', *arguments],
            env=swarm.environment(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
