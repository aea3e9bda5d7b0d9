# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The time of the log is guessed from what was heard, and never goes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from swarm_learning.core.log_time import LogTime


def test_it_goes_on_from_the_last_stamp_that_was_heard() -> None:
    log = LogTime()
    assert log.at(5) == 0
    log.note(1000, 5)
    assert log.at(15) == 1010
    log.note(1005, 15)
    assert log.at(15) == 1010, 'that stamp is of an old entry'
    log.note(2000, 20)
    assert log.at(25) == 2005


@given(st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 50)), max_size=30))
def test_it_never_goes_back(heard: list[tuple[int, int]]) -> None:
    log, now_ns, last = LogTime(), 0, 0
    for stamp_ns, step_ns in heard:
        now_ns += step_ns
        log.note(stamp_ns, now_ns)
        assert log.at(now_ns) >= max(last, stamp_ns)
        last = log.at(now_ns)
