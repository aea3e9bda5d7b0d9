# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what one learner thinks of the whole swarm: its regime, the mode to propose, the routes of
jobs, the reputation of robots; refuses to know topics, files and clocks.

Every learner hears the same facts and keeps all of it warm, so that a new leader has it at once.
Only the leader's is told. The table of the modes is the exception: it learns where it decides, and
follows leadership as a checkpoint (inheritance.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .advice import Adviser, Proposal, share_heard
from .inheritance import Recorded
from .log_time import LogTime
from .mode.controller import ModeConfig, ModeController
from .mode.policies import ModePolicies
from .mode.view import ModeDecision, ModeView, PolicyFacts
from .observation import Mode, Outcome, SwarmState
from .regimes.gather import Gatherer
from .regimes.snapshot import Regime
from .regimes.watch import RegimeView, RegimeWatch
from .reputation.audits import AuditRequest
from .reputation.receipts import Attempt, Receipt, attempt_of
from .reputation.reputation import Reputation
from .reputation.standing import Standing
from .routing.routing import RouteEstimate, Routing
from .smoothing import seconds_between
from .swarm import SwarmView

ROUTES_TOLD_MAX = 1024      # as the messages say
ROUTES_PERIOD_S = 2.0       # between two looks at all routes, which take some ms
TABLE_PERIOD_S = 10.0       # between two tellings of tables that people read
REGIME_SURE = 0.6           # below it a regime says nothing to the mode
BATTERIES_LOW_SHARE = 0.5   # as the coordinator's own rule for saving


@dataclass(frozen=True)
class PublishRegime:
    """Tell the regime; asked for only where this robot leads, in that term."""

    view: RegimeView
    term: int


@dataclass(frozen=True)
class PublishRoutes:
    """Tell the costs of routes."""

    routes: tuple[RouteEstimate, ...]
    term: int
    log_index: int


@dataclass(frozen=True)
class PublishReputation:
    """Tell the reputations, and ask for audits."""

    table: tuple[Standing, ...]
    audits: tuple[AuditRequest, ...]
    term: int
    log_index: int


@dataclass(frozen=True)
class PublishPolicy:
    """Tell the table of the modes."""

    facts: PolicyFacts
    arrays: Mapping[str, Any]
    recorded: Recorded | None
    term: int


MindEffect = PublishRegime | PublishRoutes | PublishReputation | PublishPolicy


@dataclass
class Parts:
    """What the mind is made of; each can be restored on its own."""

    modes: ModeController
    routing: Routing
    reputation: Reputation
    regimes: RegimeWatch


@dataclass
class Told:
    """What goes into the advice while this robot leads."""

    decision: ModeDecision | None = None
    proposal: Proposal | None = None
    routes: tuple[RouteEstimate, ...] = ()
    standings: tuple[Standing, ...] = ()


@dataclass
class _Due:
    """When something was last told; it is due at the first look."""

    period_s: float
    last_ns: int | None = None

    def now(self, now_ns: int) -> bool:
        if self.last_ns is not None and seconds_between(self.last_ns, now_ns) < self.period_s:
            return False
        self.last_ns = now_ns
        return True


@dataclass
class _Rhythm:
    routes: _Due = field(default_factory=lambda: _Due(ROUTES_PERIOD_S))
    route_table: _Due = field(default_factory=lambda: _Due(TABLE_PERIOD_S))
    reputation: _Due = field(default_factory=lambda: _Due(TABLE_PERIOD_S))
    policy: _Due = field(default_factory=lambda: _Due(TABLE_PERIOD_S))


class SwarmMind:
    """Fed with facts, asked once a tick. now_ns is monotonic."""

    def __init__(self, parts: Parts, now_ns: int, seed: int = 0) -> None:
        self.parts = parts
        self.policies = ModePolicies(seed)
        self.policies_moved = False
        self.told = Told()
        self.frozen = False
        self.decisions_unsaved = 0
        self._gatherer = Gatherer(now_ns)
        self._adviser = Adviser()
        self._log = LogTime()
        self._state: SwarmState | None = None
        self._log_index = 0
        self._regime: RegimeView | None = None
        self._rhythm = _Rhythm()
        self._last_decision: ModeDecision | None = None
        self._controllers: ModeDecision | None = None
        self._proposed: ModeDecision | None = None

    # ---- what it hears

    def hear_outcome(self, outcome: Outcome, now_ns: int) -> Attempt | None:
        """The log's word on an attempt, in the order of the log. Returns it as reputation sees
        it; None where it is none."""
        self._log.note(outcome.stamp_ns, now_ns)
        self._log_index = max(self._log_index, outcome.log_index)
        self._gatherer.hear_outcome(outcome.job_id, outcome.attempt, outcome.ending, now_ns)
        stamp_ns = outcome.stamp_ns or self.stamp_ns(now_ns)
        self.parts.routing.hear_outcome(outcome, stamp_ns)
        attempt = _attempt(outcome, stamp_ns)
        if attempt is not None:
            self.parts.reputation.hear_outcome(attempt)
        return attempt

    def hear_load(self, robot_id: str, queued_ms: int, now_ns: int) -> None:
        """A robot's beacon says how much work it holds."""
        slots = self._state.slots.get(robot_id, 1) if self._state else 1
        self.parts.routing.hear_load(
            robot_id, float(queued_ms), self.stamp_ns(now_ns), max(1, slots))

    def hear_state(self, state: SwarmState, now_ns: int) -> None:
        """The leader's view of the log."""
        gone = set(self._state.slots) - set(state.slots) if self._state else set()
        for robot_id in sorted(gone):
            self.parts.routing.forget_robot(robot_id)
        if self._state is not None and state.log_index < self._state.log_index:
            self.parts.reputation.log_began_anew()
        self._state = state
        self._log.note(state.stamp_ns, now_ns)
        self._gatherer.hear_jobs(state.jobs_waiting, now_ns)
        self._gatherer.hear_leader(state.leader)
        if state.mode is not None:
            self._gatherer.hear_mode(state.mode, state.mode_epoch, now_ns)

    def hear_receipt(self, receipt: Receipt, sender: str, proven: bool = False) -> None:
        """What its issuer says itself, or, where it is proven, another robot passes on."""
        reputation = self.parts.reputation
        if receipt.issuer == sender or not proven:
            reputation.hear_receipt(receipt, sender)
        elif reputation.lacks(receipt):
            reputation.hear_receipt(receipt, receipt.issuer)

    def hear_audits(self, requests: Sequence[AuditRequest]) -> None:
        self.parts.reputation.hear_audits(requests)

    def hear_wall_clock(self, unix_ns: int, now_ns: int) -> None:
        """The clock of the robot that leads is the log's."""
        self._log.note(unix_ns, now_ns)

    def stamp_ns(self, now_ns: int) -> int:
        """What the log would stamp an entry with now, as far as is known."""
        return self._log.at(now_ns)

    # ---- what it thinks

    def tick(
        self, view: SwarmView, curiosity: float, term_led: int | None, may_decide: bool,
        recorded: Recorded | None, now_ns: int,
    ) -> tuple[MindEffect, ...]:
        """Look at everything once. may_decide: what was learned before has been taken over."""
        stamp_ns = self.stamp_ns(now_ns)
        self.parts.reputation.tick(stamp_ns)
        self._look_at_regime(view, now_ns)
        if term_led is None or self._state is None:
            self.told = Told()
            self._last_decision = None
            return ()
        self._think(view, curiosity, may_decide, stamp_ns, now_ns)
        return tuple(self._tell(term_led, recorded, may_decide, now_ns))

    def freeze(self, frozen: bool, now_ns: int) -> None:
        """Frozen: nothing is learned, everything is used."""
        self.frozen = frozen
        self.parts.modes.freeze(frozen)
        self.parts.routing.freeze(frozen, self.stamp_ns(now_ns))
        self.parts.reputation.freeze(frozen)
        self.parts.regimes.freeze(frozen)

    @property
    def regime(self) -> RegimeView | None:
        """As of the last tick."""
        return self._regime

    def checkpoint(self) -> tuple[dict[str, object], dict[str, Any]]:
        """What follows leadership: manifest and arrays of the mode controller."""
        self.decisions_unsaved = 0
        return self.parts.modes.manifest(), self.parts.modes.arrays()

    def adopt(
        self, manifest: Mapping[str, object], arrays: Mapping[str, Any], now_ns: int
    ) -> None:
        """Go on from another learner's checkpoint. Raises ValueError; then nothing changes."""
        config: ModeConfig = self.parts.modes.config
        self.parts.modes = ModeController.restore(config, arrays, manifest, now_ns)
        self.parts.modes.freeze(self.frozen)
        self.decisions_unsaved = 0

    def check_invariants(self) -> None:
        self.parts.modes.check_invariants()
        self.parts.routing.check_invariants()

    # ---- inside

    def _look_at_regime(self, view: SwarmView, now_ns: int) -> None:
        snapshot = self._gatherer.snapshot(view, now_ns)
        if snapshot is not None:
            self._regime = self.parts.regimes.observe(snapshot, now_ns)

    def _think(
        self, view: SwarmView, curiosity: float, may_decide: bool, stamp_ns: int, now_ns: int
    ) -> None:
        assert self._state is not None
        if self._rhythm.routes.now(now_ns):
            self._weigh_routes(stamp_ns)
        self.told.decision = None
        self.told.proposal = None
        if view.robots == 0:
            return
        modes = self.parts.modes
        if may_decide and self._state.mode is not None:
            decision = self._decide(self._mode_view(view, self._state.mode), now_ns)
            if modes.is_trained():
                heard = share_heard(view, self._state.robots_present)
                self.told.decision = replace(decision, confidence=decision.confidence * heard)
                return
        self.told.proposal = self._adviser.advise(view, curiosity, self._state.robots_present)

    def _decide(self, view: ModeView, now_ns: int) -> ModeDecision:
        """The controller's decision, or that of a policy which has earned to be followed."""
        modes, closed = self.parts.modes, self.parts.modes.closed
        decision = modes.decide(view, now_ns)
        if decision is self._controllers and self._proposed is not None:
            return self._proposed
        self.decisions_unsaved += not self.frozen
        if modes.closed > closed:
            self.policies.rewarded(modes.facts().reward_last, not self.frozen)
            self.policies_moved = True
        self._controllers = decision
        self._proposed = self.policies.decide(decision, view)
        return self._proposed

    def _weigh_routes(self, stamp_ns: int) -> None:
        reputation, routing = self.parts.reputation, self.parts.routing
        fair = reputation.fair_turn(stamp_ns)
        routing.hear_quality({
            robot: reputation.quality(robot, fair) for robot in reputation.robots()})
        self.told.routes = routing.estimates(stamp_ns)[:ROUTES_TOLD_MAX]
        self.told.standings = reputation.table()

    def _mode_view(self, view: SwarmView, mode: Mode) -> ModeView:
        state, regime = self._state, self._regime
        assert state is not None
        sure = regime is not None and regime.confidence >= REGIME_SURE
        return ModeView(
            arousal=view.arousal, stability=view.stability, pressure=view.pressure, mode=mode,
            estop=state.emergency, battery_low=state.batteries_low >= BATTERIES_LOW_SHARE,
            regime=regime.regime if sure and regime is not None else Regime.UNKNOWN,
            can_change=not state.overridden)

    def _tell(
        self, term: int, recorded: Recorded | None, may_decide: bool, now_ns: int
    ) -> list[MindEffect]:
        effects: list[MindEffect] = []
        if self._regime is not None:
            effects.append(PublishRegime(self._regime, term))
        if self._rhythm.route_table.now(now_ns):
            effects.append(PublishRoutes(self.told.routes, term, self._log_index))
        assert self._state is not None
        audits = self.parts.reputation.audits_due(sorted(self._state.slots), leaves_a_trace)
        if audits or self._rhythm.reputation.now(now_ns):
            effects.append(PublishReputation(self.told.standings, audits, term, self._log_index))
        chosen = None if self.told.decision is None else self._proposed
        changed = chosen is not self._last_decision
        # Who may not decide yet is about to take over another table.
        if may_decide and (changed or self._rhythm.policy.now(now_ns)):
            self._last_decision = chosen
            effects.append(PublishPolicy(
                self.parts.modes.facts(), self.parts.modes.arrays(), recorded, term))
        return effects


def leaves_a_trace(attempt: Attempt) -> bool:
    """Whether an auditor can see anything of it: outputs, which can be fetched or made again."""
    return attempt.bytes_out > 0


def _attempt(outcome: Outcome, stamp_ns: int) -> Attempt | None:
    """The outcome as reputation takes it; None: one that nobody can be judged by."""
    try:
        return attempt_of(replace(outcome, stamp_ns=stamp_ns))
    except ValueError:
        return None
