# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether learning makes heartbeats late: robots that learn and robots that do not, in turn.

Three robots run small jobs, as many as they can. How late a beacon is: what the time since the
one before it of the same robot exceeds the period by, both as DDS received them in this process.
Learners once as they are shipped, and once hurried: they decide and save once a second and record
a checkpoint every two seconds, so that all of it happens while we look. The mode is held at normal
on all sides: another one may let robots do less.
"""

from __future__ import annotations

import time
import uuid

from swarm_msgs import msg, srv

from bench._beacons import HEARTBEAT_MS, Beacons
from bench._job_client import noop_job
from bench._swarm import Watched, watched
from bench.run import write_samples
from bench.table import Row, row, tail
from swarm_coordinator.core.raft import PROFILES

ROUNDS, QUICK_ROUNDS = 5, 1
ROUND_S, QUICK_ROUND_S = 30.0, 10.0
SETTLE_S = 3.0
BATCH = 200  # robots tell of jobs some three times a second: fewer would end between two tellings
JOBS_S = 60.0
HOLD_S = 600.0
SHIPPED, HURRIED, PEER = 'learning', 'learning, hurried', 'not learning'
BOTH = ['coordinator', 'learning']
SIDES: dict[str, dict[str, object]] = {
    SHIPPED: {'parts': BOTH},
    HURRIED: {
        'parts': BOTH, 'mode_dwell_s': 1.0, 'save_period_s': 1.0, 'checkpoint_period_s': 2.0,
    },
    PEER: {'parts': ['coordinator']},
}
ELECTION_MS = PROFILES['wifi'].election_timeout_ms_min


def measure(quick: bool, runs: int = 0) -> list[Row]:
    rounds = runs or (QUICK_ROUNDS if quick else ROUNDS)
    late: dict[str, list[float]] = {side: [] for side in SIDES}
    jobs: dict[str, list[float]] = {side: [] for side in SIDES}
    for turn in range(rounds):
        for side in list(SIDES)[::-1 if turn % 2 else 1]:
            done_per_s, delays = one_round(side, QUICK_ROUND_S if quick else ROUND_S)
            late[side] += delays
            jobs[side].append(done_per_s)
            print(f'{turn + 1} of {rounds}, {side}: {done_per_s:.1f} jobs/s, {len(delays)} '
                  f'beacons, latest {max(delays):.0f} ms', flush=True)
    write_samples('heartbeats', {'late_ms': late, 'jobs_per_s': jobs})
    return rows_of(late, jobs)


def one_round(side: str, seconds: float) -> tuple[float, list[float]]:
    """Jobs done per second, and how late each beacon was (ms)."""
    with watched(3, exec_allow=['true'], job_cage='none', **SIDES[side]) as made:
        made.swarm.start_all()
        leader = made.leader()
        beacons = Beacons(made)
        hold_mode(made, leader)
        run_batch(made, leader)
        made.client.spin_until(lambda: False, SETTLE_S)
        began_s, done = time.monotonic(), 0
        while time.monotonic() < began_s + seconds:
            done += run_batch(made, leader)
        ended_s = time.monotonic()
        made.client.spin_until(lambda: False, 2 * HEARTBEAT_MS / 1000)
        return done / (ended_s - began_s), beacons.delays_ms(began_s, ended_s)


def hold_mode(made: Watched, robot: str) -> None:
    request = srv.SetOverride.Request(
        mode=msg.ModeState.MODE_NORMAL, owner='bench', reason='measured',
        duration_ms=int(HOLD_S * 1000), idempotency_key=uuid.uuid4().hex,
    )
    answer = made.client.call(srv.SetOverride, 'set_override', request, robot=robot)
    if answer.code != answer.ACCEPTED:
        raise RuntimeError(f'set_override of {robot}: {answer.reason}')


def run_batch(made: Watched, robot: str) -> int:
    """Submit some jobs and wait until they are over; returns how many. Raises RuntimeError where
    one was not done."""
    request = srv.SubmitJobs.Request(
        jobs=[msg.JobRequest(spec=noop_job('exec'), idempotency_key=uuid.uuid4().hex)
              for _ in range(BATCH)],
        expiry_ms=int(JOBS_S * 1000),
    )
    answer = made.client.call(srv.SubmitJobs, 'submit_jobs', request, JOBS_S, robot)
    if answer.code != answer.ACCEPTED:
        raise RuntimeError(f'submit_jobs of {robot}: {answer.reason}')
    known = made.watcher.jobs
    made.wait(
        lambda: all(
            one in known and known[one].phase >= msg.JobStatus.PHASE_DONE
            for one in answer.job_ids
        ),
        f'{BATCH} jobs are over', JOBS_S,
    )
    if any(known[one].phase != msg.JobStatus.PHASE_DONE for one in answer.job_ids):
        raise RuntimeError(f'not all of {BATCH} jobs were done: {answer.job_ids[0]} and so on')
    return BATCH


def rows_of(late: dict[str, list[float]], jobs: dict[str, list[float]]) -> list[Row]:
    rows, peer = [], late[PEER]
    for side in (SHIPPED, HURRIED):
        ours = late[side]
        rows += [
            tail(f'{side}: beacon later than its period, p99', 'ms', ours, 99, peer=peer,
                 peer_name=PEER, target=float(HEARTBEAT_MS)),
            row(f'{side}: the latest beacon', 'ms', [max(ours)], peer=max(peer), peer_name=PEER,
                target=float(ELECTION_MS)),
            row(f'{side}: beacons late by a period or more', '%', [share_missed(ours)],
                peer=share_missed(peer), peer_name=PEER),
            row(f'{side}: jobs meanwhile', '1/s', jobs[side], peer=jobs[PEER], peer_name=PEER),
        ]
    return rows


def share_missed(late_ms: list[float]) -> float:
    return 100 * sum(one >= HEARTBEAT_MS for one in late_ms) / len(late_ms)
