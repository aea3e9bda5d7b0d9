# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What robots say of times in which their process was not let run.

A swarm may rightly change its leader then: a test that expects it to stay asks here whether it
could.
"""

import re

from swarm_coordinator.local_swarm import LocalSwarm

HELD_UP = re.compile(r'\bheld up for (\d+) ms')
LONG_MS = 350  # with the beacon before it and a tick: the shortest election timeout


def stalls(swarm: LocalSwarm) -> int:
    """How often a robot says that it was held up for long enough to lose or doubt a leader."""
    return sum(
        int(ms) >= LONG_MS
        for name in swarm.names if swarm.log_path(name).exists()
        for ms in HELD_UP.findall(swarm.log_path(name).read_text(errors='replace'))
    )
