# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Calls one ROS service or action and waits for its end: the program of `call` jobs.

    python -m swarm_coordinator.ros.jobs.call < job.json

Owns nothing but its start; caller.py does it.
"""

import sys

from swarm_coordinator.runner.jobs.assignment import Assignment, Report, Stop, serve


def program(assignment: Assignment, report: Report, stop: Stop) -> str:
    # Not before: the imports of ROS start threads, and the guard has to fork without any.
    from swarm_coordinator.ros.jobs.caller import call

    return call(assignment, report, stop)


if __name__ == '__main__':
    sys.exit(serve(program, guarded=True))
