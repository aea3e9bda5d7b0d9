# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pipelines on robots that fail: every stage is done once, with the files of those before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from coordinator_cluster import Cluster, made_file
from coordinator_samples import pipeline, stage

from swarm_coordinator.core.events import Request
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.jobs.kinds.pipeline_kind import Feed, Stage
from swarm_coordinator.core.replicated.command import SubmitJob
from swarm_coordinator.core.replicated.state import ReplicatedState

COUNT = 3
HEAL_MS = 120_000


def patient(one: Stage) -> Stage:
    """Robots that crash often must not bring it to an end."""
    return replace(one, spec=replace(one.spec, attempts_max=200))


def submit(cluster: Cluster, robot: RobotId, name: str) -> int:
    given = made_file('in', name)
    what = pipeline(
        patient(stage('first', inputs=(given,), outputs=('out',))),
        patient(stage('aside', outputs=('out',))),
        patient(stage('second', feeds=(Feed('first', 'out', 'in'),), outputs=('out',))),
        patient(stage('last', 'aside', feeds=(
            Feed('first', 'out', 'a'), Feed('second', 'out', 'b')), outputs=('out',))),
        outputs=('last/out', 'first/out'),
    )
    cluster._pin(cluster.machines[robot], given)
    request = 1000 + len(cluster.answers)
    cluster.post(robot, Request(request, SubmitJob(name, robot, what, '/home', name), 20_000))
    assert cluster.answered(request) and not cluster.answers[request].refused
    return request


def all_done(state: ReplicatedState) -> bool:
    pipelines = [job for job in state.jobs.values() if job.pipeline]
    return len(pipelines) == COUNT and all(job.delivered for job in pipelines)


@pytest.mark.parametrize('seed', range(4))
def test_pipelines_are_done_although_robots_crash_and_files_are_kept_as_long_as_needed(
    seed: int,
) -> None:
    cluster = Cluster(seed, robots=3, voters=3)
    cluster.run_ms(3000)
    robots = list(cluster.machines)
    for number in range(COUNT):
        submit(cluster, robots[0], f'p{number}')
    if seed:
        cluster.faults.lost = 0.05 * seed
        cluster.run_ms(100 * seed)
        cluster.crash(robots[seed % len(robots)])
        cluster.run_ms(2000)
        cluster.start(robots[seed % len(robots)])
        cluster.faults.lost = 0.0

    def settled() -> bool:
        states = [one.core.state for one in cluster.up if one.core is not None]
        return len(states) == 3 and cluster.replicas_equal() and all_done(states[0])

    assert cluster.run_ms(HEAL_MS, until=settled), 'it does not come to rest'
    state, accepted = cluster.replay()
    for job in state.jobs.values():
        assert job.phase is JobPhase.DONE and accepted[job.job_id] == 1, job
    for number in range(COUNT):
        job = state.jobs[f'p{number}']
        assert {one.name for one in job.outputs} == {'last/out', 'first/out'}
        assert cluster.placed[job.job_id], 'delivered where it was asked for'
        fed = {one.name: one.sha256 for one in state.jobs[f'p{number}.last'].spec.inputs}
        assert fed == {
            'a': state.jobs[f'p{number}.first'].outputs[0].sha256,
            'b': state.jobs[f'p{number}.second'].outputs[0].sha256,
        }
