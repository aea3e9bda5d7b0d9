# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions, publishers and the timer of the learner; decides nothing.

All callbacks run in one executor thread and none of them waits: what takes a disk or a service is
started here and comes back as an event.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from swarm_msgs.msg import (
    Advice,
    Heartbeat,
    JobOutcomes,
    LearningState,
    LocalConsciousness,
    LocalState,
    ModePolicy,
    Receipts,
    Regime,
    Reputation,
    RouteCosts,
    SwarmConsciousness,
    SwarmState,
)

from ..core import learner as effects
from ..core.config import LearningConfig
from ..core.events import AuditsHeard, Event
from ..core.learner import Effect, Learner
from ..core.mind_keeping import document_of
from ..core.observation import Closing, Tick
from ..core.reputation.auditor import Auditor, Look, LookUp
from ..core.reputation.notary import Notary
from ..core.reputation.witness import Witness
from ..core.swarm import ROBOTS_MAX
from ..core.swarm_mind import (
    PublishPolicy,
    PublishRegime,
    PublishReputation,
    PublishRoutes,
    SwarmMind,
)
from . import conversions, mind_conversions, regime_conversions, reputation_conversions
from .auditor import Audits
from .clockwork import Clockwork
from .deliveries import Deliveries
from .heritage import Heritage, recorded_in
from .keeper import Keeper
from .receipt_desk import ReceiptDesk, keys_of

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE,
                     durability=DurabilityPolicy.TRANSIENT_LOCAL)
# A reader's history is shared by all writers: with depth 1 the word of another swarm or of an
# old leader could push out, unread, what our leader said at the same moment.
SHARED_LATCHED = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE,
                            durability=DurabilityPolicy.TRANSIENT_LOCAL)
BEACON = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT,
                    durability=DurabilityPolicy.VOLATILE)
OUTCOMES_MAX = 256  # of one message, as swarm_msgs/msg/JobOutcomes says
OUTCOMES = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE,
                      durability=DurabilityPolicy.VOLATILE)
RECEIPTS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE,
                      durability=DurabilityPolicy.VOLATILE)
STATE_PERIODS = 5   # the state of the learner is told every so many periods, and on change


class Watcher(Protocol):
    """Somebody who lives beside the learner and watches it."""

    def saw_event(self, event: Event, /) -> None: ...

    def saw_effect(self, effect: Effect, /) -> None: ...

    def facts(self) -> dict[str, Any]:
        """Fields of LearningState."""

    def close(self) -> None: ...


class Learning:
    """Adapter between a node and the learner of one robot."""

    def __init__(self, node: Node, config: LearningConfig) -> None:
        self._node = node
        self.config = config
        self._log = node.get_logger()
        self._beacons: dict[str, tuple[Heartbeat, int]] = {}
        self.errors = 0
        self.watchers: list[Watcher] = []
        self._closed = False
        self._ticks = 0
        self._tick_us: list[int] = []
        self._clockwork = Clockwork(node, config.period_ms / 1000.0, self._on_timer)
        self._keeper = Keeper(config, self._warn)
        mind, run_times = self._keeper.restored(self._clockwork.now_ns())
        keys = keys_of(node)
        notary = None if keys is None else Notary(
            config.swarm_id, config.robot_id, keys, _nonce)
        witness, auditor = (None, None) if mind is None else _voices(
            config, mind, notary is not None)
        self.core = Learner(
            config, self._clockwork.now_ns(), run_times, mind, witness, auditor, notary)
        self._desk = ReceiptDesk(node, notary, self._came)
        self._heritage = Heritage(node, config.robot_id, config.storage_dir, self._came)
        self._deliveries = Deliveries(node, config.robot_id, self._came)
        self._audits = Audits(node, config.robot_id, self._came)
        self._make_publishers()
        self._make_subscriptions()

    def close(self) -> None:
        """Keep what was learned and end the threads; never raises."""
        if self._closed:
            return
        self._closed = True
        for what, end in (
            ('the clock', self._clockwork.close),
            ('saving', lambda: self._dispatch(Closing())),
            *(('a watcher', watcher.close) for watcher in self.watchers),
            ('questions', self._deliveries.close),
            ('audits', self._audits.close),
            ('receipts', self._desk.close),
            ('checkpoints', self._heritage.close),
            ('the disk', self._keeper.close),
        ):
            try:
                end()
            except Exception as error:
                self._count_error(f'closing {what}', error)

    def now_ns(self) -> int:
        """The learner's time."""
        return self._clockwork.now_ns()

    def ask(self, event: Event) -> None:
        """Fold what a service asks for. Raises ValueError where it is refused."""
        self._dispatch(event)
        self._tell_state()

    def _make_publishers(self) -> None:
        make = self._node.create_publisher
        self._local_publisher = make(LocalConsciousness, 'consciousness', LATCHED)
        self._advice_publisher = make(Advice, 'advice', LATCHED)
        self._state_publisher = make(LearningState, 'learning', LATCHED)
        self._swarm_publisher = make(SwarmConsciousness, '/swarm/consciousness', LATCHED)
        self._routes_publisher = make(RouteCosts, '/swarm/route_costs', LATCHED)
        self._reputation_publisher = make(Reputation, '/swarm/reputation', LATCHED)
        self._policy_publisher = make(ModePolicy, '/swarm/policy', LATCHED)
        self._regime_publisher = make(Regime, '/swarm/regime', LATCHED)
        self._receipts_publisher = make(Receipts, '/swarm/receipts', RECEIPTS)

    def _make_subscriptions(self) -> None:
        make = self._node.create_subscription
        make(LocalState, 'local_state', self._on_local_state, LATCHED)
        make(Heartbeat, '/swarm/heartbeat', self._on_heartbeat, BEACON)
        make(JobOutcomes, '/swarm/outcomes', self._on_outcomes, OUTCOMES)
        make(SwarmState, '/swarm/state', self._on_swarm_state, SHARED_LATCHED)
        make(Receipts, '/swarm/receipts', self._on_receipts, RECEIPTS)
        make(Reputation, '/swarm/reputation', self._on_reputation, SHARED_LATCHED)

    # ---- what comes in

    def _on_heartbeat(self, msg: Heartbeat) -> None:
        # Ten a second from every robot: only kept here, folded once a period.
        if msg.envelope.swarm_id != self.config.swarm_id:
            return
        sender = msg.envelope.sender
        if sender in self._beacons or len(self._beacons) < ROBOTS_MAX:
            self._beacons[sender] = (msg, self.now_ns())

    def _on_local_state(self, msg: LocalState) -> None:
        self._guard('local_state', partial(conversions.local_state_from_msg, msg))

    def _on_outcomes(self, msg: JobOutcomes) -> None:
        if msg.envelope.swarm_id == self.config.swarm_id:
            for outcome in msg.outcomes[:OUTCOMES_MAX]:
                self._guard('outcomes', partial(conversions.outcome_from_msg, outcome))

    def _on_swarm_state(self, msg: SwarmState) -> None:
        if msg.envelope.swarm_id == self.config.swarm_id:
            self._guard('state', partial(
                conversions.swarm_state_from_msg, msg, recorded_in(msg)))

    def _on_receipts(self, msg: Receipts) -> None:
        if msg.envelope.swarm_id != self.config.swarm_id:
            return
        sender, told = reputation_conversions.receipts_from_msg(msg)
        receipts = []
        for one in told:
            try:
                receipts.append(reputation_conversions.receipt_from_msg(one))
            except ValueError:
                self.core.refused += 1
        self._desk.take(sender, receipts)

    def _on_reputation(self, msg: Reputation) -> None:
        said = msg.envelope
        if said.swarm_id == self.config.swarm_id and said.sender != self.config.robot_id:
            self._guard('reputation', lambda: AuditsHeard(
                said.sender, reputation_conversions.audits_from_msg(msg)))

    def _on_timer(self) -> None:
        begun_ns = time.perf_counter_ns()
        beacons, self._beacons = self._beacons, {}
        for msg, heard_ns in beacons.values():
            self._guard('heartbeat', partial(conversions.beacon_from_msg, msg, heard_ns))
        self._guard('timer', lambda: Tick(self._node.get_clock().now().nanoseconds))
        self._tick_us.append((time.perf_counter_ns() - begun_ns) // 1000)
        self._ticks += 1
        if self._ticks % STATE_PERIODS == 1:
            self._tell_state()

    def _came(self, event: Event) -> None:
        """Something that was started here has ended."""
        if not self._closed:
            self._guard(type(event).__name__, lambda: event)

    def _guard(self, source: str, make_event: Callable[[], Event]) -> None:
        """Fold an event; what goes wrong with one message must not end the robot."""
        try:
            self._dispatch(make_event())
        except Exception as error:
            self._count_error(source, error)

    def _dispatch(self, event: Event) -> None:
        found = self.core.handle(event, self.now_ns())
        for watcher in self.watchers:
            watcher.saw_event(event)
        for effect in found:
            self._perform(effect)
            for watcher in self.watchers:
                watcher.saw_effect(effect)

    # ---- what goes out

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, effects.PublishLocal):
            self._local_publisher.publish(conversions.local_consciousness_to_msg(
                effect.figures, effect.reasons, self.config.robot_id, self._stamp()))
        elif isinstance(effect, effects.PublishSwarm):
            self._swarm_publisher.publish(conversions.swarm_consciousness_to_msg(
                effect.view, effect.term, self.config.swarm_id, self.config.robot_id,
                self._stamp()))
        elif isinstance(effect, effects.PublishAdvice):
            self._advise(effect)
        elif isinstance(effect, effects.WarnMalformed):
            self._log.warning(
                f'{effect.count} times figures of other robots were dropped, which are no shares '
                f'or come from too many robots; the last time from {effect.robot_id[:64]!r}')
        elif isinstance(effect, effects.Warn):
            self._log.warning(effect.text)
        elif isinstance(effect, effects.RefusedReceipts):
            self._tell_refused(effect)
        else:
            self._perform_lasting(effect)

    def _perform_lasting(self, effect: Effect) -> None:
        if isinstance(effect, effects.SaveStatistics):
            self._keeper.save_statistics(effect.document)
        elif isinstance(effect, effects.SaveMind):
            assert self.core.mind is not None
            self._keeper.save_mind(*document_of(self.core.mind.parts))
        elif isinstance(effect, effects.StoreCheckpoint):
            self._heritage.store(effect.manifest, effect.arrays)
        elif isinstance(effect, effects.NoteCheckpoint):
            self._heritage.note(effect.note, effect.summary)
        elif isinstance(effect, effects.BringCheckpoint):
            self._heritage.bring(effect.recorded)
        elif isinstance(effect, effects.AskDeliveries):
            self._deliveries.ask(effect.job_ids)
        elif isinstance(effect, LookUp | Look):
            self._audits.perform(effect)
        elif isinstance(effect, effects.SendReceipts):
            self._receipts_publisher.publish(reputation_conversions.receipts_to_msg(
                effect.receipts, self.config.swarm_id, self.config.robot_id))
        else:
            self._perform_mind(effect)

    def _perform_mind(self, effect: Effect) -> None:
        names = (self.config.swarm_id, self.config.robot_id)
        if isinstance(effect, PublishRegime):
            self._regime_publisher.publish(regime_conversions.regime_to_msg(
                effect.view, effect.term, *names, self._node.get_clock().now().nanoseconds,
                self.now_ns()))
        elif isinstance(effect, PublishRoutes):
            self._routes_publisher.publish(mind_conversions.route_costs_to_msg(
                effect, *names, self._stamp()))
        elif isinstance(effect, PublishReputation):
            self._reputation_publisher.publish(reputation_conversions.reputation_to_msg(
                effect.table, *names, effect.term, effect.log_index, self._stamp(),
                effect.audits))
        elif isinstance(effect, PublishPolicy):
            self._policy_publisher.publish(mind_conversions.policy_to_msg(
                effect, effect.arrays, *names, self._stamp()))

    def _advise(self, effect: effects.PublishAdvice) -> None:
        msg = conversions.advice_to_msg(
            effect.proposal, effect.log_index, effect.valid_ms, self.config.robot_id,
            self._stamp())
        if effect.decision is not None:
            msg.has_mode = True
            msg.mode = mind_conversions.decision_to_msg(
                effect.decision, mind_conversions.policy_name(self.core.checkpoint))
        msg.routes = [mind_conversions.route_to_msg(one) for one in effect.routes]
        msg.reputations = [
            reputation_conversions.standing_to_msg(one) for one in effect.standings]
        self._advice_publisher.publish(msg)

    def _tell_refused(self, effect: effects.RefusedReceipts) -> None:
        """In the log, and where the robot counts what it refuses, which diagnostics tell."""
        for why, count in effect.counts:
            what = f'receipts {why.replace("_", " ")}'
            self._log.warning(
                f'{count} {what}, from {effect.sender[:64]!r}', throttle_duration_sec=10.0)
            if hasattr(self._node, 'refused'):
                self._node.refused(what, effect.sender, count)

    def _tell_state(self) -> None:
        times, self._tick_us = self._tick_us, []
        freezing = self.core.freezing
        self._state_publisher.publish(mind_conversions.learning_state_to_msg(
            self.config.robot_id, self._stamp(), freezing.frozen,
            freezing.told() if freezing.frozen else '',
            outcomes=self.core.outcomes, refused=self.core.refused,
            **{name: value for one in self.watchers for name, value in one.facts().items()},
            tick_us_mean=sum(times) // len(times) if times else 0,
            tick_us_max=max(times, default=0),
            checkpoint=mind_conversions.model_to_msg(self.core.checkpoint)))

    def _stamp(self) -> Any:
        return self._node.get_clock().now().to_msg()

    def _warn(self, text: str) -> None:
        self._log.warning(text)

    def _count_error(self, source: str, error: Exception) -> None:
        self.errors += 1
        self._log.error(f'{source}: {type(error).__name__}: {error} (error {self.errors})',
                        throttle_duration_sec=5.0)


def _nonce() -> int:
    return secrets.randbits(64)


def _voices(
    config: LearningConfig, mind: SwarmMind, confirms: bool
) -> tuple[Witness, Auditor]:
    """What speaks of others' work for this robot."""
    auditor = Auditor(
        config.robot_id, _nonce, lambda key: mind.parts.reputation.attempt(*key),
        config.audit_reruns)
    return Witness(config.robot_id, _nonce, confirms), auditor


def robot_id_of(node: Any) -> str:
    """The robot a node belongs to: its namespace."""
    return str(node.get_namespace()).strip('/')
