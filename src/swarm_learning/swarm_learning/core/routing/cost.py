# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is compared when a route is chosen: owns the formulas; refuses to know where their terms
come from. All functions are elementwise over arrays of shape (routes,), in ms.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Cost(Protocol):
    """The lower, the better."""

    name: str

    def __call__(
        self, backlog_ms: Floats, work_ms: Floats, transfer_ms: Floats, success: Floats
    ) -> Floats: ...


class BacklogCost:
    """(backlog + work + transfer) / success: the expected time until the job is done, if it is
    tried again at the same price each time it fails."""

    name = '(backlog + time + transfer) / success'

    def __call__(
        self, backlog_ms: Floats, work_ms: Floats, transfer_ms: Floats, success: Floats
    ) -> Floats:
        return np.asarray((backlog_ms + work_ms + transfer_ms) / success)


class LiteralCost:
    """time / success probability, with the time that the work itself takes.

    The special case of BacklogCost in which nobody waits: an empty queue everywhere and no files.
    Under load it sends every job to the one best route, whose queue then only grows; `make bench
    NAME=routing` shows by how much. Kept for comparison and for robots that have no queue.
    """

    name = 'time / success probability'

    def __call__(
        self, backlog_ms: Floats, work_ms: Floats, transfer_ms: Floats, success: Floats
    ) -> Floats:
        return np.asarray(work_ms / success)
