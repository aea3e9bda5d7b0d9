# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the handlers of the web server share. Owns the bundle and the port through which they ask
robots; knows nothing of ROS.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from swarm_tower.config import TowerConfig
from swarm_tower.web.gate import Gate
from swarm_tower.web.hub import Hub


class Unreachable(Exception):
    """A robot did not answer; the text says which, what was asked, and for how long."""


class Refused(ValueError):
    """The question cannot be asked; the text says what was expected."""


class Robots(Protocol):
    """Asks robots through their services."""

    async def ask(
        self, robot_id: str, service: str, fields: dict[str, Any], timeout_s: float = 5.0
    ) -> dict[str, Any]:
        """Return the answer of `/<robot_id>/<service>` as plain values.

        robot_id '' = the leader, or else any robot that is heard. Bytes come as hexadecimal text.
        Raises Unreachable, or Refused where service or fields are unknown.
        """

    def refusal(self, role: str, service: str, fields: dict[str, Any]) -> str:
        """Return why somebody of this role may not ask that, by the policy of the robot that the
        tower runs on; '' = may. Raises Refused."""


class NoRobots:
    """Stands in where no ROS is: nobody answers."""

    async def ask(
        self, robot_id: str, service: str, fields: dict[str, Any], timeout_s: float = 5.0
    ) -> dict[str, Any]:
        raise Unreachable('this tower reaches no robots')

    def refusal(self, role: str, service: str, fields: dict[str, Any]) -> str:
        return ''


class Recordings(Protocol):
    """What has been recorded. Slow: call it beside the loop. Raises ValueError that says what was
    expected, LookupError where there is none of a name."""

    @property
    def replayed(self) -> bool:
        """Tell whether this is a recording only, without a live swarm."""

    def listing(self) -> dict[str, Any]:
        """Return what there is."""

    def path(self, name: str) -> Path:
        """Return the file of a name."""

    def picture(self, name: str, at_ns: int) -> dict[str, Any]:
        """Return the snapshot of a time."""

    def save(self, reason: str, by: str) -> Path:
        """Keep the last seconds. Raises OSError, ValueError."""


@dataclass(frozen=True)
class Site:
    """One tower as its handlers see it."""

    config: TowerConfig
    hub: Hub
    robots: Robots
    allowed: frozenset[str]
    gate: Gate
    recordings: Recordings | None = None
