# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the swarm consciousness: figures over all robots whose beacons carry fresh ones; refuses
to know how a robot comes to its figures, and who leads.

Robots are weighed alike and never by what they say of themselves. Up to four robots the mean is
taken; from five on the lowest and the highest fifth are left out. Figures that grow old are drawn
towards neutral instead of being weighed less: to weigh one robot less is to weigh the others more,
and then a single liar among robots that fall silent would move an aggregate by more than 1/n.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from .observation import Beacon, Figures
from .smoothing import NS_PER_S, seconds_between

TRIMMED_SHARE = 0.2
ROBOTS_MAX = 256            # bounds memory against invented names
FORGET_NS = 60 * NS_PER_S   # a silent robot's last figures are of no use to anybody


@dataclass(frozen=True)
class SwarmView:
    """Aggregates in [0, 1] over `robots` robots; NaN never. Meaningless if robots is 0."""

    arousal: float
    stability: float
    pressure: float
    robots: int
    spread: float
    worst_robot: str
    arousal_p90: float = 0.5        # nearest rank, not trimmed, as spread: they show the outliers
    pressure_p90: float = 0.5
    stability_p10: float = 0.5      # low is bad


# The middle of each scale: says nothing in either direction.
NO_ROBOTS = SwarmView(arousal=0.5, stability=0.5, pressure=0.5, robots=0, spread=0.0,
                      worst_robot='')


@dataclass
class Swarm:
    """Last figures heard of each robot."""

    figures_stale_ms: int = 3000
    beacons: dict[str, Beacon] = field(default_factory=dict)
    malformed: int = 0
    malformed_robot: str = ''

    def hear(self, beacon: Beacon) -> None:
        """Keep the beacon. Figures that are no shares are a broken peer: dropped, counted."""
        if beacon.age_ms is not None and not are_shares(beacon.figures):
            self.malformed += 1
            self.malformed_robot = beacon.robot_id
            self.beacons.pop(beacon.robot_id, None)
            return
        if beacon.robot_id not in self.beacons and len(self.beacons) >= ROBOTS_MAX:
            self.malformed += 1
            self.malformed_robot = beacon.robot_id
            return
        self.beacons[beacon.robot_id] = beacon

    def forget_silent(self, now_ns: int) -> None:
        silent = [name for name, b in self.beacons.items() if now_ns - b.heard_ns > FORGET_NS]
        for name in silent:
            del self.beacons[name]

    def fresh(self, now_ns: int) -> dict[str, Figures]:
        """Figures that count, by robot in order of names."""
        return {name: b.figures for name, b in sorted(self.beacons.items())
                if is_fresh(b, now_ns, self.figures_stale_ms)}

    def freshness(self, now_ns: int) -> dict[str, float]:
        """Of each robot whose figures count: 1 up to half of the stale age, then down to 0."""
        return {name: min(1.0, 2.0 - 2.0 * age_ms(self.beacons[name], now_ns)
                          / self.figures_stale_ms) for name in self.fresh(now_ns)}

    def view(self, now_ns: int) -> SwarmView:
        return view_of(self.fresh(now_ns), self.freshness(now_ns))

    def curiosity(self, now_ns: int) -> float:
        """Mean over the robots, trimmed as the other figures are; 0 without any."""
        robots = self.fresh(now_ns).values()
        return trimmed_mean(f.curiosity for f in robots) if robots else 0.0

    def check_invariants(self) -> None:
        assert len(self.beacons) <= ROBOTS_MAX
        for name, beacon in self.beacons.items():
            assert name == beacon.robot_id
            assert beacon.age_ms is None or are_shares(beacon.figures), beacon


def is_fresh(beacon: Beacon, now_ns: int, stale_ms: int) -> bool:
    """The age that the sender tells and the time since it was heard add up: a robot whose
    learner stopped drops out although its beacon goes on."""
    if beacon.age_ms is None:
        return False
    return age_ms(beacon, now_ns) <= stale_ms


def age_ms(beacon: Beacon, now_ns: int) -> float:
    """Of figures that were told, in ms. Who tells too low an age counts fully, as any robot."""
    return (beacon.age_ms or 0) + 1000.0 * seconds_between(beacon.heard_ns, now_ns)


def are_shares(figures: Figures) -> bool:
    return all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in figures.values())


def view_of(robots: dict[str, Figures], freshness: dict[str, float] | None = None) -> SwarmView:
    """Aggregate figures by robot; what is not quite fresh is drawn towards neutral."""
    if not robots:
        return NO_ROBOTS
    figures = list(robots.values())
    shares = [(freshness or {}).get(name, 1.0) for name in robots]
    columns = list(zip(*(f.values() for f in figures), strict=True))
    return SwarmView(
        arousal=_drawn_mean([f.arousal for f in figures], shares),
        stability=_drawn_mean([f.stability for f in figures], shares),
        pressure=_drawn_mean([f.pressure for f in figures], shares),
        robots=len(figures),
        spread=max(max(column) - min(column) for column in columns),
        worst_robot=min(robots, key=lambda name: (robots[name].stability, name)),
        arousal_p90=nearest_rank([f.arousal for f in figures], 90),
        pressure_p90=nearest_rank([f.pressure for f in figures], 90),
        stability_p10=1.0 - nearest_rank([1.0 - f.stability for f in figures], 90),
    )


def _drawn_mean(values: list[float], freshness: list[float]) -> float:
    return trimmed_mean(0.5 + share * (value - 0.5) if share < 1.0 else value
                        for value, share in zip(values, freshness, strict=True))


def nearest_rank(values: list[float], percent: int) -> float:
    """The smallest value that at least this share of them do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def trimmed_mean(values: Iterable[float]) -> float:
    """Mean of what is left when the lowest and the highest fifth (rounded down) are taken off.

    One value moves it by at most 1 / (number of values left). Up to 4 values none is taken off,
    so that is 1/n. From 5 on one value never carries it out of the range of the others, and it
    moves it by at most that range / (number left): at most 1/n while the others lie within 0.6
    of one another. (No mean that ignores a lone outlier can promise 1/n for every input: if all
    others are 0, each of n steps from "all 0" to "all 1" would have to be exactly 1/n, so the
    lone 1 would have to count.)
    """
    ordered = sorted(values)
    cut = int(TRIMMED_SHARE * len(ordered))
    kept = ordered[cut:len(ordered) - cut]
    # Rounding may carry the mean of equal values past them by the last bit.
    return min(kept[-1], max(kept[0], math.fsum(kept) / len(kept)))
