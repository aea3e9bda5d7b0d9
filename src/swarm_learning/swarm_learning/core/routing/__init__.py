# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Routing: which robot, and which compute unit of it, does a job soonest."""

from .choice import PROBED, Choice, Place, Terms
from .config import RoutingConfig
from .cost import BacklogCost, Cost, LiteralCost
from .routes import RouteKey
from .routing import RouteEstimate, Routing, task_of

__all__ = (
    'PROBED', 'BacklogCost', 'Choice', 'Cost', 'LiteralCost', 'Place', 'RouteEstimate',
    'RouteKey', 'Routing', 'RoutingConfig', 'Terms', 'task_of',
)
