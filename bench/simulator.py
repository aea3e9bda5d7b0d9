# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How many messages the simulator puts through the shipping Raft core per second of CPU.

Whole runs with faults, clients, checkers and the search for linearisations, on one core; what a
packet costs that arrives, is lost or doubled. A message is a packet on a link: a beacon to four
robots is four. One run is 20 seeds of 30 virtual seconds.
"""

from __future__ import annotations

from bench.table import AT_LEAST, Row, row
from swarm_coordinator.sim.campaign import Choice, Totals, run_seed

SEEDS = 20
TARGET_PER_CPU_S = 30_000
CHOICES = {
    'registers': Choice(length_ms=30_000),
    'services': Choice(length_ms=30_000, workload='services'),
    'registers, 5 voters and 2 others': Choice(length_ms=30_000, voters=5, non_voters=2),
}


def _totals(choice: Choice, first: int) -> Totals:
    totals = Totals()
    for seed in range(first, first + SEEDS):
        totals.add(*run_seed(seed, choice))
    assert not totals.failed, totals.failed[0].violation
    return totals


def measure(quick: bool) -> list[Row]:
    rows = []
    for name, choice in CHOICES.items():
        runs = [_totals(choice, SEEDS * number) for number in range(1 if quick else 5)]
        rates = [float(one.messages_per_cpu_s) for one in runs]
        rows.append(row(
            f'messages simulated ({name})', '/CPU s', rates, target=TARGET_PER_CPU_S,
            better=AT_LEAST,
        ))
        virtual = [one.sums['virtual_ms'] / 1000 / one.cpu_s for one in runs]
        rows.append(row(f'virtual time ({name})', 's/CPU s', virtual))
    return rows
