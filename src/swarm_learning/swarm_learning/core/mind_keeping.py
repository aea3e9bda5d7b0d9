# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the form in which what a learner thinks of the swarm is kept for its next start: a plain
document and arrays; refuses to know files.

Each part is restored on its own: one that cannot be used begins anew, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from .config import LearningConfig
from .mode.controller import ModeConfig, ModeController
from .regimes.model import RegimeModel
from .regimes.watch import RegimeWatch
from .reputation.config import ReputationConfig
from .reputation.reputation import Reputation
from .routing.config import RoutingConfig
from .routing.routing import Routing
from .swarm_mind import Parts

SCHEMA = 1
Part = TypeVar('Part')


@dataclass(frozen=True)
class Kept:
    """A document and arrays that came from a disk or a package; both may be anything."""

    manifest: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Start:
    """What a mind begins with. secret: at least 16 random bytes, drawn anew at each start.
    table: the shipped start of the mode controller; None = it begins with nothing."""

    seed: int
    secret: bytes
    regime_model: RegimeModel
    table: Kept | None = None


def document_of(parts: Parts) -> tuple[dict[str, object], dict[str, Any]]:
    """Manifest and arrays of everything."""
    return {
        'schema': SCHEMA,
        'modes': parts.modes.manifest(),
        'routing': parts.routing.document(),
        'reputation': parts.reputation.document(),
        'regimes': parts.regimes.document(),
    }, parts.modes.arrays()


def parts_of(
    config: LearningConfig, start: Start, kept: Kept | None, now_ns: int
) -> tuple[Parts, tuple[str, ...]]:
    """The parts as they were kept, as far as that can be used, and what could not be."""
    problems: list[str] = []
    manifest = kept.manifest if kept is not None else {}
    if kept is not None and manifest.get('schema') != SCHEMA:
        problems.append(f'schema: expected {SCHEMA}, got {manifest.get("schema")!r}')
        kept, manifest = None, {}

    def restored(name: str, make: Callable[[Mapping[str, Any]], Part], new: Callable[[], Part]
                 ) -> Part:
        part = manifest.get(name)
        if part is None:
            return new()
        try:
            if not isinstance(part, dict):
                raise ValueError('expected an object')
            return make(part)
        except (ValueError, KeyError, TypeError) as error:
            problems.append(f'{name} begins anew: {error}')
            return new()

    modes, routing = mode_config(config), RoutingConfig(tau_s=config.routing_tau_s)
    trust = reputation_config(config)
    arrays = kept.arrays if kept is not None else {}
    return Parts(
        modes=restored(
            'modes', lambda part: ModeController.restore(modes, arrays, part, now_ns),
            lambda: _started(modes, start, problems)),
        routing=restored(
            'routing', lambda part: Routing.from_document(part, routing),
            lambda: Routing(routing)),
        reputation=restored(
            'reputation', lambda part: Reputation.from_document(part, trust, start.secret),
            lambda: Reputation(trust, start.secret)),
        regimes=restored(
            'regimes', lambda part: RegimeWatch.from_document(part, start.regime_model),
            lambda: RegimeWatch(start.regime_model)),
    ), tuple(problems)


def mode_config(config: LearningConfig) -> ModeConfig:
    """Settings of the mode controller, from those of the learner."""
    return ModeConfig(dwell_s=config.mode_dwell_s)


def reputation_config(config: LearningConfig) -> ReputationConfig:
    """Settings of reputation, from those of the learner. Without audits newcomers have none."""
    usual = ReputationConfig(audit_share=config.audit_share)
    return usual if config.audit_share else replace(usual, audit_share_newcomer=0.0)


def _started(config: ModeConfig, start: Start, problems: list[str]) -> ModeController:
    if start.table is None:
        return ModeController(config, start.seed)
    try:
        return ModeController.from_start(config, start.table.arrays, start.seed)
    except (ValueError, KeyError, TypeError) as error:
        problems.append(f'the shipped table of modes cannot be used: {error}')
        return ModeController(config, start.seed)
