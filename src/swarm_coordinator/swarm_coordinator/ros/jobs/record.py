# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Records topics into one MCAP file: the program of `record` jobs.

    python -m swarm_coordinator.ros.jobs.record < job.json

Owns nothing but its start; recorder.py does it.
"""

import sys

from swarm_coordinator.runner.jobs.assignment import Assignment, Report, Stop, serve


def program(assignment: Assignment, report: Report, stop: Stop) -> str:
    # Not before: the imports of ROS start threads, and the guard has to fork without any.
    from swarm_coordinator.ros.jobs.recorder import record

    return record(assignment, report, stop)


if __name__ == '__main__':
    sys.exit(serve(program, guarded=True))
