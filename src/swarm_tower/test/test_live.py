# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Single robots from close by: only while somebody looks."""

from __future__ import annotations

from swarm_facts import S

from swarm_tower.core import live
from swarm_tower.core.live import LiveSection, Looked, OwnMind, TopicHeard


def topic(robot: str = 'r1', rate: float = 5.0) -> TopicHeard:
    return TopicHeard(robot, f'/{robot}/imu', 'sensor_msgs/msg/Imu', rate, 10, 3, (('x', 1),), '')


def test_nothing_is_kept_of_a_robot_that_nobody_looks_at() -> None:
    section = LiveSection()
    section.fold(topic(), S)
    assert list(section.keys()) == []


def test_all_of_a_robot_is_forgotten_when_nobody_looks_any_more() -> None:
    section = LiveSection()
    section.fold(Looked('r1'), S)
    section.fold(topic(), S)
    section.fold(OwnMind('r1', {'arousal': 0.5}, ('load',)), S)
    assert set(section.keys()) == {'r1/topic//r1/imu', 'r1/mind'}
    section.age(S + live.LOOK_NS)
    assert list(section.keys()) == [] and section.wanted(S + live.LOOK_NS) == []


def test_look_that_is_repeated_goes_on() -> None:
    section = LiveSection()
    for second in range(60):
        section.fold(Looked('r1'), second * S)
        section.age(second * S)
    section.fold(topic(), 59 * S)
    assert section.wanted(60 * S) == ['r1'] and len(list(section.keys())) == 1


def test_look_at_too_many_robots_ends_the_oldest() -> None:
    section = LiveSection()
    for number in range(live.LOOKED_AT_MAX + 2):
        section.fold(Looked(f'r{number}'), number * S)
        section.fold(topic(f'r{number}'), number * S)
    wanted = section.wanted(6 * S)
    assert wanted == ['r2', 'r3', 'r4', 'r5']
    assert {key.split('/')[0] for key in section.keys()} == set(wanted)  # noqa: SIM118


def test_flood_of_topics_is_bounded() -> None:
    section = LiveSection()
    section.fold(Looked('r1'), S)
    for number in range(3000):
        section.fold(
            TopicHeard('r1', f'/r1/t{number}', 'std_msgs/msg/Int8', 1.0, 1, 1, (), ''), S)
    assert len(list(section.keys())) <= live.LIVE_ROWS_MAX
