# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every decoder, as the other tests leave room for: its kept inputs, and new ones by a fixed seed.

`make fuzz` goes on from here for as long as it is told to.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import mutation, run, targets, wire, worker
from fuzz.keeping import keep, smallest
from fuzz.target import CORPUS_BYTES_MAX, CORPUS_FILES_MAX, Target, file_name

TARGETS = targets.TARGETS
# What a target is tried with here; the slow ones take a few ms for each.
MUTATIONS, MUTATIONS_SLOW = 60, 15
SLOW = (
    'log_entry', 'coordinator', 'replay', 'transcript', 'learner', 'mind', 'http', 'log_file',
    'batch', 'catalogue', 'config', 'snapshot_chunks', 'agent', 'tower_messages',
    'memory_records', 'state',
)
ALL = pytest.mark.parametrize('target', TARGETS.values(), ids=TARGETS)


@ALL
def test_kept_inputs_are_taken_or_refused_as_declared(target: Target) -> None:
    for name, data in target.corpus().items():
        try:
            target.accepts(data)
        except Exception as error:
            raise AssertionError(
                f'python -m tests.fuzz.run --target {target.name} {target.corpus_folder}/{name}'
            ) from error


@ALL
def test_nearly_valid_inputs_are_taken_or_refused_as_declared(target: Target) -> None:
    taken = sum(target.accepts(seed) for seed in target.seeds)
    assert taken, 'none of the seeds is valid: nothing behind the first check is tried'
    rng = random.Random(f'{target.name} 1')
    for _ in range(MUTATIONS_SLOW if target.name in SLOW else MUTATIONS):
        target.accepts(target.mutate(rng.choice(target.seeds), rng)[: target.bytes_max])


@pytest.mark.parametrize('name', [name for name in TARGETS if name not in SLOW])
def test_any_bytes_are_taken_or_refused_as_declared(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=25, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=200))
    def holds(data: bytes) -> None:
        target.accepts(data)

    holds()


@ALL
def test_corpus_stays_small(target: Target) -> None:
    kept = target.corpus()
    assert len(kept) <= CORPUS_FILES_MAX
    assert sum(map(len, kept.values())) <= CORPUS_BYTES_MAX
    for name, data in kept.items():
        assert name in (file_name(data), file_name(data, finding=True)), 'it was changed'


def test_corpus_holds_nothing_of_targets_that_are_gone() -> None:
    corpus = run.FOLDER / 'corpus'
    assert {path.name for path in corpus.iterdir()} <= set(TARGETS)


# ---- the tools themselves


class Boom(Exception):
    """Nobody declares it."""


def broken(data: bytes) -> None:
    if data.startswith(b'abc') and len(data) > 4:
        raise Boom('found')
    if data[:1] == b'x':
        raise ValueError('refused')


BROKEN = Target('broken', broken, (ValueError,), lambda: [b'abc', b'x'], mutation.of_bytes, ())


@pytest.fixture
def work(tmp_path: run.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[run.Path]:
    monkeypatch.setattr('fuzz.target.CORPUS', tmp_path / 'corpus')
    for name in ('corpus', 'faults'):
        (tmp_path / 'work' / name).mkdir(parents=True)
    (tmp_path / 'work' / 'corpus' / 'seed').write_bytes(b'abc')
    yield tmp_path


def test_fault_is_found_and_its_input_kept_once(
    work: run.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert worker.mutated(BROKEN, work / 'work', 0.5, 1) == 1
    [fault] = (work / 'work' / 'faults').iterdir()
    with pytest.raises(Boom):
        BROKEN.accepts(fault.read_bytes())
    said = capfd.readouterr()
    assert 'FAULT' in said.out and 'Boom: found' in said.out and 'DONE' in said.err


def test_a_declared_refusal_is_no_fault(work: run.Path) -> None:
    assert not BROKEN.accepts(b'x') and BROKEN.accepts(b'y')


def test_the_same_fault_again_is_one_fault() -> None:
    places = set()
    for data in (b'abcde', b'abcdef'):
        with pytest.raises(Boom) as raised:
            BROKEN.accepts(data)
        places.add(worker.place_of(raised.value))
    assert len(places) == 1


def test_what_is_kept_is_short_and_reaches_what_the_rest_reaches(work: run.Path) -> None:
    target = TARGETS['where']
    found = {b'a=1', b'a=1,b=2,c=3,d=4,e=5', b'"', b'a="x y"', b'a', b'a=1,a=1,a=1'}
    kept = smallest(target, found, 10.0)
    assert kept and b'a=1,b=2,c=3,d=4,e=5' not in kept
    assert keep(target, found, 10.0) == len(kept) == len(list(target.corpus_folder.iterdir()))
    assert keep(target, set(), 10.0) == 0


def test_what_broke_something_once_stays_in_the_corpus(work: run.Path) -> None:
    target = TARGETS['where']
    target.corpus_folder.mkdir(parents=True)
    old = target.corpus_folder / file_name(b'old', finding=True)
    old.write_bytes(b'old')
    assert keep(target, {b'a'}, 10.0) >= 1 and old.exists()


def test_mutations_depend_on_the_seed_alone() -> None:
    for target in (TARGETS['command'], TARGETS['batch'], TARGETS['transport']):
        seed = target.seeds[0]
        first, again = ([target.mutate(seed, random.Random(n)) for n in range(20)]
                        for _ in range(2))
        assert first == again and len(set(first)) > 10


def test_script_holds_the_messages_that_it_was_made_of() -> None:
    target, kinds = TARGETS['transport'], targets.swarm_messages.KINDS
    for seed in target.seeds:
        made = list(wire.messages_of(seed, kinds))
        assert made and wire.encode(made) == seed


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_any_json_makes_a_message_that_can_be_sent(fields: object) -> None:
    from rclpy.serialization import serialize_message
    for kind in list(targets.swarm_messages.KINDS.values())[:6]:
        names = kind.get_fields_and_field_types()
        serialize_message(wire.message(kind, {name: fields for name in names}))


def test_one_input_is_tried_from_the_command_line(work: run.Path) -> None:
    good, bad = work / 'good', work / 'bad'
    good.write_bytes(b'a=1')
    bad.write_bytes(b'=')
    said = subprocess.run(
        [sys.executable, '-m', 'tests.fuzz.run', '--target', 'where', str(good), str(bad)],
        capture_output=True, text=True, timeout=120, cwd=run.ROOT)
    assert said.returncode == 0, said.stderr
    assert f'{good}: taken' in said.stdout and f'{bad}: refused' in said.stdout
