# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Work without rest: jobs and claims to one resource, at robots by chance.

Owns what was promised to it: which jobs were accepted and seen done, which tokens were given to
whom. Never waits.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import Any

from system.hosts import ACCEPTED, DONE, Answering, Hosts

EXPIRY_MS = 5000
ATTEMPTS_MAX = 50  # a job may be unlucky many times in here
PERIOD_S = 0.35
ASKED_MAX = 10
OPEN_MAX = 60  # accepted and not seen done: then it waits, so that the end does not take for ever
LOOK_S = 2.0
LOOKED_AT_MAX = 200
SECONDS = ('0', '0', '0', '0', '0.3', '0.3', '2')
RESOURCE = 'dock'
LEASE_MS = 2000
CLAIM_S = 1.5


@dataclass
class Load:
    hosts: Hosts
    chance: random.Random
    accepted: dict[str, float] = field(default_factory=dict)  # job -> when
    done: dict[str, float] = field(default_factory=dict)
    ended_otherwise: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    unknown: int = 0  # no answer: may or may not be in the log
    tokens: dict[int, set[str]] = field(default_factory=dict)  # of the resource -> holders
    _asked: list[Answering] = field(default_factory=list)
    _claims: list[tuple[str, Answering]] = field(default_factory=list)
    _looks: list[Answering] = field(default_factory=list)
    _next: dict[str, float] = field(default_factory=dict)
    _claimed: int = 0

    @property
    def open(self) -> list[str]:
        return [
            job for job in self.accepted
            if job not in self.done and job not in self.ended_otherwise
        ]

    def step(self, submit: bool = True) -> None:
        self._collect()
        if not self._robots():
            return
        if submit and len(self._asked) < ASKED_MAX and len(self.open) < OPEN_MAX:
            self._every('submit', PERIOD_S, self._submit)
        if submit:
            self._every('claim', CLAIM_S, self._claim)
        self._every('look', LOOK_S, self._look)

    @property
    def waits(self) -> bool:
        return bool(self._asked or self._claims)

    def _every(self, what: str, period_s: float, do: Any) -> None:
        if time.monotonic() >= self._next.get(what, 0.0):
            self._next[what] = time.monotonic() + period_s
            do()

    def _robots(self) -> list[str]:
        running = self.hosts.swarm.processes
        return [name for name in self.hosts.names if name in running]

    def _submit(self) -> None:
        seconds = self.chance.choice(SECONDS)
        argv = ['sleep', seconds] if seconds != '0' else ['true']
        robot = self.chance.choice(self._robots())
        self._asked.append(
            self.hosts.submitting(robot, argv, EXPIRY_MS, attempts_max=ATTEMPTS_MAX)
        )

    def _claim(self) -> None:
        if len(self._claims) >= ASKED_MAX:
            return
        self._claimed += 1
        robot, holder = self.chance.choice(self._robots()), f'claimant{self._claimed}'
        self._claims.append((holder, self.hosts.ask(
            robot, 'acquire_lease', 8.0, resource=RESOURCE, holder=holder, ttl_ms=LEASE_MS,
            wait_ms=4000, idempotency_key=holder,
        )))

    def _look(self) -> None:
        """At the oldest ones, wherever somebody answers."""
        if self._looks or not (jobs := self.open[:LOOKED_AT_MAX]):
            return
        robot = self.chance.choice(self._robots())
        self._looks.append(self.hosts.ask(
            robot, 'list_jobs', 4.0, job_ids=jobs, limit=LOOKED_AT_MAX
        ))

    def _collect(self) -> None:
        for one in _arrived(self._asked):
            answer = one.observer.answer(one.number)
            if answer is None or answer['code'] > 1:
                self.unknown += 1
            elif answer['code'] == ACCEPTED:
                self.accepted[answer['job_id']] = time.monotonic()
            else:
                self.refused += 1
        for holder, one in [each for each in self._claims if each[1].here]:
            self._claims.remove((holder, one))
            answer = one.observer.answer(one.number)
            if answer is not None and answer['code'] == ACCEPTED:
                lease = answer['lease']
                self.tokens.setdefault(lease['token'], set()).update({holder, lease['holder']})
        for one in _arrived(self._looks):
            for job in (one.observer.answer(one.number) or {}).get('jobs', ()):
                self._seen(job)

    def _seen(self, job: dict[str, Any]) -> None:
        if job['phase'] == DONE:
            self.done.setdefault(job['job_id'], time.monotonic())
        elif job['phase'] > DONE:
            self.ended_otherwise[job['job_id']] = job['reason']


def _arrived(waiting: list[Answering]) -> list[Answering]:
    found = [one for one in waiting if one.here]
    for one in found:
        waiting.remove(one)
    return found
