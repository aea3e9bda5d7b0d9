# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the translation between messages and regimes; decides nothing.

What feeds the gatherer goes in through hear_*; what a watch says goes out as Regime.msg.
"""

from __future__ import annotations

from builtin_interfaces.msg import Time
from swarm_msgs.msg import JobOutcomes, ModeState
from swarm_msgs.msg import Regime as RegimeMsg
from swarm_msgs.msg import SwarmState as SwarmStateMsg

from ..core.regimes.gather import Gatherer
from ..core.regimes.snapshot import Regime
from ..core.regimes.watch import RegimeView
from .conversions import ENDING_BY_NUMBER, MODE_BY_NUMBER, envelope_of

REGIME_BY_NUMBER: dict[int, Regime] = {
    RegimeMsg.REGIME_UNKNOWN: Regime.UNKNOWN,
    RegimeMsg.REGIME_CALM: Regime.CALM,
    RegimeMsg.REGIME_PANIC: Regime.PANIC,
    RegimeMsg.REGIME_THRASH: Regime.THRASH,
    RegimeMsg.REGIME_OVER_CAUTIOUS: Regime.OVER_CAUTIOUS,
}
NUMBER_BY_REGIME = {regime: number for number, regime in REGIME_BY_NUMBER.items()}
NS_PER_S = 1_000_000_000


def hear_outcomes(gatherer: Gatherer, msg: JobOutcomes, now_ns: int) -> None:
    """/swarm/outcomes. now_ns: when it was heard, monotonic."""
    for one in msg.outcomes:
        gatherer.hear_outcome(
            one.job_id, one.attempt, ENDING_BY_NUMBER.get(one.outcome), now_ns)


def hear_state(gatherer: Gatherer, msg: SwarmStateMsg, now_ns: int) -> None:
    """/swarm/state: how many jobs wait, who leads, the mode in force."""
    gatherer.hear_jobs(msg.jobs_waiting, now_ns)
    gatherer.hear_leader(msg.leader)
    hear_mode(gatherer, msg.mode, now_ns)


def hear_mode(gatherer: Gatherer, msg: ModeState, now_ns: int) -> None:
    """/swarm/mode. A mode of a later version of the messages is left out."""
    mode = MODE_BY_NUMBER.get(msg.mode)
    if mode is not None:
        gatherer.hear_mode(mode, msg.mode_epoch, now_ns)


def regime_to_msg(
    view: RegimeView, term: int, swarm_id: str, sender: str, stamp_ns: int, now_ns: int
) -> RegimeMsg:
    """stamp_ns: of the node's clock; now_ns: the same moment on the clock of the view."""
    since_ns = max(0, stamp_ns - max(0, now_ns - view.since_ns))
    return RegimeMsg(
        envelope=envelope_of(swarm_id, sender), stamp=_time(stamp_ns), term=term,
        regime=NUMBER_BY_REGIME[view.regime], confidence=view.confidence, alarm=view.alarm,
        since=_time(since_ns), features=[name for name, _ in view.features],
        values=[value for _, value in view.features], distance=view.distance,
        distance_limit=view.limit, model=view.model, reason=view.reason)


def regime_from_msg(msg: RegimeMsg) -> RegimeView:
    """What was told; since_ns is that of the message's clock. A regime of a later version of the
    messages is unknown here. Raises ValueError where features and values do not fit."""
    if len(msg.features) != len(msg.values):
        raise ValueError(f'values: expected {len(msg.features)}, got {len(msg.values)}')
    regime = REGIME_BY_NUMBER.get(msg.regime, Regime.UNKNOWN)
    return RegimeView(
        regime=regime, named=regime, confidence=msg.confidence, alarm=msg.alarm,
        since_ns=msg.since.sec * NS_PER_S + msg.since.nanosec,
        features=tuple((str(name), float(value)) for name, value in
                       zip(msg.features, msg.values, strict=True)),
        distance=msg.distance, limit=msg.distance_limit, model=msg.model, reason=msg.reason)


def _time(ns: int) -> Time:
    return Time(sec=ns // NS_PER_S, nanosec=ns % NS_PER_S)
