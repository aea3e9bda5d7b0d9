# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about learned run times."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_learning.core.run_times import (
    CONFIDENCE_WITHOUT_DATA,
    KEYS_MAX,
    KIND_LENGTH_MAX,
    PROGRAM_LENGTH_MAX,
    JobKey,
    RunTimes,
    student_t_90,
)

S = 1_000_000_000
EXEC = JobKey('exec', 'xz')


def learned(values: list[float], key: JobKey = EXEC, gap_s: int = 5) -> RunTimes:
    it = RunTimes()
    for n, value in enumerate(values):
        it.learn(key, value, n * gap_s * S)
    it.check_invariants()
    return it


def test_nothing_is_predicted_from_two_jobs() -> None:
    assert learned([100.0, 100.0]).predict(EXEC, 10 * S) is None
    assert learned([100.0] * 4).predict(EXEC, 20 * S) is not None
    assert learned([100.0] * 4).predict(JobKey('other'), 20 * S) is None


def test_prediction_covers_about_eighty_percent_of_lognormal_run_times() -> None:
    rng = random.Random(7)
    it, inside, count = RunTimes(), 0, 0
    for n in range(2000):
        value = rng.lognormvariate(7.0, 0.6)
        predicted = it.predict(EXEC, n * S)
        if predicted:
            inside += predicted.low_ms <= value <= predicted.high_ms
            count += 1
        it.learn(EXEC, value, n * S)
    assert 0.74 < inside / count < 0.86


def test_prediction_follows_jobs_that_became_slower() -> None:
    it = learned([100.0] * 200 + [1000.0] * 150)
    predicted = it.predict(EXEC, 350 * 5 * S)
    assert predicted is not None and predicted.median_ms > 800


def test_old_knowledge_fades_until_nothing_is_predicted() -> None:
    it = learned([100.0] * 20)
    assert it.predict(EXEC, 100 * S) is not None
    assert it.predict(EXEC, 4 * 3600 * S) is None


def test_confidence_without_outcomes_goes_back_to_where_it_started() -> None:
    it = learned([100.0] * 30)
    assert it.confidence(150 * S) > 0.9
    assert it.confidence(100 * 3600 * S) == pytest.approx(CONFIDENCE_WITHOUT_DATA, abs=1e-6)
    assert RunTimes().confidence(0) == CONFIDENCE_WITHOUT_DATA


def test_progress_is_felt_while_errors_fall_and_not_in_lasting_noise() -> None:
    rng = random.Random(3)
    noise = [10.0 ** rng.uniform(1, 5) for _ in range(300)]
    in_noise = learned(noise).learning_progress(300 * 5 * S)
    learning = learned([50.0] * 12).learning_progress(12 * 5 * S)
    learned_long_ago = learned([50.0] * 1000).learning_progress(1000 * 5 * S)
    assert learning > in_noise + 0.4
    assert learning > learned_long_ago + 0.4


def test_progress_fades_when_no_jobs_end() -> None:
    it = learned([10.0, 1000.0, 20.0, 4000.0] * 5 + [50.0] * 12)
    now_ns = 32 * 5 * S
    assert it.learning_progress(now_ns) > 0.1
    assert it.learning_progress(now_ns + 3600 * S) < 0.01


def test_programs_of_one_kind_have_run_times_of_their_own() -> None:
    it, fast, slow = RunTimes(), JobKey('exec', 'true'), JobKey('exec', 'xz')
    for n in range(12):
        it.learn(fast, 20.0, n * S)
        it.learn(slow, 30_000.0, n * S)
    quick, long = it.predict(fast, 12 * S), it.predict(slow, 12 * S)
    assert quick is not None and quick.high_ms < 100
    assert long is not None and long.low_ms > 10_000
    assert it.predict(JobKey('exec', 'other'), 12 * S) is None
    assert it.predict(JobKey('exec'), 12 * S) is None


def test_keys_are_bounded_and_the_least_supported_goes() -> None:
    it = learned([100.0] * 10, JobKey('exec', 'often'))
    for n in range(3 * KEYS_MAX):
        it.learn(JobKey('exec', f'program{n}'), 10.0, 60 * S)
    it.check_invariants()
    assert JobKey('exec', 'often') in it.jobs
    assert JobKey('exec', f'program{3 * KEYS_MAX - 1}') in it.jobs


def test_of_two_programs_seen_once_the_older_goes() -> None:
    it = learned([100.0] * 10, JobKey('exec', 'often'))
    for n in range(KEYS_MAX + 9):
        it.learn(JobKey('exec', f'program{n}'), 10.0, (60 + n) * S)
    kept = {key.program for key in it.jobs}
    assert kept == {'often', *(f'program{n}' for n in range(10, KEYS_MAX + 9))}


def test_of_long_names_the_start_of_a_kind_and_the_end_of_a_path_are_kept() -> None:
    long = JobKey('k' * 500, '/opt' * 100 + '/bin/xz')
    it = learned([100.0] * 5, long)
    it.learn(JobKey('k' * 500, '/opt' * 100 + '/bin/true'), 9.0, 30 * S)
    assert {key.program[-4:] for key in it.jobs} == {'n/xz', 'true'}
    assert {(len(key.kind), len(key.program)) for key in it.jobs} == {
        (KIND_LENGTH_MAX, PROGRAM_LENGTH_MAX)}
    assert it.predict(long, 30 * S) is not None


keys = st.builds(JobKey, st.text(max_size=200), st.text(max_size=200))


@given(st.lists(st.tuples(keys, st.floats(0, 2**32)), max_size=40))
def test_any_run_time_leaves_statistics_finite(jobs: list[tuple[JobKey, float]]) -> None:
    it = RunTimes()
    for n, (key, run_ms) in enumerate(jobs):
        it.learn(key, run_ms, n * S)
    it.check_invariants()
    assert math.isfinite(it.typical_run_ms(len(jobs) * S))
    assert 0.0 <= it.confidence(len(jobs) * S) <= 1.0
    assert 0.0 <= it.learning_progress(len(jobs) * S) <= 1.0


def test_typical_run_time_is_the_prior_first_and_the_data_later() -> None:
    assert RunTimes().typical_run_ms(0) == pytest.approx(1000.0)
    assert learned([50.0] * 50).typical_run_ms(250 * S) == pytest.approx(50.0, rel=0.2)


@pytest.mark.parametrize('degrees, table', [(2, 1.886), (3, 1.638), (5, 1.476), (30, 1.310)])
def test_student_quantile_matches_the_table(degrees: float, table: float) -> None:
    assert student_t_90(degrees) == pytest.approx(table, rel=0.025)
