# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages of the leader's learner as facts. Owns cutting to size; figures that are no numbers
become None."""

from __future__ import annotations

import math
from typing import Any

from swarm_msgs.msg import (
    ModeAdvice,
    ModePolicy,
    Regime,
    Reputation,
    RobotReputation,
    RouteCosts,
    SwarmConsciousness,
    SwarmState,
)

from swarm_tower.core import facts, mind
from swarm_tower.ros.conversions import (
    MODES,
    TEXT_MAX,
    clip,
    unit_interval,
    word,
    words,
)

REGIMES = words(Regime, 'REGIME_')
CELLS = 27
MODES_MAX = 16
ROBOTS_MAX = 127
NS_PER_MS = 1_000_000


def figure(value: float, digits: int = 4) -> float | None:
    """Return the number rounded; None if it is none."""
    return round(float(value), digits) if math.isfinite(value) else None


def _milliseconds(stamp: Any) -> int | None:
    found = stamp.sec * 1000 + stamp.nanosec // NS_PER_MS
    return found or None


def choice(msg: ModeAdvice) -> mind.Choice | None:
    """Take a proposal; None = nothing has been chosen yet."""
    if not msg.policy and not msg.state:
        return None
    return mind.Choice(
        mode=word(MODES, msg.mode),
        confidence=unit_interval(msg.confidence),
        reason=clip(msg.reason, TEXT_MAX),
        policy=clip(msg.policy),
        situation=clip(msg.state),
        values=tuple(
            mind.Worth(word(MODES, v.mode), figure(v.value), v.visits, clip(v.masked, 200))
            for v in msg.values[:MODES_MAX]
        ),
        runner_up=word(MODES, msg.runner_up),
        explored=msg.explored,
    )


def mode_table(msg: ModePolicy) -> mind.ModeTable:
    """Take the table; one whose sizes do not fit together comes without figures."""
    actions = tuple(word(MODES, n) for n in list(msg.actions)[:MODES_MAX])
    modes = tuple(word(MODES, n) for n in list(msg.modes)[:MODES_MAX])
    size = CELLS * len(actions) * len(modes)
    fits = len(msg.values) == size == len(msg.visits)
    return mind.ModeTable(
        sender=clip(msg.envelope.sender),
        term=msg.term,
        policy=clip(msg.policy),
        checkpoint=clip(msg.checkpoint_sha256, 64),
        frozen=msg.frozen,
        decisions=msg.decisions,
        explored=msg.explored,
        epsilon=unit_interval(msg.epsilon),
        reward_mean=figure(msg.reward_mean),
        reward_last=figure(msg.reward_last),
        switches=figure(msg.switches_per_100_ticks, 1),
        actions=actions,
        modes=modes,
        values=tuple(figure(v, 3) for v in msg.values) if fits else (),
        visits=tuple(int(v) for v in msg.visits) if fits else (),
        choice=choice(msg.choice),
    )


def sample(msg: SwarmConsciousness) -> mind.Sample:
    """Take the aggregate for its course."""
    return mind.Sample(
        sender=clip(msg.envelope.sender),
        term=msg.term,
        arousal=unit_interval(msg.arousal),
        stability=unit_interval(msg.stability),
        pressure=unit_interval(msg.pressure),
        spread=unit_interval(msg.spread),
    )


def regime(msg: Regime) -> mind.RegimeTold:
    """Take a regime."""
    pairs = list(zip(msg.features, msg.values, strict=False))[:32]
    return mind.RegimeTold(
        sender=clip(msg.envelope.sender),
        term=msg.term,
        regime=word(REGIMES, msg.regime),
        confidence=unit_interval(msg.confidence),
        alarm=msg.alarm,
        since_ms=_milliseconds(msg.since),
        figures=tuple((clip(name, 64), figure(value)) for name, value in pairs),
        distance=figure(msg.distance, 2),
        distance_limit=figure(msg.distance_limit, 2),
        model=clip(msg.model),
        reason=clip(msg.reason, TEXT_MAX),
    )


def _repute(msg: RobotReputation) -> mind.Repute:
    return mind.Repute(
        robot_id=msg.robot_id,
        mean=unit_interval(msg.mean),
        lower_bound=unit_interval(msg.lower_bound),
        successes=figure(msg.successes, 1),
        failures=figure(msg.failures, 1),
        credibility=unit_interval(msg.credibility),
        receipts=msg.receipts,
        raters=msg.raters,
        steals_helpful=msg.steals_helpful,
        steals_useless=msg.steals_useless,
        newcomer=msg.newcomer,
        may_lead=msg.may_lead,
        reason=clip(msg.reason, 200),
    )


def reputations(msg: Reputation) -> mind.Reputations:
    """Take the table; robots with an impossible name are left out."""
    named = [one for one in msg.robots if facts.ROBOT_ID.match(one.robot_id)]
    return mind.Reputations(
        sender=clip(msg.envelope.sender),
        term=msg.term,
        log_index=msg.log_index,
        robots=tuple(_repute(one) for one in named[:ROBOTS_MAX]),
        audits=tuple(
            clip(f'{a.job_id} attempt {a.attempt} by {a.auditor}') for a in msg.audits[:64]
        ),
    )


def routes(msg: RouteCosts) -> mind.Routes:
    """Take the table; the first rows of it."""
    return mind.Routes(
        sender=clip(msg.envelope.sender),
        term=msg.term,
        log_index=msg.log_index,
        told=len(msg.routes),
        routes=tuple(
            mind.Route(
                task=clip(one.task),
                robot_id=clip(one.robot_id, 64),
                compute_unit=clip(one.compute_unit, 64),
                success=unit_interval(one.success),
                work_ms=figure(one.work_ms, 0),
                backlog_ms=figure(one.backlog_ms, 0),
                quality=figure(one.quality, 3),
                cost_ms=figure(one.cost_ms, 0),
                samples=one.samples,
                ejected=one.ejected,
                reason=clip(one.reason, 200),
            )
            for one in msg.routes[: mind.ROUTES_SHOWN]
        ),
    )


def models(msg: SwarmState) -> mind.Models:
    """Take the learned files of a swarm state."""
    return mind.Models(
        log_index=msg.log_index,
        term=msg.term,
        models=tuple(
            mind.Model(
                name=clip(m.name, 64),
                version=m.version,
                sha256=clip(m.sha256, 64),
                size_bytes=m.size_bytes,
                holder=clip(m.holder, 64),
                summary=clip(m.summary, 200),
                log_index=m.log_index,
                stamp_ms=m.stamp_ns // NS_PER_MS or None,
            )
            for m in msg.models[:64]
        ),
    )
