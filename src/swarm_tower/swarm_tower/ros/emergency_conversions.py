# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The message of the emergency register as a fact."""

from __future__ import annotations

from swarm_msgs.msg import Emergency as EmergencyMessage

from swarm_tower.core.emergency import Emergency
from swarm_tower.ros.conversions import clip

REASON_MAX = 500


def emergency(msg: EmergencyMessage) -> Emergency:
    """Return the fact."""
    stamp_ms = msg.stamp.sec * 1000 + msg.stamp.nanosec // 1_000_000
    return Emergency(
        sender=clip(msg.envelope.sender, 64),
        epoch=int(msg.epoch),
        active=bool(msg.active),
        raised_by=clip(msg.raised_by, 64),
        reason=clip(msg.reason, REASON_MAX),
        stamp_ms=stamp_ms or None,
    )
