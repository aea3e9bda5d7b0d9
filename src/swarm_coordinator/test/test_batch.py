# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Batch files: what they become, and where what is wrong with them is said to be."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_coordinator.batch import Batch, BatchErrors, read_batch
from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.jobs.kinds.pipeline_kind import Feed, PipelineWork
from swarm_coordinator.core.jobs.kinds.python_kind import PythonWork
from swarm_coordinator.core.jobs.spec import Effects


def batch_of(text: str, folder: Path = Path('/nowhere'), run: str = 'run') -> Batch:
    return read_batch(textwrap.dedent(text), 'night.yaml', folder, run)


def problems(text: str, folder: Path = Path('/nowhere')) -> list[str]:
    with pytest.raises(BatchErrors) as wrong:
        batch_of(text, folder)
    return wrong.value.lines()


def test_a_job_is_what_is_written_with_what_the_defaults_add() -> None:
    (job,) = batch_of("""
        name: late
        defaults: {output_dir: out, retries: 2, labels: [shift]}
        jobs:
          - name: pack
            exec: {argv: [xz, -9, yes, 5], environment: {XZ_OPT: -v}}
            outputs: [a.xz]
            timeout_s: 1.5
            memory_mb: 64
            effects: none
            retries: 1
    """, Path('/data')).jobs
    spec = job.order.spec
    assert spec.work == ExecWork(('xz', '-9', 'yes', '5'), (('XZ_OPT', '-v'),))
    assert (spec.timeout_ms, spec.memory_bytes, spec.effects) == (1500, 64 << 20, Effects.NONE)
    assert spec.retries == 1, 'what a job says goes before the defaults'
    assert spec.labels == ('batch:late', 'job:pack', 'shift')
    assert job.order.output_dir == '/data/out'


def test_every_problem_is_told_with_its_place_and_none_ends_the_reading(tmp_path: Path) -> None:
    assert problems("""\
        jobs:
          - name: "a b"
            exec: [/bin/sh]
            timeout_s: soon
          - python: {callable: 5, args: [1]}
            retires: 1
          - exec: [xz]
            inputs: [nofile, {from: zz}]
          - exec: [xz]
            python: a:b
          - exec: [true]
            priority: 99999
          - name: twice
            exec: [/bin/ls]
          - name: twice
            exec: [ls]
        """, tmp_path) == [
        'night.yaml:2:11: name \'a b\': expected 1 to 32 letters, digits, "_" and "-"',
        "night.yaml:4:16: job 'a b': timeout_s: expected a number, not 'soon'",
        "night.yaml:5:27: job 'job-2': python: unknown key 'args': expected one of callable, "
        'arguments',
        "night.yaml:6:5: job 2: unknown key 'retires': expected one of name, exec, python, "
        'record, call, encode, inputs, foreach, after, outputs, output_dir, timeout_s, '
        'deadline_s, '
        'attempts_max, retries, retry_delay_s, effects, priority, requires, memory_mb, cpu, '
        'file_mb, battery_percent, compute_unit, labels',
        f"night.yaml:8:14: job 'job-3': inputs: 'nofile': no such file below {tmp_path}",
        "night.yaml:8:29: there is no job 'zz': expected one of a b, job-2, job-3, job-4, job-5, "
        'twice',
        "night.yaml:9:5: job 'job-4': expected one of exec, python, record, call, encode; it has "
        'exec and python',
        "night.yaml:11:5: job 'job-5': priority=99999: expected -32768 to 32767",
        "night.yaml:13:5: job 'twice': argv[0]='/bin/ls': expected a program name from the "
        'allow-list, not a path',
        "night.yaml:15:11: two jobs are called 'twice'",
    ]


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('', 'night.yaml:1:1: empty: expected a mapping with "jobs"'),
        ('- 1', 'night.yaml:1:1: the file: expected a mapping with name, defaults, jobs, not a '
         'list'),
        ('jobs: {}', 'night.yaml:1:7: jobs: expected a list, not a mapping'),
        ('jobs: []', 'night.yaml:1:7: jobs: expected at least one'),
        ('name: x', 'night.yaml:1:1: the file: expected "jobs", a list of jobs'),
        ('jobs: [', "night.yaml:1:8: not YAML: while parsing a flow node expected the node "
         "content, but found '<stream end>'"),
        ('a: &x 1\nb: *x', 'night.yaml:1:4: anchors and aliases are not read: write it out, or '
         'put it under "defaults"'),
        ('jobs: [{exec: !!python/name:os.system [a]}]', "night.yaml:1:15: job 'job-1': exec: "
         "expected a mapping with argv, environment, stdin, folder, not the tag "
         "'tag:yaml.org,2002:python/name:os.system'"),
        ('--- 1\n--- 2', 'night.yaml:2:1: a second document: expected one to a file'),
        ('[' * 25, 'night.yaml:1:25: nested more than 24 deep'),
        ('#' * (1 << 20) + '#', 'night.yaml:1:1: longer than 1024 KiB'),
        ('jobs: [{exec: [a], exec: [b]}]', "night.yaml:1:20: job 1: key 'exec' comes twice"),
        ('jobs: [{exec: [a], retries: 1.5}]', "night.yaml:1:29: job 'job-1': retries: expected a "
         "whole number, not '1.5'"),
        ('jobs: [{exec: [a], retries: "1"}]', "night.yaml:1:29: job 'job-1': retries: expected a "
         "whole number, not '1'"),
        ('jobs: [{exec: [a], cpu: 0777}]', "night.yaml:1:25: job 'job-1': cpu: expected a number, "
         "not '0777'"),
        ('jobs: [{exec: [a], timeout_s: .inf}]', "night.yaml:1:31: job 'job-1': timeout_s: "
         "expected a number, not '.inf'"),
        ('jobs: [{exec: [~]}]', "night.yaml:1:16: job 'job-1': exec: expected text, not nothing"),
        ('jobs: [{python: {callable: "a:b", arguments: [no]}}]', "night.yaml:1:47: job 'job-1': "
         "python.arguments: 'no' is no JSON number and not true, false or null: put it in quotes "
         'if it is text'),
        ('jobs: [{exec: [a], foreach: {each: b}}]', "night.yaml:1:36: job 'job-1': foreach: each: "
         "'b' is no earlier job with \"foreach\"; there is none"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(text: str, said: str) -> None:
    assert problems(text)[0] == said


def test_many_problems_are_not_all_told() -> None:
    lines = problems('jobs:\n' + '  - exec: 1\n' * 500)
    assert len(lines) == 101 and lines[-1] == 'night.yaml: and more'


def test_too_many_copies_are_refused_and_not_made() -> None:
    numbers = ', '.join(['1'] * 10_001)
    assert problems(f'jobs: [{{exec: [a], foreach: [{numbers}]}}]') == [
        'night.yaml:1:8: more than 10000 jobs: split the file'
    ]


# ---- foreach


def test_copies_for_files_know_their_file(tmp_path: Path) -> None:
    for name in ('b.txt', 'a.txt', 'c.bin'):
        (tmp_path / name).write_text(name)
    jobs = batch_of("""
        jobs:
          - name: pack
            foreach: {files: ['*.txt', c.bin]}
            exec: [xz, '{name}', '{stem}', '{suffix}', '{number}', '{unknown}']
            inputs: ['{path}']
            outputs: ['{name}.xz']
    """, tmp_path).jobs
    assert [job.name for job in jobs] == ['pack-1', 'pack-2', 'pack-3']
    assert jobs[0].order.input_paths == (f'{tmp_path}/a.txt',)
    assert jobs[2].order.spec.work == ExecWork(
        ('xz', 'c.bin', 'c', '.bin', '3', '{unknown}')
    )


def test_copies_for_values_keep_their_type_where_the_place_is_all() -> None:
    jobs = batch_of("""
        jobs:
          - name: sum
            foreach: [1, 2.5, {a: [1]}, text]
            python: {callable: 'a:b', arguments: {x: '{item}', y: 'is {item}'}}
    """).jobs
    assert [job.order.spec.work for job in jobs[:2]] == [
        PythonWork('a:b', '{"x":1,"y":"is 1"}'), PythonWork('a:b', '{"x":2.5,"y":"is 2.5"}')
    ]


# ---- jobs that depend on others


def test_jobs_that_read_from_others_become_one_pipeline() -> None:
    first, alone = batch_of("""
        jobs:
          - name: make
            exec: [touch, x, y]
            outputs: [x, y]
          - name: alone
            exec: ["true"]
          - name: pack
            exec: [tar, -cf, all.tar, x]
            inputs: [{from: make, output: x}]
            outputs: [all.tar]
            output_dir: out
          - name: tell
            exec: [echo]
            after: [pack]
    """, Path('/data')).jobs
    assert (alone.names, first.names) == (('alone',), ('make', 'pack', 'tell'))
    work = first.order.spec.work
    assert isinstance(work, PipelineWork)
    assert work.stages[1].feeds == (Feed('make', 'x', 'x'),)
    assert work.stages[2].after == ('pack',)
    assert first.order.spec.outputs == ('pack/all.tar',), 'only what has an output_dir comes back'


def test_one_job_reads_from_all_copies_of_another(tmp_path: Path) -> None:
    (whole,) = batch_of("""
        jobs:
          - name: make
            foreach: [1, 2]
            exec: [touch, 'f{item}']
            outputs: ['f{item}']
          - name: pack
            exec: [tar]
            inputs: [{from: make}]
    """).jobs
    work = whole.order.spec.work
    assert isinstance(work, PipelineWork)
    assert work.stages[2].feeds == (Feed('make-1', 'f1', 'f1'), Feed('make-2', 'f2', 'f2'))


def test_copies_for_each_of_the_same_are_linked_one_by_one() -> None:
    jobs = batch_of("""
        jobs:
          - name: make
            foreach: [x, y]
            exec: [touch, f]
            outputs: [f]
          - name: pack
            foreach: {each: make}
            exec: [xz, '{item}']
            inputs: [{from: make, name: in}]
    """).jobs
    assert [job.names for job in jobs] == [('make-1', 'pack-1'), ('make-2', 'pack-2')]


def test_jobs_in_a_circle_are_refused() -> None:
    (said,) = problems("""\
        jobs:
          - {name: a, exec: [x], after: [b]}
          - {name: b, exec: [x], after: [a]}
        """)
    assert said.startswith("night.yaml:2:5: job 'a' and those it is linked to: the stages wait")


def test_an_output_that_is_not_there_cannot_feed() -> None:
    assert problems("""\
        jobs:
          - {name: a, exec: [x], outputs: [p, q]}
          - {name: b, exec: [x], inputs: [{from: a}]}
          - {name: c, exec: [x], inputs: [{from: a, output: z}]}
        """) == [
        'night.yaml:3:35: job \'b\': a has 2 outputs: expected "output", one of p, q',
        'night.yaml:4:35: job \'c\': a has no output \'z\': expected "output", one of p, q',
    ]


# ---- keys


def test_the_same_run_of_the_same_file_has_the_same_keys_and_another_run_has_others() -> None:
    text = 'jobs: [{exec: [a]}, {exec: [a]}]'
    once, again, other = batch_of(text), batch_of(text), batch_of(text, run='other')
    keys = [job.order.key for job in once.jobs]
    assert keys == [job.order.key for job in again.jobs]
    assert len({*keys, *(job.order.key for job in other.jobs)}) == 4
    assert all(key.startswith('run-') for key in keys)


def test_a_job_whose_input_changed_has_another_key(tmp_path: Path) -> None:
    text = 'jobs: [{exec: [a], inputs: [f]}, {exec: [b]}]'
    (tmp_path / 'f').write_text('old')
    before = [job.order.key for job in batch_of(text, tmp_path).jobs]
    (tmp_path / 'f').write_text('newer')
    after = [job.order.key for job in batch_of(text, tmp_path).jobs]
    assert before[0] != after[0] and before[1] == after[1]


# ---- garbage

WORDS = st.sampled_from([
    'jobs', 'defaults', 'name', 'exec', 'python', 'inputs', 'from', 'foreach', 'files', 'each',
    'after', 'outputs', 'a', 'b', ':', ': ', '-', '\n', '  ', '    ', '[', ']', '{', '}', ',', '"',
    "'", '*', '&x ', '*x', '!!', '!!python/object:a ', '|', '>', '#', '1', '1e999', '~', 'true',
    '<<', '---', '...', '%', '\t', '{item}', '\x00', '\x85', '\ud800', '0x1F', '1:30', '?',
])


@settings(max_examples=400, deadline=None)
@given(st.lists(WORDS, max_size=60).map(''.join))
def test_garbage_is_read_or_refused_with_places_and_nothing_else(text: str) -> None:
    try:
        read_batch(text, 'x', Path('/nowhere'), 'run')
    except BatchErrors as error:
        assert error.problems and all(one.line >= 1 and one.column >= 1 for one in error.problems)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = ('name', 'exec', 'python', 'record', 'call', 'encode', 'inputs', 'foreach', 'after',
        'outputs', 'output_dir', 'timeout_s', 'effects', 'labels', 'retries')


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), max_size=4))
def test_any_values_in_known_places_are_read_or_refused(jobs: list[dict[str, object]]) -> None:
    import yaml

    text = yaml.safe_dump({'jobs': jobs}, allow_unicode=False)
    try:
        read_batch(text, 'x', Path('/nowhere'), 'run')
    except BatchErrors as error:
        assert error.problems
