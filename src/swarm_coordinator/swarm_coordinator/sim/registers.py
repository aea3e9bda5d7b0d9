# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A small state machine with client sessions: registers that are written, compared and read.

Owns what an entry's data means in the `registers` workload and how the state gets into a snapshot
and out of one. Refuses to know the log. One client has at most one command under way, so the last
serial and its answer are all that a session has to remember (thesis section 6.3).
"""

from __future__ import annotations

import json

from swarm_coordinator.core.raft import Entry, EntryKind, RaftCore, RobotId
from swarm_coordinator.sim.linearizability import OperationKind, Value

WRITE, CAS = OperationKind.WRITE.value, OperationKind.CAS.value
FILL = b'fill'
FILLERS_MAX = 4     # of up to 30 kB: enough for a snapshot of several chunks


def command(
    client: str, serial: int, kind: OperationKind, key: str, value: int, expected: Value
) -> bytes:
    seen = '-' if expected is None else expected
    return f'{client} {serial} {kind.value} {key} {value} {seen}'.encode()


class Registers:
    """Besides registers there are fillers, which only make log and snapshots large."""

    def __init__(self) -> None:
        self._values: dict[str, int] = {}
        self._sessions: dict[str, tuple[int, bool]] = {}
        self._fillers = [''] * FILLERS_MAX
        self.took_effect: tuple[str, int] | None = None     # client and serial, of the last entry
        self.was_repeated = False

    def apply(self, entry: Entry) -> object:
        """The answer to the client: whether it was stored. None: nothing to answer."""
        self.took_effect, self.was_repeated = None, False
        if entry.kind is not EntryKind.COMMAND:
            return None
        words = entry.data.split()
        if words[0] == FILL:
            self._fill(*words[1:])
        if len(words) != 6:
            return None
        client, serial = words[0].decode(), int(words[1])
        last, answer = self._sessions.get(client, (0, False))
        if serial <= last:
            self.was_repeated = True
            return answer if serial == last else None
        stored = self._store(*(word.decode() for word in words[2:]))
        self._sessions[client] = (serial, stored)
        self.took_effect = (client, serial)
        return stored

    def _fill(self, number: bytes, data: bytes = b'') -> None:
        self._fillers[int(number) % FILLERS_MAX] = data.decode()

    def _store(self, kind: str, key: str, value: str, expected: str) -> bool:
        if kind == CAS:
            seen = None if expected == '-' else int(expected)
            if self._values.get(key) != seen:
                return False
        self._values[key] = int(value)
        return True

    def read(self, key: str) -> Value:
        return self._values.get(key)

    def duties(
        self, core: RaftCore, robot: RobotId, incarnation: int, stamp_ns: int
    ) -> list[bytes]:
        return []

    def encode(self) -> bytes:
        return json.dumps([self._values, self._sessions, self._fillers], sort_keys=True).encode()

    @classmethod
    def decode(cls, data: bytes) -> Registers:
        made = cls()
        values, sessions, made._fillers = json.loads(data)
        made._values = {key: int(value) for key, value in values.items()}
        made._sessions = {name: (one[0], one[1]) for name, one in sessions.items()}
        return made
