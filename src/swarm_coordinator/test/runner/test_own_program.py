# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Kinds that are programs of ours: what such a program is told, and what is taken from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from runner_bench import WAIT_S, Bench

from swarm_coordinator.core.jobs.spec import JobSpec
from swarm_coordinator.core.jobs.work import Work
from swarm_coordinator.runner.job_runner import RunnerSetup


@dataclass(frozen=True)
class SampleWork(Work):
    kind: ClassVar[str] = 'call'
    result: str = 'tell'
    code: int = 0
    names: tuple[str, ...] = ('a', 'b')

    def required(self) -> tuple[str, ...]:
        return ()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, setup=RunnerSetup(namespace='/r1', programs_of_ours='sample_jobs'))
    yield made
    made.close()


def test_program_is_told_its_work_its_files_and_where_the_robot_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('SECRET_OF_THE_ROBOT', 'x')
    monkeypatch.setenv('ROS_DOMAIN_ID', '77')
    given = bench.given('in/a', 'abc')
    end = bench.run(JobSpec(SampleWork(), inputs=(given,), outputs=('o',)))
    assert (end.exit_code, end.reason) == (0, '')
    assert json.loads(end.result) == {
        'work': {'result': 'tell', 'code': 0, 'names': ['a', 'b']},
        'inputs': ['in/a'], 'outputs': ['o'], 'job_id': 'r1-1-1', 'namespace': '/r1',
        'ros': '77', 'secret': '',
    }
    assert bench.output(end) == 'in/a'
    assert bench.progress.get(timeout=WAIT_S).text == 'at work'


def test_result_may_come_in_pieces(bench: Bench) -> None:
    assert bench.run(SampleWork('in pieces')).result == '[1,2,3]'


def test_result_that_is_too_large_is_a_failure_that_says_what_to_do(bench: Bench) -> None:
    assert len(bench.run(SampleWork('8192')).result) == 8192
    end = bench.run(SampleWork('100000'))
    assert end.result == '' and end.outputs == () and not end.unable
    assert 'at most 8192: write it to a file' in end.reason


def test_failure_is_the_sentence_on_stderr_and_leaves_no_result(bench: Bench) -> None:
    end = bench.run(SampleWork('in pieces', code=1))
    assert (end.exit_code, end.reason, end.result) == (1, 'exit code 1: no such service', '')
