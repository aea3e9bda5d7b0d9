# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the learner of one robot: events in, effects out; refuses to know topics, files, clocks.

It proposes and never decides: losing it leaves the swarm on its default policy.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import inheritance as heir
from .advice import Adviser, Proposal
from .affect import Affect
from .checkpoint import Document, document_of
from .config import LearningConfig
from .events import (
    AuditsHeard,
    CheckpointHere,
    DeliveriesHeard,
    Event,
    FreezeAsked,
    ReceiptsHeard,
)
from .freezing import Freezing
from .mode.view import ModeDecision
from .observation import (
    Beacon,
    Closing,
    Figures,
    LocalState,
    Outcome,
    SwarmState,
    Tick,
)
from .reputation.auditor import Auditor, AuditStep, JobHere, Looked
from .reputation.audits import AuditRequest
from .reputation.notary import Notary
from .reputation.receipts import Receipt
from .reputation.standing import Standing
from .reputation.witness import Witness
from .routing.routing import RouteEstimate
from .run_times import RunTimes
from .smoothing import NS_PER_S, seconds_between
from .swarm import Swarm, SwarmView
from .swarm_mind import MindEffect, PublishReputation, SwarmMind

NOTABLE_CHANGE = 0.1        # of any figure since it was last published; chosen without data
NOTABLE_GAP_S = 0.2         # changes are told at most this often
MALFORMED_TOLD_S = 60.0     # a broken peer sends on and on; a line a minute suffices
ATTEMPTS_REMEMBERED = 512   # a new leader may repeat outcomes
DELIVERIES_ASKED_MAX = 200  # jobs in one question to the coordinator
DELIVERIES_PERIOD_S = 3.0   # between two of these questions
# What no honest robot does with receipts.
OFFENCES = ('unsigned', 'forged', 'self_signed', 'replayed', 'malformed')
PROVEN_A_TICK = 16          # signatures of kept receipts, 0.1 ms each
CHECKPOINTS_HELD = 2        # the last one, and one that comes while it is taken over


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
    """Tell what is proposed: a decision of the learned policy, else the rule's proposal; neither:
    no opinion on the mode."""

    proposal: Proposal | None
    log_index: int
    valid_ms: int
    decision: ModeDecision | None = None
    routes: tuple[RouteEstimate, ...] = ()
    standings: tuple[Standing, ...] = ()


@dataclass(frozen=True)
class WarnMalformed:
    """Warn people of figures that were dropped: how many since the start, and the last sender."""

    count: int
    robot_id: str


@dataclass(frozen=True)
class Warn:
    """Tell people."""

    text: str


@dataclass(frozen=True)
class SaveStatistics:
    """Keep this document for the next start."""

    document: Document


@dataclass(frozen=True)
class SaveMind:
    """Keep what is thought of the swarm for the next start."""


@dataclass(frozen=True)
class SendReceipts:
    """Tell all robots what this one says of attempts that it was a party to."""

    receipts: Sequence[Receipt]


@dataclass(frozen=True)
class RefusedReceipts:
    """Tell people: so many of a robot's receipts were refused, by why."""

    sender: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class AskDeliveries:
    """Ask the coordinator whether the outputs of these jobs have come; answer DeliveriesHeard."""

    job_ids: tuple[str, ...]


@dataclass(frozen=True)
class StoreCheckpoint:
    """Make a file of this and have the coordinator store it; answer Stored or Failed."""

    manifest: Mapping[str, object]
    arrays: Mapping[str, Any]


@dataclass(frozen=True)
class NoteCheckpoint:
    """Have the coordinator record it in the log; answer Noted or Failed."""

    note: heir.Note
    summary: str


@dataclass(frozen=True)
class BringCheckpoint:
    """Have the coordinator fetch it; answer CheckpointHere or Failed."""

    recorded: heir.Recorded


Effect = (
    PublishLocal | PublishSwarm | PublishAdvice | WarnMalformed | Warn | SaveStatistics | SaveMind
    | SendReceipts | RefusedReceipts | AskDeliveries | StoreCheckpoint | NoteCheckpoint
    | BringCheckpoint | AuditStep | MindEffect
)


class Learner:
    """Everything that the learner of one robot knows. Without a mind it knows itself only, and
    proposes by the rule."""

    def __init__(
        self,
        config: LearningConfig,
        now_ns: int,
        run_times: RunTimes | None = None,
        mind: SwarmMind | None = None,
        witness: Witness | None = None,
        auditor: Auditor | None = None,
        notary: Notary | None = None,
    ) -> None:
        if not config.robot_id:
            raise ValueError("robot_id: expected the name of this robot, got ''")
        self._config = config
        self._run_times = run_times or RunTimes(memory_s=config.memory_s)
        self._affect = Affect(config, self._run_times, now_ns)
        self._swarm = Swarm(config.figures_stale_ms)
        self._adviser = Adviser()
        self.mind = mind
        self.freezing = Freezing(config.frozen)
        self._witness = witness
        self._auditor = auditor
        self._notary = notary
        self._heir = heir.Inheritance(round(config.checkpoint_period_s * NS_PER_S))
        self._checkpoints: dict[str, CheckpointHere] = {}
        self._summary = ''  # of the checkpoint that is being stored
        self._attempts_seen: deque[tuple[str, int]] = deque(maxlen=ATTEMPTS_REMEMBERED)
        self._swarm_state: SwarmState | None = None
        self._swarm_state_ns = now_ns
        self._told: Figures | None = None
        self._told_ns = now_ns
        self._advised: PublishAdvice | None = None
        self._advised_ns = now_ns
        self._malformed_told = 0
        self._malformed_told_ns: int | None = None
        self._deliveries_ns = now_ns
        self._unsaved = False
        self._saved_ns = now_ns
        self.outcomes = 0
        self.refused = 0
        if mind is not None:
            mind.freeze(config.frozen, now_ns)
            if notary is not None:
                mind.parts.reputation.distrust_kept()

    def handle(self, event: Event, now_ns: int) -> tuple[Effect, ...]:
        """Fold one event. now_ns is monotonic; a time before the last one counts as the last."""
        if isinstance(event, Beacon):
            return self._on_beacon(event, now_ns)
        if isinstance(event, LocalState):
            return self._on_local_state(event, now_ns)
        if isinstance(event, Outcome):
            self._on_outcome(event, now_ns)
        elif isinstance(event, SwarmState):
            return self._on_swarm_state(event, now_ns)
        elif isinstance(event, Tick):
            return self._on_tick(event, now_ns)
        elif isinstance(event, Closing):
            return self._save(now_ns)
        elif isinstance(event, ReceiptsHeard):
            return self._on_receipts(event)
        elif isinstance(event, AuditsHeard | DeliveriesHeard):
            self._on_words(event, now_ns)
        elif isinstance(event, JobHere | Looked):
            return self._auditor.hear(event) if self._auditor is not None else ()
        elif isinstance(event, FreezeAsked):
            return self._on_freeze(event, now_ns)
        elif isinstance(event, CheckpointHere):
            return self._on_checkpoint(event, now_ns)
        else:
            return self._inherit(event, now_ns)
        return ()

    def leads(self, now_ns: int) -> bool:
        """Whether the last word on the swarm is fresh and names this robot as its leader."""
        return self._term_led(now_ns) is not None

    @property
    def checkpoint(self) -> heir.Recorded | None:
        """The last one that the log is known to name."""
        return self._heir.recorded

    @property
    def figures(self) -> Figures:
        """Of this robot, as of the last event."""
        return self._affect.figures()

    @property
    def audits(self) -> tuple[int, int]:
        """Of others' work, in this life: those that found something, those that could not."""
        auditor = self._auditor
        return (0, 0) if auditor is None else (auditor.looked, auditor.gave_up)

    def reasons(self) -> tuple[str, ...]:
        """Of its figures, a sentence each."""
        return self._affect.reasons()

    def check_invariants(self) -> None:
        self._affect.check_invariants()
        self._swarm.check_invariants()
        self._run_times.check_invariants()
        self._heir.check_invariants()
        if self._auditor is not None:
            self._auditor.check_invariants()
        if self.mind is not None:
            self.mind.check_invariants()

    # ---- what it hears

    def _on_beacon(self, beacon: Beacon, now_ns: int) -> tuple[Effect, ...]:
        self._swarm.hear(beacon)
        if self.mind is not None and beacon.robot_id in self._swarm.beacons:
            self.mind.hear_load(beacon.robot_id, beacon.queued_work_ms, now_ns)
        return ()

    def _on_local_state(self, state: LocalState, now_ns: int) -> tuple[Effect, ...]:
        if state.robot_id != self._config.robot_id:
            return ()
        self._affect.hear_local_state(state, self._robots(now_ns), now_ns)
        if seconds_between(self._told_ns, now_ns) < NOTABLE_GAP_S or not self._moved():
            return ()
        return (self._tell_local(now_ns),)

    def _on_outcome(self, outcome: Outcome, now_ns: int) -> None:
        self.outcomes += 1
        if self.mind is not None:
            attempt = self.mind.hear_outcome(outcome, now_ns)
            if attempt is None:
                self.refused += 1
            elif self._witness is not None:
                self._witness.hear_outcome(attempt)
            self._unsaved = True
        key = (outcome.job_id, outcome.attempt)
        if outcome.robot_id != self._config.robot_id or key in self._attempts_seen:
            return
        self._attempts_seen.append(key)
        if self.freezing.frozen:
            return
        self._affect.hear_outcome(outcome, self._robots(now_ns), now_ns)
        self._unsaved = True

    def _on_swarm_state(self, state: SwarmState, now_ns: int) -> tuple[Effect, ...]:
        known = self._fresh_swarm_state(now_ns)
        # An old leader may still speak. A swarm that began anew has lower numbers, but then the
        # old view goes stale first.
        if known and (state.term, state.log_index) < (known.term, known.log_index):
            return ()
        self._swarm_state, self._swarm_state_ns = state, now_ns
        if self.mind is None:
            return ()
        self.mind.hear_state(state, now_ns)
        if state.emergency and self._witness is not None:
            self._witness.hear_stop(self.mind.stamp_ns(now_ns))
        return self._inherit(heir.Word(self._term_led(now_ns), state.checkpoint), now_ns)

    def _on_receipts(self, event: ReceiptsHeard) -> tuple[Effect, ...]:
        """Without a notary, a sender that is not proven can only harm itself by what it says."""
        if self.mind is None:
            return ()
        reputation = self.mind.parts.reputation
        before = reputation.counted()
        for receipt in event.receipts:
            if self._witness is not None and receipt.issuer != self._config.robot_id:
                self._witness.hear_receipt(receipt)
            self.mind.hear_receipt(receipt, event.sender, self._notary is not None)
        counts = Counter(event.refused)
        counts.update({why: count - before.get(why, 0)
                       for why, count in reputation.counted().items()})
        told = tuple((why, counts[why]) for why in OFFENCES if counts[why] > 0)
        self.refused += sum(event.refused.values())
        return (RefusedReceipts(event.sender, told),) if told else ()

    def _on_words(self, event: AuditsHeard | DeliveriesHeard, now_ns: int) -> None:
        if isinstance(event, DeliveriesHeard):
            for delivery in event.deliveries:
                if self._witness is not None:
                    self._witness.hear_delivery(delivery)
        elif self.mind is None:
            return
        elif self._swarm_state is not None and event.sender == self._swarm_state.leader:
            self.mind.hear_audits(event.requests)
            self._asked_to_audit(event.requests, now_ns)

    def _asked_to_audit(self, requests: Sequence[AuditRequest], now_ns: int) -> None:
        if self._auditor is None or self.freezing.frozen:
            return
        for request in requests:
            if request.auditor != self._config.robot_id:
                continue
            if self._notary is not None and not self._notary.is_asked(request):
                self.refused += 1
                continue
            self._auditor.ask(request.job_id, request.attempt, now_ns, request)

    def _on_freeze(self, event: FreezeAsked, now_ns: int) -> tuple[Effect, ...]:
        self.freezing.ask(event, now_ns)
        return self._follow_freezing(now_ns)

    def _follow_freezing(self, now_ns: int) -> tuple[Effect, ...]:
        if not self.freezing.advance(now_ns):
            return ()
        if self.mind is not None:
            self.mind.freeze(self.freezing.frozen, now_ns)
        return (Warn(self.freezing.told()),)

    # ---- what follows leadership

    def _on_checkpoint(self, event: CheckpointHere, now_ns: int) -> tuple[Effect, ...]:
        self._checkpoints[event.sha256] = event
        while len(self._checkpoints) > CHECKPOINTS_HELD:
            del self._checkpoints[next(iter(self._checkpoints))]
        return self._inherit(heir.Brought(event.sha256), now_ns)

    def _inherit(self, event: heir.Event, now_ns: int) -> tuple[Effect, ...]:
        if self.mind is None:
            return ()
        effects: list[Effect] = []
        for effect in self._heir.handle(event, now_ns):
            effects.extend(self._inherited(effect, now_ns))
        return tuple(effects)

    def _inherited(self, effect: heir.Effect, now_ns: int) -> tuple[Effect, ...]:
        assert self.mind is not None
        if isinstance(effect, heir.Store):
            facts = self.mind.parts.modes.facts()
            self._summary = (f'{facts.decisions} decisions, mean reward {facts.reward_mean:.3f}, '
                             f'by {self._config.robot_id}')
            return (StoreCheckpoint(*self.mind.checkpoint()),)
        if isinstance(effect, heir.Note):
            return (NoteCheckpoint(effect, self._summary),)
        if isinstance(effect, heir.Bring):
            return (BringCheckpoint(effect.recorded),)
        if isinstance(effect, heir.Warn):
            return (Warn(effect.text),)
        found = self._checkpoints[effect.sha256]
        try:
            self.mind.adopt(found.manifest, found.arrays, now_ns)
        except ValueError as error:
            self.refused += 1
            return (Warn(f'checkpoint {effect.version} cannot be taken over: {error}'),)
        return ()

    # ---- once a tick

    def _on_tick(self, tick: Tick, now_ns: int) -> tuple[Effect, ...]:
        effects: list[Effect] = list(self._follow_freezing(now_ns))
        self._affect.advance(now_ns)
        self._swarm.forget_silent(now_ns)
        view = self._swarm.view(now_ns)
        effects.append(self._tell_local(now_ns))
        term = self._term_led(now_ns)
        if term is not None:
            effects.append(PublishSwarm(view, term))
        effects.extend(self._think(tick, view, term, now_ns))
        effects.extend(self._advise(view, now_ns))
        effects.extend(self._warn(now_ns))
        if seconds_between(self._saved_ns, now_ns) >= self._config.save_period_s:
            effects.extend(self._save(now_ns))
        return tuple(effects)

    def _think(
        self, tick: Tick, view: SwarmView, term: int | None, now_ns: int
    ) -> list[Effect]:
        mind, effects = self.mind, list[Effect]()
        if mind is None:
            return effects
        if term is not None and tick.unix_ns:
            mind.hear_wall_clock(tick.unix_ns, now_ns)
        if term is None and self._heir.may_decide:
            effects.extend(self._inherit(heir.Word(None, None), now_ns))
        for effect in mind.tick(
                view, self._swarm.curiosity(now_ns), term, self._heir.may_decide,
                self._heir.recorded, now_ns):
            if isinstance(effect, PublishReputation):
                if self._notary is not None:
                    effect = replace(effect, audits=self._notary.asked(effect.audits))
                self._asked_to_audit(effect.audits, now_ns)
            effects.append(effect)
        if self._notary is not None:
            mind.parts.reputation.prove(self._notary.fits, PROVEN_A_TICK)
        effects.extend(self._inherit(heir.Ticked(mind.decisions_unsaved > 0), now_ns))
        effects.extend(self._witnessed(mind.stamp_ns(now_ns), now_ns))
        effects.extend(self._audited(now_ns))
        return effects

    def _audited(self, now_ns: int) -> list[Effect]:
        if self._auditor is None:
            return []
        effects: list[Effect] = list(self._auditor.tick(now_ns))
        said = self._auditor.said()
        return [*effects, SendReceipts(self._signed(said))] if said else effects

    def _signed(self, said: Sequence[Receipt]) -> Sequence[Receipt]:
        return said if self._notary is None else [self._notary.signed(one) for one in said]

    def _witnessed(self, stamp_ns: int, now_ns: int) -> list[Effect]:
        if self._witness is None:
            return []
        effects: list[Effect] = [
            SendReceipts(self._signed(said)) for said in self._witness.tick(stamp_ns) if said]
        waiting = self._witness.waiting()
        if waiting and seconds_between(self._deliveries_ns, now_ns) >= DELIVERIES_PERIOD_S:
            self._deliveries_ns = now_ns
            effects.append(AskDeliveries(waiting[:DELIVERIES_ASKED_MAX]))
        return effects

    def _tell_local(self, now_ns: int) -> PublishLocal:
        self._told, self._told_ns = self._affect.figures(), now_ns
        return PublishLocal(self._told, self._affect.reasons())

    def _moved(self) -> bool:
        if self._told is None:
            return True
        pairs = zip(self._affect.figures().values(), self._told.values(), strict=True)
        return any(abs(now - told) >= NOTABLE_CHANGE for now, told in pairs)

    def _advise(self, view: SwarmView, now_ns: int) -> tuple[Effect, ...]:
        advice = self._advice(view, now_ns)
        repeat_s = self._config.advice_valid_ms / 2000.0
        due = seconds_between(self._advised_ns, now_ns) >= repeat_s
        if self._advised and _mode(self._advised) == _mode(advice) and not due:
            return ()
        self._advised, self._advised_ns = advice, now_ns
        return (advice,)

    def _advice(self, view: SwarmView, now_ns: int) -> PublishAdvice:
        state = self._fresh_swarm_state(now_ns)
        log_index, valid_ms = state.log_index if state else 0, self._config.advice_valid_ms
        if self.mind is not None and self._term_led(now_ns) is not None:
            told = self.mind.told
            return PublishAdvice(
                told.proposal, log_index, valid_ms, told.decision, told.routes, told.standings)
        return PublishAdvice(
            self._adviser.advise(
                view, self._swarm.curiosity(now_ns), state.robots_present if state else 0),
            log_index, valid_ms)

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
        kept: tuple[Effect, ...] = (SaveStatistics(document_of(self._run_times, now_ns)),)
        return kept if self.mind is None else (*kept, SaveMind())

    def _term_led(self, now_ns: int) -> int | None:
        state = self._fresh_swarm_state(now_ns)
        return state.term if state and state.leader == self._config.robot_id else None

    def _robots(self, now_ns: int) -> int:
        return max(1, len(self._swarm.fresh(now_ns)))

    def _fresh_swarm_state(self, now_ns: int) -> SwarmState | None:
        age_s = seconds_between(self._swarm_state_ns, now_ns)
        return self._swarm_state if age_s * 1000 <= self._config.swarm_state_stale_ms else None


def _mode(advice: PublishAdvice) -> object:
    if advice.decision is not None:
        return advice.decision.mode
    return advice.proposal.mode if advice.proposal else None
