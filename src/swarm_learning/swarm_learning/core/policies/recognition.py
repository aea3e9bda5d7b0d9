# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the question whether steps belong to a context, and since when they do not; refuses to
know what follows from the answer.

Two kinds of evidence. `support` compares contexts with knowing nothing, and so with one another:
its sum decides between those that are known (a likelihood ratio; Page's CUSUM tells since when).
`fit` compares steps with what the context itself expects: it decides whether any known context
holds at all. Where a context has seen little of a pair, its support leans on what all contexts
together have seen: otherwise an old context of a related world would beat a young right one by
knowing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .context import Context
from .model import Hint, Transition, WorldModel


@dataclass(frozen=True)
class Background:
    """What is known whatever the context: one model of all steps, and the mean and standard
    deviation of all rewards."""

    model: WorldModel
    center: float
    spread: float

    def hint(self, step: Transition) -> Hint:
        return self.model.hint(step, self.center, self.spread)


@dataclass(frozen=True)
class Verdict:
    """What a window of steps says of one context."""

    number: int
    support: float  # nats over knowing nothing
    misfit: float  # standard deviations from what the context expects; above 0 = less likely
    known: int  # steps that could testify


def judged(context: Context, steps: Iterable[Transition], background: Background) -> Verdict:
    support = excess = variance = 0.0
    known = 0
    for step in steps:
        support += context.model.support(step, background.hint(step))
        if context.model.knows(step):
            more, spread = context.model.surprise(step, background.spread)
            excess, variance, known = excess + more, variance + spread, known + 1
    misfit = context.block(excess, variance, known) if known else 0.0
    return Verdict(context.number, support, misfit, known)


def ranked(
    contexts: Sequence[Context], steps: Sequence[Transition], background: Background
) -> list[Verdict]:
    """Best supported first; among equals the older one."""
    verdicts = [judged(context, steps, background) for context in contexts]
    return sorted(verdicts, key=lambda verdict: (-verdict.support, verdict.number))


@dataclass
class Cusum:
    """Page's test (Biometrika 41, 1954): the largest sum of gains that ends now.

    `since` is the step at which that sum began: the likeliest moment of the change.
    """

    total: float = 0.0
    since: int = 0

    def add(self, gain: float, step: int) -> float:
        if self.total <= 0.0:
            self.total, self.since = 0.0, step
        self.total = max(0.0, self.total + gain)
        return self.total

    def clear(self) -> None:
        self.total, self.since = 0.0, 0

    def document(self) -> list[float | int]:
        return [self.total, self.since]
