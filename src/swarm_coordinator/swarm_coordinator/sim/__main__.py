# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Run the simulation.

    python -m swarm_coordinator.sim --seeds 0:200
    python -m swarm_coordinator.sim --failover 300 --voters 5 --profile wifi --tick-ms 25
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

from swarm_coordinator.core.raft import PROFILES
from swarm_coordinator.sim.failover import failover_ms, histogram
from swarm_coordinator.sim.faults import RunSummary, run_seed


def _seed_range(text: str) -> range:
    first, _, last = text.partition(':')
    return range(int(first), int(last) if last else int(first) + 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m swarm_coordinator.sim')
    parser.add_argument('--seeds', type=_seed_range, default=range(0, 20), help='FIRST:END or N')
    parser.add_argument('--profile', choices=sorted(PROFILES), default='wifi')
    parser.add_argument('--failover', type=int, default=0, help='measure so many crashes instead')
    parser.add_argument('--voters', type=int, default=5, help='for --failover')
    parser.add_argument('--tick-ms', type=int, default=0, help='for --failover; 0 = the profile')
    return parser.parse_args()


def _run_seeds(seeds: range, profile: str) -> int:
    summaries: list[RunSummary] = []
    failed = 0
    for seed in seeds:
        try:
            summaries.append(run_seed(seed, profile))
        except Exception as error:  # a process edge: whatever the core raised is the finding
            failed += 1
            print(f'seed {seed}: {type(error).__name__}: {error}')
            print(f'  python -m swarm_coordinator.sim --seeds {seed} --profile {profile}')
    elections = sum(summary.elections for summary in summaries)
    committed = sum(summary.committed for summary in summaries)
    faults = sum(summary.faults for summary in summaries)
    slowest = max((summary.healed_ms for summary in summaries), default=0)
    print(
        f'{len(summaries)} runs passed, {failed} failed; {faults} faults, {elections} elections, '
        f'{committed} entries committed, slowest healing {slowest} ms'
    )
    return 1 if failed else 0


def main() -> int:
    arguments = _arguments()
    if not arguments.failover:
        return _run_seeds(arguments.seeds, arguments.profile)
    profile = PROFILES[arguments.profile]
    if arguments.tick_ms:
        profile = dataclasses.replace(profile, tick_ms=arguments.tick_ms)
    seeds = range(arguments.failover)
    print(histogram([failover_ms(seed, profile, arguments.voters) for seed in seeds]))
    return 0


if __name__ == '__main__':
    sys.exit(main())
