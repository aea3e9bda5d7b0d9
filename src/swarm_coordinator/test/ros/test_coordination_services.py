# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a service says of a lease is of the lease that was asked for."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy')

from swarm_msgs import msg  # noqa: E402

from swarm_coordinator.core.events import Answer  # noqa: E402
from swarm_coordinator.core.leases.lease import ClaimPhase, LeaseAnswer  # noqa: E402
from swarm_coordinator.ros.coordination_services import lease_over  # noqa: E402


def given(token: int) -> Answer:
    return Answer(1, lease=LeaseAnswer(ClaimPhase.HELD, 'dock', token, 'one'))


def test_late_answer_does_not_hand_out_the_lease_of_whoever_came_next() -> None:
    assert lease_over(given(7), msg.Lease(resource='dock', token=7, holder='one')) == ''
    over = 'the lease under token 7 is over'
    assert lease_over(given(7), msg.Lease(resource='dock', token=9, holder='two')) == over
    assert lease_over(given(7), msg.Lease(resource='dock')) == over, 'nobody holds it'
    assert lease_over(Answer(1), msg.Lease(resource='dock')) == '', 'not about a lease'
