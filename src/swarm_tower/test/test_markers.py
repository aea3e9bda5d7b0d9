# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is drawn is valid, means what it shows, and keeps its identity."""

from __future__ import annotations

import math
from typing import Any

import pytest

from swarm_tower.core import markers
from swarm_tower.core.markers import Mark, Scene, Spot, label_text, mark_ids, marks, places


def robot(presence: str = 'fresh', **more: Any) -> dict[str, Any]:
    return {
        'presence': presence, 'role': 'follower', 'mode': 'normal', 'leader': 'r1',
        'held_jobs': 0, 'running_jobs': 0, **more,
    }


def scene(count: int = 3, **more: Any) -> Scene:
    robots = {f'r{i + 1}': robot() for i in range(count)}
    values: dict[str, Any] = {
        'robots': robots, 'leader': 'r1', 'headline': 'r1 leads', 'jobs': (), 'spots': {},
        'heard': {'r1': frozenset({'r2', 'r3'}), 'r2': frozenset({'r1'})},
        **more,
    }
    return Scene(**values)


def job(phase: str, robot_id: str = '') -> dict[str, Any]:
    return {'phase': phase, 'robot_id': robot_id}


JOBS = (job('running', 'r1'), job('leased', 'r2'), job('submitted'), job('done', 'r1'))
BUSY = scene(jobs=JOBS)
SCENES = {
    'empty': scene(0, leader='', heard={}),
    'three': BUSY,
    'fifty': scene(50, jobs=[job('running', f'r{i % 50}') for i in range(2000)]),
    'placed': scene(spots={'r1': Spot(3.0, -2.0, math.pi)}),
    'lost': scene(robots={'r1': robot('lost'), 'r2': robot('stale'), 'r3': robot('unheard')}),
}


def of(found: tuple[Mark, ...], space: str) -> list[Mark]:
    return [mark for mark in found if mark.space == space]


@pytest.mark.parametrize('name', SCENES)
def test_every_mark_is_one_that_a_viewer_shows(name: str) -> None:
    found = marks(SCENES[name])
    keys = [(mark.space, mark.id) for mark in found]
    assert len(set(keys)) == len(keys)
    for mark in found:
        assert mark.space in markers.NAMESPACES and 0 <= mark.id < 2**31
        numbers = [*mark.scale, *mark.place, *mark.colour, *mark.orientation]
        numbers += [value for point in mark.points for value in point]
        assert all(math.isfinite(value) for value in numbers)
        assert min(mark.scale) > 0
        assert all(0 <= value <= 1 for value in mark.colour)
        assert all(colour[3] > 0 for colour in (mark.colour, *mark.colours))
        assert math.isclose(sum(value**2 for value in mark.orientation), 1.0)
        is_list = mark.shape in (markers.LINE_LIST, markers.CUBE_LIST)
        assert bool(mark.points) == is_list and len(mark.points) == len(mark.colours)
        assert mark.shape != markers.LINE_LIST or len(mark.points) % 2 == 0
        assert (mark.shape == markers.TEXT) == bool(mark.text)


def test_number_of_marks_is_bounded_whatever_the_jobs() -> None:
    found = marks(SCENES['fifty'])
    assert len(found) == 1 + 2 * 50 + 1 + 2
    (cubes,) = of(found, markers.JOBS)
    assert len(cubes.points) <= 50 * markers.CUBES_PER_ROBOT_MAX


def test_ids_stay_when_others_come_and_go() -> None:
    few, many = mark_ids(['r2', 'r1']), mark_ids([f'r{i}' for i in range(64)])
    assert {robot_id: many[robot_id] for robot_id in few} == few
    assert len(set(many.values())) == 64 and markers.ONLY_ID not in many.values()


def test_two_names_that_fall_together_get_two_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ['costarring', 'liquid']  # a known pair of the 32-bit FNV-1a
    ids = mark_ids(names)
    assert ids['liquid'] == ids['costarring'] + 1
    assert ids == mark_ids(reversed(names))


def test_robots_without_a_place_stand_apart_on_a_circle() -> None:
    found = places([f'r{i}' for i in range(20)], {})
    spots = list(found.values())
    gaps = [
        math.hypot(a.x - b.x, a.y - b.y) for i, a in enumerate(spots) for b in spots[i + 1 :]
    ]
    assert min(gaps) > 2 * markers.BODY_M
    assert len({round(math.hypot(s.x, s.y), 6) for s in spots}) == 1


def test_robot_with_a_place_is_drawn_there() -> None:
    found = {mark.id: mark for mark in of(marks(SCENES['placed']), markers.ROBOTS)}
    body = found[mark_ids(['r1'])['r1']]
    assert body.place[:2] == (3.0, -2.0) and body.yaw == math.pi


@pytest.mark.parametrize('wrong', [math.nan, math.inf, -math.inf])
def test_place_that_is_no_number_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match='finite'):
        Spot(0.0, wrong)


def test_leader_has_a_ring_and_without_a_leader_there_is_none() -> None:
    (ring,) = of(marks(BUSY), markers.LEADER)
    assert ring.place[:2] == (places(BUSY.robots, {})['r1'].x, places(BUSY.robots, {})['r1'].y)
    assert of(marks(scene(leader='')), markers.LEADER) == []
    assert of(marks(scene(leader='r9')), markers.LEADER) == []


def test_hearing_both_ways_is_a_whole_line_and_one_way_half_of_one() -> None:
    (links,) = of(marks(BUSY), markers.LINKS)
    at = places(BUSY.robots, {})
    starts = [point[:2] for point in links.points[::2]]
    assert starts.count((at['r1'].x, at['r1'].y)) == 2 and (at['r3'].x, at['r3'].y) not in starts
    colour_of = dict(zip(starts, links.colours[::2], strict=True))
    assert colour_of[(at['r2'].x, at['r2'].y)] == markers.GREEN
    assert links.colours[2] == markers.ORANGE  # from r1 towards r3, which does not hear it


def test_nobody_is_linked_to_itself_or_to_who_is_not_drawn() -> None:
    heard = {'r1': frozenset({'r1', 'r9'}), 'r9': frozenset({'r1'})}
    assert of(marks(scene(heard=heard)), markers.LINKS) == []


def test_jobs_that_have_ended_are_not_drawn() -> None:
    (cubes,) = of(marks(BUSY), markers.JOBS)
    assert len(cubes.points) == 3
    assert set(cubes.colours) == {markers.GREEN, markers.SKY, markers.ORANGE}
    assert of(marks(scene(jobs=[job('done', 'r1')])), markers.JOBS) == []


def test_what_is_not_heard_is_said_and_not_guessed() -> None:
    assert label_text('r1', {'presence': 'lost'}) == 'r1\nlost'
    assert label_text('r1', {'presence': 'unheard'}) == 'r1\nunheard'
    busy = robot(held_jobs=3, running_jobs=1)
    assert label_text('r1', busy) == 'r1\nfollower, normal\n1 of 3 jobs run'
    assert 'STOPPED' in label_text('r1', robot(emergency_active=True))
    bodies = of(marks(SCENES['lost']), markers.ROBOTS)
    assert {body.colour for body in bodies} == {markers.GREY, markers.ORANGE}
