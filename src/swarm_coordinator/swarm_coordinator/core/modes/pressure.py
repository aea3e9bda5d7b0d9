# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Extreme pressure on the swarm, which forces a mode on all robots: owns when it is extreme.

Two kinds that call for opposite things: work that waits (concentrate on it) and robots in trouble
(take no risks). Looks at what robots say in their beacons, in thousandths. Refuses to know who
leads and what else chooses a mode.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.suspicion import Liveness

SECOND_NS = 1_000_000_000

# All chosen without data; what matters is that each pair is far apart and each time is longer
# than a failover, so that neither a burst nor the loss of one leader forces anything.
BACKLOG_ENTER_PERMILLE, BACKLOG_LEAVE_PERMILLE = 900, 600  # mean over the robots
BACKLOG_ENTER_FOR_NS, BACKLOG_LEAVE_FOR_NS = 5 * SECOND_NS, 5 * SECOND_NS
TROUBLE_ENTER_PERMILLE, TROUBLE_LEAVE_PERMILLE = 500, 250  # share of the robots
TROUBLE_ENTER_FOR_NS, TROUBLE_LEAVE_FOR_NS = 3 * SECOND_NS, 10 * SECOND_NS

BATTERY_LOW_PERMILLE = 250  # counts for conserve
BATTERY_CRITICAL_PERMILLE = 100  # counts as trouble
DOUBT_HIGH = 6  # awareness at which a robot counts as troubled, as in local.py
LOST_COUNTS_FOR_NS = 60 * SECOND_NS  # a robot switched off for the night is no trouble next day
LOOK_GAP_NS_MAX = 2 * SECOND_NS  # who looked away for longer has not seen that it lasted


@dataclass(frozen=True)
class RobotPressure:
    """One robot as its last beacon and the judge's suspicion have it.

    pressure_permille  waiting work against capacity; None: not told, or too old
    battery_permille   None: no gauge
    silence_ns         since its last beacon
    """

    pressure_permille: int | None = None
    battery_permille: int | None = None
    awareness: int = 0
    phase: Liveness = Liveness.HEALTHY
    silence_ns: int = 0

    @property
    def heard(self) -> bool:
        return self.phase in (Liveness.HEALTHY, Liveness.SLOW)

    @property
    def counts(self) -> bool:
        lost = self.phase is Liveness.DEAD and self.silence_ns > LOST_COUNTS_FOR_NS
        return self.phase is not Liveness.LEFT and not lost

    @property
    def in_trouble(self) -> bool:
        weak = (
            self.battery_permille is not None
            and self.battery_permille <= BATTERY_CRITICAL_PERMILLE
        )
        return not self.heard or weak or self.awareness >= DOUBT_HIGH


@dataclass(frozen=True)
class Forced:
    """`mode` for all robots."""

    mode: Mode
    reason: str


def backlog_permille(robots: Sequence[RobotPressure]) -> int:
    """Mean pressure of the robots that are heard; 0 while fewer than half of them tell any."""
    heard = [robot for robot in robots if robot.heard]
    told = [one.pressure_permille for one in heard if one.pressure_permille is not None]
    if not told or 2 * len(told) < len(heard):
        return 0
    return sum(max(0, min(1000, one)) for one in told) // len(told)


def trouble_permille(robots: Sequence[RobotPressure]) -> int:
    """Share of the robots that are lost, doubt themselves or run out of battery."""
    return _share([robot.in_trouble for robot in robots if robot.counts])


def batteries_low_permille(robots: Sequence[RobotPressure]) -> int:
    """Share of low batteries among the robots heard that have a gauge."""
    return _share(
        [
            robot.battery_permille <= BATTERY_LOW_PERMILLE
            for robot in robots
            if robot.heard and robot.battery_permille is not None
        ]
    )


def _share(marks: Sequence[bool]) -> int:
    return 1000 * sum(marks) // len(marks) if marks else 0


@dataclass
class Latch:
    """On once a figure was high for long enough, off once it was low for long enough."""

    enter: int
    leave: int
    enter_for_ns: int
    leave_for_ns: int
    on: bool = False
    since_ns: int | None = None  # the figure asks for a change since then
    seen_ns: int | None = None

    def __post_init__(self) -> None:
        if self.leave >= self.enter:
            raise ValueError(
                f'leave={self.leave} must be below enter={self.enter}, or the mode flaps'
            )

    def see(self, figure: int, now_ns: int) -> bool:
        looked_away = self.seen_ns is not None and now_ns - self.seen_ns > LOOK_GAP_NS_MAX
        self.seen_ns = now_ns
        asks = figure <= self.leave if self.on else figure >= self.enter
        if not asks or looked_away:
            self.since_ns = now_ns if asks else None
            return self.on
        if self.since_ns is None:
            self.since_ns = now_ns
        if now_ns - self.since_ns >= (self.leave_for_ns if self.on else self.enter_for_ns):
            self.on, self.since_ns = not self.on, None
        return self.on


def _backlog() -> Latch:
    return Latch(
        BACKLOG_ENTER_PERMILLE, BACKLOG_LEAVE_PERMILLE, BACKLOG_ENTER_FOR_NS, BACKLOG_LEAVE_FOR_NS
    )


def _trouble() -> Latch:
    return Latch(
        TROUBLE_ENTER_PERMILLE, TROUBLE_LEAVE_PERMILLE, TROUBLE_ENTER_FOR_NS, TROUBLE_LEAVE_FOR_NS
    )


@dataclass
class PressureGauge:
    """The leader looks at the robots, at least once a second, and asks what is forced now.

    `resumed`: the mode the swarm was in when this leader took over. It goes on being forced until
    the pressure has been low for long enough, because the new leader did not see it being high.
    """

    resumed: Mode = Mode.NORMAL
    backlog: Latch = field(default_factory=_backlog)
    trouble: Latch = field(default_factory=_trouble)

    def __post_init__(self) -> None:
        self.backlog.on = self.resumed is Mode.HYPERFOCUS
        self.trouble.on = self.resumed is Mode.DEFENSIVE

    def see(self, robots: Sequence[RobotPressure], now_ns: int) -> Forced | None:
        """Trouble goes first: a swarm that falls apart does not finish its work by hurrying."""
        backlog, trouble = backlog_permille(robots), trouble_permille(robots)
        too_much = self.backlog.see(backlog, now_ns)
        if self.trouble.see(trouble, now_ns):
            return Forced(
                Mode.DEFENSIVE, f'{trouble // 10} % of the robots are in trouble (extreme)'
            )
        if too_much:
            return Forced(Mode.HYPERFOCUS, f'pressure of {backlog // 10} % (extreme)')
        return None
