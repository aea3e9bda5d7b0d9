# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns when a version has shown enough, and when it has fallen behind; refuses to act on it.

The rule of falling behind has two halves. The mission's: the lower bound of the version's reward
is below the mean of the one before it less two standard errors. Alone it would roll back every
second version that is exactly as good, because a young version's bound is wide. So the
difference of the means must also be larger than chance: three and a half standard errors of
the difference, more where they rest on few blocks (Student's t).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .evidence import Asked, Followed
from .figures import check_figures


@dataclass(frozen=True)
class ShelfConfig:
    """How much a version must show. Decisions are those of the shelf's owner, e.g. mode changes
    considered by the leader."""

    shadow_min_decisions: int = field(default=200, metadata={
        'help': 'decisions for which a version is asked before it may be followed (chosen '
                'without data; at one decision in 10 s about half an hour)'})
    shadow_min_samples: float = field(default=20.0, metadata={
        'help': 'of these, decisions that say something of it, in equally weighted ones'})
    canary_share: float = field(default=0.1, metadata={
        'help': 'share of decisions for which a canary is followed'})
    canary_min_decisions: int = field(default=100, metadata={
        'help': 'decisions for which a canary is followed before it may be active: ten blocks, '
                'the fewest whose standard error is worth something'})
    behind_min_decisions: int = field(default=50, metadata={
        'help': 'own decisions before a version can fall behind: five blocks'})
    bound_errors: float = field(default=2.0, metadata={
        'help': 'standard errors of the bounds in the rule of falling behind'})
    difference_errors: float = field(default=3.5, metadata={
        'help': 'standard errors that the difference must exceed; looked at once per block, a '
                'version as good as the last falls behind in about 1 of 100 lives'})
    cool_down_decisions: int = field(default=500, metadata={
        'help': 'decisions after a roll-back in which nothing is promoted by itself: the world '
                'that made the last one fail has time to show'})
    probation_decisions: int = field(default=2000, metadata={
        'help': 'own decisions of an active version after which it is no longer held against '
                'the record of the one before: the world of that record is long gone (chosen '
                'without data)'})
    kept_last: int = field(default=5, metadata={'help': 'newest versions that are kept'})
    contexts_max: int = field(default=8, metadata={
        'help': 'contexts of which the best version is kept besides'})

    def __post_init__(self) -> None:
        check_figures(self)
        if not 0.0 < self.canary_share <= 0.5:
            raise ValueError(f'canary_share: expected above 0, up to 0.5, got {self.canary_share}')
        if not 1 <= self.kept_last <= 100 or not 0 <= self.contexts_max <= 64:
            raise ValueError('expected kept_last of 1 to 100 and contexts_max of 0 to 64')


def fell_behind(
    now: Followed, before_mean: float, before_error: float, before_samples: float,
    config: ShelfConfig,
) -> str:
    """Why a version has fallen behind what was before it; '' = it has not."""
    if now.decisions < config.behind_min_decisions or not (
            math.isfinite(now.error) and math.isfinite(before_error)):
        return ''
    lower = now.lower(config.bound_errors)
    floor = before_mean - config.bound_errors * before_error
    drop = before_mean - now.mean
    chance = student(config.difference_errors, min(
        now.moments.samples, before_samples) - 1.0) * math.hypot(now.error, before_error)
    if lower < floor and drop > chance:
        return (f'reward {now.mean:.3g} (at least {lower:.3g}) after {now.decisions} decisions; '
                f'the one before had {before_mean:.3g}')
    return ''


def student(errors: float, freedom: float) -> float:
    """Standard errors that are as rare as `errors` would be, if the error were known exactly
    (Cornish-Fisher expansion of Student's t, Abramowitz and Stegun 26.7.5)."""
    freedom = max(freedom, 1.0)
    once = (errors ** 3 + errors) / 4.0
    twice = (5.0 * errors ** 5 + 16.0 * errors ** 3 + 3.0 * errors) / 96.0
    return errors + once / freedom + twice / freedom ** 2


def may_follow(asked: Asked, active: Followed, config: ShelfConfig) -> str:
    """What a shadow still lacks to become a canary; '' = nothing.

    Safe off the policy: a shadow that never agrees where it matters never has enough samples.
    """
    if asked.decisions < config.shadow_min_decisions:
        return (f'expected {config.shadow_min_decisions} decisions as a shadow, '
                f'has {asked.decisions}')
    moments = asked.moments
    if moments.samples < config.shadow_min_samples:
        return (f'expected {config.shadow_min_samples:g} decisions that say something of it, '
                f'has {moments.samples:.1f}')
    if not math.isfinite(active.error):
        return 'the active version has too few decisions to compare with'
    floor = active.mean - config.bound_errors * math.hypot(active.error, moments.error)
    if moments.mean < floor:
        return f'expected a reward of {floor:.3g}, estimated {moments.mean:.3g}'
    return ''


def may_lead(canary: Followed, active: Followed, config: ShelfConfig) -> str:
    """What a canary still lacks to become active; '' = nothing."""
    if canary.decisions < config.canary_min_decisions:
        return (f'expected {config.canary_min_decisions} decisions as a canary, '
                f'has {canary.decisions}')
    error = math.hypot(canary.error, active.error)
    if math.isfinite(error) and canary.mean < active.mean - error:
        return f'expected a reward of {active.mean - error:.3g}, has {canary.mean:.3g}'
    return ''
