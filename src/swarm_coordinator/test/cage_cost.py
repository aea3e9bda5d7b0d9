# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the start of a job costs in each cage: `python cage_cost.py [starts]`, in this folder.

Median and worst of `true` as an exec job and of a python job that does nothing, from start to
report, in turn so that other work on the machine hits all alike.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from runner_bench import LIMITS, Bench, exec_job, function

from swarm_coordinator.runner.cage import CagePolicy
from swarm_coordinator.runner.job_runner import RunnerSetup


def bench(folder: Path, wall: str) -> Bench:
    cage = CagePolicy(wall, hidden=(str(folder),))
    made = Bench(folder, LIMITS, RunnerSetup(('python_calls:noop',), 1, cage=cage))
    made.runner.warm()
    print(f'{wall}: {made.runner.cage.told()}')
    return made


def main(starts: int) -> None:
    jobs = {'exec': exec_job('true'), 'python': function('noop')}
    took: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        walls = ('none', 'user', 'bubblewrap')
        benches = {wall: bench(Path(folder) / wall, wall) for wall in walls}
        for number in range(starts + 1):
            for wall, made in benches.items():
                for kind, job in jobs.items():
                    began = time.perf_counter()
                    end = made.run(job)
                    assert end.exit_code == 0, end
                    if number:  # the first is not warm
                        spent = (time.perf_counter() - began) * 1000
                        took.setdefault((wall, kind), []).append(spent)
        for made in benches.values():
            made.close()
    for (wall, kind), times in took.items():
        print(f'{wall:10} {kind:6} median {statistics.median(times):6.2f} ms, '
              f'worst {max(times):6.2f} ms of {len(times)}')


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
