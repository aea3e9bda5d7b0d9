# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the tower. Owns defaults and their checks; knows nothing of rclpy or Tornado."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def _parameter(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={'help': help_text})


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
        'Address to listen on. The default is reachable from this machine only, because the page '
        'has no log-in.',
    )
    tower_port: int = _parameter(
        8080, 'TCP port of the page, 0 to 65535; 0 takes any free port (for tests).'
    )
    tower_allowed_hosts: tuple[str, ...] = _parameter(
        ('127.0.0.1', 'localhost', '[::1]'),
        'Host names (without port) under which a browser may address the tower, besides '
        'tower_host. A list, because a foreign web site could else reach it by DNS rebinding.',
    )
    window_ms: int = _parameter(
        100,
        'Milliseconds, 10 to 5000: changes of this span go to the browsers in one message. One '
        'beacon period: shorter costs CPU and shows nothing new.',
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

    def __post_init__(self) -> None:
        if not 1 <= len(self.swarm_id) <= 64:
            raise ValueError(f'swarm_id: expected 1 to 64 characters, got {self.swarm_id!r}')
        if not self.tower_host:
            raise ValueError('tower_host: expected an address such as 127.0.0.1, got nothing')
        self._check_range('tower_port', 0, 65535)
        self._check_range('window_ms', 10, 5000)
        self._check_range('stale_after_ms', 100, 600_000)
        self._check_range('lost_after_ms', 200, 3_600_000)
        self._check_range('clients_max', 1, 1000)
        if self.lost_after_ms <= self.stale_after_ms:
            raise ValueError(
                f'lost_after_ms: expected more than stale_after_ms ({self.stale_after_ms}), '
                f'got {self.lost_after_ms}'
            )

    def _check_range(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise ValueError(f'{name}: expected {low} to {high}, got {value}')
