# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The rules by which the leader chooses the mode. Need no learner; take advice where they may.

Owns RULES: the first that has something to say decides. Those that keep the swarm safe go first,
then advice, then the defaults of a swarm without a learner. A mode is kept for at least DWELL_NS,
except on the way into one that a rule calls urgent. What an operator overrides is not decided
here: the log applies the override to whatever these rules choose.

Advice that is wrong for long costs work and no safety: it is asked only while no rule above it
applies, it expires unless it is repeated, and it cannot lead into maintenance. A swarm that heeds
it is in normal again as soon as a safety rule ends or the advice does.
"""

from collections.abc import Callable
from dataclasses import dataclass

from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.modes.pressure import Forced

BACKLOG_ENTER_JOBS_PER_SLOT = 8  # chosen without data
BACKLOG_LEAVE_JOBS_PER_SLOT = 2  # well below, so that the mode does not flap at the edge
BATTERIES_ENTER_PERMILLE = 500  # chosen without data: half of those that have a gauge
BATTERIES_LEAVE_PERMILLE = 250
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
    """What the rules look at. `since_ns` and `stamp_ns` are stamps of the log.

    forced                  what pressure.PressureGauge says, None: no extreme pressure
    batteries_low_permille  share of low batteries among the robots that have a gauge
    """

    mode: Mode
    since_ns: int
    stamp_ns: int
    now_ns: int
    voters: int
    voters_alive: int
    slots: int
    jobs_waiting: int
    advice: ModeAdvice | None = None
    forced: Forced | None = None
    batteries_low_permille: int = 0


@dataclass(frozen=True)
class ModeChoice:
    mode: Mode
    reason: str


@dataclass(frozen=True)
class Rule:
    """`entered` and `left` say in words what `judge` does, for docs/lifecycles/mode.md."""

    modes: tuple[Mode, ...]
    entered: str
    left: str
    judge: Callable[[ModeSituation], ModeChoice | None]
    urgent: bool = False


def choose_mode(at: ModeSituation) -> ModeChoice:
    """The mode that the rules want now; equal to `at.mode` where nothing should change."""
    wanted, urgent = _wanted(at)
    resting = at.stamp_ns - at.since_ns < DWELL_NS and at.since_ns > 0
    if wanted.mode is not at.mode and resting and not urgent:
        return ModeChoice(at.mode, 'kept for its minimum time')
    return wanted


def _wanted(at: ModeSituation) -> tuple[ModeChoice, bool]:
    for rule in RULES:
        choice = rule.judge(at)
        if choice is not None:
            return choice, rule.urgent
    return ModeChoice(Mode.NORMAL, 'nothing calls for another mode'), False


def _no_voter_to_spare(at: ModeSituation) -> ModeChoice | None:
    quorum = at.voters // 2 + 1
    if at.voters <= 1 or at.voters_alive > quorum:
        return None
    return ModeChoice(
        Mode.RECOVERY, f'{at.voters_alive} of {at.voters} voters alive: none to spare'
    )


def _extreme_trouble(at: ModeSituation) -> ModeChoice | None:
    if at.forced is None or at.forced.mode is not Mode.DEFENSIVE:
        return None
    return ModeChoice(at.forced.mode, at.forced.reason)


def _extreme_pressure(at: ModeSituation) -> ModeChoice | None:
    return ModeChoice(at.forced.mode, at.forced.reason) if at.forced is not None else None


def _low_batteries(at: ModeSituation) -> ModeChoice | None:
    saving = at.mode is Mode.CONSERVE
    limit = BATTERIES_LEAVE_PERMILLE if saving else BATTERIES_ENTER_PERMILLE
    if at.batteries_low_permille < limit:
        return None
    return ModeChoice(
        Mode.CONSERVE, f'{at.batteries_low_permille // 10} % of the batteries are low'
    )


def _backlog(at: ModeSituation) -> ModeChoice | None:
    slots = max(at.slots, 1)
    limit = (
        BACKLOG_LEAVE_JOBS_PER_SLOT if at.mode is Mode.HYPERFOCUS else BACKLOG_ENTER_JOBS_PER_SLOT
    )
    if at.jobs_waiting <= limit * slots:
        return None
    return ModeChoice(Mode.HYPERFOCUS, f'{at.jobs_waiting} jobs wait for {slots} slots')


def _advice(at: ModeSituation) -> ModeChoice | None:
    advice = at.advice  # NORMAL is an answer too: it keeps _backlog from deciding
    if (
        advice is None
        or at.now_ns >= advice.expires_ns
        or not advice.confidence >= ADVICE_CONFIDENCE_MIN  # not a number is no confidence
        or advice.mode is Mode.MAINTENANCE
    ):
        return None
    return ModeChoice(advice.mode, f'advice: {advice.reason}')


RULES: tuple[Rule, ...] = (
    Rule(
        (Mode.RECOVERY,), 'no voter to spare', 'a voter to spare', _no_voter_to_spare, urgent=True
    ),
    Rule(
        (Mode.DEFENSIVE,), 'half of the robots in trouble', 'a quarter or fewer',
        _extreme_trouble, urgent=True,
    ),
    Rule((Mode.HYPERFOCUS,), 'extreme pressure', 'pressure gone', _extreme_pressure),
    Rule((Mode.CONSERVE,), 'half of the batteries low', 'fewer than a quarter', _low_batteries),
    Rule(
        tuple(mode for mode in Mode if mode not in (Mode.NORMAL, Mode.MAINTENANCE)),
        'fresh and confident advice', 'advice ends', _advice,
    ),
    Rule(
        (Mode.HYPERFOCUS,),
        f'over {BACKLOG_ENTER_JOBS_PER_SLOT} waiting jobs per slot',
        f'{BACKLOG_LEAVE_JOBS_PER_SLOT} or fewer',
        _backlog,
    ),
)


def diagram() -> str:
    """RULES as a mermaid state diagram; modes that only an operator sets hang on `override`."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for rule in RULES:
        for mode in rule.modes:
            arrows.setdefault((Mode.NORMAL.label, mode.label), []).append(rule.entered)
            arrows.setdefault((mode.label, Mode.NORMAL.label), []).append(rule.left)
    reached = {mode for rule in RULES for mode in rule.modes} | {Mode.NORMAL}
    for mode in Mode:
        if mode not in reached:
            arrows[Mode.NORMAL.label, mode.label] = ['override']
            arrows[mode.label, Mode.NORMAL.label] = ['override ends']
    lines = ['stateDiagram-v2', f'    [*] --> {Mode.NORMAL.label}']
    lines += [f'    {a} --> {b}: {" or ".join(texts)}' for (a, b), texts in arrows.items()]
    return '\n'.join(['```mermaid', *lines, '```', ''])
