# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the default advice: a documented rule, not learned, from figures of the swarm to a mode
that is proposed; refuses to know modes in force, overrides and what becomes of it.

The learner proposes; the coordinator disposes. MAINTENANCE is never proposed: that is for people.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .mode.buckets import HYSTERESIS, Bucket, Level
from .observation import Mode
from .smoothing import unit
from .swarm import SwarmView

# Above what novelty alone can give (0.4): every quiet swarm is new to itself at first, and that is
# no reason to leave the normal mode. It takes predictions that get better.
CURIOSITY_NOTABLE = 0.45


LOW, MEDIUM, HIGH = Level.LOW, Level.MEDIUM, Level.HIGH
ANY = (LOW, MEDIUM, HIGH)


@dataclass(frozen=True)
class Rule:
    """A row: which buckets it takes, what it proposes, how sure it is, and why."""

    stability: tuple[Level, ...]
    pressure: tuple[Level, ...]
    arousal: tuple[Level, ...]
    mode: Mode
    confidence: float
    reason: str
    needs_curiosity: bool = False


# The first row that fits counts. Low stability never leads to explore or hyperfocus, which take
# risks. Confidences are an order of how clear a case is, chosen without data.
RULES = (
    Rule((LOW,), (LOW,), (LOW, MEDIUM), Mode.RECOVERY, 0.7,
         'unstable while little work waits: use the pause to recover'),
    Rule((LOW,), ANY, ANY, Mode.DEFENSIVE, 0.8,
         'unstable under load: take no risks'),
    Rule((MEDIUM,), (HIGH,), (HIGH,), Mode.DEFENSIVE, 0.5,
         'much work, high arousal and no firm ground: take no risks'),
    Rule((HIGH,), (HIGH,), ANY, Mode.HYPERFOCUS, 0.7,
         'much work waits on firm ground: concentrate on it'),
    Rule((HIGH,), (LOW,), (LOW,), Mode.EXPLORE, 0.6,
         'calm, steady, little to do and much to learn: a good time for it',
         needs_curiosity=True),
    Rule((HIGH,), (LOW,), (LOW,), Mode.NORMAL, 0.6,
         'calm, steady and little to do, and nothing that is being learned'),
    Rule((HIGH,), (LOW,), (HIGH,), Mode.CONSERVE, 0.4,
         'high arousal without work that waits: save strength'),
    Rule(ANY, ANY, ANY, Mode.NORMAL, 0.5,
         'nothing stands out'),
)


@dataclass(frozen=True)
class Proposal:
    """A mode to consider."""

    mode: Mode
    confidence: float
    reason: str


@dataclass
class Notable:
    """Whether a figure stands out; goes back only when the edge is passed by the hysteresis."""

    edge: float
    is_notable: bool = False

    def settle(self, value: float) -> bool:
        edge = self.edge - HYSTERESIS if self.is_notable else self.edge
        self.is_notable = unit(value) > edge
        return self.is_notable


@dataclass
class Adviser:
    """Proposes a mode for the swarm; remembers only the buckets."""

    arousal: Bucket = field(default_factory=Bucket)
    stability: Bucket = field(default_factory=Bucket)
    pressure: Bucket = field(default_factory=Bucket)
    curiosity: Notable = field(default_factory=lambda: Notable(CURIOSITY_NOTABLE))

    def advise(
        self, swarm: SwarmView, curiosity: float, robots_present: int
    ) -> Proposal | None:
        """A proposal, or None without any fresh figures: no opinion is better than a guess.

        curiosity is the mean over the robots of the view. Confidence falls with the share of
        robots that are not heard, and with their spread.
        """
        if swarm.robots == 0:
            return None
        arousal = self.arousal.settle(swarm.arousal)
        stability = self.stability.settle(swarm.stability)
        pressure = self.pressure.settle(swarm.pressure)
        notable = self.curiosity.settle(curiosity)
        rule = rule_for(arousal, stability, pressure, notable)
        heard = share_heard(swarm, robots_present)
        return Proposal(
            mode=rule.mode,
            confidence=unit(rule.confidence * heard * (1.0 - unit(swarm.spread) / 2.0)),
            reason=f'{rule.reason} (arousal {swarm.arousal:.2f} {arousal.name.lower()}, '
                   f'stability {swarm.stability:.2f} {stability.name.lower()}, '
                   f'pressure {swarm.pressure:.2f} {pressure.name.lower()}, '
                   f'curiosity {curiosity:.2f}{" notable" if notable else ""}; '
                   f'{swarm.robots} of {max(swarm.robots, robots_present)} robots heard)',
        )


def share_heard(swarm: SwarmView, robots_present: int) -> float:
    """Of the robots that take part, those whose figures count; in [0, 1]."""
    return min(1.0, swarm.robots / max(1, robots_present))


def rule_for(arousal: Level, stability: Level, pressure: Level, is_curious: bool) -> Rule:
    """The first row of RULES that takes these buckets; the last row takes all."""
    return next(rule for rule in RULES if arousal in rule.arousal
                and stability in rule.stability and pressure in rule.pressure
                and (is_curious or not rule.needs_curiosity))
