# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How short a batch could have been: a bound that is proven, and the best assignment found.

Robot i works off `rate` of work per ms, and a share `success` of its runs succeeds; a failed run
costs as much as one that succeeds, so a job of work w takes w / (rate * success) there on average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ROUNDS_MAX = 10_000


@dataclass(frozen=True)
class Speed:
    """rate: work done per millisecond; success: in (0, 1]."""

    rate: float
    success: float

    @property
    def effective(self) -> float:
        return self.rate * self.success


def bound_ms(works: Sequence[float], robots: Mapping[str, Speed]) -> float:
    """No assignment is shorter, on average over what fails.

    All work over all robots at once, as if it could be split at will (McNaughton); and no job is
    shorter than alone on the quickest robot.
    """
    together = sum(works) / sum(one.effective for one in robots.values())
    return max(together, max(works) / max(one.effective for one in robots.values()))


def best_found_ms(works: Sequence[float], robots: Mapping[str, Speed]) -> float:
    """The longest job first to where it ends first, then moves and exchanges while they help.

    Of an assignment of whole jobs: the true optimum lies between bound_ms and this.
    """
    names = sorted(robots)
    load = dict.fromkeys(names, 0.0)
    jobs: dict[str, list[float]] = {name: [] for name in names}

    def cost(name: str, work: float) -> float:
        return work / robots[name].effective

    for work in sorted(works, reverse=True):
        name = min(names, key=lambda one: (load[one] + cost(one, work), one))
        load[name] += cost(name, work)
        jobs[name].append(work)
    for _ in range(ROUNDS_MAX):
        worst = max(names, key=lambda one: load[one])
        found = _improvement(worst, names, jobs, load, cost)
        if found is None:
            break
        other, given, taken = found
        jobs[worst].remove(given)
        jobs[other].append(given)
        load[worst] -= cost(worst, given)
        load[other] += cost(other, given)
        if taken:
            jobs[other].remove(taken)
            jobs[worst].append(taken)
            load[other] -= cost(other, taken)
            load[worst] += cost(worst, taken)
    return max(load.values())


def _improvement(
    worst: str, names: Sequence[str], jobs: Mapping[str, list[float]],
    load: Mapping[str, float], cost: object,
) -> tuple[str, float, float] | None:
    """(robot, job that it gets, job that it gives back or 0): what helps most."""
    assert callable(cost)
    best, found = load[worst] - 1e-9, None
    for other in names:
        if other == worst:
            continue
        for given in dict.fromkeys(jobs[worst]):
            for taken in (0.0, *dict.fromkeys(jobs[other])):
                mine = load[worst] - cost(worst, given) + cost(worst, taken)
                theirs = load[other] + cost(other, given) - cost(other, taken)
                if max(mine, theirs) < best:
                    best, found = max(mine, theirs), (other, given, taken)
    return found
