# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What each store does to its files, and what it promises. A new one is added to CASES."""

from __future__ import annotations

from cuts.cases.files import Blobs, EncoderCache, Fence, Output
from cuts.cases.learner import Checkpoints, DamagedMemory, Memory, Mind, Policies, Statistics
from cuts.cases.log import (
    EmergencyLatch,
    Formatting,
    Log,
    Recovering,
    SettingAside,
    Upgrading,
)
from cuts.cases.others import Alarms, Found, Recording, Tokens
from cuts.engine import Case

CASES: dict[str, Case] = {
    one.name: one
    for one in (
        Formatting(), Log(), Upgrading(), EmergencyLatch(), Recovering(), SettingAside(),
        Blobs(), Fence(), Output(), EncoderCache(),
        Statistics(), Mind(), Checkpoints(), Policies(), Memory(), DamagedMemory(),
        Tokens(), Found(), Recording(), Alarms(),
    )
}
