# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether a running job makes no progress any more: owns how long one is waited for.

The leader asks with the time by the log; what becomes of a stuck job the rules decide.
"""

from swarm_coordinator.core.jobs.job import Job
from swarm_coordinator.core.jobs.routes import Route
from swarm_coordinator.core.jobs.spec import Effects

MS = 1_000_000
STUCK_MS_MIN = 30_000  # below, a slow disk or a busy robot would look stuck
TIMES_P95 = 3
SAMPLES_MIN = 5  # run times without which nothing is known of what a job needs


def stuck(job: Job, route: Route | None, stamp_ns: int) -> bool:
    """`route` is that of the running attempt (task, robot, unit). False for a job whose effect
    must happen once: it cannot be run elsewhere, so nothing would be won by ending it."""
    if not job.held or not job.progressed_ns or job.spec.effects is Effects.ONCE:
        return False
    limit_ms = patience_ms(job, route)
    return limit_ms is not None and stamp_ns - job.progressed_ns > limit_ms * MS


def patience_ms(job: Job, route: Route | None) -> int | None:
    """How long it may say nothing; None: for ever.

    Three times the longest of what the job itself has shown between two words and the 95th
    percentile of the run times of its route. A job that never said anything is judged by the
    route alone: it may be of a kind that says nothing.
    """
    p95_ms = route.p95_ms() if route is not None and route.samples >= SAMPLES_MIN else 0
    spoke = job.progress_sequence > 0
    if not spoke and not p95_ms:
        return None
    return max(TIMES_P95 * max(p95_ms, job.quiet_ms), STUCK_MS_MIN)
