# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how modes, routes and the state of the learner are told in messages; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builtin_interfaces.msg import Time
from swarm_msgs.msg import (
    LearningState,
    ModeAdvice,
    ModelRef,
    ModePolicy,
    ModeValue,
    RouteCost,
    RouteCosts,
)

from ..core.inheritance import Recorded
from ..core.mode.buckets import MODES
from ..core.mode.view import ModeDecision
from ..core.routing.routing import RouteEstimate
from ..core.swarm_mind import ROUTES_TOLD_MAX, PublishPolicy, PublishRoutes
from .conversions import NUMBER_BY_MODE, envelope_of

UINT32_MAX = 2**32 - 1
FLOAT32_MAX = 3.4e38
MODEL = 'mode_policy'


def decision_to_msg(decision: ModeDecision, policy: str) -> ModeAdvice:
    """policy: name@version of what decided."""
    return ModeAdvice(
        mode=NUMBER_BY_MODE[decision.mode],
        confidence=decision.confidence,
        reason=decision.reason,
        policy=policy,
        state=decision.state,
        values=[
            ModeValue(
                mode=NUMBER_BY_MODE[one.mode], value=one.value,
                visits=min(round(one.visits), UINT32_MAX), masked=one.masked)
            for one in decision.values
        ],
        runner_up=NUMBER_BY_MODE[decision.runner_up],
        explored=decision.explored,
    )


def route_to_msg(route: RouteEstimate) -> RouteCost:
    return RouteCost(
        task=route.task,
        robot_id=route.robot_id,
        compute_unit=route.unit,
        success=route.success,
        work_ms=min(route.work_ms, FLOAT32_MAX),
        backlog_ms=min(route.backlog_ms, FLOAT32_MAX),
        quality=route.quality,
        cost_ms=min(route.cost_ms, FLOAT32_MAX),
        samples=min(route.samples, UINT32_MAX),
        ejected=route.ejected,
        reason=route.reason,
    )


def route_costs_to_msg(
    effect: PublishRoutes, swarm_id: str, sender: str, stamp: Time
) -> RouteCosts:
    return RouteCosts(
        envelope=envelope_of(swarm_id, sender),
        stamp=stamp,
        term=effect.term,
        log_index=effect.log_index,
        routes=[route_to_msg(one) for one in effect.routes[:ROUTES_TOLD_MAX]],
    )


def policy_name(recorded: Recorded | None) -> str:
    """What the table of the modes is called: the version that the log knows."""
    return f'{MODEL}@{recorded.version if recorded else 0}'


def policy_to_msg(
    effect: PublishPolicy, table: Mapping[str, Any], swarm_id: str, sender: str, stamp: Time
) -> ModePolicy:
    """table: `values` and `visits`, (27, modes, modes): situation, mode in force, mode chosen."""
    facts, recorded = effect.facts, effect.recorded
    numbers = [NUMBER_BY_MODE[mode] for mode in MODES]
    made = ModePolicy(
        envelope=envelope_of(swarm_id, sender),
        stamp=stamp,
        term=effect.term,
        policy=policy_name(recorded),
        checkpoint_sha256=recorded.sha256 if recorded else '',
        frozen=facts.frozen,
        decisions=facts.decisions,
        explored=facts.explored,
        epsilon=facts.epsilon,
        reward_mean=facts.reward_mean,
        reward_last=facts.reward_last,
        switches_per_100_ticks=facts.switches_per_100_ticks,
        actions=numbers,
        modes=numbers,
        values=table['values'].astype('float32').ravel().tolist(),
        visits=table['visits'].clip(0, UINT32_MAX).astype('uint32').ravel().tolist(),
    )
    if facts.choice is not None:
        made.choice = decision_to_msg(facts.choice, policy_name(recorded))
    return made


def model_to_msg(recorded: Recorded | None) -> ModelRef:
    """Version 0 = none."""
    if recorded is None:
        return ModelRef(name=MODEL)
    return ModelRef(
        name=MODEL, version=recorded.version, sha256=recorded.sha256,
        size_bytes=recorded.size_bytes, holder=recorded.holder)


def learning_state_to_msg(
    robot_id: str, stamp: Time, frozen: bool, frozen_reason: str, **facts: Any
) -> LearningState:
    """facts: fields of the message."""
    return LearningState(
        stamp=stamp, robot_id=robot_id, frozen=frozen, frozen_reason=frozen_reason, **facts)
