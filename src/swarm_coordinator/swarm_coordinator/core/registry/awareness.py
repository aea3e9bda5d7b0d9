# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How far a robot must doubt itself: owns one score, from what goes late on this robot.

A robot that is held up hears everybody late. Before it accuses others it accuses itself: the score
stretches its own suspicion (Dadgar, Phillips, Currey: Lifeguard, 2018, section IV). Says nothing
about other robots and nothing about the quality of work.
"""

AWARENESS_MAX = 8  # as Lifeguard's; also the range of Heartbeat.awareness
# One point goes for every two seconds without something late, so the highest score is gone after
# 16 s. Chosen without data: longer than a garbage collection or an SD card's pause, shorter than
# a person waits.
DECAY_NS = 2_000_000_000
POINTS_AT_ONCE_MAX = 3  # one hiccup, however long, is not yet a habit
# Highest score triples the time-outs. Lifeguard multiplies by up to 9; there the base is 1 period,
# here it already bridges a lost link (see suspicion.py). Chosen without data.
STRETCH_PERMILLE_PER_POINT = 250


class Awareness:
    """Fed with what went late; `score` runs from 0 (on time) to AWARENESS_MAX (badly held up).

    tick_late_ns   a tick later than this is a sign; half the shortest election timeout, where
                   elections are held back too
    fsync_slow_ns  a write slower than this is a sign; one heartbeat period, since beacons wait
                   behind it
    """

    def __init__(self, tick_late_ns: int, fsync_slow_ns: int) -> None:
        if tick_late_ns < 1 or fsync_slow_ns < 1:
            raise ValueError(
                f'tick_late_ns={tick_late_ns} and fsync_slow_ns={fsync_slow_ns} must be at least 1'
            )
        self._tick_late_ns = tick_late_ns
        self._fsync_slow_ns = fsync_slow_ns
        self._score = 0
        self._changed_ns = 0
        self._reason = ''

    def tick_was_late(self, late_ns: int, now_ns: int) -> None:
        """Call for each tick; what is within the limit costs nothing."""
        self._blame(late_ns, self._tick_late_ns, 'its ticks are late', now_ns)

    def fsync_took(self, took_ns: int, now_ns: int) -> None:
        """Call for each durable write; what is within the limit costs nothing."""
        self._blame(took_ns, self._fsync_slow_ns, 'its disk is slow', now_ns)

    def peers_answered(self, answered: int, asked: int, now_ns: int) -> None:
        """Of `asked` peers that we hear well, `answered` have answered a probe in time.

        One lost answer is the network's. If most are missing, it is likely we who cannot send or
        hear.
        """
        if asked and 2 * answered < asked:
            self._add(1, 'peers do not answer it', now_ns)

    def score(self, now_ns: int) -> int:
        gone = max(0, now_ns - self._changed_ns) // DECAY_NS
        return max(0, self._score - gone)

    def reason(self, now_ns: int) -> str:
        """'' while there is nothing to doubt."""
        return self._reason if self.score(now_ns) else ''

    def stretch_permille(self, now_ns: int) -> int:
        """By how much to stretch time-outs that accuse others: 1000 to 3000."""
        return 1000 + STRETCH_PERMILLE_PER_POINT * self.score(now_ns)

    def _blame(self, took_ns: int, limit_ns: int, reason: str, now_ns: int) -> None:
        """A point for reaching the limit, one more for each time it doubles."""
        if took_ns >= limit_ns:
            points = (took_ns // limit_ns).bit_length()
            self._add(min(points, POINTS_AT_ONCE_MAX), reason, now_ns)

    def _add(self, points: int, reason: str, now_ns: int) -> None:
        left = self.score(now_ns)
        # The part of a decay period that has passed counts on; otherwise trouble that comes a
        # little faster than points go would count as if none ever went.
        into_ns = max(0, now_ns - self._changed_ns) % DECAY_NS if left else 0
        self._score = min(AWARENESS_MAX, left + points)
        self._changed_ns = now_ns - into_ns
        self._reason = reason
