# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""From single points to whole turns of a scanner, as sensor_msgs/LaserScan wants them. Pure.

These scanners turn clockwise seen from above and say angles clockwise from the front; ROS counts
the other way (REP 103). So the last point measured has the first index, and the time between
indices is negative.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

POINTS_MAX = 20_000          # of one turn; a scanner that never says "front" fills no memory
FULL_TURN_DEG = 300.0        # less than that between two fronts is a broken turn


@dataclass(frozen=True, slots=True)
class Point:
    """`angle_deg`: clockwise from the front, [0, 360). `range_m` 0 = nothing came back."""

    angle_deg: float
    range_m: float
    intensity: float


@dataclass(frozen=True, slots=True)
class Scan:
    """One turn, counter-clockwise from -pi on, evenly spaced. NaN = not measured there,
    inf = nothing came back (REP 117)."""

    ranges_m: tuple[float, ...]
    intensities: tuple[float, ...]
    measured: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a scanner sits and what it can see. `beams`: of one scan, for the whole circle."""

    beams: int
    range_min_m: float
    range_max_m: float
    offset_rad: float = 0.0      # turned counter-clockwise by so much
    is_upside_down: bool = False

    @property
    def increment_rad(self) -> float:
        """Return the angle between two beams."""
        return 2.0 * math.pi / self.beams

    def index(self, angle_deg: float) -> int:
        """Return the beam that is nearest to a direction of the scanner."""
        turned = math.radians(angle_deg if self.is_upside_down else -angle_deg)
        return round((turned + self.offset_rad + math.pi) / self.increment_rad) % self.beams


class Revolutions:
    """Feed points in the order they were measured, get the points of whole turns."""

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._is_whole = False       # the turn that is collected began at the front

    def feed(self, points: Iterable[Point]) -> list[tuple[Point, ...]]:
        """Return the turns that these points end; what came before the first front is dropped."""
        turns = []
        for point in points:
            if self._points and self._points[-1].angle_deg - point.angle_deg > 180.0:
                turn = tuple(self._points)
                covered = turn[-1].angle_deg - turn[0].angle_deg
                if self._is_whole and covered >= FULL_TURN_DEG:
                    turns.append(turn)
                self._points.clear()
                self._is_whole = True
            if len(self._points) >= POINTS_MAX:
                self._points.clear()
                self._is_whole = False
            self._points.append(point)
        return turns


def scan_of(turn: Iterable[Point], geometry: Geometry) -> Scan:
    """Put a turn into evenly spaced beams; of several points in one the nearest counts."""
    ranges = [math.nan] * geometry.beams
    intensities = [0.0] * geometry.beams
    measured = 0
    for point in turn:
        at = geometry.index(point.angle_deg)
        far = point.range_m
        if far <= 0.0 or far > geometry.range_max_m:
            far = math.inf
        elif far < geometry.range_min_m:
            far = -math.inf          # REP 117: something is too near to be measured
        if math.isnan(ranges[at]) or abs(far) < abs(ranges[at]):
            ranges[at], intensities[at] = far, point.intensity
        measured += 1
    return Scan(tuple(ranges), tuple(intensities), measured)
