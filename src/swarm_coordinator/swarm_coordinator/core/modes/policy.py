# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The rule by which the leader chooses the mode. Needs no learner; takes advice where it may.

The rule decides in this order:
1. no voter to spare (one more loss stops the swarm)         -> recovery
2. more waiting work than BACKLOG_ENTER jobs per slot        -> hyperfocus, until BACKLOG_LEAVE
3. fresh, confident advice                                   -> what it says, unless maintenance
4. otherwise                                                 -> normal
A mode is kept for at least DWELL_NS, except on the way into recovery.
"""

from dataclasses import dataclass

from swarm_coordinator.core.modes.mode import Mode

BACKLOG_ENTER_JOBS_PER_SLOT = 8  # chosen without data
BACKLOG_LEAVE_JOBS_PER_SLOT = 2  # well below, so that the mode does not flap at the edge
DWELL_NS = 3_000_000_000
ADVICE_CONFIDENCE_MIN = 0.6


@dataclass(frozen=True)
class ModeAdvice:
    """The learner's proposal. `confidence` in [0..1]; `expires_ns` on the monotonic clock."""

    mode: Mode
    confidence: float
    reason: str
    expires_ns: int


@dataclass(frozen=True)
class ModeSituation:
    """What the rule looks at. `since_ns` and `stamp_ns` are stamps of the log."""

    mode: Mode
    since_ns: int
    stamp_ns: int
    now_ns: int
    voters: int
    voters_alive: int
    slots: int
    jobs_waiting: int
    advice: ModeAdvice | None = None


@dataclass(frozen=True)
class ModeChoice:
    mode: Mode
    reason: str


def choose_mode(at: ModeSituation) -> ModeChoice:
    """The mode that the rule wants now; equal to `at.mode` where nothing should change."""
    wanted = _wanted(at)
    resting = at.stamp_ns - at.since_ns < DWELL_NS and at.since_ns > 0
    if wanted.mode is not at.mode and resting and wanted.mode is not Mode.RECOVERY:
        return ModeChoice(at.mode, 'kept for its minimum time')
    return wanted


def _wanted(at: ModeSituation) -> ModeChoice:
    quorum = at.voters // 2 + 1
    if at.voters > 1 and at.voters_alive <= quorum:
        return ModeChoice(
            Mode.RECOVERY, f'{at.voters_alive} of {at.voters} voters alive: none to spare'
        )
    slots = max(at.slots, 1)
    limit = (
        BACKLOG_LEAVE_JOBS_PER_SLOT if at.mode is Mode.HYPERFOCUS else BACKLOG_ENTER_JOBS_PER_SLOT
    )
    if at.jobs_waiting > limit * slots:
        return ModeChoice(Mode.HYPERFOCUS, f'{at.jobs_waiting} jobs wait for {slots} slots')
    advice = at.advice
    if (
        advice is not None
        and at.now_ns < advice.expires_ns
        and advice.confidence >= ADVICE_CONFIDENCE_MIN
        and advice.mode is not Mode.MAINTENANCE
    ):
        return ModeChoice(advice.mode, f'advice: {advice.reason}')
    return ModeChoice(Mode.NORMAL, 'nothing calls for another mode')
