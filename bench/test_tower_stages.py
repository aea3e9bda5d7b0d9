# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The way of a beacon, put together from the notes of tower and page."""

from __future__ import annotations

import json
from pathlib import Path

from bench._tower_stages import STAGES, notes_of, stage_table, ways

TOWER = [
    ['heard', 'a', 1000, 1001.0, 1001.5],
    ['heard', 'b', 1002, 1003.0, 1003.5],
    ['told', 7, 1020.0, 1021.0, [['a', 1000], ['b', 1002]]],
    ['sent', 7, 1022.0],
]
PAGE = [[7, 1025.0]]
DRAWN = [['a', 1000, 1026.0, 1030.0], ['b', 1002, 1026.0, 1030.0]]


def test_stages_add_up_to_the_whole_way() -> None:
    assert ways(TOWER, PAGE, DRAWN) == [
        [1.0, 0.5, 18.5, 1.0, 1.0, 3.0, 1.0, 4.0],
        [1.0, 0.5, 16.5, 1.0, 1.0, 3.0, 1.0, 4.0],
    ]
    whole, *stages = stage_table(ways(TOWER, PAGE, DRAWN))
    assert (whole.min, whole.max, len(stages)) == (28.0, 30.0, len(STAGES))


def test_beacon_that_one_side_has_not_noted_is_left_out() -> None:
    assert ways(TOWER[1:], PAGE, DRAWN) == ways(TOWER, PAGE, DRAWN)[1:]
    assert ways(TOWER, [], DRAWN) == []


def test_line_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / 'stages'
    file.write_text(json.dumps(TOWER[3]) + '\n' + json.dumps(TOWER[0])[:9])
    assert notes_of(file) == [TOWER[3]]
