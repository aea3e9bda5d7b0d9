# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the learner of one robot: events in, effects out; refuses to know topics, files, clocks.

It proposes and never decides: losing it leaves the swarm on its default policy.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .advice import Adviser, Proposal
from .affect import Affect
from .checkpoint import Document, document_of
from .config import LearningConfig
from .observation import (
    Beacon,
    Closing,
    Event,
    Figures,
    LocalState,
    Outcome,
    SwarmState,
    Tick,
)
from .run_times import RunTimes
from .smoothing import seconds_between
from .swarm import Swarm, SwarmView

NOTABLE_CHANGE = 0.1        # of any figure since it was last published; chosen without data
NOTABLE_GAP_S = 0.2         # changes are told at most this often
MALFORMED_TOLD_S = 60.0     # a broken peer sends on and on; a line a minute suffices
ATTEMPTS_REMEMBERED = 512   # a new leader may repeat outcomes


@dataclass(frozen=True)
class PublishLocal:
    """Tell this robot's figures and their reasons."""

    figures: Figures
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class PublishSwarm:
    """Tell the swarm's figures; asked for only where this robot leads, in that term."""

    view: SwarmView
    term: int


@dataclass(frozen=True)
class PublishAdvice:
    """Tell what is proposed. None: no opinion."""

    proposal: Proposal | None
    log_index: int
    valid_ms: int


@dataclass(frozen=True)
class WarnMalformed:
    """Warn people of figures that were dropped: how many since the start, and the last sender."""

    count: int
    robot_id: str


@dataclass(frozen=True)
class SaveStatistics:
    """Keep this document for the next start."""

    document: Document


Effect = PublishLocal | PublishSwarm | PublishAdvice | WarnMalformed | SaveStatistics


class Learner:
    """Everything that the learner of one robot knows."""

    def __init__(
        self, config: LearningConfig, now_ns: int, run_times: RunTimes | None = None
    ) -> None:
        if not config.robot_id:
            raise ValueError("robot_id: expected the name of this robot, got ''")
        self._config = config
        self._run_times = run_times or RunTimes(memory_s=config.memory_s)
        self._affect = Affect(config, self._run_times, now_ns)
        self._swarm = Swarm(config.figures_stale_ms)
        self._adviser = Adviser()
        self._attempts_seen: deque[tuple[str, int]] = deque(maxlen=ATTEMPTS_REMEMBERED)
        self._swarm_state: SwarmState | None = None
        self._swarm_state_ns = now_ns
        self._told: Figures | None = None
        self._told_ns = now_ns
        self._advised: PublishAdvice | None = None
        self._advised_ns = now_ns
        self._malformed_told = 0
        self._malformed_told_ns: int | None = None
        self._unsaved = False
        self._saved_ns = now_ns

    def handle(self, event: Event, now_ns: int) -> tuple[Effect, ...]:
        """Fold one event. now_ns is monotonic; a time before the last one counts as the last."""
        if isinstance(event, Beacon):
            self._swarm.hear(event)
        elif isinstance(event, LocalState):
            return self._on_local_state(event, now_ns)
        elif isinstance(event, Outcome):
            self._on_outcome(event, now_ns)
        elif isinstance(event, SwarmState):
            self._on_swarm_state(event, now_ns)
        elif isinstance(event, Tick):
            return self._on_tick(now_ns)
        elif isinstance(event, Closing):
            return self._save(now_ns)
        return ()

    def leads(self, now_ns: int) -> bool:
        """Whether the last word on the swarm is fresh and names this robot as its leader."""
        return self._term_led(now_ns) is not None

    def check_invariants(self) -> None:
        self._affect.check_invariants()
        self._swarm.check_invariants()
        self._run_times.check_invariants()

    def _on_local_state(self, state: LocalState, now_ns: int) -> tuple[Effect, ...]:
        if state.robot_id != self._config.robot_id:
            return ()
        self._affect.hear_local_state(state, self._robots(now_ns), now_ns)
        if seconds_between(self._told_ns, now_ns) < NOTABLE_GAP_S or not self._moved():
            return ()
        return (self._tell_local(now_ns),)

    def _on_outcome(self, outcome: Outcome, now_ns: int) -> None:
        attempt = (outcome.job_id, outcome.attempt)
        if outcome.robot_id != self._config.robot_id or attempt in self._attempts_seen:
            return
        self._attempts_seen.append(attempt)
        self._affect.hear_outcome(outcome, self._robots(now_ns), now_ns)
        self._unsaved = True

    def _on_swarm_state(self, state: SwarmState, now_ns: int) -> None:
        known = self._fresh_swarm_state(now_ns)
        # An old leader may still speak. A swarm that began anew has lower numbers, but then the
        # old view goes stale first.
        if known and (state.term, state.log_index) < (known.term, known.log_index):
            return
        self._swarm_state, self._swarm_state_ns = state, now_ns

    def _on_tick(self, now_ns: int) -> tuple[Effect, ...]:
        self._affect.advance(now_ns)
        self._swarm.forget_silent(now_ns)
        view = self._swarm.view(now_ns)
        effects: list[Effect] = [self._tell_local(now_ns)]
        term = self._term_led(now_ns)
        if term is not None:
            effects.append(PublishSwarm(view, term))
        effects.extend(self._advise(view, now_ns))
        effects.extend(self._warn(now_ns))
        if seconds_between(self._saved_ns, now_ns) >= self._config.save_period_s:
            effects.extend(self._save(now_ns))
        return tuple(effects)

    def _tell_local(self, now_ns: int) -> PublishLocal:
        self._told, self._told_ns = self._affect.figures(), now_ns
        return PublishLocal(self._told, self._affect.reasons())

    def _moved(self) -> bool:
        if self._told is None:
            return True
        pairs = zip(self._affect.figures().values(), self._told.values(), strict=True)
        return any(abs(now - told) >= NOTABLE_CHANGE for now, told in pairs)

    def _advise(self, view: SwarmView, now_ns: int) -> tuple[Effect, ...]:
        state = self._fresh_swarm_state(now_ns)
        advice = PublishAdvice(
            proposal=self._adviser.advise(
                view, self._swarm.curiosity(now_ns), state.robots_present if state else 0),
            log_index=state.log_index if state else 0,
            valid_ms=self._config.advice_valid_ms,
        )
        repeat_s = self._config.advice_valid_ms / 2000.0
        due = seconds_between(self._advised_ns, now_ns) >= repeat_s
        if self._advised and _mode(self._advised) == _mode(advice) and not due:
            return ()
        self._advised, self._advised_ns = advice, now_ns
        return (advice,)

    def _warn(self, now_ns: int) -> tuple[Effect, ...]:
        last_ns, count = self._malformed_told_ns, self._swarm.malformed
        soon = last_ns is not None and seconds_between(last_ns, now_ns) < MALFORMED_TOLD_S
        if count == self._malformed_told or soon:
            return ()
        self._malformed_told, self._malformed_told_ns = count, now_ns
        return (WarnMalformed(count, self._swarm.malformed_robot),)

    def _save(self, now_ns: int) -> tuple[Effect, ...]:
        if not self._unsaved:
            return ()
        self._unsaved, self._saved_ns = False, now_ns
        return (SaveStatistics(document_of(self._run_times, now_ns)),)

    def _term_led(self, now_ns: int) -> int | None:
        state = self._fresh_swarm_state(now_ns)
        return state.term if state and state.leader == self._config.robot_id else None

    def _robots(self, now_ns: int) -> int:
        return max(1, len(self._swarm.fresh(now_ns)))

    def _fresh_swarm_state(self, now_ns: int) -> SwarmState | None:
        age_s = seconds_between(self._swarm_state_ns, now_ns)
        return self._swarm_state if age_s * 1000 <= self._config.swarm_state_stale_ms else None


def _mode(advice: PublishAdvice) -> object:
    return advice.proposal.mode if advice.proposal else None
