# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Run the simulation. Exit code 1: a promise was broken.

    python -m swarm_coordinator.sim --seeds 0:200 --jobs 2
    python -m swarm_coordinator.sim --seeds 0:200 --workload jobs
    python -m swarm_coordinator.sim --day 24 --voters 3
    python -m swarm_coordinator.sim --schedule FILE
    python -m swarm_coordinator.sim --failover 300 --voters 5 --profile wifi --tick-ms 25
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

from swarm_coordinator.core.raft import PROFILES
from swarm_coordinator.sim.campaign import Choice, Progress, Totals, run_seeds, summary
from swarm_coordinator.sim.day import (
    DayReport,
    day_summary,
    hour_line,
    live,
    settings_of_day,
)
from swarm_coordinator.sim.failover import failover_ms, histogram
from swarm_coordinator.sim.run import run
from swarm_coordinator.sim.scenario import schedule_of
from swarm_coordinator.sim.schedule import WORKLOADS, MalformedSchedule, Schedule, parse
from swarm_coordinator.sim.shrink import RUNS_MAX, Shrinker

TOLD_MAX = 20       # violations; the summary counts them all
STORY_LINES = 60    # of the end of a run; all of it is thousands


def _seed_range(text: str) -> range:
    first, _, last = text.partition(':')
    return range(int(first), int(last) if last else int(first) + 1)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m swarm_coordinator.sim')
    add = parser.add_argument
    add('--seeds', type=_seed_range, default=range(0, 20), help='FIRST:END or one seed')
    add('--profile', choices=sorted(PROFILES), default='wifi')
    add('--voters', type=int, help='1 to 7; default: each seed chooses, --failover 5')
    add('--non-voters', type=int, help='further robots; default: each seed chooses')
    add('--workload', choices=WORKLOADS, default='registers')
    add('--minutes', type=float, default=1.0, help='virtual time with faults, per seed')
    add('--jobs', type=int, default=1, help='processes')
    add('--schedule', type=Path, help='play this file instead')
    add('--story', action='store_true', help='with --schedule: tell what happened')
    add('--shrink-runs', type=int, default=RUNS_MAX, help='0: do not shrink what failed')
    add('--failover', type=int, default=0, help='measure so many crashes of a leader instead')
    add('--day', type=float, default=0.0, metavar='HOURS',
        help='live through so many hours of work and faults instead: nothing may grow')
    add('--tick-ms', type=int, default=0, help='for --failover; 0 = the profile')
    return parser.parse_args(arguments)


def _run_seeds(options: argparse.Namespace) -> int:
    choice = Choice(
        options.profile, options.voters, options.non_voters, options.workload,
        round(options.minutes * 60_000),
    )
    totals, progress = Totals(), Progress(len(options.seeds))
    for report, cpu_s in run_seeds(options.seeds, choice, options.jobs):
        totals.add(report, cpu_s)
        if report.violation is not None and len(totals.failed) <= TOLD_MAX:
            print(f'\nseed {report.seed}: {report.violation}')
            print(f'  {choice.command(report.seed)}')
        progress.show(totals)
    progress.show(totals, is_last=True)
    print(summary(totals, options.workload))
    if totals.failed and options.shrink_runs:
        # The shortest failure is the one to read first.
        first = min(totals.failed, key=lambda report: (report.virtual_ms, report.seed))
        _shrink(schedule_of(
            first.seed, choice.profile, choice.voters, choice.non_voters, choice.workload,
            choice.length_ms,
        ), options.shrink_runs)
    return 1 if totals.failed else 0


def _shrink(schedule: Schedule, runs_max: int) -> None:
    print(f'\nshrinking seed {schedule.settings.seed} ({len(schedule.steps)} steps) ...')
    shrinker = Shrinker(schedule, runs_max=runs_max)
    smallest = shrinker.smallest()
    print(f'after {shrinker.runs} runs {len(smallest.steps)} steps are left; save them and play '
          f'them with --schedule FILE --story:\n\n{smallest}')
    print(f'{shrinker.report.violation}')


def _play(file: Path, with_story: bool) -> int:
    try:
        schedule = parse(file.read_text())
    except (OSError, MalformedSchedule) as error:
        print(f'{file}: {error}', file=sys.stderr)
        return 2
    try:
        report = run(schedule, keeps_story=with_story)
    except ValueError as error:     # a step that nobody performs
        print(f'{file}: {error}', file=sys.stderr)
        return 2
    for line in report.story[-STORY_LINES:]:
        print(line)
    print(f'{report.messages} messages, {report.elections} elections, {report.commits} commits')
    print(report.violation or f'every promise was kept; healed after {report.healed_ms} ms')
    return 1 if report.violation else 0


def _measure_failover(options: argparse.Namespace) -> int:
    profile = PROFILES[options.profile]
    if options.tick_ms:
        profile = dataclasses.replace(profile, tick_ms=options.tick_ms)
    seeds, voters = range(options.failover), options.voters or 5
    print(histogram([failover_ms(seed, profile, voters) for seed in seeds]))
    return 0


def _live(options: argparse.Namespace) -> int:
    if not 3 <= options.day <= 24 * 366:
        print(f'--day {options.day:g}: expected 3 hours or more', file=sys.stderr)
        return 2
    voters = options.voters or 3
    seed = options.seeds[0]
    report = DayReport()
    for report in live(settings_of_day(seed, options.day, voters, options.non_voters or 0)):
        print(hour_line(report), flush=True)
    print(f'{day_summary(report)}; {time.process_time():.0f} s of processor time')
    for complaint in report.complaints:
        print(f'NOT IN ORDER: {complaint}')
    return 1 if report.complaints else 0


def main(arguments: list[str] | None = None) -> int:
    options = _arguments(arguments)
    if options.failover:
        return _measure_failover(options)
    if options.day:
        return _live(options)
    if options.schedule:
        return _play(options.schedule, options.story)
    return _run_seeds(options)


if __name__ == '__main__':
    sys.exit(main())
