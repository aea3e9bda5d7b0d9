# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about policies from outside that choose modes: never past the shield, never before they
have earned it, and never in the way of the own table."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from mind_samples import network

from swarm_learning.core.mode.buckets import MODE_INDEX, MODES
from swarm_learning.core.mode.policies import INPUTS, NAME, OWN, ModePolicies, checked, observation
from swarm_learning.core.mode.view import ModeDecision, ModeValue, ModeView
from swarm_learning.core.observation import Mode
from swarm_learning.core.policies.judgement import ShelfConfig
from swarm_learning.core.policies.lifecycle import VersionPhase
from swarm_learning.core.policies.network import NetworkPolicy
from swarm_learning.core.policies.shelf import (
    Accepted,
    Load,
    Promote,
    Refused,
    Remove,
    RollBack,
)

VIEW = ModeView(0.4, 0.9, 0.1, Mode.NORMAL)
SHADOW_MIN = ShelfConfig().shadow_min_decisions


def decision(mode: Mode = Mode.NORMAL, *masked: Mode) -> ModeDecision:
    values = tuple(ModeValue(one, 1.0 + (one is mode), 10, 'shut' if one in masked else '')
                   for one in MODES)
    return ModeDecision(mode, 0.8, 'because', 'calm', values, Mode.EXPLORE, False)


def load(policies: ModePolicies, policy: NetworkPolicy, mark: str = 'a') -> Accepted | Refused:
    return policies.load(policy, Load('network', mark * 64, '/p', 'ann', 'try', parent=OWN))


def lead(policies: ModePolicies, mode: Mode, decisions: int = SHADOW_MIN) -> int:
    """A network that was asked long enough, and then promoted twice."""
    answer = load(policies, network(mode))
    assert isinstance(answer, Accepted)
    number = answer.version.version
    for _ in range(decisions):
        policies.decide(decision(), VIEW)
        policies.rewarded(0.0, True)
    for _ in range(2):
        moved = policies.handle(Promote(number, 'ann', 'good'))
        assert isinstance(moved, Accepted), moved
    return number


def test_at_first_there_is_the_own_table_and_it_decides() -> None:
    policies = ModePolicies(0)
    [own] = policies.listed()
    assert (own.version, own.phase, own.name) == (OWN, VersionPhase.ACTIVE, NAME)
    said = decision(Mode.EXPLORE)
    assert policies.decide(said, VIEW) is said and policies.followed() == OWN


def test_a_network_begins_as_a_shadow_which_is_asked_and_not_followed() -> None:
    policies = ModePolicies(0)
    answer = load(policies, network(Mode.CONSERVE))
    assert isinstance(answer, Accepted) and answer.version.phase is VersionPhase.SHADOW
    for _ in range(50):
        said = decision()
        assert policies.decide(said, VIEW) is said
        policies.rewarded(0.5, True)
    assert policies.shelf.versions[answer.version.version].asked.decisions == 50


def test_a_shadow_is_not_promoted_before_its_decisions() -> None:
    policies = ModePolicies(0)
    answer = load(policies, network(Mode.CONSERVE))
    assert isinstance(answer, Accepted)
    refused = policies.handle(Promote(answer.version.version, 'ann', 'now'))
    assert isinstance(refused, Refused) and str(SHADOW_MIN) in refused.reason


def test_one_that_leads_is_followed_and_says_so() -> None:
    policies = ModePolicies(0)
    number = lead(policies, Mode.CONSERVE)
    said = policies.decide(decision(), VIEW)
    assert said.mode is Mode.CONSERVE and said.runner_up is Mode.NORMAL and not said.explored
    assert f'{NAME}@{number}' in said.reason and 'normal' in said.reason
    assert policies.followed() == number


def test_the_shield_binds_a_policy_that_leads() -> None:
    policies = ModePolicies(0)
    lead(policies, Mode.HYPERFOCUS)
    for _ in range(30):
        said = policies.decide(decision(Mode.NORMAL, Mode.HYPERFOCUS), VIEW)
        assert said.mode is not Mode.HYPERFOCUS
        policies.rewarded(0.0, True)
    assert policies.decide(decision(), VIEW).mode is Mode.HYPERFOCUS


class Stubborn:
    """A policy that does not care what is allowed."""

    kind, actions = 'network', len(MODES)

    def act(self, observation: object, mask: object = None) -> tuple[int, np.ndarray]:
        return MODE_INDEX[Mode.HYPERFOCUS], np.zeros(len(MODES))

    def manifest(self) -> dict[str, object]:
        return {}

    def arrays(self) -> dict[str, np.ndarray]:
        return {}


def test_a_policy_that_ignores_the_shield_is_not_followed_through_it() -> None:
    policies = ModePolicies(0)
    number = lead(policies, Mode.HYPERFOCUS)
    policies.bring(number, Stubborn())
    said = decision(Mode.NORMAL, Mode.HYPERFOCUS)
    assert policies.decide(said, VIEW) is said
    assert policies.decide(decision(), VIEW).mode is Mode.HYPERFOCUS


def test_a_roll_back_gives_the_decision_back_to_the_table() -> None:
    policies = ModePolicies(0)
    lead(policies, Mode.CONSERVE)
    assert isinstance(policies.handle(RollBack('ann', 'bad')), Accepted)
    said = decision()
    assert policies.decide(said, VIEW) is said


def test_a_policy_that_is_lost_while_it_leads_leaves_the_table_to_decide() -> None:
    policies = ModePolicies(0)
    number = lead(policies, Mode.CONSERVE)
    policies.lost(number, 'the disk')
    said = decision()
    assert policies.decide(said, VIEW) is said
    assert number not in policies.shelf.versions


def test_the_own_table_stays() -> None:
    policies = ModePolicies(0)
    refused = policies.handle(Remove(OWN, 'ann', 'away'))
    assert isinstance(refused, Refused) and 'stays' in refused.reason
    lead(policies, Mode.CONSERVE)
    assert isinstance(policies.handle(Remove(OWN, 'ann', 'away')), Refused)
    assert OWN in policies.shelf.versions


@pytest.mark.parametrize(('policy', 'expected'), [
    (network(Mode.NORMAL, actions=3), f'expected {len(MODES)} actions'),
    (network(Mode.NORMAL, inputs=4), f'expected a policy of {INPUTS} inputs'),
])
def test_a_policy_for_something_else_is_refused_with_what_was_expected(
    policy: NetworkPolicy, expected: str
) -> None:
    policies = ModePolicies(0)
    answer = load(policies, policy)
    assert isinstance(answer, Refused) and expected in answer.reason
    assert len(policies.listed()) == 1 and policies.take_moves() == ()
    with pytest.raises(ValueError, match=expected):
        checked(policy)
    with pytest.raises(ValueError, match='expected'):
        policies.bring(2, policy)


def test_frozen_decisions_teach_nothing() -> None:
    policies = ModePolicies(0)
    load(policies, network(Mode.CONSERVE))
    policies.decide(decision(), VIEW)
    before = json.dumps(policies.shelf.document())
    policies.rewarded(1.0, False)
    assert json.dumps(policies.shelf.document()) == before
    policies.rewarded(1.0, True)
    assert json.dumps(policies.shelf.document()) == before, 'that decision is over'


def test_moves_are_told_once() -> None:
    policies = ModePolicies(0)
    load(policies, network(Mode.CONSERVE))
    assert len(policies.take_moves()) == 1 and policies.take_moves() == ()


def test_a_restart_keeps_phases_counts_and_who_is_followed() -> None:
    policies = ModePolicies(3)
    number = lead(policies, Mode.CONSERVE)
    document = json.loads(json.dumps(policies.shelf.document()))
    restored = ModePolicies.restored(document, 99)
    assert restored.missing() == (number,)
    restored.bring(number, network(Mode.CONSERVE))
    assert json.dumps(restored.shelf.document()) == json.dumps(policies.shelf.document())
    for step in range(100):
        said = [one.decide(decision(), VIEW).mode for one in (policies, restored)]
        assert said[0] is said[1], step
        for one in (policies, restored):
            one.rewarded(math.sin(step), True)
    assert json.dumps(restored.shelf.document()) == json.dumps(policies.shelf.document())


@pytest.mark.parametrize('document', [None, {}, {'schema': 1}, 'text'])
def test_a_shelf_that_is_none_is_refused(document: object) -> None:
    with pytest.raises(ValueError):
        ModePolicies.restored(document, 0)


def test_a_network_sees_three_figures_and_the_mode_in_force() -> None:
    seen = observation(replace(VIEW, mode=Mode.DEFENSIVE))
    assert seen.shape == (INPUTS,) and list(seen[:3]) == [0.4, 0.9, 0.1]
    assert list(seen[3:]) == [float(mode is Mode.DEFENSIVE) for mode in MODES]
    wild = observation(replace(VIEW, arousal=math.nan, stability=7.0, pressure=-1.0))
    assert list(wild[:3]) == [0.5, 1.0, 0.0]
