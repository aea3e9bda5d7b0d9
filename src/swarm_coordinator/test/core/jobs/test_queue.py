# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which job comes next: priority, then age in the queue; finding it looks at no others."""

from __future__ import annotations

import random
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.jobs.queue import COMPACT_ABOVE, JobQueue


def test_higher_priority_comes_first_and_of_equals_the_one_that_waits_longer() -> None:
    queue = JobQueue()
    for job_id, priority in (('a', 0), ('b', 5), ('c', 5), ('d', -1)):
        queue.enter(job_id, priority)
    assert list(queue.ready()) == ['b', 'c', 'a', 'd']


def test_job_that_comes_back_is_behind_its_equals() -> None:
    queue = JobQueue()
    for job_id in 'abc':
        queue.enter(job_id, 0)
    queue.leave('a', 0)
    queue.enter('a', 0)
    assert list(queue.ready()) == ['b', 'c', 'a']


def test_resting_jobs_count_but_are_not_ready() -> None:
    queue = JobQueue()
    queue.enter('a', 0)
    queue.rest('b')
    assert (len(queue), list(queue.ready()), list(queue)) == (2, ['a'], ['a', 'b'])
    queue.wake('b', 3)
    assert list(queue.ready()) == ['b', 'a'] and not queue.resting


def test_front_of_a_long_queue_is_found_without_walking_over_what_left() -> None:
    queue = JobQueue()
    for number in range(20_000):
        queue.enter(str(number), 0)
    for number in range(20_000):
        assert next(queue.ready()) == str(number)
        queue.leave(str(number), 0)
        if number % 1000 == 0 and queue:
            [lane] = queue._lanes.values()
            assert lane.gone <= COMPACT_ABOVE + len(lane.ids)
    assert not queue and list(queue) == []


@given(seed=st.integers(0, 2**32))
def test_queue_is_that_of_a_sorted_list(seed: int) -> None:
    rng = random.Random(seed)
    queue, model, resting = JobQueue(), list[tuple[int, int, str]](), dict[str, int]()
    for number in range(150):
        choice = rng.random()
        if choice < 0.5:
            priority = rng.randint(-2, 2)
            queue.enter(str(number), priority)
            model.append((-priority, number, str(number)))
        elif choice < 0.6:
            queue.rest(str(number))
            resting[str(number)] = rng.randint(-2, 2)
        elif choice < 0.7 and resting:
            job_id = rng.choice([*resting])
            queue.wake(job_id, priority := resting.pop(job_id))
            model.append((-priority, number, job_id))
        elif model:
            negated, _, job_id = model.pop(rng.randrange(len(model)))
            queue.leave(job_id, -negated)
        queue.check_invariants()
        expected = [job_id for _, _, job_id in sorted(model)]
        assert list(queue.ready()) == expected
        assert list(islice(queue.ready(), 3)) == expected[:3]
        assert len(queue) == len(model) + len(resting)
