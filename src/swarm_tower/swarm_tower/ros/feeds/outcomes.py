# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hears how attempts at jobs ended."""

from __future__ import annotations

from swarm_msgs.msg import JobOutcome, JobOutcomes

from swarm_tower.core.outcomes import Ended, Endings
from swarm_tower.ros import qos
from swarm_tower.ros.conversions import clip, word, words
from swarm_tower.ros.feed import Ears

OUTCOMES = words(JobOutcome, 'OUTCOME_')
MS_PER_S = 1000


def ended(msg: JobOutcome) -> Ended:
    """Take one outcome; the word of an unknown one is 'unknown', as it becomes a label."""
    outcome = word(OUTCOMES, msg.outcome)
    return Ended(
        log_index=msg.log_index,
        job_id=clip(msg.job_id),
        attempt=msg.attempt,
        outcome='unknown' if outcome.startswith('unknown_') else outcome,
        queue_s=msg.queue_ms / MS_PER_S,
        run_s=msg.run_ms / MS_PER_S if msg.run_ms else None,
    )


def endings(msg: JobOutcomes) -> Endings:
    """Take all of them."""
    return Endings(tuple(ended(one) for one in msg.outcomes))


class OutcomesFeed:
    """See feed.Feed."""

    def __init__(self, ears: Ears) -> None:
        self._node = ears.node
        self._heard = ears.listen(JobOutcomes, '/swarm/outcomes', qos.EVENTS, ears.sender, endings)

    def follow(self, robot_ids: list[str]) -> None:
        """Nothing of single robots is heard here."""

    def close(self) -> None:
        """Drop everything; never raises."""
        self._node.destroy_subscription(self._heard)
