# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the features of a regime: smoothed figures that do not depend on how often snapshots come;
refuses to know which regime they mean.

A snapshot speaks for the time since the one before it, so that a world that is seen twice as
often gives the same features. Rates are smoothed first and then bent by r / (r + half), because
a swarm that switches its mode three times a second is no more different from calm than one that
does so twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..smoothing import gain
from .document import decimal
from .snapshot import Snapshot

FEATURES = ('arousal', 'stability', 'pressure', 'mode switches', 'unsteadiness',
            'defensive share', 'goodput', 'robots lost')

FIGURES_TAU_S = 6.0         # arousal, stability, pressure; found good on drawn traces
SIGNS_TAU_S = 10.0          # all others; the same
PEAK_TAU_S = 300.0          # robots that are gone this long are no longer missed; without data
SWITCHES_HALF_PER_S = 0.2   # one switch alone is 0.33; with 0.1 it was 0.5, and taken for thrash
UNSTEADINESS_HALF_PER_S = 0.2   # |d arousal| + |d stability|; chosen without data
GAP_S_MAX = 30.0            # after a longer silence the features begin anew: three SIGNS_TAU_S
WARM_S = 5.0                # before that, too little was seen; half of SIGNS_TAU_S
STATE = ('arousal', 'stability', 'pressure', 'switches', 'unsteadiness', 'defensive', 'goodput',
         'lost', 'peak', 'last_arousal', 'last_stability', 'seen_s')


def bent(rate_per_s: float, half_per_s: float) -> float:
    """The rate on a scale from 0 to 1; 0.5 at half_per_s."""
    return rate_per_s / (rate_per_s + half_per_s)


@dataclass
class Features:
    """What was seen, smoothed. Empty until the first snapshot."""

    now_ns: int | None = None
    figures: dict[str, float] = field(default_factory=dict)

    def observe(self, snapshot: Snapshot, now_ns: int) -> None:
        """Fold one snapshot. One that is not later than the last is not counted."""
        if self.now_ns is None:
            return self._begin(snapshot, now_ns)
        dt_s = (now_ns - self.now_ns) / 1e9
        if abs(dt_s) > GAP_S_MAX:   # a long silence, or another boot of the machine
            return self._begin(snapshot, now_ns)
        if dt_s <= 0.0:
            return None
        self._follow(snapshot, dt_s)
        self.now_ns = now_ns
        return None

    @property
    def warm(self) -> bool:
        """Whether enough was seen to judge by."""
        return self.figures.get('seen_s', 0.0) >= WARM_S

    def vector(self) -> tuple[float, ...]:
        """The features in the order of FEATURES, each in [0, 1]."""
        f = self.figures
        return (f['arousal'], f['stability'], f['pressure'],
                bent(f['switches'], SWITCHES_HALF_PER_S),
                bent(f['unsteadiness'], UNSTEADINESS_HALF_PER_S),
                f['defensive'], f['goodput'], f['lost'])

    def document(self) -> dict[str, object]:
        """Everything, exactly: decimals as hexadecimal floats."""
        return {'now_ns': self.now_ns,
                'figures': {name: self.figures[name].hex() for name in STATE if self.figures}}

    @staticmethod
    def from_document(document: Mapping[str, object]) -> Features:
        """Raises ValueError that says what was expected."""
        now_ns, figures = document.get('now_ns'), document.get('figures')
        if now_ns is None:
            return Features()
        if type(now_ns) is not int or not isinstance(figures, dict):
            raise ValueError('features: expected now_ns and figures')
        if sorted(figures) != sorted(STATE):
            raise ValueError(f'features: expected {", ".join(STATE)}')
        return Features(now_ns, {name: decimal(name, figures[name]) for name in STATE})

    def _begin(self, snapshot: Snapshot, now_ns: int) -> None:
        self.now_ns = now_ns
        self.figures = dict.fromkeys(STATE, 0.0)
        self.figures.update(
            arousal=snapshot.arousal, stability=snapshot.stability, pressure=snapshot.pressure,
            defensive=snapshot.defensive(), peak=float(snapshot.robots),
            goodput=1.0 if snapshot.goodput is None else snapshot.goodput,
            last_arousal=snapshot.arousal, last_stability=snapshot.stability)

    def _follow(self, snapshot: Snapshot, dt_s: float) -> None:
        f = self.figures
        moved = (abs(snapshot.arousal - f['last_arousal'])
                 + abs(snapshot.stability - f['last_stability']))
        robots = float(snapshot.robots)
        f['peak'] = max(robots, f['peak'] + gain(dt_s, PEAK_TAU_S) * (robots - f['peak']))
        targets = {
            'switches': snapshot.switches_per_s,
            'unsteadiness': moved / dt_s,
            'defensive': snapshot.defensive(),
            'goodput': f['goodput'] if snapshot.goodput is None else snapshot.goodput,
            'lost': 1.0 - robots / f['peak'] if f['peak'] > 0.0 else 0.0,
        }
        step = gain(dt_s, FIGURES_TAU_S)
        for name in ('arousal', 'stability', 'pressure'):
            f[name] += step * (getattr(snapshot, name) - f[name])
        step = gain(dt_s, SIGNS_TAU_S)
        for name, target in targets.items():
            f[name] += step * (target - f[name])
        f['last_arousal'], f['last_stability'] = snapshot.arousal, snapshot.stability
        f['seen_s'] = min(WARM_S, f['seen_s'] + dt_s)
