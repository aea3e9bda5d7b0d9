# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The feeds that a tower has. Owns the list only."""

from __future__ import annotations

from swarm_tower.ros.feed import Feed
from swarm_tower.ros.feeds.diagnostics import DiagnosticsFeed, DiagnosticsOutlet
from swarm_tower.ros.feeds.emergency import EmergencyFeed
from swarm_tower.ros.feeds.foxglove import FoxgloveFeed
from swarm_tower.ros.feeds.hearing import HearingFeed
from swarm_tower.ros.feeds.live import LiveFeed
from swarm_tower.ros.feeds.markers import MarkersFeed
from swarm_tower.ros.feeds.mind import MindFeed
from swarm_tower.ros.feeds.outcomes import OutcomesFeed
from swarm_tower.ros.feeds.traces import TracesFeed
from swarm_tower.ros.feeds.votes import VotesFeed

FEEDS: tuple[type[Feed], ...] = (
    DiagnosticsFeed,
    DiagnosticsOutlet,
    EmergencyFeed,
    FoxgloveFeed,
    MindFeed,
    VotesFeed,
    LiveFeed,
    HearingFeed,
    MarkersFeed,
    OutcomesFeed,
    TracesFeed,
)
