# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""All fuzz targets by name: the one place to look for what is tried, and to add to.

A new decoder gets a `Target` in the file of its area, and is then tried by the tests, by
`make fuzz` and by `python -m tests.fuzz.run`.
"""

from __future__ import annotations

from . import coordination, files, hardware, identity, keys, learning, swarm_messages, tower
from .target import Target

AREAS = (coordination, swarm_messages, files, hardware, identity, keys, learning, tower)
TARGETS: dict[str, Target] = {one.name: one for area in AREAS for one in area.TARGETS}
assert len(TARGETS) == sum(len(area.TARGETS) for area in AREAS), 'two targets of one name'
