# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Quality of service of the topics that the tower hears. Owns nothing else."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from swarm_tower.core.recording import Topic


def _profile(
    depth: int, reliability: ReliabilityPolicy, durability: DurabilityPolicy
) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=durability,
    )


# One writer: its last sample is all there is to know.
LATCHED = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
# Several writers, as every new leader publishes: with a depth of 1 the old sample of a former
# leader could push out the news. Which of them counts is decided by term and log index.
SHARED = _profile(10, ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
HEARTBEAT = _profile(10, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
# What is meant for others: best effort hears reliable and best-effort writers alike.
OVERHEARD = _profile(64, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
JOBS = _profile(100, ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
# What may be lost, from whoever publishes it in whatever way.
RAW = _profile(100, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
EVENTS = _profile(100, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
# As diagnostic_updater and diagnostic_aggregator have it.
DIAGNOSTICS = _profile(10, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
# Everything in the newest one, for those that come late too.
MARKERS = LATCHED


def of(topic: Topic) -> QoSProfile:
    """Return what a topic of the recorder's table is heard with."""
    if topic.latched:
        return JOBS if topic.carry > 16 else SHARED
    return EVENTS if topic.reliable else RAW
