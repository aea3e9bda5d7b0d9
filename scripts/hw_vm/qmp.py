# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor: plugs and unplugs what the guest's program asks for."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

ANSWER_S = 20.0
# What a guest may ask of its host: nothing that reaches files or processes.
ALLOWED = ('device_add', 'device_del', 'query-version')


class QmpError(Exception):
    """QEMU refused, or did not answer."""


class Qmp:
    """One connection. Events that come meanwhile are kept until somebody waits for them."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_S)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile('r', encoding='utf-8')
        self._events: list[dict[str, Any]] = []
        self._next()
        self.execute('qmp_capabilities')

    def execute(self, command: str, **arguments: Any) -> Any:
        """Return the answer, or raise QmpError with QEMU's sentence."""
        self._socket.sendall(json.dumps(
            {'execute': command, 'arguments': arguments}).encode() + b'\n')
        while True:
            told = self._next()
            if 'error' in told:
                raise QmpError(f'{command}: {told["error"].get("desc")}')
            if 'return' in told:
                return told['return']
            self._events.append(told)

    def asked(self, command: str, arguments: dict[str, Any]) -> Any:
        """Do what the guest asks; a removal is over when the guest has let go."""
        if command not in ALLOWED:
            raise QmpError(f'{command}: expected one of {", ".join(ALLOWED)}')
        answer = self.execute(command, **arguments)
        if command == 'device_del':
            self._until_deleted(str(arguments.get('id')))
        return answer

    def _until_deleted(self, name: str) -> None:
        while True:
            for event in self._events:
                if event.get('event') == 'DEVICE_DELETED' \
                        and event.get('data', {}).get('device') == name:
                    self._events.remove(event)
                    return
            self._events.append(self._next())

    def _next(self) -> dict[str, Any]:
        try:
            line = self._lines.readline()
        except OSError as error:
            raise QmpError(f'no answer within {ANSWER_S:g} s ({error})') from error
        if not line:
            raise QmpError('QEMU has ended')
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._socket.close()
