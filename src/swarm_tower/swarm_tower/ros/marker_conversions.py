# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The picture as a scene, and its marks as a MarkerArray. Loaded when somebody looks at them: the
messages of viewers cost a process 5 MB.

Stamps are 0, which means "the latest transform" and spares viewers a wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from swarm_tower.core import markers
from swarm_tower.core.hearing import HearingSection, who_hears_whom
from swarm_tower.core.markers import Mark
from swarm_tower.core.view import SwarmView

LIFETIME_PERIODS = 3  # a tower that ends leaves nothing behind
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
SHAPES = {
    markers.CYLINDER: Marker.CYLINDER,
    markers.CUBE_LIST: Marker.CUBE_LIST,
    markers.LINE_LIST: Marker.LINE_LIST,
    markers.TEXT: Marker.TEXT_VIEW_FACING,
}


def headline(swarm: dict[str, Any]) -> str:
    """Return what stands over everything."""
    leader, mode = swarm['leader'], swarm['mode']
    led = f'{leader["leader"]} leads, ' if leader['leader'] else ''
    about = [f'swarm {swarm["swarm_id"]}: {led}{leader["text"]}']
    if mode is not None:
        about.append(f'mode {mode["mode"]}' + (', overridden' if mode['overridden'] else ''))
    return '\n'.join(about)


def scene_of(view: SwarmView, now_ns: int) -> dict[str, Any]:
    """Return what a Scene needs of the view."""
    picture = view.picture(now_ns)
    told = view.section(HearingSection.name)
    robots, swarm = picture['robots'], picture['swarm']
    return {
        'robots': robots,
        'leader': swarm['leader']['leader'],
        'headline': headline(swarm),
        'heard': who_hears_whom(robots, {key: told.get(key) for key in told.keys()}),  # noqa: SIM118
        'jobs': picture['jobs'],
    }


def message(marks: Iterable[Mark], gone: Iterable[tuple[str, int]], frame: str, period_ms: int,
            first: bool) -> MarkerArray:
    """Return the array; the first one of a tower removes what another left behind."""
    array = MarkerArray()
    if first:
        array.markers.append(_bare(frame, action=Marker.DELETEALL))
    array.markers += [
        _bare(frame, action=Marker.DELETE, ns=space, id=number) for space, number in gone
    ]
    array.markers += [_marker(mark, frame, period_ms) for mark in marks]
    return array


def _bare(frame: str, **fields: Any) -> Marker:
    marker = Marker(**fields)
    marker.header.frame_id = frame
    return marker


def _marker(mark: Mark, frame: str, period_ms: int) -> Marker:
    marker = _bare(
        frame, action=Marker.ADD, ns=mark.space, id=mark.id, type=SHAPES[mark.shape],
        text=mark.text, color=_colour(mark.colour),
    )
    marker.scale.x, marker.scale.y, marker.scale.z = mark.scale
    if mark.shape == markers.LINE_LIST:
        marker.scale.y = marker.scale.z = 0.0  # viewers warn where these are set
    marker.pose.position = _point(mark.place)
    turned = marker.pose.orientation
    turned.x, turned.y, turned.z, turned.w = mark.orientation
    marker.points = [_point(one) for one in mark.points]
    marker.colors = [_colour(one) for one in mark.colours]
    lifetime_ns = LIFETIME_PERIODS * period_ms * NS_PER_MS
    marker.lifetime = Duration(sec=lifetime_ns // NS_PER_S, nanosec=lifetime_ns % NS_PER_S)
    return marker


def _point(at: markers.Point) -> Point:
    return Point(x=at[0], y=at[1], z=at[2])


def _colour(colour: markers.Colour) -> ColorRGBA:
    red, green, blue, alpha = colour
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)
