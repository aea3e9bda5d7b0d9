# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What receipts are worth on real robots: those of both parties count, forged ones do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from swarm_msgs import msg

Make = Callable[..., Any]
LATCHED = QoSProfile(
    depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
RECEIPTS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE,
                      durability=DurabilityPolicy.VOLATILE)
JOBS = 24


def forged(robot: str, issuer: str, role: int, job: str, nonce: int) -> msg.Receipt:
    return msg.Receipt(job_id=job, attempt=1, log_index=1, role=role, issuer=issuer, nonce=nonce,
                       executor=robot, requester='stranger', verdict=msg.Receipt.VERDICT_GOOD)


def test_work_for_others_counts_and_praise_for_work_that_never_was_does_not(field: Make) -> None:
    # Signatures off: the forger says what robots that belong could say.
    made = field(parts=('coordinator', 'learning'), exec_allow=['true'], security='off')
    leader = made.ready()
    tables: list[msg.Reputation] = []
    node = made.client.node
    node.create_subscription(msg.Reputation, '/swarm/reputation', tables.append, LATCHED)
    forger = node.create_publisher(msg.Receipts, '/swarm/receipts', RECEIPTS)
    made.until(lambda: forger.get_subscription_count() >= 3, 'all learners listen')
    made.until(lambda: made.watcher.settled(made.swarm.names), 'all hear one another')
    origin, helper = [name for name in made.swarm.names if name != leader]
    jobs = made.ended(origin, [made.submit(origin, ['true']) for _ in range(JOBS)])
    ran = Counter(job.robot_id for job in jobs.values())

    def receipts(robot: str) -> float:
        return max([0, *(one.receipts for one in tables[-1].robots if one.robot_id == robot)])

    made.until(lambda: tables and all(
        receipts(one) > 0.6 * ran[one] - 1 for one in (leader, helper)), 'receipts count')
    assert receipts(origin) == 0, 'nobody but itself can say anything of its own jobs'
    assert all(one.raters <= 1 and not one.may_lead for one in tables[-1].robots)

    roles = (msg.Receipt.ROLE_EXECUTOR, msg.Receipt.ROLE_REQUESTER, msg.Receipt.ROLE_AUDITOR)
    for number in range(20):
        for sender in (helper, 'stranger'):
            envelope = msg.Envelope(swarm_id=made.swarm.swarm_id, sender=sender)
            forger.publish(msg.Receipts(envelope=envelope, receipts=[
                forged(helper, sender, role, f'forged{number}', 3 * number + role)
                for role in roles]))
    heard = len(tables)
    made.until(lambda: len(tables) >= heard + 2, 'the table is told again')
    assert all(receipts(robot) <= ran[robot] for robot in made.swarm.names)
    assert 'stranger' not in {one.robot_id for one in tables[-1].robots}
