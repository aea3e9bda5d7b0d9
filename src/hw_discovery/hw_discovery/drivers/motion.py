# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When an actuator may move, where to and how fast. Pure: time is an argument.

Inert until armed. Disarmed by silence of commands, by the emergency stop, by a fault and by
closing; disarming forgets every command, so that arming again never resumes a motion. A driver
of a new attachment makes a new Motion, which is disarmed.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

_NS_PER_S = 1_000_000_000
POINTS_MAX = 1000            # of one trajectory; bounds what a stranger can make us keep


@dataclass(frozen=True, slots=True)
class Joint:
    """One axis in rad or m. Velocity and acceleration are limits of its magnitude."""

    name: str
    minimum: float
    maximum: float
    velocity_max: float
    acceleration_max: float

    def __post_init__(self) -> None:
        """Refuse limits that cannot work."""
        if not self.minimum < self.maximum:
            raise ValueError(f'{self.name}: expected minimum < maximum')
        if self.velocity_max <= 0 or self.acceleration_max <= 0:
            raise ValueError(f'{self.name}: expected limits of speed and acceleration above 0')


@dataclass(frozen=True, slots=True)
class Timing:
    """Chosen without data.

    command_ns     silence after the end of the last command that disarms
    first_ns       time from arming to the first command: people arm by hand
    duration_ns    longest trajectory that is taken
    late_ns        a command with a stamp older than this came too late to be meant now
    """

    command_ns: int = _NS_PER_S // 2
    first_ns: int = 10 * _NS_PER_S
    duration_ns: int = 60 * _NS_PER_S
    late_ns: int = _NS_PER_S


@dataclass(frozen=True, slots=True)
class TrajectoryPoint:
    """`after_ns`: from the start of the command."""

    positions: tuple[float, ...]
    after_ns: int


@dataclass(frozen=True, slots=True)
class _Command:
    joints: tuple[int, ...]
    points: tuple[TrajectoryPoint, ...]
    began_ns: int
    began_at: tuple[float, ...]

    @property
    def ends_ns(self) -> int:
        return self.began_ns + self.points[-1].after_ns

    def targets(self, now_ns: int) -> tuple[float, ...]:
        """Return where the joints should be, on straight lines between the points."""
        after = now_ns - self.began_ns
        at = bisect_right([point.after_ns for point in self.points], after)
        if at == len(self.points):
            return self.points[-1].positions
        start = self.points[at - 1] if at else TrajectoryPoint(self.began_at, 0)
        end = self.points[at]
        share = (after - start.after_ns) / (end.after_ns - start.after_ns)
        return tuple(a + (b - a) * share
                     for a, b in zip(start.positions, end.positions, strict=True))


class Motion:
    """Ask and command it from outside, call `step` in every cycle of control."""

    def __init__(self, joints: Sequence[Joint], timing: Timing | None = None) -> None:
        self.joints = tuple(joints)
        self._timing = timing or Timing()
        self._index = {joint.name: at for at, joint in enumerate(self.joints)}
        self._position: list[float | None] = [None] * len(self.joints)
        self._velocity = [0.0] * len(self.joints)
        self._goal: list[float | None] = [None] * len(self.joints)
        self._command: _Command | None = None
        self._deadline_ns = 0
        self._stepped_ns = 0
        self._is_closed = False
        self.is_armed = False
        self.is_emergency = False
        self.disarmed_because = 'it was never armed'

    # ---- who may

    def arm(self, now_ns: int) -> str:
        """Arm; return '' or why not."""
        if self._is_closed:
            return 'the driver is closing'
        if self.is_emergency:
            return 'the emergency stop is on'
        if not self.joints:
            return 'no joints are configured'
        if not self.is_armed:
            self._forget()
            self.is_armed = True
            self._stepped_ns = now_ns
            self._deadline_ns = now_ns + self._timing.first_ns
        return ''

    def disarm(self, why: str) -> None:
        """Make it inert; the first reason stays."""
        if self.is_armed:
            self.is_armed = False
            self.disarmed_because = why
        self._forget()

    def set_emergency(self, is_on: bool) -> None:
        """Hear of the emergency stop: its end arms nothing."""
        self.is_emergency = is_on
        if is_on:
            self.disarm('emergency stop')

    def close(self) -> None:
        """Never arm again."""
        self._is_closed = True
        self.disarm('the driver was closed')

    def _forget(self) -> None:
        self._command = None
        self._goal = [None] * len(self.joints)
        self._velocity = [0.0] * len(self.joints)

    # ---- where to

    def feedback(self, positions: Sequence[float | None]) -> None:
        """Say where the joints are; taken over only while nothing is commanded."""
        assert len(positions) == len(self.joints)
        for at, position in enumerate(positions):
            if self._goal[at] is None:
                self._position[at] = position

    def command(
        self, names: Sequence[str], points: Sequence[TrajectoryPoint], now_ns: int,
        sent_ns: int | None = None,
    ) -> str:
        """Follow a trajectory from now on; return '' or why it is refused.

        `sent_ns`: the stamp of the command on the clock of `now_ns`; None = it has none.
        """
        refusal = self._refusal(names, points, now_ns, sent_ns)
        if refusal:
            return refusal
        joints = tuple(self._index[name] for name in names)
        # A joint whose place nobody knows begins where it is sent: it cannot be led there.
        began_at = tuple(
            point if self._position[at] is None else float(self._position[at] or 0.0)
            for at, point in zip(joints, points[0].positions, strict=True))
        self._command = _Command(joints, tuple(points), now_ns, began_at)
        self._deadline_ns = self._command.ends_ns + self._timing.command_ns
        return ''

    def _refusal(
        self, names: Sequence[str], points: Sequence[TrajectoryPoint], now_ns: int,
        sent_ns: int | None,
    ) -> str:
        if not self.is_armed:
            return f'not armed: {self.disarmed_because}'
        unknown = [name for name in names if name not in self._index]
        if unknown or not names or len(set(names)) != len(names):
            return (f'expected different joints of {", ".join(self._index)}; '
                    f'given: {", ".join(names[:8]) or "none"}')
        if sent_ns is not None and abs(now_ns - sent_ns) > self._timing.late_ns:
            return f'its stamp is {(now_ns - sent_ns) / 1e9:.1f} s away from now'
        if not 1 <= len(points) <= POINTS_MAX:
            return f'expected 1 to {POINTS_MAX} points; given: {len(points)}'
        last_ns = -1
        for point in points:
            if not last_ns < point.after_ns <= self._timing.duration_ns:
                return (f'expected times that grow, up to {self._timing.duration_ns / 1e9:g} s; '
                        f'given: {point.after_ns / 1e9:g} s')
            last_ns = point.after_ns
            refusal = self._outside(names, point.positions)
            if refusal:
                return refusal
        return ''

    def _outside(self, names: Sequence[str], positions: Sequence[float]) -> str:
        if len(positions) != len(names):
            return f'expected {len(names)} positions in every point; given: {len(positions)}'
        for name, position in zip(names, positions, strict=True):
            joint = self.joints[self._index[name]]
            if not math.isfinite(position) or not joint.minimum <= position <= joint.maximum:
                return (f'{name}: expected {joint.minimum:g} to {joint.maximum:g}; '
                        f'given: {position:g}')
        return ''

    # ---- how fast

    def step(self, now_ns: int) -> tuple[float | None, ...]:
        """Return the position to set for each joint now; None = leave it alone.

        Never faster than the joint's limits allow, whatever was commanded.
        """
        if self.is_armed and now_ns > self._deadline_ns:
            self.disarm('no command came in time')
        elapsed_s = max(0.0, (now_ns - self._stepped_ns) / _NS_PER_S)
        self._stepped_ns = now_ns
        if not self.is_armed or self._command is None:
            return (None,) * len(self.joints)
        for at, target in zip(self._command.joints, self._command.targets(now_ns), strict=True):
            self._goal[at] = target
        for at, goal in enumerate(self._goal):
            if goal is not None:
                # A cycle that came late must not become one long stride.
                self._approach(at, goal, min(elapsed_s, 0.1))
        return tuple(position if goal is not None else None
                     for position, goal in zip(self._position, self._goal, strict=True))

    def _approach(self, at: int, goal: float, elapsed_s: float) -> None:
        joint, position = self.joints[at], self._position[at]
        if position is None:
            self._position[at] = goal
            return
        left = goal - position
        # As fast as can still be braked before the goal. One cycle of braking is set aside,
        # because speed changes only once in a cycle.
        brake = joint.acceleration_max
        slack = brake * elapsed_s / 2.0
        fastest = math.sqrt(2.0 * brake * abs(left) + slack * slack) - slack
        wanted = math.copysign(min(joint.velocity_max, fastest), left)
        change = brake * elapsed_s
        speed = min(max(wanted, self._velocity[at] - change), self._velocity[at] + change)
        moved = position + speed * elapsed_s
        if abs(goal - moved) < 1e-9 or (goal - position) * (goal - moved) < 0 \
                and abs(speed) <= change:
            moved, speed = goal, 0.0
        if not joint.minimum <= moved <= joint.maximum:
            moved, speed = min(max(moved, joint.minimum), joint.maximum), 0.0
        self._position[at], self._velocity[at] = moved, speed
