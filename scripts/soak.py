#!/usr/bin/env python3
# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs the demonstration again and again and adds up what its summaries say.

Every run is a new swarm that loses its leader on the way. Ends with exit code 0 only if every run
was in order: nothing lost, nothing accepted twice, every robot back, one history.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path('build/soak')
ROOT = Path(__file__).resolve().parent.parent
RUN_S = 900.0


def run(number: int, options: argparse.Namespace) -> dict[str, Any]:
    """The summary of one run; {'ok': False, ...} with its last words if it has none."""
    folder = FOLDER / f'run{number}'
    command = [sys.executable, str(ROOT / 'scripts' / 'demo.py'), '--once', '--port', '0']
    command += ['--robots', str(options.robots), '--kills', str(options.kills)]
    command += ['--folder', str(folder)]
    if options.tree:
        command += ['--tree', str(options.tree)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=RUN_S, check=False, cwd=ROOT
    )
    try:
        summary: dict[str, Any] = json.loads((ROOT / folder / 'summary.json').read_text())
    except FileNotFoundError:
        words = (done.stdout + done.stderr).strip().splitlines()[-3:]
        return {'ok': False, 'said': ' | '.join(words)}
    return summary


def line(number: int, summary: dict[str, Any]) -> str:
    if 'files' not in summary:
        return f'run {number}: NOT OK: {summary["said"]}'
    return (
        f'run {number}: {"ok" if summary["ok"] else "NOT OK"}, '
        f'{summary["verified"]} of {summary["files"]} verified, '
        f'{summary["jobs_accepted_twice"]} accepted twice, {summary["jobs_reissued"]} issued '
        f'again, failover {summary["failovers_ms"]} ms, {summary["elapsed_s"]} s'
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog='soak', description=__doc__.splitlines()[0])
    parser.add_argument('--runs', type=int, default=20)
    parser.add_argument('--robots', type=int, default=3)
    parser.add_argument('--kills', type=int, default=1)
    parser.add_argument('--tree', type=Path, help='whose files are compressed (default: as demo)')
    options = parser.parse_args()
    summaries = []
    for number in range(1, options.runs + 1):
        summaries.append(run(number, options))
        print(line(number, summaries[-1]), flush=True)
    good = [summary for summary in summaries if summary['ok']]
    failovers = [ms for one in summaries for ms in one.get('failovers_ms', [])]
    files = sum(one.get('files', 0) for one in summaries)
    verified = sum(one.get('verified', 0) for one in summaries)
    twice = sum(one.get('jobs_accepted_twice', 0) for one in summaries)
    if failovers:
        print(
            f'failover over {len(failovers)} kills: median {statistics.median(failovers):.0f} ms, '
            f'{min(failovers)} to {max(failovers)} ms'
        )
    print(
        f'{len(good)} of {len(summaries)} runs in order; {verified} of {files} jobs verified, '
        f'{twice} accepted twice'
    )
    return 0 if len(good) == len(summaries) else 1


if __name__ == '__main__':
    sys.exit(main())
