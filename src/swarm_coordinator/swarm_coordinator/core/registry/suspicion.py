# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether a robot can be reached: owns the belief, from when its beacons arrive.

Phi-accrual (Hayashibara, Defago, Yared, Katayama: The phi accrual failure detector, SRDS 2004):
the intervals between arrivals say how long a silence is still ordinary. The limits that follow
from them are kept between bounds in periods, so that nobody is dead sooner than an election can
take and nobody stays undecided. Times are of the receiver's monotonic clock. Says nothing about
the quality of a robot's work.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.registry.awareness import Awareness


class Liveness(Enum):
    """Values are those of swarm_msgs/msg/RobotStatus."""

    HEALTHY = 0
    SLOW = 1
    SUSPECT = 2
    DEAD = 3
    LEFT = 4


# phi = -log10 of the chance that a silence is ordinary. 8 is Cassandra's and Akka's threshold;
# 1 makes one beacon in ten late at most, which costs nothing as it is only said.
PHI_SLOW = 1.0
PHI_SUSPECT = 8.0
PHI_MAX = 99.0  # beyond, erfc has no digits left
# Where the normal distribution reaches these phi, in standard deviations above the mean.
DEVIATIONS_SLOW = 1.2816
DEVIATIONS_SUSPECT = 5.6120

# In beacon periods, so that they hold in every timing profile.
# 13 s at 100 ms. Of 64, 128 and 256 with a pause of 3 and 5 in the model of bursts in
# test_suspicion.py, these two took 82 times an hour for suspicious and 0.9 times for dead; 64 and
# 3 did so 114 and 1.5 times, 256 and 5 74 and 0.65 times. Longer follows a driving robot less.
WINDOW_INTERVALS = 128
PRIOR_INTERVALS = 8  # fewer than these say nothing: beacons are then taken to arrive as promised
PAUSE_PERIODS = 5  # four beacons lost in a row are ordinary
DEVIATION_PERIODS_MIN = 0.5  # ticks are half a period apart: nothing is more exact than that
SLOW_MEAN_PERIODS = 2.5  # more than half of its beacons do not arrive
SAMPLE_PERIODS_MIN = 0.25  # closer arrivals are one beacon twice, or other news of the robot

# A follower waits up to 10 periods for a leader; the worst of 2000 simulated elections on Wi-Fi
# ended after 22 (raft/timing.py). A leader that just took over must not at once take everybody
# for dead, so nobody is dead before 25. The upper bounds are twice the lower ones, chosen so that
# bursts of loss widen them (test_suspicion.py states the rates that follow).
SUSPECT_PERIODS_MIN, SUSPECT_PERIODS_MAX = 10, 20
SLOW_PERIODS_MIN, SLOW_PERIODS_MAX = 4, 8
DEAD_PER_SUSPECT_PERMILLE = 2500  # dead at 25 to 50 periods; between lies the time for probes
DEAD_PERIODS_MIN = SUSPECT_PERIODS_MIN * DEAD_PER_SUSPECT_PERMILLE // 1000
DEAD_PERIODS_MAX = SUSPECT_PERIODS_MAX * DEAD_PER_SUSPECT_PERMILLE // 1000

# A robot counts its starts above a random number of its disk (core/ids.py). A larger jump is no
# life but a garbled number, and believing it would shut out the robot's real beacons.
INCARNATION_JUMP_MAX = 1 << 41


@dataclass(frozen=True)
class Limits:
    """From which silence on a robot counts as slow, suspect and dead."""

    slow_ns: int
    suspect_ns: int
    dead_ns: int

    def stretched(self, permille: int) -> 'Limits':
        return Limits(
            self.slow_ns * permille // 1000,
            self.suspect_ns * permille // 1000,
            self.dead_ns * permille // 1000,
        )


@dataclass
class _Life:
    """One life of a robot, and how its beacons have been arriving. Sums are of whole
    microseconds: exact, so that they do not drift over millions of beacons."""

    incarnation: int = 0  # 0: not told yet
    storage_id: int = 0
    has_left: bool = False
    sampled_ns: int | None = None
    intervals_us: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW_INTERVALS))
    sum_us: int = 0
    squares_us: int = 0
    limits: Limits | None = None  # of these intervals, once somebody asked

    def arrived(self, now_ns: int, period_ns: int) -> None:
        since_ns = None if self.sampled_ns is None else now_ns - self.sampled_ns
        if since_ns is not None and since_ns < SAMPLE_PERIODS_MIN * period_ns:
            return
        self.sampled_ns = now_ns
        # A silence that long was an outage; it says nothing about the link when there is one.
        if since_ns is not None and since_ns < DEAD_PERIODS_MIN * period_ns:
            self._sample(since_ns // 1000)

    def _sample(self, interval_us: int) -> None:
        if len(self.intervals_us) == WINDOW_INTERVALS:
            oldest = self.intervals_us[0]
            self.sum_us -= oldest
            self.squares_us -= oldest * oldest
        self.intervals_us.append(interval_us)
        self.sum_us += interval_us
        self.squares_us += interval_us * interval_us
        self.limits = None

    def mean_and_deviation_ns(self, period_ns: int) -> tuple[float, float]:
        """Never below what the period promises: a robot that sent more often may stop doing so."""
        count = len(self.intervals_us)
        if count < PRIOR_INTERVALS:
            return float(period_ns), DEVIATION_PERIODS_MIN * period_ns
        variance = (count * self.squares_us - self.sum_us * self.sum_us) / (count * count)
        return (
            max(float(period_ns), 1000 * self.sum_us / count),
            max(DEVIATION_PERIODS_MIN * period_ns, 1000 * math.sqrt(variance)),
        )


class Suspicion:
    """When each robot was last heard; `phase_of` turns the silence into a belief.

    period_ns  how often robots promise a beacon
    awareness  of the robot that judges: its score stretches every limit by up to three
    """

    def __init__(self, period_ns: int, awareness: Awareness | None = None) -> None:
        if period_ns < 1:
            raise ValueError(f'period_ns={period_ns} must be at least 1')
        self.period_ns = period_ns
        self.heard_ns: dict[RobotId, int] = {}
        self.ignored = 0  # beacons of older lives and with garbled numbers
        self._awareness = awareness
        self._vouched_ns: dict[RobotId, int] = {}
        self._lives: dict[RobotId, _Life] = {}

    # ---- what is heard

    def hear(
        self, robot: RobotId, now_ns: int, incarnation: int = 0, storage_id: int = 0
    ) -> bool:
        """A beacon, or any other proof that `robot` lives now. False: ignored, of an older life.

        `incarnation` and `storage_id` as in the message's envelope; 0 where they are not known.
        """
        life = self._admitted(robot, now_ns, incarnation, storage_id)
        if life is None:
            self.ignored += 1
            return False
        self.heard_ns[robot] = max(now_ns, self.heard_ns.get(robot, now_ns))
        life.arrived(now_ns, self.period_ns)
        return True

    def vouch(
        self, robot: RobotId, heard_ns: int, now_ns: int, incarnation: int = 0
    ) -> bool:
        """A peer heard `robot` at `heard_ns` of our clock: it is not dead, only out of our reach.

        A higher incarnation than we know refutes the suspicion altogether: the robot started anew
        after whatever made it silent. Which life it is in only its own beacons say: a peer that
        errs, or lies, must not shut them out. False: it is of an older life and says nothing.
        """
        life = self._lives.setdefault(robot, _Life())
        if life.has_left or incarnation and incarnation < life.incarnation:
            return False
        if incarnation > life.incarnation and life.incarnation:
            if incarnation > life.incarnation + INCARNATION_JUMP_MAX:
                return False
            self.heard_ns[robot] = max(now_ns, self.heard_ns.get(robot, now_ns))
            return True
        if robot in self.heard_ns:
            self._vouched_ns[robot] = max(
                min(heard_ns, now_ns), self._vouched_ns.get(robot, self.heard_ns[robot])
            )
        return True

    def leave(self, robot: RobotId, incarnation: int) -> bool:
        """`robot` said goodbye. Final for that life: beacons still on their way do not revive it.

        False: a newer life than the one that left is known.
        """
        life = self._lives.setdefault(robot, _Life())
        if incarnation < life.incarnation:
            return False
        life.incarnation = incarnation
        life.has_left = True
        return True

    def begin(self, robots: Iterable[RobotId], now_ns: int) -> None:
        """A leader takes over: whoever it has never heard counts as heard now, and is judged from
        here on."""
        for robot in robots:
            self.heard_ns.setdefault(robot, now_ns)

    def held_up(self, held_ns: int, now_ns: int) -> None:
        """This robot itself stood still for `held_ns` until now, and could not hear anybody.

        Silences go on from where they were before; nobody is accused of our own pause.
        """
        for times in (self.heard_ns, self._vouched_ns):
            for robot, heard_ns in times.items():
                times[robot] = max(heard_ns, min(now_ns, heard_ns + held_ns))
        for life in self._lives.values():
            life.sampled_ns = None

    def forget(self, robot: RobotId) -> None:
        """It is no member any more; what was learned about it goes."""
        self.heard_ns.pop(robot, None)
        self._vouched_ns.pop(robot, None)
        self._lives.pop(robot, None)

    # ---- what is believed

    def phase_of(self, robot: RobotId, now_ns: int) -> Liveness | None:
        """None: never heard, so nothing is believed."""
        life = self._lives.get(robot)
        if life is not None and life.has_left:
            return Liveness.LEFT
        silence = self.silence_ns(robot, now_ns)
        if silence is None:
            return None
        limits = self.limits_of(robot, now_ns)
        if silence < limits.slow_ns:
            return Liveness.SLOW if self._is_sparse(life) else Liveness.HEALTHY
        if silence < limits.suspect_ns:
            return Liveness.SLOW
        vouched_ns = self._vouched_ns.get(robot)
        reached = silence if vouched_ns is None else min(silence, now_ns - vouched_ns)
        return Liveness.SUSPECT if reached < limits.dead_ns else Liveness.DEAD

    def silence_ns(self, robot: RobotId, now_ns: int) -> int | None:
        heard = self.heard_ns.get(robot)
        return None if heard is None else max(0, now_ns - heard)

    def incarnation_of(self, robot: RobotId) -> int:
        """The highest heard; 0 = none was told."""
        life = self._lives.get(robot)
        return life.incarnation if life is not None else 0

    def limits_of(self, robot: RobotId, now_ns: int) -> Limits:
        """The limits that hold for `robot` now, this robot's doubt in itself included."""
        life = self._lives.get(robot) or _Life()
        if life.limits is None:
            life.limits = self._limits(*life.mean_and_deviation_ns(self.period_ns))
        if self._awareness is None:
            return life.limits
        return life.limits.stretched(self._awareness.stretch_permille(now_ns))

    def phi_of(self, robot: RobotId, now_ns: int) -> float | None:
        """-log10 of the chance that the silence is ordinary, 0 to PHI_MAX; None: never heard.

        For people. Phases follow limits_of, which has the same formula between its bounds.
        """
        silence = self.silence_ns(robot, now_ns)
        if silence is None:
            return None
        life = self._lives.get(robot) or _Life()
        mean, deviation = life.mean_and_deviation_ns(self.period_ns)
        above = (silence - mean - PAUSE_PERIODS * self.period_ns) / deviation
        chance = 0.5 * math.erfc(above / math.sqrt(2))
        return min(PHI_MAX, -math.log10(chance)) if chance > 0.0 else PHI_MAX

    def explain(self, robot: RobotId, now_ns: int) -> str:
        """One sentence for people: why the phase is what it is."""
        silence, phi = self.silence_ns(robot, now_ns), self.phi_of(robot, now_ns)
        if silence is None or phi is None:
            return f'{robot} was never heard'
        if self.phase_of(robot, now_ns) is Liveness.LEFT:
            return f'{robot} said goodbye'
        mean, _ = (self._lives.get(robot) or _Life()).mean_and_deviation_ns(self.period_ns)
        limits = self.limits_of(robot, now_ns)
        text = (
            f'{robot} silent for {_s(silence)} (usual {_s(mean)}, phi {phi:.1f}; suspect from '
            f'{_s(limits.suspect_ns)}, dead from {_s(limits.dead_ns)})'
        )
        vouched_ns = self._vouched_ns.get(robot, 0)
        if vouched_ns > self.heard_ns[robot]:
            text += f'; a peer heard it {_s(now_ns - vouched_ns)} ago'
        doubt = self._awareness.reason(now_ns) if self._awareness is not None else ''
        return f'{text}; this robot doubts itself: {doubt}' if doubt else text

    # ---- lives

    def _admitted(
        self, robot: RobotId, now_ns: int, incarnation: int, storage_id: int
    ) -> _Life | None:
        """The life that this beacon belongs to, a new one if it starts one; None: an older one."""
        life = self._lives.setdefault(robot, _Life())
        if storage_id and life.storage_id and storage_id != life.storage_id:
            # Another disk counts its own starts, so neither life is older. The one that is heard
            # keeps the name: the disk that was replaced falls silent, and then the other one has
            # it. Two at a time under one name are noticed elsewhere.
            silence = self.silence_ns(robot, now_ns)
            taken = silence is not None and silence < self.limits_of(robot, now_ns).suspect_ns
            return None if taken else self._new_life(robot, incarnation, storage_id)
        if not incarnation:
            return None if life.has_left else life
        if incarnation < life.incarnation or incarnation > life.incarnation + INCARNATION_JUMP_MAX:
            return None
        if life.has_left and incarnation == life.incarnation:
            return None
        if incarnation > life.incarnation and (life.incarnation or life.has_left):
            return self._new_life(robot, incarnation, storage_id or life.storage_id)
        life.incarnation = incarnation
        life.storage_id = storage_id or life.storage_id
        return life

    def _new_life(self, robot: RobotId, incarnation: int, storage_id: int) -> _Life:
        self._lives[robot] = _Life(incarnation, storage_id)
        return self._lives[robot]

    def _limits(self, mean_ns: float, deviation_ns: float) -> Limits:
        def periods(deviations: float, low: int, high: int) -> int:
            ordinary = mean_ns + PAUSE_PERIODS * self.period_ns + deviations * deviation_ns
            return max(low * self.period_ns, min(int(ordinary), high * self.period_ns))

        suspect_ns = periods(DEVIATIONS_SUSPECT, SUSPECT_PERIODS_MIN, SUSPECT_PERIODS_MAX)
        return Limits(
            slow_ns=periods(DEVIATIONS_SLOW, SLOW_PERIODS_MIN, SLOW_PERIODS_MAX),
            suspect_ns=suspect_ns,
            dead_ns=suspect_ns * DEAD_PER_SUSPECT_PERMILLE // 1000,
        )

    def _is_sparse(self, life: _Life | None) -> bool:
        if life is None or len(life.intervals_us) < PRIOR_INTERVALS:
            return False
        return 1000 * life.sum_us >= SLOW_MEAN_PERIODS * self.period_ns * len(life.intervals_us)


def _s(ns: float) -> str:
    return f'{ns / 1e9:.2f} s'
