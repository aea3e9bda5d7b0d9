# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Parameters are checked with a sentence that names them."""

from __future__ import annotations

import dataclasses

import pytest

from swarm_tower.config import TowerConfig


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('tower_port', 70000),
        ('window_ms', 0),
        ('clients_max', 0),
        ('swarm_id', ''),
        ('tower_host', ''),
        ('lost_after_ms', 1000),
        ('markers_period_ms', 50),
        ('markers_frame', ''),
        ('markers_pose_topic', 'a b'),
        ('markers_poses', ('r1',)),
        ('markers_poses', ('r1=1',)),
        ('markers_poses', ('=1,2',)),
        ('markers_poses', ('r1=1,2,3,4',)),
        ('markers_poses', ('r1=1,nan',)),
        ('markers_poses', ('r1=1,x',)),
    ],
)
def test_wrong_value_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        TowerConfig(**{field: value})  # type: ignore[arg-type]


def test_every_parameter_has_a_default_and_a_help_text() -> None:
    for field in dataclasses.fields(TowerConfig):
        assert field.default is not dataclasses.MISSING
        assert len(field.metadata['help']) > 20


def test_places_of_robots_have_a_heading_of_0_unless_told() -> None:
    config = TowerConfig(markers_poses=('r1=1,-2.5', 'r2=0,0,1.57'))
    assert config.spots == {'r1': (1.0, -2.5, 0.0), 'r2': (0.0, 0.0, 1.57)}


def test_page_is_reachable_from_this_machine_only_unless_told_otherwise() -> None:
    assert TowerConfig().tower_host == '127.0.0.1'
