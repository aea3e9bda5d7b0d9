# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where receipts come in: has their signatures checked in a thread of its own, message by message,
so that nothing else waits for it; decides nothing.

A node that can sign and verify is one of a robot with keys; another one leaves receipts as they
are, and the sender of their message answers for them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from rclpy.node import Node

from ..core.events import ReceiptsHeard
from ..core.reputation.notary import Keys, Notary
from ..core.reputation.receipts import Receipt, half_of

WAITING_MAX = 64        # messages; those of a flood are dropped and counted


def keys_of(node: Any) -> Keys | None:
    """None where security is off."""
    return node if hasattr(node, 'sign') and hasattr(node, 'verify') else None


class ReceiptDesk:
    """What is proven comes through `post`, in the node's executor."""

    def __init__(
        self, node: Node, notary: Notary | None, post: Callable[[ReceiptsHeard], None]
    ) -> None:
        self._node, self._notary, self._post = node, notary, post
        self._room = threading.BoundedSemaphore(WAITING_MAX)
        self._dropped = 0
        self._thread = None if notary is None else ThreadPoolExecutor(
            1, thread_name_prefix='learning-receipts')

    def take(self, sender: str, receipts: Sequence[Receipt]) -> None:
        """Check what a message says."""
        if self._notary is None or self._thread is None:
            self._post(ReceiptsHeard(
                sender, [replace(half_of(one), signature=b'') for one in receipts]))
        elif self._room.acquire(blocking=False):
            self._thread.submit(self._check, self._notary, sender, receipts)
        else:
            self._dropped += len(receipts)

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)

    def _check(self, notary: Notary, sender: str, receipts: Sequence[Receipt]) -> None:
        """In a thread of its own."""
        try:
            found = [notary.check(one) for one in receipts]
            heard = ReceiptsHeard(
                sender, [word for one in found for word in one.words],
                Counter(one.refused for one in found if one.refused))
        finally:
            self._room.release()
        executor = self._node.executor
        if executor is not None:
            executor.create_task(lambda: self._told(heard))

    def _told(self, heard: ReceiptsHeard) -> None:
        dropped, self._dropped = self._dropped, 0
        more = {'crowded': dropped} if dropped else {}
        self._post(replace(heard, refused={**heard.refused, **more}))
