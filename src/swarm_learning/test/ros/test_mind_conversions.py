# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about how modes, routes and the state of the learner are told."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy')

from builtin_interfaces.msg import Time  # noqa: E402
from mind_samples import live, mind  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from swarm_msgs import msg  # noqa: E402

from swarm_learning.core.inheritance import Recorded  # noqa: E402
from swarm_learning.core.mode.buckets import MODES  # noqa: E402
from swarm_learning.core.mode.view import ModeDecision, ModeValue, PolicyFacts  # noqa: E402
from swarm_learning.core.observation import Mode  # noqa: E402
from swarm_learning.core.routing.routing import RouteEstimate  # noqa: E402
from swarm_learning.core.swarm_mind import (  # noqa: E402
    ROUTES_TOLD_MAX,
    PublishPolicy,
    PublishRoutes,
)
from swarm_learning.ros import mind_conversions as to  # noqa: E402

RECORDED = Recorded(3, 'ab' * 32, 4000, 'r2')
VALUES = tuple(ModeValue(mode, 0.5 * number, number, 'shut' if number == 1 else '')
               for number, mode in enumerate(MODES))
# Figures that float32 holds exactly, so that a round trip must be exact.
DECISION = ModeDecision(Mode.EXPLORE, 0.75, 'why', 'calm', VALUES, Mode.NORMAL, True)
FACTS = PolicyFacts(True, 12, 3, 0.125, 0.5, -0.25, 2.0, DECISION)
ROUTE = RouteEstimate(
    task='exec:xz', robot_id='r2', unit='gpu', success=0.5, work_ms=250.0, backlog_ms=125.0,
    p90_ms=500.0,
    quality=0.75, cost_ms=1000.0, samples=7, ejected=True, reason='failed often')


def wire(message: object) -> object:
    return deserialize_message(serialize_message(message), type(message))


def test_a_decision_is_told_with_every_mode_and_what_shuts_it() -> None:
    told = wire(to.decision_to_msg(DECISION, 'mode_policy@3'))
    assert (told.mode, told.confidence, told.reason, told.policy, told.state) == (
        msg.ModeState.MODE_EXPLORE, 0.75, 'why', 'mode_policy@3', 'calm')
    assert (told.runner_up, told.explored) == (msg.ModeState.MODE_NORMAL, True)
    assert [(one.value, one.visits, one.masked) for one in told.values] == [
        (one.value, one.visits, one.masked) for one in VALUES]
    assert len({one.mode for one in told.values}) == len(MODES)


def test_a_route_keeps_all_its_figures() -> None:
    told = wire(to.route_to_msg(ROUTE))
    for name in ('task', 'robot_id', 'success', 'work_ms', 'backlog_ms', 'quality', 'cost_ms',
                 'samples', 'ejected', 'reason'):
        assert getattr(told, name) == getattr(ROUTE, name), name
    assert told.compute_unit == 'gpu'


def test_a_cost_without_end_is_told_as_the_largest_that_there_is() -> None:
    endless = ROUTE._replace(cost_ms=float('inf'), work_ms=1e300, samples=2**40)
    told = wire(to.route_to_msg(endless))
    assert np.isfinite([told.cost_ms, told.work_ms]).all() and told.cost_ms > 1e38
    assert told.samples == 2**32 - 1


def test_costs_are_told_with_who_led_when_and_are_cut() -> None:
    effect = PublishRoutes((ROUTE,) * (ROUTES_TOLD_MAX + 5), 4, 99)
    told = wire(to.route_costs_to_msg(effect, 'swarm', 'r1', Time(sec=5)))
    said = told.envelope
    assert (said.swarm_id, said.sender, told.term, told.log_index) == ('swarm', 'r1', 4, 99)
    assert len(told.routes) == ROUTES_TOLD_MAX and told.stamp.sec == 5


def test_the_table_is_told_in_the_order_that_the_message_says() -> None:
    shape = (27, len(MODES), len(MODES))
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    visits = np.full(shape, 2**40)
    visits[0, 0, 1] = 5
    effect = PublishPolicy(FACTS, {'values': values, 'visits': visits}, RECORDED, 4)
    told = wire(to.policy_to_msg(effect, effect.arrays, 'swarm', 'r1', Time()))
    assert list(told.values) == list(range(972)) and told.visits[1] == 5
    assert told.visits[0] == 2**32 - 1, 'more visits than the message can hold are the most'
    assert list(told.actions) == list(told.modes) and len(told.modes) == len(MODES)
    assert (told.policy, told.checkpoint_sha256) == ('mode_policy@3', 'ab' * 32)
    assert (told.frozen, told.decisions, told.explored, told.epsilon) == (True, 12, 3, 0.125)
    assert (told.reward_mean, told.reward_last, told.switches_per_100_ticks) == (0.5, -0.25, 2.0)
    assert told.choice.mode == msg.ModeState.MODE_EXPLORE and told.choice.policy == told.policy


def test_without_a_checkpoint_the_policy_is_version_0() -> None:
    arrays = {'values': np.zeros((1, 1, 1)), 'visits': np.zeros((1, 1, 1))}
    facts = PolicyFacts(False, 0, 0, 0.0, 0.0, 0.0, 0.0, None)
    told = to.policy_to_msg(PublishPolicy(facts, arrays, None, 1), arrays, 's', 'r1', Time())
    assert (told.policy, told.checkpoint_sha256) == ('mode_policy@0', '')
    assert not told.choice.values
    assert to.model_to_msg(None).version == 0
    found = wire(to.model_to_msg(RECORDED))
    assert (found.name, found.version, found.sha256, found.size_bytes, found.holder) == (
        'mode_policy', 3, 'ab' * 32, 4000, 'r2')


def test_all_that_a_living_mind_tells_fits_its_messages() -> None:
    made = mind()
    for effect in live(made, range(40)):
        if isinstance(effect, PublishPolicy):
            told = wire(to.policy_to_msg(effect, effect.arrays, 'swarm', 'r1', Time()))
            assert len(told.values) == len(told.visits) == 972
        elif isinstance(effect, PublishRoutes):
            wire(to.route_costs_to_msg(effect, 'swarm', 'r1', Time()))
    assert made.told.decision is not None
    wire(to.decision_to_msg(made.told.decision, 'mode_policy@1'))


def test_the_state_of_the_learner_is_told() -> None:
    told = wire(to.learning_state_to_msg('r1', Time(sec=1), True, 'ann: demo', outcomes=5,
                                         checkpoint=to.model_to_msg(RECORDED)))
    assert (told.robot_id, told.frozen, told.frozen_reason, told.outcomes) == (
        'r1', True, 'ann: demo', 5)
    assert told.checkpoint.version == 3
