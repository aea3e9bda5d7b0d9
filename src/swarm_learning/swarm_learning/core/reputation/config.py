# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the settings of reputation with their limits; refuses to know where they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class ReputationConfig:
    """Settings of reputation.

    rounds_memory        rounds after which evidence has faded to 1/e; 50 is a half-life of 35
                         rounds, and a round is two settled attempts per known robot
    days_memory          days after which it has, too: an idle swarm forgets as well; a month
                         outlives a holiday (chosen without data)
    kappa                receipts; all that one rater says of one robot counts at most this much
    failure_factor       a failure counts as much as this many successes
    lie_factor           a lie costs as much credibility as this many truths give
    unconfirmed_success  share of a success that the executor has not confirmed, but the log has
    unconfirmed_failure  share of a failure that the requester has not confirmed, but the log has
    useless_steal        failures that a stolen job counts when it was not done sooner
    stall                failures of a job that was stolen when it was past its victim's own p90
    audit_share          of the attempts on which all agree; a contested one is likelier looked at
    audit_share_newcomer the same of robots with fewer than audit_receipts receipts: a success that
                         a third has confirmed counts twice, so an honest newcomer that failed
                         early is known after fewer jobs: 18 at p95 of 60, and 40 of 30 others;
                         with a half of them until 20 receipts 30 and 50
    audit_receipts       see there; a robot that takes its part in the swarm passes 40 in some 25
                         rounds
    fair_share           of the low-risk jobs, for which every robot counts alike
    settle_s             seconds after an attempt's end in which its receipts must come; an hour
                         of a swarm that is cut in two is rare, and delivering outputs takes a
                         minute (chosen without data)
    audit_s              seconds in which auditors must answer (chosen without data)
    newcomer_receipts    fewer are too few to judge a robot by
    leader_score, leader_receipts, leader_raters, leader_age_s   what a leader should have
    """

    rounds_memory: float = 50.0
    days_memory: float = 30.0
    kappa: float = 4.0
    failure_factor: float = 2.0
    lie_factor: float = 4.0
    unconfirmed_success: float = 0.5
    unconfirmed_failure: float = 0.25
    useless_steal: float = 0.25
    stall: float = 0.25
    audit_share: float = 0.15
    audit_share_newcomer: float = 1.0
    audit_receipts: float = 40.0
    fair_share: float = 0.04
    settle_s: float = 120.0
    audit_s: float = 600.0
    newcomer_receipts: float = 5.0
    leader_score: float = 0.7
    leader_receipts: float = 20.0
    leader_raters: int = 3
    leader_age_s: float = 600.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value < 0:
                raise ValueError(f'{each.name}: expected a number of at least 0, got {value!r}')
        for name in ('rounds_memory', 'days_memory', 'kappa', 'lie_factor', 'settle_s', 'audit_s'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name}: expected a number above 0, got {getattr(self, name)!r}')
        for name in ('unconfirmed_success', 'unconfirmed_failure', 'audit_share',
                     'audit_share_newcomer', 'fair_share', 'leader_score'):
            if not getattr(self, name) <= 1:
                raise ValueError(f'{name}: expected a share in [0, 1], '
                                 f'got {getattr(self, name)!r}')
        if self.fair_share and not 0.02 <= self.fair_share <= 0.05:
            raise ValueError('fair_share: expected 0, or 0.02 to 0.05 (more would hand jobs to '
                             f'bad robots), got {self.fair_share!r}')
