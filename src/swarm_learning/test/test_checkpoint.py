# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about what is kept of the run times, and about the file it is kept in."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.checkpoint import document_of, run_times_from
from swarm_learning.core.run_times import (
    KEYS_MAX,
    KIND_LENGTH_MAX,
    PROGRAM_LENGTH_MAX,
    JobKey,
    RunTimes,
)
from swarm_learning.storage.checkpoint_file import (
    BAD_FILES_MAX,
    SIZE_MAX_BYTES,
    Absent,
    CheckpointFile,
    Loaded,
    Rejected,
    decode,
    encode,
)

S = 1_000_000_000
EXEC, SCAN = JobKey('exec', '/usr/bin/xz'), JobKey('scan')


def learned() -> RunTimes:
    it = RunTimes()
    for n in range(20):
        it.learn(EXEC, 100.0 + 7 * (n % 5), n * S)
        it.learn(SCAN, 9000.0 - 13 * n, n * S)
    return it


def flat(document: dict) -> dict[str, float]:
    numbers = {f'{job["kind"]} {job["program"]} {key}': value for job in document['jobs']
               for key, value in job.items() if key not in ('kind', 'program')}
    return {**numbers, **{key: document[key] for key in ('schema', 'hits', 'misses')}}


def test_statistics_survive_a_round_trip() -> None:
    before, now_ns = learned(), 30 * S
    after = run_times_from(document_of(before, now_ns), 3600.0, 0)
    for key in (EXEC, SCAN):
        old, new = before.predict(key, now_ns), after.predict(key, 0)
        assert old is not None and new is not None
        assert (new.median_ms, new.samples) == pytest.approx((old.median_ms, old.samples))
        assert (new.low_ms, new.high_ms) == pytest.approx((old.low_ms, old.high_ms), rel=0.01)
    assert after.confidence(0) == pytest.approx(before.confidence(now_ns))


def test_a_second_round_trip_changes_nothing() -> None:
    once = document_of(learned(), 30 * S)
    twice = document_of(run_times_from(json.loads(json.dumps(once)), 3600.0, 0), 0)
    assert flat(twice) == pytest.approx(flat(once))


def job(**changed: object) -> dict[str, object]:
    return {'kind': 'exec', 'program': 'xz', 'weight': 5.0, 'mean_log': 1.0,
            'variance_log': 0.0, **changed}


@pytest.mark.parametrize('change', [
    {'schema': 3}, {'schema': None}, {'jobs': {}}, {'hits': -1.0}, {'hits': math.nan},
    {'misses': 'many'}, {'misses': True}, {'jobs': [3]}, {'jobs': [job(), job()]},
    {'jobs': [job(kind='x' * (KIND_LENGTH_MAX + 1))]}, {'jobs': [job(kind=7)]},
    {'jobs': [job(program='x' * (PROGRAM_LENGTH_MAX + 1))]}, {'jobs': [job(program=None)]},
    {'jobs': [job(weight=1e9)]}, {'jobs': [job(mean_log=math.inf)]},
    {'jobs': [job(weight=10 ** 400)]}, {'hits': 10 ** 400},
    {'jobs': [job(program=str(n)) for n in range(KEYS_MAX + 1)]},
])
def test_a_document_out_of_bounds_is_refused(change: dict) -> None:
    document = {**document_of(learned(), 30 * S), **change}
    with pytest.raises(ValueError, match=next(iter(change)) + '|weight|mean_log'):
        run_times_from(document, 3600.0, 0)


OLD = {'schema': 1, 'hits': 9.0, 'misses': 1.0, 'kinds': {
    'exec': {'weight': 12.0, 'mean_log': 8.0, 'variance_log': 4.0},
    'scan': {'weight': 6.0, 'mean_log': math.log(500.0), 'variance_log': 0.01}}}


def test_what_was_kept_by_kind_alone_is_that_of_an_unknown_program() -> None:
    it = run_times_from(OLD, 3600.0, 0)
    it.check_invariants()
    known = it.predict(JobKey('scan'), 0)
    assert known is not None and known.median_ms == pytest.approx(500.0)
    assert it.predict(EXEC, 0) is None, 'a mixture of programs predicts none of them'
    assert it.typical_run_ms(0) > 1000.0
    assert it.graded(0) == (9.0, 1.0)
    assert document_of(it, 0)['schema'] == 2


@pytest.mark.parametrize('kinds', [None, [], {'exec': 3}, {'exec': {}},
                                   {str(n): {} for n in range(KEYS_MAX + 1)}])
def test_an_old_document_that_is_broken_is_refused(kinds: object) -> None:
    with pytest.raises(ValueError, match='expected'):
        run_times_from({**OLD, 'kinds': kinds}, 3600.0, 0)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3),
                            st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8)


@given(st.dictionaries(st.sampled_from(['jobs', 'kinds', 'hits', 'misses']), json_values),
       st.sampled_from([1, 2]))
@settings(max_examples=60)
def test_any_document_is_used_or_refused_with_a_sentence(
    document: dict, schema: int
) -> None:
    document['schema'] = schema
    try:
        run_times_from(document, 3600.0, 0).check_invariants()
    except ValueError as refusal:
        assert 'expected' in str(refusal)


def test_an_absent_file_is_absent(tmp_path: Path) -> None:
    assert CheckpointFile(tmp_path / 'none').load() == Absent()


def test_a_saved_file_is_loaded_and_no_draft_is_left(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / 'deep' / 'er')
    file.save({'schema': 1, 'n': 0.1})
    file.save({'schema': 1, 'n': 0.2})
    assert file.load() == Loaded({'schema': 1, 'n': 0.2})
    assert [p.name for p in file.path.parent.iterdir()] == ['learning.json']


def test_any_changed_byte_of_the_content_is_noticed() -> None:
    raw = encode(document_of(learned(), 30 * S))
    content = decode(raw)
    for position in range(len(raw)):
        changed = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1:]
        try:
            assert decode(changed) == content, position  # white space may change
        except ValueError:
            continue


@pytest.mark.parametrize('raw', [
    b'', b'{', b'null', b'[]', b'{"content": {}}', b'\xff\xfe\x00', b'[' * 100_000,
    b'{"content": {"n": NaN}, "sha256": "0"}', b' ' * (SIZE_MAX_BYTES + 1),
    b'{"content": {"n": 1}, "sha256": "00"}',
])
def test_a_bad_file_is_refused_and_kept_under_another_name(tmp_path: Path, raw: bytes) -> None:
    file = CheckpointFile(tmp_path)
    file.path.write_bytes(raw)
    found = file.load()
    assert isinstance(found, Rejected)
    assert Path(found.kept_as).read_bytes() == raw
    assert file.load() == Absent()


def test_bad_files_do_not_pile_up(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path)
    for n in range(3 * BAD_FILES_MAX):
        file.path.write_text(f'bad {n}')
        assert isinstance(file.load(), Rejected)
    assert len(list(tmp_path.iterdir())) == BAD_FILES_MAX


def test_too_large_a_document_is_not_written(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path)
    file.save({'n': 1})
    with pytest.raises(ValueError, match='at most'):
        file.save({'n': 'x' * SIZE_MAX_BYTES})
    assert file.load() == Loaded({'n': 1})


def test_the_largest_statistics_fit_into_the_file() -> None:
    it = RunTimes()
    emoji = chr(0x1F600)         # twelve bytes in JSON
    for n in range(KEYS_MAX):
        it.learn(JobKey(emoji * KIND_LENGTH_MAX, emoji * PROGRAM_LENGTH_MAX + str(n)),
                 1.0 + n / 7, S)
    assert len(it.jobs) == KEYS_MAX
    assert len(encode(document_of(it, S))) < SIZE_MAX_BYTES
