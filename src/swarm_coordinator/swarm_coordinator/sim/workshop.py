# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The edges of a simulated robot where jobs meet the world: processes, stored files, staging.

Owns what a runner, a stager and a blob store do, and how long it takes. Refuses to know why: what
is to be started, stopped, fetched and discarded is said by the shipping core.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swarm_coordinator.core.delivery import FetchOutputs, ForgetOutputs, PlaceOutputs, TellStored
from swarm_coordinator.core.events import (
    DiscardFile,
    InputsFailed,
    InputsReady,
    OutputsFetched,
    OutputsNotFetched,
    OutputsOffered,
    OutputsPlaced,
    OutputsStored,
    ProcessEnded,
    Progressed,
    SweepFiles,
    UnpinFiles,
)
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.core.worker import (
    FetchInputs,
    OfferOutputs,
    ProcessEnd,
    StartProcess,
    StopProcess,
)
from swarm_coordinator.sim.coverage import Situation
from swarm_coordinator.sim.job_orders import (
    COMMON_PROGRAM,
    RARE_PROGRAM,
    Behaviour,
    made_output,
)
from swarm_coordinator.sim.ledger import Ledger
from swarm_coordinator.sim.promises import PromiseBroken
from swarm_coordinator.sim.timeline import MS, Timeline

if TYPE_CHECKING:
    from swarm_coordinator.sim.whole_robot import WholeRobot

TERM_GRACE_US = 2_000 * MS      # as TERM_GRACE_S of the runner: from asking to killing
STOP_US_MAX = 30 * MS           # a process that does as it is asked
LIMIT_MS = 20_000               # the robot's own limit of a run (job_timeout_s, far longer there)
FETCH_US_MAX = 400 * MS
ASK_AGAIN_US = 300 * MS         # as ASK_AGAIN_NS and GIVE_UP_NS of core/files/fetch.py
GIVE_UP_US = 10_000 * MS
POISON_DOWN_MS = 700


@dataclass
class Process:
    """A running process. `until_us`: when it ends if nobody stops it; None: never.

    `is_asked`: to stop; `is_over`: ended, and its robot may be unable to say so.
    """

    job_id: str
    token: int
    robot: WholeRobot
    start: StartProcess
    began_us: int
    does: str
    is_asked: str = ''
    asked_us: int = 0
    is_over: bool = False

    def __str__(self) -> str:
        return f'{self.robot.name} runs {self.job_id} under {self.token}'


class Workshop:
    def __init__(
        self, robot: WholeRobot, seed: int, timeline: Timeline, ledger: Ledger
    ) -> None:
        self._robot = robot
        self._timeline = timeline
        self._ledger = ledger
        self._reached = ledger.coverage.reached
        self._rng: random.Random | None = None
        self._seed = seed
        self.slots = 1
        self.programs: tuple[str, ...] = (COMMON_PROGRAM,)
        self.peers: dict[RobotId, WholeRobot] = {}
        self.near: Callable[[RobotId, RobotId], bool] = lambda one, other: True
        self.kill: Callable[[WholeRobot, int], None] = lambda robot, down_ms: None
        self.processes: dict[tuple[str, int], Process] = {}
        self._pins: dict[str, int] = {}
        self._wanted: set[tuple[str, str, int]] = set()
        self._staged: dict[tuple[str, int], tuple[FileRef, ...]] = {}   # and not started yet
        self._late: list[Process] = []      # ended while the robot was paused
        self._performers: dict[type, Callable[[Any], None]] = {
            FetchInputs: self._fetch_inputs, FetchOutputs: self._fetch_outputs,
            PlaceOutputs: self._place, OfferOutputs: self._offer, TellStored: self._tell,
            StartProcess: self._start, StopProcess: self._stop, DiscardFile: self._discard_one,
            UnpinFiles: self._unpin, SweepFiles: self._sweep,
            ForgetOutputs: self._forget,
        }

    @property
    def _draw(self) -> random.Random:
        if self._rng is None:
            self._rng = random.Random(f'{self._seed}/workshop/{self._robot.name}')
        return self._rng

    def begin(self) -> None:
        """A new life of the robot; what it is made of does not change."""
        kit = random.Random(f'{self._seed}/kit/{self._robot.name}')
        self.slots = kit.choice((1, 2, 2, 3))
        self.programs = (COMMON_PROGRAM, RARE_PROGRAM)[: kit.choice((1, 2))]
        self._pins, self._wanted, self._staged, self._late = {}, set(), {}, []

    def end(self, why: str) -> None:
        """Processes die with their robot (PR_SET_PDEATHSIG)."""
        for process in list(self.processes.values()):
            self._over(process)
        self._late.clear()

    def resume(self) -> None:
        late, self._late = self._late, []
        for process in late:
            self._report(process)

    def perform(self, effect: object) -> None:
        self._performers[type(effect)](effect)

    def _after(self, delay_us: int, call: Callable[[], None]) -> None:
        """In this life only."""
        life = self._robot.life

        def due(_: None) -> None:
            if self._robot.life == life and self._robot.is_up:
                call()

        self._timeline.after(delay_us, due)

    def _us(self, least: int, most: int) -> int:
        return self._draw.randint(least, most)

    # ---- files

    @property
    def files(self) -> set[str]:
        return self._robot.disk.files

    def add(self, refs: tuple[FileRef, ...]) -> None:
        """Into the store, pinned."""
        for ref in refs:
            self.files.add(ref.sha256)
            self._pins[ref.sha256] = self._pins.get(ref.sha256, 0) + 1

    def unpin(self, refs: tuple[FileRef, ...]) -> None:
        self._unpin(UnpinFiles(tuple(ref.sha256 for ref in refs)))

    def _unpin(self, effect: UnpinFiles) -> None:
        for sha256 in effect.sha256:
            left = self._pins.get(sha256, 0) - 1
            if left > 0:
                self._pins[sha256] = left
            else:
                self._pins.pop(sha256, None)

    def _discard_one(self, effect: DiscardFile) -> None:
        self._discard(effect.sha256)

    def _discard(self, sha256: str) -> None:
        if sha256 in self._pins or sha256 not in self.files:
            return
        self._ledger.check_unneeded(self._robot, sha256)
        for (job_id, token), refs in self._staged.items():
            if any(ref.sha256 == sha256 for ref in refs):
                raise PromiseBroken(
                    'files that a job needs are kept',
                    f'{self._robot.name} discards an input of {job_id} under {token}',
                )
        self._reached(Situation.JOB_FILE_DISCARDED)
        self.files.discard(sha256)

    def _sweep(self, effect: SweepFiles) -> None:
        for sha256 in sorted(self.files - effect.needed):
            self._discard(sha256)

    def _fetch_inputs(self, effect: FetchInputs) -> None:
        job_id, token = effect.job_id, effect.token

        def done(problem: str) -> None:
            if problem:
                self._reached(Situation.JOB_INPUTS_FAILED)
                self._robot.post(InputsFailed(job_id, token, problem))
            else:
                self._staged[job_id, token] = effect.refs
                self._robot.post(InputsReady(job_id, token))

        self._want(('inputs', job_id, token), effect.refs, effect.holder, done)

    def _fetch_outputs(self, effect: FetchOutputs) -> None:
        job_id, token = effect.job_id, effect.token

        def done(problem: str) -> None:
            if problem:
                self._reached(Situation.JOB_OUTPUTS_NOT_FETCHED)
            self._robot.post(
                OutputsNotFetched(job_id, token) if problem else OutputsFetched(job_id, token)
            )

        self._want(('outputs', job_id, token), effect.refs, effect.holder, done)

    def _forget(self, effect: ForgetOutputs) -> None:
        self._wanted.discard(('outputs', effect.job_id, effect.token))

    def _want(
        self, key: tuple[str, str, int], refs: tuple[FileRef, ...], holder: RobotId,
        done: Callable[[str], None],
    ) -> None:
        self._wanted.add(key)
        until_us = self._timeline.now_us + GIVE_UP_US
        missing = {ref.sha256 for ref in refs} - self.files

        def look() -> None:
            if key not in self._wanted:
                return
            missing = {ref.sha256 for ref in refs} - self.files
            problem = self._fetch(missing, holder)
            if problem == SILENT and self._timeline.now_us < until_us:
                self._after(ASK_AGAIN_US, look)
                return
            self._wanted.discard(key)
            done(problem)

        self._after(self._us(5 * MS, FETCH_US_MAX) if missing else self._us(0, MS), look)

    def _fetch(self, missing: set[str], holder: RobotId) -> str:
        if not missing:
            return ''
        if holder == self._robot.name:
            return 'should be here, but is not'
        other = self.peers[holder]
        if not other.is_running or not self.near(holder, self._robot.name):
            return SILENT
        if not missing <= other.disk.files:
            return 'the holder does not have it'
        self.files.update(missing)
        return ''

    def _place(self, effect: PlaceOutputs) -> None:
        lacks = {ref.sha256 for ref in effect.refs} - self.files
        if not lacks:
            self._ledger.on_placed(effect.job_id, effect.token, effect.refs)
        event = OutputsPlaced(effect.job_id, effect.token, 'lost' if lacks else '')
        self._after(self._us(MS, 30 * MS), lambda: self._robot.post(event))

    def _offer(self, effect: OfferOutputs) -> None:
        self._robot.write_to(effect.origin, OutputsOffered(
            effect.job_id, effect.attempt, effect.token, effect.outputs, self._robot.name
        ))

    def _tell(self, effect: TellStored) -> None:
        self._robot.write_to(effect.worker, OutputsStored(
            effect.job_id, effect.token, self._robot.name
        ))

    # ---- processes

    def _start(self, effect: StartProcess) -> None:
        behaviour = Behaviour.of(effect.spec)
        self._staged.pop((effect.job_id, effect.token), None)
        now_us = self._timeline.now_us
        process = Process(
            effect.job_id, effect.token, self._robot, effect, now_us, behaviour.does
        )
        lacks = {ref.sha256 for ref in effect.spec.inputs} - self.files
        if lacks:
            raise PromiseBroken('files that a job needs are kept', f'{process} without inputs')
        if behaviour.does == 'unable' and effect.attempt < 2:
            self._refuse(effect)
            return
        self._ledger.on_started(process)
        self.processes[effect.job_id, effect.token] = process
        limit_ms = min(effect.spec.timeout_ms or LIMIT_MS, LIMIT_MS)
        run_ms = limit_ms if behaviour.does == 'hang' else behaviour.run_ms
        end = self._poison if behaviour.does == 'poison' else self._end
        self._timeline.after(min(run_ms, limit_ms) * MS, end, process)
        if run_ms > 400:
            self._after(run_ms * MS // 2, lambda: self._progress(process))

    def _refuse(self, effect: StartProcess) -> None:
        end = ProcessEnd(effect.job_id, effect.token, None, 0, (), 'cannot be started', True)
        self._after(self._us(0, 5 * MS), lambda: self._robot.post(ProcessEnded(end)))

    def _progress(self, process: Process) -> None:
        if not process.is_over:
            self._robot.post(Progressed(process.job_id, process.token, 500, 'half'))

    def _stop(self, effect: StopProcess) -> None:
        self._wanted.discard(('inputs', effect.job_id, effect.token))
        self._staged.pop((effect.job_id, effect.token), None)
        process = self.processes.get((effect.job_id, effect.token))
        if process is None or process.is_asked:
            return
        process.is_asked, process.asked_us = effect.why or 'stopped', self._timeline.now_us
        self._reached(Situation.JOB_PROCESS_STOPPED)
        # It is the runner that kills, a thread of the robot, so not while that is paused.
        delay_us = TERM_GRACE_US if process.does == 'stubborn' else self._us(MS, STOP_US_MAX)
        self._after(delay_us, lambda: self._end(process))

    def _poison(self, process: Process) -> None:
        if not process.is_over and not process.is_asked:
            self._reached(Situation.JOB_KILLED_ITS_ROBOT)
            self.kill(self._robot, POISON_DOWN_MS)

    def _end(self, process: Process) -> None:
        if process.is_over:
            return
        self._over(process)
        if self._robot.is_paused:
            self._late.append(process)
        else:
            self._report(process)

    def _over(self, process: Process) -> None:
        process.is_over = True
        self.processes.pop((process.job_id, process.token), None)
        self._ledger.on_ended(process)

    def _report(self, process: Process) -> None:
        self._robot.post(ProcessEnded(self._outcome(process)))

    def _outcome(self, process: Process) -> ProcessEnd:
        job_id, token, spec = process.job_id, process.token, process.start.spec
        run_ms = (self._timeline.now_us - process.began_us) // MS
        if process.is_asked:
            return ProcessEnd(job_id, token, None, run_ms, (), process.is_asked, stopped=True)
        if process.does == 'hang':
            return ProcessEnd(job_id, token, None, run_ms, (), 'not done in time')
        if process.does == 'fail':
            return ProcessEnd(job_id, token, 3, run_ms, (), 'exit code 3')
        outputs = tuple(made_output(name, job_id, token) for name in spec.outputs)
        self.add(outputs)
        return ProcessEnd(job_id, token, 0, run_ms, outputs, '')

    def check_stopped(self) -> None:
        """This robot knows of an emergency: nothing runs but what has been asked to stop."""
        for process in self.processes.values():
            if not process.is_asked:
                raise PromiseBroken('nothing runs in an emergency', str(process))


SILENT = 'the holder is silent'
