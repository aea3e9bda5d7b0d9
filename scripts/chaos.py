#!/usr/bin/env python3
# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Robots on hosts of their own (network namespaces, real DDS) under load and seeded faults.

Prints each fault as it strikes, then a table by fault and what was not in order. Ends with exit
code 0 only if everything was. Needs root, nftables and a C compiler. The same seed gives the same
faults at the same times; what the robots make of them depends on the machine too.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / 'build' / 'chaos'
# It uses what tests use; pytest.ini names the same folders.
sys.path[:0] = [str(ROOT / 'tests'), *map(str, sorted(ROOT.glob('src/*/test')))]

from chaos.run import chaos  # noqa: E402
from chaos.schedule import KINDS, schedule  # noqa: E402
from system.breakage import compiler  # noqa: E402
from system.netns import why_not  # noqa: E402

from swarm_coordinator.local_swarm import end_as_at_ctrl_c, robot_names  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog='chaos', description=__doc__.splitlines()[0])
    parser.add_argument('--seed', type=int, default=0, help='0 = by the clock')
    parser.add_argument('--minutes', type=float, default=10.0)
    parser.add_argument('--robots', type=int, default=5)
    parser.add_argument('--kinds', nargs='*', default=[], metavar='KIND',
                        help=f'only these: {", ".join(KINDS)}')
    parser.add_argument('--plan', action='store_true', help='print the schedule only')
    options = parser.parse_args()
    seed = options.seed or time.time_ns() % 1_000_000
    if options.plan:
        length_ms = int(options.minutes * 60_000)
        print(*schedule(seed, length_ms, robot_names(options.robots), options.kinds), sep='\n')
        return 0
    if reason := why_not() or ('' if compiler() else 'not here: no C compiler'):
        print(f'chaos: {reason}', file=sys.stderr)
        return 2
    folder = FOLDER / f'seed{seed}'
    shutil.rmtree(folder, ignore_errors=True)
    end_as_at_ctrl_c()
    try:
        report = chaos(folder, seed, options.minutes * 60, options.robots, options.kinds)
    except KeyboardInterrupt:
        print(f'\nchaos: ended; every process is gone; logs: {folder / "swarm"}', file=sys.stderr)
        return 130
    (folder / 'report.md').write_text(f'{report}\n')
    print(f'\n{report}\n\nlogs: {folder / "swarm"}')
    return 1 if report.complaints else 0


if __name__ == '__main__':
    sys.exit(main())
