# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Other systems that replicate a log, run on this machine to be measured beside ours.

None of them is a dependency: one that is not installed is named with the command that installs
it, and left out.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable

MISSING_SAID: set[str] = set()


class Missing(Exception):
    """The peer is not installed. `command` installs it."""

    def __init__(self, what: str, command: str) -> None:
        super().__init__(f'{what} is not installed and is left out; it comes with: {command}')
        self.command = command


def available(*checks: Callable[[], object]) -> list[bool]:
    """Which of the peers are installed; each one that is missing is said on stderr, once."""
    found = []
    for check in checks:
        try:
            check()
            found.append(True)
        except Missing as missing:
            found.append(False)
            if str(missing) not in MISSING_SAID:
                MISSING_SAID.add(str(missing))
                print(f'bench: {missing}', file=sys.stderr, flush=True)
    return found


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(('127.0.0.1', 0))
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, and wait until it is gone."""
    process.kill()
    process.wait()
