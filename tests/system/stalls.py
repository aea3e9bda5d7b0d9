# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What robots say of times in which their process was not let run, and what that excuses.

A swarm may rightly change its leader then.
"""

import re
from typing import Protocol

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


class Watched(Protocol):
    """A swarm and who watches it: a Field, or Hosts."""

    @property
    def swarm(self) -> LocalSwarm: ...

    def leader(self, names: tuple[str, ...] = ()) -> str: ...
    def term(self, robot: str) -> int: ...
    def last_words(self) -> str: ...


def assert_kept(
    made: Watched, leader: str, term: int, stalled: int, names: tuple[str, ...] = ()
) -> None:
    """Nobody has unseated the leader of `names` (default: every robot); but it, or who follows
    it, may have been held up since there were `stalled` stalls."""
    found = made.leader(names)
    if (found, made.term(found)) != (leader, term):
        assert stalls(made.swarm) > stalled, f'{found}\n{made.last_words()}'
