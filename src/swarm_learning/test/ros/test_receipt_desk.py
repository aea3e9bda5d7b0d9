# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about where receipts come in: signatures are checked beside everything else, in bounded
room, and a node without keys leaves them as they are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip('rclpy')

from receipt_samples import GOOD, attempt, half  # noqa: E402
from signing_samples import Certificates  # noqa: E402

from swarm_learning.core.events import ReceiptsHeard  # noqa: E402
from swarm_learning.core.reputation.notary import Examined, Notary  # noqa: E402
from swarm_learning.core.reputation.receipts import Receipt, Role  # noqa: E402
from swarm_learning.ros.receipt_desk import WAITING_MAX, ReceiptDesk, keys_of  # noqa: E402

ONE = half(attempt(), Role.EXECUTOR, GOOD)
WAIT_S = 10.0


class Executor:
    """Runs what it is given when it is told to."""

    def __init__(self) -> None:
        self.executor = self
        self._news = threading.Condition()
        self._tasks: list[Callable[[], None]] = []

    def create_task(self, task: Callable[[], None]) -> None:
        with self._news:
            self._tasks.append(task)
            self._news.notify_all()

    def run(self, count: int = 1) -> None:
        with self._news:
            assert self._news.wait_for(lambda: len(self._tasks) >= count, WAIT_S)
            tasks, self._tasks = self._tasks, []
        for task in tasks:
            task()


class Slow:
    """A notary that checks nothing until it may, and tells in which thread it does."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.threads: set[str] = set()

    def check(self, receipt: Receipt) -> Examined:
        self.threads.add(threading.current_thread().name)
        assert self.may.wait(WAIT_S)
        return Examined((receipt,))


def desk(notary: Any) -> tuple[ReceiptDesk, Executor, list[ReceiptsHeard]]:
    heard: list[ReceiptsHeard] = []
    node: Any = Executor()
    return ReceiptDesk(node, notary, heard.append), node, heard


def test_without_keys_receipts_pass_and_what_looks_like_a_signature_does_not() -> None:
    made, _, heard = desk(None)
    signed = replace(ONE, signature=bytes(64), counter_nonce=4, countersignature=bytes(64))
    made.take('r1', [signed])
    made.close()
    assert heard == [ReceiptsHeard('r1', [ONE])]


def test_only_what_is_proven_comes_through_and_the_rest_is_counted() -> None:
    world = Certificates('r1', 'r2')
    notary: Notary = world.notary('r9')
    made, node, heard = desk(notary)
    good = world.notary('r1').signed(ONE)
    made.take('r4', [good, replace(good, run_ms=9), ONE, replace(good, run_ms=8)])
    assert heard == [], 'nothing is told in the thread that checks'
    node.run()
    made.close()
    assert heard == [ReceiptsHeard('r4', [good], {'forged': 2, 'unsigned': 1})]


def test_a_flood_is_dropped_and_counted_and_keeps_nobody_waiting() -> None:
    slow = Slow()
    made, node, heard = desk(slow)
    for _ in range(WAITING_MAX + 5):
        made.take('r1', [ONE, ONE])
    slow.may.set()
    node.run(WAITING_MAX)
    made.take('r1', [ONE])
    node.run()
    made.close()
    assert len(heard) == WAITING_MAX + 1
    assert sum(one.refused.get('crowded', 0) for one in heard) == 10
    assert all(name.startswith('learning-receipts') for name in slow.threads)


def test_keys_are_those_of_a_node_that_has_them() -> None:
    keys = Certificates('r1').keys('r1')
    assert keys_of(keys) is keys and keys_of(object()) is None
