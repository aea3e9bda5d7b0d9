# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns a scripted swarm that speaks in raw facts, as real robots do: local states, ended attempts,
waiting jobs, modes and leaders; refuses to compute a figure itself.

What the figures become is left to the shipping code: core/affect for each robot, core/swarm for
their aggregate, core/regimes/gather for the snapshot. It is the third family of traces, and no
model was trained on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..core.affect import Affect
from ..core.config import LearningConfig
from ..core.observation import Beacon, Ending, LocalState, Mode, Outcome
from ..core.regimes.gather import Gatherer
from ..core.regimes.snapshot import NAMED, Regime, Snapshot
from ..core.run_times import RunTimes
from ..core.swarm import Swarm
from .regime_traces import MODES, NOISE_SHARE, Trace, noisy

SECOND_NS = 1_000_000_000
SLOTS = 2
RUN_S = 3                   # of a job


@dataclass(frozen=True)
class Scene:
    """What happens for a while. flap_s: seconds between two changes of an operator's override;
    0 = none. new_leader_s: the same for leaders. granting: share of the slots that are used."""

    seconds: int
    jobs_per_s: float = 0.0
    failing: float = 0.0
    faults_per_s: float = 0.0
    flap_s: int = 0
    new_leader_s: int = 0
    mode: Mode = Mode.NORMAL
    granting: float = 1.0


@dataclass
class Robot:
    """One scripted robot: what it would put into its local state, and its learner's figures."""

    name: str
    affect: Affect
    left_s: list[int]
    faults: int = 0
    leader_changes: int = 0
    done: int = 0


class Facts:
    """Plays scenes second by second, and gives the snapshot of each second."""

    def __init__(self, robots: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._now_ns = SECOND_NS
        self._robots = [self._robot(f'r{i}') for i in range(robots)]
        self._swarm = Swarm()
        self._gatherer = Gatherer(self._now_ns)
        self._waiting: list[str] = []
        self._jobs = 0
        self._leader, self._epoch, self._mode = 0, 1, Mode.NORMAL

    @property
    def now_ns(self) -> int:
        return self._now_ns

    def play(self, scene: Scene) -> Iterator[Snapshot]:
        self._waiting.clear()   # or a flood would outlast its scene
        for second in range(scene.seconds):
            self._now_ns += SECOND_NS
            self._control(scene, second)
            for _ in range(int(self._rng.poisson(scene.jobs_per_s))):
                self._jobs += 1
                self._waiting.append(f'job{self._jobs}')
            for robot in self._robots:
                self._work(robot, scene)
                self._tell(robot)
            self._gatherer.hear_jobs(len(self._waiting), self._now_ns)
            told = self._gatherer.snapshot(self._swarm.view(self._now_ns), self._now_ns)
            if told is not None:
                yield told

    def _robot(self, name: str) -> Robot:
        config = LearningConfig(robot_id=name)
        return Robot(name, Affect(config, RunTimes(config.memory_s), self._now_ns), [])

    def _control(self, scene: Scene, second: int) -> None:
        if scene.new_leader_s and second % scene.new_leader_s == 0:
            self._leader = (self._leader + 1) % len(self._robots)
            for robot in self._robots:
                robot.leader_changes += 1
        flapped = scene.flap_s and second // scene.flap_s % 2 == 0
        wanted = Mode.DEFENSIVE if flapped else scene.mode
        if wanted is not self._mode:
            self._epoch += 1
            self._mode = wanted
        self._gatherer.hear_mode(self._mode, self._epoch, self._now_ns)
        self._gatherer.hear_leader(self._robots[self._leader].name)

    def _work(self, robot: Robot, scene: Scene) -> None:
        robot.left_s = [left - 1 for left in robot.left_s]
        for _ in range(robot.left_s.count(0)):
            ending = Ending.FAILED if self._rng.random() < scene.failing else Ending.DONE
            robot.done += 1
            job_id = f'{robot.name}-{robot.done}'
            self._gatherer.hear_outcome(job_id, 1, ending, self._now_ns)
            outcome = Outcome(job_id, 1, 'exec', robot.name, ending, RUN_S * 1000, 'xz')
            robot.affect.hear_outcome(outcome, len(self._robots), self._now_ns)
        robot.left_s = [left for left in robot.left_s if left > 0]
        room = int(round(SLOTS * scene.granting)) - len(robot.left_s)
        for _ in range(min(max(0, room), len(self._waiting))):
            self._waiting.pop(0)
            robot.left_s.append(RUN_S)
        robot.faults += int(self._rng.poisson(scene.faults_per_s))

    def _tell(self, robot: Robot) -> None:
        busy = len(robot.left_s) / SLOTS
        state = LocalState(
            robot_id=robot.name, cpu_load=float(np.clip(
                0.05 + 0.8 * busy + self._rng.normal(0.0, 0.05), 0.0, 1.0)),
            memory_used=0.4, job_slots=SLOTS, running_jobs=len(robot.left_s),
            held_jobs=len(robot.left_s), queued_work_ms=1000 * sum(robot.left_s),
            swarm_waiting_jobs=len(self._waiting), faults=robot.faults,
            leader_changes=robot.leader_changes, leader=self._robots[self._leader].name,
            mode=self._mode)
        robot.affect.hear_local_state(state, len(self._robots), self._now_ns)
        robot.affect.advance(self._now_ns)
        self._swarm.hear(Beacon(robot.name, robot.affect.figures(), 0, self._now_ns))


def facts_trace(rng: np.random.Generator, seconds: int = 1500, noise: float = 1.0) -> Trace:
    """A trace of scenes with the regime that was staged; noise as for the simulation."""
    robots = int(rng.integers(3, 9))
    facts = Facts(robots, int(rng.integers(2**31)))
    rows: list[Snapshot] = []
    labels: list[int] = []
    regime = Regime.CALM
    while len(rows) < seconds:
        scene = staged(rng, regime, robots)
        told = list(facts.play(scene))
        rows.extend(told)
        labels.extend([regime.value] * len(told))
        regime = NAMED[int(rng.choice([i for i, one in enumerate(NAMED) if one is not regime]))]
    rows, labels = rows[:seconds], labels[:seconds]
    column = {name: np.array([getattr(row, name) for row in rows], dtype=np.float64)
              for name in ('arousal', 'stability', 'pressure', 'goodput')}
    return noisy(Trace(
        column['arousal'], column['stability'], column['pressure'],
        np.array([row.robots for row in rows], dtype=np.int64),
        np.array([MODES.index(row.mode) for row in rows], dtype=np.int64), column['goodput'],
        np.array([round(row.switches_per_s) for row in rows], dtype=np.int64),
        np.array(labels, dtype=np.int64)), rng, noise * NOISE_SHARE)


def staged(rng: np.random.Generator, regime: Regime, robots: int) -> Scene:
    """A scene that brings this regime about. Raises KeyError for the unknown one."""
    able = robots * SLOTS / RUN_S     # jobs per second
    seconds = int(rng.integers(80, 250))
    busy, flood = able * float(rng.uniform(0.0, 0.6)), able * float(rng.uniform(1.5, 3.0))
    flapping = bool(rng.random() < 0.6)
    return {
        Regime.CALM: Scene(seconds, jobs_per_s=busy),
        Regime.PANIC: Scene(
            seconds, jobs_per_s=flood, failing=float(rng.uniform(0.2, 0.6)),
            faults_per_s=float(rng.uniform(0.05, 0.4)), mode=Mode.HYPERFOCUS),
        Regime.THRASH: Scene(
            seconds, jobs_per_s=busy, flap_s=int(rng.integers(1, 5)) if flapping else 0,
            new_leader_s=0 if flapping else int(rng.integers(3, 7))),
        Regime.OVER_CAUTIOUS: Scene(
            seconds, jobs_per_s=able * float(rng.uniform(0.6, 0.9)), mode=Mode.DEFENSIVE,
            granting=0.5),
    }[regime]
