# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of this robot on their way into the log: owns serial numbers, repetition and giving up.

A command is repeated until it is seen in the log (the answer is the log itself) or its time is
over; (robot, incarnation, serial) makes every repetition harmless.
"""

from collections.abc import Container
from dataclasses import dataclass, field

from swarm_coordinator.core.replicated.command import Command

RESEND_NS = 300_000_000  # above a commit with two slow fsyncs, below what a person notices
OUTSTANDING_MAX = 4096


@dataclass
class Outstanding:
    serial: int
    command: Command
    tag: object
    deadline_ns: int
    next_send_ns: int
    asked_ns: int


@dataclass
class Proposals:
    """`settle` and `expired` hand back the tag that the issuer gave."""

    next_serial: int = 1
    outstanding: dict[int, Outstanding] = field(default_factory=dict)

    @property
    def acked_below(self) -> int:
        return next(iter(self.outstanding), self.next_serial)

    @property
    def full(self) -> bool:
        return len(self.outstanding) >= OUTSTANDING_MAX

    def add(self, command: Command, tag: object, now_ns: int, expiry_ns: int) -> Outstanding:
        item = Outstanding(self.next_serial, command, tag, now_ns + expiry_ns, now_ns, now_ns)
        self.outstanding[item.serial] = item
        self.next_serial += 1
        return item

    def due(self, now_ns: int) -> list[Outstanding]:
        """Those to be sent now; each is next due after RESEND_NS."""
        ready = [item for item in self.outstanding.values() if item.next_send_ns <= now_ns]
        for item in ready:
            item.next_send_ns = now_ns + RESEND_NS
        return ready

    def hurry(self, now_ns: int) -> None:
        """A new leader is known: everything is due at once."""
        for item in self.outstanding.values():
            item.next_send_ns = now_ns

    def expired(self, now_ns: int) -> list[Outstanding]:
        over = [item for item in self.outstanding.values() if item.deadline_ns <= now_ns]
        for item in over:
            del self.outstanding[item.serial]
        return over

    def seen(self, acked_below: int, applied: Container[int]) -> list[Outstanding]:
        """Those that the log has, where only its session with this robot tells so."""
        found = [
            item
            for item in self.outstanding.values()
            if item.serial < acked_below or item.serial in applied
        ]
        for item in found:
            del self.outstanding[item.serial]
        return found

    def drop(self, tag: object) -> None:
        """What is under way with this tag need not come into the log any more."""
        for item in [one for one in self.outstanding.values() if one.tag == tag]:
            del self.outstanding[item.serial]

    def settle(self, serial: int) -> Outstanding | None:
        return self.outstanding.pop(serial, None)
