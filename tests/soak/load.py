# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Work without rest: a stream of jobs with files, each result checked byte by byte.

Most compress a file, some print one at length. Owns what was promised for each; never waits.
"""

from __future__ import annotations

import hashlib
import lzma
import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swarm_coordinator.cli.client import SwarmClient, Unavailable
from swarm_coordinator.ros.job_conversions import is_settled
from swarm_coordinator.ros.watcher import Watcher

OPEN_MAX = 24           # jobs that are asked for and not verified yet
ASK_AGAIN_S = 5.0
LIST_S = 3.0
SIZES = (2_000, 20_000, 60_000, 200_000)
TALKATIVE = 0.1         # share of the jobs that print instead
ATTEMPTS = 20           # a job must outlive several kills
PROGRAMS = ('xz', 'od')


@dataclass
class Order:
    """`job_id` '' until it is accepted; `outcome` as of verdict.kept()."""

    key: str
    path: Path
    sha256: str
    talks: bool
    job_id: str = ''
    asked_s: float = 0.0
    future: Any = None


@dataclass
class Load:
    client: SwarmClient
    watcher: Watcher
    folder: Path
    chance: random.Random
    per_s: float
    orders: dict[str, Order] = field(default_factory=dict)  # open ones, by key
    outcomes: dict[str, str] = field(default_factory=dict)  # job -> '' or what is wrong
    refused: list[str] = field(default_factory=list)
    done: int = 0
    asked_again: int = 0
    _made: int = 0
    _next_s: float = 0.0
    _listed_s: float = 0.0
    _listing: Any = None

    def __post_init__(self) -> None:
        self._run = f'{time.time_ns():x}'
        (self.folder / 'in').mkdir(parents=True, exist_ok=True)
        (self.folder / 'out').mkdir(exist_ok=True)

    def step(self, robots: list[str], submit: bool = True) -> None:
        now_s = time.monotonic()
        if submit and robots and len(self.orders) < OPEN_MAX and now_s >= self._next_s:
            self._next_s = max(now_s, self._next_s + 1 / self.per_s)
            self._new(robots)
        for order in list(self.orders.values()):
            if not order.job_id:
                self._await_answer(order, robots, now_s)
            elif (job := self.watcher.jobs.get(order.job_id)) is not None and is_settled(job):
                self._settle(order, job)
        self._list(robots, now_s)
        self._forget()

    # ---- asking

    def _new(self, robots: list[str]) -> None:
        self._made += 1
        key = f'{self._run}-{self._made}'
        path = self.folder / 'in' / f'{key}.txt'
        words = self.chance.randbytes(2_000).hex()
        data = ''.join(
            self.chance.choice((words, words[::-1], f'{self._made}\n'))
            for _ in range(self.chance.choice(SIZES) // len(words) + 1)
        ).encode()
        path.write_bytes(data)
        talks = self.chance.random() < TALKATIVE
        order = Order(key, path, hashlib.sha256(data).hexdigest(), talks)
        self.orders[key] = order
        self._ask(order, robots)

    def _ask(self, order: Order, robots: list[str]) -> None:
        from swarm_msgs import msg, srv

        name = order.path.name
        argv = ['od', '-c', name] if order.talks else ['xz', '--keep', name]
        request = srv.SubmitJob.Request(
            spec=msg.JobSpec(
                kind='exec', exec=[msg.ExecWork(argv=argv)],
                outputs=[] if order.talks else [f'{name}.xz'], attempts_max=ATTEMPTS,
                effects=msg.JobSpec.EFFECTS_NONE, labels=['soak'],
            ),
            input_paths=[str(order.path)],
            output_dir='' if order.talks else str(self.folder / 'out' / order.key),
            idempotency_key=order.key,
            expiry_ms=10_000,
        )
        order.asked_s = time.monotonic()
        robot = self.chance.choice(robots)
        try:
            order.future = self.client.call_async(srv.SubmitJob, 'submit_job', request, robot)
        except Unavailable:  # killed meanwhile: another one is asked
            order.future = None

    def _await_answer(self, order: Order, robots: list[str], now_s: float) -> None:
        """Where none comes, it is asked again under the same key: that can never become two."""
        if order.future is not None and order.future.done():
            answer = order.future.result()
            if answer.code == answer.ACCEPTED:
                order.job_id = answer.job_id
                self.outcomes[order.job_id] = 'accepted, and not seen done'
                return
            if answer.code == answer.REFUSED:
                self.refused.append(f'{order.key}: {answer.reason}')
                self._drop(order)
                return
        elif order.future is not None and now_s - order.asked_s < ASK_AGAIN_S:
            return
        if robots and now_s - order.asked_s > 0.5:
            self.asked_again += 1
            self._ask(order, robots)

    # ---- results

    def _settle(self, order: Order, job: Any) -> None:
        wrong = '' if job.phase == job.PHASE_DONE else f'ended as phase {job.phase}: {job.reason}'
        if not wrong and not order.talks:
            wrong = self._checked(order)
        self.outcomes[order.job_id] = wrong
        self.done += not wrong
        self._drop(order)

    def _checked(self, order: Order) -> str:
        result = self.folder / 'out' / order.key / f'{order.path.name}.xz'
        try:
            data = lzma.decompress(result.read_bytes())
        except (OSError, lzma.LZMAError) as error:
            return f'{result}: {error}'
        right = hashlib.sha256(data).hexdigest() == order.sha256
        return '' if right else f'{result} decompresses to something else'

    def _drop(self, order: Order) -> None:
        del self.orders[order.key]
        order.path.unlink()
        shutil.rmtree(self.folder / 'out' / order.key, ignore_errors=True)

    def _list(self, robots: list[str], now_s: float) -> None:
        """The views are best effort after a lost leader; this is exact."""
        from swarm_msgs import srv

        if self._listing is not None and self._listing.done():
            page = self._listing.result()
            for job in page.jobs:
                self.watcher.learn(job, page.log_index)
            self._listing = None
        known = [order.job_id for order in self.orders.values() if order.job_id]
        if known and robots and now_s - self._listed_s > LIST_S:
            self._listed_s = now_s
            request = srv.ListJobs.Request(job_ids=known, limit=OPEN_MAX)
            try:
                self._listing = self.client.call_async(
                    srv.ListJobs, 'list_jobs', request, self.chance.choice(robots))
            except Unavailable:
                self._listing = None

    def _forget(self) -> None:
        """What a watcher keeps of everything would grow with the run."""
        self.watcher.events.clear()
        if len(self.watcher.jobs) > 1000:
            wanted = {order.job_id for order in self.orders.values()}
            for job_id in [one for one, job in self.watcher.jobs.items() if is_settled(job)]:
                if job_id not in wanted:
                    del self.watcher.jobs[job_id], self.watcher._job_index[job_id]
