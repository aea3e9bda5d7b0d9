# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Many seeds, on several processes, added up.

Owns the order of seeds, the progress shown and the summary. Refuses to know what a run does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import TextIO

from swarm_coordinator.sim.coverage import Situation, reachable
from swarm_coordinator.sim.run import Report, run
from swarm_coordinator.sim.scenario import schedule_of

BAR_WIDTH = 30


@dataclass(frozen=True)
class Choice:
    """What is the same for all seeds; None: each seed chooses."""

    profile: str = 'wifi'
    voters: int | None = None
    non_voters: int | None = None
    workload: str = 'registers'
    length_ms: int = 60_000

    def command(self, seed: int) -> str:
        words = [f'python -m swarm_coordinator.sim --seeds {seed} --profile {self.profile}']
        if self.voters is not None:
            words.append(f'--voters {self.voters}')
        if self.non_voters is not None:
            words.append(f'--non-voters {self.non_voters}')
        words.append(f'--workload {self.workload} --minutes {self.length_ms / 60_000:g}')
        return ' '.join(words)


@dataclass
class Totals:
    """Sums over reports; cpu_s is that of the runs, in all processes."""

    seeds: int = 0
    cpu_s: float = 0.0
    sums: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    situations: dict[str, int] = field(default_factory=dict)
    healed_ms_max: int = 0
    failed: list[Report] = field(default_factory=list)

    NUMBERS = (
        'virtual_ms', 'messages', 'lost', 'doubled', 'elections', 'commits', 'reads',
        'operations', 'unanswered', 'histories',
    )

    def add(self, report: Report, cpu_s: float) -> None:
        self.seeds += 1
        self.cpu_s += cpu_s
        for name in self.NUMBERS:
            self.sums[name] = self.sums.get(name, 0) + getattr(report, name)
        for own, more in ((self.faults, report.faults), (self.situations, report.situations)):
            for name, count in more.items():
                own[name] = own.get(name, 0) + count
        self.healed_ms_max = max(self.healed_ms_max, report.healed_ms)
        if report.violation is not None:
            self.failed.append(report)

    @property
    def messages_per_cpu_s(self) -> int:
        return round(self.sums.get('messages', 0) / self.cpu_s) if self.cpu_s else 0

    def missing(self, *workloads: str) -> list[Situation]:
        """What was never reached, of what these workloads can reach."""
        wanted = {one for workload in workloads for one in reachable(workload)}
        return [one for one in Situation if one in wanted and not self.situations.get(one.name)]


def run_seed(seed: int, choice: Choice) -> tuple[Report, float]:
    """And the CPU seconds that it took."""
    began_s = time.process_time()
    report = run(schedule_of(
        seed, choice.profile, choice.voters, choice.non_voters, choice.workload, choice.length_ms
    ))
    return report, time.process_time() - began_s


def run_seeds(seeds: Iterable[int], choice: Choice, jobs: int) -> Iterator[tuple[Report, float]]:
    """In any order. A failed seed does not stop the others."""
    if jobs <= 1:
        for seed in seeds:
            yield run_seed(seed, choice)
        return
    left = iter(seeds)
    with ProcessPoolExecutor(jobs) as pool:
        # Few at a time: a range of a million seeds must not become a million futures.
        started: set[Future[tuple[Report, float]]] = {
            pool.submit(run_seed, seed, choice) for seed in islice(left, 2 * jobs)
        }
        while started:
            done, started = wait(started, return_when=FIRST_COMPLETED)
            started |= {pool.submit(run_seed, seed, choice) for seed in islice(left, len(done))}
            for future in done:
                yield future.result()


class Progress:
    """One line that is overwritten on a terminal; elsewhere a line now and then."""

    def __init__(self, total: int, out: TextIO = sys.stderr, every_s: float = 60.0) -> None:
        self._total = total
        self._out = out
        self._is_terminal = out.isatty()
        self._every_s = 0.2 if self._is_terminal else every_s
        self._began_s = self._shown_s = time.monotonic()

    def show(self, totals: Totals, is_last: bool = False) -> None:
        now_s = time.monotonic()
        if now_s - self._shown_s < self._every_s and not (is_last and self._is_terminal):
            return
        self._shown_s = now_s
        part = totals.seeds / max(self._total, 1)
        left_s = (now_s - self._began_s) / max(part, 1e-9) * (1 - part)
        bar = '#' * round(BAR_WIDTH * part)
        text = (
            f'[{bar:<{BAR_WIDTH}}] {totals.seeds}/{self._total} seeds, '
            f'{totals.sums.get("messages", 0):,} messages, {len(totals.failed)} violations, '
            f'{left_s / 60:.0f} min left'
        )
        if self._is_terminal:
            print(f'\r{text}', end='\n' if is_last else '', file=self._out, flush=True)
        else:
            print(text, file=self._out, flush=True)


def summary(totals: Totals, workload: str = 'registers') -> str:
    sums = {name: totals.sums.get(name, 0) for name in Totals.NUMBERS}
    faults = ', '.join(f'{count:,} {verb}' for verb, count in sorted(totals.faults.items()))
    missing, shown = totals.missing(workload), reachable(workload)
    lines = [
        f'seeds                  {totals.seeds:,} ({sums["virtual_ms"] / 3_600_000:,.1f} hours of '
        'virtual time)',
        f'messages simulated     {sums["messages"]:,} ({sums["lost"]:,} lost, '
        f'{sums["doubled"]:,} doubled)',
        f'messages per CPU s     {totals.messages_per_cpu_s:,} ({totals.cpu_s:,.0f} CPU s)',
        f'faults and changes     {faults}',
        f'elections, commits     {sums["elections"]:,}, {sums["commits"]:,}',
        f'reads checked          {sums["reads"]:,}',
        f'histories checked      {sums["histories"]:,} with {sums["operations"]:,} operations '
        f'({sums["unanswered"]:,} without an answer)',
        f'slowest healing        {totals.healed_ms_max:,} ms',
        'situations reached:',
        *(f'{totals.situations.get(one.name, 0):>12,}  {one.value}' for one in shown),
        *(f'NEVER REACHED: {one.value}' for one in missing),
        f'violations             {len(totals.failed)}',
    ]
    return '\n'.join(lines)
