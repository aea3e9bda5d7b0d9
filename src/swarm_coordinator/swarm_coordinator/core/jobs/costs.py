# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a job would cost on a route: (backlog + work + transfer) / success.

Owns the prediction of run times and success from what the log has seen of the routes, and from a
learner's advice where there is fresh one. An opinion of the robot that computes it: only the
whole numbers of a grant or a steal come into the log. Refuses to know who may do what
(eligibility.py) and how long a robot is busy (slots.py).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Job, JobPhase
from swarm_coordinator.core.jobs.routes import RECENT_MAX, Route, RouteBook, RouteKey
from swarm_coordinator.core.jobs.spec import JobSpec

MS = 1_000_000
UNKNOWN_WORK_MS = 500  # of a task that nobody has run yet; as Dask assumes
FADE_NS = 60_000 * MS  # evidence loses 63 % in it: of 10 to 300 s the best in simulation
FADE_PER_RUN = 0.93  # the ring of 32 runs then counts as some 13: a robot that changes is noticed
PRIOR_RUNS = 1.0  # how many runs the guess from the task and the robot counts as
SUCCESS_LEAST = 0.02
ADVISED_RUNS = 8.0  # how many runs an advised figure counts as beside those that ended after it
ADVISED_SAMPLES_MIN = 3  # a learner that has seen less of a route knows no more than the log does
LEFT_LEAST = 1e-6  # of old evidence: the mean of a task that rested for hours is still known
RATIOS_NS = 1_000 * MS  # a look at all routes
WEIGHTS_KEPT = 64
# Chosen without data: half of what staging reaches between two processes of one machine.
BYTES_PER_MS = 10_000
STAGING_MS = 5  # a question and the first chunk, before bytes flow
COST_MS_MAX = 2**32 - 2  # what the messages hold; one more says "unknown"
PROGRESS_TRUSTED_PERMILLE = 50  # below, what a job says of itself predicts too little


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one route. `samples`: runs seen; 0 = a guess from other robots or other tasks.

    What only a learner says: `quality_permille`, a factor on success from the robot's reputation;
    `ejected`, to keep jobs away while another robot can do them; and why: `reason`, '' = nothing
    stands out.
    """

    work_ms: int
    success_permille: int
    samples: int
    quality_permille: int = 1000
    ejected: bool = False
    reason: str = ''


@dataclass(frozen=True)
class RouteAdvice:
    """A learner's predictions by route; a task may stand for all of its kind ('exec'). Success is
    without the quality."""

    routes: Mapping[RouteKey, Estimate]
    expires_ns: int  # on the monotonic clock


@dataclass(slots=True)
class _Weights:
    """Recent runs and ends of a route, newer ones weighing more; `ends`: after how many ends."""

    ends: int
    runs: float
    run_ms: float
    done: float
    failed: float


@dataclass
class Estimates:
    """Predictions as of the last `begin`: one look at the state makes one, and keeps it."""

    book: RouteBook = field(default_factory=RouteBook)
    stamp_ns: int = 0
    advice: RouteAdvice | None = None
    _heard: RouteAdvice | None = None
    _ends_heard: dict[RouteKey, int] = field(default_factory=dict)  # when the advice came
    _weights: dict[RouteKey, _Weights] = field(default_factory=dict)
    _known: dict[RouteKey, Estimate] = field(default_factory=dict)
    _task_ms: dict[str, float] = field(default_factory=dict)
    _ratios: dict[tuple[RobotId, str], float] = field(default_factory=dict)
    _ratios_ns: int | None = None

    def begin(
        self, book: RouteBook, stamp_ns: int, now_ns: int, advice: RouteAdvice | None = None
    ) -> None:
        """Predict from here on as things stand now."""
        self.book, self.stamp_ns = book, stamp_ns
        self.advice = advice if advice is not None and now_ns < advice.expires_ns else None
        if self.advice is not self._heard:
            self._heard = self.advice
            self._ends_heard = {key: _ends(route) for key, route in book.items()}
        self._known.clear()
        self._task_ms.clear()
        if len(self._weights) > 2 * len(book) + WEIGHTS_KEPT:
            self._weights.clear()  # routes that the book has forgotten
        if self._ratios_ns is None or not 0 <= stamp_ns - self._ratios_ns < RATIOS_NS:
            self._ratios_ns = stamp_ns
            self._ratios = self._all_ratios()

    def of(self, task: str, robot_id: RobotId, unit: str) -> Estimate:
        """Success is with the quality of the robot, if a learner names one."""
        key = (task, robot_id, unit)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._estimate(key)
        return found

    def of_job(self, job: Job) -> Estimate:
        """On the route that it is on."""
        assert job.robot_id is not None
        return self.of(job.spec.task, job.robot_id, job.unit)

    def _estimate(self, key: RouteKey) -> Estimate:
        """As a learner says, or as the log shows where it has seen too little of the route; what
        it says of the robot counts either way."""
        said = self._advised(key)
        if said is None:
            return self._observed(key)
        if said.samples >= ADVISED_SAMPLES_MIN:
            known = self._with_later(said, key)
        else:
            known = self._observed(key)
        success = max(1, known.success_permille * said.quality_permille // 1000)
        return Estimate(known.work_ms, success, known.samples, said.quality_permille,
                        said.ejected, said.reason)

    def _with_later(self, said: Estimate, key: RouteKey) -> Estimate:
        """Advice is some seconds old: with what has ended on the route since it came."""
        route = self.book.get(*key)
        if route is None:
            return said
        later = min(_ends(route) - self._ends_heard.get(key, 0), RECENT_MAX)
        if later <= 0:
            return said
        done = (route.recent & (1 << later) - 1).bit_count()
        runs = route.runs[len(route.runs) - done:]
        work_ms = (said.work_ms * ADVISED_RUNS + sum(runs)) / (ADVISED_RUNS + len(runs))
        success = (said.success_permille * ADVISED_RUNS + 1000 * done) / (ADVISED_RUNS + later)
        return Estimate(round(work_ms), max(1, round(success)), said.samples)

    def _advised(self, key: RouteKey) -> Estimate | None:
        if self.advice is None:
            return None
        routes, (task, robot_id, unit) = self.advice.routes, key
        return routes.get(key) or routes.get((task.partition(':')[0], robot_id, unit))

    def _observed(self, key: RouteKey) -> Estimate:
        task, robot_id, unit = key
        route = self.book.get(task, robot_id, unit)
        guess_ms = self._mean_of(task) * self._ratios.get((robot_id, unit), 1.0)
        if route is None:
            return Estimate(round(guess_ms), _permille(_success(0.0, 0.0)), 0)
        weights, left = self._weigh(key, route)
        runs = weights.runs * left
        mean_ms = (weights.run_ms * left + PRIOR_RUNS * guess_ms) / (runs + PRIOR_RUNS)
        success = _success(weights.done * left, weights.failed * left)
        return Estimate(round(mean_ms), _permille(success), len(route.runs))

    def _mean_of(self, task: str) -> float:
        """Over all robots."""
        mean = self._task_ms.get(task)
        if mean is None:
            runs = run_ms = 0.0
            for robot_id, unit, route in self.book.of_task(task):
                weights, left = self._weigh((task, robot_id, unit), route)
                runs += weights.runs * left
                run_ms += weights.run_ms * left
            mean = self._task_ms[task] = run_ms / runs if runs > 0 else UNKNOWN_WORK_MS
        return mean

    def _all_ratios(self) -> dict[tuple[RobotId, str], float]:
        """How slow each unit is, over all tasks; 1 = as the others."""
        sums: dict[tuple[RobotId, str], tuple[float, float]] = {}
        for key, route in self.book.items():
            weights, left = self._weigh(key, route)
            relative, runs = sums.get(key[1:], (1.0, 1.0))
            mean_ms = max(self._mean_of(key[0]), 1.0)
            sums[key[1:]] = relative + weights.run_ms * left / mean_ms, runs + weights.runs * left
        return {unit: relative / runs for unit, (relative, runs) in sums.items()}

    def _weigh(self, key: RouteKey, route: Route) -> tuple[_Weights, float]:
        weights, ends = self._weights.get(key), route.done + route.failed + route.lost
        if weights is None or weights.ends != ends:
            weights = self._weights[key] = _weights_of(route, ends)
        age_ns = max(0, self.stamp_ns - route.changed_ns)
        return weights, max(math.exp(-age_ns / FADE_NS), LEFT_LEAST)


def _weights_of(route: Route, ends: int) -> _Weights:
    runs = run_ms = done = failed = 0.0
    for one_ms in route.runs:
        runs, run_ms = runs * FADE_PER_RUN + 1, run_ms * FADE_PER_RUN + one_ms
    for age in reversed(range(min(ends, RECENT_MAX))):
        good = route.recent >> age & 1
        done, failed = done * FADE_PER_RUN + good, failed * FADE_PER_RUN + (1 - good)
    return _Weights(ends, runs, run_ms, done, failed)


def _ends(route: Route) -> int:
    return route.done + route.failed + route.lost


def failed_in_a_row(route: Route) -> int:
    """Ends without success since the last one that was done; at most RECENT_MAX."""
    known = min(route.done + route.failed + route.lost, RECENT_MAX)
    return next((age for age in range(known) if route.recent >> age & 1), known)


def _success(done: float, failed: float) -> float:
    return max(SUCCESS_LEAST, (done + 2) / (done + failed + 2.2))


def _permille(share: float) -> int:
    return max(1, min(1000, round(share * 1000)))


def cost_ms(backlog_ms: int, work_ms: int, transfer_ms: int, success_permille: int) -> int:
    total = (backlog_ms + work_ms + transfer_ms) * 1000 // max(success_permille, 1)
    return min(total, COST_MS_MAX)


def transfer_ms(missing_bytes: int) -> int:
    """To bring so much to a robot."""
    return STAGING_MS + missing_bytes // BYTES_PER_MS if missing_bytes else 0


def staging_ms(spec: JobSpec, origin: RobotId, robot_id: RobotId) -> int:
    """As far as the log knows: files are where the job came from."""
    if robot_id == origin or not spec.inputs:
        return 0
    return transfer_ms(sum(ref.size_bytes for ref in spec.inputs))


def remaining_ms(work_ms: int, elapsed_ms: int, progress_permille: int = 0) -> int:
    """What a running job will still take. One that is past twice its estimate is expected to take
    as long again: the rule of Dask, without which a stuck robot looks as if it were about to be
    free."""
    if progress_permille >= PROGRESS_TRUSTED_PERMILLE:
        return elapsed_ms * (1000 - progress_permille) // progress_permille
    if elapsed_ms > 2 * work_ms:
        return elapsed_ms
    return max(work_ms - elapsed_ms, work_ms // 4)


def remaining_of(job: Job, estimates: Estimates, stamp_ns: int) -> int:
    """Of a held job, as the log knows it."""
    work_ms = estimates.of_job(job).work_ms
    if job.phase is not JobPhase.RUNNING:
        return work_ms
    return remaining_ms(work_ms, running_ms(job, stamp_ns), job.progress_permille)


def running_ms(job: Job, stamp_ns: int) -> int:
    """How long it has run: `changed_ns` of a running job is its start."""
    return max(0, stamp_ns - job.changed_ns) // MS
