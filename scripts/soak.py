#!/usr/bin/env python3
# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A real swarm on this machine for hours: jobs with files all the time, the leader killed now and
then. Ctrl-C ends it with the verdict so far.

Ends with exit code 0 only if memory, file descriptors and threads of every process stayed flat,
the disk within its quotas, the heartbeat period where it was, and no job was lost or done twice.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / 'build' / 'soak'
# It uses what tests use; pytest.ini names the same folders.
sys.path[:0] = [str(ROOT / 'tests'), *map(str, sorted(ROOT.glob('src/*/test')))]

from soak.run import soak  # noqa: E402

from swarm_coordinator.cli.client import Unavailable  # noqa: E402
from swarm_coordinator.local_swarm import end_as_at_ctrl_c  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog='soak', description=__doc__.splitlines()[0])
    parser.add_argument('--hours', type=float, default=1.0, help='fractions too; 0.05 at least')
    parser.add_argument('--robots', type=int, default=3, help='3 to 7 (default 3)')
    parser.add_argument('--jobs-per-s', type=float, default=2.0)
    options = parser.parse_args()
    if not (options.hours >= 0.05 and 3 <= options.robots <= 7 and 0 < options.jobs_per_s <= 50):
        print('soak: expected at least 0.05 hours, 3 to 7 robots and at most 50 jobs a second',
              file=sys.stderr)
        return 2
    end_as_at_ctrl_c()
    try:
        report = soak(FOLDER, options.hours, options.robots, options.jobs_per_s)
    except Unavailable as error:
        print(f'soak: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f'\nsoak: ended; every process is gone; logs: {FOLDER}', file=sys.stderr)
        return 130
    (FOLDER / 'report.md').write_text(f'{report}\n')
    (FOLDER / 'measured.json').write_text(f'{json.dumps(report.measured)}\n')
    print(f'\n{report}\n\nlogs: {FOLDER}')
    return 1 if report.complaints else 0


if __name__ == '__main__':
    sys.exit(main())
