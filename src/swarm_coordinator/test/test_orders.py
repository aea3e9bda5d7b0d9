# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Orders: what is given beside the work becomes a specification, or is refused."""

from __future__ import annotations

from typing import Any

import pytest

from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.jobs.kinds.pipeline_kind import Feed, PipelineWork
from swarm_coordinator.orders import JobOptions, Pipeline, order, work_of

TRUE = ExecWork(('true',))


def test_units_become_those_of_the_specification() -> None:
    spec = order(TRUE, JobOptions(
        timeout_s=0.25, deadline_s=2, retry_delay_s=0.5, memory_mb=1.5, cpu=0.5, file_mb=1,
        battery_percent=12.5, labels=('x',),
    )).spec
    assert (spec.timeout_ms, spec.deadline_ms, spec.retry_delay_ms) == (250, 2000, 500)
    assert (spec.memory_bytes, spec.cpu_milli, spec.file_bytes) == (3 << 19, 500, 1 << 20)
    assert spec.battery_permille == 125


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'timeout_s': -1}, 'timeout_s=-1: expected a number from 0 on'),
        ({'cpu': float('nan')}, 'cpu=nan'),
        ({'effects': 'often'}, "effects='often': expected one of none, idempotent, fenced, once"),
        ({'inputs': ['a']}, "'a': expected an absolute path"),
        ({'inputs': ['/x/a', '/y/a']}, 'two inputs have the same name'),
        ({'outputs': 'a.xz'}, 'expected a list of texts, not one text'),
        ({'outputs': ['../a']}, 'expected a relative path'),
        ({'key': 'k' * 201}, 'expected at most 200'),
        ({'retries': 1, 'effects': 'once'}, 'never tried again'),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as refused:
        order(TRUE, JobOptions(**options))
    assert said in str(refused.value)


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match='expected one of exec, python'):
        work_of('fly')


def test_a_key_is_only_given_where_there_is_none() -> None:
    assert order(TRUE).keyed('a').keyed('b').key == 'a'


def test_a_pipeline_keeps_the_files_of_its_stages_apart() -> None:
    made = (
        Pipeline(JobOptions(outputs=['two/y'], output_dir='/out'))
        .stage('one', TRUE, JobOptions(inputs=['/in/a'], outputs=['x']))
        .stage('two', TRUE, JobOptions(outputs=['y']), feeds={'x': ('one', 'x')})
        .order()
    )
    assert made.stage_paths == (('one', ('/in/a',)),)
    assert isinstance(made.spec.work, PipelineWork)
    assert made.spec.work.stages[1].feeds == (Feed('one', 'x', 'x'),)
    assert made.names_files


def test_a_stage_cannot_read_two_inputs_of_one_name() -> None:
    pipeline = Pipeline().stage('one', TRUE, JobOptions(outputs=['x'])).stage(
        'two', TRUE, JobOptions(inputs=['/in/x']), feeds={'x': ('one', 'x')}
    )
    with pytest.raises(ValueError, match="stage 'two': two inputs have the same name"):
        pipeline.order()


def test_a_pipeline_without_stages_is_refused() -> None:
    with pytest.raises(ValueError, match='0 stages'):
        Pipeline().order()
