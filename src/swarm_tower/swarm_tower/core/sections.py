# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The sections that a picture has. Owns the list only."""

from __future__ import annotations

from swarm_tower.core.emergency import EmergencySection
from swarm_tower.core.health_tree import HealthTree
from swarm_tower.core.hearing import HearingSection
from swarm_tower.core.live import LiveSection
from swarm_tower.core.mind import (
    CourseSection,
    ModelsSection,
    PolicySection,
    RegimeSection,
    ReputationSection,
    RewardSection,
    RoutesSection,
)
from swarm_tower.core.outcomes import OutcomeTally
from swarm_tower.core.section import Section
from swarm_tower.core.votes import TermsSection

SECTIONS: tuple[type[Section], ...] = (
    EmergencySection,
    PolicySection,
    CourseSection,
    RewardSection,
    RegimeSection,
    ReputationSection,
    RoutesSection,
    ModelsSection,
    TermsSection,
    LiveSection,
    HealthTree,
    HearingSection,
    OutcomeTally,
)


def make_sections() -> list[Section]:
    """Return one of each, with nothing in it."""
    return [kind() for kind in SECTIONS]
