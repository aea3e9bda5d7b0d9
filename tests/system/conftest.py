# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests with real robot processes on real DDS, on loopback, each in its own domain.

Every process is ended when its test is over, however it ended.
"""

import contextlib
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from swarm_coordinator.cli.client import SwarmClient, Unavailable
from swarm_coordinator.local_swarm import LocalSwarm, robot_names
from swarm_coordinator.ros.watcher import Watcher

LEADER_S = 20.0
JOBS_S = 60.0


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line('markers', 'soak: takes as long as one likes; run by `-m soak` only')


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if 'soak' in config.option.markexpr:
        return
    soaks = [item for item in items if 'soak' in item.keywords]
    config.hook.pytest_deselected(items=soaks)
    items[:] = [item for item in items if item not in soaks]


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
        self.until(
            lambda: self.watcher.agreed_leader(names, above_term),
            f'{names} agree on a leader above term {above_term}',
        )
        return self.watcher.agreed_leader(names, above_term)

    def term(self, robot: str) -> int:
        return self.watcher.heard[robot].beacon.term

    def ready(self, names: tuple[str, ...] = (), above_term: int = 0) -> str:
        """Wait for a leader under which every robot is registered; return it."""
        from swarm_msgs import srv

        leader = self.leader(names, above_term)
        wanted = set(names or self.swarm.names)

        def registered() -> bool:
            state = self.call(leader, srv.Status, 'status', srv.Status.Request()).state
            return wanted <= {one.robot_id for one in state.robots if one.phase == 0}

        self.until(registered, f'{wanted} are registered')
        return leader

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
            spec=msg.JobSpec(kind='exec', argv=argv, **fields),
            input_paths=[str(path) for path in inputs],
            output_dir=str(output_dir),
            idempotency_key=key,
        )
        answer = self.call(robot, srv.SubmitJob, 'submit_job', request)
        assert answer.code == srv.SubmitJob.Response.ACCEPTED, answer.reason
        return str(answer.job_id)

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


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Callable[..., Field]]:
    """Make a watched swarm of `count` robots; starts them unless told not to."""
    with contextlib.ExitStack() as stack:

        def make(
            count: int = 3,
            start: bool = True,
            parts: tuple[str, ...] = ('coordinator',),
            **parameters: Any,
        ) -> Field:
            values = {
                'exec_allow': ['xz', 'sleep', 'sh', 'true', 'false'],
                'parts': list(parts),
                **parameters,
            }
            swarm = stack.enter_context(
                LocalSwarm(tmp_path / 'swarm', robot_names(count), values, swarm_id='test')
            )
            client = stack.enter_context(SwarmClient(name='watcher'))
            made = Field(swarm, client, Watcher(client.node, 'test'))
            if start:
                swarm.start_all()
            return made

        yield make


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
