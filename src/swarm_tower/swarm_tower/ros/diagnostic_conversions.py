# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Diagnostics between messages and facts. Owns words for levels and the size of everything.

`level` is a byte in the message and bytes of length one in Python; a number there ends rqt.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from swarm_tower.core.facts import ROBOT_ID
from swarm_tower.core.health_tree import ERROR, OK, STALE, WARN, Branch, Diagnosed
from swarm_tower.ros.conversions import TEXT_MAX, clip

LEVELS = {
    OK: DiagnosticStatus.OK,
    WARN: DiagnosticStatus.WARN,
    ERROR: DiagnosticStatus.ERROR,
    STALE: DiagnosticStatus.STALE,
}
WORDS = {level: word for word, level in LEVELS.items()}
SEPARATORS = re.compile('[/: ]+')
VALUES_MAX = 32
STATUSES_MAX = 256  # of one message


def owner_of(name: str, hardware_id: str, robot_ids: Collection[str]) -> str:
    """Return the robot that a status is about, '' = none that is known: whose namespace the name
    begins with, then whom the hardware_id names, then any word of the name."""
    first = name.lstrip('/').partition('/')[0]
    words = (first, *SEPARATORS.split(hardware_id), *SEPARATORS.split(name))
    return next((one for one in words if one in robot_ids and ROBOT_ID.match(one)), '')


def diagnosed(msg: DiagnosticStatus, robot_ids: Collection[str]) -> Diagnosed:
    """Take one status; a level that nobody knows is an error, as something is wrong there."""
    name, hardware_id = clip(msg.name), clip(msg.hardware_id)
    return Diagnosed(
        robot=owner_of(name, hardware_id, robot_ids),
        name=name,
        hardware_id=hardware_id,
        level=WORDS.get(msg.level, ERROR),
        message=clip(msg.message, TEXT_MAX),
        values=tuple((clip(v.key, 64), clip(v.value, 200)) for v in msg.values[:VALUES_MAX]),
    )


def status(line: Branch) -> DiagnosticStatus:
    """Return a line of the tree as a status."""
    return DiagnosticStatus(
        level=LEVELS[line.level],
        name=line.path,
        message=line.message,
        hardware_id=line.hardware_id,
        values=[KeyValue(key=key, value=value) for key, value in line.values],
    )
