# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The emergency register of the swarm, as robots announce it. Owns which announcement counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from swarm_tower.core.facts import Told
from swarm_tower.core.section import Section

KEY = 'register'


@dataclass(frozen=True)
class Emergency(Told):
    """One announcement. Anybody raises it; clearing makes a newer epoch that is not active."""

    sender: str
    epoch: int  # 0 = never raised
    active: bool
    raised_by: str
    reason: str
    stamp_ms: int | None


class EmergencySection(Section):
    """One row: who raised it and why. Of several senders the highest epoch is right, and at one
    epoch that it is active; a sender's newest word replaces its own. Whether robots have stopped
    is told by themselves, in their beacons."""

    name = 'emergency'
    takes = (Emergency,)
    rows_max = 1

    def fold(self, fact: Told, now_ns: int) -> None:
        assert isinstance(fact, Emergency)
        held = self.get(KEY)
        other = held is not None and held['sender'] != fact.sender
        if other and (fact.epoch, fact.active) <= (held['epoch'], held['active']):
            return
        self.put(KEY, asdict(fact))
