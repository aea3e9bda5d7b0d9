# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the tower. Owns defaults and their checks; knows nothing of rclpy or Tornado."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass, field
from typing import Any

ROLES = ('anonymous', 'operator', 'voter', 'non_voter', 'observer')  # of the robots' policy


def _parameter(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={'help': help_text})


def _spot(text: str) -> tuple[str, tuple[float, float, float]]:
    robot_id, _, figures = text.partition('=')
    x = y = yaw = math.nan
    with contextlib.suppress(ValueError):
        x, y, yaw = (float(one) for one in f'{figures},0'.split(',')[:3])
    if not robot_id or figures.count(',') > 2 or not math.isfinite(x + y + yaw):
        raise ValueError(
            f"markers_poses: expected 'robot_a=1.0,2.5' or 'robot_a=1.0,2.5,1.57', got {text!r}"
        )
    return robot_id, (x, y, yaw)



@dataclass(frozen=True)
class TowerConfig:
    """Everything that can be set. Wrong values raise ValueError with what was expected."""

    robot_id: str = _parameter(
        '',
        'Robot that the tower runs on, shown on the page; empty for a tower of its own machine.',
    )
    swarm_id: str = _parameter(
        'swarm', 'Swarm to watch; others on the same ROS domain are named but not shown.'
    )
    tower_host: str = _parameter(
        '127.0.0.1',
        'Address to listen on. The default is reachable from this machine only: whoever '
        'reaches the page sees everything; to act, a token is needed.',
    )
    tower_port: int = _parameter(
        8080, 'TCP port of the page, 0 to 65535; 0 takes any free port (for tests).'
    )
    tower_allowed_hosts: tuple[str, ...] = _parameter(
        ('127.0.0.1', 'localhost', '[::1]'),
        'Host names (without port) under which a browser may address the tower, besides '
        'tower_host. A list, because a foreign web site could else reach it by DNS rebinding.',
    )
    tower_tokens: str = _parameter(
        '~/.ros/swarm/tower_tokens.json',
        'File of the tokens with which people may act; made with one for an operator where there '
        'is none. Without a token the page only shows.',
    )
    tower_token_role: str = _parameter(
        'operator',
        "What who has an operator's token may ask for: a role of the robots' policy, anonymous, "
        'observer, non_voter, voter or operator. To raise a stop is always allowed.',
    )
    tower_stop_without_token: bool = _parameter(
        False,
        'Let anybody who can see the page raise (never clear) an emergency stop. Off, because '
        'whoever reaches the tower could then stop all work again and again.',
    )
    window_ms: int = _parameter(
        30,
        'Milliseconds, 10 to 5000: changes of this span go to the browsers in one message. With '
        '50 robots a browser redraws 30 times a second at 30 and 10 times at 100, which shows '
        'everything about 50 ms later and costs browser and tower less.',
    )
    stale_after_ms: int = _parameter(
        1500,
        'Milliseconds without a beacon until a robot counts as stale. 15 beacon periods: a few '
        'lost datagrams and a busy machine do not show.',
    )
    lost_after_ms: int = _parameter(
        5000,
        'Milliseconds without a beacon until a robot counts as lost; more than stale_after_ms. '
        'Chosen without data.',
    )
    clients_max: int = _parameter(
        32, 'Browsers served at the same time, 1 to 1000. Bounds the memory of the tower.'
    )

    markers_frame: str = _parameter(
        'map', 'Frame of what is drawn on /swarm/markers, as rviz has it for its fixed frame.'
    )
    markers_period_ms: int = _parameter(
        500,
        'Milliseconds between two drawings, 100 to 10000; 0 = none. Nothing is drawn while '
        'nobody listens.',
    )
    markers_poses: tuple[str, ...] = _parameter(
        (),
        "Places of robots that do not tell theirs: 'robot_a=1.0,2.5' or with a heading in "
        "radians 'robot_a=1.0,2.5,1.57'. Robots without a place are drawn on a circle.",
    )
    markers_pose_topic: str = _parameter(
        '',
        "Topic below /<robot_id>/ on which robots tell their place, such as 'pose' or 'odom': "
        'PoseStamped, PoseWithCovarianceStamped or Odometry in markers_frame. Empty = none.',
    )
    publish_aggregate: bool = _parameter(
        False,
        'Publish /diagnostics_agg, which rqt_robot_monitor reads. Off, because a '
        'diagnostic_aggregator may do it already.',
    )
    traces: bool = _parameter(
        False,
        'Send the life of every job as an OpenTelemetry trace, to where the usual variables '
        'OTEL_EXPORTER_OTLP_... say. Needs the extra [otel].',
    )
    foxglove_port: int = _parameter(
        0,
        'TCP port of a live server for Foxglove, on tower_host; 0 = none. 8765 is what Foxglove '
        'asks for first. Whoever reaches it sees everything and can do nothing. Needs the extra '
        '[foxglove].',
    )
    recorder_dir: str = _parameter(
        '',
        'Folder of the flight recorder; empty = off. Each tower needs one of its own. What is '
        'said in the swarm is written there, command lines of jobs too, never their files.',
    )
    recorder_ring_mb: int = _parameter(
        256,
        'MiB that the running record may take, 32 to 1000000; the oldest goes. Three robots '
        'make about 9 MiB an hour.',
    )
    recorder_kept_mb: int = _parameter(
        256,
        'MiB that saved recordings may take, 1 to 1000000: those of alarms make room for each '
        'other, those saved by hand stay.',
    )
    recorder_tail_s: int = _parameter(
        60, 'Seconds that are saved by an alarm or by hand, 5 to 3600.'
    )

    def __post_init__(self) -> None:
        if not 1 <= len(self.swarm_id) <= 64:
            raise ValueError(f'swarm_id: expected 1 to 64 characters, got {self.swarm_id!r}')
        if self.tower_token_role not in ROLES:
            raise ValueError(
                f'tower_token_role={self.tower_token_role!r}: expected one of {", ".join(ROLES)}'
            )
        if not self.tower_host:
            raise ValueError('tower_host: expected an address such as 127.0.0.1, got nothing')
        self._check_range('tower_port', 0, 65535)
        self._check_range('window_ms', 10, 5000)
        self._check_range('foxglove_port', 0, 65535)
        self._check_range('stale_after_ms', 100, 600_000)
        self._check_range('lost_after_ms', 200, 3_600_000)
        self._check_range('clients_max', 1, 1000)
        if self.markers_period_ms:
            self._check_range('markers_period_ms', 100, 10_000)
        if not self.markers_frame:
            raise ValueError('markers_frame: expected a name such as map, got nothing')
        if not re.fullmatch('[A-Za-z0-9_/]*', self.markers_pose_topic):
            raise ValueError(
                'markers_pose_topic: expected letters, digits, "_" and "/", got '
                f'{self.markers_pose_topic!r}'
            )
        _ = self.spots
        self._check_range('recorder_ring_mb', 32, 1_000_000)
        self._check_range('recorder_kept_mb', 1, 1_000_000)
        self._check_range('recorder_tail_s', 5, 3600)
        if self.lost_after_ms <= self.stale_after_ms:
            raise ValueError(
                f'lost_after_ms: expected more than stale_after_ms ({self.stale_after_ms}), '
                f'got {self.lost_after_ms}'
            )

    @property
    def spots(self) -> dict[str, tuple[float, float, float]]:
        """Return x, y and heading of the robots in markers_poses."""
        return dict(_spot(text) for text in self.markers_poses)

    def _check_range(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise ValueError(f'{name}: expected {low} to {high}, got {value}')
