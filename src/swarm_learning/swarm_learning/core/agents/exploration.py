# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the choice among actions: greedy with random tie-breaks, epsilon, softmax, UCB; refuses to
know where values come from.

`allowed` is the actions that a mask leaves, in rising order. UCB after Auer, Cesa-Bianchi and
Fischer, Finite-time analysis of the multiarmed bandit problem, 2002.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .config import Strategy
from .randomness import Randomness

TEMPERATURE_MIN = 1e-9  # below, softmax is greedy


def one_of(actions: Sequence[int], rng: Randomness) -> int:
    """Uniform; asks for chance only where there is a choice."""
    return actions[0] if len(actions) == 1 else actions[int(rng.random() * len(actions))]


def greedy(values: Sequence[float], allowed: Sequence[int], rng: Randomness) -> int:
    """A best one; among equals each is as likely, so that no action is favoured by its number."""
    best = max([values[action] for action in allowed])
    return one_of([action for action in allowed if values[action] == best], rng)


def softmax(values: Sequence[float], allowed: Sequence[int], temperature: float) -> list[float]:
    """Probabilities in the order of `allowed`."""
    best = max([values[action] for action in allowed])
    if temperature < TEMPERATURE_MIN:
        weights = [float(values[action] == best) for action in allowed]
    else:
        weights = [math.exp((values[action] - best) / temperature) for action in allowed]
    total = sum(weights)
    return [weight / total for weight in weights]


def upper_bounds(
    values: Sequence[float], visits: Sequence[int], allowed: Sequence[int], weight: float
) -> list[float]:
    """Value plus what is not yet known, by action; infinite for an action never tried."""
    log_total = math.log(1 + sum([visits[action] for action in allowed]))
    bounds = [-math.inf] * len(values)
    for action in allowed:
        count = visits[action]
        bounds[action] = (
            values[action] + weight * math.sqrt(log_total / count) if count else math.inf)
    return bounds


def drawn(
    strategy: Strategy,
    amount: float,
    values: Sequence[float],
    visits: Sequence[int],
    allowed: Sequence[int],
    rng: Randomness,
) -> int:
    """An action, explored or not."""
    if strategy is Strategy.EPSILON:
        if amount > 0.0 and rng.random() < amount:
            return one_of(allowed, rng)
        return greedy(values, allowed, rng)
    if strategy is Strategy.UCB:
        return greedy(upper_bounds(values, visits, allowed, amount), allowed, rng)
    left = rng.random()
    for action, probability in zip(allowed, softmax(values, allowed, amount), strict=True):
        left -= probability
        if left < 0.0:
            return action
    return greedy(values, allowed, rng)  # the probabilities missed 1 by rounding


def expected(
    strategy: Strategy,
    amount: float,
    values: Sequence[float],
    visits: Sequence[int],
    allowed: Sequence[int],
) -> float:
    """The mean value of what `drawn` would give."""
    offered = [values[action] for action in allowed]
    if strategy is Strategy.EPSILON:
        return (1.0 - amount) * max(offered) + amount * sum(offered) / len(offered)
    if strategy is Strategy.SOFTMAX:
        chances = softmax(values, allowed, amount)
        return sum([p * value for p, value in zip(chances, offered, strict=True)])
    bounds = upper_bounds(values, visits, allowed, amount)
    best = max(bounds)
    chosen = [values[action] for action in allowed if bounds[action] == best]
    return sum(chosen) / len(chosen)
