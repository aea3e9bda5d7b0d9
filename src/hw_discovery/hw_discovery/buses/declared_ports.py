# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Serial ports that an operator declares because udev does not list them, such as a pty.

No event tells when they come and go, so they are looked at once in a while; nothing is opened.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from hw_discovery.core.kernel_node import KernelNode

LOOK_S = 0.25                # one stat() for each port
PORTS_MAX = 64


class DeclaredPorts:
    """Ports by path; a link to a port may come and go."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(dict.fromkeys(paths))[:PORTS_MAX]
        self._seen = self._attachments()

    def __bool__(self) -> bool:
        return bool(self._paths)

    def nodes(self) -> list[KernelNode]:
        """Return the ports that are there now."""
        self._seen = self._attachments()
        return [KernelNode(
            'tty', f'/devices/declared/{path.strip("/").replace("/", "-")}/tty/{Path(path).name}',
            device_path=path, attributes={'attachment': self._seen[path]}, source='configuration')
            for path in self._paths if self._seen[path]]

    def changed(self) -> list[str]:
        """Return the paths that came, went or were replaced since they were last looked at."""
        now = self._attachments()
        found = [path for path in self._paths if now[path] != self._seen[path]]
        self._seen = now
        return found

    def _attachments(self) -> dict[str, str]:
        return {path: _attachment(path) for path in self._paths}


def _attachment(path: str) -> str:
    """Return what differs between two devices at a path; '' = nothing is there."""
    try:
        real = os.path.realpath(path)
        found, link = os.stat(real), os.lstat(path)
    except OSError:
        return ''
    return f'{real}:{found.st_rdev:x}:{link.st_ino:x}:{link.st_ctime_ns:x}' \
        if real != path else f'{found.st_rdev:x}:{found.st_ino:x}'
