# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a state machine is to a simulated robot, and how clients ask it.

Owns the words between clients and robots. Refuses to know what commands mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from swarm_coordinator.core.raft import Entry, RaftCore, RobotId


class Machine(Protocol):
    """took_effect: what the last entry changed and may change only once; None if nothing.
    was_repeated: the last entry was a command that had been applied before."""

    @property
    def took_effect(self) -> object: ...

    @property
    def was_repeated(self) -> bool: ...

    def apply(self, entry: Entry) -> object: ...

    def read(self, key: str) -> Any: ...

    def duties(
        self, core: RaftCore, robot: RobotId, incarnation: int, stamp_ns: int
    ) -> list[bytes]: ...

    def encode(self) -> bytes: ...

    @classmethod
    def decode(cls, data: bytes) -> Machine: ...


class Request(NamedTuple):
    """data None: a read of `key`. attempt: of the client, so that it can tell late answers."""

    attempt: int
    data: bytes | None
    key: str
    answer: Callable[[Reply], None]


class Reply(NamedTuple):
    """done False: not done here; `leader` may know more, None = this robot knows none."""

    request: Request
    done: bool
    value: Any
    leader: RobotId | None
