# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which numbers of an action's feedback are its progress."""

from __future__ import annotations

from typing import Any

import pytest

from swarm_coordinator.ros.jobs.call_progress import CallProgress


@pytest.mark.parametrize(('feedback', 'fraction'), [
    ({}, None), ({'number_of_recoveries': 3}, None), ({'progress': True}, None),
    ({'progress': 0.25}, 0.25), ({'progress': 25}, 0.25), ({'progress': 1}, 0.01),
    ({'percentage': 50.0}, 0.5), ({'percent_complete': 0.5}, 0.005), ({'fraction': 2.0}, 1.0),
    ({'job': {'progress_permille': 125}}, 0.125), ({'a': {'b': {'progress': 0.5}}}, None),
    ({'progress': -1.0}, 0.0), ({'distance_remaining': 0.0}, None),
])
def test_fraction_of_one_feedback(feedback: dict[str, Any], fraction: float | None) -> None:
    assert CallProgress().fraction(feedback) == fraction


def test_value_that_grew_above_one_was_a_percentage() -> None:
    progress = CallProgress()
    told = [progress.fraction({'progress': value}) for value in (50.0, 0.5, 1.0)]
    assert told == [0.5, 0.005, 0.01]


def test_distance_that_remains_is_of_the_largest_seen() -> None:
    progress = CallProgress()
    told = [progress.fraction({'distance_remaining': m}) for m in (0.0, 8.0, 2.0, 10.0, 5.0, 0.0)]
    assert told == [None, 0.0, 0.75, 0.0, 0.5, 1.0]
