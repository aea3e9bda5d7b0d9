# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Names of robots, swarms and jobs: owns what a valid one looks like, knows nothing of who is who.

Names become parts of ROS topic names, of file names and of log lines, so they are checked once,
here, wherever one comes in.
"""

import re
from typing import NewType

RobotId = NewType('RobotId', str)

_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_]{0,62}\Z')
_JOB_ID = re.compile(r'[A-Za-z0-9][A-Za-z0-9_-]{0,126}\Z')


# An incarnation counts the starts of a robot in its low bits; the high ones are random, made with
# the disk, so that a new disk does not begin where a former one began: what that one said must not
# be taken for what this one says.
STARTS_BITS = 20


def start_number(incarnation: int) -> int:
    """How often the robot has started, for people."""
    return incarnation & ((1 << STARTS_BITS) - 1)


def life_name(incarnation: int) -> str:
    """Unique among the lives of a robot: the disk and the start."""
    return f'{incarnation >> STARTS_BITS:x}-{start_number(incarnation)}'


def robot_id_from(host_name: str) -> str:
    """The host name, made a name that ROS accepts."""
    name = re.sub(r'[^A-Za-z0-9_]', '_', host_name)[:60]
    return name if name[:1].isalpha() else f'r_{name}'


def checked_name(value: str, what: str) -> str:
    """Return `value` if ROS accepts it as a name; `what` names it in the error.

    Raises ValueError. A ROS 2 name token starts with a letter and holds letters, digits and '_'.
    """
    if not _NAME.match(value):
        raise ValueError(
            f'{what}={value[:80]!r} is not a valid name: expected a letter first, then letters, '
            'digits or "_", at most 63 characters'
        )
    return value


def checked_job_id(value: str) -> str:
    """Return `value` if it can be the name of a folder everywhere; raises ValueError."""
    if not _JOB_ID.match(value):
        raise ValueError(
            f'job_id={value[:80]!r} is not valid: expected letters, digits, "_" and "-", at most '
            '127 characters'
        )
    return value
