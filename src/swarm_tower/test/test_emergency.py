# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which announcement of an emergency counts, and that robots tell whether they have stopped."""

from __future__ import annotations

import itertools
from typing import Any

from swarm_facts import S, beacon

from swarm_tower.core.emergency import KEY, Emergency, EmergencySection
from swarm_tower.core.view import SwarmView


def told(sender: str, epoch: int, active: bool, reason: str = '') -> Emergency:
    return Emergency(sender, epoch, active, 'ada', reason, 5)


def after(*facts: Emergency) -> Any:
    section = EmergencySection()
    for fact in facts:
        section.fold(fact, 0)
    return section.get(KEY)


def test_newest_epoch_counts_whatever_the_order_in_which_robots_are_heard() -> None:
    facts = [told('r1', 1, True), told('r2', 2, False), told('r3', 2, True)]
    for order in itertools.permutations(facts):
        row = after(*order)
        assert (row['epoch'], row['active']) == (2, True)


def test_robot_set_up_anew_may_begin_again_at_a_low_epoch() -> None:
    assert after(told('r1', 7, False), told('r1', 1, True))['active'] is True


def test_robot_tells_in_its_row_whether_it_has_stopped() -> None:
    view = SwarmView('swarm', 7, 1500, 5000)
    view.fold(beacon(emergency_epoch=3, emergency_active=True), S)
    delta = view.delta(S)
    assert delta is not None
    row = delta['robots']['robot_a']
    assert (row['emergency_epoch'], row['emergency_active']) == (3, True)
