# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The picture as marks for a 3D view: robots, labels, who hears whom, the leader, jobs.

Owns places, colours and the identity of every mark. Knows neither ROS nor time. Lengths are in
metres, angles in radians, x forward and z up (REP-103).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float, float]
Colour = tuple[float, float, float, float]
Row = Mapping[str, Any]

CYLINDER, CUBE_LIST, LINE_LIST, TEXT = 'cylinder', 'cube_list', 'line_list', 'text'
ROBOTS, LABELS, LINKS, LEADER, JOBS = 'robots', 'labels', 'links', 'leader', 'jobs'
NAMESPACES = (ROBOTS, LABELS, LINKS, LEADER, JOBS)
ONLY_ID = 0  # of a mark that is alone in its namespace, and of the headline

BODY_M = 0.4
BODY_HEIGHT_M = 0.3
RING_M = 0.7
RING_HEIGHT_M = 0.04
TEXT_M = 0.16
LABEL_BELOW_M = 0.7
CUBES_ABOVE_M = 0.55
LINE_M = 0.03
CUBE_M = 0.12
CUBE_STEP_M = 0.15
APART_M = 1.8  # between neighbours on the circle
CUBES_PER_ROBOT_MAX = 8
CUBES_WAITING_MAX = 64
CUBES_PER_ROW = 8
LINKS_MAX = 512

# Okabe and Ito's colours, which colour-blind people can tell apart; words and shapes say the same.
BLUE: Colour = (0.0, 0.45, 0.70, 1.0)
ORANGE: Colour = (0.90, 0.62, 0.0, 1.0)
VERMILION: Colour = (0.84, 0.37, 0.0, 1.0)
GREEN: Colour = (0.0, 0.62, 0.45, 1.0)
SKY: Colour = (0.34, 0.71, 0.91, 1.0)
YELLOW: Colour = (0.94, 0.89, 0.26, 1.0)
GREY: Colour = (0.5, 0.5, 0.5, 0.6)
TEXT_COLOUR: Colour = (0.95, 0.95, 0.95, 1.0)
BODY_COLOURS = {'fresh': BLUE, 'stale': ORANGE}


@dataclass(frozen=True)
class Spot:
    """Where a robot is."""

    x: float
    y: float
    yaw: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.x, self.y, self.yaw)):
            raise ValueError(f'expected finite numbers, got {self.x}, {self.y}, {self.yaw}')


@dataclass(frozen=True)
class Mark:
    """One mark. Lists have points and as many colours, everything else one place and colour."""

    space: str
    id: int
    shape: str
    scale: Point
    colour: Colour
    place: Point = (0.0, 0.0, 0.0)
    yaw: float = 0.0
    text: str = ''
    points: tuple[Point, ...] = ()
    colours: tuple[Colour, ...] = ()

    @property
    def orientation(self) -> tuple[float, float, float, float]:
        """Return x, y, z, w of the quaternion."""
        return (0.0, 0.0, math.sin(self.yaw / 2), math.cos(self.yaw / 2))


@dataclass(frozen=True)
class Scene:
    """What is drawn. `heard` has for a robot those that it hears; `jobs` are as in the picture."""

    robots: Mapping[str, Row]
    leader: str
    headline: str
    heard: Mapping[str, frozenset[str]]
    jobs: Iterable[Row]
    spots: Mapping[str, Spot]


def mark_ids(robot_ids: Iterable[str]) -> dict[str, int]:
    """Return an id for each robot: the same in every tower and after every restart.

    Made from the name (FNV-1a), so that two towers on one topic do not fight. Of two names that
    fall together the later one in the alphabet moves on.
    """
    taken: dict[int, str] = {ONLY_ID: ''}
    for robot_id in sorted(robot_ids):
        number = 2166136261
        for byte in robot_id.encode():
            number = (number ^ byte) * 16777619 & 0xFFFFFFFF
        number &= 0x7FFFFFFF
        while number in taken:
            number = (number + 1) & 0x7FFFFFFF
        taken[number] = robot_id
    return {robot_id: number for number, robot_id in taken.items() if robot_id}


def places(robot_ids: Iterable[str], spots: Mapping[str, Spot]) -> dict[str, Spot]:
    """Return where every robot is drawn: at its own place, or else on a circle, facing out."""
    ids = sorted(robot_ids)
    circling = [robot_id for robot_id in ids if robot_id not in spots]
    radius = max(APART_M, APART_M * len(circling) / math.tau)
    found = {robot_id: spots[robot_id] for robot_id in ids if robot_id in spots}
    for i, robot_id in enumerate(circling):
        angle = math.tau * i / len(circling)
        found[robot_id] = Spot(radius * math.cos(angle), radius * math.sin(angle), angle)
    return found


def marks(scene: Scene) -> tuple[Mark, ...]:
    """Return everything that is drawn now, each mark once."""
    at, ids = places(scene.robots, scene.spots), mark_ids(scene.robots)
    found: list[Mark] = [_headline(scene, at)]
    for robot_id in sorted(scene.robots):
        row, spot = scene.robots[robot_id], at[robot_id]
        found.append(_body(ids[robot_id], row, spot))
        found.append(_label(ids[robot_id], robot_id, row, spot))
    if scene.leader in at:
        found.append(_ring(at[scene.leader]))
    found += _links(scene.heard, at)
    found += _cubes(scene.jobs, at)
    return tuple(found)


def _body(number: int, row: Row, spot: Spot) -> Mark:
    colour = VERMILION if row.get('emergency_active') else _presence_colour(row)
    return Mark(
        ROBOTS, number, CYLINDER, (BODY_M, BODY_M, BODY_HEIGHT_M), colour,
        (spot.x, spot.y, BODY_HEIGHT_M / 2), spot.yaw,
    )


def _presence_colour(row: Row) -> Colour:
    return BODY_COLOURS.get(row['presence'], GREY)


def _label(number: int, robot_id: str, row: Row, spot: Spot) -> Mark:
    place = (spot.x, spot.y - LABEL_BELOW_M, BODY_HEIGHT_M)  # beside it, seen from above
    return Mark(
        LABELS, number, TEXT, (TEXT_M,) * 3, TEXT_COLOUR, place, text=label_text(robot_id, row)
    )


def label_text(robot_id: str, row: Row) -> str:
    """Return what stands over a robot; what is not known is not there."""
    if row['presence'] != 'fresh':
        return f'{robot_id}\n{row["presence"]}'
    lines = [robot_id, f'{str(row["role"]).replace("_", " ")}, {row["mode"]}']
    if row.get('emergency_active'):
        lines.append('STOPPED')
    if row['held_jobs']:
        lines.append(f'{row["running_jobs"]} of {row["held_jobs"]} jobs run')
    return '\n'.join(lines)


def _headline(scene: Scene, at: Mapping[str, Spot]) -> Mark:
    spots = list(at.values())
    middle = sum(s.x for s in spots) / len(spots) if spots else 0.0
    top = max((s.y for s in spots), default=0.0) + APART_M
    return Mark(
        LABELS, ONLY_ID, TEXT, (1.5 * TEXT_M,) * 3, TEXT_COLOUR, (middle, top, TEXT_M),
        text=scene.headline,
    )


def _ring(spot: Spot) -> Mark:
    return Mark(
        LEADER, ONLY_ID, CYLINDER, (RING_M, RING_M, RING_HEIGHT_M), YELLOW,
        (spot.x, spot.y, RING_HEIGHT_M / 2),
    )


def _links(heard: Mapping[str, frozenset[str]], at: Mapping[str, Spot]) -> list[Mark]:
    """Half a line from each robot towards one that it hears: a whole line is hearing both ways."""
    points: list[Point] = []
    colours: list[Colour] = []
    pairs = [
        (hearer, other)
        for hearer in sorted(heard)
        for other in sorted(heard[hearer])
        if hearer in at and other in at and hearer != other
    ]
    for hearer, other in pairs[:LINKS_MAX]:
        a, b = at[hearer], at[other]
        both = hearer in heard.get(other, frozenset())
        points += [(a.x, a.y, LINE_M), ((a.x + b.x) / 2, (a.y + b.y) / 2, LINE_M)]
        colours += [GREEN if both else ORANGE] * 2
    return _list_of(LINKS, LINE_LIST, (LINE_M,) * 3, points, colours)


def _cubes(jobs: Iterable[Row], at: Mapping[str, Spot]) -> list[Mark]:
    """A row above each robot, and those that wait in rows below all of them."""
    kept: dict[str, list[Colour]] = {}
    for job in jobs:
        phase = job['phase']
        if phase == 'submitted':
            kept.setdefault('', []).append(ORANGE)
        elif phase in ('leased', 'running') and job['robot_id'] in at:
            colour = GREEN if phase == 'running' else SKY
            kept.setdefault(job['robot_id'], []).append(colour)
    points: list[Point] = []
    colours: list[Colour] = []
    for robot_id in sorted(kept):
        most = CUBES_PER_ROBOT_MAX if robot_id else CUBES_WAITING_MAX
        cubes = sorted(kept[robot_id])[:most]
        place = _row_place(at[robot_id]) if robot_id else _waiting_place(at)
        points += place(len(cubes))
        colours += cubes
    return _list_of(JOBS, CUBE_LIST, (CUBE_M,) * 3, points, colours)


def _row_place(spot: Spot) -> Any:
    return lambda count: [
        (spot.x + CUBE_STEP_M * (i - (count - 1) / 2), spot.y + CUBES_ABOVE_M, CUBE_M / 2)
        for i in range(count)
    ]


def _waiting_place(at: Mapping[str, Spot]) -> Any:
    left = sum(s.x for s in at.values()) / len(at) - CUBE_STEP_M * CUBES_PER_ROW / 2 if at else 0.0
    low = min((s.y for s in at.values()), default=0.0) - APART_M

    def rows(count: int) -> list[Point]:
        return [
            (
                left + CUBE_STEP_M * (i % CUBES_PER_ROW),
                low - CUBE_STEP_M * (i // CUBES_PER_ROW),
                CUBE_M / 2,
            )
            for i in range(count)
        ]

    return rows


def _list_of(
    space: str, shape: str, scale: Point, points: Sequence[Point], colours: Sequence[Colour]
) -> list[Mark]:
    """One mark for all of them; none for nothing, because viewers warn of an empty list."""
    if not points:
        return []
    return [
        Mark(
            space, ONLY_ID, shape, scale, colours[0], points=tuple(points), colours=tuple(colours)
        )
    ]
