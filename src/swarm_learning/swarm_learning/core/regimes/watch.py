# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the watch over the swarm's regime: snapshots in, a view out; refuses to know topics,
files and clocks, and never proposes a mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..smoothing import seconds_between
from .alarm import Alarm
from .drift import Centroids
from .features import FEATURES, GAP_S_MAX, Features
from .model import Nearest, RegimeModel, Vector
from .novelty import Farness, Swing, Swings, Turns
from .reason import why_far, why_named, why_restless, why_swinging
from .snapshot import Regime, Snapshot

SCHEMA = 1
# Snapshots that come faster than this count as one: hysteresis is counted in snapshots, and
# three of them within a tenth of a second agree on nothing. Half of the period of 1 s.
LOOK_GAP_S = 0.5
TOO_LITTLE = 'too little was seen to judge by'
RESTLESS_CONFIDENCE = 0.7   # about that share of restless snapshots is of no known regime


@dataclass(frozen=True)
class RegimeConfig:
    """Settings of the watch, each with a unit and a reason."""

    agree_snapshots: int = field(
        default=3,
        metadata={'help': 'snapshots in a row that must name a regime before it is told; 3 keep '
                          'single outliers out and cost 2 s'},
    )
    clear_snapshots: int = field(
        default=10,
        metadata={'help': 'snapshots in a row without a bad regime that clear the alarm; 10 so '
                          'that it does not blink while a swarm recovers'},
    )
    drift_per_snapshot: float = field(
        default=0.0,
        metadata={'help': 'share by which a cluster follows a snapshot that is well inside it; '
                          '0 = clusters stay as shipped, because a bad regime that lasts must '
                          'not become the normal one; at most 0.01'},
    )

    def __post_init__(self) -> None:
        for name in ('agree_snapshots', 'clear_snapshots'):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= 1000:
                raise ValueError(f'{name}: expected a whole number from 1 to 1000, got {value!r}')
        if not 0.0 <= self.drift_per_snapshot <= 0.01:
            raise ValueError('drift_per_snapshot: expected a number from 0 to 0.01, '
                             f'got {self.drift_per_snapshot!r}')


@dataclass(frozen=True)
class RegimeView:
    """What is told of the regime.

    regime      that enough snapshots in a row agreed on; named: by the last snapshot alone
    confidence  [0, 1] in what the last snapshot named; of an unknown regime 0.5 at the limit and
                towards 1 far beyond it, and 0 while too little was seen
    features    (name, value), smoothed, in [0, 1]
    distance    smallest over some seconds to anything known; beyond limit it is unknown; in
                standard deviations
    """

    regime: Regime
    named: Regime
    confidence: float
    alarm: bool
    since_ns: int
    features: tuple[tuple[str, float], ...]
    distance: float
    limit: float
    model: str
    reason: str


class RegimeWatch:
    """Infers the regime from one snapshot after the other."""

    def __init__(self, model: RegimeModel, config: RegimeConfig | None = None) -> None:
        self._model = model
        self._config = config or RegimeConfig()
        self._features = Features()
        self._alarm = Alarm(self._config.agree_snapshots, self._config.clear_snapshots)
        self._centroids = Centroids(model)
        self._farness = Farness()
        self._turns = Turns()
        self._swings = Swings()
        self._swinging: tuple[str, Swing] | None = None     # at the last look
        self._frozen = False
        self._looked_ns: int | None = None

    def freeze(self, frozen: bool = True) -> None:
        """Frozen: no cluster moves; regimes are still named."""
        self._frozen = frozen

    @property
    def frozen(self) -> bool:
        return self._frozen

    def observe(self, snapshot: Snapshot, now_ns: int) -> RegimeView:
        """Fold one snapshot. now_ns is monotonic."""
        self._features.observe(snapshot, now_ns)
        values = self._features.vector()
        scored = self._model.scored(values)
        found = self._model.nearest(scored, self._centroids.now)
        if self._due(now_ns):
            self._look(found, values, scored, now_ns)
        return self._view(values, scored, found)

    def document(self) -> dict[str, object]:
        """Everything that was learned and is under way, exactly."""
        return {
            'schema': SCHEMA, 'model': self._model.identity, 'frozen': self._frozen,
            'looked_ns': self._looked_ns, 'features': self._features.document(),
            'alarm': self._alarm.document(), 'centroids': self._centroids.document(),
            'farness': self._farness.document(), 'turns': self._turns.document(),
            'swings': self._swings.document(),
        }

    @staticmethod
    def from_document(
        document: Mapping[str, object], model: RegimeModel, config: RegimeConfig | None = None
    ) -> RegimeWatch:
        """Goes on where document() was taken. Raises ValueError that says what was expected."""
        if document.get('schema') != SCHEMA:
            raise ValueError(f'schema: expected {SCHEMA}, got {document.get("schema")!r}')
        if document.get('model') != model.identity:
            raise ValueError(f'model: expected {model.identity}, got {document.get("model")!r}')
        looked_ns = document.get('looked_ns')
        if looked_ns is not None and type(looked_ns) is not int:
            raise ValueError(f'looked_ns: expected a whole number, got {looked_ns!r}')
        watch = RegimeWatch(model, config)
        watch._looked_ns = looked_ns if isinstance(looked_ns, int) else None
        watch._frozen = document.get('frozen') is True
        watch._features = Features.from_document(_part(document, 'features'))
        watch._alarm.restore(_part(document, 'alarm'))
        watch._centroids.restore(_part(document, 'centroids'))
        watch._farness.restore(_part(document, 'farness'))
        watch._turns.restore(_part(document, 'turns'))
        if 'swings' in document:    # not in what was kept before there were any
            watch._swings.restore(_part(document, 'swings'))
            watch._swinging = watch._swings.swinging(watch._looked_ns or 0)
        return watch

    def _due(self, now_ns: int) -> bool:
        last_ns = self._looked_ns
        if last_ns is None or last_ns - now_ns > GAP_S_MAX * 1e9:   # another boot of the machine
            return True
        return seconds_between(last_ns, now_ns) >= LOOK_GAP_S

    def _look(self, found: Nearest, values: Vector, scored: Vector, now_ns: int) -> None:
        if self._looked_ns is not None and abs(now_ns - self._looked_ns) > GAP_S_MAX * 1e9:
            self._farness, self._turns, self._swings = Farness(), Turns(), Swings()
            self._swinging = None
        self._looked_ns = now_ns
        if not self._features.warm:
            return self._alarm.observe(Regime.UNKNOWN, now_ns)
        self._farness.observe(found.distance, now_ns)
        self._turns.observe(found.regime, self._config.agree_snapshots, now_ns)
        self._swings.observe(values, now_ns)
        self._swinging = self._swings.swinging(now_ns)
        if self._config.drift_per_snapshot and not self._frozen:
            self._centroids.follow(
                scored, found, self._model.limit, self._config.drift_per_snapshot)
        return self._alarm.observe(self._named(found), now_ns)

    def _named(self, found: Nearest) -> Regime:
        unknown = not self._features.warm or self._far() or self._restless()
        return Regime.UNKNOWN if unknown else found.regime

    def _far(self) -> bool:
        return self._farness.distance() > self._model.limit

    def _restless(self) -> bool:
        now_ns = self._looked_ns
        return now_ns is not None and (
            self._swinging is not None or self._turns.restless(now_ns))

    def _view(self, values: Vector, scored: Vector, found: Nearest) -> RegimeView:
        return RegimeView(
            regime=self._alarm.regime, named=self._named(found),
            confidence=self._confidence(found), alarm=self._alarm.raised,
            since_ns=self._alarm.since_ns,
            features=tuple(zip(FEATURES, values, strict=True)),
            distance=self._farness.distance(), limit=self._model.limit,
            model=self._centroids.identity, reason=self._reason(values, scored, found))

    def _confidence(self, found: Nearest) -> float:
        if not self._features.warm:
            return 0.0
        if self._far():
            return 1.0 - 0.5 * self._model.limit / self._farness.distance()
        return RESTLESS_CONFIDENCE if self._restless() else found.confidence

    def _reason(self, values: Vector, scored: Vector, found: Nearest) -> str:
        if not self._features.warm:
            return TOO_LITTLE
        if self._far():
            return why_far(self._model, values, scored, found, self._farness.distance())
        if self._restless():
            if self._swinging is not None:
                return why_swinging(self._swinging[0], self._swinging[1].turns)
            return why_restless(self._turns.named, self._turns.stays[-1][0])
        return why_named(self._model, self._centroids.now, values, scored, found)


def _part(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = document.get(name)
    if not isinstance(part, dict):
        raise ValueError(f'{name}: expected an object, got {type(part).__name__}')
    return part
