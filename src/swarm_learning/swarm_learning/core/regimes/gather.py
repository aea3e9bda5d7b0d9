# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how facts of the swarm become a snapshot: ended attempts, waiting jobs, modes and leaders
are counted between two snapshots; refuses to know messages, and what the figures mean.

Every robot hears the same facts, so every robot can keep its own watch warm and a new leader has
one from its first second.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..hexadecimal import from_hex
from ..observation import Ending, Mode
from ..smoothing import seconds_between, unit
from ..swarm import SwarmView
from .snapshot import SWITCHES_PER_S_MAX, Snapshot

GOODPUT_TAU_S = 10.0        # the memory of all other signs of a regime
# A job that waits this long is work that was due and not done. The leader asks and grants within
# 0.1 s, so that 5 s are no ordinary way through the queue; chosen without data.
DUE_AFTER_S = 5.0
JOBS_PRIOR = 1.0            # of done work that an idle swarm is credited with
ATTEMPTS_REMEMBERED = 512   # a new leader may repeat outcomes; as the learner's
WAITING_GAP_NS = 200_000_000    # views that come faster are kept as one
WAITING_SPANS_MAX = 64      # bounds memory; 26 fit into DUE_AFTER_S
JOBS_MAX = 1e9              # a count above this is a broken counter
BAD_ENDINGS = (Ending.FAILED, Ending.TIMED_OUT, Ending.LEASE_EXPIRED, Ending.REFUSED)


@dataclass
class Goodput:
    """Share of the work that was due lately and was done.

        done / (done + ended badly + waiting for DUE_AFTER_S or longer)

    with counts that fade over GOODPUT_TAU_S. A running job is neither due nor done, so a long one
    costs nothing; with a steady flow the share is tau / (tau + wait). An idle swarm has 1.
    """

    done: float = 0.0
    bad: float = 0.0
    # (since, fewest that waited, how many waited at its end)
    waiting: deque[tuple[int, int, int]] = field(
        default_factory=lambda: deque(maxlen=WAITING_SPANS_MAX))

    def fade(self, dt_s: float) -> None:
        """Let time go by."""
        left = math.exp(-dt_s / GOODPUT_TAU_S)
        self.done *= left
        self.bad *= left

    def count(self, done: int, bad: int) -> None:
        """Attempts that ended."""
        self.done += done
        self.bad += bad

    def hear_waiting(self, jobs: int, now_ns: int) -> None:
        """Jobs that wait for a robot now."""
        if self.waiting and now_ns - self.waiting[-1][0] < WAITING_GAP_NS:
            since_ns, fewest, _ = self.waiting[-1]
            self.waiting[-1] = (since_ns, min(fewest, jobs), jobs)
        else:
            self.waiting.append((now_ns, jobs, jobs))
        long_ago_ns = now_ns - int(DUE_AFTER_S * 1e9)
        while len(self.waiting) > 1 and self.waiting[1][0] <= long_ago_ns:
            self.waiting.popleft()

    def share(self, now_ns: int) -> float:
        done = self.done + JOBS_PRIOR
        return done / (done + self.bad + self._overdue(now_ns))

    def _overdue(self, now_ns: int) -> int:
        """At least so many jobs waited all the time since DUE_AFTER_S ago."""
        if not self.waiting or seconds_between(self.waiting[0][0], now_ns) < DUE_AFTER_S:
            return 0
        long_ago_ns = now_ns - int(DUE_AFTER_S * 1e9)
        held = [fewest for since_ns, fewest, _ in self.waiting if since_ns > long_ago_ns]
        before = [last for since_ns, _, last in self.waiting if since_ns <= long_ago_ns]
        return min([*held, *before[-1:]])


class Gatherer:
    """Facts of the swarm in, a snapshot about once a second out."""

    def __init__(self, now_ns: int) -> None:
        self._goodput = Goodput()
        self._faded_ns = now_ns
        self._attempts: deque[tuple[str, int]] = deque(maxlen=ATTEMPTS_REMEMBERED)
        self._mode: Mode | None = None
        self._mode_epoch = -1
        self._mode_ns = now_ns
        self._defensive_s = 0.0
        self._switches = 0
        self._leader = ''
        self._told_ns = now_ns

    def hear_outcome(self, job_id: str, attempt: int, ending: Ending | None, now_ns: int) -> None:
        """An attempt that ended. One that was heard before, stolen or cancelled counts nothing:
        moving a job is no work done, and what people cancel was not due."""
        if (job_id, attempt) in self._attempts:
            return
        self._attempts.append((job_id, attempt))
        self._fade(now_ns)
        self._goodput.count(int(ending is Ending.DONE), int(ending in BAD_ENDINGS))

    def hear_jobs(self, waiting: int, now_ns: int) -> None:
        """How many jobs wait for any robot, from the log. Raises ValueError."""
        if not 0 <= waiting <= JOBS_MAX:
            raise ValueError(f'waiting: expected 0 to {JOBS_MAX:g} jobs, got {waiting!r}')
        self._fade(now_ns)
        self._goodput.hear_waiting(waiting, now_ns)

    def hear_mode(self, mode: Mode, epoch: int, now_ns: int) -> None:
        """The mode in force and the log index that set it; an older one is left out. An override
        that is renewed has a new epoch and changes nothing."""
        if epoch < self._mode_epoch:
            return
        self._spend(now_ns)
        if self._mode is not None and mode is not self._mode:
            self._switches += 1
        self._mode, self._mode_epoch = mode, epoch

    def hear_leader(self, leader: str) -> None:
        """Who leads; '' = nobody is known, which counts when the next one is. A leader change is
        a switch too: control that changes hands all the time is thrash."""
        if leader and self._leader and leader != self._leader:
            self._switches += 1
        self._leader = leader or self._leader

    def snapshot(self, view: SwarmView, now_ns: int) -> Snapshot | None:
        """What happened since the last one. None while no robot's figures or no mode is known."""
        dt_s = seconds_between(self._told_ns, now_ns)
        if not view.robots or self._mode is None or dt_s <= 0.0:
            return None
        self._spend(now_ns)
        self._fade(now_ns)
        told = Snapshot(
            arousal=unit(view.arousal), stability=unit(view.stability),
            pressure=unit(view.pressure), robots=view.robots, mode=self._mode,
            goodput=self._goodput.share(now_ns),
            switches_per_s=min(SWITCHES_PER_S_MAX, self._switches / dt_s),
            defensive_share=unit(self._defensive_s / dt_s))
        self._switches, self._defensive_s, self._told_ns = 0, 0.0, now_ns
        return told

    def document(self) -> dict[str, object]:
        """Everything, exactly."""
        return {
            'done': self._goodput.done.hex(), 'bad': self._goodput.bad.hex(),
            'waiting': [list(sample) for sample in self._goodput.waiting],
            'faded_ns': self._faded_ns, 'attempts': [list(one) for one in self._attempts],
            'mode': self._mode.value if self._mode else None, 'mode_epoch': self._mode_epoch,
            'mode_ns': self._mode_ns, 'defensive_s': self._defensive_s.hex(),
            'switches': self._switches, 'leader': self._leader, 'told_ns': self._told_ns,
        }

    @staticmethod
    def from_document(document: Mapping[str, object]) -> Gatherer:
        """Goes on where document() was taken. Raises ValueError."""
        try:
            return _restored(dict(document))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f'gatherer: expected what document() gives ({error})') from error

    def _fade(self, now_ns: int) -> None:
        self._goodput.fade(seconds_between(self._faded_ns, now_ns))
        self._faded_ns = max(self._faded_ns, now_ns)

    def _spend(self, now_ns: int) -> None:
        if self._mode is Mode.DEFENSIVE:
            self._defensive_s += seconds_between(max(self._mode_ns, self._told_ns), now_ns)
        self._mode_ns = max(self._mode_ns, now_ns)


def _restored(document: dict[str, object]) -> Gatherer:
    gatherer = Gatherer(_whole(document, 'told_ns'))
    gatherer._goodput.done = _share_of(document, 'done')
    gatherer._goodput.bad = _share_of(document, 'bad')
    for since_ns, fewest, last in _rows(document, 'waiting', WAITING_SPANS_MAX):
        gatherer._goodput.waiting.append((int(since_ns), int(fewest), int(last)))
    for job_id, attempt in _rows(document, 'attempts', ATTEMPTS_REMEMBERED):
        gatherer._attempts.append((str(job_id), int(attempt)))
    mode = document['mode']
    gatherer._mode = None if mode is None else Mode(mode)
    gatherer._faded_ns = _whole(document, 'faded_ns')
    gatherer._mode_epoch = _whole(document, 'mode_epoch')
    gatherer._mode_ns = _whole(document, 'mode_ns')
    gatherer._defensive_s = _share_of(document, 'defensive_s')
    gatherer._switches = _whole(document, 'switches')
    gatherer._leader = str(document['leader'])
    return gatherer


def _whole(document: dict[str, object], name: str) -> int:
    value = document[name]
    if type(value) is not int:
        raise ValueError(f'{name}: expected a whole number, got {value!r}')
    return value


def _share_of(document: dict[str, object], name: str) -> float:
    value = document[name]
    number = from_hex(value) if isinstance(value, str) else math.nan
    if not 0.0 <= number <= JOBS_MAX:
        raise ValueError(f'{name}: expected 0 to {JOBS_MAX:g}, got {value!r}')
    return number


def _rows(document: dict[str, object], name: str, most: int) -> list[list[str | int]]:
    rows = document[name]
    if not isinstance(rows, list) or len(rows) > most:
        raise ValueError(f'{name}: expected a list of at most {most}')
    return rows
