# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A small model of regimes and ready snapshots for tests; fitted once for a whole run."""

from __future__ import annotations

from functools import lru_cache

from swarm_learning.core.observation import Mode
from swarm_learning.core.regimes.model import RegimeModel
from swarm_learning.core.regimes.snapshot import Regime, Snapshot
from swarm_learning.core.regimes.watch import RegimeView, RegimeWatch
from swarm_learning.sim.train_regimes import trained
from swarm_learning.storage.regime_model import read_regime_model

SECOND_NS = 1_000_000_000
CALM = Snapshot(0.25, 0.9, 0.2, 5, Mode.NORMAL, goodput=0.97)
PANIC = Snapshot(0.8, 0.2, 0.9, 5, Mode.HYPERFOCUS, goodput=0.3)
THRASH = Snapshot(0.5, 0.1, 0.15, 5, Mode.NORMAL, goodput=0.95, switches_per_s=0.4)
OVER_CAUTIOUS = Snapshot(0.25, 0.9, 0.5, 5, Mode.DEFENSIVE, goodput=0.35)
STARVED = Snapshot(0.1, 0.95, 0.95, 5, Mode.NORMAL, goodput=0.02)
STAGED = {Regime.CALM: CALM, Regime.PANIC: PANIC, Regime.THRASH: THRASH,
          Regime.OVER_CAUTIOUS: OVER_CAUTIOUS}


@lru_cache(maxsize=1)
def small_model() -> RegimeModel:
    """Of few short traces: a second of work."""
    return trained(count=2, seconds=800, seed=7).model


@lru_cache(maxsize=1)
def shipped_model() -> RegimeModel:
    archive = read_regime_model()
    return RegimeModel.from_arrays(archive.arrays, archive.manifest)


def watched(
    watch: RegimeWatch, snapshot: Snapshot, seconds: int, start_ns: int, step_ns: int = SECOND_NS
) -> list[RegimeView]:
    """The views while the same snapshot comes again and again after start_ns."""
    return [watch.observe(snapshot, start_ns + i * step_ns)
            for i in range(1, seconds * SECOND_NS // step_ns + 1)]
