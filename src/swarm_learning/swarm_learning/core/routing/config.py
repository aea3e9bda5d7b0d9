# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the settings of routing with their reasons; refuses to know where they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class RoutingConfig:
    """Every figure has its unit in its name.

    tau_s               evidence loses 63 % of its weight in it. 60: of 10 to 300 s the best in
                        simulation for worlds that change every minute or more seldom
    prior_runs          how many runs the guess from task and robot counts as; 1 lets one run
                        already count for half
    old_factor, old_runs    what was learnt of a route fades to what it was like over a time so
                        many times longer, and not at once to a guess, which counts as so many
                        runs: a robot that is good at one task only stays known as such
    unknown_work_ms     run time of a task that nobody has run yet; as Dask assumes
    prior_successes, prior_trials   a route without any outcome is thought to succeed in
                        2 of 2.2 attempts: newcomers are tried
    pooled_ends         how many ends the share of successes over all tasks of a unit counts as:
                        what fails is mostly the robot
    success_min         below it a cost says nothing any more
    overtime_factor     a run that lasts so many times its estimate counts as evidence before it
                        ends, and is expected to take as long again; as Dask does
    outlier_factor      a run counts as at most so many times its estimate: without, one giant job
                        had a fast robot avoided for minutes; a robot that really is slower than
                        that shows it in a few runs
    failures_in_a_row_max, ejection_s, ejected_share_max   the circuit breaker: as Envoy's
                        outlier detection, but up to a third, since swarms are small
    routes_max          a route takes some 300 bytes; as many as advice can hold
    outstanding_max     own jobs that are under way; more are not followed one by one
    probe_deadline_ms   how long the answers of asked robots are waited for: several round trips
                        of a busy Wi-Fi
    """

    tau_s: float = 60.0
    prior_runs: float = 1.0
    old_factor: float = 10.0
    old_runs: float = 2.0
    unknown_work_ms: float = 500.0
    prior_successes: float = 2.0
    prior_trials: float = 2.2
    pooled_ends: float = 4.0
    success_min: float = 0.02
    overtime_factor: float = 2.0
    outlier_factor: float = 8.0
    failures_in_a_row_max: int = 5
    ejection_s: float = 30.0
    ejected_share_max: float = 1.0 / 3.0
    routes_max: int = 1024
    outstanding_max: int = 4096
    probe_deadline_ms: int = 50

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            good = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not good or not math.isfinite(value) or value <= 0:
                raise ValueError(f'{one.name}={value!r}: expected a number above 0')
            if one.type == 'int' and not isinstance(value, int):
                raise ValueError(f'{one.name}={value!r}: expected a whole number')
        if self.prior_trials < self.prior_successes:
            raise ValueError(f'prior_trials={self.prior_trials}: expected at least '
                             f'prior_successes ({self.prior_successes})')
        if self.success_min > 1 or self.ejected_share_max > 1:
            raise ValueError('success_min, ejected_share_max: expected shares, at most 1')
