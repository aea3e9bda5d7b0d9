# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""For machines that watch: /metrics in the text format of Prometheus, and /readyz.

The format is written here and not by a library, because every value is read off the picture at
the time it is asked for: there is nothing to count in between, and nothing to install.
"""

from __future__ import annotations

from typing import Any

from swarm_tower.core.health_tree import HealthTree
from swarm_tower.core.metrics import Facts, exposition
from swarm_tower.core.outcomes import OutcomeTally
from swarm_tower.core.view import SwarmView
from swarm_tower.web.commands import MODES
from swarm_tower.web.guard import Guarded, JsonHandler
from swarm_tower.web.hub import Hub

CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
FEED_SILENT_S = 5.0  # the thread that hears the swarm gives a sign once a second
NS_PER_MS = 1_000_000


def measured(hub: Hub) -> Facts:
    """Return what metrics are made of, now."""

    def read(view: SwarmView, now_ns: int) -> dict[str, Any]:
        tree, tally = view.section(HealthTree.name), view.section(OutcomeTally.name)
        assert isinstance(tree, HealthTree) and isinstance(tally, OutcomeTally)
        return {
            'picture': view.picture(now_ns),
            'diagnostics': tree.counts(),
            'outcomes': tally,
            'mono_ms': now_ns // NS_PER_MS,
        }

    return Facts(
        **hub.ask(read),
        clients=hub.client_count,
        deltas=hub.deltas_sent,
        feed_age_s=hub.feed_age_s(),
        wall_ms=hub.wall_ms(),
        modes=MODES,
    )


def readiness(feed_age_s: float, robots_heard: int) -> str:
    """Return '' when the tower can show a swarm, or what is missing and what to look at."""
    if feed_age_s > FEED_SILENT_S:
        return f'the thread that hears the swarm has given no sign for {feed_age_s:.0f} s'
    if not robots_heard:
        return 'no robot was heard: check ROS_DOMAIN_ID, swarm_id and the discovery range'
    return ''


class Metrics(Guarded):
    def get(self) -> None:
        self.set_header('Content-Type', CONTENT_TYPE)
        self.set_header('Cache-Control', 'no-store')
        self.finish(exposition(measured(self.site.hub)))


class Ready(JsonHandler):
    def get(self) -> None:
        hub = self.site.hub
        heard = hub.ask(lambda view, now: len(view.heard_ids()))
        missing = readiness(hub.feed_age_s(), heard)
        self.answer({'ready': not missing, 'missing': missing}, 503 if missing else 200)


ROUTES: tuple[tuple[str, type[Guarded]], ...] = (
    (r'/metrics', Metrics),
    (r'/readyz', Ready),
)
