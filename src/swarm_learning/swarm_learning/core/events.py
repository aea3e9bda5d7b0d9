# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what a learner can be told beside plain observations, and the list of all of it; refuses to
know messages and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .inheritance import Failed, Noted, Stored
from .observation import Beacon, Closing, LocalState, Outcome, SwarmState, Tick
from .reputation.auditor import AuditAnswer
from .reputation.audits import AuditRequest
from .reputation.receipts import Receipt
from .reputation.witness import Delivery


@dataclass(frozen=True)
class ReceiptsHeard:
    """What another robot says of attempts that it was a party to. Where receipts are signed, only
    what is proven, and how much was not, by why."""

    sender: str
    receipts: Sequence[Receipt]
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditsHeard:
    """What the leader asks to be looked at again."""

    sender: str
    requests: Sequence[AuditRequest]


@dataclass(frozen=True)
class DeliveriesHeard:
    """What the log says of jobs of this robot that are done."""

    deliveries: Sequence[Delivery]


@dataclass(frozen=True)
class FreezeAsked:
    """Stop or resume learning; duration_ms 0 = until it is told."""

    frozen: bool
    owner: str
    reason: str
    duration_ms: int = 0


@dataclass(frozen=True)
class CheckpointHere:
    """The learned file of this hash was brought and read."""

    sha256: str
    manifest: Mapping[str, Any]
    arrays: Mapping[str, Any]


Event = (
    LocalState | Beacon | Outcome | SwarmState | Tick | Closing | ReceiptsHeard | AuditsHeard
    | DeliveriesHeard | AuditAnswer | FreezeAsked | CheckpointHere | Stored | Noted | Failed
)
